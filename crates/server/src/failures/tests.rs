//! Which code an end has.

use ledger::{Answer, Refusal};

use super::*;

#[test]
fn a_record_that_a_failed_disk_did_not_take_is_a_disk_fault() {
    let cases = [
        (Some(Answer::Poisoned), Exit::DiskFault),
        (Some(Answer::Refused(Refusal::ClockUnsane)), Exit::Failed),
        (Some(Answer::Refused(Refusal::DiskFull)), Exit::Failed),
        (None, Exit::Failed),
    ];
    for (answer, exit) in cases {
        let what = format!("{answer:?}");
        let failure = unrecorded(NotRecorded { why: what.clone(), answer });
        assert_eq!(failure.exit, exit, "{what}");
    }
}
