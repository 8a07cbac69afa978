//! The handle by which a service says more of the call that it works on.
//!
//! Promises: what is noted before the answer leaves is in the event; a call whose task goes away without an answer is an
//! event, too. Refuses to change an event that was handed over: a note that comes later is lost.

use std::sync::{Arc, Mutex, PoisonError};

use crate::audit::{Actor, Record, Watch};

/// The event of a call, in the extensions of its request:
///
/// ```
/// # use http::Request; use indelible_client::{Actor, Audited};
/// # fn check<B>(request: &Request<B>) {
/// if let Some(audited) = request.extensions().get::<Audited>() {
///     audited.actor(&Actor::human("ana@acme"));
///     audited.note(|event| event.target("invoice", "10021").reason("over the limit"));
/// }
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Audited {
    watch: Arc<Mutex<Option<Watch>>>,
}

impl Audited {
    pub(super) fn new(record: Record) -> Audited {
        Audited { watch: Arc::new(Mutex::new(Some(record.watch()))) }
    }

    /// Says more of the event; nothing once the call was answered.
    pub fn note(&self, change: impl FnOnce(Record) -> Record) {
        let mut watch = self.watch.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(watch) = watch.as_mut() {
            watch.note(change);
        }
    }

    /// Says who it is, once they have shown it.
    pub fn actor(&self, actor: &Actor) {
        self.note(|record| record.by(actor));
    }

    fn take(&self) -> Option<Watch> {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A call that is not answered yet. Dropped, its event says that it was left.
#[derive(Debug)]
pub(super) struct Pending(Audited);

impl Pending {
    pub(super) fn new(audited: Audited) -> Pending {
        Pending(audited)
    }

    /// The event, with `outcome` unless another one was noted.
    pub(super) fn end(self, outcome: impl FnOnce(Record) -> Record) -> Option<Record> {
        let watch = self.0.take()?;
        Some(outcome(watch.end(|record| record)))
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        drop(self.0.take());
    }
}
