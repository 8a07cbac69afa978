//! Every endpoint there is: method, path, what it needs, and the handler that answers.
//!
//! INVARIANT (I8): the router is made of [`ENDPOINTS`] and of nothing else, so that no path is served that says not what it
//! needs, and none is listed that is not served.

use std::sync::Arc;

use axum::Router;
use axum::http::Method;
use axum::middleware;
use axum::routing::{MethodRouter, delete, get, post};
use event::code::Code;

use super::openapi::{Operation, list};
use super::problem::Problem;
use super::{
    Gate, admin, guard, health, importers, ingest, openapi, proofs, query, search, segments,
    streams, tail,
};

/// What an endpoint needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
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

/// One method of one path.
#[derive(Debug, Clone, Copy)]
pub(super) struct Endpoint {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) need: Need,
    /// What it takes and gives.
    pub(super) about: &'static Operation,
    handler: fn() -> MethodRouter<Arc<Gate>>,
}

/// A path that is read.
const fn reads(
    path: &'static str,
    need: Need,
    about: &'static Operation,
    handler: fn() -> MethodRouter<Arc<Gate>>,
) -> Endpoint {
    Endpoint { method: "GET", path, need, about, handler }
}

/// A path that is sent something.
const fn takes(
    path: &'static str,
    need: Need,
    about: &'static Operation,
    handler: fn() -> MethodRouter<Arc<Gate>>,
) -> Endpoint {
    Endpoint { method: "POST", path, need, about, handler }
}

/// A path whose thing is ended.
const fn ends(
    path: &'static str,
    need: Need,
    about: &'static Operation,
    handler: fn() -> MethodRouter<Arc<Gate>>,
) -> Endpoint {
    Endpoint { method: "DELETE", path, need, about, handler }
}

/// Every endpoint.
pub(super) const ENDPOINTS: &[Endpoint] = &[
    reads("/livez", Need::Nothing, &list::LIVE, || get(health::live)),
    reads("/readyz", Need::Nothing, &list::READY, || get(health::ready)),
    reads("/metrics", Need::Nothing, &list::METRICS, || get(health::metrics)),
    reads("/version", Need::Nothing, &list::VERSION, || get(health::version)),
    reads("/openapi.json", Need::Nothing, &list::OPENAPI, || get(openapi::serve)),
    takes("/v1/events", Need::Write, &list::SEND, || post(ingest::post)),
    reads("/v1/events/{id}", Need::Read, &list::EVENT, || get(proofs::event)),
    reads("/v1/events/{id}/proof", Need::Sent, &list::PROOF, || get(proofs::proof)),
    reads("/v1/receipts/{id}", Need::Sent, &list::RECEIPT, || get(proofs::receipt)),
    takes("/v1/query", Need::Read, &list::QUERY, || post(query::post)),
    takes("/v1/search", Need::Read, &list::SEARCH, || post(search::post)),
    takes("/v1/search/histogram", Need::Read, &list::HISTOGRAM, || post(search::histogram)),
    takes("/v1/search/suggest", Need::Read, &list::SUGGEST, || post(search::suggest)),
    takes("/v1/search/parse", Need::Read, &list::PARSE, || post(search::parse)),
    takes("/v1/tail", Need::Read, &list::TAIL, || post(tail::post)),
    reads("/v1/tail/{ticket}", Need::Nothing, &list::STREAM, || get(tail::stream)),
    reads("/v1/segments", Need::Read, &list::SEGMENTS, || get(segments::list)),
    takes("/v1/segments/flush", Need::Write, &list::FLUSH, || post(segments::flush)),
    reads("/v1/producers", Need::Read, &list::PRODUCERS, || get(streams::producers)),
    reads("/v1/streams/{producer}/{instance}/{seq}", Need::Sent, &list::NUMBER, || {
        get(streams::number)
    }),
    takes("/v1/streams/{producer}/{instance}/lost", Need::Write, &list::LOST, || {
        post(streams::lost)
    }),
    reads("/v1/import-key", Need::Write, &list::IMPORT_KEY, || get(importers::key)),
    takes("/v1/import/known", Need::Write, &list::KNOWN, || post(importers::known)),
    reads("/v1/tenants", Need::Admin, &list::TENANTS, || get(admin::tenants)),
    takes("/v1/tenants", Need::Admin, &list::CREATE_TENANT, || post(admin::create_tenant)),
    reads("/v1/keys", Need::Admin, &list::KEYS, || get(admin::keys)),
    takes("/v1/keys", Need::Admin, &list::CREATE_KEY, || post(admin::create_key)),
    ends("/v1/keys/{lookup}", Need::Admin, &list::REVOKE_KEY, || delete(admin::revoke_key)),
    reads("/t/{tenant}/checkpoint", Need::LogRead, &list::CHECKPOINT, || get(proofs::checkpoint)),
    reads("/t/{tenant}/tile/{*path}", Need::LogRead, &list::TILE, || get(proofs::tile)),
];

/// The whole interface over one gate.
pub(crate) fn router(gate: Arc<Gate>) -> Router {
    let served = ENDPOINTS
        .iter()
        .fold(Router::new(), |router, endpoint| router.route(endpoint.path, (endpoint.handler)()));
    served
        .method_not_allowed_fallback(no_method)
        .fallback(no_path)
        .layer(middleware::from_fn_with_state(Arc::clone(&gate), guard::guard))
        .with_state(gate)
}

/// What the endpoint of this method and path needs. `HEAD` is `GET` without its body.
pub(super) fn need(method: &Method, path: &str) -> Option<Need> {
    let method = if method == Method::HEAD { "GET" } else { method.as_str() };
    let found =
        ENDPOINTS.iter().find(|endpoint| endpoint.method == method && endpoint.path == path);
    found.map(|endpoint| endpoint.need)
}

async fn no_path() -> Problem {
    Problem::new(Code::NotFound, "there is no such path")
}

async fn no_method() -> Problem {
    Problem::new(Code::MethodNotAllowed, "the path is there, but not with this method")
}
