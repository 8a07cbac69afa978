//! The members of an event that have members of their own.
//!
//! Promises: one field per member of the table of claims, `None` where it was not sent. Refuses defaults: an absent
//! `kind` is not `unknown` here, since what a server assumes is a stamp.

use std::borrow::Cow;

use crate::json::Value;

/// A text of an event: borrowed from the bytes that were read unless it had an escape or was put into normal form.
pub type Text<'a> = Cow<'a, str>;

/// The members of a free object, sorted by key.
pub type Members<'a> = Vec<(Cow<'a, str>, Value<'a>)>;

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcome<'a> {
    /// One of [`super::STATUSES`]; absent means `unknown`.
    pub status: Option<Text<'a>>,
    /// The producer's own code.
    pub code: Option<Text<'a>>,
    /// In words.
    pub reason: Option<Text<'a>>,
}

/// Somebody, or something, that acts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Actor<'a> {
    /// Its id, bytes exact.
    pub id: Text<'a>,
    /// One of [`super::ACTOR_KINDS`]; absent means `unknown`, and is treated as a person.
    pub kind: Option<Text<'a>>,
    /// A name to show.
    pub name: Option<Text<'a>>,
    /// An e-mail address.
    pub email: Option<Text<'a>>,
    /// Roles it had.
    pub roles: Vec<Text<'a>>,
    /// How it proved who it is.
    pub auth: Auth<'a>,
}

/// How an actor proved who it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Auth<'a> {
    /// `oidc`, `password`.
    pub method: Option<Text<'a>>,
    /// Whether a second factor was used.
    pub mfa: Option<bool>,
    /// Which credential.
    pub credential_id: Option<Text<'a>>,
}

/// Something that was acted upon.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Target<'a> {
    /// What kind of thing; with `id` its name.
    pub kind: Text<'a>,
    /// Its id, bytes exact.
    pub id: Text<'a>,
    /// A name to show.
    pub name: Option<Text<'a>>,
    /// What it belongs to.
    pub parent: Option<Text<'a>>,
    /// The person whom it concerns; kept in part 6.
    pub owner: Option<Text<'a>>,
}

/// Where it came from, as the producer says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origin<'a> {
    /// The service that saw it.
    pub service: Option<Text<'a>>,
    /// A host, or an address that is none.
    pub host: Option<Text<'a>>,
    /// An address in its one spelling.
    pub ip: Option<Text<'a>>,
    /// A browser or SDK.
    pub user_agent: Option<Text<'a>>,
    /// A device.
    pub device: Option<Text<'a>>,
}

/// The decision of an access control.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Decision<'a> {
    /// `allow`, `deny`.
    pub effect: Option<Text<'a>>,
    /// What was asked for.
    pub permission: Option<Text<'a>>,
    /// Which policy decided.
    pub policy: Option<Text<'a>>,
    /// Which version of it.
    pub version: Option<Text<'a>>,
}

/// What an event belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Correlation<'a> {
    /// The request.
    pub request_id: Option<Text<'a>>,
    /// The session.
    pub session_id: Option<Text<'a>>,
    /// W3C trace id, 32 lower-case hexadecimal digits.
    pub trace_id: Option<Text<'a>>,
    /// W3C span id, 16 lower-case hexadecimal digits.
    pub span_id: Option<Text<'a>>,
    /// The operation of several steps.
    pub operation_id: Option<Text<'a>>,
    /// W3C parent id, 16 lower-case hexadecimal digits.
    pub parent_id: Option<Text<'a>>,
}

/// One difference that an event made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Change<'a> {
    /// JSON pointer into what was changed.
    pub path: Text<'a>,
    /// What was done there.
    pub op: Text<'a>,
    /// The value before; `Some(Null)` is a `null` that was sent.
    pub old: Option<Value<'a>>,
    /// The value after.
    pub new: Option<Value<'a>>,
}

/// Why it was allowed to happen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Justification<'a> {
    /// In words.
    pub text: Option<Text<'a>>,
    /// A ticket.
    pub ticket: Option<Text<'a>>,
}

/// The source record that an event was made from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Original<'a> {
    /// What it is, `application/json`.
    pub media_type: Option<Text<'a>>,
    /// The record, byte for byte.
    pub text: Text<'a>,
}
