//! The sane-clock rule: stamps are worth something only if the clock that makes them is.
//!
//! ```text
//! behind   the wall clock is more than 5 minutes behind the last stamp
//! jumped   since the previous stamp it moved more than 5 minutes against the monotonic clock
//! ```
//!
//! Either refuses appends until the clock is sane again or a person accepts it. It promises that a
//! refused reading changes nothing. It reads no clock: readings are arguments.

use event::ids::Timestamp;

use crate::request::Now;

/// How far the wall clock may be off.
pub const CLOCK_TOLERANCE_NS: u64 = 5 * 60 * 1_000_000_000;
/// From how far ahead of the last record a start says so.
const FAR_AHEAD_NS: u64 = 24 * 3600 * 1_000_000_000;

/// What a start thinks of the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockFinding {
    /// Nothing to say.
    Sane,
    /// More than a day ahead of the last record: fine after a long stop, else worth a look.
    FarAhead,
    /// Behind the last record: appends are refused.
    Behind,
}

/// Judges readings against the last stamp and the previous reading.
#[derive(Debug)]
pub(crate) struct Clock {
    last: Timestamp,
    previous: Option<Now>,
    accepted: bool,
}

impl Clock {
    /// A clock whose newest stamp in any ledger is `last`.
    pub(crate) fn new(last: Timestamp) -> Self {
        Self { last, previous: None, accepted: false }
    }

    /// What a start should say.
    pub(crate) fn finding(&self, now: Now) -> ClockFinding {
        if self.is_behind(now) {
            ClockFinding::Behind
        } else if self.last.0 > 0 && now.wall.0 > self.last.0.saturating_add(FAR_AHEAD_NS) {
            ClockFinding::FarAhead
        } else {
            ClockFinding::Sane
        }
    }

    /// Whether `now` may be stamped. Only a reading that may is remembered.
    pub(crate) fn is_sane(&mut self, now: Now) -> bool {
        let sane = (self.accepted || !self.is_behind(now)) && !self.has_jumped(now);
        if sane {
            self.previous = Some(now);
            self.accepted &= now.wall < self.last;
        }
        sane
    }

    /// Takes the clock as it is, on a person's word.
    pub(crate) fn accept(&mut self, now: Now) {
        self.previous = Some(now);
        self.accepted = self.is_behind(now);
    }

    /// Remembers a stamp.
    pub(crate) fn stamped(&mut self, received_at: Timestamp) {
        self.last = self.last.max(received_at);
    }

    fn is_behind(&self, now: Now) -> bool {
        now.wall.0.saturating_add(CLOCK_TOLERANCE_NS) < self.last.0
    }

    fn has_jumped(&self, now: Now) -> bool {
        let Some(previous) = self.previous else { return false };
        let wall = i128::from(now.wall.0) - i128::from(previous.wall.0);
        let monotonic = i128::from(now.monotonic_ns) - i128::from(previous.monotonic_ns);
        (wall - monotonic).unsigned_abs() > u128::from(CLOCK_TOLERANCE_NS)
    }
}

#[cfg(test)]
mod tests;
