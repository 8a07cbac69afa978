//! One event from flags, and an id for every event that has none.
//!
//! Promises: an event that has an id keeps it, and its bytes stay as they are; one without gets a UUIDv7 as its first
//! member. Refuses to judge an event: bytes that are no JSON object come back untouched.

use std::borrow::Cow;

use event::json::{Limits, Value, parse, write_cj1};

use super::Args;
use crate::cli::exit::{Exit, Failure};

/// One `--set key=value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pair {
    key: String,
    value: Value<'static>,
}

/// Reads `key=value`: a JSON number, `true` and `false` are what they look like, all else is text.
pub(super) fn pair(text: &str) -> Result<Pair, String> {
    let (key, value) = text.split_once('=').ok_or("it has the form key=value")?;
    if key.is_empty() {
        return Err("the key is empty".to_owned());
    }
    let value = match parse(value.as_bytes(), Limits::EVENT) {
        Ok(found @ (Value::Number(_) | Value::Bool(_))) => found.into_owned(),
        _ => Value::text(value.to_owned()),
    };
    Ok(Pair { key: key.to_owned(), value })
}

/// The event that the flags describe, with its id.
pub(super) fn event(args: &Args) -> Result<Vec<u8>, Failure> {
    let id = draw()?;
    let mut members = vec![member("id", &id), member("action", &args.what)];
    if let Some(actor) = &args.actor {
        members.push(member("actor", actor));
    }
    if let Some(outcome) = &args.outcome {
        members.push(member("outcome", outcome));
    }
    if !args.target.is_empty() {
        let targets = args.target.iter().map(|target| Value::text(target.as_str())).collect();
        members.push((Cow::Borrowed("targets"), Value::Array(targets)));
    }
    let mut attrs: Vec<(Cow<'_, str>, Value<'_>)> = Vec::new();
    for Pair { key, value } in &args.set {
        if attrs.iter().any(|(known, _)| known == key) {
            let what = format!("`{key}` is set twice");
            return Err(Failure::new(Exit::Usage, what, "give each key one value"));
        }
        attrs.push((Cow::Borrowed(key), value.clone()));
    }
    if !attrs.is_empty() {
        members.push((Cow::Borrowed("attrs"), Value::object(attrs)));
    }
    let mut bytes = Vec::new();
    write_cj1(&Value::object(members), &mut bytes);
    Ok(bytes)
}

/// `event` with an id: its own, or one drawn now.
pub(super) fn with_id(event: &[u8]) -> Result<Cow<'_, [u8]>, Failure> {
    let Ok(Value::Object(members)) = parse(event, Limits::READER) else {
        return Ok(Cow::Borrowed(event));
    };
    match members.iter().find(|(key, _)| key == "id") {
        Some((_, Value::Null)) => {
            // An explicit null is an absent member, and a second `id` beside it would be a duplicate key.
            let others = members.into_iter().filter(|(key, _)| key != "id");
            let id = draw()?;
            let mut bytes = Vec::new();
            write_cj1(&Value::object(others.chain([member("id", &id)]).collect()), &mut bytes);
            Ok(Cow::Owned(bytes))
        }
        Some(_) => Ok(Cow::Borrowed(event)),
        None => {
            let Some((b'{', rest)) = event.trim_ascii_start().split_first() else {
                return Ok(Cow::Borrowed(event));
            };
            let comma = if members.is_empty() { "" } else { "," };
            let mut bytes = format!("{{\"id\":\"{}\"{comma}", draw()?).into_bytes();
            bytes.extend_from_slice(rest);
            Ok(Cow::Owned(bytes))
        }
    }
}

/// The id that `event` names, for a report; empty if it names none.
pub(super) fn id_of(event: &[u8]) -> String {
    let value = parse(event, Limits::READER);
    let id = value.as_ref().ok().and_then(|value| value.member("id")?.as_str());
    id.unwrap_or_default().to_owned()
}

/// A new id as text.
fn draw() -> Result<String, Failure> {
    let id = indelible_client::draw_event_id().map_err(|error| {
        let what = format!("no id could be drawn: {error}");
        Failure::new(Exit::Failed, what, "the operating system gives no random bytes: mend that")
    })?;
    Ok(id.to_string())
}

fn member<'a>(key: &'static str, text: &'a str) -> (Cow<'a, str>, Value<'a>) {
    (Cow::Borrowed(key), Value::text(text))
}

#[cfg(test)]
mod tests;
