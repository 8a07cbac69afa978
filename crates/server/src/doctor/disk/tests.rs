//! What times and kinds mean.

use super::super::State;
use super::*;

#[test]
fn a_sync_is_judged_by_its_middle_time() {
    for (micros, expected) in [
        (1, State::Warning),
        (8, State::Good),
        (900, State::Good),
        (19_999, State::Good),
        (20_000, State::Warning),
        (250_000, State::Bad),
    ] {
        let finding = judged("sync", Duration::from_micros(micros), String::new());
        assert_eq!(finding.state, expected, "{micros} us");
        assert_eq!(finding.fix.is_empty(), expected == State::Good, "{micros} us");
    }
}

#[test]
fn room_is_said_in_tenths() {
    assert_eq!(
        [gib(0), gib(ROOM_BAD_BYTES), gib(ROOM_WARNING_BYTES + (1 << 29))],
        ["0.0", "1.0", "5.5"]
    );
}
