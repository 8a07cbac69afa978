//! One event in the making, and the ways to hand it over.
//!
//! | call | from a task | returns once | full or broken spool |
//! |---|---|---|---|
//! | `send` | `send_async` | it is in the spool | waits, then fails |
//! | `commit().wait()` | `commit().await` | it is in the ledger, with its receipt checked | waits, then fails: so should the caller |
//! | `best_effort` | `hand_over` | it is in the spool, or was counted as dropped; `hand_over` at once | never waits, never fails |
//!
//! Promises: an event that breaks the format is refused here and takes no number; what is meant for tasks blocks no
//! thread. Refuses to add what the caller did not say, but for the time, the service, and how it was handed over.

use std::sync::Arc;
use std::time::Duration;

use event::event::Event;
use event::ids::{EventId, Seq};
use serde_json::{Map, Value};

use super::{Actor, Audit, Commit, Place};
use crate::clock::{self, Deadline};
use crate::error::Error;
use crate::intake::Answer;
use crate::lane::Work;
use crate::promise::promise;

/// An event in the making.
#[derive(Debug, Clone)]
#[must_use = "an event is recorded by `send`, `commit` or `best_effort`"]
pub struct Record {
    pub(super) audit: Audit,
    event: Map<String, Value>,
}

impl Record {
    pub(super) fn new(audit: &Audit, action: &str) -> Record {
        let record = Record { audit: audit.clone(), event: Map::new() };
        let record = record.set("/action", action);
        let record = record.set("/occurred_at", clock::now().to_string());
        record.set("/origin/service", audit.shared.service.as_str())
    }

    /// Who did it: an id.
    pub fn actor(self, id: &str) -> Record {
        self.set("/actor/id", id)
    }

    /// What the actor is: `human`, `service`, `agent`, `device`, `system`, `anonymous`.
    pub fn actor_kind(self, kind: &str) -> Record {
        self.set("/actor/kind", kind)
    }

    /// Who did it, as a whole.
    pub fn by(mut self, actor: &Actor) -> Record {
        self.event.remove("on_behalf_of");
        let record = self.set("/actor", actor.json());
        actor.on_behalf_of.iter().fold(record, |record, id| record.on_behalf_of(id))
    }

    /// For whom the actor did it; called again, for whom that one did.
    pub fn on_behalf_of(self, id: &str) -> Record {
        self.push("on_behalf_of", serde_json::json!({ "id": id }))
    }

    /// What it was done to; called again, what else.
    pub fn target(self, kind: &str, id: &str) -> Record {
        self.push("targets", serde_json::json!({ "type": kind, "id": id }))
    }

    /// It was done.
    pub fn succeeded(self) -> Record {
        self.set("/outcome/status", "success")
    }

    /// It was not allowed.
    pub fn denied(self) -> Record {
        self.set("/outcome/status", "denied")
    }

    /// It was tried and failed.
    pub fn failed(self) -> Record {
        self.set("/outcome/status", "failure")
    }

    /// The code of its end, such as a status.
    pub fn code(self, code: &str) -> Record {
        self.set("/outcome/code", code)
    }

    /// Why it ended as it did.
    pub fn reason(self, reason: &str) -> Record {
        self.set("/outcome/reason", reason)
    }

    /// How serious it is: `info`, `notice`, `warning`, `error`, `critical`.
    pub fn severity(self, severity: &str) -> Record {
        self.set("/severity", severity)
    }

    /// When it happened, RFC 3339, if that was not now.
    pub fn occurred_at(self, at: &str) -> Record {
        self.set("/occurred_at", at)
    }

    /// The event's own id, if it has one; without, it is known by its stream and number.
    pub fn id(self, id: EventId) -> Record {
        self.set("/id", id.to_string())
    }

    /// The address that the request came from.
    pub fn ip(self, ip: std::net::IpAddr) -> Record {
        self.set("/origin/ip", ip.to_string())
    }

    /// The program that the request says it came from.
    pub fn user_agent(self, user_agent: &str) -> Record {
        self.set("/origin/user_agent", user_agent)
    }

    /// The request that it is part of.
    pub fn request_id(self, id: &str) -> Record {
        self.set("/correlation/request_id", id)
    }

    /// The session that it is part of.
    pub fn session_id(self, id: &str) -> Record {
        self.set("/correlation/session_id", id)
    }

    /// The W3C trace and span that it is part of: 32 and 16 lower-case hexadecimal digits.
    pub fn trace(self, trace_id: &str, span_id: &str) -> Record {
        self.set("/correlation/trace_id", trace_id).set("/correlation/span_id", span_id)
    }

    /// The W3C trace that it is part of, and the span that asked for it, as a `traceparent` names them.
    pub fn traced(self, trace_id: &str, parent_id: &str) -> Record {
        self.set("/correlation/trace_id", trace_id).set("/correlation/parent_id", parent_id)
    }

    /// What a member of the target was and is, by its RFC 6901 pointer.
    pub fn changed(self, path: &str, old: impl Into<Value>, new: impl Into<Value>) -> Record {
        let (old, new) = (old.into(), new.into());
        let change = serde_json::json!({ "path": path, "op": "replace", "old": old, "new": new });
        self.push("changes", change)
    }

    /// Whatever else.
    pub fn attr(mut self, name: &str, value: impl Into<Value>) -> Record {
        self.inner("attrs").insert(name.to_owned(), value.into());
        self
    }

    /// Hands it over; returns once it is in the spool. Its number there.
    ///
    /// # Errors
    /// `Invalid` if it breaks the format, `SpoolFull` if there was no room for as long as the settings say, `SpoolDisk`
    /// if the disk failed. In each case the event was not taken.
    pub fn send(self) -> Result<Seq, Error> {
        let event = self.checked()?;
        match &self.audit.shared.place {
            Place::Spool(spooled) => {
                let deadline = Deadline::after(spooled.settings.room_wait);
                spooled.intake.append(&event, deadline, Answer::Left)
            }
            Place::Memory(recorder) => Ok(recorder.take(&event)),
            Place::Elsewhere => Err(elsewhere()),
        }
    }

    /// [`Record::send`] for a task: a thread of the audit writes, and no runtime is needed. Dropped before its end it may
    /// have been taken all the same.
    ///
    /// # Errors
    /// As [`Record::send`].
    pub async fn send_async(self) -> Result<Seq, Error> {
        let event = self.checked()?;
        let audit = self.audit;
        let spooled = match &audit.shared.place {
            Place::Spool(spooled) => spooled,
            Place::Memory(recorder) => return Ok(recorder.take(&event)),
            Place::Elsewhere => return Err(elsewhere()),
        };
        let deadline = Deadline::after(spooled.settings.room_wait);
        let (teller, promise) = promise();
        let intake = Arc::clone(&spooled.intake);
        let work = Work::new(event.len(), move || {
            teller.tell(intake.append(&event, deadline, Answer::Left));
        });
        spooled.writing.push(work).await.map_err(|_| closed())?;
        promise.await
    }

    /// Hands it over and waits until the ledger has it and its receipt is checked against the event, the stream, the
    /// number, and the keys that are pinned, if there are any. Nothing is done before the answer is waited for, by
    /// `.await` or by [`Commit::wait`].
    pub fn commit(self) -> Commit {
        Commit::new(self.set("/delivery", "must_commit"))
    }

    /// Hands it over if there is room, and counts it as dropped if there is none.
    ///
    /// # Errors
    /// `Invalid` if it breaks the format.
    pub fn best_effort(self) -> Result<(), Error> {
        let record = self.set("/delivery", "best_effort");
        let event = record.checked()?;
        match &record.audit.shared.place {
            Place::Spool(spooled) => {
                let now = Deadline::after(Duration::ZERO);
                if spooled.intake.append(&event, now, Answer::Left).is_err() {
                    record.audit.count_dropped();
                }
            }
            Place::Memory(recorder) => {
                recorder.take(&event);
            }
            Place::Elsewhere => return Err(elsewhere()),
        }
        Ok(())
    }

    /// The event on one line of JSON, for a place of the caller's, and its id: one is drawn if it has none, so that it is
    /// the same event wherever it is met.
    ///
    /// # Errors
    /// `Invalid` if it breaks the format; `Setup` if the operating system gives no random bytes.
    pub fn into_json(self) -> Result<(EventId, Vec<u8>), Error> {
        let known = self.event.get("id").and_then(Value::as_str).map(EventId::parse);
        let id = match known {
            Some(Ok(id)) => id,
            _ => clock::draw_event_id().map_err(|error| Error::Setup {
                what: format!("no id can be drawn: {error}"),
                hint: "see why the operating system gives no random bytes",
            })?,
        };
        Ok((id, self.id(id).checked()?))
    }

    /// Hands it to the thread that writes and returns at once; what finds no room there, or none in the spool, is counted
    /// as dropped. Until the thread has written it, a killed process loses it.
    ///
    /// # Errors
    /// `Invalid` if it breaks the format.
    pub fn hand_over(self) -> Result<(), Error> {
        let record = self.set("/delivery", "best_effort");
        let event = record.checked()?;
        if matches!(record.audit.shared.place, Place::Elsewhere) {
            return Err(elsewhere());
        }
        record.audit.hand_over(event);
        Ok(())
    }

    /// The same for what nobody hears of: what breaks the format is counted as dropped, too.
    pub(crate) fn leave(self) {
        match self.checked() {
            Ok(event) => self.audit.hand_over(event),
            Err(_) => self.audit.count_dropped(),
        }
    }

    /// How it ended, as the format says it.
    pub(crate) fn ended(self, status: &'static str) -> Record {
        self.set("/outcome/status", status)
    }

    /// The same event with no more than its action, its actor, its time and how it ended.
    pub(crate) fn bare(&self) -> Record {
        let kept = ["action", "actor", "occurred_at", "outcome"];
        let mut bare = Record { audit: self.audit.clone(), event: Map::new() };
        for name in kept {
            let member = self.event.get(name).map(|member| (name.to_owned(), member.clone()));
            bare.event.extend(member);
        }
        bare.set("/origin/service", self.audit.shared.service.as_str())
    }

    /// Whether there is a ledger to wait for; a recorder has none.
    pub(crate) fn has_ledger(&self) -> bool {
        matches!(self.audit.shared.place, Place::Spool(_))
    }

    /// Whether it has been said how it ended.
    pub(crate) fn has_outcome(&self) -> bool {
        self.event.get("outcome").is_some_and(|outcome| outcome.get("status").is_some())
    }

    /// The event on one line, if it is one.
    pub(crate) fn checked(&self) -> Result<Vec<u8>, Error> {
        let event = self.json()?;
        match Event::parse(&event) {
            Ok(_) => Ok(event),
            Err(rejection) => Err(Error::Invalid { rejection: Box::new(rejection) }),
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
    fn set(mut self, pointer: &str, value: impl Into<Value>) -> Record {
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
    fn push(mut self, list: &str, value: Value) -> Record {
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
    /// Gives an event to the thread that writes, if there is room.
    fn hand_over(&self, event: Vec<u8>) {
        let spooled = match &self.shared.place {
            Place::Spool(spooled) => spooled,
            Place::Memory(recorder) => {
                recorder.take(&event);
                return;
            }
            Place::Elsewhere => return,
        };
        let (intake, room_wait) = (Arc::clone(&spooled.intake), spooled.settings.room_wait);
        let work = Work::new(event.len(), move || {
            let deadline = Deadline::after(room_wait);
            if intake.append(&event, deadline, Answer::Left).is_err() {
                intake.report.count(|counters| counters.dropped += 1);
            }
        });
        if spooled.writing.offer(work).is_err() {
            self.count_dropped();
        }
    }

    fn count_dropped(&self) {
        if let Place::Spool(spooled) = &self.shared.place {
            spooled.intake.report.count(|counters| counters.dropped += 1);
        }
    }
}

/// The error of what is handed to an audit that only makes events.
pub(super) fn elsewhere() -> Error {
    Error::Setup {
        what: "this audit makes events and takes none".to_owned(),
        hint: "put the event where it is meant to go, such as into an outbox",
    }
}

/// The error of what is handed to an audit that takes nothing any more.
pub(super) fn closed() -> Error {
    Error::Setup {
        what: "the audit is closed".to_owned(),
        hint: "record before `close`, or open another one",
    }
}
