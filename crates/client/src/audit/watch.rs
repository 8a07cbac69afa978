//! An event that is recorded however the work ends that it is about.
//!
//! ```no_run
//! # fn pay(_: u64) -> Result<(), indelible_client::Error> { Ok(()) }
//! # fn main() -> Result<(), indelible_client::Error> {
//! # let audit = indelible_client::Audit::from_env("billing-api")?;
//! let watch = audit.record("invoice.pay").actor("ana@acme").target("invoice", "10021").watch();
//! pay(10021)?; // left here, the event says `failure`
//! watch.succeeded()?;
//! # Ok(())
//! # }
//! ```
//!
//! Promises: a watch that goes without having been ended, by `?`, a panic or a task that is cancelled, records `failure`
//! and why, and does not block for it. Refuses to put the words of an error into the event: they may hold what must not be
//! there; `note` them.

use event::ids::Seq;

use super::record::Record;
use crate::error::Error;

/// An event whose work goes on.
#[derive(Debug)]
#[must_use = "an event is recorded at the end of its watch, and a watch that is dropped at once ends at once"]
pub struct Watch {
    /// Until the end.
    record: Option<Record>,
}

impl Record {
    /// Records it when the work ends that it is about.
    pub fn watch(self) -> Watch {
        Watch { record: Some(self) }
    }

    /// Does the work and records how it ended: `success` for `Ok`, `failure` for `Err`, unless the work noted another
    /// outcome. Returns once the event is in the spool.
    ///
    /// # Errors
    /// That of the work. That of [`Record::send`] if the work was done and its event could not be recorded; if neither
    /// came to anything, that of the work.
    pub fn around<T, E: From<Error>>(
        self,
        work: impl FnOnce(&mut Watch) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut watch = self.watch();
        match work(&mut watch) {
            Ok(value) => watch.succeeded().map(|_| value).map_err(E::from),
            Err(error) => {
                let _ = watch.failed();
                Err(error)
            }
        }
    }

    /// [`Record::around`] for work that is a task.
    ///
    /// # Errors
    /// As [`Record::around`].
    pub async fn around_async<T, E: From<Error>>(
        self,
        work: impl AsyncFnOnce(&mut Watch) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut watch = self.watch();
        match work(&mut watch).await {
            Ok(value) => {
                let sent = watch.end(Record::succeeded).send_async().await;
                sent.map(|_| value).map_err(E::from)
            }
            Err(error) => {
                let _ = watch.end(Record::failed).send_async().await;
                Err(error)
            }
        }
    }
}

impl Watch {
    /// Says more of the event.
    pub fn note(&mut self, change: impl FnOnce(Record) -> Record) {
        // A change that panics must not take the event with it.
        self.record = self.record.clone().map(change);
    }

    /// The work was done.
    ///
    /// # Errors
    /// As [`Record::send`].
    pub fn succeeded(self) -> Result<Seq, Error> {
        self.end(Record::succeeded).send()
    }

    /// The work came to nothing.
    ///
    /// # Errors
    /// As [`Record::send`].
    pub fn failed(self) -> Result<Seq, Error> {
        self.end(Record::failed).send()
    }

    /// The event, to be handed over in the way that is called next; `outcome` counts unless another one was noted.
    pub fn end(mut self, outcome: impl FnOnce(Record) -> Record) -> Record {
        let record = self.record.take().expect("a watch has its record until it ends");
        if record.has_outcome() { record } else { outcome(record) }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let Some(record) = self.record.take() else { return };
        let record = match (record.has_outcome(), std::thread::panicking()) {
            (true, _) => record,
            (false, true) => record.failed().reason("the work panicked"),
            (false, false) => record.failed().reason("the work was left before its end"),
        };
        // What breaks the format has nobody left to hear of it; it is counted like what finds no room.
        record.leave();
    }
}
