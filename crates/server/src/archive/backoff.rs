//! What failed is left alone for a while.
//!
//! Promises: after a first failure something rests for `first_ns`, after each further one twice as long, `max_ns` at most;
//! a success forgets it. Refuses to read a clock: the time is an argument.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

/// What failed last, and until when each of it rests.
#[derive(Debug)]
pub(super) struct Backoff<K> {
    first_ns: u64,
    max_ns: u64,
    resting: HashMap<K, Rest>,
}

/// A rest.
#[derive(Debug, Clone, Copy)]
struct Rest {
    until_ns: u64,
    for_ns: u64,
}

impl<K: Eq + Hash> Backoff<K> {
    /// Nothing has failed.
    pub(super) fn new(first_ns: u64, max_ns: u64) -> Backoff<K> {
        Backoff { first_ns, max_ns, resting: HashMap::new() }
    }

    /// Whether something is to be left alone now.
    pub(super) fn rests<Q: Eq + Hash + ?Sized>(&self, what: &Q, now_ns: u64) -> bool
    where
        K: Borrow<Q>,
    {
        self.resting.get(what).is_some_and(|rest| now_ns < rest.until_ns)
    }

    /// Lets something rest that failed.
    pub(super) fn failed(&mut self, what: K, now_ns: u64) {
        let longer_ns = |rest: &Rest| rest.for_ns.saturating_mul(2).min(self.max_ns);
        let for_ns = self.resting.get(&what).map_or(self.first_ns, longer_ns);
        let until_ns = now_ns.saturating_add(for_ns);
        self.resting.insert(what, Rest { until_ns, for_ns });
    }

    /// Forgets that something failed.
    pub(super) fn succeeded<Q: Eq + Hash + ?Sized>(&mut self, what: &Q)
    where
        K: Borrow<Q>,
    {
        self.resting.remove(what);
    }
}

#[cfg(test)]
mod tests;
