//! How large the next batch may be: additive increase, multiplicative decrease.
//!
//! A batch that was as large as it could be and was answered adds a step; one that the server had no room or no time for
//! halves what it held. Promises: from one event to 10,000, and never more than 4 MiB unless one event is larger.
//! Refuses to guess at the server's load from anything but its answers.

use crate::spool::read::Most;

/// Events of the first batch.
const START: usize = 500;
/// What a full batch that was answered adds.
const STEP: usize = 500;
/// The most that a request may have.
const EVENTS_MAX: usize = event::limits::BATCH_EVENTS_MAX;
/// A quarter of what a request may have: small enough to be sent again without regret.
const BYTES_MAX: usize = 4 * 1024 * 1024;

/// The size of the next batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BatchSize {
    events: usize,
}

impl BatchSize {
    pub(crate) fn new() -> BatchSize {
        BatchSize { events: START }
    }

    /// How much a batch may hold.
    pub(crate) fn most(self) -> Most {
        Most { events: self.events, bytes: BYTES_MAX }
    }

    /// A batch of `events` was answered.
    pub(crate) fn answered(&mut self, events: usize) {
        if events >= self.events {
            self.events = self.events.saturating_add(STEP).min(EVENTS_MAX);
        }
    }

    /// A batch of `events` was too much.
    pub(crate) fn refused(&mut self, events: usize) {
        self.events = (self.events.min(events) / 2).max(1);
    }
}

#[cfg(test)]
mod tests {
    //! Up by steps, down by halves, within the limits.

    use super::*;

    #[test]
    fn it_grows_by_steps_and_shrinks_by_halves() {
        let mut size = BatchSize::new();
        size.answered(499);
        assert_eq!(size.most(), Most { events: 500, bytes: 4 << 20 }, "it was not the limit");
        for _ in 0..100 {
            size.answered(size.most().events);
        }
        assert_eq!(size.most().events, 10_000);
        size.refused(10_000);
        assert_eq!(size.most().events, 5_000);
        size.refused(16);
        assert_eq!(size.most().events, 8, "large events: half of what was sent, not of the limit");
        for _ in 0..100 {
            size.refused(size.most().events);
        }
        assert_eq!(size.most().events, 1);
        size.answered(1);
        assert_eq!(size.most().events, 501);
    }
}
