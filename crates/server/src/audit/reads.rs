//! The reads that are open: who shares which, what is allowed, what has left.
//!
//! INVARIANT (I11): what has left never passes what committed records allow; it is taken here before it leaves.
//! INVARIANT (I10): at most [`SHARED_MAX`] questions are remembered and [`DUE_MAX`] ends wait for their record. Refuses to
//! remember what was asked: a question is known again by a digest.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use query::Allowance;
use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;

use super::{ALLOWANCE, Asked, Who};
use crate::app::NotRecorded;
use crate::tenants::Tenant;

/// How long the same question of the same credential is the same read.
pub(crate) const SHARED_FOR_NS: u64 = 60_000_000_000;
/// Questions that are remembered.
pub(crate) const SHARED_MAX: usize = 16_384;
/// Reads that are no more shared and whose end is not on record yet.
pub(crate) const DUE_MAX: usize = 65_536;

/// Whether a read may be one with others of the same question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// With those of the same minute.
    Shared,
    /// It stands alone: it lasts as long as its caller wants.
    Alone,
}

/// How one reading ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The answer left.
    Answered,
    /// There was a refusal or an error in its place.
    Failed,
    /// The caller did not wait for all of it.
    Left,
}

/// How many readings ended how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Counts {
    pub(super) reads: u64,
    pub(super) failed: u64,
    pub(super) left: u64,
}

impl Counts {
    /// One word for all of them.
    pub(super) fn outcome(self) -> &'static str {
        match self {
            Counts { failed: 0, left: 0, .. } => "success",
            Counts { reads, failed, .. } if failed == reads => "failure",
            _ => "partial",
        }
    }
}

/// A read whose end is to be put on record.
#[derive(Debug, Clone)]
pub(super) struct Ended {
    pub(super) tenant: Arc<Tenant>,
    pub(super) begin: u64,
    /// What left.
    pub(super) left: Allowance,
    pub(super) counts: Counts,
    pub(super) longest_ms: u64,
}

/// All open reads of the process.
#[derive(Debug, Default)]
pub(crate) struct Reads {
    open: Mutex<Open>,
    /// Held by whoever puts ends on record.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Open {
    shared: HashMap<[u8; 32], Arc<Read>>,
    others: Vec<Arc<Read>>,
    put_back: Vec<Ended>,
}

/// One read: a question, and everybody who asked it within a minute.
#[derive(Debug)]
pub(super) struct Read {
    tenant: Arc<Tenant>,
    opened_ns: u64,
    begin: OnceCell<u64>,
    tally: Mutex<Tally>,
}

#[derive(Debug)]
struct Tally {
    in_flight: u64,
    allowed: Allowance,
    taken: Allowance,
    counts: Counts,
    longest_ns: u64,
}

impl Reads {
    /// The read that this question belongs to, with one more caller; `None` when there are too many.
    pub(super) fn join(
        &self,
        who: &Who,
        asked: &Asked,
        sharing: Sharing,
        now_ns: u64,
    ) -> Option<Arc<Read>> {
        let mut open = self.lock();
        if sharing == Sharing::Alone {
            return open.alone(who, now_ns);
        }
        let digest = digest(who, asked);
        let known = open.shared.get(&digest);
        let same = |read: &&Arc<Read>| now_ns.saturating_sub(read.opened_ns) < SHARED_FOR_NS;
        if let Some(read) = known.filter(same) {
            read.enter();
            return Some(Arc::clone(read));
        }
        if open.shared.len() >= SHARED_MAX {
            // Forgotten early: asked again, they begin anew.
            open.retire(|_| true);
        }
        if open.others.len() + open.put_back.len() >= DUE_MAX {
            return None;
        }
        let read = Arc::new(Read::new(who, now_ns));
        let before = open.shared.insert(digest, Arc::clone(&read));
        open.others.extend(before);
        Some(read)
    }

    /// What has ended and is a minute old, in the order of tenants.
    pub(super) fn due(&self, now_ns: u64) -> Vec<Ended> {
        let mut open = self.lock();
        open.retire(|read| now_ns.saturating_sub(read.opened_ns) >= SHARED_FOR_NS);
        let (ended, going_on): (Vec<_>, Vec<_>) =
            std::mem::take(&mut open.others).into_iter().partition(|read| read.is_over());
        open.others = going_on;
        let again = std::mem::take(&mut open.put_back);
        drop(open);
        in_order(again, &ended)
    }

    /// Everything, ended or not.
    pub(super) fn all(&self) -> Vec<Ended> {
        let mut open = self.lock();
        open.retire(|_| true);
        let ended = std::mem::take(&mut open.others);
        let again = std::mem::take(&mut open.put_back);
        drop(open);
        in_order(again, &ended)
    }

    /// Waits until nobody else puts ends on record.
    pub(super) async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// Takes back ends that could not be recorded.
    pub(super) fn put_back(&self, ended: Vec<Ended>) {
        self.lock().put_back.extend(ended);
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn alone(&mut self, who: &Who, now_ns: u64) -> Option<Arc<Read>> {
        if self.others.len() + self.put_back.len() >= DUE_MAX {
            return None;
        }
        let read = Arc::new(Read::new(who, now_ns));
        self.others.push(Arc::clone(&read));
        Some(read)
    }

    /// Shares those no more for which `is_old` says so.
    fn retire(&mut self, is_old: impl Fn(&Read) -> bool) {
        let old = self.shared.extract_if(|_, read| is_old(read));
        self.others.extend(old.map(|(_, read)| read));
    }
}

impl Read {
    fn new(who: &Who, opened_ns: u64) -> Read {
        let tally = Tally {
            in_flight: 1,
            allowed: ALLOWANCE,
            taken: Allowance::default(),
            counts: Counts::default(),
            longest_ns: 0,
        };
        let tenant = Arc::clone(&who.tenant);
        Read { tenant, opened_ns, begin: OnceCell::new(), tally: Mutex::new(tally) }
    }

    /// The index of the `read.begin`, which `record` makes if it is not there yet.
    pub(super) async fn begun<F: Future<Output = Result<u64, NotRecorded>>>(
        &self,
        record: impl FnOnce() -> F,
    ) -> Result<u64, NotRecorded> {
        self.begin.get_or_try_init(record).await.copied()
    }

    /// Takes `size` from what is allowed, or says by how much that is too little.
    pub(super) fn take(&self, size: Allowance) -> Result<(), Allowance> {
        let mut tally = self.tally();
        let taken = tally.taken.plus(size);
        if !tally.allowed.covers(taken) {
            return Err(tally.allowed.short_of(taken));
        }
        tally.taken = taken;
        assert!(tally.allowed.covers(tally.taken), "INVARIANT (I11): inside the allowance");
        Ok(())
    }

    /// Adds what a committed `read.more` allows.
    pub(super) fn grant(&self, more: Allowance) {
        let mut tally = self.tally();
        tally.allowed = tally.allowed.plus(more);
    }

    /// One more caller.
    fn enter(&self) {
        self.tally().in_flight += 1;
    }

    /// One caller less.
    pub(super) fn leave(&self, outcome: Outcome, took_ns: u64) {
        let mut tally = self.tally();
        tally.in_flight = tally.in_flight.saturating_sub(1);
        tally.longest_ns = tally.longest_ns.max(took_ns);
        tally.counts.reads += 1;
        match outcome {
            Outcome::Answered => {}
            Outcome::Failed => tally.counts.failed += 1,
            Outcome::Left => tally.counts.left += 1,
        }
    }

    fn is_over(&self) -> bool {
        self.tally().in_flight == 0
    }

    /// What its `read.end` says. A read without a `read.begin` let nothing out and has no end.
    fn ended(&self) -> Option<Ended> {
        let begin = *self.begin.get()?;
        let tally = self.tally();
        let mut counts = tally.counts;
        // Those who are still there when the server stops are cut off.
        counts.reads += tally.in_flight;
        counts.left += tally.in_flight;
        let longest_ms = tally.longest_ns / 1_000_000;
        Some(Ended {
            tenant: Arc::clone(&self.tenant),
            begin,
            left: tally.taken,
            counts,
            longest_ms,
        })
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends, those of one tenant next to each other.
fn in_order(mut again: Vec<Ended>, reads: &[Arc<Read>]) -> Vec<Ended> {
    again.extend(reads.iter().filter_map(|read| read.ended()));
    again.sort_by(|one, other| {
        one.tenant.id.cmp(&other.tenant.id).then(one.begin.cmp(&other.begin))
    });
    again
}

/// What makes two questions the same: who asks, through which door, what, and what for.
fn digest(who: &Who, asked: &Asked) -> [u8; 32] {
    let mut hasher = Sha256::new();
    let mut add = |bytes: &[u8]| {
        hasher.update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
        hasher.update(bytes);
    };
    add(who.tenant.id.as_str().as_bytes());
    add(who.credential.as_bytes());
    add(asked.surface.as_str().as_bytes());
    add(asked.purpose.as_deref().unwrap_or_default().as_bytes());
    add(asked.template.as_bytes());
    for literal in &asked.literals {
        add(literal.as_bytes());
    }
    hasher.finalize().into()
}

#[cfg(test)]
mod tests;
