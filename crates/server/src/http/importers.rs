//! What only importers ask: the key that they import under, and which records are in the ledger already.
//!
//! Promises: an import key is drawn once a producer and given to that producer alone. Refuses to say anything about
//! records of another producer.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use event::code::Code;
use event::ids::{EventId, Instance};
use event::limits::BATCH_EVENTS_MAX;
use indelible_client::wire::{ImportKeyAnswer, KnownAnswer, KnownQuestion};

use super::problem::Problem;
use super::{Caller, Gate, body, json_of, opened, proofs};

/// `GET /v1/import-key`.
pub(super) async fn key(
    State(gate): State<Arc<Gate>>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, Problem> {
    let app = opened(&gate)?;
    let tenant = proofs::tenant_of(&app, &caller)?;
    let producer = caller.producer()?;
    let store = app.control.store();
    let draw = || tenant.keys.draw_import_key(store, &tenant.id, producer).1;
    let wrapped = app.control.import_key(&tenant.id, producer, draw).map_err(Problem::internal)?;
    let opened = tenant.keys.open_import_key(store, &tenant.id, producer, &wrapped);
    let key = opened.map_err(Problem::internal)?;
    let import_key = STANDARD.encode(key.0);
    json_of(200, &ImportKeyAnswer { producer: producer.to_string(), import_key })
}

/// `POST /v1/import/known`.
pub(super) async fn known(
    State(gate): State<Arc<Gate>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    sent: Body,
) -> Result<Response, Problem> {
    let app = opened(&gate)?;
    let deadline = std::time::Duration::from_millis(app.config.now().body_timeout_ms);
    let charged = body::read(&headers, sent, &app.budget, deadline).await?;
    let wrong = |what: String| Problem::new(Code::InvalidRequest, what);
    let question: KnownQuestion =
        serde_json::from_slice(&charged.bytes).map_err(|error| wrong(error.to_string()))?;
    if question.ids.len() > BATCH_EVENTS_MAX {
        return Err(wrong(format!("more than {BATCH_EVENTS_MAX} ids are asked about")));
    }
    let instance = Instance::parse(&question.instance).map_err(|error| wrong(error.to_string()))?;
    let ids = question.ids.iter().map(|id| EventId::parse(id));
    let ids: Vec<EventId> =
        ids.collect::<Result<_, _>>().map_err(|error| wrong(error.to_string()))?;
    let tenant = caller.tenant();
    let view = app.shipped.view(tenant, app.size(tenant)).await;
    let known = lake::lookup::known(&view, &ids, (caller.producer()?, instance));
    json_of(200, &KnownAnswer { known: known.map_err(Problem::internal)? })
}
