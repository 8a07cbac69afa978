//! `cargo xtask outside`: what other people's tools say of the running binary and of what is shipped beside it.
//! It promises that a tool which is not there is said to be missing, never passed over, and that what it
//! finds is a failure. It refuses to know what is right: that is what the tools are for.

mod promtool; // figures and alert rules
mod schemathesis; // the API against its own document
mod systemd; // the unit, and what it lets pass

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{planted, run};

const HELP: &str = "\
cargo xtask outside [TOOL] [--bin FILE]

  promtool      names and help of every figure of a running server, and the alert rules
  schemathesis  requests of every kind, drawn from the OpenAPI document: no 5xx, no answer that it does not know
  systemd       the unit: verified, its hardening scored, the system calls of a real run within its filter
  (none)        all of them

  --bin FILE    a binary to use; else one is built with --release
";

/// Runs the tools, or one of them.
pub(crate) fn run(args: &[String]) -> Result<(), String> {
    let (mut tool, mut binary) = (None, None);
    let mut words = args.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "promtool" | "schemathesis" | "systemd" => tool = Some(word.as_str()),
            "--bin" => binary = words.next().map(PathBuf::from),
            other => return Err(format!("unknown word `{other}`\n\n{HELP}")),
        }
    }
    let binary = match binary {
        Some(binary) => binary,
        None => planted::true_binary()?,
    };
    if tool.is_none_or(|tool| tool == "promtool") {
        promtool::run(&binary)?;
    }
    if tool.is_none_or(|tool| tool == "schemathesis") {
        schemathesis::run(&binary)?;
    }
    if tool.is_none_or(|tool| tool == "systemd") {
        systemd::run(&binary)?;
    }
    Ok(())
}

/// The slow set's share: everything.
pub(crate) fn slow() -> Result<(), String> {
    run(&[])
}

/// Whether `program` is there; if it is not, it is installed from `package` where that is possible, which is as root on
/// a Debian.
fn there(program: &str, package: &str) -> bool {
    if answers(program) {
        return true;
    }
    let mut install = Command::new("apt-get");
    install.args(["install", "--yes", "--no-install-recommends", package]).stdout(Stdio::null());
    let _ = run::step(&mut install);
    if answers(program) {
        return true;
    }
    run::say(&format!("xtask: NOT RUN: there is no `{program}` (Debian package `{package}`)"));
    false
}

fn answers(program: &str) -> bool {
    let mut asked = Command::new(program);
    asked.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    asked.status().is_ok_and(|status| status.success())
}

/// A file of the checkout.
fn shipped(path: &str) -> PathBuf {
    run::root().join(Path::new(path))
}
