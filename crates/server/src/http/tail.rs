//! `POST /v1/tail`: events as they come, as server-sent events.
//!
//! ```text
//! POST {"q"} -> a stream URL, good once and for a minute -> GET: id = index, data = the event
//! ```
//!
//! Promises: resumed with `Last-Event-ID`, no event is lost or comes twice, wherever it lies by then; a stream that ends
//! says why (`event: cut`), and that of a key that is revoked does. INVARIANT (I10): so many tails at once, so many pieces held for each; who does not take them in
//! time is cut. INVARIANT (I11): the tail is on record before its first event, and again for each allowance. Refuses to
//! replay what retention has removed: `event: gone` names the first index that is there.

mod follow; // one tail from start to end
mod tickets; // stream URLs

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use event::code::Code;
use event::ids::TenantId;
use serde::Deserialize;
use serde_json::json;
use tlog::Index;
use tokio::sync::{Semaphore, mpsc};

use super::problem::Problem;
use super::{Caller, Gate, body, governed, json as json_response, opened, search};
use crate::app::App;
use crate::audit::{Sharing, Surface};
use follow::{Follow, LastWord};
use tickets::{Ticket, Tickets};

/// Tails at once.
pub(crate) const TAILS_MAX: usize = 64;
/// Tails that look for events at the same moment.
const LOOKS_MAX: usize = 2;
/// Pieces that wait for one client.
const PIECES_MAX: usize = 4;

/// What tails share.
#[derive(Debug)]
pub(crate) struct Tails {
    tickets: Tickets<Ticket>,
    places: Arc<Semaphore>,
    looks: Arc<Semaphore>,
}

impl Tails {
    /// No tail yet.
    pub(crate) fn new() -> Tails {
        Tails {
            tickets: Tickets::default(),
            places: Arc::new(Semaphore::new(TAILS_MAX)),
            looks: Arc::new(Semaphore::new(LOOKS_MAX)),
        }
    }
}

/// The body.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    #[serde(default)]
    q: String,
    /// Events behind this index; without it, and without `since_ms`, those that come from now on.
    after: Option<u64>,
    /// Events that were received within so many milliseconds, and those that come.
    since_ms: Option<u64>,
}

/// `POST /v1/tail`.
pub(super) async fn post(
    State(gate): State<Arc<Gate>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    sent: Body,
) -> Result<Response, Problem> {
    let app = opened(&gate)?;
    let asked: Asked = body::json(&app, &headers, sent, search::BODY_BYTES_MAX).await?;
    let now = app.clock.wall();
    let window = search::Window { q: &asked.q, from: None, to: None };
    let wanted = search::Wanted::new(&window, now)?;
    let on_record = wanted.on_record(Surface::Tail, &headers)?;
    let size = app.size(caller.tenant());
    let start = match (asked.after, asked.since_ms) {
        (Some(_), Some(_)) => {
            let detail = "`after` and `since_ms` are two ways to say the same";
            return Err(Problem::new(Code::InvalidValue, detail));
        }
        (Some(after), None) => behind(after, size)?,
        (None, Some(ms)) => {
            let from = now.0.saturating_sub(ms.saturating_mul(1_000_000));
            first_received(&app, caller.tenant(), from, size)?
        }
        (None, None) => size,
    };
    let ticket = Ticket { caller, on_record, search: wanted.search, start };
    let full = || Problem::new(Code::Busy, "too many stream URLs wait to be used");
    let name = app.tails.tickets.give(ticket, app.clock.monotonic_ns()).ok_or_else(full)?;
    let answer = json!({
        "url": format!("/v1/tail/{name}"),
        "expires_in_s": tickets::GOOD_FOR_NS / 1_000_000_000,
        "from_index": start,
    });
    Ok(json_response(201, answer.to_string()))
}

/// `GET /v1/tail/{ticket}`.
pub(super) async fn stream(
    State(gate): State<Arc<Gate>>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let app = opened(&gate)?;
    let none = || {
        let detail = "the stream URL was used, is older than a minute, or never was good";
        Problem::new(Code::NotFound, detail).hint("ask for another with POST /v1/tail")
    };
    let ticket = app.tails.tickets.take(&name, app.clock.monotonic_ns());
    // The URL carries the right of a key, and no more of it than the key still has.
    let is_good = |ticket: &Ticket| app.control.is_good(&ticket.caller.credential);
    let ticket = ticket.filter(is_good).ok_or_else(none)?;
    let Ticket { caller, on_record, search, start } = ticket;
    let start = match last_event(&headers)? {
        Some(last) => behind(last, app.size(caller.tenant()))?,
        None => start,
    };
    let busy = || Problem::new(Code::Busy, format!("{TAILS_MAX} tails are open"));
    let place = Arc::clone(&app.tails.places).try_acquire_owned().map_err(|_| busy())?;
    let reading = governed::begin(&app, &caller, on_record, Sharing::Alone).await?;
    let (pieces, taken) = mpsc::channel(PIECES_MAX);
    let last_word = LastWord::default();
    let follow = Follow {
        slow_after: Duration::from_millis(app.config.now().tail_slow_ms),
        looks: Arc::clone(&app.tails.looks),
        alive_ns: app.clock.monotonic_ns(),
        app,
        gate,
        caller,
        search,
        next: start,
        reading,
        pieces,
        last_word: last_word.clone(),
    };
    tokio::spawn(async move {
        // The place is free again when the tail has ended, not when its client has read the rest.
        let _place = place;
        follow.run().await;
    });
    let media = HeaderValue::from_static("text/event-stream");
    let fresh = HeaderValue::from_static("no-store");
    let heads = [(header::CONTENT_TYPE, media), (header::CACHE_CONTROL, fresh)];
    Ok((heads, Body::from_stream(body(taken, last_word))).into_response())
}

/// The pieces as they come, then the reason why there are no more.
fn body(
    taken: mpsc::Receiver<Bytes>,
    last_word: LastWord,
) -> impl futures::Stream<Item = Result<Bytes, std::convert::Infallible>> {
    futures::stream::unfold(Some((taken, last_word)), |open| async move {
        let (mut taken, last_word) = open?;
        match taken.recv().await {
            Some(piece) => Some((Ok(piece), Some((taken, last_word)))),
            None => last_word.piece().map(|piece| (Ok(piece), None)),
        }
    })
}

/// The index in `Last-Event-ID`.
fn last_event(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(value) = headers.get("last-event-id") else { return Ok(None) };
    let index = value.to_str().ok().and_then(|text| text.parse().ok());
    let wrong = || Problem::new(Code::InvalidRequest, "`Last-Event-ID` is no index");
    index.map(Some).ok_or_else(wrong)
}

/// The index behind `last`, which must be one of the ledger.
fn behind(last: u64, size: u64) -> Result<u64, Problem> {
    if last < size {
        return Ok(last + 1);
    }
    let detail = format!("index {last} is not in the ledger, which has {size} records");
    Err(Problem::new(Code::InvalidValue, detail))
}

/// The first index that was received at `from` or later; they never decrease along indices (I3).
fn first_received(app: &App, tenant: &TenantId, from: u64, size: u64) -> Result<u64, Problem> {
    let (mut low, mut high) = (0, size);
    while low < high {
        let middle = low + (high - low) / 2;
        let entry = app.reader.entry(tenant, Index(middle)).map_err(Problem::internal)?;
        let entry = entry.ok_or_else(|| Problem::internal("a record without an entry"))?;
        if entry.received_at.0 < from { low = middle + 1 } else { high = middle }
    }
    Ok(low)
}
