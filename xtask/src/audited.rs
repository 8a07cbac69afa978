//! The negative control of self-audit: a server that records a read a moment after it has answered. It promises to fail
//! unless the test that kills the server right after an answer misses the record. It looks at nothing else.

use std::process::Stdio;

use crate::{planted, run};

/// The test that passes on the true build and must fail on this one.
const TEST: &str = "audit::i11_every_answered_read_is_on_record_after_kill_9";
/// What the test says when the record is not there.
const FOUND: &str = "one record, not []";

/// The slow set's share.
pub(crate) fn slow() -> Result<(), String> {
    let mut command = planted::command("audit_after_answer")?;
    command.args(["test", "-q", "-p", "indelible-server", "--test", "it", "--", "--exact", TEST]);
    run::say(&format!("xtask: {} (planted: audit_after_answer)", run::shown(&command)));
    let ran = command.stderr(Stdio::piped()).output();
    let ran = ran.map_err(|error| format!("cannot start cargo: {error}"))?;
    let words = [ran.stdout, ran.stderr].concat();
    let words = String::from_utf8_lossy(&words);
    if ran.status.success() || !words.contains(FOUND) {
        return Err(format!(
            "`audit_after_answer` is planted and no record of a read was missed: {words}"
        ));
    }
    run::say("self-audit, negative control `audit_after_answer`: a record is missed after kill -9");
    Ok(())
}
