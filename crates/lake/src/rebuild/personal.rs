//! Part 6: whose it is, the event room decides; rows with an owner go the longer way through it.

use event::canonical::{claim_parts, tag};
use event::event::{Actor, Event, Original, Target};
use event::json::Value;
use event::record::Encoder;

use super::{Parsed, Rebuild, Unfaithful, due};
use crate::rows::json::Object;

impl<'b> Rebuild<'b> {
    pub(super) fn personal(
        &self,
        row: usize,
        parsed: &Parsed<'b>,
        record: &mut Encoder<'_>,
    ) -> Result<(), Unfaithful> {
        let original = self.texts.original.get(row);
        let media_type = parsed.rest("media_type").and_then(Value::as_str);
        let has_owner = parsed.targets.clone().any(|place| self.targets.owner.get(place).is_some());
        if !has_owner {
            if let Some(text) = original {
                record.part(tag::PERSONAL, 0, |out| {
                    Object::write(out, |out| {
                        out.nested("/original", |out| {
                            out.maybe("media_type", media_type);
                            out.text("text", text);
                        });
                    })
                });
            }
            return Ok(());
        }
        let mut event = self.people(row, parsed)?;
        event.original = original
            .map(|text| Original { media_type: media_type.map(Into::into), text: text.into() });
        for part in claim_parts(&event).iter().filter(|part| part.tag == tag::PERSONAL) {
            record.part(part.tag, part.ordinal, |out| {
                out.extend_from_slice(part.bytes);
                1
            });
        }
        Ok(())
    }

    /// An event with the members that say whose something is, and no others.
    fn people<'p>(&'p self, row: usize, parsed: &'p Parsed<'b>) -> Result<Event<'p>, Unfaithful> {
        let mut event = Event::default();
        event.actor.id = due(self.texts.actor_id.get(row), "actor_id")?.into();
        event.actor.kind = self.texts.actor_kind.get(row).map(Into::into);
        for actor in &parsed.on_behalf_of {
            let text = |member| actor.member(member).and_then(Value::as_str);
            let id = due(text("id"), "on_behalf_of")?.into();
            let kind = text("kind").map(Into::into);
            event.on_behalf_of.push(Actor { id, kind, ..Actor::default() });
        }
        for place in parsed.targets.clone() {
            let targets = &self.targets;
            event.targets.push(Target {
                kind: due(targets.kind.get(place), "targets")?.into(),
                id: due(targets.id.get(place), "targets")?.into(),
                owner: targets.owner.get(place).map(Into::into),
                ..Target::default()
            });
        }
        Ok(event)
    }
}
