//! `cargo xtask sim`: the ledger's seed loop, and the planted builds that it must catch. A loop
//! that passes on a build with a missing sync proves nothing, so the slow set runs both.

use std::process::Stdio;

use crate::{planted, run};

/// Seeds of the slow set.
const SEEDS: &str = "2000";
/// Seeds within which a planted fault must be found.
const SEEDS_PLANTED: &str = "300";

/// What is planted in the ledger, and the promise that must be seen to break.
const PLANTED: &[(&str, &str)] = &[
    ("no_fsync", "I1"),
    ("ack_early", "I1"),
    ("no_dir_sync", "I12"),
    ("no_rewrite", "I12"),
    ("sign_before_durable", "I4"),
    ("no_id_window", "I5"),
    ("trim_early", "I1"),
    ("trim_before_snapshot", "I12"),
    ("streams_before_file", "I12"),
    ("streams_forgotten", "I5"),
];

/// Runs the seed loop with the given arguments; `planted` runs the negative controls instead.
pub(crate) fn run(args: &[String]) -> Result<(), String> {
    if args.first().is_some_and(|word| word == "planted") {
        return controls();
    }
    run::cargo(&[&["run", "-q", "-p", "indelible-sim", "--"]], args)
}

/// The slow set's share: many seeds, then the planted builds.
pub(crate) fn slow() -> Result<(), String> {
    run(&["--seeds".into(), SEEDS.into()])?;
    controls()
}

/// Each planted build must fail the same loop, for the reason that was planted.
fn controls() -> Result<(), String> {
    for (name, promise) in PLANTED {
        let mut command = planted::command(name)?;
        command.args(["run", "-q", "-p", "indelible-sim", "--", "--seeds", SEEDS_PLANTED]);
        command.args(["--find", promise]);
        run::say(&format!("xtask: {} (planted: {name})", run::shown(&command)));
        let ran = command.stderr(Stdio::inherit()).output();
        let ran = ran.map_err(|error| format!("cannot start cargo: {error}"))?;
        let words = String::from_utf8_lossy(&ran.stdout);
        let found = words.lines().next().unwrap_or_default();
        match ran.status.code() {
            Some(1) if found.contains(promise) => {}
            _ => {
                return Err(format!(
                    "`{name}` is planted and {promise} was not seen to break: {found}"
                ));
            }
        }
        run::say(&format!("sim, negative control `{name}`: failed as it must: {found}"));
    }
    Ok(())
}
