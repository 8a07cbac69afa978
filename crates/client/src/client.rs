//! The calls of the API, each one function: build the path, ask, read the answer.
//!
//! Promises: what may be asked twice is tried again until its deadline, what may not is tried once. Refuses to interpret
//! documents: events, receipts and proofs come back byte for byte.

use std::time::Duration;

use event::ids::{EventId, Instance, ProducerId, Seq, TenantId};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::clock::{self, Deadline};
use crate::connection::Connection;
use crate::error::Error;
use crate::exchange::{Exchange, Failure, Method, Reply, Request};
use crate::retry::{self, Patience};
use crate::tail::Tail;
use crate::wire;

const JSON: &str = "application/json";
/// How long a stream may say nothing: a server with nothing to tell says so every ten seconds.
const SILENCE: Duration = Duration::from_secs(35);

/// A server to talk to.
#[derive(Debug, Clone)]
pub struct Client {
    exchange: Exchange,
    tenant: String,
}

/// In which form a proof is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProofForm {
    /// JSON: index, hashes, checkpoint.
    Json,
    /// A C2SP `.tlog-proof` file.
    TlogProof,
}

/// In which form the rows of a query are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableForm {
    /// One object with `columns`, `rows` and `coverage`.
    Json,
    /// One object a line.
    Jsonl,
    /// Comma-separated values with a header line.
    Csv,
    /// An Arrow stream.
    Arrow,
}

/// The answer of a query, in the form that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// The bytes as sent.
    pub bytes: Vec<u8>,
    /// What the answer is about, in the forms whose bytes cannot say it.
    pub coverage: Option<wire::Coverage>,
}

/// One page of a search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The events as sent, one JSON object a line.
    pub events: Vec<u8>,
    /// Where the next page begins, if there is one.
    pub cursor: Option<String>,
    /// Which records were looked at.
    pub coverage: Option<wire::Coverage>,
}

/// Whether a request may be sent again after it was not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Again {
    /// It is a question: nothing is ever stored by it.
    Question,
    /// It stores something, and sent again stores it once all the same.
    Safe,
    /// It would do its work a second time.
    Never,
}

/// A try without the answer that was hoped for.
#[derive(Debug)]
pub(crate) struct Missed {
    pub(crate) error: Error,
    /// When the server wants to hear of it again.
    pub(crate) retry_after: Option<Duration>,
}

/// What the tries so far can have left on the server's disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trace {
    None,
    Possible,
}

impl Client {
    /// The server of `connection`; nothing is sent yet.
    ///
    /// # Errors
    /// `Setup` when the address or the token cannot be used.
    pub fn new(connection: &Connection) -> Result<Client, Error> {
        Ok(Client { exchange: Exchange::new(connection)?, tenant: connection.tenant.clone() })
    }

    /// The server's address.
    #[must_use]
    pub fn url(&self) -> &str {
        self.exchange.url()
    }

    /// The tenant of the token, where the connection names it.
    #[must_use]
    pub fn tenant(&self) -> Option<&str> {
        (!self.tenant.is_empty()).then_some(self.tenant.as_str())
    }

    /// The event as JSON.
    ///
    /// # Errors
    /// `Refused` with `not_found` if the caller's view has none of this id; else those of every call.
    pub fn event(&self, id: EventId) -> Result<Vec<u8>, Error> {
        self.ask(&format!("/v1/events/{id}"), JSON)
    }

    /// The event's inclusion proof.
    ///
    /// # Errors
    /// As [`Client::event`].
    pub fn proof(&self, id: EventId, form: ProofForm) -> Result<Vec<u8>, Error> {
        let accept = match form {
            ProofForm::Json => JSON,
            ProofForm::TlogProof => "application/octet-stream",
        };
        self.ask(&format!("/v1/events/{id}/proof"), accept)
    }

    /// The event's receipt (`indelible.receipt/v1`).
    ///
    /// # Errors
    /// As [`Client::event`].
    pub fn receipt(&self, id: EventId) -> Result<Vec<u8>, Error> {
        self.ask(&format!("/v1/receipts/{id}"), JSON)
    }

    /// What became of a number of a stream, as JSON.
    ///
    /// # Errors
    /// `Refused` with `not_found` if the stream has not come to it; else those of every call.
    pub fn number(
        &self,
        producer: &ProducerId,
        instance: Instance,
        seq: Seq,
    ) -> Result<Vec<u8>, Error> {
        self.ask(&format!("/v1/streams/{producer}/{instance}/{seq}"), JSON)
    }

    /// What the server says of itself, as JSON, if an event could be committed now. Asked once.
    ///
    /// # Errors
    /// Those of every call; why no event could be committed is the code of [`Error::Refused`].
    pub fn ready(&self) -> Result<Vec<u8>, Error> {
        let (path, headers) = ("/readyz?verbose", [("accept", JSON.to_owned())]);
        let request = Request { method: Method::Get, path, headers: &headers, body: &[] };
        Ok(self.call(request, Patience::ONCE, Again::Never)?.body)
    }

    /// The tenant's signed checkpoint.
    ///
    /// # Errors
    /// Those of every call.
    pub fn checkpoint(&self, tenant: &TenantId) -> Result<Vec<u8>, Error> {
        self.ask(&format!("/t/{tenant}/checkpoint"), "text/plain")
    }

    /// A file of a C2SP log, by its path from `/` on; `None` if the log has none there.
    ///
    /// # Errors
    /// Those of every call.
    pub fn log_file(&self, path: &str) -> Result<Option<Vec<u8>>, Error> {
        match self.ask(path, "*/*") {
            Ok(bytes) => Ok(Some(bytes)),
            Err(Error::Refused { problem }) if problem.status == 404 => Ok(None),
            // Another log's server answers without a problem document.
            Err(Error::Garbled { status: 404, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The answer to one SQL statement.
    ///
    /// # Errors
    /// `Refused` with `query_invalid`, `query_not_allowed` or `query_limit`; else those of every call.
    pub fn query(&self, sql: &str, form: TableForm) -> Result<Table, Error> {
        let accept = match form {
            TableForm::Json => JSON,
            TableForm::Jsonl => "application/x-ndjson",
            TableForm::Csv => "text/csv",
            TableForm::Arrow => "application/vnd.apache.arrow.stream",
        };
        let body = serde_json::json!({ "sql": sql }).to_string().into_bytes();
        let headers = [("accept", accept.to_owned()), ("content-type", JSON.to_owned())];
        let request =
            Request { method: Method::Post, path: "/v1/query", headers: &headers, body: &body };
        let reply = self.call(request, Patience::QUERY, Again::Question)?;
        let coverage = reply.coverage.as_deref().and_then(|text| serde_json::from_str(text).ok());
        Ok(Table { bytes: reply.body, coverage })
    }

    /// One page of a search, an event a line, newest first.
    ///
    /// # Errors
    /// `Refused` with `query_invalid` or `query_limit`; else those of every call.
    pub fn search(&self, question: &wire::SearchQuestion) -> Result<Page, Error> {
        let body = serde_json::to_vec(question).map_err(unwritable)?;
        let headers =
            [("accept", "application/x-ndjson".to_owned()), ("content-type", JSON.to_owned())];
        let request =
            Request { method: Method::Post, path: "/v1/search", headers: &headers, body: &body };
        let reply = self.call(request, Patience::QUERY, Again::Question)?;
        let coverage = reply.coverage.as_deref().and_then(|text| serde_json::from_str(text).ok());
        Ok(Page { events: reply.body, cursor: reply.cursor, coverage })
    }

    /// Events as they come.
    ///
    /// # Errors
    /// `Refused` with `query_invalid` or `query_limit`; else those of every call.
    pub fn tail(&self, question: &wire::TailQuestion) -> Result<Tail, Error> {
        let body = serde_json::to_vec(question).map_err(unwritable)?;
        let headers = [("accept", JSON.to_owned()), ("content-type", JSON.to_owned())];
        let request =
            Request { method: Method::Post, path: "/v1/tail", headers: &headers, body: &body };
        let reply = self.call(request, Patience::ASK, Again::Question)?;
        let ticket: wire::TailAnswer = self.typed(reply.status, &reply.body)?;
        match self.exchange.open(&ticket.url, SILENCE) {
            Ok(Ok(body)) => Ok(Tail::new(body, ticket.from_index, self.url().to_owned())),
            Ok(Err(reply)) => Err(self.refusal(&reply)),
            Err(failure) => Err(self.failed(failure, Again::Question)),
        }
    }

    /// Archives what is not archived yet.
    ///
    /// # Errors
    /// Those of every call.
    pub fn flush(&self) -> Result<wire::Flushed, Error> {
        let headers = [("accept", JSON.to_owned()), ("content-type", JSON.to_owned())];
        let path = "/v1/segments/flush";
        let request = Request { method: Method::Post, path, headers: &headers, body: b"{}" };
        let reply = self.call(request, Patience::QUERY, Again::Safe)?;
        self.typed(reply.status, &reply.body)
    }

    /// The segments of the tenant.
    ///
    /// # Errors
    /// Those of every call.
    pub fn segments(&self) -> Result<wire::Segments, Error> {
        self.ask_typed("/v1/segments")
    }

    /// Every tenant that the token may know of.
    ///
    /// # Errors
    /// Those of every call.
    pub fn tenants(&self) -> Result<wire::Tenants, Error> {
        self.ask_typed("/v1/tenants")
    }

    /// Creates a tenant.
    ///
    /// # Errors
    /// `Refused` with `already_exists` or `invalid_value`; else those of every call.
    pub fn create_tenant(&self, name: &TenantId) -> Result<wire::Tenant, Error> {
        self.create("/v1/tenants", &wire::NewTenant { name: name.to_string() })
    }

    /// The API keys, of one tenant or of all.
    ///
    /// # Errors
    /// Those of every call.
    pub fn keys(&self, tenant: Option<&TenantId>) -> Result<wire::Keys, Error> {
        match tenant {
            Some(tenant) => self.ask_typed(&format!("/v1/keys?tenant={tenant}")),
            None => self.ask_typed("/v1/keys"),
        }
    }

    /// Creates an API key. It is tried once: a second try could leave a key behind that nobody has seen.
    ///
    /// # Errors
    /// `MayBeStored` if the answer was lost: look at `keys` and revoke what is not known. Else those of every call.
    pub fn create_key(&self, key: &wire::NewKey) -> Result<wire::CreatedKey, Error> {
        self.create("/v1/keys", key)
    }

    /// Ends an API key.
    ///
    /// # Errors
    /// `Refused` with `not_found`; else those of every call.
    pub fn revoke_key(&self, lookup: &str) -> Result<(), Error> {
        let path = format!("/v1/keys/{lookup}");
        let request = Request { method: Method::Delete, path: &path, headers: &[], body: &[] };
        self.call(request, Patience::ASK, Again::Safe).map(|_| ())
    }

    /// The body of a `GET`.
    fn ask(&self, path: &str, accept: &str) -> Result<Vec<u8>, Error> {
        let headers = [("accept", accept.to_owned())];
        let request = Request { method: Method::Get, path, headers: &headers, body: &[] };
        Ok(self.call(request, Patience::ASK, Again::Question)?.body)
    }

    /// The body of a `GET`, read as JSON of a known shape.
    pub(crate) fn ask_typed<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        self.typed(200, &self.ask(path, JSON)?)
    }

    /// The answer to a `POST` that creates something.
    fn create<T: DeserializeOwned>(&self, path: &str, what: &impl Serialize) -> Result<T, Error> {
        let body = serde_json::to_vec(what).map_err(unwritable)?;
        let headers = [("accept", JSON.to_owned()), ("content-type", JSON.to_owned())];
        let request = Request { method: Method::Post, path, headers: &headers, body: &body };
        let reply = self.call(request, Patience::ONCE, Again::Never)?;
        self.typed(reply.status, &reply.body)
    }

    /// `body` as JSON of a known shape.
    pub(crate) fn typed<T: DeserializeOwned>(&self, status: u16, body: &[u8]) -> Result<T, Error> {
        serde_json::from_slice(body).map_err(|error| self.garbled(status, &error.to_string()))
    }

    /// The answer to `request` if it is a 2xx; else the error that it is.
    pub(crate) fn call(
        &self,
        request: Request<'_>,
        patience: Patience,
        again: Again,
    ) -> Result<Reply, Error> {
        self.until_answered(request, patience, again, |reply| (200..300).contains(&reply.status))
    }

    /// Tries `request` until it has an answer that `accepts` takes or that will not change, or until the deadline.
    pub(crate) fn until_answered(
        &self,
        request: Request<'_>,
        patience: Patience,
        again: Again,
        accepts: impl Fn(&Reply) -> bool,
    ) -> Result<Reply, Error> {
        let deadline = Deadline::after(Duration::from_millis(patience.total_ms));
        let last_begin = Deadline::after(Duration::from_millis(patience.retry_ms));
        let mut tries = 0;
        let mut trace = Trace::None;
        loop {
            let try_limit = Duration::from_millis(patience.try_ms).min(deadline.left());
            let (error, retry_after) = match self.try_once(request, try_limit, again, &accepts) {
                Ok(reply) => return Ok(reply),
                Err(missed) => (missed.error, missed.retry_after),
            };
            let open = again != Again::Question && leaves_open(&error);
            if open {
                trace = Trace::Possible;
            }
            if !error.retryable() || is_gap(&error) || (open && again == Again::Never) {
                return Err(self.last(error, trace));
            }
            tries += 1;
            let left = deadline.left().min(last_begin.left());
            match retry::pause(patience, tries, retry_after, clock::jitter(), left) {
                Some(pause) => clock::wait(pause),
                None => return Err(self.last(error, trace)),
            }
        }
    }

    /// One try of `request`.
    pub(crate) fn try_once(
        &self,
        request: Request<'_>,
        limit: Duration,
        again: Again,
        accepts: impl Fn(&Reply) -> bool,
    ) -> Result<Reply, Missed> {
        match self.exchange.once(request, limit) {
            Ok(reply) if accepts(&reply) => Ok(reply),
            Ok(reply) => {
                Err(Missed { error: self.refusal(&reply), retry_after: reply.retry_after })
            }
            Err(failure) => Err(Missed { error: self.failed(failure, again), retry_after: None }),
        }
    }

    /// The error that a call ends with.
    fn last(&self, error: Error, trace: Trace) -> Error {
        if trace == Trace::None || matches!(error, Error::MayBeStored { .. }) || is_gap(&error) {
            return error;
        }
        // An earlier try may have reached the disk: what the last one said does not take that back.
        Error::MayBeStored { url: self.url().to_owned(), why: error.to_string() }
    }

    /// The error that an answer without success is.
    fn refusal(&self, reply: &Reply) -> Error {
        let Ok(problem) = serde_json::from_slice::<wire::Problem>(&reply.body) else {
            return self.strange(reply.status);
        };
        if problem.code.is_empty() {
            return self.strange(reply.status);
        }
        let problem = Box::new(wire::Problem { status: reply.status, ..problem });
        if problem.retryable { Error::Unavailable { problem } } else { Error::Refused { problem } }
    }

    /// The error of an answer that is no problem document: something between us and the server, if it is busy.
    fn strange(&self, status: u16) -> Error {
        if matches!(status, 408 | 425 | 429 | 502 | 503 | 504) {
            return Error::MayBeStored {
                url: self.url().to_owned(),
                why: format!("status {status} without a problem document"),
            };
        }
        self.garbled(status, "a body that is no problem document")
    }

    fn garbled(&self, status: u16, why: &str) -> Error {
        Error::Garbled { url: self.url().to_owned(), status, why: why.to_owned() }
    }

    fn failed(&self, failure: Failure, again: Again) -> Error {
        let url = self.url().to_owned();
        match failure {
            Failure::Unanswered(why) if again == Again::Question => Error::Unreachable { url, why },
            Failure::Unsent(why) => Error::Unreachable { url, why },
            Failure::Unanswered(why) => Error::MayBeStored { url, why },
            Failure::Garbled(why) => Error::Garbled { url, status: 0, why },
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is the end of the error")]
fn unwritable(error: serde_json::Error) -> Error {
    Error::Setup {
        what: format!("the request cannot be written as JSON: {error}"),
        hint: "report it: this is a bug of the client",
    }
}

/// Whether the stream goes on with another number: the same request again would be answered the same.
fn is_gap(error: &Error) -> bool {
    matches!(error, Error::Unavailable { problem } if problem.expected.is_some())
}

/// Whether the try that ended so may have reached the disk.
fn leaves_open(error: &Error) -> bool {
    match error {
        Error::MayBeStored { .. } => true,
        Error::Unavailable { problem } => problem.may_be_stored(),
        _ => false,
    }
}
