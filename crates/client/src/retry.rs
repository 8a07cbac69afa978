//! When to try again, and after how long: full jitter, `Retry-After` obeyed, a deadline over all.
//!
//! The pause before try `n` is drawn evenly from 0 to the smaller of 5 s and 100 ms x 2^n. A server that says when to
//! come back is believed, and then the drawn part comes on top, so that clients do not return in step. Promises: a pause
//! never passes the deadline: where it would, the call ends. Refuses to wait by itself: that is `clock`.

use std::time::Duration;

/// How long a call may take, and one try of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// All tries and pauses together.
    pub total_ms: u64,
    /// How long after the first try another may begin: a person who asks wants to hear soon that nobody is there.
    pub retry_ms: u64,
    /// One try: connecting, sending and the answer.
    pub try_ms: u64,
    /// The pause that doubles with each try.
    pub pause_ms: u64,
}

impl Patience {
    /// For sending events: 30 s of tries.
    pub const SEND: Patience =
        Patience { total_ms: 30_000, retry_ms: 30_000, try_ms: 15_000, pause_ms: 100 };
    /// For questions with small answers.
    pub const ASK: Patience =
        Patience { total_ms: 15_000, retry_ms: 3_000, try_ms: 15_000, pause_ms: 100 };
    /// For queries, which the server ends after 30 s.
    pub const QUERY: Patience =
        Patience { total_ms: 60_000, retry_ms: 3_000, try_ms: 60_000, pause_ms: 100 };
    /// For what must not be done twice.
    pub const ONCE: Patience =
        Patience { total_ms: 15_000, retry_ms: 3_000, try_ms: 15_000, pause_ms: 100 };
}

/// The longest drawn pause.
const PAUSE_MAX_MS: u64 = 5_000;

/// The pause before the next try; `None` when it would not end before the deadline.
///
/// `tries` is how many have failed, `random` any 64 bits, `left` the time until the deadline for another.
pub(crate) fn pause(
    patience: Patience,
    tries: u32,
    retry_after: Option<Duration>,
    random: u64,
    left: Duration,
) -> Option<Duration> {
    let doubled = patience.pause_ms.saturating_mul(1_u64.checked_shl(tries).unwrap_or(u64::MAX));
    let most_ms = doubled.min(PAUSE_MAX_MS);
    let drawn = Duration::from_millis(random % (most_ms + 1));
    let pause = retry_after.unwrap_or_default().saturating_add(drawn);
    (pause < left).then_some(pause)
}

/// The seconds of a `Retry-After` header; the form with a date is not one that our server sends.
pub(crate) fn parse_retry_after(value: &str) -> Option<Duration> {
    let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    value.parse().ok().filter(|_| is_number).map(Duration::from_secs)
}

#[cfg(test)]
mod tests;
