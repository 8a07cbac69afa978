//! Parts 7 and 8 back to stamps.

use super::{Inferred, Stamps, System};
use crate::code::Code;
use crate::damage::Damage;
use crate::event::{PartBytes, Text};
use crate::ids::{EventId, Instance, Seq};
use crate::json::{self, Limits, Value};

impl<'a> Stamps<'a> {
    /// The stamps that the opened parts 7 and 8 of a record hold; other parts are passed over.
    ///
    /// # Errors
    /// When part 8 is missing, or either has a member that it cannot have, or of another type.
    pub fn from_parts(
        parts: impl IntoIterator<Item = PartBytes<'a>>,
    ) -> Result<Stamps<'a>, Damage> {
        let mut stamps = Stamps::default();
        let mut is_stamped = false;
        for part in parts {
            match part.tag {
                7 => read(part, &mut stamps, observed)?,
                8 => {
                    read(part, &mut stamps, stamp)?;
                    is_stamped = true;
                }
                _ => {}
            }
        }
        if is_stamped { Ok(stamps) } else { Err(Damage::Missing { tag: 8, ordinal: 0 }) }
    }
}

/// What takes one member; `None` if it has no place or another type.
type Take<'a> = fn(&mut Stamps<'a>, &str, Value<'a>) -> Option<()>;

fn read<'a>(part: PartBytes<'a>, stamps: &mut Stamps<'a>, take: Take<'a>) -> Result<(), Damage> {
    let damage =
        |code, pointer| Damage::Part { tag: part.tag, ordinal: part.ordinal, code, pointer };
    let value = json::parse(part.bytes, Limits::READER)
        .map_err(|error| damage(error.code, json::pointer_at(part.bytes, error.offset)))?;
    let Value::Object(members) = value else { return Err(damage(Code::WrongType, String::new())) };
    for (key, value) in members {
        take(stamps, &key, value).ok_or_else(|| {
            let mut pointer = String::new();
            json::push_token(&mut pointer, &key);
            damage(Code::InvalidValue, pointer)
        })?;
    }
    Ok(())
}

fn observed<'a>(stamps: &mut Stamps<'a>, key: &str, value: Value<'a>) -> Option<()> {
    match key {
        "credential" => stamps.credential = Some(text(value)?),
        "geo" => stamps.geo = Some(value).filter(|value| matches!(value, Value::Object(_))),
        "peer_ip" => stamps.peer_ip = Some(text(value)?),
        "roles" => stamps.roles = Some(value).filter(|value| matches!(value, Value::Object(_))),
        _ => return None,
    }
    Some(())
}

fn stamp<'a>(stamps: &mut Stamps<'a>, key: &str, value: Value<'a>) -> Option<()> {
    match key {
        "defaults" => return defaults(stamps, value),
        // Keys come in code-point order, so that `instance` stands before `seq`, and `defaults` before `kind_table`.
        "instance" => stamps.stream = Some((Instance::parse(&text(value)?).ok()?, Seq(0))),
        "kind_table" => stamps.kind.as_mut()?.table = text(value)?,
        "lineage" => stamps.lineage = Some(value).filter(|value| matches!(value, Value::Array(_))),
        "mapping" => stamps.mapping = Some(text(value)?),
        "producer" => stamps.producer = Some(text(value)?),
        "seq" => stamps.stream.as_mut()?.1 = Seq(value.as_u64()?),
        "system" if value == Value::Bool(true) => stamps.system = System::Yes,
        "tenant" => stamps.tenant = text(value)?,
        _ => return None,
    }
    Some(())
}

/// Only two defaults say what the event does not: the others are the same for all.
fn defaults<'a>(stamps: &mut Stamps<'a>, value: Value<'a>) -> Option<()> {
    let Value::Object(members) = value else { return None };
    for (pointer, value) in members {
        let value = text(value)?;
        match &*pointer {
            "/id" => stamps.id = Some(EventId::parse(&value).ok()?),
            "/kind" => stamps.kind = Some(Inferred { kind: value, table: Text::default() }),
            _ => {}
        }
    }
    Some(())
}

fn text(value: Value<'_>) -> Option<Text<'_>> {
    match value {
        Value::String(text) => Some(text),
        _ => None,
    }
}
