//! Times as people write them.

use super::milliseconds;

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
