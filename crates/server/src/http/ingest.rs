//! `POST /v1/events`: from a request's bytes to one verdict an item.
//!
//! ```text
//! terms -> body -> split -> seal (records and rows) -> room -> append -> settle -> answer
//! ```
//!
//! INVARIANT (I1): nothing is answered `committed` before the ledger has said `Done`. INVARIANT (I7): every item gets one
//! verdict, and what leaves no record is counted. Refuses to judge an event itself: `pipeline` does.

mod append; // into the ledger, what is archived looked up before
mod lasting; // work that outlives its handler

use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::Response;
use event::canonical::Context;
use event::code::Code;
use event::ids::{Instance, ProducerId, Seq};
use lake::rows::{RowsBuilder, Salt};
use ledger::{Append, Class, Item, Source, StreamId};
use pipeline::batch::{self, Place, Request, Salts, Sealed};
use pipeline::decode::{self, Media, Shape};
use pipeline::verdict::{Counts, ItemResult, Verdict};
use tlog::Index;
use tracing::Instrument;

pub(super) use append::{room, settled};

use self::lasting::Lasting;
use super::problem::Problem;
use super::{Caller, Gate, body, opened, proofs};
use crate::app::App;
use crate::tenants::Tenant;

/// How many items are neither committed nor duplicate.
const REJECTED: HeaderName = HeaderName::from_static("indelible-rejected");
/// Characters of `Indelible-Mapping`.
const MAPPING_CHARS_MAX: usize = 64;
/// A body of so many bytes takes a millisecond or so to work on.
const HEAVY_BYTES: usize = 64 << 10;

/// What a request's headers say about its items.
#[derive(Debug)]
struct Terms {
    media: Media,
    stream: Option<(Instance, Seq)>,
    mapping: Option<String>,
    receipt: Wish,
}

/// Whether a receipt comes with the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    Receipt,
    Nothing,
}

/// Who sends, and from where.
struct Sender {
    tenant: Arc<Tenant>,
    producer: ProducerId,
    credential: String,
    peer_ip: String,
}

/// A request that is ready to be appended.
struct Prepared {
    sealed: Sealed,
    append: Append,
    rows: lake::Rows,
}

/// What became of a request's items.
struct Taken {
    shape: Shape,
    results: Vec<ItemResult>,
    /// The indices that the request made.
    made: Range<u64>,
}

/// The request, answered.
pub(super) async fn post(
    State(gate): State<Arc<Gate>>,
    Extension(caller): Extension<Caller>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    sent: Body,
) -> Result<Response, Problem> {
    let app = opened(&gate)?;
    let terms = terms(&headers)?;
    if gate.is_stopping() {
        return Err(stopping());
    }
    let tenant = app.tenants.find(caller.tenant());
    let tenant = tenant.ok_or_else(|| Problem::internal("a key of a tenant that is not open"))?;
    let deadline = std::time::Duration::from_millis(app.config.now().body_timeout_ms);
    // A body that is still on its way when intake closes is refused at once.
    let charged = tokio::select! {
        charged = body::read(&headers, sent, &app.budget, deadline) => charged?,
        () = gate.stopped() => return Err(stopping()),
    };
    let sender = Sender {
        tenant: Arc::clone(&tenant),
        producer: caller.producer()?.clone(),
        credential: caller.credential,
        peer_ip: peer.ip().to_canonical().to_string(),
    };
    let (wish, length) = (terms.receipt, charged.bytes.len());
    let uncounted = app.accounts.begin().await;
    let work = take(Arc::clone(&app), sender, terms, charged);
    // INVARIANT (I7): what was begun is counted, also when the client goes away and this handler with it.
    let work = async move {
        let taken = work.await;
        drop(uncounted);
        taken
    };
    let work = Lasting::new(work.in_current_span());
    let Taken { shape, results, made } = work.await.map_err(Problem::internal)??;
    let receipt = match wish {
        Wish::Receipt if !made.is_empty() => {
            let receipt = || proofs::receipt_of(&app, &tenant, made, &|_| true);
            Some(heavy(&app, length, receipt).await?)
        }
        _ => None,
    };
    Ok(answer(&tenant, shape, &results, receipt.as_deref()))
}

/// Takes the items of a whole body into the ledger and counts them.
async fn take(
    app: Arc<App>,
    sender: Sender,
    terms: Terms,
    charged: body::Charged,
) -> Result<Taken, Problem> {
    let (split, prepared) = heavy(&app, charged.bytes.len(), || {
        let split = decode::split(terms.media, &charged.bytes).map_err(refused)?;
        let prepared = prepare(&app, &sender, &terms, &split.items)?;
        Ok((split, prepared))
    })
    .await?;
    let (results, made) = append::append(&app, &sender, prepared, &split.items).await?;
    app.accounts.count((&sender.tenant.id, &sender.producer), &results, made.clone());
    app.metrics.items(&results, charged.bytes.len());
    Ok(Taken { shape: split.shape, results, made })
}

/// Works on a body of so many bytes. While a large one is worked on, which takes milliseconds, another thread goes on with
/// the other requests: a look-up that comes in behind ten batches would wait for all of them. More than there are
/// processors would only take memory.
async fn heavy<T>(
    app: &App,
    bytes: usize,
    work: impl FnOnce() -> Result<T, Problem>,
) -> Result<T, Problem> {
    if bytes < HEAVY_BYTES {
        return work();
    }
    let _turn = app.heavy.acquire().await.map_err(Problem::internal)?;
    tokio::task::block_in_place(work)
}

/// Reads the headers.
fn terms(headers: &HeaderMap) -> Result<Terms, Problem> {
    let text = |name: &str| -> Result<Option<&str>, Problem> {
        let value = headers.get(name).map(|value| value.to_str());
        value.transpose().map_err(|_| wrong(format!("`{name}` is not printable ASCII")))
    };
    let media = text("content-type")?.and_then(Media::from_content_type);
    let unsupported =
        || Problem::new(Code::UnsupportedMediaType, "`Content-Type` names no form of events");
    let media = media.ok_or_else(unsupported)?;
    let stream = match (text("indelible-instance")?, text("indelible-seq")?) {
        (None, None) => None,
        (Some(instance), Some(seq)) => {
            let instance = Instance::parse(instance)
                .map_err(|_| wrong("`Indelible-Instance` is not 32 hexadecimal digits"))?;
            let seq = batch::parse_seq(seq);
            let seq =
                seq.ok_or_else(|| wrong("`Indelible-Seq` is no number from 1 to 2^53 - 1"))?;
            Some((instance, seq))
        }
        _ => return Err(wrong("`Indelible-Instance` and `Indelible-Seq` go together")),
    };
    let mapping = text("indelible-mapping")?.map(mapping).transpose()?;
    let prefers = |value: &HeaderValue| {
        let words = value.to_str().unwrap_or_default().split(',');
        words.map(str::trim).any(|word| word.eq_ignore_ascii_case("receipt"))
    };
    let receipt = match headers.get_all("prefer").iter().any(prefers) {
        true => Wish::Receipt,
        false => Wish::Nothing,
    };
    Ok(Terms { media, stream, mapping, receipt })
}

/// `name/version` of a mapping, kept as said by the producer.
fn mapping(text: &str) -> Result<String, Problem> {
    let is_word = |word: &str| {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        !word.is_empty() && word.bytes().all(is_plain)
    };
    let is_mapping =
        text.split_once('/').is_some_and(|(name, version)| is_word(name) && is_word(version));
    if is_mapping && text.len() <= MAPPING_CHARS_MAX {
        return Ok(text.to_owned());
    }
    Err(wrong("`Indelible-Mapping` is not `name/version`"))
}

/// Seals the items into records, with rows beside them.
fn prepare(
    app: &App,
    sender: &Sender,
    terms: &Terms,
    items: &[&[u8]],
) -> Result<Prepared, Problem> {
    let tenant = &sender.tenant;
    let place = match terms.stream {
        None => None,
        Some((instance, first)) => {
            let place = Place::new(instance, first, items.len());
            Some(place.ok_or_else(|| wrong("the numbers of the request pass 2^53 - 1"))?)
        }
    };
    let context = Context {
        tenant: &tenant.id,
        producer: &sender.producer,
        mapping: terms.mapping.as_deref(),
        peer_ip: Some(&sender.peer_ip),
        credential: Some(&sender.credential),
    };
    let request = Request { context, stream: place, steps: &tenant.steps };
    let reserved = app.salts.reserve(&tenant.id, items.len(), app.clock.monotonic_ns());
    let salts = Salts { sealer: &tenant.sealer, slots: reserved.slots() };
    let mut rows = RowsBuilder::new();
    let mut draw = || app.draw_id();
    let sealed = batch::seal(items, &request, &salts, &mut draw, &mut |event, stamps, at| {
        rows.push(event, stamps, Salt { block: at.0, slot: at.1 });
    });
    let mut sealed = sealed.map_err(Problem::internal)?;
    let records = std::mem::take(&mut sealed.records).into_iter();
    let items: Vec<Item> = records
        .map(|record| Item {
            kind: record.kind,
            root: record.root,
            payload: record.payload,
            id: record.id,
        })
        .collect();
    let stream = |instance| StreamId { producer: sender.producer.clone(), instance };
    let source = match terms.stream {
        Some((instance, first)) => Source::Stream { stream: stream(instance), first },
        None => Source::Loose { producer: Some(sender.producer.clone()) },
    };
    let append = Append {
        tenant: tenant.id.clone(),
        source,
        packed: ledger::frame::pack(&items),
        items,
        keys: tenant.blobs.iter().cloned().chain(reserved.blobs()).collect(),
        class: Class::Ordinary,
        looked_below: Index(0),
    };
    Ok(Prepared { sealed, append, rows: rows.finish() })
}

/// The answer's status, headers and body.
fn answer(
    tenant: &Tenant,
    shape: Shape,
    results: &[ItemResult],
    receipt: Option<&str>,
) -> Response {
    let not_clean = Counts::of(results).not_clean();
    let status = match (shape, results) {
        (Shape::One, [only]) => only.status_alone(),
        _ if not_clean == 0 => 200,
        _ => 207,
    };
    let mut out = Vec::with_capacity(64 + results.len() * 96 + receipt.map_or(0, str::len));
    out.extend_from_slice(b"{\"tenant\":\"");
    out.extend_from_slice(tenant.id.as_str().as_bytes());
    out.extend_from_slice(b"\",\"results\":[");
    for (position, result) in results.iter().enumerate() {
        if position > 0 {
            out.push(b',');
        }
        result.write_json(&mut out);
    }
    out.push(b']');
    if let Some(receipt) = receipt {
        out.extend_from_slice(b",\"receipt\":");
        out.extend_from_slice(receipt.trim_end().as_bytes());
    }
    if let (Shape::One, [only]) = (shape, results) {
        explain(&only.verdict, status, &mut out);
    }
    out.extend_from_slice(b"}\n");
    let mut response = super::json(status, out);
    if status >= 400 {
        let media = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, media);
    }
    if status == 207 {
        response.headers_mut().insert(REJECTED, HeaderValue::from(not_clean));
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// An item that was the whole request and was not taken is a problem too: its members stand beside the result.
fn explain(verdict: &Verdict, status: u16, out: &mut Vec<u8>) {
    let (code, hint) = match verdict {
        Verdict::Committed { .. } | Verdict::Duplicate { .. } => return,
        Verdict::Conflict { code, .. } | Verdict::DeadLettered { code, .. } => (*code, code.hint()),
        Verdict::Rejected { rejection, .. } => (rejection.code, rejection.hint.as_str()),
    };
    let detail = match verdict {
        Verdict::DeadLettered { .. } => "the event is kept as a dead letter: do not send it again",
        Verdict::Conflict { .. } => "another event stands in its place",
        _ => "the event breaks the format",
    };
    for (name, text) in [
        ("type", format!("urn:indelible:problem:{code}").as_str()),
        ("title", &code.as_str().replace('_', " ")),
        ("detail", detail),
        ("code", code.as_str()),
        ("hint", hint),
    ] {
        out.extend_from_slice(format!(",\"{name}\":").as_bytes());
        event::json::write_cj1(&event::json::Value::text(text), out);
    }
    out.extend_from_slice(format!(",\"status\":{status},\"retryable\":false").as_bytes());
}

/// A request that could not be split.
fn refused(refusal: decode::Refusal) -> Problem {
    Problem::new(refusal.code, refusal.detail).status(refusal.status)
}

/// Intake is closed.
fn stopping() -> Problem {
    Problem::new(Code::Stopping, "the server takes no more events")
}

fn wrong(detail: impl Into<std::borrow::Cow<'static, str>>) -> Problem {
    Problem::new(Code::InvalidRequest, detail)
}
