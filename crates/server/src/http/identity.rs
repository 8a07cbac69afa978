//! Which request it is: its id, and the trace that it belongs to.
//!
//! Promises: a W3C `traceparent` that a caller sends is gone on with, any other header is passed over as the standard wants;
//! every request has a trace id and an id of its own, which stand on every line that is logged on its behalf, and its id
//! goes back to the caller. Refuses to believe that an id is unique because somebody sent it.

use axum::http::{HeaderMap, HeaderName, HeaderValue};

use crate::keyring;

/// The header that carries a request's id, in answers and, if the caller names one, in requests.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The W3C header.
const TRACEPARENT: &str = "traceparent";
/// Characters of an id that a caller names.
const REQUEST_ID_CHARS_MAX: usize = 64;

/// A request's names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    /// As the caller named it, or drawn.
    pub(super) request_id: String,
    /// 32 hexadecimal digits: the caller's, or drawn.
    pub(super) trace_id: String,
    /// 16 hexadecimal digits: the caller's span, if there is one.
    pub(super) parent_id: Option<String>,
}

impl Identity {
    /// The names of a request with these headers.
    pub(super) fn of(headers: &HeaderMap) -> Identity {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let named = text(REQUEST_ID.as_str()).filter(|id| is_id(id));
        let request_id = named.map_or_else(|| hex(keyring::random::<8>()), str::to_owned);
        // Two of these headers are as good as none.
        let is_single = headers.get_all(TRACEPARENT).iter().count() == 1;
        let parent = text(TRACEPARENT).filter(|_| is_single).and_then(parse);
        match parent {
            Some((trace, parent)) => Identity {
                request_id,
                trace_id: trace.to_owned(),
                parent_id: Some(parent.to_owned()),
            },
            None => {
                Identity { request_id, trace_id: hex(keyring::random::<16>()), parent_id: None }
            }
        }
    }

    /// The id as a header of the answer.
    pub(super) fn header(&self) -> Option<HeaderValue> {
        HeaderValue::from_str(&self.request_id).ok()
    }
}

/// Trace and parent of `version-trace-parent-flags`. A version that is not known is read as version 00, whatever follows.
fn parse(header: &str) -> Option<(&str, &str)> {
    let mut parts = header.splitn(5, '-');
    let (version, trace) = (parts.next()?, parts.next()?);
    let (parent, flags) = (parts.next()?, parts.next()?);
    let is_hex = |text: &str, length: usize| {
        text.len() == length
            && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    let is_named = |text: &str| text.bytes().any(|byte| byte != b'0');
    let is_whole =
        is_hex(version, 2) && is_hex(trace, 32) && is_hex(parent, 16) && is_hex(flags, 2);
    let is_known_length = version != "00" || parts.next().is_none();
    let is_good = is_whole && version != "ff" && is_named(trace) && is_named(parent);
    (is_good && is_known_length).then_some((trace, parent))
}

/// Whether a caller's id can stand in a line as it is.
fn is_id(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=REQUEST_ID_CHARS_MAX).contains(&text.len()) && text.bytes().all(is_plain)
}

fn hex<const N: usize>(bytes: [u8; N]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(2 * N), |mut text, byte| {
        let _grown = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests;
