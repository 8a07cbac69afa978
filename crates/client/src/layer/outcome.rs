//! How a call ended, by the status of its answer.
//!
//! | status | outcome |
//! |---|---|
//! | HTTP 1xx to 3xx; gRPC 0 | `success` |
//! | HTTP 401, 403; gRPC 7 (permission denied), 16 (unauthenticated) | `denied` |
//! | any other | `failure` |
//! | none, or one that is no number | `unknown` |
//!
//! Promises: of a gRPC call the HTTP status says nothing, since it is 200 for all of them. Refuses to read a body.

use http::{HeaderMap, StatusCode};

use crate::audit::Record;

/// How a call is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Http,
    Grpc,
    /// Its trailers are inside of its body, which is not read.
    GrpcWeb,
}

impl Protocol {
    /// By the content type of the request.
    pub(super) fn of(headers: &HeaderMap) -> Protocol {
        let media = headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        match media.and_then(|media| media.strip_prefix("application/grpc")) {
            Some(rest) if rest.starts_with("-web") => Protocol::GrpcWeb,
            Some(rest) if rest.is_empty() || rest.starts_with(['+', ';']) => Protocol::Grpc,
            _ => Protocol::Http,
        }
    }
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outcome {
    status: &'static str,
    code: Option<String>,
}

impl Outcome {
    /// By the head of an answer; `None` if its end says it.
    pub(super) fn of_head(
        protocol: Protocol,
        status: StatusCode,
        headers: &HeaderMap,
    ) -> Option<Outcome> {
        match protocol {
            Protocol::Http => Some(Outcome::of_status(status)),
            _ if cfg!(planted = "layer_http_for_grpc") => Some(Outcome::of_status(status)),
            Protocol::GrpcWeb if !status.is_success() => Some(Outcome::of_status(status)),
            Protocol::GrpcWeb => Some(Outcome::unknown()),
            // Something in front of the service answered.
            Protocol::Grpc if !status.is_success() => Some(Outcome::of_status(status)),
            Protocol::Grpc if headers.contains_key("grpc-status") => {
                Some(Outcome::of_trailers(headers))
            }
            Protocol::Grpc => None,
        }
    }

    fn of_status(status: StatusCode) -> Outcome {
        let ended = match status.as_u16() {
            401 | 403 => "denied",
            100..=399 => "success",
            _ => "failure",
        };
        Outcome { status: ended, code: Some(format!("http:{}", status.as_u16())) }
    }

    /// By the trailers of a gRPC answer.
    pub(super) fn of_trailers(trailers: &HeaderMap) -> Outcome {
        let status = trailers.get("grpc-status").and_then(|value| value.to_str().ok());
        let Some(number) = status.and_then(|status| status.parse::<u16>().ok()) else {
            return Outcome::unknown();
        };
        let ended = match number {
            0 => "success",
            7 | 16 => "denied",
            _ => "failure",
        };
        Outcome { status: ended, code: Some(format!("grpc:{number}")) }
    }

    /// Nothing says it.
    pub(super) fn unknown() -> Outcome {
        Outcome { status: "unknown", code: None }
    }

    /// The service, or the connection, failed before it could answer.
    pub(super) fn failure() -> Outcome {
        Outcome { status: "failure", code: None }
    }

    /// Writes it into the event, unless the service has said how it ended.
    pub(super) fn write(&self, record: Record) -> Record {
        let record = match &self.code {
            Some(code) => record.code(code),
            None => record,
        };
        if record.has_outcome() { record } else { record.ended(self.status) }
    }
}

#[cfg(test)]
mod tests;
