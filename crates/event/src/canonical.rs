//! An event and what the server says about it, written as the parts of a record.
//!
//! Promises: the bytes of a part hang only on its claims (1 to 6) or stamps (7, 8), never on how they were sent; every
//! claim lies in exactly one part; a part without members is not there; parts ascend by tag and ordinal. All parts lie in
//! one buffer. Refuses to add anything to a claim: what the server assumes stands in part 8.
//!
//! Rooms: `stamps` (what the server says), `kinds` (the table that infers a kind), `subject` (whose a part is), `write`
//! (JSON objects, member by member).

mod kinds;
mod stamps;
mod subject;
mod write;

use std::ops::Range;

use crate::event::{Actor, Auth, Change, Event, PartBytes, Target};
use write::Writer;

pub use kinds::{KIND_TABLE, infer};
pub use stamps::{Context, Inferred, Stamps, System};
pub use subject::{PERSON_TYPES, Subject};

/// Tags of the parts.
pub mod tag {
    /// Schema, id, action, kind, outcome, severity, time, delivery.
    pub const WHAT: u8 = 1;
    /// The actor, then those on whose behalf it acted.
    pub const WHO: u8 = 2;
    /// One target.
    pub const TARGET: u8 = 3;
    /// Where it came from, as the producer says.
    pub const ORIGIN: u8 = 4;
    /// Reason, decision, correlation, changes, attributes, justification.
    pub const DETAIL: u8 = 5;
    /// What belongs to one person: owners, originals, personal values of `DETAIL`.
    pub const PERSONAL: u8 = 6;
    /// What the server observed.
    pub const OBSERVED: u8 = 7;
    /// What the server stamped.
    pub const STAMP: u8 = 8;
    /// The last tag of a claim.
    pub const CLAIM_MAX: u8 = PERSONAL;
}

/// The parts of one record, in one buffer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parts {
    bytes: Vec<u8>,
    index: Vec<(u8, u16, Range<usize>)>,
}

impl Parts {
    /// The parts, ascending by tag and ordinal.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = PartBytes<'_>> {
        self.index.iter().map(|(tag, ordinal, range)| PartBytes {
            tag: *tag,
            ordinal: *ordinal,
            bytes: self.bytes.get(range.clone()).unwrap_or_default(),
        })
    }

    /// How many parts there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// Bytes of all parts together.
    #[must_use]
    pub fn bytes_len(&self) -> usize {
        self.bytes.len()
    }

    /// Appends the part that `fill` writes, unless it has no members.
    fn part(&mut self, tag: u8, ordinal: usize, fill: impl FnOnce(&mut Writer<'_>)) {
        let start = self.bytes.len();
        if Writer::object(&mut self.bytes, fill) == 0 {
            self.bytes.truncate(start);
            return;
        }
        let ordinal = u16::try_from(ordinal)
            .expect("an event of 256 KiB has fewer than 65536 actors and targets");
        self.index.push((tag, ordinal, start..self.bytes.len()));
    }
}

/// The parts of the record of `event` under `stamps`.
#[must_use]
pub fn parts(event: &Event<'_>, stamps: &Stamps<'_>) -> Parts {
    let mut parts = Parts { bytes: Vec::with_capacity(1024), index: Vec::with_capacity(8) };
    claims(event, &mut parts);
    parts.part(tag::OBSERVED, 0, |part| stamps.write_observed(part));
    parts.part(tag::STAMP, 0, |part| stamps.write_stamp(event, part));
    parts
}

/// Parts 1 to 6 of `event`: what was claimed, and nothing else.
#[must_use]
pub fn claim_parts(event: &Event<'_>) -> Parts {
    let mut parts = Parts::default();
    claims(event, &mut parts);
    parts
}

/// The whole event in normal form as one CJ1 object.
#[must_use]
pub fn event_bytes(event: &Event<'_>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1024);
    Writer::object(&mut bytes, |out| {
        out.text("action", &event.action);
        out.nested("actor", |out| write_actor(&event.actor, out));
        write_attrs(event, out);
        write_changes(&event.changes, out);
        write_correlation(event, out);
        write_decision(event, out);
        out.maybe("delivery", event.delivery.as_ref());
        write_id(event, out);
        write_justification(event, out);
        out.maybe("kind", event.kind.as_ref());
        write_occurred_at(event, out);
        out.list("on_behalf_of", &event.on_behalf_of, write_actor);
        out.nested("origin", |out| write_origin(event, out));
        out.nested("original", |out| write_original(event, out));
        out.nested("outcome", |out| {
            out.maybe("code", event.outcome.code.as_ref());
            out.maybe("reason", event.outcome.reason.as_ref());
            out.maybe("status", event.outcome.status.as_ref());
        });
        out.maybe("schema", event.schema.as_ref());
        out.maybe("severity", event.severity.as_ref());
        out.list("targets", &event.targets, |target, out| {
            out.text("id", &target.id);
            out.maybe("name", target.name.as_ref());
            out.maybe("owner", target.owner.as_ref());
            out.maybe("parent", target.parent.as_ref());
            out.text("type", &target.kind);
        });
    });
    bytes
}

fn claims(event: &Event<'_>, parts: &mut Parts) {
    parts.part(tag::WHAT, 0, |part| write_what(event, part));
    for (ordinal, actor) in event.who().enumerate() {
        parts.part(tag::WHO, ordinal, |part| write_actor(actor, part));
    }
    for (ordinal, target) in event.targets.iter().enumerate() {
        parts.part(tag::TARGET, ordinal, |part| write_target(target, part));
    }
    parts.part(tag::ORIGIN, 0, |part| write_origin(event, part));
    parts.part(tag::DETAIL, 0, |part| write_detail(event, part));
    for (ordinal, personal) in subject::personal(event).into_iter().enumerate() {
        parts.part(tag::PERSONAL, ordinal, |part| {
            if personal.has_original {
                part.nested("/original", |part| write_original(event, part));
            }
            for (pointer, owner) in &personal.owners {
                part.text(pointer, owner);
            }
        });
    }
}

fn write_what(event: &Event<'_>, out: &mut Writer<'_>) {
    out.text("action", &event.action);
    out.maybe("delivery", event.delivery.as_ref());
    write_id(event, out);
    out.maybe("kind", event.kind.as_ref());
    write_occurred_at(event, out);
    out.nested("outcome", |out| {
        out.maybe("code", event.outcome.code.as_ref());
        out.maybe("status", event.outcome.status.as_ref());
    });
    out.maybe("schema", event.schema.as_ref());
    out.maybe("severity", event.severity.as_ref());
}

fn write_id(event: &Event<'_>, out: &mut Writer<'_>) {
    if let Some(id) = event.id {
        out.id("id", id);
    }
}

fn write_occurred_at(event: &Event<'_>, out: &mut Writer<'_>) {
    if let Some(time) = &event.occurred_at {
        out.text("occurred_at", time.as_str());
    }
}

fn write_actor(actor: &Actor<'_>, out: &mut Writer<'_>) {
    out.nested("auth", |out| write_auth(&actor.auth, out));
    out.maybe("email", actor.email.as_ref());
    out.text("id", &actor.id);
    out.maybe("kind", actor.kind.as_ref());
    out.maybe("name", actor.name.as_ref());
    out.texts("roles", &actor.roles);
}

fn write_auth(auth: &Auth<'_>, out: &mut Writer<'_>) {
    out.maybe("credential_id", auth.credential_id.as_ref());
    out.maybe("method", auth.method.as_ref());
    if let Some(mfa) = auth.mfa {
        out.raw("mfa", if mfa { "true" } else { "false" });
    }
}

fn write_target(target: &Target<'_>, out: &mut Writer<'_>) {
    out.text("id", &target.id);
    out.maybe("name", target.name.as_ref());
    out.maybe("parent", target.parent.as_ref());
    out.text("type", &target.kind);
}

fn write_origin(event: &Event<'_>, out: &mut Writer<'_>) {
    let origin = &event.origin;
    out.maybe("device", origin.device.as_ref());
    out.maybe("host", origin.host.as_ref());
    out.maybe("ip", origin.ip.as_ref());
    out.maybe("service", origin.service.as_ref());
    out.maybe("user_agent", origin.user_agent.as_ref());
}

fn write_detail(event: &Event<'_>, out: &mut Writer<'_>) {
    write_attrs(event, out);
    write_changes(&event.changes, out);
    write_correlation(event, out);
    write_decision(event, out);
    write_justification(event, out);
    out.nested("outcome", |out| out.maybe("reason", event.outcome.reason.as_ref()));
}

fn write_attrs(event: &Event<'_>, out: &mut Writer<'_>) {
    out.nested("attrs", |out| {
        for (key, value) in &event.attrs {
            out.free(key, value);
        }
    });
}

fn write_changes(changes: &[Change<'_>], out: &mut Writer<'_>) {
    out.list("changes", changes, |change, out| {
        if let Some(new) = &change.new {
            out.value("new", new);
        }
        if let Some(old) = &change.old {
            out.value("old", old);
        }
        out.text("op", &change.op);
        out.text("path", &change.path);
    });
}

fn write_correlation(event: &Event<'_>, out: &mut Writer<'_>) {
    let correlation = &event.correlation;
    out.nested("correlation", |out| {
        out.maybe("operation_id", correlation.operation_id.as_ref());
        out.maybe("parent_id", correlation.parent_id.as_ref());
        out.maybe("request_id", correlation.request_id.as_ref());
        out.maybe("session_id", correlation.session_id.as_ref());
        out.maybe("span_id", correlation.span_id.as_ref());
        out.maybe("trace_id", correlation.trace_id.as_ref());
    });
}

fn write_decision(event: &Event<'_>, out: &mut Writer<'_>) {
    let decision = &event.decision;
    out.nested("decision", |out| {
        out.maybe("effect", decision.effect.as_ref());
        out.maybe("permission", decision.permission.as_ref());
        out.maybe("policy", decision.policy.as_ref());
        out.maybe("version", decision.version.as_ref());
    });
}

fn write_justification(event: &Event<'_>, out: &mut Writer<'_>) {
    out.nested("justification", |out| {
        out.maybe("text", event.justification.text.as_ref());
        out.maybe("ticket", event.justification.ticket.as_ref());
    });
}

fn write_original(event: &Event<'_>, out: &mut Writer<'_>) {
    if let Some(original) = &event.original {
        out.maybe("media_type", original.media_type.as_ref());
        out.text("text", &original.text);
    }
}

#[cfg(test)]
mod tests;
