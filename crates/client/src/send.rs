//! Sending events: one batch, the same bytes again and again until it is answered.
//!
//! Promises: every try carries the same ids or the same numbers, so that a batch that was stored by a try whose answer
//! was lost is answered `duplicate`, never stored twice. Refuses to send events that have neither.

use std::time::Duration;

use event::ids::{Instance, Seq};

use crate::client::{Again, Client, Missed};
use crate::error::Error;
use crate::exchange::{Method, Reply, Request};
use crate::retry::Patience;
use crate::wire::Answer;

/// By what a second sending is recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    /// Every event has an `id`, drawn before the first try.
    Ids,
    /// The events are numbers of a stream, the first of which is `first`.
    Stream {
        /// The stream, within the token's producer.
        instance: Instance,
        /// The number of the batch's first event.
        first: Seq,
    },
}

/// How the events are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One JSON object (one event) or one array (many).
    Json,
    /// One event a line.
    Ndjson,
}

/// Whether a receipt comes with the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReceiptWish {
    /// One for the batch.
    Wanted,
    /// None; each can be asked for later.
    Unwanted,
}

/// The bytes of a request and how to read them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Body<'a> {
    /// How the events are written.
    pub form: Form,
    /// The events, uncompressed.
    pub bytes: &'a [u8],
}

/// What is sent in one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch<'a> {
    /// The events.
    pub body: Body<'a>,
    /// By what they are recognised when they are sent again.
    pub identity: Identity,
    /// An importer's mapping and version (`cloudtrail/1`).
    pub mapping: Option<&'a str>,
    /// Whether a receipt comes with the answer.
    pub receipt: ReceiptWish,
}

impl Client {
    /// Sends a batch and waits until every item has a result: 200, 207, and for a single event also 409 and 422.
    ///
    /// # Errors
    /// `Unavailable` at once, with `expected`, if the stream goes on with another number than the batch's first.
    /// `Refused` if the request as a whole was (nothing is stored), `Unavailable` and `Unreachable` if the deadline
    /// passed with nothing stored, `MayBeStored` if it passed and some try may have been: the same batch may be sent
    /// again.
    pub fn send(&self, batch: Batch<'_>, patience: Patience) -> Result<Answer, Error> {
        let headers = headers(&batch);
        let body = batch.body.bytes;
        let request = Request { method: Method::Post, path: "/v1/events", headers: &headers, body };
        let reply = self.until_answered(request, patience, Again::Safe, has_results)?;
        self.typed(reply.status, &reply.body)
    }

    /// Sends a batch once, for a caller that decides itself when to try again.
    pub(crate) fn send_once(&self, batch: Batch<'_>, limit: Duration) -> Result<Answer, Missed> {
        let headers = headers(&batch);
        let body = batch.body.bytes;
        let request = Request { method: Method::Post, path: "/v1/events", headers: &headers, body };
        let reply = self.try_once(request, limit, Again::Safe, has_results)?;
        let answer = self.typed(reply.status, &reply.body);
        answer.map_err(|error| Missed { error, retry_after: None })
    }
}

/// What a batch says about itself.
fn headers(batch: &Batch<'_>) -> Vec<(&'static str, String)> {
    let form = match batch.body.form {
        Form::Json => "application/json",
        Form::Ndjson => "application/x-ndjson",
    };
    let mut headers = vec![("content-type", form.to_owned())];
    headers.push(("accept", "application/json".to_owned()));
    if let Identity::Stream { instance, first } = batch.identity {
        headers.push(("indelible-instance", instance.to_string()));
        headers.push(("indelible-seq", first.to_string()));
    }
    if let Some(mapping) = batch.mapping {
        headers.push(("indelible-mapping", mapping.to_owned()));
    }
    if batch.receipt == ReceiptWish::Wanted {
        headers.push(("prefer", "receipt".to_owned()));
    }
    headers
}

/// Whether an answer tells of items: a 409 or a 422 does if the request was one event, else it is a problem.
fn has_results(reply: &Reply) -> bool {
    match reply.status {
        200..300 => true,
        409 | 422 => serde_json::from_slice::<Answer>(&reply.body).is_ok(),
        _ => false,
    }
}
