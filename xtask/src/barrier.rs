//! `cargo xtask barrier`: the proof of I9 over many drawn statements, and the planted leaks that it
//! must find. A proof that passes on an engine with a leak proves nothing, so the slow set runs both.

use crate::{planted, run};

/// Statements of the slow set.
const STATEMENTS: &str = "10000";
/// Statements within which a planted leak must be found.
const STATEMENTS_PLANTED: &str = "3000";
/// What the proof says when it finds a leak.
const FOUND: &str = "I9: the view and its copy differ";
/// How the proof is told how many statements to ask.
const COUNT: &str = "INDELIBLE_BARRIER_QUERIES";
/// The selection of the quick set: another one would build the query engine once more.
const TEST: &[&str] =
    &["test", "-q", "--workspace", "--lib", "i9_every_answer", "--", "--nocapture"];

/// The leaks that are planted in `query::barrier`.
const PLANTED: &[&str] = &[
    "leak_statistics",
    "leak_predicate",
    "leak_mask_late",
    "leak_limit",
    "leak_plan_text",
    "leak_order",
    "leak_batches",
    "leak_error",
    "leak_coverage",
    "leak_streams",
];

/// Runs the whole proof; `planted` runs the negative controls instead, all of them or those named.
pub(crate) fn run(args: &[String]) -> Result<(), String> {
    match args {
        [] => proof(),
        [only] if only == "planted" => controls(PLANTED),
        [only, names @ ..] if only == "planted" => {
            controls(&names.iter().map(String::as_str).collect::<Vec<_>>())
        }
        _ => Err("usage: cargo xtask barrier [planted [LEAK...]]".into()),
    }
}

/// The slow set's share.
pub(crate) fn slow() -> Result<(), String> {
    proof()?;
    controls(PLANTED)
}

fn proof() -> Result<(), String> {
    let mut command = run::cargo_command();
    command.args(TEST).env(COUNT, STATEMENTS);
    run::step(&mut command)
}

fn controls(names: &[&str]) -> Result<(), String> {
    for name in names {
        let mut command = planted::command(name)?;
        command.args(TEST).env(COUNT, STATEMENTS_PLANTED);
        run::say(&format!("xtask: {} (planted: {name})", run::shown(&command)));
        let ran = command.output().map_err(|error| format!("cannot start cargo: {error}"))?;
        let words =
            [ran.stdout, ran.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let words = words.concat();
        let mut after = words.lines().skip_while(|line| !line.contains(FOUND)).skip(1);
        match after.next() {
            Some(statement) if !ran.status.success() => {
                run::say(&format!("barrier, negative control `{name}`: found by {statement}"));
            }
            _ => {
                let last = words.lines().rev().take(20).collect::<Vec<_>>();
                let last = last.into_iter().rev().collect::<Vec<_>>().join("\n");
                return Err(format!("`{name}` is planted and I9 was not seen to break:\n{last}"));
            }
        }
    }
    Ok(())
}
