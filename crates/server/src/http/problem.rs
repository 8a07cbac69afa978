//! Refusals on the wire: RFC 9457 problems from the one table of codes.
//!
//! Promises: every refusal has a stable `code`, a `hint` and `retryable`; one that may be tried again says after how many
//! seconds. Refuses to say more than the caller may know: what happened inside goes to the log.

use std::borrow::Cow;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use event::code::Code;
use serde_json::{Map, Value};

/// Seconds after which a retryable refusal may be tried again, when nothing better is known.
const RETRY_AFTER_S: u64 = 1;

/// The members of a problem beside its text, for the guard: it alone knows the request's id.
#[derive(Debug, Clone)]
pub(super) struct Members(pub(super) Map<String, Value>);

/// A refusal of a whole request.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    code: Code,
    status: u16,
    detail: Cow<'static, str>,
    hint: Cow<'static, str>,
    members: Map<String, Value>,
    headers: Vec<(header::HeaderName, HeaderValue)>,
}

impl Problem {
    /// The problem of `code`, with what is special to this request.
    pub(crate) fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Problem {
        let mut headers = Vec::new();
        if code.retryable() && code != Code::SequenceGap {
            headers.push((header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_S)));
        }
        Problem {
            code,
            status: code.status(),
            detail: detail.into(),
            hint: code.hint().into(),
            members: Map::new(),
            headers,
        }
    }

    /// The same problem with another status than the table's.
    pub(crate) fn status(mut self, status: u16) -> Problem {
        self.status = status;
        self
    }

    /// The same problem with a hint that fits this request better than the table's.
    pub(crate) fn hint(mut self, hint: impl Into<Cow<'static, str>>) -> Problem {
        self.hint = hint.into();
        self
    }

    /// The same problem with one more member.
    pub(crate) fn with(mut self, member: &str, value: impl Into<Value>) -> Problem {
        self.members.insert(member.to_owned(), value.into());
        self
    }

    /// The same problem with one more header.
    pub(crate) fn header(mut self, name: header::HeaderName, value: HeaderValue) -> Problem {
        self.headers.push((name, value));
        self
    }

    /// A bug of ours: the reason goes to the log, the caller learns that it was one.
    pub(crate) fn internal(reason: impl std::fmt::Display) -> Problem {
        tracing::error!(reason = %reason, "a promise to ourselves was broken");
        Problem::new(Code::Internal, "the server failed; the reason is in its log")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut body = self.members;
        body.insert("type".into(), format!("urn:indelible:problem:{}", self.code).into());
        body.insert("title".into(), self.code.as_str().replace('_', " ").into());
        body.insert("status".into(), self.status.into());
        body.insert("detail".into(), self.detail.into_owned().into());
        body.insert("code".into(), self.code.as_str().into());
        body.insert("hint".into(), self.hint.into_owned().into());
        body.insert("retryable".into(), self.code.retryable().into());
        let mut response = Response::new(Body::from(Value::Object(body.clone()).to_string()));
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        let media = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, media);
        headers.extend(self.headers);
        // For whoever counts refusals behind the handler.
        response.extensions_mut().insert(self.code);
        response.extensions_mut().insert(Members(body));
        response
    }
}

#[cfg(test)]
mod tests;
