//! At which pace is merged.

use super::*;

#[test]
fn merges_give_way_until_many_segments_wait() {
    for (waiting, pace) in [
        (0, Pace::Patient),
        (1, Pace::Patient),
        (PATIENT_MAX, Pace::Patient),
        (PATIENT_MAX + 1, Pace::Pressed),
    ] {
        assert_eq!(pace_of(waiting), pace, "{waiting}");
    }
}
