//! The negative control of receipts: a server that flips the outcome of every event after decoding. It promises to fail
//! unless a producer that holds its own event and the receipt finds out. It looks at nothing else.

use std::process::Stdio;

use crate::{planted, run};

/// The test that passes on the true build and must fail on this one.
const TEST: &str = "import::a_receipt_tells_the_producers_own_event_from_any_other";
/// What the test says when `verify receipt` has found the difference: its exit code, for the producer's own event.
const FOUND: &str = "the producer's own event: Ran { code: Some(10)";

/// The slow set's share.
pub(crate) fn slow() -> Result<(), String> {
    let mut command = planted::command("flip_outcome")?;
    command.args(["test", "-q", "-p", "indelible-server", "--test", "it", "--", "--exact", TEST]);
    run::say(&format!("xtask: {} (planted: flip_outcome)", run::shown(&command)));
    let ran = command.stderr(Stdio::piped()).output();
    let ran = ran.map_err(|error| format!("cannot start cargo: {error}"))?;
    let words = [ran.stdout, ran.stderr].concat();
    let words = String::from_utf8_lossy(&words);
    if ran.status.success() || !words.contains(FOUND) {
        return Err(format!(
            "`flip_outcome` is planted and `verify receipt` did not find it: {words}"
        ));
    }
    run::say("receipts, negative control `flip_outcome`: found by the producer, exit code 10");
    Ok(())
}
