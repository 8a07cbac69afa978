//! What a program sends and gets: every endpoint, who may use it, and the order in which a request is judged.
//!
//! ```text
//! open? -> known path and method? -> who is it? -> may they? -> the handler
//! ```
//!
//! INVARIANT (I8): the list [`ENDPOINTS`](endpoints::ENDPOINTS) says of every path what it needs, and the router is made of it.
//! Refuses to look at a body before the caller was identified.

mod endpoints; // the list
mod guard; // before and behind every handler
mod identity; // which request
mod requests; // a line for each

mod admin; // tenants and keys
mod body; // bytes of a request, bounded
mod gate; // recovering, open, stopping
mod governed; // answers that are on record first
mod health; // operations
mod importers; // what only importers ask
mod ingest; // POST /v1/events
mod listen; // connections
mod openapi; // the interface, described
mod problem; // refusals
mod proofs; // events, receipts, proofs, tiles
mod query; // SQL
mod search; // the search language
mod segments; // what is archived
mod streams; // numbers and gaps
mod tail; // events as they come

pub(crate) use endpoints::router;
pub(crate) use gate::Gate;
pub(crate) use listen::{Limits, ListenError, bind, serve};
pub(crate) use search::Cursors;
pub(crate) use tail::Tails;

use std::sync::Arc;

use axum::http::{HeaderValue, header};
use axum::response::Response;
use event::code::Code;
use event::ids::{ProducerId, TenantId};
use policy::{Action, Principal, View};

use crate::app::App;
use endpoints::{Need, need};
use problem::Problem;

/// Who asks, after they were let in.
#[derive(Debug, Clone)]
struct Caller {
    /// Whom their key stands for.
    principal: Principal,
    /// The look-up part of the key: its id, never its secret.
    credential: String,
    /// What they may see of their tenant.
    view: View,
}

impl Caller {
    /// Their own tenant.
    fn tenant(&self) -> &TenantId {
        &self.principal.tenant
    }

    /// The producer that they send as; every caller that may write has one.
    fn producer(&self) -> Result<&ProducerId, Problem> {
        let none = || Problem::new(Code::Forbidden, "this key names no producer");
        self.principal.producer.as_ref().ok_or_else(none)
    }

    /// The view of somebody who asks for what `producer` sent; `None` stands for the server's own records.
    fn sent_by(&self, producer: Option<&ProducerId>) -> Result<View, Problem> {
        let action = match producer {
            Some(producer) => Action::ReadSent { producer },
            None => Action::Read,
        };
        decide(&self.principal, action, self.tenant())
    }
}

/// What the policy says, as a view or the problem to answer with.
fn decide(principal: &Principal, action: Action<'_>, tenant: &TenantId) -> Result<View, Problem> {
    let decision = policy::decide(principal, action, tenant);
    decision.into_view().map_err(|denial| Problem::new(Code::Forbidden, denial.to_string()))
}

/// The opened server, for handlers.
fn opened(gate: &Gate) -> Result<Arc<App>, Problem> {
    gate.app().map(Arc::clone)
}

/// An answer of JSON.
fn json(status: u16, body: impl Into<axum::body::Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() =
        axum::http::StatusCode::from_u16(status).unwrap_or(axum::http::StatusCode::OK);
    let media = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, media);
    response
}

/// An answer of a wire type as JSON.
fn json_of(status: u16, value: &impl serde::Serialize) -> Result<Response, Problem> {
    let text = serde_json::to_string(value).map_err(Problem::internal)?;
    Ok(json(status, text))
}

#[cfg(test)]
mod tests;
