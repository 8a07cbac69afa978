//! What may stand in each part, as data: the table "What each part contains" of the formats.
//!
//! Promises: members and types only, and that a typed place is not empty, since normal form has nothing empty there; an
//! `id` or `occurred_at` that has a normal form must be in it. Refuses every other grammar, enumeration and limit: a
//! verifier that judged them would call a store forged because a rule was loosened.

use std::borrow::Cow;

use crate::ids::EventId;
use crate::json::{Value, push_token};
use crate::normal::OccurredAt;

/// What may stand at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// A text.
    Text,
    /// A text that, if it is an event id, is written in lower case.
    Id,
    /// A text that, if it is a time, is in normal form.
    Time,
    /// `true` or `false`.
    Bool,
    /// Anything, `null` included.
    Free,
    /// An object of anything.
    FreeObject,
    /// An object with these members and no others.
    Object(&'static [(&'static str, Shape)]),
    /// A list of these.
    List(&'static Shape),
}

use Shape::{Bool, Free, FreeObject, Id, List, Object, Text, Time};

const AUTH: &[(&str, Shape)] = &[("method", Text), ("mfa", Bool), ("credential_id", Text)];
const CHANGE: &[(&str, Shape)] = &[("path", Text), ("op", Text), ("old", Free), ("new", Free)];

/// Part 1.
pub(super) const WHAT: Shape = Object(&[
    ("schema", Text),
    ("id", Id),
    ("action", Text),
    ("kind", Text),
    ("severity", Text),
    ("occurred_at", Time),
    ("delivery", Text),
    ("outcome", Object(&[("status", Text), ("code", Text)])),
]);
/// Part 2.
pub(super) const WHO: Shape = Object(&[
    ("id", Text),
    ("kind", Text),
    ("name", Text),
    ("email", Text),
    ("roles", List(&Text)),
    ("auth", Object(AUTH)),
]);
/// Part 3.
pub(super) const TARGET: Shape =
    Object(&[("type", Text), ("id", Text), ("name", Text), ("parent", Text)]);
/// Part 4.
pub(super) const ORIGIN: Shape = Object(&[
    ("service", Text),
    ("host", Text),
    ("ip", Text),
    ("user_agent", Text),
    ("device", Text),
]);
/// Part 5.
pub(super) const DETAIL: Shape = Object(&[
    ("outcome", Object(&[("reason", Text)])),
    (
        "decision",
        Object(&[("effect", Text), ("permission", Text), ("policy", Text), ("version", Text)]),
    ),
    (
        "correlation",
        Object(&[
            ("request_id", Text),
            ("session_id", Text),
            ("trace_id", Text),
            ("span_id", Text),
            ("operation_id", Text),
            ("parent_id", Text),
        ]),
    ),
    ("changes", List(&Object(CHANGE))),
    ("attrs", FreeObject),
    ("justification", Object(&[("text", Text), ("ticket", Text)])),
]);
/// `/original` of part 6.
pub(super) const ORIGINAL: Shape = Object(&[("media_type", Text), ("text", Text)]);
/// The members that an event has: where the pointers of part 7 may begin.
pub(super) const CLAIMS: &[&str] = &[
    "id",
    "schema",
    "occurred_at",
    "action",
    "kind",
    "outcome",
    "actor",
    "on_behalf_of",
    "targets",
    "origin",
    "decision",
    "severity",
    "delivery",
    "correlation",
    "changes",
    "attrs",
    "justification",
    "original",
];

/// The shape of an opened claim part; none for part 6, whose members are pointers.
pub(super) fn of_part(tag: u8) -> Option<Shape> {
    match tag {
        1 => Some(WHAT),
        2 => Some(WHO),
        3 => Some(TARGET),
        4 => Some(ORIGIN),
        5 => Some(DETAIL),
        _ => None,
    }
}

/// Whether typed objects may be empty; a list never is, since positions count and its elements stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Empty {
    /// Personal values may have been taken out.
    Allowed,
    /// Nothing was: what is empty should be absent.
    Refused,
}

/// A value that does not fit, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Misfit {
    /// Pointer into the value that was checked.
    pub(super) pointer: String,
    /// What it is.
    pub(super) why: &'static str,
}

impl Shape {
    /// Checks that `value` is of this shape.
    pub(super) fn check(self, value: &Value<'_>, empty: Empty) -> Result<(), Misfit> {
        self.walk(value, empty, &mut String::new())
    }

    fn walk(self, value: &Value<'_>, empty: Empty, at: &mut String) -> Result<(), Misfit> {
        let misfit = |why| Err(Misfit { pointer: at.clone(), why });
        match (self, value) {
            (Free, _) | (Text, Value::String(_)) | (Bool, Value::Bool(_)) => Ok(()),
            (Id, Value::String(text)) if !is_normal_id(text) => misfit("is not in lower case"),
            (Time, Value::String(text)) if !is_normal_time(text) => misfit("is not in normal form"),
            (Id | Time, Value::String(_)) => Ok(()),
            (FreeObject | Object(_), Value::Object(members))
                if members.is_empty() && empty == Empty::Refused =>
            {
                misfit("is empty, so that it should be absent")
            }
            (List(_), Value::Array(elements)) if elements.is_empty() => {
                misfit("is empty, so that it should be absent")
            }
            (FreeObject, Value::Object(_)) => Ok(()),
            (Object(table), Value::Object(members)) => members.iter().try_for_each(|member| {
                let (key, value) = member;
                let Some((_, shape)) = table.iter().find(|(name, _)| name == key) else {
                    push_token(at, key);
                    return Err(Misfit {
                        pointer: at.clone(),
                        why: "is a member with no place here",
                    });
                };
                below(at, key, |at| shape.walk(value, empty, at))
            }),
            (List(shape), Value::Array(elements)) => {
                elements.iter().enumerate().try_for_each(|(position, value)| {
                    below(at, &position.to_string(), |at| shape.walk(value, empty, at))
                })
            }
            _ => misfit("is of another type"),
        }
    }

    /// The shape of what `tokens` lead to, if they may lead there and end at a member of an object.
    pub(super) fn at(self, tokens: &[Cow<'_, str>]) -> Option<Shape> {
        let (last, containers) = tokens.split_last()?;
        let mut here = self;
        for token in containers {
            here = here.child(token)?;
        }
        match here {
            List(_) => None,
            shape => shape.child(last),
        }
    }

    fn child(self, token: &str) -> Option<Shape> {
        match self {
            Object(table) => table.iter().find(|(name, _)| *name == token).map(|(_, shape)| *shape),
            List(shape) => position(token).map(|_| *shape),
            Free | FreeObject => Some(Free),
            Text | Id | Time | Bool => None,
        }
    }
}

/// The position that a token of a pointer is: plain decimal, no leading zero.
pub(super) fn position(token: &str) -> Option<usize> {
    token.parse().ok().filter(|number: &usize| number.to_string() == token)
}

/// Runs `walk` one token further down.
fn below<T>(at: &mut String, token: &str, walk: impl FnOnce(&mut String) -> T) -> T {
    let length = at.len();
    push_token(at, token);
    let result = walk(at);
    at.truncate(length);
    result
}

fn is_normal_id(text: &str) -> bool {
    EventId::parse(text).map_or(true, |id| id.to_string() == text)
}

fn is_normal_time(text: &str) -> bool {
    OccurredAt::parse(Cow::Borrowed(text)).is_none_or(|time| time.as_str() == text)
}
