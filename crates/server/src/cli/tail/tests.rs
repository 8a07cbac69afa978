//! Times as people write them, and pauses.

use super::{milliseconds, pause_ms};

#[test]
fn times_are_read_or_refused() {
    for (text, ms) in
        [("30s", 30_000), ("10m", 600_000), ("2h", 7_200_000), ("1d", 86_400_000), ("0s", 0)]
    {
        assert_eq!(milliseconds(text), Ok(ms), "{text}");
    }
    for wrong in ["", "10", "m", "-1m", "1.5h", "1w", "99999999999999999999d", "1é"] {
        assert!(milliseconds(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_stream_that_ends_again_and_again_without_an_event_is_asked_for_more_rarely() {
    let pauses: Vec<u64> = (0..9).map(pause_ms).collect();
    assert_eq!(pauses, [0, 100, 250, 500, 1_000, 2_000, 5_000, 10_000, 10_000]);
}
