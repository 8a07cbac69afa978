//! Records of the server's own: what happened to the ledger itself, as events of the schemas `indelible.system.<kind>@1`.
//!
//! Promises: the actor is `indelible`, the action `ledger.<kind>`, part 8 says `"system":true`, and nothing is a claim of
//! a producer but the `original` of a dead letter. Refuses to decide when such a record is due.

use std::borrow::Cow;

use crate::canonical::{self, Parts, Stamps};
use crate::code::Code;
use crate::entry::EntryKind;
use crate::event::{Actor, Event, Members, Original, RESERVED_PREFIX};
use crate::ids::{EventId, Instance, ProducerId, Seq, TenantId};
use crate::json::Value;

/// The id of the actor of every system record.
pub const ACTOR_ID: &str = "indelible";

/// What kind of system record it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SystemKind {
    /// An item that obeys the formats and failed its tenant's schema or a step; it is kept.
    DeadLetter,
    /// An item of a stream that breaks a rule; it is not kept.
    Refused,
    /// Numbers of a stream that its producer declares lost.
    Gap,
    /// Records of this ledger whose payload is lost.
    Loss,
    /// Who read what.
    Access,
    /// What was erased, and where.
    Erasure,
    /// What expired.
    Retention,
    /// A change of keys.
    Key,
    /// A change of policies.
    Policy,
    /// Counts of items that left no record.
    Accounting,
    /// Anything else that an operator did to the store.
    System,
}

impl SystemKind {
    /// Every kind.
    pub const ALL: &'static [SystemKind] = &[
        SystemKind::DeadLetter,
        SystemKind::Refused,
        SystemKind::Gap,
        SystemKind::Loss,
        SystemKind::Access,
        SystemKind::Erasure,
        SystemKind::Retention,
        SystemKind::Key,
        SystemKind::Policy,
        SystemKind::Accounting,
        SystemKind::System,
    ];

    /// The kind's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            SystemKind::DeadLetter => "dead_letter",
            SystemKind::Refused => "refused",
            SystemKind::Gap => "gap",
            SystemKind::Loss => "loss",
            SystemKind::Access => "access",
            SystemKind::Erasure => "erasure",
            SystemKind::Retention => "retention",
            SystemKind::Key => "key",
            SystemKind::Policy => "policy",
            SystemKind::Accounting => "accounting",
            SystemKind::System => "system",
        }
    }

    /// The schema of its records.
    #[must_use]
    pub fn schema(self) -> String {
        format!("{RESERVED_PREFIX}system.{}@1", self.as_str())
    }

    /// The action of its records.
    #[must_use]
    pub fn action(self) -> String {
        format!("ledger.{}", self.as_str())
    }

    /// The kind whose schema `schema` is.
    #[must_use]
    pub fn of_schema(schema: &str) -> Option<SystemKind> {
        let name =
            schema.strip_prefix(RESERVED_PREFIX)?.strip_prefix("system.")?.strip_suffix("@1")?;
        SystemKind::ALL.iter().copied().find(|kind| kind.as_str() == name)
    }

    /// What its entries are marked with.
    #[must_use]
    pub fn entry_kind(self) -> EntryKind {
        if self == SystemKind::Key { EntryKind::Key } else { EntryKind::Event }
    }
}

/// A system record that is ready to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemRecord<'a> {
    /// What kind it is.
    pub kind: SystemKind,
    /// What it says.
    pub event: Event<'a>,
    /// Under which stamps.
    pub stamps: Stamps<'a>,
}

impl<'a> SystemRecord<'a> {
    /// A record of `kind` about `attrs`, in the ledger of `tenant`; `id` is drawn by the caller.
    #[must_use]
    pub fn new(
        kind: SystemKind,
        tenant: &'a TenantId,
        id: EventId,
        attrs: Members<'a>,
    ) -> SystemRecord<'a> {
        let Value::Object(attrs) = Value::object(attrs) else { unreachable!("an object was made") };
        let event = Event {
            id: Some(id),
            schema: Some(kind.schema().into()),
            action: kind.action().into(),
            actor: Actor { id: ACTOR_ID.into(), kind: Some("system".into()), ..Actor::default() },
            attrs,
            ..Event::default()
        };
        SystemRecord { kind, event, stamps: Stamps::of_system(tenant, None) }
    }

    /// The parts of the record.
    #[must_use]
    pub fn parts(&self) -> Parts {
        canonical::parts(&self.event, &self.stamps)
    }

    /// What its entry is marked with.
    #[must_use]
    pub fn entry_kind(&self) -> EntryKind {
        self.kind.entry_kind()
    }
}

/// Whose item it was, where it came from, and under which name it is recorded.
#[derive(Debug, Clone, Copy)]
pub struct Item<'a> {
    /// Whose ledger it goes to.
    pub tenant: &'a TenantId,
    /// Who sent it.
    pub producer: &'a ProducerId,
    /// Its place in a stream, if it came in one.
    pub stream: Option<(Instance, Seq)>,
    /// The id of the record: the item's, or of its place, or drawn.
    pub id: EventId,
}

/// The record of a number of a stream whose item was rejected with `code` at `field`.
#[must_use]
pub fn refused<'a>(item: &Item<'a>, code: Code, field: &'a str) -> SystemRecord<'a> {
    of_item(SystemKind::Refused, item, code, field)
}

/// The record of an item that obeys the formats and was not accepted: `raw` is kept as it was sent.
#[must_use]
pub fn dead_letter<'a>(
    item: &Item<'a>,
    code: Code,
    field: &'a str,
    raw: &'a str,
) -> SystemRecord<'a> {
    let mut record = of_item(SystemKind::DeadLetter, item, code, field);
    record.event.original =
        Some(Original { media_type: Some("application/json".into()), text: raw.into() });
    record
}

/// The numbers `from` to `to` (both of them) of a stream, which its producer declares lost.
#[derive(Debug, Clone, Copy)]
pub struct Gap<'a> {
    /// The producer of the stream.
    pub producer: &'a ProducerId,
    /// The instance of the stream.
    pub instance: Instance,
    /// First lost number.
    pub from: Seq,
    /// Last lost number.
    pub to: Seq,
    /// Why, in the producer's words.
    pub reason: &'a str,
}

/// The record of a declared gap.
#[must_use]
pub fn gap<'a>(tenant: &'a TenantId, id: EventId, gap: &Gap<'a>) -> SystemRecord<'a> {
    let attrs = vec![
        text("producer", gap.producer.as_str()),
        text("instance", gap.instance.to_string()),
        number("from", gap.from.0),
        number("to", gap.to.0),
        text("reason", gap.reason),
    ];
    SystemRecord::new(SystemKind::Gap, tenant, id, attrs)
}

/// The record of a lost range: the payloads of the indices `from` to `to` (both of them) cannot be read any more.
#[must_use]
pub fn loss<'a>(
    tenant: &'a TenantId,
    id: EventId,
    range: (u64, u64),
    reason: &'a str,
) -> SystemRecord<'a> {
    let attrs = vec![number("from", range.0), number("to", range.1), text("reason", reason)];
    SystemRecord::new(SystemKind::Loss, tenant, id, attrs)
}

/// Counts of items that left no record of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Rejected outside a stream.
    pub rejected: u64,
    /// Answered `duplicate`.
    pub duplicate: u64,
    /// Answered `conflict`.
    pub conflict: u64,
}

/// The record of what became of the items of `producer` that left no record, since the last such record.
#[must_use]
pub fn accounting<'a>(
    tenant: &'a TenantId,
    id: EventId,
    producer: &'a ProducerId,
    counts: Counts,
) -> SystemRecord<'a> {
    let attrs = vec![
        text("producer", producer.as_str()),
        number("rejected", counts.rejected),
        number("duplicate", counts.duplicate),
        number("conflict", counts.conflict),
    ];
    SystemRecord::new(SystemKind::Accounting, tenant, id, attrs)
}

/// The record of a change of checkpoint keys: `change` is `made` or `retired`, `vkey` the verifier key it is about.
#[must_use]
pub fn key<'a>(
    tenant: &'a TenantId,
    id: EventId,
    change: &'a str,
    vkey: &'a str,
) -> SystemRecord<'a> {
    SystemRecord::new(SystemKind::Key, tenant, id, vec![text("change", change), text("vkey", vkey)])
}

/// The record of something that an operator did to the store: `act` says what, `attrs` the rest.
#[must_use]
pub fn system<'a>(
    tenant: &'a TenantId,
    id: EventId,
    act: &'a str,
    attrs: Members<'a>,
) -> SystemRecord<'a> {
    let mut attrs = attrs;
    attrs.push(text("act", act));
    SystemRecord::new(SystemKind::System, tenant, id, attrs)
}

/// The record of a step of a read: `attrs` say who asked what in which form, `literals` (a JSON array) what stood in it.
///
/// Literals can name persons: they lie in a part of their own, so that they can be withheld and erased apart.
#[must_use]
pub fn access<'a>(
    tenant: &'a TenantId,
    id: EventId,
    attrs: Members<'a>,
    literals: Option<&'a str>,
) -> SystemRecord<'a> {
    let mut record = SystemRecord::new(SystemKind::Access, tenant, id, attrs);
    record.event.original = literals
        .map(|text| Original { media_type: Some("application/json".into()), text: text.into() });
    record
}

fn of_item<'a>(kind: SystemKind, item: &Item<'a>, code: Code, field: &'a str) -> SystemRecord<'a> {
    let attrs = vec![
        text("producer", item.producer.as_str()),
        text("code", code.as_str()),
        text("field", field),
    ];
    let mut record = SystemRecord::new(kind, item.tenant, item.id, attrs);
    record.stamps.stream = item.stream;
    record
}

fn text<'a>(key: &'static str, value: impl Into<Cow<'a, str>>) -> (Cow<'a, str>, Value<'a>) {
    (key.into(), Value::text(value))
}

fn number<'a>(key: &'static str, value: u64) -> (Cow<'a, str>, Value<'a>) {
    (key.into(), Value::integer(value))
}

#[cfg(test)]
mod tests;
