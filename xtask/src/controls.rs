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
const SPOOL: &[&str] = &["-p", "indelible-client", "--lib"];
const PRODUCER: &[&str] = &["-p", "indelible-client", "--test", "it"];
const SERVER: &[&str] = &["--workspace", "--test", "it"];

/// Stops a flush before each of its steps.
const CRASH: &str = "archive::tests::crash::i6_a_flush_may_stop_before_any_step";

/// The spool against its model, and against hostile files.
const MODEL: &str = "spool::tests::a_spool_keeps_what_it_took";
const DAMAGE: &str = "spool::recover::tests::every_damage_is_named_and_costs_no_more_than_it_must";

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
    // A spool that says yes before it has written, sends what a power cut can still take, believes a damaged event, or
    // goes on behind a damaged end.
    Control {
        name: "spool_unwritten",
        selection: SPOOL,
        test: MODEL,
        found: "what was written before Ok survives the process",
    },
    Control {
        name: "spool_send_unsynced",
        selection: SPOOL,
        test: MODEL,
        found: "a number that was sent is never used again",
    },
    Control {
        name: "spool_no_crc",
        selection: SPOOL,
        test: DAMAGE,
        found: "a flipped bit in an event",
    },
    Control {
        name: "spool_no_seal",
        selection: SPOOL,
        test: DAMAGE,
        found: "the last event is flipped",
    },
    // A sender that settles before it is answered, or takes an index twice.
    Control {
        name: "settle_before_answer",
        selection: PRODUCER,
        test: "audits::a_process_may_end_at_any_moment_of_sending",
        found: "seed",
    },
    Control {
        name: "sender_any_index",
        selection: PRODUCER,
        test: "standing::an_index_that_was_given_before_is_a_failure",
        found: "it never came to it",
    },
    // A layer that makes the future of its event and does not wait for it, believes whoever says where a call came from,
    // or takes a gRPC call for done because its HTTP status is 200.
    Control {
        name: "layer_never_waits",
        selection: PRODUCER,
        test: "layers::an_answer_comes_once_its_event_is_in_the_spool",
        found: "was answered and is not in the spool",
    },
    Control {
        name: "layer_believes_anybody",
        selection: PRODUCER,
        test: "layers::a_forwarded_address_is_believed_of_the_owners_proxies_alone",
        found: "assertion `left == right` failed: []",
    },
    Control {
        name: "layer_http_for_grpc",
        selection: PRODUCER,
        test: "grpc::a_call_ended_as_its_trailers_say",
        found: "0 found: wanted",
    },
    // A witness that compares nothing, forgets with its process, or finds a fork and commits all the same.
    Control {
        name: "witness_no_compare",
        selection: PRODUCER,
        test: "witnesses::a_ledger_that_is_another_is_told_once_and_never_committed_to",
        found: "it never came to it",
    },
    Control {
        name: "witness_forgets",
        selection: PRODUCER,
        test: "witnesses::what_was_seen_outlives_the_process",
        found: "it never came to it",
    },
    Control {
        name: "witness_commits_on",
        selection: PRODUCER,
        test: "witnesses::a_ledger_that_is_another_is_told_once_and_never_committed_to",
        found: "it was committed to",
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
