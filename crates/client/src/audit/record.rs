//! One event in the making, and the three ways to hand it over.
//!
//! | call | returns once | full or broken spool |
//! |---|---|---|
//! | `send` | it is in the spool | waits, then fails |
//! | `commit` | it is in the ledger, with its receipt checked | waits, then fails: so should the caller |
//! | `best_effort` | it is in the spool, or was counted as dropped | never waits, never fails |
//!
//! Promises: an event that breaks the format is refused here and takes no number. Refuses to add what the caller did not
//! say, but for the time, the service, and how it was handed over.

use std::time::Duration;

use event::ids::{EventId, Instance, Seq};
use event::receipt::{Conclusion, Given, Report, verify};
use serde_json::{Map, Value};
use tlog::note::VerifierKey;

use super::{Audit, Place};
use crate::clock;
use crate::error::Error;
use crate::intake::{Answer, Settled};

/// An event in the making.
#[derive(Debug)]
#[must_use = "an event is recorded by `send`, `commit` or `best_effort`"]
pub struct Record<'a> {
    audit: &'a Audit,
    event: Map<String, Value>,
}

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

impl<'a> Record<'a> {
    pub(super) fn new(audit: &'a Audit, action: &str) -> Record<'a> {
        let record = Record { audit, event: Map::new() };
        let record = record.set("/action", action);
        let record = record.set("/occurred_at", clock::now().to_string());
        record.set("/origin/service", audit.shared.service.as_str())
    }

    /// Who did it: an id.
    pub fn actor(self, id: &str) -> Record<'a> {
        self.set("/actor/id", id)
    }

    /// What the actor is: `human`, `service`, `agent`, `device`, `system`, `anonymous`.
    pub fn actor_kind(self, kind: &str) -> Record<'a> {
        self.set("/actor/kind", kind)
    }

    /// For whom the actor did it; called again, for whom that one did.
    pub fn on_behalf_of(self, id: &str) -> Record<'a> {
        self.push("on_behalf_of", serde_json::json!({ "id": id }))
    }

    /// What it was done to; called again, what else.
    pub fn target(self, kind: &str, id: &str) -> Record<'a> {
        self.push("targets", serde_json::json!({ "type": kind, "id": id }))
    }

    /// It was done.
    pub fn succeeded(self) -> Record<'a> {
        self.set("/outcome/status", "success")
    }

    /// It was not allowed.
    pub fn denied(self) -> Record<'a> {
        self.set("/outcome/status", "denied")
    }

    /// It was tried and failed.
    pub fn failed(self) -> Record<'a> {
        self.set("/outcome/status", "failure")
    }

    /// Why it ended as it did.
    pub fn reason(self, reason: &str) -> Record<'a> {
        self.set("/outcome/reason", reason)
    }

    /// How serious it is: `info`, `notice`, `warning`, `error`, `critical`.
    pub fn severity(self, severity: &str) -> Record<'a> {
        self.set("/severity", severity)
    }

    /// When it happened, RFC 3339, if that was not now.
    pub fn occurred_at(self, at: &str) -> Record<'a> {
        self.set("/occurred_at", at)
    }

    /// The event's own id, if it has one; without, it is known by its stream and number.
    pub fn id(self, id: EventId) -> Record<'a> {
        self.set("/id", id.to_string())
    }

    /// The address that the request came from.
    pub fn ip(self, ip: std::net::IpAddr) -> Record<'a> {
        self.set("/origin/ip", ip.to_string())
    }

    /// The request that it is part of.
    pub fn request_id(self, id: &str) -> Record<'a> {
        self.set("/correlation/request_id", id)
    }

    /// The session that it is part of.
    pub fn session_id(self, id: &str) -> Record<'a> {
        self.set("/correlation/session_id", id)
    }

    /// The W3C trace and span that it is part of: 32 and 16 lower-case hexadecimal digits.
    pub fn trace(self, trace_id: &str, span_id: &str) -> Record<'a> {
        self.set("/correlation/trace_id", trace_id).set("/correlation/span_id", span_id)
    }

    /// What a member of the target was and is, by its RFC 6901 pointer.
    pub fn changed(self, path: &str, old: impl Into<Value>, new: impl Into<Value>) -> Record<'a> {
        let (old, new) = (old.into(), new.into());
        let change = serde_json::json!({ "path": path, "op": "replace", "old": old, "new": new });
        self.push("changes", change)
    }

    /// Whatever else.
    pub fn attr(mut self, name: &str, value: impl Into<Value>) -> Record<'a> {
        self.inner("attrs").insert(name.to_owned(), value.into());
        self
    }

    /// Hands it over; returns once it is in the spool. Its number there.
    ///
    /// # Errors
    /// `Invalid` if it breaks the format, `SpoolFull` if there was no room for as long as the settings say, `SpoolDisk`
    /// if the disk failed. In each case the event was not taken.
    pub fn send(self) -> Result<Seq, Error> {
        let wait = self.audit.room_wait();
        self.audit.take(&self.json()?, wait, Answer::Left)
    }

    /// Hands it over if there is room, and counts it as dropped if there is none.
    ///
    /// # Errors
    /// `Invalid` if it breaks the format.
    pub fn best_effort(self) -> Result<(), Error> {
        let record = self.set("/delivery", "best_effort");
        match record.audit.take(&record.json()?, Duration::ZERO, Answer::Left) {
            Err(error @ Error::Invalid { .. }) => Err(error),
            Err(_) => {
                if let Place::Spool(spooled) = &record.audit.shared.place {
                    spooled.intake.report.count(|counters| counters.dropped += 1);
                }
                Ok(())
            }
            Ok(_) => Ok(()),
        }
    }

    /// Hands it over and waits until the ledger has it and its receipt is checked against the event, the stream, the
    /// number, and the keys that are pinned, if there are any.
    ///
    /// # Errors
    /// As [`Record::send`]. `Undelivered` if no answer came in time: the event stays in the spool and is delivered later,
    /// so that the ledger may say of something that its caller gave up on that it was done. `Garbled` if the server did
    /// not keep it as an event, or its receipt does not hold. Those of every call if the receipt could not be fetched.
    pub fn commit(self) -> Result<Committed, Error> {
        let record = self.set("/delivery", "must_commit");
        let event = record.json()?;
        let Place::Spool(spooled) = &record.audit.shared.place else {
            record.audit.take(&event, Duration::ZERO, Answer::Left)?;
            return Err(Error::Setup {
                what: "a recorder has no ledger".to_owned(),
                hint: "test `commit` against a server",
            });
        };
        let seq = record.audit.take(&event, spooled.settings.room_wait, Answer::Awaited)?;
        let settled = spooled.intake.answer(seq, spooled.settings.commit_wait)?;
        let garbled =
            |why: String| Error::Garbled { url: spooled.client.url().to_owned(), status: 200, why };
        let (id, index) = match settled {
            Settled::Stored { id, index } => (id, index),
            Settled::NotKept(why) => return Err(garbled(format!("no event: {why}"))),
        };
        let stream = (spooled.intake.look(|spool| spool.instance()), seq);
        let receipt = spooled.client.receipt(id)?;
        let committed = Committed { id, index, stream, event, receipt };
        let keys = spooled.keys.iter().map(|key| VerifierKey::parse(key));
        let keys: Result<Vec<_>, _> = keys.collect();
        let keys = keys.map_err(|error| Error::Setup {
            what: format!("a pinned key is none: {error}"),
            hint: "pin the lines of `checkpoint_keys` as the server printed them",
        })?;
        let report = committed.verify(&keys);
        let holds = match report.conclusion {
            Conclusion::Verified => true,
            Conclusion::Failed => false,
            _ => keys.is_empty(),
        };
        match holds {
            true => Ok(committed),
            false => {
                Err(garbled(format!("a receipt that does not hold: {}", report.lines().join("; "))))
            }
        }
    }

    /// The event on one line.
    fn json(&self) -> Result<Vec<u8>, Error> {
        serde_json::to_vec(&self.event).map_err(|error| Error::Setup {
            what: format!("the event cannot be written as JSON: {error}"),
            hint: "report it: this is a bug of the client",
        })
    }

    /// Sets the member at a pointer of one or two steps.
    fn set(mut self, pointer: &str, value: impl Into<Value>) -> Record<'a> {
        match pointer.trim_start_matches('/').split_once('/') {
            Some((outer, inner)) => {
                self.inner(outer).insert(inner.to_owned(), value.into());
            }
            None => {
                self.event.insert(pointer.trim_start_matches('/').to_owned(), value.into());
            }
        }
        self
    }

    /// Appends to a list.
    fn push(mut self, list: &str, value: Value) -> Record<'a> {
        let list = self.event.entry(list).or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(list) = list {
            list.push(value);
        }
        self
    }

    /// The object that is a member.
    fn inner(&mut self, name: &str) -> &mut Map<String, Value> {
        let member = self.event.entry(name).or_insert_with(|| Value::Object(Map::new()));
        member.as_object_mut().expect("each member is set as one type only")
    }
}

impl Audit {
    /// How long a caller waits for room.
    fn room_wait(&self) -> Duration {
        match &self.shared.place {
            Place::Spool(spooled) => spooled.settings.room_wait,
            Place::Memory(_) => Duration::ZERO,
        }
    }
}
