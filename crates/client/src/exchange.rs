//! One request and its answer over HTTP/1.1.
//!
//! Promises: a failure says whether the request can have reached the server; an answer is read whole and its size is
//! bounded. Refuses to judge the status, to follow redirects, to use a proxy from the environment, and to try twice.

use std::time::Duration;

use crate::connection::Connection;
use crate::error::Error;
use crate::retry::parse_retry_after;
use crate::wire::{COVERAGE_HEADER, CURSOR_HEADER};

/// Bytes of the largest answer that is read: a query answers with at most 256 MiB.
const ANSWER_BYTES_MAX: u64 = 300 * 1024 * 1024;
/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(5);

/// What is done at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Post,
    Delete,
}

/// One request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) method: Method,
    /// From `/` on.
    pub(crate) path: &'a str,
    /// Beside those that every request has.
    pub(crate) headers: &'a [(&'a str, String)],
    /// Empty for none.
    pub(crate) body: &'a [u8],
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<Duration>,
    /// The `Indelible-Coverage` header: what a query's answer is about, where its body cannot say it.
    pub(crate) coverage: Option<String>,
    /// The `Indelible-Cursor` header: where a search goes on.
    pub(crate) cursor: Option<String>,
    pub(crate) body: Vec<u8>,
}

/// An answer whose body is read as it comes.
pub(crate) type Opened = ureq::BodyReader<'static>;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// No connection was made: the server knows nothing of the request.
    Unsent(String),
    /// The connection broke, or nothing came in time: the server may have done it.
    Unanswered(String),
    /// What came is not HTTP, or too much of it.
    Garbled(String),
}

/// A server at an address, with a token.
#[derive(Clone)]
pub(crate) struct Exchange {
    agent: ureq::Agent,
    url: String,
    authorization: String,
}

impl std::fmt::Debug for Exchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exchange").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Exchange {
    /// The server of `connection`; nothing is sent yet.
    pub(crate) fn new(connection: &Connection) -> Result<Exchange, Error> {
        let url = connection.base_url()?.to_owned();
        let is_header = |byte: u8| byte.is_ascii_graphic();
        if connection.token.is_empty() || !connection.token.bytes().all(is_header) {
            return Err(Error::Setup {
                what: "the token is not one that `indelible key create` printed".to_owned(),
                hint: "set INDELIBLE_TOKEN, or INDELIBLE_TOKEN_FILE to the file that holds it",
            });
        }
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .timeout_connect(Some(CONNECT))
            .user_agent(concat!("indelible-client/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent();
        Ok(Exchange { agent, url, authorization: format!("Bearer {}", connection.token) })
    }

    /// The server's address.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Sends a `GET` and gives the answer's body before it has ended, or an answer without success. A body that says nothing
    /// for `silence` is broken off.
    pub(crate) fn open(
        &self,
        path: &str,
        silence: Duration,
    ) -> Result<Result<Opened, Reply>, Failure> {
        let built = http::Request::builder()
            .method("GET")
            .uri(format!("{}{path}", self.url))
            .header("authorization", &self.authorization);
        let built = built.body(()).map_err(|error| failure(&error.into()))?;
        let configured = self.agent.configure_request(built);
        let configured = configured.timeout_recv_response(Some(CONNECT));
        let answer = self.agent.run(configured.timeout_per_read(Some(silence)).build());
        let answer = answer.map_err(|error| failure(&error))?;
        match answer.status().is_success() {
            true => Ok(Ok(answer.into_body().into_with_config().limit(u64::MAX).reader())),
            false => Ok(Err(read(answer)?)),
        }
    }

    /// Sends `request` and reads the answer, both within `limit`.
    pub(crate) fn once(&self, request: Request<'_>, limit: Duration) -> Result<Reply, Failure> {
        let method = match request.method {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Delete => "DELETE",
        };
        let mut built = http::Request::builder()
            .method(method)
            .uri(format!("{}{}", self.url, request.path))
            .header("authorization", &self.authorization);
        for (name, value) in request.headers {
            built = built.header(*name, value);
        }
        let failed = |error: ureq::Error| failure(&error);
        let answer = if request.method == Method::Post {
            let built = built.body(request.body).map_err(|error| failed(error.into()))?;
            let configured = self.agent.configure_request(built);
            self.agent.run(configured.timeout_global(Some(limit)).build())
        } else {
            let built = built.body(()).map_err(|error| failed(error.into()))?;
            let configured = self.agent.configure_request(built);
            self.agent.run(configured.timeout_global(Some(limit)).build())
        };
        read(answer.map_err(failed)?)
    }
}

/// The whole of an answer.
fn read(mut answer: http::Response<ureq::Body>) -> Result<Reply, Failure> {
    let header = |name: &str| Some(answer.headers().get(name)?.to_str().ok()?.to_owned());
    let retry_after = header("retry-after").and_then(|value| parse_retry_after(&value));
    let (coverage, cursor) = (header(COVERAGE_HEADER), header(CURSOR_HEADER));
    let status = answer.status().as_u16();
    let body = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec();
    let body = body.map_err(|error| failure(&error))?;
    Ok(Reply { status, retry_after, coverage, cursor, body })
}

/// Which failure an error of the HTTP library is.
fn failure(error: &ureq::Error) -> Failure {
    use std::io::ErrorKind;
    use ureq::{Error, Timeout};
    let why = error.to_string();
    match error {
        Error::HostNotFound | Error::ConnectionFailed | Error::BadUri(_) | Error::Http(_) => {
            Failure::Unsent(why)
        }
        Error::Timeout(Timeout::Resolve | Timeout::Connect) => Failure::Unsent(why),
        Error::Io(error) if error.kind() == ErrorKind::ConnectionRefused => Failure::Unsent(why),
        Error::Protocol(_) | Error::LargeResponseHeader(..) | Error::BodyExceedsLimit(_) => {
            Failure::Garbled(why)
        }
        _ => Failure::Unanswered(why),
    }
}

#[cfg(test)]
mod tests;
