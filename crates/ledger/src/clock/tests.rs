//! The sane-clock rule at and past its limits.

use super::*;

const START: u64 = 1_000_000_000_000_000;

fn now(wall: u64, monotonic_ns: u64) -> Now {
    Now { wall: Timestamp(wall), monotonic_ns }
}

#[test]
fn behind_the_last_stamp() {
    let mut clock = Clock::new(Timestamp(START));
    let at = now(START - CLOCK_TOLERANCE_NS, 0);
    assert_eq!((clock.finding(at), clock.is_sane(at)), (ClockFinding::Sane, true));
    let mut clock = Clock::new(Timestamp(START));
    let past = now(START - CLOCK_TOLERANCE_NS - 1, 0);
    assert_eq!((clock.finding(past), clock.is_sane(past)), (ClockFinding::Behind, false));
    clock.accept(past);
    assert!(clock.is_sane(now(past.wall.0 + 5, 5)), "accepted until it has caught up");
    assert!(clock.is_sane(now(START, past.monotonic_ns + CLOCK_TOLERANCE_NS)));
    clock.stamped(Timestamp(START + 2 * CLOCK_TOLERANCE_NS));
    assert!(!clock.is_sane(now(START, CLOCK_TOLERANCE_NS)), "once caught up it counts again");
}

#[test]
fn jumps_against_the_monotonic_clock() {
    for (wall, monotonic, sane) in [
        (CLOCK_TOLERANCE_NS, 0, true),
        (CLOCK_TOLERANCE_NS + 1, 0, false),
        (0, CLOCK_TOLERANCE_NS, true),
        (0, CLOCK_TOLERANCE_NS + 1, false),
        (1 << 50, 1 << 50, true),
    ] {
        let mut clock = Clock::new(Timestamp(0));
        assert!(clock.is_sane(now(START, 0)));
        assert_eq!(clock.is_sane(now(START + wall, monotonic)), sane, "{wall} against {monotonic}");
    }
}

#[test]
fn a_refused_reading_changes_nothing() {
    let mut clock = Clock::new(Timestamp(0));
    assert!(clock.is_sane(now(START, 0)));
    assert!(!clock.is_sane(now(2 * START, 1)));
    assert!(!clock.is_sane(now(2 * START, 2)), "the jump is not forgotten by asking again");
    assert!(clock.is_sane(now(START + 3, 3)), "and is over once the clock is back");
}

#[test]
fn far_ahead_is_only_said() {
    let mut clock = Clock::new(Timestamp(START));
    let at = now(START + FAR_AHEAD_NS, 0);
    assert_eq!(clock.finding(at), ClockFinding::Sane);
    let past = now(START + FAR_AHEAD_NS + 1, 0);
    assert_eq!(clock.finding(past), ClockFinding::FarAhead);
    assert!(clock.is_sane(past));
    assert_eq!(Clock::new(Timestamp(0)).finding(past), ClockFinding::Sane, "a new store");
}
