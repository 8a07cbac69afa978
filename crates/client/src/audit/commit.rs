//! Waiting until an event is in the ledger and its receipt has been checked.
//!
//! ```text
//! commit().wait()   the calling thread:  spool --> answer --> receipt --> check
//! commit().await    the writing thread: spool; the sending one: answer; the proving one: receipt, check; the task waits
//! ```
//!
//! Promises: both ways end by `commit_wait` and what the receipt takes; what is returned was verified against the event
//! that was sent. Refuses a runtime: a task is woken by the thread that has its answer.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;

use event::ids::{EventId, Instance, Seq};
use event::receipt::{Conclusion, Given, Report, verify};
use tlog::note::VerifierKey;

use super::record::{Record, closed, elsewhere};
use super::{Audit, Place, Spooled};
use crate::clock::Deadline;
use crate::error::Error;
use crate::intake::Answer;
use crate::lane::Work;
use crate::promise::promise;
use crate::verdict::Settled;

/// An event that is in the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// Its id.
    pub id: EventId,
    /// Its position in the ledger.
    pub index: u64,
    /// Its stream and its number there.
    pub stream: (Instance, Seq),
    /// The event as it was sent.
    pub event: Vec<u8>,
    /// Its receipt, `indelible.receipt/v1`.
    pub receipt: Vec<u8>,
}

impl Committed {
    /// Checks the receipt against the event that was sent, its stream and number, and the keys that are trusted.
    #[must_use]
    pub fn verify(&self, keys: &[VerifierKey]) -> Report {
        verify(&self.receipt, &Given { event: Some(&self.event), keys, stream: Some(self.stream) })
    }
}

/// An event that its caller waits for: by `.await` in a task, by [`Commit::wait`] on a thread.
#[derive(Debug)]
#[must_use = "an event is recorded once somebody waits for it: `.await` or `.wait()`"]
pub struct Commit {
    record: Record,
}

impl Commit {
    pub(super) fn new(record: Record) -> Commit {
        Commit { record }
    }

    /// Blocks until the ledger has it and its receipt is checked.
    ///
    /// # Errors
    /// As [`Record::send`]. `Undelivered` if no answer came in time: the event stays in the spool and is delivered later,
    /// so that the ledger may say of something that its caller gave up on that it was done. `Garbled` if the server did
    /// not keep it as an event, or its receipt does not hold. `Forked` if the ledger was found to be another one. Those of every call if the receipt could not be fetched.
    pub fn wait(self) -> Result<Committed, Error> {
        let event = self.record.checked()?;
        let audit = &self.record.audit;
        let spooled = spooled(audit, &event)?;
        spooled.witness.trusts()?;
        let room = Deadline::after(spooled.settings.room_wait);
        let seq = spooled.intake.append(&event, room, Answer::Awaited)?;
        let settled = spooled.intake.answer(seq, spooled.settings.commit_wait)?;
        spooled.prove(event, seq, settled)
    }

    /// The same as a task. Dropped before its end it may have been taken all the same.
    async fn awaited(self) -> Result<Committed, Error> {
        let event = Arc::new(self.record.checked()?);
        let audit = self.record.audit;
        let spooled = spooled(&audit, &event)?;
        spooled.witness.trusts()?;
        let room = Deadline::after(spooled.settings.room_wait);
        let answer = Deadline::after(spooled.settings.commit_wait);
        let (teller, heard) = promise();
        let (intake, sent) = (Arc::clone(&spooled.intake), Arc::clone(&event));
        let work = Work::new(event.len(), move || {
            // Who waits is told of a failure, too.
            let _ = intake.append(&sent, room, Answer::Promised(teller, answer));
        });
        spooled.writing.push(work).await.map_err(|_| closed())?;
        let (seq, settled) = heard.await?;
        let (teller, proven) = promise();
        let held = audit.clone();
        let work = Work::new(event.len(), move || {
            let Place::Spool(spooled) = &held.shared.place else { return };
            let proven = match answer.left().is_zero() {
                true => Err(late()),
                false => spooled.prove(Arc::unwrap_or_clone(event), seq, settled),
            };
            teller.tell(proven);
        });
        spooled.proving.push(work).await.map_err(|_| closed())?;
        proven.await
    }
}

impl IntoFuture for Commit {
    type Output = Result<Committed, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.awaited())
    }
}

/// The spool of an audit that has one.
fn spooled<'a>(audit: &'a Audit, event: &[u8]) -> Result<&'a Spooled, Error> {
    match &audit.shared.place {
        Place::Spool(spooled) => Ok(spooled),
        Place::Elsewhere => Err(elsewhere()),
        Place::Memory(recorder) => {
            recorder.take(event);
            Err(Error::Setup {
                what: "a recorder has no ledger".to_owned(),
                hint: "test `commit` against a server",
            })
        }
    }
}

/// The ledger has it, and whether it says so truly was not found out in time.
fn late() -> Error {
    Error::Undelivered {
        events: 0,
        why: "it is in the ledger, and its receipt was not fetched in time".to_owned(),
    }
}

impl Spooled {
    /// Fetches the receipt of what was answered and checks it.
    fn prove(&self, event: Vec<u8>, seq: Seq, settled: Settled) -> Result<Committed, Error> {
        let garbled =
            |why: String| Error::Garbled { url: self.client.url().to_owned(), status: 200, why };
        let (id, index) = match settled {
            Settled::Committed { id, index } | Settled::Duplicate { id, index } => (id, index),
            Settled::NotKept(why) => return Err(garbled(format!("no event: {why}"))),
        };
        let receipt = self.client.receipt(id)?;
        let committed = Committed { id, index, stream: (self.instance, seq), event, receipt };
        let report = committed.verify(&self.keys);
        let holds = match report.conclusion {
            Conclusion::Verified => true,
            Conclusion::Failed => false,
            _ => self.keys.is_empty(),
        };
        // What was found out while it was under way counts, too.
        self.witness.trusts()?;
        match holds {
            true => Ok(committed),
            false => {
                Err(garbled(format!("a receipt that does not hold: {}", report.lines().join("; "))))
            }
        }
    }
}
