//! What the server says about an event: parts 7 and 8.
//!
//! Promises: `defaults` are exactly what the event leaves out of the six places that have one; stamps read back from a
//! record are those that were written. Refuses `received_at`: it is in the entry, so that nothing else that is hashed
//! hangs on sequencing.

mod read;

use super::kinds;
use super::write::Writer;
use crate::event::{DEFAULT_SCHEMA, Event, Text};
use crate::ids::{EventId, Instance, ProducerId, Seq, TenantId};
use crate::json::Value;

/// What is the same for all events of one request.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// Whose ledger it is.
    pub tenant: &'a TenantId,
    /// Who sent the request, by its credential.
    pub producer: &'a ProducerId,
    /// Which decoder the sender says to have used, `cloudtrail/1`.
    pub mapping: Option<&'a str>,
    /// The other end of the connection, as text.
    pub peer_ip: Option<&'a str>,
    /// Id of the credential, never the credential.
    pub credential: Option<&'a str>,
}

/// Whether a record is an event of a producer or one of the server's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum System {
    /// A producer's.
    #[default]
    No,
    /// The server's: no defaults, no producer.
    Yes,
}

/// A kind that was inferred, and by which table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inferred<'a> {
    /// One of `event::KINDS`.
    pub kind: Text<'a>,
    /// `name/version` of the table.
    pub table: Text<'a>,
}

/// What the server says about one event.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stamps<'a> {
    /// Whose ledger it is.
    pub tenant: Text<'a>,
    /// Who sent it; absent in a system record.
    pub producer: Option<Text<'a>>,
    /// Its place in a stream, if it came in one.
    pub stream: Option<(Instance, Seq)>,
    /// Its id, if it was sent without one.
    pub id: Option<EventId>,
    /// Its kind, if it was sent without one.
    pub kind: Option<Inferred<'a>>,
    /// Which decoder the sender says to have used.
    pub mapping: Option<Text<'a>>,
    /// The other end of the connection.
    pub peer_ip: Option<Text<'a>>,
    /// Id of the credential.
    pub credential: Option<Text<'a>>,
    /// Where the peer is, as looked up; nothing writes it yet.
    pub geo: Option<Value<'a>>,
    /// Roles as looked up, by pointer to the actor; nothing writes them yet.
    pub roles: Option<Value<'a>>,
    /// Which steps changed which parts; nothing writes it yet.
    pub lineage: Option<Value<'a>>,
    /// Whether it is one of the server's own.
    pub system: System,
}

impl<'a> Stamps<'a> {
    /// The stamps of `event` under `context`; `draw` gives an id to an event that has none and no place in a stream.
    pub fn new(
        event: &Event<'_>,
        context: &Context<'a>,
        stream: Option<(Instance, Seq)>,
        draw: impl FnOnce() -> EventId,
    ) -> Stamps<'a> {
        let id = match (event.id, stream) {
            (Some(_), _) => None,
            (None, Some((instance, seq))) => {
                Some(EventId::of_stream(context.producer, instance, seq))
            }
            (None, None) => Some(draw()),
        };
        let inferred = || Inferred {
            kind: kinds::infer(&event.action).into(),
            table: kinds::KIND_TABLE.into(),
        };
        Stamps {
            tenant: context.tenant.as_str().into(),
            producer: Some(context.producer.as_str().into()),
            stream,
            id,
            kind: if event.kind.is_none() { Some(inferred()) } else { None },
            mapping: context.mapping.map(Into::into),
            peer_ip: context.peer_ip.map(Into::into),
            credential: context.credential.map(Into::into),
            ..Stamps::default()
        }
    }

    /// The stamps of a record that the server itself writes.
    #[must_use]
    pub fn of_system(tenant: &'a TenantId, stream: Option<(Instance, Seq)>) -> Stamps<'a> {
        Stamps { tenant: tenant.as_str().into(), stream, system: System::Yes, ..Stamps::default() }
    }

    /// The id of the event that these are the stamps of: as sent, else as stamped.
    #[must_use]
    pub fn event_id(&self, event: &Event<'_>) -> Option<EventId> {
        event.id.or(self.id)
    }

    /// The kind of the event that these are the stamps of: as sent, else as inferred.
    #[must_use]
    pub fn event_kind<'s>(&'s self, event: &'s Event<'_>) -> Option<&'s str> {
        event.kind.as_deref().or(self.kind.as_ref().map(|inferred| &*inferred.kind))
    }

    /// Writes part 7.
    pub(super) fn write_observed(&self, out: &mut Writer<'_>) {
        out.maybe("credential", self.credential.as_ref());
        if let Some(geo) = &self.geo {
            out.value("geo", geo);
        }
        out.maybe("peer_ip", self.peer_ip.as_ref());
        if let Some(roles) = &self.roles {
            out.value("roles", roles);
        }
    }

    /// Writes part 8.
    pub(super) fn write_stamp(&self, event: &Event<'_>, out: &mut Writer<'_>) {
        if self.system == System::No {
            out.nested("defaults", |out| self.write_defaults(event, out));
        }
        if let Some((instance, _)) = self.stream {
            out.hex("instance", instance.0);
        }
        if event.kind.is_none() {
            out.maybe("kind_table", self.kind.as_ref().map(|inferred| &inferred.table));
        }
        if let Some(lineage) = &self.lineage {
            out.value("lineage", lineage);
        }
        out.maybe("mapping", self.mapping.as_ref());
        out.maybe("producer", self.producer.as_ref());
        if let Some((_, seq)) = self.stream {
            out.integer("seq", seq.0);
        }
        if self.system == System::Yes {
            out.raw("system", "true");
        }
        out.text("tenant", &self.tenant);
    }

    /// The defaults of what `event` leaves out, in code-point order of their pointers.
    fn write_defaults(&self, event: &Event<'_>, out: &mut Writer<'_>) {
        const UNKNOWN: &str = "unknown";
        if event.actor.kind.is_none() {
            out.text("/actor/kind", UNKNOWN);
        }
        if let (None, Some(id)) = (event.id, self.id) {
            out.id("/id", id);
        }
        if let (None, Some(inferred)) = (&event.kind, &self.kind) {
            out.text("/kind", &inferred.kind);
        }
        for pointer in delegates_without_kind(event) {
            out.text(&pointer, UNKNOWN);
        }
        if event.outcome.status.is_none() {
            out.text("/outcome/status", UNKNOWN);
        }
        if event.schema.is_none() {
            out.text("/schema", DEFAULT_SCHEMA);
        }
    }
}

/// Pointers to the absent kinds in `on_behalf_of`, in code-point order.
fn delegates_without_kind(event: &Event<'_>) -> Vec<String> {
    let mut pointers = Vec::new();
    for (position, actor) in event.on_behalf_of.iter().enumerate() {
        if actor.kind.is_none() {
            pointers.push(format!("/on_behalf_of/{position}/kind"));
        }
    }
    pointers.sort_unstable();
    pointers
}
