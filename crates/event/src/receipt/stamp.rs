//! Parts 7 and 8: what the server added.
//!
//! Promises: members and types as the formats list them; what part 8 says about itself (half a stream, a default of
//! another value, a table of kinds without a kind) is damage. Refuses to compare with other parts: `record` does.

use crate::ids::{EventId, Instance, ProducerId, Seq};
use crate::json::{Value, tokens};

use super::{NUMBER_END, is_numbered, table};

/// Part 8.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Stamp {
    pub(super) tenant: String,
    pub(super) producer: Option<String>,
    pub(super) stream: Option<(Instance, Seq)>,
    /// Pointer and value, ascending by pointer.
    pub(super) defaults: Vec<(String, String)>,
    pub(super) kind_table: Option<String>,
    pub(super) mapping: Option<String>,
    pub(super) lineage: Vec<Step>,
    pub(super) signature: Option<String>,
    pub(super) is_system: bool,
}

/// A step that changed parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) name: String,
    pub(super) version: String,
    /// Tag and ordinal of each.
    pub(super) changed: Vec<(u8, u16)>,
}

/// Why a part is damaged.
pub(super) type Wrong = String;

impl Stamp {
    /// Reads part 8.
    pub(super) fn read(value: &Value<'_>) -> Result<Stamp, Wrong> {
        let Value::Object(members) = value else { return Err("is not an object".to_owned()) };
        let mut stamp = Stamp::default();
        let (mut tenant, mut instance, mut seq) = (None, None, None);
        for (key, value) in members {
            match &**key {
                "tenant" => tenant = Some(text(key, value)?),
                "producer" => stamp.producer = Some(text(key, value)?),
                "instance" => instance = Some(read_instance(value)?),
                "seq" => seq = Some(read_seq(value)?),
                "defaults" => stamp.defaults = read_defaults(value)?,
                "kind_table" => stamp.kind_table = Some(name_and_version(key, value)?),
                "mapping" => stamp.mapping = Some(name_and_version(key, value)?),
                "lineage" => stamp.lineage = read_lineage(value)?,
                "signature" => stamp.signature = Some(text(key, value)?),
                "system" if *value == Value::Bool(true) => stamp.is_system = true,
                "system" => return Err("has a `system` that is not `true`".to_owned()),
                _ => return Err(format!("has an unknown member `{key}`")),
            }
        }
        stamp.tenant = tenant.ok_or("has no `tenant`")?;
        stamp.stream = match (instance, seq) {
            (Some(instance), Some(seq)) => Some((instance, seq)),
            (None, None) => None,
            _ => return Err("has one of `instance` and `seq` without the other".to_owned()),
        };
        // `defaults` may be there and empty, which the list of them does not show.
        let has_defaults = members.iter().any(|(key, _)| key == "defaults");
        if stamp.is_system && (has_defaults || stamp.producer.is_some()) {
            return Err("is the server's own and has `defaults` or `producer`".to_owned());
        }
        stamp.check()?;
        Ok(stamp)
    }

    /// What the members say about one another.
    fn check(&self) -> Result<(), Wrong> {
        if !self.is_system && self.producer.is_none() {
            return Err("has neither `producer` nor `system`".to_owned());
        }
        if self.default_of("/kind").is_some() != self.kind_table.is_some() {
            return Err(
                "has one of `kind_table` and the default of `/kind` without the other".to_owned()
            );
        }
        for (pointer, value) in &self.defaults {
            self.check_default(pointer, value)?;
        }
        Ok(())
    }

    fn check_default(&self, pointer: &str, value: &str) -> Result<(), Wrong> {
        let is_right = match pointer {
            "/schema" => value == crate::event::DEFAULT_SCHEMA,
            "/id" => {
                EventId::parse(value).is_ok_and(|id| id.to_string() == value && self.may_have(id))
            }
            "/kind" => true,
            "/outcome/status" | "/actor/kind" => value == "unknown",
            _ if delegate(pointer).is_some() => value == "unknown",
            _ => return Err(format!("has a default of `{pointer}`, which has none")),
        };
        if is_right {
            Ok(())
        } else {
            Err(format!("has a default of `{pointer}` of another value"))
        }
    }

    /// Whether an event without an id can have been given this one: in a stream it follows from the number.
    fn may_have(&self, id: EventId) -> bool {
        let Some((instance, seq)) = self.stream else { return true };
        let producer = self.producer.as_deref().and_then(|name| ProducerId::parse(name).ok());
        producer.is_some_and(|producer| EventId::of_stream(&producer, instance, seq) == id)
    }

    /// The default that stands for the claim at `pointer`.
    pub(super) fn default_of(&self, pointer: &str) -> Option<&str> {
        let found = self.defaults.iter().find(|(known, _)| known == pointer);
        found.map(|(_, value)| value.as_str())
    }

    /// Whether a step is named for the part.
    pub(super) fn names(&self, tag: u8, ordinal: u16) -> bool {
        self.lineage.iter().any(|step| step.changed.contains(&(tag, ordinal)))
    }

    /// Whether a step is named for any part of `tags`.
    pub(super) fn names_any(&self, tags: std::ops::RangeInclusive<u8>) -> bool {
        self.lineage.iter().flat_map(|step| &step.changed).any(|(tag, _)| tags.contains(tag))
    }
}

/// The position in `on_behalf_of` whose kind `pointer` is.
pub(super) fn delegate(pointer: &str) -> Option<usize> {
    table::position(pointer.strip_prefix("/on_behalf_of/")?.strip_suffix("/kind")?)
}

/// Checks part 7, and gives what it says as name and text.
pub(super) fn observed(value: &Value<'_>) -> Result<Vec<(String, String)>, Wrong> {
    let Value::Object(members) = value else { return Err("is not an object".to_owned()) };
    if members.is_empty() {
        return Err("is empty, so that it should be absent".to_owned());
    }
    for (key, value) in members {
        match (&**key, value) {
            ("peer_ip" | "credential", Value::String(_)) | ("geo", Value::Object(_)) => {}
            ("roles", Value::Object(lists)) => {
                lists.iter().try_for_each(|(pointer, list)| role_list(pointer, list))?;
            }
            ("peer_ip" | "credential" | "geo" | "roles", _) => {
                return Err(format!("has a `{key}` of another type"));
            }
            _ => return Err(format!("has an unknown member `{key}`")),
        }
    }
    Ok(members.iter().map(|(key, value)| (key.to_string(), printed(value))).collect())
}

/// A value for people: a text as it is, anything else as JSON.
pub(super) fn printed(value: &Value<'_>) -> String {
    if let Value::String(text) = value {
        return text.to_string();
    }
    let mut bytes = Vec::new();
    crate::json::write_cj1(value, &mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

fn role_list(pointer: &str, list: &Value<'_>) -> Result<(), Wrong> {
    let tokens = tokens(pointer).unwrap_or_default();
    if !tokens.first().is_some_and(|first| table::CLAIMS.contains(&&**first)) {
        return Err(format!("has roles of `{pointer}`, which is no member of an event"));
    }
    match list {
        Value::Array(roles) if roles.iter().all(|role| role.as_str().is_some()) => Ok(()),
        _ => Err("has a `roles` of another type".to_owned()),
    }
}

fn text(key: &str, value: &Value<'_>) -> Result<String, Wrong> {
    value.as_str().map(str::to_owned).ok_or_else(|| format!("has a `{key}` that is no text"))
}

fn read_instance(value: &Value<'_>) -> Result<Instance, Wrong> {
    let instance = value.as_str().and_then(|text| {
        Instance::parse(text).ok().filter(|instance| instance.to_string() == text)
    });
    instance
        .ok_or_else(|| "has an `instance` that is not 32 lower-case hexadecimal digits".to_owned())
}

fn read_seq(value: &Value<'_>) -> Result<Seq, Wrong> {
    let seq = value.as_u64().filter(|seq| (1..NUMBER_END).contains(seq)).map(Seq);
    seq.ok_or_else(|| "has a `seq` that is no number of a stream".to_owned())
}

/// `name/version`, neither empty.
fn name_and_version(key: &str, value: &Value<'_>) -> Result<String, Wrong> {
    let text = text(key, value)?;
    let is_pair = text.split_once('/').is_some_and(|(name, version)| {
        !name.is_empty() && !version.is_empty() && !version.contains('/')
    });
    if is_pair { Ok(text) } else { Err(format!("has a `{key}` that is not `name/version`")) }
}

fn read_defaults(value: &Value<'_>) -> Result<Vec<(String, String)>, Wrong> {
    let Value::Object(members) = value else {
        return Err("has `defaults` that are no object".to_owned());
    };
    let defaults = members.iter().map(|(pointer, value)| {
        let value = value
            .as_str()
            .ok_or_else(|| format!("has a default of `{pointer}` that is no text"))?;
        Ok((pointer.to_string(), value.to_owned()))
    });
    defaults.collect()
}

fn read_lineage(value: &Value<'_>) -> Result<Vec<Step>, Wrong> {
    let Value::Array(steps) = value else {
        return Err("has a `lineage` that is no list".to_owned());
    };
    steps
        .iter()
        .map(|step| read_step(step).ok_or_else(|| "has a `lineage` of another shape".to_owned()))
        .collect()
}

fn read_step(value: &Value<'_>) -> Option<Step> {
    let Value::Object(members) = value else { return None };
    if members.len() != 3 {
        return None;
    }
    let Value::Array(changed) = value.member("changed")? else { return None };
    Some(Step {
        name: value.member("step")?.as_str()?.to_owned(),
        version: value.member("version")?.as_str()?.to_owned(),
        changed: changed.iter().map(part_id).collect::<Option<_>>()?,
    })
}

/// `[tag, ordinal]` of a part that can exist.
fn part_id(value: &Value<'_>) -> Option<(u8, u16)> {
    let Value::Array(pair) = value else { return None };
    let [tag, ordinal] = pair.as_slice() else { return None };
    let tag = u8::try_from(tag.as_u64()?).ok().filter(|tag| (1..=8).contains(tag))?;
    let ordinal = u16::try_from(ordinal.as_u64()?).ok()?;
    (ordinal == 0 || is_numbered(tag)).then_some((tag, ordinal))
}
