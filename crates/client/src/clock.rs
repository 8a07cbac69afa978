//! The one place of this crate with a clock, a random source and a wait; everything else has them as arguments.
//!
//! Promises: ids are drawn from the operating system's random source. Refuses to be set: a test passes durations, not
//! another clock.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use event::ids::{EventId, Instance, Timestamp};

/// The moment by which a call must have ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Deadline(Instant);

impl Deadline {
    /// `total` from now.
    pub(crate) fn after(total: Duration) -> Deadline {
        #[expect(clippy::disallowed_methods, reason = "the one clock of this crate")]
        let now = Instant::now();
        Deadline(now + total)
    }

    /// What is left; zero once it has passed.
    pub(crate) fn left(self) -> Duration {
        #[expect(clippy::disallowed_methods, reason = "the one clock of this crate")]
        let now = Instant::now();
        self.0.saturating_duration_since(now)
    }

    /// What has gone by since.
    pub(crate) fn passed(self) -> Duration {
        #[expect(clippy::disallowed_methods, reason = "the one clock of this crate")]
        let now = Instant::now();
        now.saturating_duration_since(self.0)
    }
}

/// Waits for `pause`.
pub(crate) fn wait(pause: Duration) {
    std::thread::sleep(pause);
}

/// 64 random bits for the jitter of a pause; the middle of the range should the random source fail, since nothing secret
/// hangs on it.
pub(crate) fn jitter() -> u64 {
    getrandom::u64().unwrap_or(u64::MAX / 2)
}

/// A new id (UUIDv7) for one event, to be drawn before the first try so that every retry carries the same.
///
/// # Errors
/// When the operating system gives no random bytes: an id that could repeat would lose an event.
pub fn draw_event_id() -> Result<EventId, getrandom::Error> {
    let mut random = [0; 10];
    getrandom::fill(&mut random)?;
    Ok(EventId::v7(now(), random))
}

/// A new instance: the name of a stream, drawn once for each spool.
///
/// # Errors
/// When the operating system gives no random bytes.
pub fn draw_instance() -> Result<Instance, getrandom::Error> {
    let mut random = [0; 16];
    getrandom::fill(&mut random)?;
    Ok(Instance(random))
}

/// The wall clock, for the time at which an event happened; 1970 on a machine whose clock stands before it.
pub(crate) fn now() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "the one clock of this crate")]
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since_1970.as_nanos()).unwrap_or(u64::MAX))
}
