//! Parts 1 to 6 of a record back to the event that they were made of.
//!
//! Promises: what `canonical` wrote is read back equal; anything that is not in normal form, and any part or pointer that
//! has no place, is damage. Refuses to look at parts 7 and 8.

use std::borrow::Cow;

use super::fault::{Fault, Read};
use super::{Draft, Reader, Rules};
use crate::code::Code;
use crate::damage::Damage;
use crate::event::members::{Original, Text};
use crate::event::{Event, PartBytes};
use crate::json::{self, Limits, Value};

/// The members of part 1.
const WHAT: &[&str] =
    &["action", "delivery", "id", "kind", "occurred_at", "outcome", "schema", "severity"];
/// The members of `outcome` in part 1.
const WHAT_OUTCOME: &[&str] = &["code", "status"];
/// The members of part 3: a target without its owner.
const TARGET: &[&str] = &["id", "name", "parent", "type"];
/// The members of part 5.
const DETAIL: &[&str] =
    &["attrs", "changes", "correlation", "decision", "justification", "outcome"];
/// The members of `outcome` in part 5.
const DETAIL_OUTCOME: &[&str] = &["reason"];

/// The event that `parts` are together.
pub(in crate::event) fn from_parts<'a>(
    parts: impl IntoIterator<Item = PartBytes<'a>>,
) -> Result<Event<'a>, Damage> {
    let mut join = Join::default();
    let mut last = (0, 0);
    for part in parts {
        let place = (part.tag, part.ordinal);
        if place <= last || !join.take(part)? {
            return Err(Damage::Place { tag: part.tag, ordinal: part.ordinal });
        }
        last = place;
    }
    join.finish()
}

/// Parts that are being put together.
#[derive(Default)]
struct Join<'a> {
    draft: Draft<'a>,
    detail: Option<&'a [u8]>,
    personal: Vec<Personal<'a>>,
}

/// One member of a part 6.
struct Personal<'a> {
    ordinal: u16,
    pointer: Text<'a>,
    value: Value<'a>,
}

impl Personal<'_> {
    fn damage(&self, why: &'static str) -> Damage {
        Damage::Pointer { ordinal: self.ordinal, pointer: self.pointer.to_string(), why }
    }
}

impl<'a> Join<'a> {
    /// Takes the next part; `false` if it has no place here.
    fn take(&mut self, part: PartBytes<'a>) -> Result<bool, Damage> {
        let draft = &mut self.draft;
        match (part.tag, usize::from(part.ordinal)) {
            (1, 0) => read(part, |reader| {
                reader.object(WHAT, |reader, name| reader.event_member(name, draft, WHAT_OUTCOME))
            })?,
            (2, 0) => draft.put_actor(read(part, Reader::actor_or_none)?),
            (2, n) if draft.has_actor && n == draft.event.on_behalf_of.len() + 1 => {
                draft.event.on_behalf_of.extend(read(part, Reader::actor_or_none)?);
            }
            (3, n) if n == draft.event.targets.len() => {
                let target = read(part, |reader| {
                    let start = reader.lexer.offset();
                    reader.target(start, TARGET)
                })?;
                draft.event.targets.push(target);
            }
            (4, 0) => read(part, |reader| reader.origin(&mut draft.event.origin))?,
            (5, 0) => self.detail = Some(part.bytes),
            (6, _) => self.take_personal(part)?,
            (7 | 8, 0) => {}
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn take_personal(&mut self, part: PartBytes<'a>) -> Result<(), Damage> {
        let damage =
            |code, pointer| Damage::Part { tag: part.tag, ordinal: part.ordinal, code, pointer };
        let value = json::parse(part.bytes, Limits::READER)
            .map_err(|error| damage(error.code, json::pointer_at(part.bytes, error.offset)))?;
        let Value::Object(members) = value else {
            return Err(damage(Code::WrongType, String::new()));
        };
        if members.is_empty() {
            return Err(damage(Code::InvalidValue, String::new()));
        }
        let ordinal = part.ordinal;
        self.personal.extend(members.into_iter().map(|(pointer, value)| Personal {
            ordinal,
            pointer,
            value,
        }));
        Ok(())
    }

    fn finish(mut self) -> Result<Event<'a>, Damage> {
        let mut inner = Vec::new();
        for personal in std::mem::take(&mut self.personal) {
            if personal.pointer == "/original" {
                self.put_original(personal)?;
            } else if personal.pointer.starts_with("/targets/") {
                self.put_owner(personal)?;
            } else {
                inner.push(personal);
            }
        }
        let part = PartBytes { tag: 5, ordinal: 0, bytes: self.detail.unwrap_or(b"{}") };
        let draft = &mut self.draft;
        if !inner.is_empty() {
            let merged = merge(part, &inner)?;
            let merged = PartBytes { bytes: &merged, ..part };
            let mut detail = Draft::default();
            read(merged, |reader| reader.detail(&mut detail))?;
            draft.put_detail(detail.event.into_owned());
        } else if self.detail.is_some() {
            read(part, |reader| reader.detail(draft))?;
        }
        match self.draft.missing() {
            None => Ok(self.draft.event),
            Some("action") => Err(Damage::Missing { tag: 1, ordinal: 0 }),
            Some(_) => Err(Damage::Missing { tag: 2, ordinal: 0 }),
        }
    }

    fn put_original(&mut self, personal: Personal<'a>) -> Result<(), Damage> {
        if self.draft.event.original.is_some() {
            return Err(personal.damage("meets another"));
        }
        let (mut media_type, mut text) = (None, None);
        let wrong = personal.damage("is not an original");
        let Value::Object(members) = personal.value else { return Err(wrong) };
        for (key, value) in members {
            match (&*key, value) {
                ("media_type", Value::String(value)) => media_type = Some(value),
                ("text", Value::String(value)) => text = Some(value),
                _ => return Err(wrong),
            }
        }
        self.draft.event.original = Some(Original { media_type, text: text.ok_or(wrong)? });
        Ok(())
    }

    fn put_owner(&mut self, personal: Personal<'a>) -> Result<(), Damage> {
        let number =
            personal.pointer.strip_prefix("/targets/").and_then(|rest| rest.strip_suffix("/owner"));
        let target =
            number.and_then(index).and_then(|index| self.draft.event.targets.get_mut(index));
        match target {
            None => Err(personal.damage("names no target's owner")),
            Some(target) if target.owner.is_some() => Err(personal.damage("meets another")),
            Some(target) => match personal.value {
                Value::String(owner) => {
                    target.owner = Some(owner);
                    Ok(())
                }
                _ => Err(personal.damage("is not a text")),
            },
        }
    }
}

impl<'a> Reader<'a> {
    /// The members of part 5.
    fn detail(&mut self, draft: &mut Draft<'a>) -> Read<()> {
        self.object(DETAIL, |reader, name| reader.event_member(name, draft, DETAIL_OUTCOME))
    }
}

impl<'a> Draft<'a> {
    /// Takes the members of part 5 from another event.
    fn put_detail(&mut self, detail: Event<'a>) {
        self.event.outcome.reason = detail.outcome.reason;
        self.event.decision = detail.decision;
        self.event.correlation = detail.correlation;
        self.event.changes = detail.changes;
        self.event.attrs = detail.attrs;
        self.event.justification = detail.justification;
    }
}

/// Reads the whole of one part.
fn read<'a, T>(
    part: PartBytes<'a>,
    take: impl FnOnce(&mut Reader<'a>) -> Read<T>,
) -> Result<T, Damage> {
    let run = || {
        let mut reader = Reader::new(part.bytes, Rules::NormalForm)?;
        let value = take(&mut reader)?;
        reader.lexer.end()?;
        Ok(value)
    };
    run().map_err(|fault: Fault| {
        let rejection = fault.rejection(part.bytes);
        Damage::Part {
            tag: part.tag,
            ordinal: part.ordinal,
            code: rejection.code,
            pointer: rejection.field,
        }
    })
}

/// Part 5 with the personal members put back, in CJ1.
fn merge(part: PartBytes<'_>, personal: &[Personal<'_>]) -> Result<Vec<u8>, Damage> {
    let mut detail = json::parse(part.bytes, Limits::READER).map_err(|error| Damage::Part {
        tag: part.tag,
        ordinal: part.ordinal,
        code: error.code,
        pointer: json::pointer_at(part.bytes, error.offset),
    })?;
    let mut by_place = Vec::with_capacity(personal.len());
    for personal in personal {
        let tokens =
            json::tokens(&personal.pointer).ok_or_else(|| personal.damage("is no pointer"))?;
        by_place.push((tokens, personal));
    }
    by_place.sort_by(|a, b| a.0.cmp(&b.0));
    // Sorted by tokens, whatever lies below a place follows it at once.
    let meets = by_place
        .iter()
        .zip(by_place.iter().skip(1))
        .find(|((upper, _), (lower, _))| lower.starts_with(upper));
    if let Some((_, (_, personal))) = meets {
        return Err(personal.damage("meets another"));
    }
    for (tokens, personal) in by_place {
        insert(&mut detail, &tokens, personal)?;
    }
    let mut bytes = Vec::new();
    json::write_cj1(&detail, &mut bytes);
    Ok(bytes)
}

/// Puts one personal value where its pointer says: into an object that is there, as a member that is not.
fn insert<'a>(
    detail: &mut Value<'a>,
    tokens: &[Cow<'_, str>],
    personal: &Personal<'a>,
) -> Result<(), Damage> {
    let Some((last, path)) = tokens.split_last() else {
        return Err(personal.damage("is the event itself"));
    };
    let mut place = detail;
    for token in path {
        let below = match place {
            Value::Object(members) => member_mut(members, token),
            Value::Array(elements) => index(token).and_then(|index| elements.get_mut(index)),
            _ => None,
        };
        place = below.ok_or_else(|| personal.damage("leads nowhere"))?;
    }
    let Value::Object(members) = place else {
        return Err(personal.damage("does not end at a member of an object"));
    };
    match members.binary_search_by(|(key, _)| (**key).cmp(&**last)) {
        Ok(_) => Err(personal.damage("meets part 5")),
        Err(position) => {
            members.insert(position, (Cow::Owned(last.to_string()), personal.value.clone()));
            Ok(())
        }
    }
}

/// The member `key` of sorted members.
fn member_mut<'v, 'a>(
    members: &'v mut [(Cow<'a, str>, Value<'a>)],
    key: &str,
) -> Option<&'v mut Value<'a>> {
    let position = members.binary_search_by(|(name, _)| (**name).cmp(key)).ok()?;
    members.get_mut(position).map(|(_, value)| value)
}

/// The array index that a reference token is: plain decimal, no leading zero.
fn index(token: &str) -> Option<usize> {
    let is_plain =
        token == "0" || token.bytes().all(|byte| byte.is_ascii_digit()) && !token.starts_with('0');
    if is_plain { token.parse().ok() } else { None }
}
