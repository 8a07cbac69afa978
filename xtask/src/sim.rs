//! `cargo xtask sim`: the ledger's seed loop, and the planted builds that it must catch.

use crate::run;

/// Runs the seed loop with the given arguments.
pub(crate) fn run(args: &[String]) -> Result<(), String> {
    run::cargo(&[&["run", "--release", "-q", "-p", "indelible-sim", "--"]], args)
}

/// The slow set's share: many seeds.
pub(crate) fn slow() -> Result<(), String> {
    run(&["--seeds".into(), "2000".into()])
}
