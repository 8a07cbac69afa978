//! Streams from outside: what became of a number, gaps that a producer declares, and every stream at a glance.
//!
//! Promises: a declared gap is one record, durable before it is answered, and answered again only for the same numbers.
//! Refuses a gap in a stream of another producer.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use event::code::Code;
use event::ids::{Instance, ProducerId, Seq, TenantId};
use event::record::Record;
use event::system::{self, SystemKind};
use indelible_client::wire;
use ledger::{Class, DeclaredGap, Done, ItemAnswer, SeqPlace, Source, StreamId};
use pipeline::batch::{SEQ_MAX, parse_seq};
use serde_json::{Value, json};
use tlog::Index;

use super::governed::{self, governed};
use super::problem::Problem;
use super::{Caller, Gate, body, ingest, json as json_response, opened, proofs};
use crate::app::App;
use crate::audit::{Asked, Surface};
use crate::stored;

/// Characters of the reason of a gap.
const REASON_CHARS_MAX: usize = 1000;

/// `GET /v1/streams/{producer}/{instance}/{seq}`.
pub(super) async fn number(
    State(gate): State<Arc<Gate>>,
    Extension(caller): Extension<Caller>,
    Path((producer, instance, seq)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let app = opened(&gate)?;
    let stream = stream(&producer, &instance)?;
    caller.sent_by(Some(&stream.producer))?;
    let seq = parse_seq(&seq).ok_or_else(|| wrong("the number is none from 1 to 2^53 - 1"))?;
    if caller.principal.producer.as_ref() == Some(&stream.producer) {
        // What became of one's own number is no read of another's.
        return became(&app, &caller, &stream, seq);
    }
    let name = format!("{}/{}/{seq}", stream.producer, stream.instance);
    let asked = Asked::one(Surface::Stream, "stream ?", &name);
    let asked = asked.purpose(governed::purpose(&headers)?);
    governed(&app, &caller, asked, async { became(&app, &caller, &stream, seq) }).await
}

/// What became of a number of a stream.
fn became(app: &App, caller: &Caller, stream: &StreamId, seq: Seq) -> Result<Response, Problem> {
    let tenant = proofs::tenant_of(app, caller)?;
    let next = app.reader.next_seq(&tenant.id, stream).map_err(Problem::internal)?;
    let next = next.unwrap_or(Seq(1));
    let none = || {
        let detail = "the stream has not come to this number";
        Problem::new(Code::NotFound, detail).with("next", next.0)
    };
    let place = app.reader.index_of(&tenant.id, stream, seq).map_err(Problem::internal)?;
    let index = match place {
        SeqPlace::At(index) => index,
        SeqPlace::Archived => {
            stored::index_of(app, &tenant.id, (stream, seq)).map_err(Problem::internal)?
        }
        SeqPlace::NotStored => return Err(none()),
    };
    let stored = stored::record(app, &tenant.id, index).map_err(Problem::internal)?;
    let stored = stored.ok_or_else(none)?;
    let record = Record::decode(&stored.payload).map_err(Problem::internal)?;
    let (event, stamps) = (record.event(), record.stamps());
    let (event, stamps) = (event.map_err(Problem::internal)?, stamps.map_err(Problem::internal)?);
    let status = match event.schema.as_deref().and_then(SystemKind::of_schema) {
        None => "committed",
        Some(SystemKind::DeadLetter) => "dead_lettered",
        Some(SystemKind::Refused) => "rejected",
        Some(kind) => kind.as_str(),
    };
    let code =
        event.attrs.iter().find(|(key, _)| key == "code").and_then(|(_, code)| code.as_str());
    let answer = json!({
        "producer": stream.producer.as_str(),
        "instance": stream.instance.to_string(),
        "seq": seq.0,
        "status": status,
        "id": stamps.event_id(&event).map(|id| id.to_string()),
        "index": index.0,
        "received_at": stored.entry.received_at.to_string(),
        "code": code.filter(|_| status != "committed"),
        "next": next.0,
    });
    Ok(json_response(200, answer.to_string()))
}

/// `POST /v1/streams/{producer}/{instance}/lost`.
pub(super) async fn lost(
    State(gate): State<Arc<Gate>>,
    Extension(caller): Extension<Caller>,
    Path((producer, instance)): Path<(String, String)>,
    headers: HeaderMap,
    sent: Body,
) -> Result<Response, Problem> {
    let app = opened(&gate)?;
    let stream = stream(&producer, &instance)?;
    if caller.producer()? != &stream.producer {
        return Err(Problem::new(Code::Forbidden, "the stream is another producer's"));
    }
    let tenant = proofs::tenant_of(&app, &caller)?;
    let deadline = std::time::Duration::from_millis(app.config.now().body_timeout_ms);
    let charged = body::read(&headers, sent, &app.budget, deadline).await?;
    let asked: wire::Lost = serde_json::from_slice(&charged.bytes)
        .map_err(|error| wrong(format!("the body is no declaration of a gap: {error}")))?;
    let (from, to) = (Seq(asked.from), Seq(asked.to));
    if from.0 < 1 || to < from || to.0 > SEQ_MAX {
        return Err(wrong("`from` and `to` are no range of numbers from 1 to 2^53 - 1"));
    }
    if asked.reason.is_empty() || asked.reason.chars().count() > REASON_CHARS_MAX {
        return Err(wrong(format!("`reason` has 1 to {REASON_CHARS_MAX} characters")));
    }
    let gap = system::Gap {
        producer: &stream.producer,
        instance: stream.instance,
        from,
        to,
        reason: &asked.reason,
    };
    let record = system::gap(&tenant.id, app.draw_id(), &gap);
    let source = Source::Gap { stream: stream.clone(), from, to };
    let (mut append, mut travelling) = app.system_append(&tenant, &[record], source);
    // A producer asks for this record, so it takes its place among what producers send.
    append.class = Class::Ordinary;
    travelling.room = Some(ingest::room(&app, &travelling.rows).await?);
    let answer = app.intake.append(append, travelling).await;
    let closed = |_| Problem::new(Code::Stopping, "the server takes no more events");
    let done = ingest::settled(answer.map_err(closed)?)?;
    let index = declared(&app, (&tenant.id, &stream), (from, to), &done)?;
    if let Some(ItemAnswer::Committed { .. }) = done.items.first() {
        app.metrics.lost(to.0 - from.0 + 1);
    }
    Ok(json_response(
        200,
        json!({ "status": "gap", "index": index.0, "from": from.0, "to": to.0 }).to_string(),
    ))
}

/// The record of the gap `from..=to`.
///
/// INVARIANT (I5): a first number that was taken before is a declaration sent again only if it was that of exactly this
/// gap; anything else there is a conflict, since some of the numbers are not declared.
fn declared(
    app: &App,
    (tenant, stream): (&TenantId, &StreamId),
    (from, to): (Seq, Seq),
    done: &Done,
) -> Result<Index, Problem> {
    let seen = match done.items.first() {
        Some(ItemAnswer::Committed { index }) => return Ok(*index),
        Some(ItemAnswer::Seen { index }) => *index,
        Some(ItemAnswer::Archived { seq }) => {
            stored::index_of(app, tenant, (stream, *seq)).map_err(Problem::internal)?
        }
        None => return Err(Problem::internal("a declared gap was given no place")),
    };
    let facts = app.reader.stream(tenant, stream).map_err(Problem::internal)?;
    let same = DeclaredGap { from, to, index: seen };
    if facts.is_some_and(|facts| facts.gaps.contains(&same)) {
        return Ok(seen);
    }
    let detail = format!("number {from} is taken, and not by a gap up to number {to}");
    Err(Problem::new(Code::SeqConflict, detail).with("index", seen.0))
}

/// `GET /v1/producers`.
pub(super) async fn producers(
    State(gate): State<Arc<Gate>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let app = opened(&gate)?;
    // INVARIANT (I9): what the ledger says of a stream counts rows that a narrower view leaves out.
    if !caller.view.is_whole_tenant() {
        let detail = "streams are shown to a credential that sees the whole tenant";
        return Err(Problem::new(Code::Forbidden, detail));
    }
    let asked = Asked {
        surface: Surface::Producers,
        template: "producers".to_owned(),
        literals: Vec::new(),
        purpose: governed::purpose(&headers)?,
    };
    governed(&app, &caller, asked, async { every_stream(&app, &caller) }).await
}

/// Every stream of the caller's tenant.
fn every_stream(app: &App, caller: &Caller) -> Result<Response, Problem> {
    let streams = app.reader.streams(caller.tenant()).map_err(|error| match error {
        ledger::Error::TooManyStreams { most, .. } => {
            let detail = format!("the tenant has more than {most} streams");
            Problem::new(Code::QueryLimit, detail).hint("ask for a stream by its name".to_owned())
        }
        other => Problem::internal(other),
    })?;
    let listed: Vec<Value> = streams
        .iter()
        .map(|facts| {
            let gaps = facts.gaps.iter();
            let gaps: Vec<Value> = gaps
                .map(|gap| json!({ "from": gap.from.0, "to": gap.to.0, "index": gap.index.0 }))
                .collect();
            json!({
                "producer": facts.stream.producer.as_str(),
                "instance": facts.stream.instance.to_string(),
                "next": facts.next.0,
                "last_seen": facts.last_received_at.to_string(),
                "last_index": facts.last_index.map(|index| index.0),
                "gaps": gaps,
            })
        })
        .collect();
    Ok(json_response(200, json!({ "producers": listed }).to_string()))
}

fn stream(producer: &str, instance: &str) -> Result<StreamId, Problem> {
    let producer = ProducerId::parse(producer).map_err(|error| wrong(error.to_string()))?;
    let instance = Instance::parse(instance).map_err(|error| wrong(error.to_string()))?;
    Ok(StreamId { producer, instance })
}

fn wrong(detail: impl Into<std::borrow::Cow<'static, str>>) -> Problem {
    Problem::new(Code::InvalidRequest, detail)
}
