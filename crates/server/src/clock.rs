//! The one reader of time: everything else in the workspace is told.
//!
//! Promises: `wall` is what the operating system says, `monotonic_ns` never goes back and starts with the process.
//! Refuses to smooth or repair a wrong clock: the ledger judges it and refuses appends (`clock_unsane`).

use std::time::{Duration, Instant, SystemTime};

use event::ids::Timestamp;

/// A pair of clocks, read together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    start: Instant,
}

impl Clock {
    /// Starts the monotonic clock.
    #[expect(clippy::disallowed_methods, reason = "this file is the one reader of time")]
    pub(crate) fn start() -> Clock {
        Clock { start: Instant::now() }
    }

    /// Nanoseconds since [`Clock::start`].
    pub(crate) fn monotonic_ns(&self) -> u64 {
        nanoseconds(self.start.elapsed())
    }

    /// The wall clock; before 1970 it reads 0, which the ledger finds unsane.
    #[expect(clippy::disallowed_methods, reason = "this file is the one reader of time")]
    pub(crate) fn wall(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Timestamp(since.map_or(0, nanoseconds))
    }
}

/// Nanoseconds of `duration`; 64 bits hold 584 years.
fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
