//! Pauses by table.

use super::*;

const MS: fn(u64) -> Duration = Duration::from_millis;

#[test]
fn pauses_double_up_to_a_limit_and_are_drawn_evenly() {
    let patience = Patience::SEND;
    // (tries, random, pause in ms)
    let cases = [
        (1, 0, 0),
        (1, 200, 200),
        (1, 201, 0),
        (2, 400, 400),
        (3, 801, 0),
        (5, 3_200, 3_200),
        (6, 5_000, 5_000),
        (6, 5_001, 0),
        (63, 5_000, 5_000),
        (64, 5_000, 5_000),
        (u32::MAX, 5_000, 5_000),
    ];
    for (tries, random, ms) in cases {
        let pause = pause(patience, tries, None, random, MS(100_000));
        assert_eq!(pause, Some(MS(ms)), "{tries} tries, {random}");
    }
}

#[test]
fn a_server_that_says_when_is_believed_until_the_deadline() {
    let patience = Patience::SEND;
    let after =
        |seconds, left_ms| pause(patience, 1, Some(Duration::from_secs(seconds)), 7, MS(left_ms));
    assert_eq!(after(2, 10_000), Some(MS(2_007)));
    assert_eq!(after(2, 2_008), Some(MS(2_007)));
    assert_eq!(after(2, 2_007), None, "the next try would begin at the deadline");
    assert_eq!(after(u64::MAX, 10_000), None);
    assert_eq!(pause(patience, 1, None, 7, Duration::ZERO), None);
}

#[test]
fn retry_after_is_read_as_seconds() {
    let cases = [
        ("0", Some(0)),
        ("120", Some(120)),
        ("", None),
        ("-1", None),
        ("+1", None),
        ("1.5", None),
        ("Tue, 24 Nov 2026 10:00:00 GMT", None),
        ("99999999999999999999", None),
    ];
    for (value, seconds) in cases {
        assert_eq!(parse_retry_after(value), seconds.map(Duration::from_secs), "{value:?}");
    }
}
