//! Bytes to an event: members, types, required members and normal form, in one pass over the bytes.
//!
//! Promises: a member is read once, by its name in the table of its object; an unknown or repeated one is refused. What
//! depends on more than members and types (grammars, enumerations, limits of lists) is `rules`.

mod fault;
mod parts;

use std::borrow::Cow;

use super::members::{
    Actor, Auth, Change, Correlation, Decision, Justification, Origin, Original, Outcome, Target,
    Text,
};
use super::{Event, Rejection};
use crate::code::Code;
use crate::ids::EventId;
use crate::json::{self, Lexer, Limits, Value};
use crate::limits;
use crate::normal::{self, OccurredAt};

use fault::{Fault, Hint, Read, no_element};
pub(super) use parts::from_parts;

/// The members of an event, in code-point order.
pub(super) const EVENT: &[&str] = &[
    "action",
    "actor",
    "attrs",
    "changes",
    "correlation",
    "decision",
    "delivery",
    "id",
    "justification",
    "kind",
    "occurred_at",
    "on_behalf_of",
    "origin",
    "original",
    "outcome",
    "schema",
    "severity",
    "targets",
];
const OUTCOME: &[&str] = &["code", "reason", "status"];
const ACTOR: &[&str] = &["auth", "email", "id", "kind", "name", "roles"];
const AUTH: &[&str] = &["credential_id", "method", "mfa"];
const TARGET: &[&str] = &["id", "name", "owner", "parent", "type"];
const ORIGIN: &[&str] = &["device", "host", "ip", "service", "user_agent"];
const DECISION: &[&str] = &["effect", "permission", "policy", "version"];
const CORRELATION: &[&str] =
    &["operation_id", "parent_id", "request_id", "session_id", "span_id", "trace_id"];
const CHANGE: &[&str] = &["new", "old", "op", "path"];
const JUSTIFICATION: &[&str] = &["text", "ticket"];
const ORIGINAL: &[&str] = &["media_type", "text"];

/// By which rules to read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Rules {
    /// As an item of a request: with limits.
    Ingest,
    /// As the event that a producer holds: without limits.
    Verifier,
    /// As bytes that are in normal form, else refuse them.
    NormalForm,
}

/// Reads one whole event.
pub(super) fn event(bytes: &[u8], rules: Rules) -> Result<Event<'_>, Rejection> {
    // Events are large to move: one is filled where it stands.
    let mut draft = Draft::default();
    match draft.fill(bytes, rules) {
        Ok(()) => Ok(draft.event),
        Err(fault) => Err(fault.rejection(bytes)),
    }
}

/// An event that is being read.
#[derive(Default)]
struct Draft<'a> {
    event: Event<'a>,
    has_action: bool,
    has_actor: bool,
}

impl<'a> Draft<'a> {
    fn fill(&mut self, bytes: &'a [u8], rules: Rules) -> Read<()> {
        let mut reader = Reader::new(bytes, rules)?;
        let start = reader.lexer.offset();
        reader.object(EVENT, |reader, name| reader.event_member(name, self, OUTCOME))?;
        reader.lexer.end()?;
        match self.missing() {
            Some(member) => Err(Fault::missing(start, member)),
            None => Ok(()),
        }
    }

    /// A required member that was not there.
    fn missing(&self) -> Option<&'static str> {
        match (self.has_action, self.has_actor) {
            (false, _) => Some("action"),
            (true, false) => Some("actor"),
            (true, true) => None,
        }
    }

    fn put_actor(&mut self, actor: Option<Actor<'a>>) {
        if let Some(actor) = actor {
            self.event.actor = actor;
            self.has_actor = true;
        }
    }
}

/// A lexer that knows the members of events.
struct Reader<'a> {
    lexer: Lexer<'a>,
    rules: Rules,
}

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8], rules: Rules) -> Read<Reader<'a>> {
        let limits = if rules == Rules::Ingest { Limits::EVENT } else { Limits::READER };
        Ok(Reader { lexer: Lexer::new(bytes, limits)?, rules })
    }

    /// One typed object: `member` is called with each name that has a value.
    fn object<F>(&mut self, names: &'static [&'static str], mut member: F) -> Read<()>
    where
        F: FnMut(&mut Self, &'static str) -> Read<()>,
    {
        if self.lexer.peek() != Some(b'{') {
            return Err(self.lexer.wrong_type().into());
        }
        let start = self.lexer.offset();
        self.lexer.open(b'{')?;
        let mut place = json::Place::First;
        let mut seen = 0_u32;
        while let Some((key, offset)) = self.lexer.next_key(&mut place)? {
            let Some(position) = names.iter().position(|name| *name == key) else {
                return Err(Fault::new(Code::UnknownField, offset, Hint::Nearest(names)));
            };
            let name = names.get(position).copied().unwrap_or_default();
            if seen & 1 << position != 0 {
                return Err(Fault::new(Code::DuplicateKey, offset, Hint::Common));
            }
            seen |= 1 << position;
            if is_free(name) || !self.null()? {
                member(self, name)?;
            }
        }
        if seen == 0 && self.rules == Rules::NormalForm {
            return Err(self.not_normal(start));
        }
        Ok(())
    }

    /// One typed list: `element` is called for each.
    fn list<F>(&mut self, mut element: F) -> Read<()>
    where
        F: FnMut(&mut Self, usize) -> Read<()>,
    {
        if self.lexer.peek() != Some(b'[') {
            return Err(self.lexer.wrong_type().into());
        }
        let start = self.lexer.offset();
        self.lexer.open(b'[')?;
        let mut place = json::Place::First;
        while self.lexer.next_element(&mut place)? {
            let offset = self.lexer.offset();
            if self.lexer.null()? {
                return Err(no_element(offset));
            }
            element(self, offset)?;
        }
        if matches!(place, json::Place::First) && self.rules == Rules::NormalForm {
            return Err(self.not_normal(start));
        }
        Ok(())
    }

    /// Takes `null` where it means that the member is absent.
    fn null(&mut self) -> Read<bool> {
        let offset = self.lexer.offset();
        let is_null = self.lexer.null()?;
        if is_null && self.rules == Rules::NormalForm {
            return Err(self.not_normal(offset));
        }
        Ok(is_null)
    }

    fn text(&mut self) -> Read<Text<'a>> {
        Ok(self.lexer.text()?)
    }

    fn maybe_text(&mut self, slot: &mut Option<Text<'a>>) -> Read<()> {
        *slot = Some(self.text()?);
        Ok(())
    }

    /// Whether the next value is a text, which is a shorthand here.
    fn is_shorthand(&mut self) -> Read<bool> {
        if self.lexer.peek() != Some(b'"') {
            return Ok(false);
        }
        if self.rules == Rules::NormalForm {
            let offset = self.lexer.offset();
            return Err(self.not_normal(offset));
        }
        Ok(true)
    }

    fn not_normal(&self, offset: usize) -> Fault {
        Fault::new(Code::InvalidValue, offset, Hint::Text("this is not in normal form"))
    }

    /// One member of the event itself. `outcome` names the members that its outcome may have here.
    fn event_member(
        &mut self,
        name: &'static str,
        draft: &mut Draft<'a>,
        outcome: &'static [&'static str],
    ) -> Read<()> {
        let event = &mut draft.event;
        match name {
            "action" => {
                event.action = self.text()?;
                draft.has_action = true;
            }
            "actor" => draft.put_actor(self.actor_or_none()?),
            "attrs" => self.attrs(event)?,
            "changes" => self.list(|reader, offset| {
                let change = reader.change(offset)?;
                event.changes.push(change);
                Ok(())
            })?,
            "correlation" => self.correlation(&mut event.correlation)?,
            "decision" => self.decision(&mut event.decision)?,
            "delivery" => self.maybe_text(&mut event.delivery)?,
            "id" => event.id = Some(self.id()?),
            "justification" => self.justification(&mut event.justification)?,
            "kind" => self.maybe_text(&mut event.kind)?,
            "occurred_at" => event.occurred_at = Some(self.occurred_at()?),
            "on_behalf_of" => self.list(|reader, offset| {
                let actor = reader.actor_or_none()?.ok_or(no_element(offset))?;
                event.on_behalf_of.push(actor);
                Ok(())
            })?,
            "origin" => self.origin(&mut event.origin)?,
            "original" => event.original = self.original()?,
            "outcome" => self.outcome(&mut event.outcome, outcome)?,
            "schema" => self.maybe_text(&mut event.schema)?,
            "severity" => self.maybe_text(&mut event.severity)?,
            _ => self.list(|reader, offset| {
                let target = reader.target(offset, TARGET)?;
                event.targets.push(target);
                Ok(())
            })?,
        }
        Ok(())
    }

    fn id(&mut self) -> Read<EventId> {
        let offset = self.lexer.offset();
        let text = self.text()?;
        let invalid = |hint| Fault::new(Code::InvalidValue, offset, Hint::Text(hint));
        let id = EventId::parse(&text)
            .map_err(|_| invalid("an id has 32 hexadecimal digits in groups of 8-4-4-4-12"))?;
        if self.rules == Rules::NormalForm && text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(self.not_normal(offset));
        }
        Ok(id)
    }

    fn occurred_at(&mut self) -> Read<OccurredAt<'a>> {
        const HINT: &str = "send RFC 3339 with an offset, a year from 1678 to 2261, seconds up to 59 and at most 9 fraction \
            digits, like `2026-11-24T10:00:00.5+01:00`";
        let offset = self.lexer.offset();
        let text = self.text()?;
        let sent = if self.rules == Rules::NormalForm { Some(text.clone()) } else { None };
        let time = OccurredAt::parse(text).ok_or(Fault::new(
            Code::InvalidValue,
            offset,
            Hint::Text(HINT),
        ))?;
        if sent.is_some_and(|sent| sent != time.as_str()) {
            return Err(self.not_normal(offset));
        }
        Ok(time)
    }

    fn outcome(&mut self, outcome: &mut Outcome<'a>, names: &'static [&'static str]) -> Read<()> {
        if self.is_shorthand()? {
            return self.maybe_text(&mut outcome.status);
        }
        self.object(names, |reader, name| match name {
            "code" => reader.maybe_text(&mut outcome.code),
            "reason" => reader.maybe_text(&mut outcome.reason),
            _ => reader.maybe_text(&mut outcome.status),
        })
    }

    /// An actor, or `None` for an object without members.
    fn actor_or_none(&mut self) -> Read<Option<Actor<'a>>> {
        let start = self.lexer.offset();
        let mut actor = Actor::default();
        let mut id = None;
        if self.is_shorthand()? {
            id = Some(self.text()?);
        } else {
            self.object(ACTOR, |reader, name| match name {
                "auth" => reader.auth(&mut actor.auth),
                "email" => reader.maybe_text(&mut actor.email),
                "id" => reader.maybe_text(&mut id),
                "kind" => reader.maybe_text(&mut actor.kind),
                "name" => reader.maybe_text(&mut actor.name),
                _ => reader.list(|reader, _| {
                    let role = reader.text()?;
                    actor.roles.push(role);
                    Ok(())
                }),
            })?;
        }
        match id {
            Some(id) => Ok(Some(Actor { id, ..actor })),
            None if actor == Actor::default() => Ok(None),
            None => Err(Fault::missing(start, "id")),
        }
    }

    fn auth(&mut self, auth: &mut Auth<'a>) -> Read<()> {
        self.object(AUTH, |reader, name| match name {
            "credential_id" => reader.maybe_text(&mut auth.credential_id),
            "method" => reader.maybe_text(&mut auth.method),
            _ => {
                auth.mfa = Some(reader.lexer.boolean()?);
                Ok(())
            }
        })
    }

    fn target(&mut self, start: usize, names: &'static [&'static str]) -> Read<Target<'a>> {
        if self.is_shorthand()? {
            return self.short_target(start);
        }
        let mut target = Target::default();
        let (mut kind, mut id) = (None, None);
        self.object(names, |reader, name| match name {
            "id" => reader.maybe_text(&mut id),
            "name" => reader.maybe_text(&mut target.name),
            "owner" => reader.maybe_text(&mut target.owner),
            "parent" => reader.maybe_text(&mut target.parent),
            _ => reader.maybe_text(&mut kind),
        })?;
        if kind.is_none() && id.is_none() && target == Target::default() {
            return Err(no_element(start));
        }
        target.kind = kind.ok_or(Fault::missing(start, "type"))?;
        target.id = id.ok_or(Fault::missing(start, "id"))?;
        Ok(target)
    }

    /// `"type/id"`, cut at the first slash.
    fn short_target(&mut self, start: usize) -> Read<Target<'a>> {
        const HINT: &str = "a target as text is `type/id`, neither empty";
        let (kind, id) = match self.text()? {
            Cow::Borrowed(text) => text.split_once('/').map(|(kind, id)| (kind.into(), id.into())),
            Cow::Owned(text) => text
                .split_once('/')
                .map(|(kind, id)| (kind.to_owned().into(), id.to_owned().into())),
        }
        .filter(|(kind, id): &(Text<'_>, Text<'_>)| !kind.is_empty() && !id.is_empty())
        .ok_or(Fault::new(Code::InvalidValue, start, Hint::Text(HINT)))?;
        Ok(Target { kind, id, ..Target::default() })
    }

    fn origin(&mut self, origin: &mut Origin<'a>) -> Read<()> {
        self.object(ORIGIN, |reader, name| match name {
            "device" => reader.maybe_text(&mut origin.device),
            "host" => reader.maybe_text(&mut origin.host),
            "ip" => reader.ip(&mut origin.ip),
            "service" => reader.maybe_text(&mut origin.service),
            _ => reader.maybe_text(&mut origin.user_agent),
        })
    }

    fn ip(&mut self, slot: &mut Option<Text<'a>>) -> Read<()> {
        const HINT: &str = "send dotted-quad IPv4 or RFC 5952 IPv6 text without brackets, port or zone; put anything else into `origin.host`";
        let offset = self.lexer.offset();
        let text = self.text()?;
        if !normal::is_ip(&text) {
            return Err(Fault::new(Code::InvalidValue, offset, Hint::Text(HINT)));
        }
        *slot = Some(text);
        Ok(())
    }

    fn decision(&mut self, decision: &mut Decision<'a>) -> Read<()> {
        self.object(DECISION, |reader, name| match name {
            "effect" => reader.maybe_text(&mut decision.effect),
            "permission" => reader.maybe_text(&mut decision.permission),
            "policy" => reader.maybe_text(&mut decision.policy),
            _ => reader.maybe_text(&mut decision.version),
        })
    }

    fn correlation(&mut self, correlation: &mut Correlation<'a>) -> Read<()> {
        self.object(CORRELATION, |reader, name| match name {
            "operation_id" => reader.maybe_text(&mut correlation.operation_id),
            "parent_id" => reader.maybe_text(&mut correlation.parent_id),
            "request_id" => reader.maybe_text(&mut correlation.request_id),
            "session_id" => reader.maybe_text(&mut correlation.session_id),
            "span_id" => reader.maybe_text(&mut correlation.span_id),
            _ => reader.maybe_text(&mut correlation.trace_id),
        })
    }

    fn change(&mut self, start: usize) -> Read<Change<'a>> {
        let mut change = Change::default();
        let (mut path, mut op) = (None, None);
        self.object(CHANGE, |reader, name| {
            match name {
                "new" => change.new = Some(reader.lexer.value()?),
                "old" => change.old = Some(reader.lexer.value()?),
                "op" => reader.maybe_text(&mut op)?,
                _ => reader.maybe_text(&mut path)?,
            }
            Ok(())
        })?;
        if path.is_none() && op.is_none() && change == Change::default() {
            return Err(no_element(start));
        }
        change.path = path.ok_or(Fault::missing(start, "path"))?;
        change.op = op.ok_or(Fault::missing(start, "op"))?;
        Ok(change)
    }

    fn attrs(&mut self, event: &mut Event<'a>) -> Read<()> {
        let offset = self.lexer.offset();
        if self.lexer.peek() != Some(b'{') {
            return Err(self.lexer.wrong_type().into());
        }
        if let Value::Object(members) = self.lexer.value()? {
            event.attrs = members;
        }
        if event.attrs.is_empty() && self.rules == Rules::NormalForm {
            return Err(self.not_normal(offset));
        }
        Ok(())
    }

    fn justification(&mut self, justification: &mut Justification<'a>) -> Read<()> {
        self.object(JUSTIFICATION, |reader, name| match name {
            "text" => reader.maybe_text(&mut justification.text),
            _ => reader.maybe_text(&mut justification.ticket),
        })
    }

    /// The original, or `None` for an object without members.
    fn original(&mut self) -> Read<Option<Original<'a>>> {
        let start = self.lexer.offset();
        let bytes_max =
            if self.rules == Rules::Ingest { limits::ORIGINAL_TEXT_BYTES_MAX } else { usize::MAX };
        let (mut media_type, mut text) = (None, None);
        self.object(ORIGINAL, |reader, name| {
            match name {
                "media_type" => reader.maybe_text(&mut media_type)?,
                _ => text = Some(reader.lexer.text_up_to(bytes_max)?),
            }
            Ok(())
        })?;
        match (media_type, text) {
            (media_type, Some(text)) => Ok(Some(Original { media_type, text })),
            (None, None) => Ok(None),
            (Some(_), None) => Err(Fault::missing(start, "text")),
        }
    }
}

/// Whether a member's value is free, so that `null` is a value of it.
fn is_free(name: &str) -> bool {
    matches!(name, "old" | "new")
}
