//! One event as its producer holds it against the parts of its record.
//!
//! Promises: every claim of the event is found equal, found different, found missing, or said to be unproven; every claim
//! part is accounted for. A difference is excused only if part 8 names the part that holds the value; a missing value only
//! if it names its part or, for detail, owners and the original, any part 6. Refuses to weigh: `verify` does.

use std::collections::BTreeMap;

use super::part_name;
use super::personal::{self, Personal, Reach};
use super::record::{Part, Record};
use crate::canonical::{self, tag};
use crate::event::Event;
use crate::json::{self, Limits, Value, push_token};

/// What came of a comparison.
#[derive(Debug, Default)]
pub(super) struct Compared {
    /// Claims that were compared and are equal.
    pub(super) equal: usize,
    /// What differs and no step is named for.
    pub(super) different: Vec<String>,
    /// What could not be compared.
    pub(super) unproven: Vec<String>,
    /// What differs in a part that a step is named for.
    pub(super) excused: Vec<((u8, u16), String)>,
    /// Values of detail, owners and originals that were not found, excused or not.
    missing: usize,
}

/// A place where two values part.
enum Gap {
    /// A value stands there, and another one or none was sent.
    There(String),
    /// A value was sent and is not there.
    Missing(String),
}

/// An event with so many actors or targets that ordinals do not reach; no server takes one.
pub(super) fn is_too_long(event: &Event<'_>) -> bool {
    event.targets.len().max(event.on_behalf_of.len()) >= usize::from(u16::MAX)
}

/// Compares all claims of `event` with the record.
pub(super) fn claims(record: &Record<'_>, event: &Event<'_>) -> Compared {
    let parts = canonical::claim_parts(event);
    let expected: BTreeMap<(u8, u16), Value<'_>> = parts
        .iter()
        .map(|part| {
            let value = json::parse(part.bytes, Limits::READER).expect("our own writer wrote JSON");
            ((part.tag, part.ordinal), value)
        })
        .collect();
    let mut compared = Compared::default();
    let seen = record.parts.keys().chain(expected.keys());
    let mut plain: Vec<(u8, u16)> = seen.filter(|(tag, _)| *tag < tag::DETAIL).copied().collect();
    plain.sort_unstable();
    plain.dedup();
    for id in plain {
        compared.plain_part(record, id, expected.get(&id));
    }
    compared.detail(record, expected.get(&(tag::DETAIL, 0)));
    compared.owners(record, event);
    compared.original(record, event);
    compared.needless_personal(record);
    compared
}

impl Compared {
    /// Parts 1 to 4, each of which holds its own claims and no others.
    fn plain_part(&mut self, record: &Record<'_>, id: (u8, u16), expected: Option<&Value<'_>>) {
        let is_named = record.names(id.0, id.1);
        let name = part_name(id.0, id.1);
        let pointer = pointer_of(id);
        match (expected, record.parts.get(&id)) {
            (Some(expected), Some(Part::Opened(found))) => {
                for gap in self.gaps(expected, found, pointer) {
                    let (Gap::There(pointer) | Gap::Missing(pointer)) = gap;
                    self.differ(is_named.then_some(id), pointer, "is not what was sent");
                }
            }
            (Some(_), Some(Part::Withheld(_))) => {
                self.unproven.push(format!("part {name} is withheld"));
            }
            (None, Some(Part::Withheld(_))) if is_named => {
                self.unproven.push(format!("part {name}, made by a step, is withheld"));
            }
            (Some(_), None) => self.differ(is_named.then_some(id), pointer, "is missing"),
            (None, _) => {
                self.differ(is_named.then_some(id), pointer, "is there and was not sent");
            }
        }
    }

    /// Part 5 and what of it lies in parts 6.
    fn detail(&mut self, record: &Record<'_>, expected: Option<&Value<'_>>) {
        let id = (tag::DETAIL, 0);
        let nothing = Value::Object(Vec::new());
        let mut rest = expected.unwrap_or(&nothing).clone();
        for one in record.personal.iter().filter(|one| one.reach == Reach::Detail) {
            let sent = personal::take_out(&mut rest, &one.tokens);
            self.personal_value(record, one, sent.as_ref());
        }
        let is_named = record.names(id.0, id.1);
        let found = match record.parts.get(&id) {
            Some(Part::Opened(found)) => found,
            None => &nothing,
            Some(Part::Withheld(_)) => {
                if rest == nothing && !is_named {
                    self.different
                        .push("part detail is there, and nothing for it was sent".to_owned());
                } else {
                    self.unproven.push("part detail is withheld".to_owned());
                }
                self.missing += 1;
                return;
            }
        };
        for gap in self.gaps(&rest, found, String::new()) {
            match gap {
                Gap::There(pointer) => {
                    self.differ(is_named.then_some(id), pointer, "is not what was sent");
                }
                Gap::Missing(pointer) if is_named => self.excuse_missing(id, pointer),
                Gap::Missing(pointer) => self.missing(record, pointer),
            }
        }
    }

    fn owners(&mut self, record: &Record<'_>, event: &Event<'_>) {
        let mut kept: BTreeMap<u16, &Personal<'_>> = BTreeMap::new();
        for one in &record.personal {
            if let Reach::Owner(target) = one.reach {
                kept.insert(target, one);
            }
        }
        for (position, target) in event.targets.iter().enumerate() {
            let Some(owner) = &target.owner else { continue };
            let sent = Value::String(owner.clone());
            match u16::try_from(position).ok().and_then(|position| kept.remove(&position)) {
                Some(one) => self.personal_value(record, one, Some(&sent)),
                None => self.missing(record, format!("/targets/{position}/owner")),
            }
        }
        for one in kept.values() {
            self.personal_value(record, one, None);
        }
    }

    fn original(&mut self, record: &Record<'_>, event: &Event<'_>) {
        let sent = event.original.as_ref().map(|original| {
            let media_type = original.media_type.as_ref();
            let media_type =
                media_type.map(|text| ("media_type".into(), Value::String(text.clone())));
            let text = ("text".into(), Value::String(original.text.clone()));
            Value::Object(media_type.into_iter().chain([text]).collect())
        });
        match (record.original(), sent) {
            (Some(one), sent) => self.personal_value(record, one, sent.as_ref()),
            (None, Some(_)) => self.missing(record, "/original".to_owned()),
            (None, None) => {}
        }
    }

    /// A withheld part 6 holds something; if all that was sent is found elsewhere, it holds what was not sent.
    fn needless_personal(&mut self, record: &Record<'_>) {
        let withheld = record
            .parts
            .iter()
            .filter(|((tag, _), part)| *tag == tag::PERSONAL && matches!(part, Part::Withheld(_)));
        for ((tag, ordinal), _) in withheld {
            let name = part_name(*tag, *ordinal);
            if self.missing == 0 && !record.names(*tag, *ordinal) {
                self.different.push(format!("part {name} is there, and nothing for it was sent"));
            } else {
                self.unproven.push(format!("part {name} is withheld"));
            }
        }
    }

    /// A value that stands in a part 6 against the one that was sent.
    fn personal_value(
        &mut self,
        record: &Record<'_>,
        one: &Personal<'_>,
        sent: Option<&Value<'_>>,
    ) {
        let id = (tag::PERSONAL, one.ordinal);
        let is_named = record.names(id.0, id.1);
        if sent == Some(&one.value) {
            self.equal += leaves(&one.value);
            return;
        }
        let what =
            if sent.is_some() { "is not what was sent" } else { "is there and was not sent" };
        self.differ(is_named.then_some(id), one.pointer.clone(), what);
    }

    /// A value of detail, an owner or the original that was sent and is not there.
    fn missing(&mut self, record: &Record<'_>, pointer: String) {
        let named =
            record.stamp.iter().flat_map(|stamp| &stamp.lineage).flat_map(|step| &step.changed);
        let named = named.copied().find(|(tag, _)| *tag == tag::PERSONAL);
        if let Some(id) = named {
            return self.excuse_missing(id, pointer);
        }
        self.missing += 1;
        if record.has_withheld(tag::PERSONAL) {
            self.unproven.push(format!("`{pointer}` may lie in a withheld part"));
        } else {
            self.different.push(format!("`{pointer}` is missing"));
        }
    }

    fn excuse_missing(&mut self, id: (u8, u16), pointer: String) {
        self.missing += 1;
        self.excused.push((id, pointer));
    }

    /// Notes a difference at `pointer`, excused by the part that a step is named for.
    fn differ(&mut self, named: Option<(u8, u16)>, pointer: String, what: &str) {
        match named {
            Some(id) => self.excused.push((id, pointer)),
            None => self.different.push(format!("`{pointer}` {what}")),
        }
    }

    /// Where two values part; counts what is equal.
    fn gaps(&mut self, sent: &Value<'_>, found: &Value<'_>, pointer: String) -> Vec<Gap> {
        let mut gaps = Vec::new();
        let mut pointer = pointer;
        self.walk((sent, found), &mut pointer, &mut gaps);
        gaps
    }

    fn walk(&mut self, pair: (&Value<'_>, &Value<'_>), at: &mut String, gaps: &mut Vec<Gap>) {
        let length = at.len();
        match pair {
            (Value::Object(sent), Value::Object(there)) => {
                for (key, value) in sent {
                    push_token(at, key);
                    match personal::member(there, key) {
                        Some(other) => self.walk((value, other), at, gaps),
                        None => gaps.push(Gap::Missing(at.clone())),
                    }
                    at.truncate(length);
                }
                for (key, _) in
                    there.iter().filter(|(key, _)| personal::member(sent, key).is_none())
                {
                    push_token(at, key);
                    gaps.push(Gap::There(at.clone()));
                    at.truncate(length);
                }
            }
            (Value::Array(sent), Value::Array(there)) if sent.len() == there.len() => {
                for (position, pair) in sent.iter().zip(there).enumerate() {
                    push_token(at, &position.to_string());
                    self.walk(pair, at, gaps);
                    at.truncate(length);
                }
            }
            (sent, there) if sent == there => self.equal += 1,
            _ => gaps.push(Gap::There(at.clone())),
        }
    }
}

/// How many leaves a value has; an empty container is one.
fn leaves(value: &Value<'_>) -> usize {
    match value {
        Value::Object(members) => {
            members.iter().map(|(_, value)| leaves(value)).sum::<usize>().max(1)
        }
        Value::Array(elements) => elements.iter().map(leaves).sum::<usize>().max(1),
        _ => 1,
    }
}

/// Where in the event the claims of a part stand.
fn pointer_of((tag, ordinal): (u8, u16)) -> String {
    match (tag, ordinal) {
        (tag::WHO, 0) => "/actor".to_owned(),
        (tag::WHO, ordinal) => format!("/on_behalf_of/{}", ordinal - 1),
        (tag::TARGET, ordinal) => format!("/targets/{ordinal}"),
        (tag::ORIGIN, _) => "/origin".to_owned(),
        _ => String::new(),
    }
}
