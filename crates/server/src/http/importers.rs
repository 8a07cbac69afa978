//! What only importers ask: the key that they import under, and which records are in the ledger already.
//!
//! Promises: an import key is drawn once a producer and given to that producer alone. Refuses to say anything about
//! records of another producer.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, AsArray};
use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use event::code::Code;
use event::ids::{EventId, Instance, ProducerId};
use event::limits::BATCH_EVENTS_MAX;
use indelible_client::wire::{ImportKeyAnswer, KnownAnswer, KnownQuestion};
use lake::rows::{ID, INSTANCE};

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
    let deadline = std::time::Duration::from_millis(app.config.body_timeout_ms);
    let charged = body::read(&headers, sent, &app.budget, deadline).await?;
    let wrong = |what: String| Problem::new(Code::InvalidRequest, what);
    let question: KnownQuestion =
        serde_json::from_slice(&charged.bytes).map_err(|error| wrong(error.to_string()))?;
    if question.ids.len() > BATCH_EVENTS_MAX {
        return Err(wrong(format!("more than {BATCH_EVENTS_MAX} ids are asked about")));
    }
    let instance = Instance::parse(&question.instance).map_err(|error| wrong(error.to_string()))?;
    let mut asked: HashMap<[u8; 16], Vec<usize>> = HashMap::new();
    for (position, id) in question.ids.iter().enumerate() {
        let id = EventId::parse(id).map_err(|error| wrong(error.to_string()))?;
        asked.entry(id.0).or_default().push(position);
    }
    let tenant = caller.tenant();
    let view = app.shipped.view(tenant, app.size(tenant)).await;
    let mut known = vec![false; question.ids.len()];
    mark(&view, &asked, (caller.producer()?, instance), &mut known);
    json_of(200, &KnownAnswer { known })
}

/// Marks the ids of which `own` has a record that is not in the stream `instance`.
fn mark(
    view: &lake::View,
    asked: &HashMap<[u8; 16], Vec<usize>>,
    (own, instance): (&ProducerId, Instance),
    known: &mut [bool],
) {
    for chunk in view.hot_chunks() {
        let column = |name| chunk.batch().column_by_name(name);
        let ids = column(ID).and_then(|ids| ids.as_fixed_size_binary_opt());
        let instances = column(INSTANCE).and_then(|column| column.as_fixed_size_binary_opt());
        let producers = column("producer").and_then(|column| column.as_string_opt::<i32>());
        let (Some(ids), Some(instances), Some(producers)) = (ids, instances, producers) else {
            continue;
        };
        let (values, _) = ids.value_data().as_chunks::<16>();
        for (row, id) in values.iter().enumerate() {
            let Some(positions) = asked.get(id) else { continue };
            let is_own = producers.is_valid(row) && producers.value(row) == own.as_str();
            let is_elsewhere = instances.is_null(row) || instances.value(row) != instance.0;
            if is_own && is_elsewhere {
                for position in positions {
                    known.iter_mut().skip(*position).take(1).for_each(|known| *known = true);
                }
            }
        }
    }
}
