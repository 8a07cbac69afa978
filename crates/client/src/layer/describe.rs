//! What a request says of itself: its route, its trace, its id, its address.
//!
//! Promises: whatever a caller sends, the event that is made of it keeps the format: what is too long is cut, what is no
//! trace or no text is left out. Refuses to take an actor from it.

use http::request::Parts;
use http::{HeaderMap, Method};

use super::outcome::Protocol;
use super::rule::Rule;
use super::settings::LayerSettings;
use crate::audit::{Actor, Record};

/// Bytes of a request's id, and of the name of a program, that are kept.
const HEADER_BYTES_MAX: usize = 256;

/// The rule of a request, and the route that it was found by.
pub(super) fn rule<'a>(settings: &'a LayerSettings, parts: &Parts) -> (&'a Rule, String) {
    let given = settings.route.as_ref().and_then(|route| route(&parts.extensions));
    let route = given.unwrap_or_else(|| parts.uri.path().to_owned());
    let by_method = settings.rules.get(&format!("{} {route}", parts.method));
    let rule = by_method.or_else(|| settings.rules.get(&route)).unwrap_or(&settings.otherwise);
    (rule, route)
}

/// The event of a request, as far as it is known before the call.
pub(super) fn record(
    settings: &LayerSettings,
    (rule, route): (&Rule, &str),
    parts: &Parts,
) -> Record {
    let action = match &rule.action {
        Some(action) => action.clone(),
        None => derived(Protocol::of(&parts.headers), &parts.method, route),
    };
    let actor = settings.actor.as_ref().and_then(|actor| actor(&parts.extensions));
    let mut record = settings.audit.record(&action).by(&actor.unwrap_or_else(Actor::anonymous));
    record = rule.with_targets(record, route, parts.uri.path());
    if rule.action.is_none() {
        let path = cut(parts.uri.path(), event::limits::ID_BYTES_MAX);
        record = record.target("path", if path.is_empty() { "/" } else { path });
    }
    if let Some(peer) = settings.peer.as_ref().and_then(|peer| peer(&parts.extensions)) {
        record = record.ip(settings.proxies.source(peer, &parts.headers));
    }
    if let Some(agent) = text(&parts.headers, "user-agent") {
        record = record.user_agent(agent);
    }
    if let Some(id) = text(&parts.headers, "x-request-id") {
        record = record.request_id(id);
    }
    match trace(&parts.headers) {
        Some((trace_id, parent_id)) => record.traced(trace_id, parent_id),
        None => record,
    }
}

/// An action for a call without a rule that names one.
fn derived(protocol: Protocol, method: &Method, route: &str) -> String {
    if protocol == Protocol::Http {
        let known = ["get", "head", "post", "put", "delete", "options", "patch", "trace"];
        let method = method.as_str().to_ascii_lowercase();
        let method = known.into_iter().find(|known| *known == method);
        return format!("http.{}", method.unwrap_or("other"));
    }
    let name = route.trim_matches('/').replace('/', ".");
    let is_segment = |segment: &str| {
        let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        segment.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric())
            && segment.bytes().all(is_inner)
    };
    let is_action = name.len() <= event::limits::ACTION_CHARS_MAX
        && name.contains('.')
        && name.split('.').all(is_segment);
    if is_action { name } else { "grpc.call".to_owned() }
}

/// A header that is there once, is text and is not empty.
fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut lines = headers.get_all(name).iter();
    let line = lines.next().filter(|_| lines.next().is_none())?;
    line.to_str().ok().filter(|line| !line.is_empty()).map(|line| cut(line, HEADER_BYTES_MAX))
}

/// Trace and span of a `traceparent`: `<version>-<32 digits>-<16 digits>-<flags>`, neither of them zero.
fn trace(headers: &HeaderMap) -> Option<(&str, &str)> {
    let mut parts = text(headers, "traceparent")?.split('-');
    let mut field = |digits: usize| {
        let is_digit = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f');
        parts.next().filter(|field| field.len() == digits && field.bytes().all(is_digit))
    };
    let (version, trace, span, _flags) = (field(2)?, field(32)?, field(16)?, field(2)?);
    let is_zero = |field: &str| field.bytes().all(|byte| byte == b'0');
    // Version 00 has four fields; a later one may have more, and ff is none.
    let is_known = version != "ff" && (version != "00" || parts.next().is_none());
    (is_known && !is_zero(trace) && !is_zero(span)).then_some((trace, span))
}

/// The beginning of a text, at most `bytes_max` bytes of it.
pub(super) fn cut(text: &str, bytes_max: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes_max)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    //! Traces and actions by table.

    use super::*;

    #[test]
    fn a_trace_is_taken_only_as_the_standard_writes_it() {
        let (id, span) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
        let cases = [
            (format!("00-{id}-{span}-01"), true),
            (format!("cc-{id}-{span}-01-what"), true),
            (format!("00-{id}-{span}-01-what"), false),
            (format!("ff-{id}-{span}-01"), false),
            (format!("00-{}-{span}-01", id.to_uppercase()), false),
            (format!("00-{}-{span}-01", "0".repeat(32)), false),
            (format!("00-{id}-{}-01", "0".repeat(16)), false),
            (format!("00-{id}-{span}"), false),
            (format!("00-{id}0-{span}-01"), false),
            (String::new(), false),
        ];
        for (line, is_trace) in cases {
            let mut headers = HeaderMap::new();
            headers.insert("traceparent", line.parse().unwrap());
            assert_eq!(trace(&headers), is_trace.then_some((id, span)), "{line}");
            headers.append("traceparent", line.parse().unwrap());
            assert_eq!(trace(&headers), None, "twice is none: {line}");
        }
    }

    #[test]
    fn an_action_is_derived_whatever_is_called() {
        let cases = [
            (Protocol::Http, "POST", "/invoices", "http.post"),
            (Protocol::Http, "BREW", "/pot", "http.other"),
            (Protocol::Grpc, "POST", "/billing.v1.Invoices/Approve", "billing.v1.Invoices.Approve"),
            (Protocol::Grpc, "POST", "/a//b", "grpc.call"),
            (Protocol::Grpc, "POST", "/", "grpc.call"),
            (Protocol::GrpcWeb, "POST", "/x/ä", "grpc.call"),
        ];
        for (protocol, method, route, action) in cases {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            assert_eq!(derived(protocol, &method, route), action, "{route}");
        }
    }
}
