//! One event's members into the next row: what the producer claims, and what the server says.

use std::borrow::Cow;

use event::Event;
use event::canonical::{Stamps, System};
use event::event::{Actor, Change, Decision, Members, Text};
use event::ids::{EventId, Instance};
use event::json::{Value, write_cj1};
use event::system::SystemKind;

use super::RecordKind;
use super::cells::{Cells, Texts};
use crate::columns;

/// Fills row `row` with what the producer said.
pub(super) fn claims(cells: &mut Cells, row: usize, event: &Event<'_>) {
    if let Some(at) = &event.occurred_at {
        cells.occurred_at.set(row, at.unix_ns());
        cells.occurred_offset_min.set(row, at.offset_min());
    }
    for target in &event.targets {
        let members = [
            Some(&*target.kind),
            Some(&*target.id),
            target.name.as_deref(),
            target.parent.as_deref(),
            target.owner.as_deref(),
        ];
        cells.targets.add(row, members);
    }
    let texts = &mut cells.texts;
    texts.action.set(row, &event.action);
    set(&mut texts.schema, row, &event.schema);
    set(&mut texts.kind, row, &event.kind);
    set(&mut texts.outcome, row, &event.outcome.status);
    set(&mut texts.outcome_code, row, &event.outcome.code);
    set(&mut texts.reason, row, &event.outcome.reason);
    set(&mut texts.severity, row, &event.severity);
    set(&mut texts.delivery, row, &event.delivery);
    who(texts, row, event);
    whence(texts, row, event);
    what(texts, row, event);
}

/// Fills row `row` with what the server says about the event.
pub(super) fn stamps(cells: &mut Cells, row: usize, (event, stamps): (&Event<'_>, &Stamps<'_>)) {
    let id = stamps.event_id(event).unwrap_or(EventId([0; 16]));
    cells.id.set(row, id.0);
    if event.id.is_none() {
        cells.id_stamped.set(row, 1);
    }
    if let Some((instance, seq)) = stamps.stream {
        cells.instance.set(row, instance.0);
        cells.seq.set(row, seq.0);
    }
    let texts = &mut cells.texts;
    set(&mut texts.producer, row, &stamps.producer);
    set(&mut texts.ip_peer, row, &stamps.peer_ip);
    set(&mut texts.credential, row, &stamps.credential);
    if let Some(inferred) = stamps.kind.as_ref().filter(|_| event.kind.is_none()) {
        texts.kind_inferred.set(row, &inferred.kind);
    }
    let country = stamps.geo.as_ref().and_then(|geo| geo.member("country")?.as_str());
    if let Some(country) = country {
        texts.country.set(row, country);
    }
    let kind = kind_of(event, stamps);
    cells.record.set(row, kind.code());
    if kind != RecordKind::Event {
        about(cells, row, (event, stamps));
    }
}

/// A record is the server's own if its stamp says so; its schema then says which.
fn kind_of(event: &Event<'_>, stamps: &Stamps<'_>) -> RecordKind {
    if stamps.system == System::No {
        return RecordKind::Event;
    }
    let named = event.schema.as_deref().and_then(SystemKind::of_schema);
    RecordKind::System(named.unwrap_or(SystemKind::System))
}

/// What a system record is about, out of its attributes into columns that nothing else has filled.
fn about(cells: &mut Cells, row: usize, (event, stamps): (&Event<'_>, &Stamps<'_>)) {
    let Cells { texts, instance, .. } = cells;
    for (key, value) in &event.attrs {
        let Some(text) = value.as_str() else { continue };
        match &**key {
            "producer" if stamps.producer.is_none() => texts.producer.set(row, text),
            "code" => texts.code.set(row, text),
            "field" => texts.field.set(row, text),
            "reason" if event.outcome.reason.is_none() => texts.reason.set(row, text),
            "instance" if stamps.stream.is_none() => {
                if let Ok(named) = Instance::parse(text) {
                    instance.set(row, named.0);
                }
            }
            _ => {}
        }
    }
}

fn who(texts: &mut Texts, row: usize, event: &Event<'_>) {
    let actor = &event.actor;
    texts.actor_id.set(row, &actor.id);
    set(&mut texts.actor_kind, row, &actor.kind);
    set(&mut texts.actor_name, row, &actor.name);
    set(&mut texts.actor_email, row, &actor.email);
    if !event.on_behalf_of.is_empty() {
        let actors = event.on_behalf_of.iter().map(actor_value).collect();
        texts.on_behalf_of.set_with(row, |bytes| write_cj1(&Value::Array(actors), bytes));
    }
}

fn whence(texts: &mut Texts, row: usize, event: &Event<'_>) {
    let origin = &event.origin;
    set(&mut texts.service, row, &origin.service);
    set(&mut texts.host, row, &origin.host);
    set(&mut texts.ip_claimed, row, &origin.ip);
    set(&mut texts.user_agent, row, &origin.user_agent);
    let correlation = &event.correlation;
    set(&mut texts.session_id, row, &correlation.session_id);
    set(&mut texts.request_id, row, &correlation.request_id);
    set(&mut texts.trace_id, row, &correlation.trace_id);
    set(&mut texts.operation_id, row, &correlation.operation_id);
}

fn what(texts: &mut Texts, row: usize, event: &Event<'_>) {
    if let Value::Object(members) = decision_value(&event.decision)
        && !members.is_empty()
    {
        texts.decision.set_with(row, |bytes| write_members(&members, bytes));
    }
    if !event.changes.is_empty() {
        let changes = event.changes.iter().map(change_value).collect();
        texts.changes.set_with(row, |bytes| write_cj1(&Value::Array(changes), bytes));
    }
    if !event.attrs.is_empty() {
        texts.attrs.set_with(row, |bytes| write_members(&event.attrs, bytes));
    }
    if let Some(original) = &event.original {
        texts.original.set(row, &original.text);
    }
}

fn set(column: &mut columns::Text, row: usize, text: &Option<Text<'_>>) {
    if let Some(text) = text {
        column.set(row, text);
    }
}

/// A sorted object in CJ1, without a copy of its values.
fn write_members(members: &Members<'_>, out: &mut Vec<u8>) {
    for (position, (key, value)) in members.iter().enumerate() {
        out.push(if position == 0 { b'{' } else { b',' });
        write_cj1(&Value::String(Cow::Borrowed(key)), out);
        out.push(b':');
        write_cj1(value, out);
    }
    out.push(b'}');
}

fn actor_value<'v>(actor: &'v Actor<'_>) -> Value<'v> {
    let roles = actor.roles.iter().map(|role| Value::text(&**role)).collect::<Vec<_>>();
    let auth = object([
        ("method", text(&actor.auth.method)),
        ("mfa", actor.auth.mfa.map(Value::Bool)),
        ("credential_id", text(&actor.auth.credential_id)),
    ]);
    object([
        ("id", Some(Value::text(&*actor.id))),
        ("kind", text(&actor.kind)),
        ("name", text(&actor.name)),
        ("email", text(&actor.email)),
        ("roles", (!roles.is_empty()).then_some(Value::Array(roles))),
        ("auth", (!is_empty(&auth)).then_some(auth)),
    ])
}

fn decision_value<'v>(decision: &'v Decision<'_>) -> Value<'v> {
    object([
        ("effect", text(&decision.effect)),
        ("permission", text(&decision.permission)),
        ("policy", text(&decision.policy)),
        ("version", text(&decision.version)),
    ])
}

fn change_value<'v>(change: &'v Change<'v>) -> Value<'v> {
    object([
        ("path", Some(Value::text(&*change.path))),
        ("op", Some(Value::text(&*change.op))),
        ("old", change.old.clone()),
        ("new", change.new.clone()),
    ])
}

fn object<'v, const N: usize>(members: [(&'static str, Option<Value<'v>>); N]) -> Value<'v> {
    let there = members.into_iter().filter_map(|(key, value)| Some((Cow::Borrowed(key), value?)));
    Value::object(there.collect())
}

fn text<'v>(text: &'v Option<Text<'_>>) -> Option<Value<'v>> {
    text.as_deref().map(Value::text)
}

fn is_empty(value: &Value<'_>) -> bool {
    matches!(value, Value::Object(members) if members.is_empty())
}
