//! Planted builds for negative controls: the same source with one promise broken on purpose by
//! `--cfg planted="<name>"`. The flag reaches only our own crates, through cargo's workspace
//! wrapper, so that the dependencies are shared with the true build. A check that passes on a
//! planted build proves nothing, and its caller must say so by failing.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run;

/// The true server binary, built with `--release`.
pub(crate) fn true_binary() -> Result<PathBuf, String> {
    let mut command = run::cargo_command();
    command.args(["build", "--release", "--bin", "indelible"]);
    run::step(&mut command)?;
    Ok(target()?.join("release/indelible"))
}

/// A server binary with this bug planted, built as the tests build theirs: what is broken is broken in any
/// profile, and an optimised build of each would cost minutes. Cargo leaves it where the true one belongs, so
/// it is taken away to a place of its own.
pub(crate) fn binary(name: &str) -> Result<PathBuf, String> {
    let mut command = command(name)?;
    // With the tests in the selection the dependencies have the features that the quick set gives them; without,
    // the query engine would be built once more.
    command.args(["build", "--workspace", "--bin", "indelible", "--test", "it"]);
    run::step(&mut command)?;
    let own = target()?.join("planted").join(name).join("indelible");
    let built = target()?.join("debug/indelible");
    // A new file, not a new content: the old one may be running.
    let _ = fs::remove_file(&own);
    fs::copy(&built, &own)
        .map_err(|error| format!("cannot copy `{}`: {error}", built.display()))?;
    fs::remove_file(&built).map_err(|error| format!("cannot remove the planted build: {error}"))?;
    Ok(own)
}

/// A cargo command that builds our own crates with this bug planted.
pub(crate) fn command(name: &str) -> Result<Command, String> {
    let folder = target()?.join("planted").join(name);
    let wrapper = folder.join("rustc");
    let text = format!("#!/bin/sh\nexec \"$@\" --cfg 'planted=\"{name}\"'\n");
    let fail = |error: std::io::Error| format!("cannot write `{}`: {error}", wrapper.display());
    fs::create_dir_all(&folder).map_err(fail)?;
    write_once(&wrapper, &text).map_err(fail)?;
    let mut command = run::cargo_command();
    command.env("RUSTC_WORKSPACE_WRAPPER", &wrapper);
    Ok(command)
}

fn write_once(path: &Path, text: &str) -> std::io::Result<()> {
    if fs::read_to_string(path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    fs::write(path, text)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

/// The folder that cargo builds into.
pub(crate) fn target() -> Result<PathBuf, String> {
    let named = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let folder = named.unwrap_or_else(|| run::root().join("target"));
    fs::create_dir_all(&folder).map_err(|error| format!("no folder to build into: {error}"))?;
    folder.canonicalize().map_err(|error| format!("no folder to build into: {error}"))
}
