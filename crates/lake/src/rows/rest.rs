//! The members of event and stamps that have no column, as one JSON object: with it, a row holds
//! all that its record does.
//!
//! Most rows have none of them, and then nothing is written: the test is a handful of comparisons.

use event::Event;
use event::canonical::{KIND_TABLE, Stamps};
use event::event::{Auth, Correlation, Justification, Text as EventText};
use event::json::write_string;

use super::json::Object;
use crate::columns::Text;

/// Sets `rest` of row `row`, if the event or its stamps have members that belong there.
pub(super) fn fill(rest: &mut Text, row: usize, (event, stamps): (&Event<'_>, &Stamps<'_>)) {
    if has_rest(event, stamps) {
        rest.set_with(row, |bytes| {
            Object::write(bytes, |out| write(event, stamps, out));
        });
    }
}

fn has_rest(event: &Event<'_>, stamps: &Stamps<'_>) -> bool {
    let Auth { method, mfa, credential_id } = &event.actor.auth;
    let Correlation { span_id, parent_id, .. } = &event.correlation;
    let Justification { text, ticket } = &event.justification;
    !event.actor.roles.is_empty()
        || method.is_some()
        || mfa.is_some()
        || credential_id.is_some()
        || span_id.is_some()
        || parent_id.is_some()
        || text.is_some()
        || ticket.is_some()
        || event.origin.device.is_some()
        || media_type(event).is_some()
        || kind_table(event, stamps).is_some()
        || stamps.geo.is_some()
        || stamps.lineage.is_some()
        || stamps.mapping.is_some()
        || stamps.roles.is_some()
}

fn write(event: &Event<'_>, stamps: &Stamps<'_>, out: &mut Object<'_>) {
    out.nested("actor", |out| {
        out.nested("auth", |out| write_auth(&event.actor.auth, out));
        write_roles(&event.actor.roles, out);
    });
    out.nested("correlation", |out| {
        out.maybe("parent_id", event.correlation.parent_id.as_deref());
        out.maybe("span_id", event.correlation.span_id.as_deref());
    });
    out.maybe("device", event.origin.device.as_deref());
    out.value("geo", stamps.geo.as_ref());
    out.nested("justification", |out| {
        out.maybe("text", event.justification.text.as_deref());
        out.maybe("ticket", event.justification.ticket.as_deref());
    });
    out.maybe("kind_table", kind_table(event, stamps));
    out.value("lineage", stamps.lineage.as_ref());
    out.maybe("mapping", stamps.mapping.as_deref());
    out.maybe("media_type", media_type(event));
    out.value("roles", stamps.roles.as_ref());
}

fn write_auth(auth: &Auth<'_>, out: &mut Object<'_>) {
    out.maybe("credential_id", auth.credential_id.as_deref());
    out.maybe("method", auth.method.as_deref());
    if let Some(mfa) = auth.mfa {
        out.raw("mfa", Some(if mfa { b"true" } else { b"false" }));
    }
}

fn write_roles(roles: &[EventText<'_>], out: &mut Object<'_>) {
    if roles.is_empty() {
        return;
    }
    let bytes = out.key("roles");
    for (position, role) in roles.iter().enumerate() {
        bytes.push(if position == 0 { b'[' } else { b',' });
        write_string(role, bytes);
    }
    bytes.push(b']');
}

fn media_type<'e>(event: &'e Event<'_>) -> Option<&'e str> {
    event.original.as_ref()?.media_type.as_deref()
}

/// The table that inferred the kind, unless it is the one that a row without this member means.
fn kind_table<'s>(event: &Event<'_>, stamps: &'s Stamps<'_>) -> Option<&'s str> {
    let inferred = stamps.kind.as_ref().filter(|_| event.kind.is_none())?;
    Some(&*inferred.table).filter(|table| *table != KIND_TABLE)
}
