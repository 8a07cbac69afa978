//! One AWS CloudTrail record -> one ordinary event, as JSON: mapping `cloudtrail/1`.
//!
//! It runs in the importer, which sends what comes of it as any producer sends events, with `Indelible-Mapping`; the
//! server knows nothing of CloudTrail. The record itself travels as `original`, byte for byte as it stood in the file, so
//! nothing that the mapping leaves out is lost.
//!
//! | event | from the record |
//! |---|---|
//! | `id` | `eventID`; if it is no UUID, one derived from it under the import key |
//! | `occurred_at` | `eventTime` |
//! | `action` | `eventSource` without `.amazonaws.com`, a dot, `eventName` |
//! | `actor`, `on_behalf_of` | `userIdentity` (see `identity`) |
//! | `targets` | `resources`, request parameters (see `targets`) |
//! | `outcome` | `errorCode` without `Client.` and `Server.`, `errorMessage` |
//! | `origin` | `eventSource`; `sourceIPAddress` as `ip` if it is an address, else as `host`; `userAgent` |
//! | `correlation` | `requestID` |
//! | `attrs` | `region account read_only event_type`, and `request`: the first 48 scalar request parameters |
//!
//! Promises: what [`map`] returns is a valid event. It refuses a record that is no JSON object, names no action or nobody,
//! or does not fit into an event; it never shortens an original.

use core::net::IpAddr;
use event::code::Code;
use event::event::{Event, Rejection};
use event::ids::{EventId, ImportKey};
use event::json::{self, Value};
use event::limits;
use std::borrow::Cow;

mod identity; // who
mod targets; // to what

/// The name under which the mapping is stamped and printed.
pub const MAPPING: &str = "cloudtrail/1";

/// Request parameters that are kept in `attrs`.
const REQUEST_PARAMETERS_MAX: usize = 48;

/// Error codes that mean "not allowed", without their prefix.
const DENIED: &[&str] = &[
    "AccessDenied",
    "AccessDeniedException",
    "AccessDeniedFault",
    "AuthFailure",
    "AuthorizationError",
    "AuthorizationErrorException",
    "Forbidden",
    "ForbiddenException",
    "KMSAccessDeniedException",
    "NotAuthorized",
    "NotAuthorizedException",
    "Unauthorized",
    "UnauthorizedAccess",
    "UnauthorizedException",
    "UnauthorizedOperation",
];

/// The event that `record` (one record's bytes, without whitespace around them) stands for, as JSON.
///
/// # Errors
/// The code, and the member of the record (or of the event made of it) that is at fault.
pub fn map(record: &[u8], import_key: &ImportKey) -> Result<Vec<u8>, Rejection> {
    let source = json::parse(record, json::Limits::READER)
        .map_err(|error| refuse(error.code, &json::pointer_at(record, error.offset)))?;
    let original = std::str::from_utf8(record).map_err(|_| refuse(Code::NotUtf8, ""))?;
    if !matches!(source, Value::Object(_)) {
        return Err(refuse(Code::WrongType, ""));
    }
    let record = Json(Some(&source));
    let whole = build(record, original, import_key, Parameters::Kept)?;
    match check(&whole) {
        // The original comes before the convenience of having its parameters twice.
        Err(rejection) if rejection.code == Code::TooLarge => {
            let lean = build(record, original, import_key, Parameters::Dropped)?;
            check(&lean).map(|()| lean)
        }
        Err(rejection) => Err(rejection),
        Ok(()) => Ok(whole),
    }
}

/// Whether the request parameters go into `attrs`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Parameters {
    Kept,
    Dropped,
}

fn check(event: &[u8]) -> Result<(), Rejection> {
    Event::parse(event).map(|_| ())
}

fn build(
    record: Json<'_>,
    original: &str,
    import_key: &ImportKey,
    parameters: Parameters,
) -> Result<Vec<u8>, Rejection> {
    let source =
        record.text("eventSource").ok_or_else(|| refuse(Code::MissingField, "/eventSource"))?;
    let name = record.text("eventName").ok_or_else(|| refuse(Code::MissingField, "/eventName"))?;
    let service = source.split(".amazonaws.com").next().unwrap_or(source);
    let mut event = Members::default();
    if let Some(id) = record.text("eventID") {
        let id = EventId::parse(id).unwrap_or_else(|_| import_key.event_id(id));
        event.put("id", Value::String(Cow::Owned(id.to_string())));
    }
    event.put_text("occurred_at", record.text("eventTime"));
    event.put("action", Value::String(Cow::Owned(action(service, name))));
    event.put(
        "actor",
        identity::actor(record).ok_or_else(|| refuse(Code::MissingField, "/userIdentity"))?,
    );
    if let Some(roles) = identity::on_behalf_of(record) {
        event.put("on_behalf_of", roles);
    }
    if let Some(targets) = targets::targets(record, service) {
        event.put("targets", targets);
    }
    event.put_object("outcome", outcome(record));
    event.put_object("origin", origin(record, source));
    let mut correlation = Members::default();
    correlation.put_text("request_id", record.text("requestID"));
    event.put_object("correlation", correlation);
    event.put_object("attrs", attrs(record, parameters));
    let mut kept = Members::default();
    kept.put("media_type", text_value("application/json"));
    kept.put("text", text_value(original));
    event.put_object("original", kept);
    let mut bytes = Vec::with_capacity(original.len() * 2);
    json::write_cj1(&event.into_value().unwrap_or(Value::Null), &mut bytes);
    Ok(bytes)
}

/// `service.EventName` in the grammar of actions: what it does not allow becomes `-`, what is empty goes.
fn action(service: &str, name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '_' | '.') { c } else { '-' };
    let text: String = format!("{service}.{name}").chars().map(plain).collect();
    let segments = text.split('.').map(|segment| segment.trim_start_matches(['-', '_']));
    let mut action = segments.filter(|segment| !segment.is_empty()).collect::<Vec<_>>().join(".");
    action.truncate(limits::ACTION_CHARS_MAX);
    action
}

fn outcome<'a>(record: Json<'a>) -> Members<'a> {
    let code = record.text("errorCode").map(|code| {
        let bare = code.strip_prefix("Client.").or_else(|| code.strip_prefix("Server."));
        bare.unwrap_or(code)
    });
    // A console sign-in that failed carries no error code: it says so in its answer.
    let sign_in = record.member("responseElements").text("ConsoleLogin");
    let status = match code {
        Some(code) if DENIED.contains(&code) => "denied",
        Some(_) => "failure",
        None if sign_in == Some("Failure") => "failure",
        None => "success",
    };
    let mut outcome = Members::default();
    outcome.put_text("status", Some(status));
    outcome.put_text("code", code);
    outcome.put_text("reason", record.text("errorMessage"));
    outcome
}

fn origin<'a>(record: Json<'a>, source: &'a str) -> Members<'a> {
    let mut origin = Members::default();
    origin.put_text("service", Some(source));
    if let Some(address) = record.text("sourceIPAddress") {
        match address.parse::<IpAddr>() {
            // Rust prints addresses as RFC 5952 has them, which is the one spelling an event may use.
            Ok(ip) => origin.put("ip", Value::String(Cow::Owned(ip.to_string()))),
            Err(_) => origin.put_text("host", Some(address)),
        }
    }
    origin.put_text("user_agent", record.text("userAgent"));
    origin
}

fn attrs<'a>(record: Json<'a>, parameters: Parameters) -> Members<'a> {
    let identity = record.member("userIdentity");
    let mut attrs = Members::default();
    attrs.put_text("region", record.text("awsRegion"));
    attrs.put_text(
        "account",
        record.text("recipientAccountId").or_else(|| identity.text("accountId")),
    );
    if let Some(read_only) = record.member("readOnly").scalar() {
        attrs.put("read_only", read_only);
    }
    attrs.put_text("event_type", record.text("eventType"));
    if parameters == Parameters::Kept {
        let parameters = record.member("requestParameters").members();
        let scalars =
            parameters.filter_map(|(key, value)| Some((Cow::Borrowed(key), value.scalar()?)));
        attrs.put_object("request", Members(scalars.take(REQUEST_PARAMETERS_MAX).collect()));
    }
    attrs
}

fn refuse(code: Code, field: &str) -> Rejection {
    Rejection::with_hint(code, field, format!("in the CloudTrail record: {}", code.hint()))
}

/// A place in the record: a value, or nothing. Asking nothing for a member gives nothing, so a path reads as it is
/// written in the record, and a member of another type is treated like one that is not there.
#[derive(Clone, Copy)]
struct Json<'v>(Option<&'v Value<'v>>);

impl<'v> Json<'v> {
    fn member(self, name: &str) -> Self {
        Self(self.pairs().iter().find(|(key, _)| key == name).map(|(_, value)| value))
    }

    fn members(self) -> impl Iterator<Item = (&'v str, Self)> {
        self.pairs().iter().map(|(key, value)| (key.as_ref(), Self(Some(value))))
    }

    fn pairs(self) -> &'v [(Cow<'v, str>, Value<'v>)] {
        match self.0 {
            Some(Value::Object(members)) => members,
            _ => &[],
        }
    }

    fn elements(self) -> impl Iterator<Item = Self> {
        let elements: &'v [Value<'v>] = match self.0 {
            Some(Value::Array(elements)) => elements,
            _ => &[],
        };
        elements.iter().map(|value| Self(Some(value)))
    }

    /// The text that stands here; an empty one says nothing and counts as absent.
    fn as_text(self) -> Option<&'v str> {
        match self.0 {
            Some(Value::String(text)) if !text.is_empty() => Some(text.as_ref()),
            _ => None,
        }
    }

    fn text(self, name: &str) -> Option<&'v str> {
        self.member(name).as_text()
    }

    /// The text, number or boolean that stands here, as a value of its own.
    fn scalar(self) -> Option<Value<'v>> {
        match self.0? {
            Value::Bool(value) => Some(Value::Bool(*value)),
            Value::Number(token) => Some(Value::Number(Cow::Borrowed(token))),
            Value::String(text) => Some(text_value(text.as_ref())),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }
}

/// The members of an object in the making.
#[derive(Default)]
struct Members<'v>(Vec<(Cow<'v, str>, Value<'v>)>);

impl<'v> Members<'v> {
    fn put(&mut self, name: &'static str, value: Value<'v>) {
        self.0.push((Cow::Borrowed(name), value));
    }

    /// Puts a text that is there and fits; one beyond the limit of texts stays in the original alone.
    fn put_text(&mut self, name: &'static str, text: Option<&'v str>) {
        if let Some(text) = text.filter(|text| text.len() <= limits::STRING_BYTES_MAX) {
            self.put(name, text_value(text));
        }
    }

    /// Puts an object that has members.
    fn put_object(&mut self, name: &'static str, members: Members<'v>) {
        if !members.0.is_empty() {
            self.put(name, Value::Object(members.0));
        }
    }

    fn into_value(self) -> Option<Value<'v>> {
        (!self.0.is_empty()).then_some(Value::Object(self.0))
    }
}

fn text_value(text: &str) -> Value<'_> {
    Value::String(Cow::Borrowed(text))
}

/// `text`, if it can be an id.
fn fitting(text: &str) -> Option<&str> {
    (!text.is_empty() && text.len() <= limits::ID_BYTES_MAX).then_some(text)
}

#[cfg(test)]
mod tests;
