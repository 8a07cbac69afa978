//! The one place of the benchmarks that reads a clock.

use std::time::{Duration, Instant};

/// A moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment(Instant);

/// Now.
pub(crate) fn now() -> Moment {
    #[expect(clippy::disallowed_methods, reason = "measuring time is what a benchmark is for")]
    Moment(Instant::now())
}

impl Moment {
    /// Time since this moment.
    pub(crate) fn elapsed(self) -> Duration {
        now().0.saturating_duration_since(self.0)
    }

    /// The moment `later` after this one.
    pub(crate) fn after(self, later: Duration) -> Self {
        Self(self.0 + later)
    }

    /// How long it is until this moment; nothing if it has passed.
    pub(crate) fn until(self) -> Duration {
        self.0.saturating_duration_since(now().0)
    }
}
