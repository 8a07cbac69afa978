//! One record of a receipt, alone: whether it can be what it says, whoever sent what.
//!
//! Promises: the event root follows from the parts as given; each opened part has the members and types of its tag; holes,
//! pointers and defaults are explained by what else is opened. Refuses to judge what is withheld.

use std::collections::BTreeMap;

use super::personal::{self, Personal, Reach};
use super::stamp::{self, Stamp};
use super::table::{self, Empty};
use super::{Content, Finding, Shown, ShownPart, part_name};
use crate::commitment;
use crate::entry::{Entry, EntryKind};
use crate::event::{DEFAULT_SCHEMA, PartBytes};
use crate::json::{self, Limits, Value};
use crate::system::SystemKind;

/// What the schema of every record that the server itself writes begins with.
const SYSTEM_PREFIX: &str = "indelible.system.";

/// A record whose parts are what they can be.
#[derive(Debug)]
pub(super) struct Record<'r> {
    pub(super) index: u64,
    pub(super) entry: Entry,
    pub(super) parts: BTreeMap<(u8, u16), Part<'r>>,
    pub(super) stamp: Option<Stamp>,
    /// What part 7 says, for people.
    pub(super) observed: Vec<(String, String)>,
    /// The members of every opened part 6.
    pub(super) personal: Vec<Personal<'r>>,
}

/// One part.
#[derive(Debug)]
pub(super) enum Part<'r> {
    /// Its value; that of part 6 lies in [`Record::personal`].
    Opened(Value<'r>),
    /// With the record that allows it, as the server says.
    Withheld(Option<u64>),
}

/// What a record stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// An event of a producer.
    Event,
    /// An item that was refused; it is not kept.
    Refused,
    /// An item that was kept, but not accepted.
    DeadLetter,
    /// Another record of the server's own.
    System,
    /// A record of the server's own, of which sort cannot be seen.
    Unknown,
}

impl<'r> Record<'r> {
    /// Reads and checks the record at `index` of the ledger `origin`.
    pub(super) fn read(
        index: u64,
        shown: &'r Shown<'_>,
        origin: &str,
    ) -> Result<Record<'r>, Finding> {
        let wrong = |what: String| Finding::damage(format!("index {index}"), what);
        let entry = Entry::decode(&shown.entry)
            .ok_or_else(|| wrong("its entry has another version or kind".to_owned()))?;
        for (tag, ordinal) in [(1, 0), (2, 0), (8, 0)] {
            if !shown.parts.iter().any(|part| (part.tag, part.ordinal) == (tag, ordinal)) {
                return Err(wrong(format!("it has no part {}", part_name(tag, ordinal))));
            }
        }
        if root(&shown.parts) != entry.root {
            return Err(wrong("its parts do not give the event root of its entry".to_owned()));
        }
        let mut record = Record {
            index,
            entry,
            parts: BTreeMap::new(),
            stamp: None,
            observed: Vec::new(),
            personal: Vec::new(),
        };
        for part in &shown.parts {
            record.open(part).map_err(|what| {
                wrong(format!("its part {} {what}", part_name(part.tag, part.ordinal)))
            })?;
        }
        record.check(origin).map_err(wrong)?;
        Ok(record)
    }

    /// Takes one part, opened if it is.
    fn open(&mut self, part: &'r ShownPart<'_>) -> Result<(), String> {
        let (salt_and_json, id) = (&part.content, (part.tag, part.ordinal));
        let json = match salt_and_json {
            Content::Withheld { by, .. } => {
                self.parts.insert(id, Part::Withheld(*by));
                return Ok(());
            }
            Content::Opened { json, .. } => json,
        };
        let value = json::parse(json.as_bytes(), Limits::READER)
            .map_err(|error| format!("is not one JSON object: {error}"))?;
        let value = match part.tag {
            6 => {
                self.personal.extend(personal::read(part.ordinal, value)?);
                Value::Null
            }
            7 => {
                self.observed = stamp::observed(&value)?;
                value
            }
            8 => {
                self.stamp = Some(Stamp::read(&value)?);
                value
            }
            tag => {
                check_claims(tag, &value)?;
                value
            }
        };
        self.parts.insert(id, Part::Opened(value));
        Ok(())
    }

    /// What the parts say about one another.
    fn check(&self, origin: &str) -> Result<(), String> {
        if let Some(stamp) = &self.stamp {
            let tenant = origin.rsplit_once('/').map(|(_, tenant)| tenant);
            if tenant != Some(stamp.tenant.as_str()) {
                return Err(format!(
                    "its stamp names tenant `{}`, not that of its origin",
                    stamp.tenant
                ));
            }
        }
        self.check_kind()?;
        self.check_holes()?;
        self.check_personal()?;
        self.check_defaults()?;
        if self.role() == Role::DeadLetter && !self.has_withheld(6) && self.original().is_none() {
            return Err("it is a dead letter without its item".to_owned());
        }
        Ok(())
    }

    /// Schema, stamp and entry agree on what sort of record it is.
    fn check_kind(&self) -> Result<(), String> {
        if let Some(schema) = self.schema() {
            let kind =
                SystemKind::of_schema(schema).map_or(EntryKind::Event, SystemKind::entry_kind);
            if self.entry.kind != kind {
                return Err("the kind in its entry is not that of its schema".to_owned());
            }
            let is_system = schema.starts_with(SYSTEM_PREFIX);
            if self.stamp.as_ref().is_some_and(|stamp| stamp.is_system != is_system) {
                return Err(
                    "schema and stamp disagree on whether it is the server's own".to_owned()
                );
            }
        } else if self.entry.kind == EntryKind::Key
            && self.stamp.as_ref().is_some_and(|stamp| !stamp.is_system)
        {
            return Err("the kind in its entry is not that of its stamp".to_owned());
        }
        Ok(())
    }

    /// A hole among actors or targets is one that a step left.
    fn check_holes(&self) -> Result<(), String> {
        let Some(stamp) = &self.stamp else { return Ok(()) };
        for tag in [2, 3] {
            let end = self.end(tag);
            let hole = (0..end).find(|ordinal| {
                !self.parts.contains_key(&(tag, *ordinal)) && !stamp.names(tag, *ordinal)
            });
            if let Some(ordinal) = hole {
                let name = part_name(tag, ordinal);
                return Err(format!("part {name} is missing, and no step is named for it"));
            }
        }
        Ok(())
    }

    fn check_personal(&self) -> Result<(), String> {
        if let Some((one, other)) = personal::meeting(&self.personal) {
            return Err(format!("its pointers `{one}` and `{other}` meet"));
        }
        for one in &self.personal {
            if let Reach::Owner(target) = one.reach
                && !self.parts.contains_key(&(3, target))
            {
                return Err(format!(
                    "its pointer `{}` reaches a target that is not there",
                    one.pointer
                ));
            }
        }
        let nothing = Value::Object(Vec::new());
        let detail = match self.parts.get(&(5, 0)) {
            Some(Part::Withheld(_)) => return Ok(()),
            Some(Part::Opened(detail)) => detail,
            None => &nothing,
        };
        let whole = personal::put_back(detail, &self.personal)?;
        if self.has_withheld(6) || whole == nothing {
            return Ok(());
        }
        table::DETAIL.check(&whole, Empty::Refused).map_err(|misfit| {
            format!("its part detail has `{}`, which {}", misfit.pointer, misfit.why)
        })
    }

    /// The defaults are exactly those of what was not sent, as far as that can be seen.
    fn check_defaults(&self) -> Result<(), String> {
        let Some(stamp) = self.stamp.as_ref().filter(|stamp| !stamp.is_system) else {
            return Ok(());
        };
        let places = [
            ("/schema", (1, 0)),
            ("/id", (1, 0)),
            ("/kind", (1, 0)),
            ("/outcome/status", (1, 0)),
            ("/actor/kind", (2, 0)),
        ];
        for (pointer, part) in places {
            let inside = pointer.strip_prefix("/actor").unwrap_or(pointer);
            self.check_default(stamp, pointer, (part, inside))?;
        }
        let stamped = stamp.defaults.iter().filter_map(|(pointer, _)| stamp::delegate(pointer));
        let stamped = stamped.map(|position| u16::try_from(position + 1).unwrap_or(u16::MAX));
        let present = self.parts.keys().filter(|(tag, ordinal)| *tag == 2 && *ordinal > 0);
        for ordinal in present.map(|(_, ordinal)| *ordinal).chain(stamped) {
            let pointer = format!("/on_behalf_of/{}/kind", ordinal - 1);
            self.check_default(stamp, &pointer, ((2, ordinal), "/kind"))?;
        }
        Ok(())
    }

    /// A default is there if and only if the claim at `inside` of its part is not.
    fn check_default(
        &self,
        stamp: &Stamp,
        pointer: &str,
        (part, inside): ((u8, u16), &str),
    ) -> Result<(), String> {
        if stamp.names(part.0, part.1) {
            return Ok(());
        }
        let is_stamped = stamp.default_of(pointer).is_some();
        let is_right = match self.parts.get(&part) {
            Some(Part::Withheld(_)) => true,
            Some(Part::Opened(value)) => {
                let mut tokens = inside.split('/').skip(1);
                let claim = tokens.try_fold(value, |here, token| personal::child(here, token));
                is_stamped == claim.is_none()
            }
            None => !is_stamped,
        };
        if is_right {
            return Ok(());
        }
        Err(format!(
            "its stamp has {} default of `{pointer}`",
            if is_stamped { "a needless" } else { "no" }
        ))
    }

    /// The schema, if part 1 is opened.
    pub(super) fn schema(&self) -> Option<&str> {
        let what = self.opened(1, 0)?;
        Some(what.member("schema").and_then(Value::as_str).unwrap_or(DEFAULT_SCHEMA))
    }

    /// What the record stands for. A system record is one only if schema and stamp say so.
    pub(super) fn role(&self) -> Role {
        match (self.schema(), &self.stamp) {
            (None, Some(stamp)) if stamp.is_system => Role::Unknown,
            (Some(schema), None) if schema.starts_with(SYSTEM_PREFIX) => Role::Unknown,
            (Some(schema), Some(_)) if schema.starts_with(SYSTEM_PREFIX) => {
                match SystemKind::of_schema(schema) {
                    Some(SystemKind::Refused) => Role::Refused,
                    Some(SystemKind::DeadLetter) => Role::DeadLetter,
                    _ => Role::System,
                }
            }
            _ => Role::Event,
        }
    }

    /// The value of an opened part.
    pub(super) fn opened(&self, tag: u8, ordinal: u16) -> Option<&Value<'r>> {
        match self.parts.get(&(tag, ordinal)) {
            Some(Part::Opened(value)) => Some(value),
            _ => None,
        }
    }

    /// The kept original, if it is opened.
    pub(super) fn original(&self) -> Option<&Personal<'r>> {
        self.personal.iter().find(|one| one.reach == Reach::Original)
    }

    /// Whether a part of this tag is withheld.
    pub(super) fn has_withheld(&self, tag: u8) -> bool {
        let mut parts = self.parts.range((tag, 0)..=(tag, u16::MAX));
        parts.any(|(_, part)| matches!(part, Part::Withheld(_)))
    }

    /// Whether a step is named for the part.
    pub(super) fn names(&self, tag: u8, ordinal: u16) -> bool {
        self.stamp.as_ref().is_some_and(|stamp| stamp.names(tag, ordinal))
    }

    /// Whether a step is named for any part of `tags`.
    pub(super) fn names_any(&self, tags: std::ops::RangeInclusive<u8>) -> bool {
        self.stamp.as_ref().is_some_and(|stamp| stamp.names_any(tags))
    }

    /// One past the last ordinal of a tag.
    pub(super) fn end(&self, tag: u8) -> u16 {
        let last = self.parts.range((tag, 0)..=(tag, u16::MAX)).next_back();
        last.map_or(0, |((_, ordinal), _)| ordinal.saturating_add(1))
    }
}

/// Members and types of parts 1 to 5.
fn check_claims(tag: u8, value: &Value<'_>) -> Result<(), String> {
    // Personal values may have emptied containers of part 5; the part itself has members, else it would not exist.
    let empty = if tag == 5 { Empty::Allowed } else { Empty::Refused };
    let shape = table::of_part(tag).ok_or_else(|| "is of an unknown tag".to_owned())?;
    let checked = shape.check(value, empty);
    checked.map_err(|misfit| format!("has `{}`, which {}", misfit.pointer, misfit.why))?;
    if *value == Value::Object(Vec::new()) {
        return Err("is empty, so that it should be absent".to_owned());
    }
    Ok(())
}

/// The event root that follows from the parts as given.
fn root(parts: &[ShownPart<'_>]) -> tlog::Hash {
    commitment::event_root(parts.iter().map(|part| {
        let digest = match &part.content {
            Content::Withheld { digest, .. } => *digest,
            Content::Opened { salt, json } => {
                let (tag, ordinal, bytes) = (part.tag, part.ordinal, json.as_bytes());
                commitment::digest(PartBytes { tag, ordinal, bytes }, salt)
            }
        };
        (part.tag, part.ordinal, digest)
    }))
}
