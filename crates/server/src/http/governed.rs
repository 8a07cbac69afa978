//! Governed answers: what leaves only after it is on record who asked.
//!
//! Promises: the record is made beside the work; neither an answer nor an error leaves before it is committed; a caller who
//! goes away before the last byte is counted as one who left (INVARIANT (I11)). Refuses to say what was recorded.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::http::HeaderMap;
use axum::response::Response;
use event::code::Code;
use http_body_util::BodyExt;
use hyper::body::{Frame, SizeHint};
use query::Allowance;

use super::problem::Problem;
use super::{Caller, ingest, proofs};
use crate::app::{App, NotRecorded};
use crate::audit::{self, Asked, Outcome, Reading, Sharing, Unread, Who};

/// The header in which a caller says what a read is for.
pub(super) const PURPOSE: &str = "indelible-purpose";
/// Characters of a purpose.
pub(super) const PURPOSE_CHARS_MAX: usize = 200;
/// Bytes of an answer that are handed on at once.
const PIECE_BYTES: usize = 64 << 10;

/// Makes an answer about one thing beside the record of who asked for it, and lets it go.
pub(super) async fn governed(
    app: &Arc<App>,
    caller: &Caller,
    asked: Asked,
    work: impl Future<Output = Result<Response, Problem>>,
) -> Result<Response, Problem> {
    let (reading, made) = tokio::join!(begin(app, caller, asked, Sharing::Shared), work);
    let reading = reading?;
    match made {
        Ok(response) => {
            let bytes = response.body().size_hint().exact().unwrap_or(0);
            reading.allow(Allowance { rows: 1, bytes }).await.map_err(unread)?;
            watched(response, reading).await
        }
        Err(problem) => {
            reading.end(Outcome::Failed);
            Err(problem)
        }
    }
}

/// Puts a read on record.
pub(super) async fn begin(
    app: &Arc<App>,
    caller: &Caller,
    asked: Asked,
    sharing: Sharing,
) -> Result<Reading, Problem> {
    let who = Who {
        tenant: proofs::tenant_of(app, caller)?,
        credential: caller.credential.clone(),
        producer: caller.principal.producer.clone(),
    };
    audit::begin(app, &who, asked, sharing).await.map_err(unread)
}

/// The same answer with the read ending when its last byte was taken, or its caller has left.
pub(super) async fn watched(response: Response, reading: Reading) -> Result<Response, Problem> {
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.map_err(Problem::internal)?.to_bytes();
    let body = Watched { rest: bytes, reading: Some(reading) };
    Ok(Response::from_parts(parts, Body::new(body)))
}

/// The purpose in the request's headers.
pub(super) fn purpose(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get(PURPOSE) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default();
    if text.trim().is_empty() || text.chars().count() > PURPOSE_CHARS_MAX {
        let detail = format!(
            "`Indelible-Purpose` has 1 to {PURPOSE_CHARS_MAX} characters of ASCII that can be printed"
        );
        return Err(Problem::new(Code::InvalidRequest, detail));
    }
    Ok(Some(text.trim().to_owned()))
}

/// INVARIANT (I8): without a record there is no answer, and the caller learns why.
pub(super) fn unread(error: Unread) -> Problem {
    match error {
        Unread::NotRecorded(not) => unrecorded(not),
        Unread::Busy => Problem::new(Code::Busy, "more reads are open than are kept track of"),
    }
}

/// A record of ours that the ledger did not take.
pub(super) fn unrecorded(not: NotRecorded) -> Problem {
    match not.answer.map(ingest::settled) {
        Some(Err(problem)) => problem,
        Some(Ok(_)) => Problem::internal("a record was taken and given no place"),
        None => Problem::new(Code::Stopping, "the server is stopping"),
    }
}

/// A body that knows when it was taken.
struct Watched {
    rest: Bytes,
    reading: Option<Reading>,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let piece = self.rest.len().min(PIECE_BYTES);
        let piece = self.rest.split_to(piece);
        if self.rest.is_empty() {
            // Whoever asks for the last piece has taken those before it.
            if let Some(reading) = self.reading.take() {
                reading.end(Outcome::Answered);
            }
        }
        Poll::Ready((!piece.is_empty()).then(|| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.reading.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(u64::try_from(self.rest.len()).unwrap_or(u64::MAX))
    }
}
