//! Licences, bans and sources of every dependency, through a pinned `cargo-deny`. Part of the slow
//! set, because the tool itself has to be built once. Advisories are not fetched; `SECURITY.md`
//! says so.

use crate::run;

/// The version whose configuration format `deny.toml` is written in.
const CARGO_DENY: &str = "0.20.2";

/// Installs the pinned tool when it is missing and runs it.
pub(crate) fn run() -> Result<(), String> {
    let there = run::cargo_command()
        .args(["deny", "--version"])
        .output()
        .is_ok_and(|out| String::from_utf8_lossy(&out.stdout).contains(CARGO_DENY));
    if !there {
        run::cargo(&[&["install", "--locked", "cargo-deny", "--version", CARGO_DENY]], &[])?;
    }
    run::cargo(&[&["deny", "check", "bans", "licenses", "sources"]], &[])
}
