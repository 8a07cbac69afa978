//! `cargo xtask planted`: the negative controls that are one test of the quick set on a build with one promise broken.
//! It promises to fail unless the test that stands for the promise fails on each such build, in the words that name
//! what was broken. The simulator, the barrier and the crash harness run negative controls of their own.

use std::process::Stdio;

use crate::{planted, run};

/// A test that passes on the true build and must fail on a planted one.
struct Control {
    name: &'static str,
    /// Where the test is. Each selection is one that the quick set or a small crate has built already: another one
    /// would build the query engine once more.
    selection: &'static [&'static str],
    test: &'static str,
    /// What the test says when it has found the bug.
    found: &'static str,
}

const LAKE: &[&str] = &["-p", "indelible-lake", "--lib"];
const SERVER: &[&str] = &["--workspace", "--test", "it"];

/// Stops a flush before each of its steps.
const CRASH: &str = "archive::tests::crash::i6_a_flush_may_stop_before_any_step";

const PLANTED: &[Control] = &[
    // A server that flips the outcome of every event after decoding: a producer that holds its own event and the
    // receipt finds out by the exit code of `verify receipt`.
    Control {
        name: "flip_outcome",
        selection: SERVER,
        test: "import::a_receipt_tells_the_producers_own_event_from_any_other",
        found: "the producer's own event: Ran { code: Some(10)",
    },
    // A server that records a read a moment after it has answered: killed right after an answer it has no record.
    Control {
        name: "audit_after_answer",
        selection: SERVER,
        test: "audit::i11_every_answered_read_is_on_record_after_kill_9",
        found: "one record, not []",
    },
    // A flush that keeps the wrong order, or leaves out a sync.
    Control {
        name: "catalog_before_segment",
        selection: LAKE,
        test: CRASH,
        found: "INVARIANT (I6)",
    },
    Control { name: "segment_no_sync", selection: LAKE, test: CRASH, found: "INVARIANT (I6)" },
    Control { name: "segment_no_dir_sync", selection: LAKE, test: CRASH, found: "INVARIANT (I6)" },
    // A flush that does not compare what it wrote with the ledger.
    Control {
        name: "no_compare",
        selection: LAKE,
        test: "archive::tests::rows_that_do_not_rebuild_keep_their_records_bytes",
        found: "INVARIANT (I2)",
    },
];

/// Runs all of them, or those that are named.
pub(crate) fn run(names: &[String]) -> Result<(), String> {
    if let Some(name) = names.iter().find(|name| PLANTED.iter().all(|one| one.name != **name)) {
        let known: Vec<&str> = PLANTED.iter().map(|one| one.name).collect();
        return Err(format!("`{name}` is not planted here; known are {known:?}"));
    }
    for control in PLANTED {
        if names.is_empty() || names.iter().any(|name| name == control.name) {
            must_fail(control)?;
        }
    }
    Ok(())
}

/// The slow set's share.
pub(crate) fn slow() -> Result<(), String> {
    run(&[])
}

fn must_fail(control: &Control) -> Result<(), String> {
    let Control { name, selection, test, found } = control;
    let mut command = planted::command(name)?;
    command.args(["test", "-q", "--no-fail-fast"]).args(*selection).args(["--", "--exact", test]);
    run::say(&format!("xtask: {} (planted: {name})", run::shown(&command)));
    let ran = command.stderr(Stdio::piped()).output();
    let ran = ran.map_err(|error| format!("cannot start cargo: {error}"))?;
    let words = [ran.stdout, ran.stderr].concat();
    let words = String::from_utf8_lossy(&words);
    let line = words.lines().find(|line| line.contains(found)).filter(|_| !ran.status.success());
    let line =
        line.ok_or_else(|| format!("`{name}` is planted and `{test}` said no `{found}`: {words}"))?;
    run::say(&format!("planted, negative control `{name}`: failed as it must: {line}"));
    Ok(())
}
