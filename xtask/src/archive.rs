//! The negative controls of the archive: builds whose flush keeps the wrong order, leaves out a sync or does not compare.
//! It promises to fail unless the test that stands for the promise fails on each, by the promise's name.

use std::process::Stdio;

use crate::{planted, run};

/// Stops a flush before each of its steps.
const CRASH: &str = "archive::tests::crash::i6_a_flush_may_stop_before_any_step";
/// Gives a flush rows that do not rebuild their records.
const UNFAITHFUL: &str = "archive::tests::rows_that_do_not_rebuild_keep_their_records_bytes";

/// What is planted in the lake, the test that passes on the true build, and the promise that must be seen to break.
const PLANTED: &[(&str, &str, &str)] = &[
    ("catalog_before_segment", CRASH, "INVARIANT (I6)"),
    ("segment_no_sync", CRASH, "INVARIANT (I6)"),
    ("segment_no_dir_sync", CRASH, "INVARIANT (I6)"),
    ("no_compare", UNFAITHFUL, "INVARIANT (I2)"),
];

/// The slow set's share.
pub(crate) fn slow() -> Result<(), String> {
    for (name, test, promise) in PLANTED {
        let mut command = planted::command(name)?;
        command.args(["test", "-q", "-p", "indelible-lake", "--lib", "--", "--exact", test]);
        run::say(&format!("xtask: {} (planted: {name})", run::shown(&command)));
        let ran = command.stderr(Stdio::piped()).output();
        let ran = ran.map_err(|error| format!("cannot start cargo: {error}"))?;
        let words = [ran.stdout, ran.stderr].concat();
        let words = String::from_utf8_lossy(&words);
        let found = words.lines().find(|line| line.contains(promise));
        let Some(found) = found.filter(|_| !ran.status.success()) else {
            return Err(format!(
                "`{name}` is planted and {promise} was not seen to break: {words}"
            ));
        };
        run::say(&format!("archive, negative control `{name}`: failed as it must: {found}"));
    }
    Ok(())
}
