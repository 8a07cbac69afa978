//! What was stored, and what proves it: events, receipts, inclusion proofs, checkpoints and tiles.
//!
//! Promises: bytes of parts leave as they were committed to; a proof leads to a checkpoint that is durable. An event that
//! the caller may not see is answered like one that is not there. Refuses to prove what is not signed.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::ops::Range;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use event::canonical::{self, tag};
use event::code::Code;
use event::commitment::{SaltBlock, Seed};
use event::ids::{EventId, ProducerId, Timestamp};
use event::receipt::{Disclosure, Receipt, show};
use event::record::Record;
use indelible_client::wire;
use ledger::Stored;
use tlog::tile::TilePath;
use tlog::{Index, TreeSize};

use super::governed::{self, governed};
use super::problem::Problem;
use super::{Caller, Gate, json, json_of, opened};
use crate::app::App;
use crate::audit::{Asked, Surface};
use crate::stored::{self, Records};
use crate::tenants::Tenant;

/// A record that was found by id, and where else the id stands.
struct Found {
    stored: Stored,
    also: Vec<u64>,
}

/// `GET /v1/events/{id}`: the claims in normal form, and beside them what the server added.
pub(super) async fn event(
    State(gate): State<Arc<Gate>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (app, id) = (opened(&gate)?, event_id(&id)?);
    let asked = asked(Surface::Event, "event ?", &id, &headers)?;
    governed(&app, &caller, asked, async {
        let tenant = tenant_of(&app, &caller)?;
        let found = find(&app, &caller, &tenant, &id).await?;
        let record = Record::decode(&found.stored.payload).map_err(Problem::internal)?;
        let text = event_json(
            &record,
            (found.stored.index.0, found.stored.entry.received_at),
            &found.also,
        )?;
        Ok(json(200, text))
    })
    .await
}

/// `GET /v1/events/{id}/proof`: JSON, or a `.tlog-proof` on `Accept: application/octet-stream` or `text/plain`.
pub(super) async fn proof(
    State(gate): State<Arc<Gate>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (app, id) = (opened(&gate)?, event_id(&id)?);
    let asked = asked(Surface::Proof, "proof ?", &id, &headers)?;
    let wants_file = accepts(&headers, &["application/octet-stream", "text/plain"]);
    governed(&app, &caller, asked, async {
        let tenant = tenant_of(&app, &caller)?;
        let found = find(&app, &caller, &tenant, &id).await?;
        let index = found.stored.index.0;
        with_receipt(&app, &tenant, index..index + 1, &|_| true, |receipt| {
            if wants_file {
                return proof_file(&receipt);
            }
            json_of(200, &inclusion(&found.stored, receipt))
        })
    })
    .await
}

/// The `.tlog-proof` of a receipt of one record.
fn proof_file(receipt: &Receipt<'_>) -> Result<Response, Problem> {
    let file = receipt.to_proof_file();
    let file = file.ok_or_else(|| Problem::internal("one event has no proof file"))?;
    let media = HeaderValue::from_static("text/plain; charset=utf-8");
    Ok(([(header::CONTENT_TYPE, media)], file).into_response())
}

/// The inclusion proof in a receipt of one record.
fn inclusion(stored: &Stored, receipt: Receipt<'_>) -> wire::Proof {
    wire::Proof {
        index: stored.index.0,
        entry: stored.entry.encode().iter().map(|byte| format!("{byte:02x}")).collect(),
        proof: receipt.proof.iter().map(|hash| STANDARD.encode(hash.0)).collect(),
        checkpoint: receipt.checkpoint.into_owned(),
    }
}

/// `GET /v1/receipts/{id}`.
pub(super) async fn receipt(
    State(gate): State<Arc<Gate>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (app, id) = (opened(&gate)?, event_id(&id)?);
    let asked = asked(Surface::Receipt, "receipt ?", &id, &headers)?;
    governed(&app, &caller, asked, async {
        let tenant = tenant_of(&app, &caller)?;
        let found = find(&app, &caller, &tenant, &id).await?;
        let index = found.stored.index.0;
        Ok(json(200, receipt_of(&app, &tenant, index..index + 1, &|_| true)?))
    })
    .await
}

/// A question for one record by its id.
fn asked(
    surface: Surface,
    template: &str,
    id: &EventId,
    headers: &HeaderMap,
) -> Result<Asked, Problem> {
    Ok(Asked::one(surface, template, &id.to_string()).purpose(governed::purpose(headers)?))
}

/// The event id in a path.
fn event_id(text: &str) -> Result<EventId, Problem> {
    let rule = "the id is not 32 hexadecimal digits in groups of 8-4-4-4-12";
    EventId::parse(text).map_err(|_| Problem::new(Code::InvalidRequest, rule))
}

/// `GET /t/{tenant}/checkpoint`.
pub(super) async fn checkpoint(
    State(gate): State<Arc<Gate>>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, Problem> {
    let app = opened(&gate)?;
    let signed = app.reader.checkpoint(caller.view.tenant());
    let signed = signed.map_err(Problem::internal)?;
    let media = HeaderValue::from_static("text/plain; charset=utf-8");
    Ok(([(header::CONTENT_TYPE, media)], signed.note.to_string()).into_response())
}

/// `GET /t/{tenant}/tile/...`: byte for byte; every path that is not canonical or not there is 404.
pub(super) async fn tile(
    State(gate): State<Arc<Gate>>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
) -> Result<Response, Problem> {
    let app = opened(&gate)?;
    let tenant = caller.view.tenant();
    let none = || Problem::new(Code::NotFound, "the tree has no such tile");
    // The path as sent: a second spelling of a tile is no tile.
    let path = uri.path().strip_prefix(&format!("/t/{tenant}/")).and_then(TilePath::parse);
    let bytes = app.reader.tile(tenant, path.ok_or_else(none)?).map_err(Problem::internal)?;
    let media = HeaderValue::from_static("application/octet-stream");
    Ok(([(header::CONTENT_TYPE, media)], bytes.ok_or_else(none)?).into_response())
}

/// The receipt of the records `range`, as JSON; `opens` says which tags are shown whole.
pub(super) fn receipt_of(
    app: &App,
    tenant: &Tenant,
    range: Range<u64>,
    opens: &dyn Fn(u8) -> bool,
) -> Result<String, Problem> {
    with_receipt(app, tenant, range, opens, |receipt| Ok(receipt.to_json()))
}

/// Builds the receipt of the records `range` and shows it to `make`: it borrows the stored bytes, so that nothing of them
/// is copied but into what leaves.
fn with_receipt<T>(
    app: &App,
    tenant: &Tenant,
    range: Range<u64>,
    opens: &dyn Fn(u8) -> bool,
    make: impl FnOnce(Receipt<'_>) -> Result<T, Problem>,
) -> Result<T, Problem> {
    let signed = app.reader.checkpoint(&tenant.id).map_err(Problem::internal)?;
    assert!(
        range.end <= signed.size.0,
        "what was answered is durable, and the newest checkpoint covers it"
    );
    let proof = range_proof(app, tenant, &range, signed.size)?;
    let records = Records::read(app, &tenant.id, &range).map_err(Problem::internal)?;
    let mut seeds = Seeds { app, tenant, blocks: HashMap::new() };
    let mut events = Vec::new();
    for (index, entry, payload) in records.iter().filter(|(index, ..)| range.contains(&index.0)) {
        let record = Record::decode(payload).map_err(Problem::internal)?;
        let seed = seeds.of(&record, index)?;
        let disclose = |tag, _| if opens(tag) { Disclosure::Open } else { Disclosure::Withhold };
        events.push(show(entry, &record, &seed, disclose).map_err(Problem::internal)?);
    }
    make(Receipt {
        origin: tenant.id.origin(app.control.store()).into(),
        index: Index(range.start),
        proof,
        checkpoint: (&*signed.note).into(),
        events,
    })
}

fn range_proof(
    app: &App,
    tenant: &Tenant,
    range: &Range<u64>,
    size: TreeSize,
) -> Result<Vec<event::commitment::Hash>, Problem> {
    let proof = app.reader.range_proof(&tenant.id, Index(range.start), Index(range.end), size);
    proof.map_err(Problem::internal)
}

/// The seeds of records, each salt block looked up once.
struct Seeds<'a> {
    app: &'a App,
    tenant: &'a Tenant,
    blocks: HashMap<u64, SaltBlock>,
}

impl Seeds<'_> {
    fn of(&mut self, record: &Record<'_>, index: Index) -> Result<Seed, Problem> {
        let id = record.block_id;
        if !self.blocks.contains_key(&id) {
            let secret = stored::secret(self.app, &self.tenant.id, (id, index.0));
            let secret = secret
                .map_err(Problem::internal)?
                .ok_or_else(|| Problem::internal("the salt block of a record is not there"))?;
            self.blocks.insert(id, SaltBlock { id, secret });
        }
        let block = self.blocks.get(&id);
        let block =
            block.ok_or_else(|| Problem::internal("a salt block that was just put there"))?;
        Ok(self.tenant.sealer.seed(block, record.slot))
    }
}

/// The record with this id that the caller may see, the lowest index first.
async fn find(app: &App, caller: &Caller, tenant: &Tenant, id: &EventId) -> Result<Found, Problem> {
    let none = || Problem::new(Code::NotFound, "there is no event of this id in view");
    let view = app.shipped.view(&tenant.id, app.size(&tenant.id)).await;
    let mut first = None;
    let mut also = Vec::new();
    for index in lake::lookup::by_id(&view, id).map_err(Problem::internal)? {
        let stored = stored::record(app, &tenant.id, Index(index)).map_err(Problem::internal)?;
        let Some(stored) = stored else { continue };
        if !may_see(caller, &stored)? {
            continue;
        }
        match first {
            None => first = Some(stored),
            Some(_) => also.push(index),
        }
    }
    Ok(Found { stored: first.ok_or_else(none)?, also })
}

/// Whether the record is in the caller's view, or was sent by them.
fn may_see(caller: &Caller, stored: &Stored) -> Result<bool, Problem> {
    let record = Record::decode(&stored.payload).map_err(Problem::internal)?;
    let stamps = record.stamps().map_err(Problem::internal)?;
    let sender = stamps.producer.as_deref().and_then(|name| ProducerId::parse(name).ok());
    Ok(caller.sent_by(sender.as_ref()).is_ok_and(|view| view.admits(sender.as_ref())))
}

/// The event's claims with index, time of receipt and stamps beside them. Claims are written as they are stored: no value
/// goes through a reader that could change a number.
pub(super) fn event_json(
    record: &Record<'_>,
    (index, received_at): (u64, Timestamp),
    also: &[u64],
) -> Result<String, Problem> {
    let event = record.event().map_err(Problem::internal)?;
    let stamps = record.stamps().map_err(Problem::internal)?;
    let claims = String::from_utf8(canonical::event_bytes(&event)).map_err(Problem::internal)?;
    let claims = claims.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    let claims = claims.ok_or_else(|| Problem::internal("an event is a JSON object"))?;
    let part = |wanted: u8| -> Result<String, Problem> {
        let part = record.opened().find(|part| part.tag == wanted);
        let bytes = part.map_or(&b"{}"[..], |part| part.bytes);
        String::from_utf8(bytes.to_vec()).map_err(Problem::internal)
    };
    let mut text = String::with_capacity(claims.len() + 512);
    let written = write!(text, "{{\"index\":{index},\"received_at\":\"{received_at}\"");
    written.map_err(Problem::internal)?;
    if let (None, Some(id)) = (event.id, stamps.event_id(&event)) {
        write!(text, ",\"id\":\"{id}\"").map_err(Problem::internal)?;
    }
    let (observed, stamp) = (part(tag::OBSERVED)?, part(tag::STAMP)?);
    let also = serde_json::to_string(also).map_err(Problem::internal)?;
    write!(text, ",{claims},\"observed\":{observed},\"stamps\":{stamp},\"also\":{also}}}")
        .map_err(Problem::internal)?;
    Ok(text)
}

/// Whether the first form that `Accept` names is one of `forms`.
pub(super) fn accepts(headers: &HeaderMap, forms: &[&str]) -> bool {
    let accept =
        headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let first = accept.split([',', ';']).next().unwrap_or_default().trim();
    forms.iter().any(|form| form.eq_ignore_ascii_case(first))
}

/// The caller's tenant, opened.
pub(super) fn tenant_of(app: &App, caller: &Caller) -> Result<Arc<Tenant>, Problem> {
    let tenant = app.tenants.find(caller.view.tenant());
    tenant.ok_or_else(|| Problem::internal("a key of a tenant that is not open"))
}
