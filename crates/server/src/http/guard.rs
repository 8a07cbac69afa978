//! What every request passes before and behind its handler: who is it, may they, how long did it take.
//!
//! Promises: a handler is reached only by a caller that its endpoint admits; every answer is counted, refusals too, and
//! bears the id of its request. Refuses
//! to look at a body before the caller was identified.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use event::code::Code;
use event::ids::{ProducerId, TenantId};
use policy::Action;
use tracing::Instrument;

use super::identity::{Identity, REQUEST_ID};
use super::problem::{Members, Problem};
use super::requests::Ended;
use super::{Caller, Gate, Need, body, decide, need};
use crate::app::App;
use crate::auth;
use crate::metrics::{Asked, Decided};

/// Bytes of a refusal of the framework's own.
const FRAMEWORK_BYTES_MAX: usize = 4 << 10;

/// Judges a request before its handler sees it, counts the answer and says how it ended.
pub(super) async fn guard(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response {
    let identity = Identity::of(request.headers());
    let Identity { request_id, trace_id, .. } = &identity;
    // At the level of errors, so that its fields stand on their lines whatever is left out.
    let span = tracing::error_span!(
        "request",
        %request_id,
        %trace_id,
        parent_id = tracing::field::Empty,
        tenant = tracing::field::Empty,
        key = tracing::field::Empty,
    );
    if let Some(parent_id) = &identity.parent_id {
        span.record("parent_id", parent_id);
    }
    let response = judged(&gate, request, next).instrument(span).await;
    let mut response = in_our_words(response).await;
    name(&mut response, &identity);
    response
}

/// What the framework refuses before a handler is reached, a path that is no UTF-8 say, as a problem.
async fn in_our_words(response: Response) -> Response {
    let media = response.headers().get(header::CONTENT_TYPE);
    let is_text = media.is_some_and(|media| media.as_bytes().starts_with(b"text/plain"));
    if response.status() != StatusCode::BAD_REQUEST || !is_text {
        return response;
    }
    let said = axum::body::to_bytes(response.into_body(), FRAMEWORK_BYTES_MAX).await;
    let detail = String::from_utf8_lossy(&said.unwrap_or_default()).into_owned();
    Problem::new(Code::InvalidRequest, detail).into_response()
}

/// Puts the request's id on its answer: as a header, and as a member of a problem.
fn name(response: &mut Response, identity: &Identity) {
    if let Some(id) = identity.header() {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    if let Some(Members(mut members)) = response.extensions_mut().remove::<Members>() {
        members.insert("request_id".into(), identity.request_id.as_str().into());
        *response.body_mut() = Body::from(serde_json::Value::Object(members).to_string());
    }
}

async fn judged(gate: &Gate, mut request: Request, next: Next) -> Response {
    let live = request.uri().path() == "/livez";
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let path = matched.as_ref().map_or("", MatchedPath::as_str);
    let method = request.method().clone();
    let need = need(&method, path);
    let app = match gate.app() {
        Err(recovering) if !live => return recovering.into_response(),
        Err(_) => return next.run(request).await,
        Ok(app) => app,
    };
    let began_ns = app.clock.monotonic_ns();
    let response = match admit(app, need, &mut request) {
        Ok(()) => next.run(request).await,
        Err(problem) => {
            let (parts, sent) = request.into_parts();
            body::discard(&parts.headers, sent, body::UNASKED_BYTES_MAX).await;
            problem.into_response()
        }
    };
    let now_ns = app.clock.monotonic_ns();
    let took_ns = now_ns.saturating_sub(began_ns);
    count(app, (path, need), &response, took_ns);
    let (status, code) = (response.status().as_u16(), response.extensions().get().copied());
    let took_ms = took_ns / 1_000_000;
    gate.lines.say(&Ended { method: &method, path, status, code, took_ms }, now_ns);
    response
}

/// Counts an answer.
fn count(app: &App, (path, need): (&str, Option<Need>), response: &Response, took_ns: u64) {
    let metrics = &app.metrics;
    metrics.answer(response.status().as_u16());
    let code = response.extensions().get::<Code>().copied();
    let is_anybody = matches!(need, None | Some(Need::Nothing));
    if !is_anybody && code != Some(Code::Unauthorized) {
        metrics.decided(match code {
            Some(Code::Forbidden) => Decided::Denied,
            _ => Decided::Allowed,
        });
    }
    match (path, need) {
        ("/v1/events", Some(Need::Write)) => metrics.ingested(took_ns),
        ("/v1/query", Some(_)) => metrics.asked(Asked::Sql, took_ns),
        ("/v1/search", Some(_)) => metrics.asked(Asked::Search, took_ns),
        ("/v1/search/histogram", Some(_)) => metrics.asked(Asked::Histogram, took_ns),
        ("/v1/search/suggest", Some(_)) => metrics.asked(Asked::Suggest, took_ns),
        _ => {}
    }
}

/// Finds out who asks and whether they may, and notes it in the request. Neither a path nor a method that is not served
/// tells a stranger anything: without a need the fallbacks answer.
fn admit(app: &App, need: Option<Need>, request: &mut Request) -> Result<(), Problem> {
    let Some(need) = need.filter(|need| *need != Need::Nothing) else { return Ok(()) };
    let authorization = request.headers().get(header::AUTHORIZATION);
    let authorization = authorization.and_then(|value| value.to_str().ok());
    let Some(key) = auth::identify(&app.control, authorization) else {
        let challenge = HeaderValue::from_static("Bearer");
        let detail = "there is no credential, or it is not a good one";
        return Err(
            Problem::new(Code::Unauthorized, detail).header(header::WWW_AUTHENTICATE, challenge)
        );
    };
    let span = tracing::Span::current();
    span.record("tenant", key.principal.tenant.as_str()).record("key", key.lookup.as_str());
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

/// The tenant in `/t/{tenant}/...`. A name that cannot be one is another tenant's, like any that is not the caller's.
fn tenant_in(path: &str) -> Result<TenantId, Problem> {
    let name = path.strip_prefix("/t/").and_then(|rest| rest.split('/').next()).unwrap_or_default();
    let other = |_| Problem::new(Code::Forbidden, policy::Denial::OtherTenant.to_string());
    TenantId::parse(name).map_err(other)
}
