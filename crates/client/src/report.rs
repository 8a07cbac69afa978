//! What goes on, as numbers, and who is told.
//!
//! Promises: every event that was handed over is in exactly one of the numbers `recorded`, `dropped` and the errors that
//! its caller got; a callback is called with no lock held. Refuses to log: that is the caller's.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use crate::trouble::Trouble;

/// What happened since the process began, of all its spools.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Counters {
    /// Events that were written to the spool.
    pub recorded: u64,
    /// Best-effort events for which there was no room.
    pub dropped: u64,
    /// Events that the ledger has: new ones.
    pub committed: u64,
    /// Events that the ledger had already, from a try whose answer was lost.
    pub duplicates: u64,
    /// Events that the server did not keep as events.
    pub not_kept: u64,
    /// Numbers that were declared lost.
    pub lost: u64,
    /// Requests that were answered with results.
    pub batches: u64,
    /// Requests that have to be sent again.
    pub retries: u64,
    /// Syncs of the spool.
    pub syncs: u64,
    /// Times that the ledger was looked at and was the one that was seen before.
    pub looks: u64,
    /// Times that it could not be looked at.
    pub looks_missed: u64,
    /// Times that it was not the one that was seen before. One is too many.
    pub forks: u64,
    /// How many troubles there were.
    pub troubles: u64,
    /// Events of this process's own spool that are not delivered.
    pub pending: u64,
    /// Bytes of this process's own spool.
    pub spool_bytes: u64,
}

type OnCounters = Box<dyn Fn(&Counters) + Send + Sync>;
type OnTrouble = Box<dyn Fn(&Trouble) + Send + Sync>;

/// The numbers, and who is told of them.
#[derive(Default)]
pub(crate) struct Reporter {
    counters: Mutex<Counters>,
    pub(crate) on_counters: Option<OnCounters>,
    pub(crate) on_trouble: Option<OnTrouble>,
}

impl fmt::Debug for Reporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reporter").field("counters", &self.counters()).finish_non_exhaustive()
    }
}

impl Reporter {
    /// The numbers now.
    pub(crate) fn counters(&self) -> Counters {
        *self.counters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the numbers and tells nobody: the next who is told hears of it.
    pub(crate) fn count(&self, change: impl FnOnce(&mut Counters)) {
        change(&mut self.counters.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Tells the numbers.
    pub(crate) fn tell(&self) {
        let counters = self.counters();
        if let Some(told) = &self.on_counters {
            told(&counters);
        }
    }

    /// Tells a trouble.
    pub(crate) fn trouble(&self, trouble: &Trouble) {
        self.count(|counters| counters.troubles += 1);
        if let Some(told) = &self.on_trouble {
            told(trouble);
        }
    }
}
