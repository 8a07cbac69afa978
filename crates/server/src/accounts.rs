//! The counts that leave no record of their own, until an `accounting` record takes them.
//!
//! INVARIANT (I7): every item that was received is a record of its own, or is counted here; once a minute and at stop the
//! counts of each tenant and producer become a record. What could not be recorded stays counted.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use event::ids::{ProducerId, TenantId};
use event::system::Counts;
use pipeline::verdict::{ItemResult, Verdict};
use tokio::sync::{OwnedRwLockReadGuard, RwLock};

/// The open counts.
#[derive(Debug, Default)]
pub(crate) struct Accounts {
    open: Mutex<BTreeMap<(TenantId, ProducerId), Counts>>,
    /// Held shared by every request whose items are not counted yet.
    uncounted: Arc<RwLock<()>>,
}

impl Accounts {
    /// Says that a request's items are still to be counted; they are when the guard is dropped.
    pub(crate) async fn begin(&self) -> OwnedRwLockReadGuard<()> {
        Arc::clone(&self.uncounted).read_owned().await
    }

    /// Waits until no request is left whose items are to be counted.
    pub(crate) async fn counted(&self) {
        drop(self.uncounted.write().await);
    }

    /// Counts what left no record: everything whose index is not among `made`, the indices that the request made.
    pub(crate) fn count(
        &self,
        whose: (&TenantId, &ProducerId),
        results: &[ItemResult],
        made: std::ops::Range<u64>,
    ) {
        let mut counts = Counts::default();
        for result in results {
            if result.verdict.index().is_some_and(|index| made.contains(&index)) {
                continue;
            }
            match result.verdict {
                Verdict::Conflict { .. } => counts.conflict += 1,
                Verdict::Rejected { .. } => counts.rejected += 1,
                Verdict::Committed { .. }
                | Verdict::Duplicate { .. }
                | Verdict::DeadLettered { .. } => counts.duplicate += 1,
            }
        }
        if counts != Counts::default() {
            self.add((whose.0.clone(), whose.1.clone()), counts);
        }
    }

    /// Takes all open counts; give back with [`Accounts::add`] what could not be recorded.
    pub(crate) fn take(&self) -> BTreeMap<(TenantId, ProducerId), Counts> {
        std::mem::take(&mut *self.open.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Adds counts to the open ones.
    pub(crate) fn add(&self, whose: (TenantId, ProducerId), counts: Counts) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let sum = open.entry(whose).or_default();
        sum.rejected += counts.rejected;
        sum.duplicate += counts.duplicate;
        sum.conflict += counts.conflict;
    }
}
