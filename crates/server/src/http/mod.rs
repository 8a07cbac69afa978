//! What a program sends and gets: every endpoint, who may use it, and the order in which a request is judged.
//!
//! ```text
//! open? -> known path and method? -> who is it? -> may they? -> the handler
//! ```
//!
//! INVARIANT (I8): the list [`ENDPOINTS`] says of every path what it needs; a path that is not in it is not served, so that
//! none can be forgotten. Refuses to look at a body before the caller was identified.

mod admin; // tenants and keys
mod body; // bytes of a request, bounded
mod gate; // recovering, open, stopping
mod governed; // answers that are on record first
mod health; // operations
mod importers; // what only importers ask
mod ingest; // POST /v1/events
mod listen; // connections
mod problem; // refusals
mod proofs; // events, receipts, proofs, tiles
mod query; // SQL
mod search; // the search language
mod segments; // what is archived
mod streams; // numbers and gaps
mod tail; // events as they come

pub(crate) use gate::Gate;
pub(crate) use listen::{Limits, ListenError, bind, loopback, serve};
pub(crate) use search::Cursors;
pub(crate) use tail::Tails;

use std::sync::Arc;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, Method, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use event::code::Code;
use event::ids::{ProducerId, TenantId};
use policy::{Action, Principal, View};

use crate::app::App;
use crate::auth;
use problem::Problem;

/// What an endpoint needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    /// Nothing: anybody who can connect.
    Nothing,
    /// The scope `write` and a producer.
    Write,
    /// The scope `read`.
    Read,
    /// The scope `read`, or `write` as the producer of what is asked for; the handler looks who that is.
    Sent,
    /// The scope `log:read`, on the tenant in the path.
    LogRead,
    /// The scope `admin`; the handler looks on which tenant.
    Admin,
}

/// Every endpoint: method, path, need.
const ENDPOINTS: &[(&str, &str, Need)] = &[
    ("GET", "/livez", Need::Nothing),
    ("GET", "/readyz", Need::Nothing),
    ("GET", "/metrics", Need::Nothing),
    ("GET", "/version", Need::Nothing),
    ("POST", "/v1/events", Need::Write),
    ("GET", "/v1/events/{id}", Need::Read),
    ("GET", "/v1/events/{id}/proof", Need::Sent),
    ("GET", "/v1/receipts/{id}", Need::Sent),
    ("POST", "/v1/query", Need::Read),
    ("POST", "/v1/search", Need::Read),
    ("POST", "/v1/search/histogram", Need::Read),
    ("POST", "/v1/search/suggest", Need::Read),
    ("POST", "/v1/search/parse", Need::Read),
    ("POST", "/v1/tail", Need::Read),
    ("GET", "/v1/tail/{ticket}", Need::Nothing),
    ("GET", "/v1/segments", Need::Read),
    ("POST", "/v1/segments/flush", Need::Write),
    ("GET", "/v1/producers", Need::Read),
    ("GET", "/v1/streams/{producer}/{instance}/{seq}", Need::Sent),
    ("POST", "/v1/streams/{producer}/{instance}/lost", Need::Write),
    ("GET", "/v1/import-key", Need::Write),
    ("POST", "/v1/import/known", Need::Write),
    ("GET", "/v1/tenants", Need::Admin),
    ("POST", "/v1/tenants", Need::Admin),
    ("GET", "/v1/keys", Need::Admin),
    ("POST", "/v1/keys", Need::Admin),
    ("DELETE", "/v1/keys/{lookup}", Need::Admin),
    ("GET", "/t/{tenant}/checkpoint", Need::LogRead),
    ("GET", "/t/{tenant}/tile/{*path}", Need::LogRead),
];

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

/// The whole interface over one gate.
pub(crate) fn router(gate: Arc<Gate>) -> Router {
    Router::new()
        .route("/livez", get(health::live))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .route("/version", get(health::version))
        .route("/v1/events", post(ingest::post))
        .route("/v1/events/{id}", get(proofs::event))
        .route("/v1/events/{id}/proof", get(proofs::proof))
        .route("/v1/receipts/{id}", get(proofs::receipt))
        .route("/v1/query", post(query::post))
        .route("/v1/search", post(search::post))
        .route("/v1/search/histogram", post(search::histogram))
        .route("/v1/search/suggest", post(search::suggest))
        .route("/v1/search/parse", post(search::parse))
        .route("/v1/tail", post(tail::post))
        .route("/v1/tail/{ticket}", get(tail::stream))
        .route("/v1/segments", get(segments::list))
        .route("/v1/segments/flush", post(segments::flush))
        .route("/v1/producers", get(streams::producers))
        .route("/v1/streams/{producer}/{instance}/{seq}", get(streams::number))
        .route("/v1/streams/{producer}/{instance}/lost", post(streams::lost))
        .route("/v1/import-key", get(importers::key))
        .route("/v1/import/known", post(importers::known))
        .route("/v1/tenants", get(admin::tenants).post(admin::create_tenant))
        .route("/v1/keys", get(admin::keys).post(admin::create_key))
        .route("/v1/keys/{lookup}", delete(admin::revoke_key))
        .route("/t/{tenant}/checkpoint", get(proofs::checkpoint))
        .route("/t/{tenant}/tile/{*path}", get(proofs::tile))
        .method_not_allowed_fallback(no_method)
        .fallback(no_path)
        .layer(middleware::from_fn_with_state(Arc::clone(&gate), guard))
        .with_state(gate)
}

/// Judges a request before its handler sees it, and counts the answer.
async fn guard(State(gate): State<Arc<Gate>>, mut request: Request, next: Next) -> Response {
    let live = request.uri().path() == "/livez";
    let response = match gate.app() {
        Err(recovering) if !live => recovering.into_response(),
        _ => match admit(&gate, &mut request) {
            Ok(()) => next.run(request).await,
            Err(problem) => {
                let (parts, sent) = request.into_parts();
                body::discard(&parts.headers, sent, body::UNASKED_BYTES_MAX).await;
                problem.into_response()
            }
        },
    };
    if let Ok(app) = gate.app() {
        app.metrics.answer(response.status().as_u16());
    }
    response
}

/// Finds out who asks and whether they may, and notes it in the request.
fn admit(gate: &Gate, request: &mut Request) -> Result<(), Problem> {
    let path = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let Some(need) = path.as_deref().and_then(|path| need(request.method(), path)) else {
        // Neither a path nor a method that is not served tells a stranger anything: the fallbacks answer.
        return Ok(());
    };
    if need == Need::Nothing {
        return Ok(());
    }
    let app = gate.app()?;
    let authorization = request.headers().get(header::AUTHORIZATION);
    let authorization = authorization.and_then(|value| value.to_str().ok());
    let Some(key) = auth::identify(&app.control, authorization) else {
        let challenge = HeaderValue::from_static("Bearer");
        let detail = "there is no credential, or it is not a good one";
        return Err(
            Problem::new(Code::Unauthorized, detail).header(header::WWW_AUTHENTICATE, challenge)
        );
    };
    let principal = key.principal;
    let own = principal.producer.clone();
    let (action, tenant) = match need {
        Need::Nothing => return Ok(()),
        Need::Write => (Action::Write, principal.tenant.clone()),
        Need::Read => (Action::Read, principal.tenant.clone()),
        Need::Sent => (sent_by_anybody(own.as_ref()), principal.tenant.clone()),
        Need::LogRead => (Action::LogRead, tenant_in(request.uri().path())?),
        Need::Admin => (Action::Admin, principal.tenant.clone()),
    };
    let view = decide(&principal, action, &tenant)?;
    request.extensions_mut().insert(Caller { principal, credential: key.lookup, view });
    Ok(())
}

/// Whether they may ask at all, before it is known whose record it is.
fn sent_by_anybody(own: Option<&ProducerId>) -> Action<'_> {
    own.map_or(Action::Read, |producer| Action::ReadSent { producer })
}

/// What the policy says, as a view or the problem to answer with.
fn decide(principal: &Principal, action: Action<'_>, tenant: &TenantId) -> Result<View, Problem> {
    let decision = policy::decide(principal, action, tenant);
    decision.into_view().map_err(|denial| Problem::new(Code::Forbidden, denial.to_string()))
}

/// What the endpoint of this method and path needs. `HEAD` is `GET` without its body.
fn need(method: &Method, path: &str) -> Option<Need> {
    let method = if method == Method::HEAD { "GET" } else { method.as_str() };
    let found = ENDPOINTS.iter().find(|(known, at, _)| *known == method && *at == path);
    found.map(|(_, _, need)| *need)
}

/// The tenant in `/t/{tenant}/...`. A name that cannot be one is another tenant's, like any that is not the caller's.
fn tenant_in(path: &str) -> Result<TenantId, Problem> {
    let name = path.strip_prefix("/t/").and_then(|rest| rest.split('/').next()).unwrap_or_default();
    let other = |_| Problem::new(Code::Forbidden, policy::Denial::OtherTenant.to_string());
    TenantId::parse(name).map_err(other)
}

/// The opened server, for handlers.
fn opened(gate: &Gate) -> Result<Arc<App>, Problem> {
    gate.app().map(Arc::clone)
}

async fn no_path() -> Problem {
    Problem::new(Code::NotFound, "there is no such path")
}

async fn no_method() -> Problem {
    Problem::new(Code::MethodNotAllowed, "the path is there, but not with this method")
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
