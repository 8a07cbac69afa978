//! One event: what a producer claims, typed, in normal form.
//!
//! Promises: what `parse` gives obeys every rule of `docs/formats/event.md`; what `as_sent` gives has its members, types
//! and normal form (a verifier judges no more); an absent member stays absent, nothing is added. Texts borrow from the
//! bytes that were read. Refuses to know anything that the server says about the event: that is `canonical::Stamps`.

mod members;
mod owned;
mod read;
mod rules;
pub(crate) mod suggest;

use crate::code::Code;
use crate::damage::Damage;
use crate::limits;

pub use members::{
    Actor, Auth, Change, Correlation, Decision, Justification, Members, Origin, Original, Outcome,
    Target, Text,
};
pub use rules::{ACTOR_KINDS, DELIVERIES, KINDS, SEVERITIES, STATUSES, is_person};

use crate::ids::EventId;
use crate::normal::OccurredAt;

/// The schema of an event that names none.
pub const DEFAULT_SCHEMA: &str = "indelible.event@1";
/// Prefix of the schema names that only the server may use.
pub const RESERVED_PREFIX: &str = "indelible.";

/// One event. `None`, an empty list and an object without members all mean: not claimed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Event<'a> {
    /// The event's name.
    pub id: Option<EventId>,
    /// `name@version`; absent means [`DEFAULT_SCHEMA`].
    pub schema: Option<Text<'a>>,
    /// When it happened.
    pub occurred_at: Option<OccurredAt<'a>>,
    /// What was done: segments, `invoice.approve`.
    pub action: Text<'a>,
    /// One of [`KINDS`].
    pub kind: Option<Text<'a>>,
    /// How it ended.
    pub outcome: Outcome<'a>,
    /// Who did it.
    pub actor: Actor<'a>,
    /// For whom, nearest first.
    pub on_behalf_of: Vec<Actor<'a>>,
    /// What it was done to.
    pub targets: Vec<Target<'a>>,
    /// Where it came from, as the producer says.
    pub origin: Origin<'a>,
    /// The decision of an access control that allowed or refused it.
    pub decision: Decision<'a>,
    /// One of [`SEVERITIES`].
    pub severity: Option<Text<'a>>,
    /// One of [`DELIVERIES`].
    pub delivery: Option<Text<'a>>,
    /// What it belongs to.
    pub correlation: Correlation<'a>,
    /// What was different before and after.
    pub changes: Vec<Change<'a>>,
    /// Whatever else, by key, sorted.
    pub attrs: Members<'a>,
    /// Why it was allowed to happen.
    pub justification: Justification<'a>,
    /// The source record that it was made from, byte for byte.
    pub original: Option<Original<'a>>,
}

/// Why an item is no event: the answer that its sender gets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code} at `{field}`: {hint}")]
pub struct Rejection {
    /// The stable code.
    pub code: Code,
    /// RFC 6901 pointer to the member in the item as sent; empty for the item itself. Cut at [`FIELD_CHARS_MAX`].
    pub field: String,
    /// What to do about it.
    pub hint: String,
}

/// Characters of [`Rejection::field`]: keys can be long, and an answer repeats one per item.
pub const FIELD_CHARS_MAX: usize = 512;

impl Rejection {
    /// A refusal with the common hint of its code.
    #[must_use]
    pub fn new(code: Code, field: impl Into<String>) -> Rejection {
        Rejection::with_hint(code, field, code.hint())
    }

    /// A refusal with a hint of its own.
    #[must_use]
    pub fn with_hint(code: Code, field: impl Into<String>, hint: impl Into<String>) -> Rejection {
        let mut field = field.into();
        if let Some((end, _)) = field.char_indices().nth(FIELD_CHARS_MAX) {
            field.truncate(end);
        }
        Rejection { code, field, hint: hint.into() }
    }
}

impl<'a> Event<'a> {
    /// The event that one item of a request is, if it obeys every rule.
    ///
    /// # Errors
    /// With the first rule that it breaks, and where.
    pub fn parse(item: &'a [u8]) -> Result<Event<'a>, Rejection> {
        if item.len() > limits::EVENT_BYTES_MAX {
            return Err(Rejection::new(Code::TooLarge, ""));
        }
        let event = read::event(item, read::Rules::Ingest)?;
        rules::check(&event)?;
        Ok(event)
    }

    /// The event that a producer holds, as a verifier reads it: members, types, required members and the forms of `id`,
    /// `occurred_at` and `ip` are judged, no other grammar, enumeration or limit.
    ///
    /// # Errors
    /// With the first of these that it breaks.
    pub fn as_sent(item: &'a [u8]) -> Result<Event<'a>, Rejection> {
        read::event(item, read::Rules::Verifier)
    }

    /// The event in `bytes` if they are one in normal form already: no shorthand, `null`, empty list or object, and no
    /// other spelling of `id` and `occurred_at`. Order of members and whitespace are free.
    ///
    /// # Errors
    /// As `as_sent`, and for anything that normal form would change.
    pub fn in_normal_form(bytes: &'a [u8]) -> Result<Event<'a>, Rejection> {
        read::event(bytes, read::Rules::NormalForm)
    }

    /// The event that the opened parts 1 to 6 of a record are together; parts 7 and 8 are passed over. Parts ascend.
    ///
    /// # Errors
    /// With what is wrong: a part twice, out of order, unknown or missing, bytes that are not one JSON object in normal
    /// form with the members of the part, pointers of part 6 that meet or reach where they must not.
    pub fn from_parts(parts: impl IntoIterator<Item = PartBytes<'a>>) -> Result<Event<'a>, Damage> {
        read::from_parts(parts)
    }

    /// The actor and those on whose behalf it acted, nearest first.
    pub fn who(&self) -> impl Iterator<Item = &Actor<'a>> {
        std::iter::once(&self.actor).chain(&self.on_behalf_of)
    }
}

/// The opened bytes of one part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartBytes<'a> {
    /// Which kind of part, 1 to 8.
    pub tag: u8,
    /// Its number among those of the kind.
    pub ordinal: u16,
    /// One JSON object.
    pub bytes: &'a [u8],
}

#[cfg(test)]
mod tests;
