//! The rules that go beyond members and types: grammars, enumerations, limits of lists and texts.
//!
//! Promises: an event that passes obeys `docs/formats/event.md` whole; a refusal names the first rule broken, in the order
//! of the table of claims. Refuses to change anything.

use super::members::{Actor, Target, Text};
use super::{DEFAULT_SCHEMA, Event, RESERVED_PREFIX, Rejection, suggest};
use crate::code::Code;
use crate::json::{self, Value};
use crate::limits;

/// What `kind` may be.
pub const KINDS: &[&str] = &[
    "create", "read", "update", "delete", "execute", "login", "logout", "grant", "revoke",
    "config", "other",
];
/// What `outcome.status` may be.
pub const STATUSES: &[&str] = &["success", "failure", "denied", "partial", "unknown"];
/// What the `kind` of an actor may be.
pub const ACTOR_KINDS: &[&str] =
    &["human", "service", "agent", "device", "system", "anonymous", "unknown"];
/// What `severity` may be.
pub const SEVERITIES: &[&str] = &["info", "notice", "warning", "error", "critical"];
/// What `delivery` may be.
pub const DELIVERIES: &[&str] = &["must_commit", "spool", "best_effort"];

type Checked = Result<(), Rejection>;

/// Whether an actor is treated as a person: everyone who does not say to be a thing.
#[must_use]
pub fn is_person(actor: &Actor<'_>) -> bool {
    !matches!(actor.kind.as_deref(), Some("service" | "system" | "device" | "agent"))
}

/// Checks every rule that the reader has not.
pub(super) fn check(event: &Event<'_>) -> Checked {
    if let Some(schema) = &event.schema {
        check_schema(schema)?;
    }
    check_action(&event.action)?;
    one_of(event.kind.as_ref(), KINDS, || "/kind".to_owned())?;
    one_of(event.outcome.status.as_ref(), STATUSES, || "/outcome/status".to_owned())?;
    check_actor(&event.actor, || "/actor".to_owned())?;
    at_most(event.on_behalf_of.len(), limits::ON_BEHALF_OF_MAX, "/on_behalf_of")?;
    for (position, actor) in event.on_behalf_of.iter().enumerate() {
        check_actor(actor, || format!("/on_behalf_of/{position}"))?;
    }
    at_most(event.targets.len(), limits::TARGETS_MAX, "/targets")?;
    for (position, target) in event.targets.iter().enumerate() {
        check_target(target, position)?;
    }
    one_of(event.severity.as_ref(), SEVERITIES, || "/severity".to_owned())?;
    one_of(event.delivery.as_ref(), DELIVERIES, || "/delivery".to_owned())?;
    hex(event.correlation.trace_id.as_ref(), 32, "/correlation/trace_id")?;
    hex(event.correlation.span_id.as_ref(), 16, "/correlation/span_id")?;
    hex(event.correlation.parent_id.as_ref(), 16, "/correlation/parent_id")?;
    for (position, change) in event.changes.iter().enumerate() {
        if json::tokens(&change.path).is_none() {
            let hint = "a path is a JSON pointer (RFC 6901): empty, or `/` before each key";
            return Err(Rejection::with_hint(
                Code::InvalidValue,
                format!("/changes/{position}/path"),
                hint,
            ));
        }
    }
    at_most(event.attrs.len(), limits::ATTRS_KEYS_MAX, "/attrs")?;
    check_depth(event)
}

/// `name@version`, and whose name it is.
fn check_schema(schema: &str) -> Checked {
    if schema == DEFAULT_SCHEMA {
        return Ok(());
    }
    if schema.starts_with(RESERVED_PREFIX) {
        return Err(Rejection::new(Code::SchemaReserved, "/schema"));
    }
    let is_plain = |text: &str| {
        let mut bytes = text.bytes();
        bytes.next().is_some_and(|byte| byte.is_ascii_alphanumeric())
            && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
    };
    match schema.split_once('@') {
        Some((name, version)) if is_plain(name) && is_plain(version) => Ok(()),
        _ => Err(Rejection::with_hint(
            Code::InvalidValue,
            "/schema",
            "a schema is `name@version`, like `acme.order@2`",
        )),
    }
}

/// Two or more segments `[A-Za-z0-9][A-Za-z0-9_-]*` with dots between.
fn check_action(action: &str) -> Checked {
    // Past the grammar all characters are ASCII; the first test keeps a long wrong one from being walked.
    if action.chars().nth(limits::ACTION_CHARS_MAX).is_some() {
        return Err(Rejection::new(Code::TooLong, "/action"));
    }
    let mut segments = 1;
    let mut is_start = true;
    for byte in action.bytes() {
        match byte {
            b'.' if !is_start => {
                segments += 1;
                is_start = true;
            }
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' => is_start = false,
            b'_' | b'-' if !is_start => {}
            _ => return Err(invalid_action()),
        }
    }
    if is_start || segments < 2 { Err(invalid_action()) } else { Ok(()) }
}

fn invalid_action() -> Rejection {
    let hint = "an action has two or more segments with dots between, each of letters, digits, `_` and `-`, like `invoice.approve`";
    Rejection::with_hint(Code::InvalidValue, "/action", hint)
}

fn check_actor(actor: &Actor<'_>, place: impl Fn() -> String) -> Checked {
    check_id(&actor.id, || place() + "/id")?;
    one_of(actor.kind.as_ref(), ACTOR_KINDS, || place() + "/kind")
}

fn check_target(target: &Target<'_>, position: usize) -> Checked {
    if target.kind.is_empty() {
        let field = format!("/targets/{position}/type");
        return Err(Rejection::with_hint(Code::InvalidValue, field, "a type cannot be empty"));
    }
    check_id(&target.id, || format!("/targets/{position}/id"))?;
    match &target.owner {
        Some(owner) => check_id(owner, || format!("/targets/{position}/owner")),
        None => Ok(()),
    }
}

fn check_id(id: &str, field: impl FnOnce() -> String) -> Checked {
    match id.len() {
        0 => Err(Rejection::with_hint(Code::InvalidValue, field(), "an id cannot be empty")),
        bytes if bytes > limits::ID_BYTES_MAX => Err(Rejection::new(Code::TooLong, field())),
        _ => Ok(()),
    }
}

fn one_of(value: Option<&Text<'_>>, allowed: &[&str], field: impl FnOnce() -> String) -> Checked {
    match value {
        Some(value) if !allowed.contains(&&**value) => {
            Err(Rejection::with_hint(Code::InvalidValue, field(), suggest::one_of(value, allowed)))
        }
        _ => Ok(()),
    }
}

fn at_most(count: usize, max: usize, field: &str) -> Checked {
    if count > max { Err(Rejection::new(Code::TooManyItems, field)) } else { Ok(()) }
}

/// W3C trace context ids: lower-case hexadecimal digits, exactly so many.
fn hex(value: Option<&Text<'_>>, digits: usize, field: &str) -> Checked {
    let is_hex = |text: &Text<'_>| {
        text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    match value {
        Some(text) if !is_hex(text) => {
            let hint =
                format!("this is a W3C trace context id: {digits} lower-case hexadecimal digits");
            Err(Rejection::with_hint(Code::InvalidValue, field, hint))
        }
        _ => Ok(()),
    }
}

/// `attrs` itself counts as the first level.
fn check_depth(event: &Event<'_>) -> Checked {
    let deep =
        event.attrs.iter().find(|(_, value)| 1 + Value::depth(value) > limits::ATTRS_DEPTH_MAX);
    match deep {
        Some((key, _)) => {
            let mut field = "/attrs".to_owned();
            json::push_token(&mut field, key);
            Err(Rejection::new(Code::TooDeep, field))
        }
        None => Ok(()),
    }
}
