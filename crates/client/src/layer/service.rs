//! One call through the layer: described, passed on, its end recorded before it is answered.
//!
//! ```text
//! request --describe--> event in the making, a handle to it in the request's extensions
//!         --> the service behind --> head of the answer
//!              its status is the outcome:  recorded, then answered
//!              its trailers are (gRPC):    `body` records at the trailers, then gives them out
//! ```
//!
//! Promises: in the modes that wait the answer leaves once the event is safe, and a call whose event could not be made
//! safe is answered 503 (gRPC: 14, unavailable); if the spool is known to take nothing, before the service behind was
//! called. Refuses to call the service behind twice, and to undo what it did.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body::Body;
use tower_layer::Layer;
use tower_service::Service;

use super::audited::{Audited, Pending};
use super::body::AuditedBody;
use super::describe;
use super::outcome::{Outcome, Protocol};
use super::rule::Mode;
use super::settings::LayerSettings;
use crate::audit::Record;
use crate::error::Error;

/// What a caller is told whose call was not made.
const NOT_MADE: &str = "the audit log cannot be written; the call was not made";
/// What a caller is told whose call was made.
pub(super) const NOT_ON_RECORD: &str =
    "the call was made, and the audit log could not be written: ask before you call again";

/// Records the calls of the services that it is put on.
#[derive(Debug, Clone)]
pub struct AuditLayer {
    pub(super) settings: Arc<LayerSettings>,
}

impl<S> Layer<S> for AuditLayer {
    type Service = AuditService<S>;

    fn layer(&self, inner: S) -> AuditService<S> {
        AuditService { inner, settings: Arc::clone(&self.settings) }
    }
}

/// A service whose calls are recorded.
#[derive(Clone)]
pub struct AuditService<S> {
    inner: S,
    settings: Arc<LayerSettings>,
}

impl<S> fmt::Debug for AuditService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditService").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// How the event of one call is kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Keeping {
    pub(super) mode: Mode,
    pub(super) protocol: Protocol,
}

impl<S, B, R> Service<Request<B>> for AuditService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
    S::Error: Send,
    R: Body<Data = Bytes> + Unpin + Send + 'static,
{
    type Response = Response<AuditedBody<R>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        let (rule, route) = describe::rule(&self.settings, &parts);
        if rule.is_skipped {
            let answered = self.inner.call(Request::from_parts(parts, body));
            return Box::pin(async { Ok(answered.await?.map(AuditedBody::plain)) });
        }
        let keeping = Keeping { mode: rule.mode, protocol: Protocol::of(&parts.headers) };
        let audited = Audited::new(describe::record(&self.settings, (rule, &route), &parts));
        let pending = Pending::new(audited.clone());
        if keeping.mode != Mode::BestEffort && self.settings.audit.refuses() {
            // The caller learns that nothing was done, and the event that there was a call, if there is room by then.
            if let Some(record) = pending.end(|record| record.failed().reason(NOT_MADE)) {
                record.leave();
            }
            return Box::pin(async move { Ok(refusal(keeping, NOT_MADE)) });
        }
        parts.extensions.insert(audited);
        let answered = self.inner.call(Request::from_parts(parts, body));
        Box::pin(async move {
            match answered.await {
                Ok(answer) => Ok(ended(answer, keeping, pending).await),
                Err(error) => {
                    // There is no answer to hold back; the event is as safe as it can be made.
                    let _ = keep(keeping.mode, Outcome::failure(), pending).await;
                    Err(error)
                }
            }
        })
    }
}

/// The answer, once its event is safe or will be with its trailers.
async fn ended<R: Body<Data = Bytes>>(
    answer: Response<R>,
    keeping: Keeping,
    pending: Pending,
) -> Response<AuditedBody<R>> {
    let outcome = Outcome::of_head(keeping.protocol, answer.status(), answer.headers());
    let Some(outcome) = outcome else {
        return answer.map(|body| AuditedBody::waiting(body, keeping.mode, pending));
    };
    match keep(keeping.mode, outcome, pending).await {
        Ok(()) => answer.map(AuditedBody::plain),
        Err(_) => refusal(keeping, NOT_ON_RECORD),
    }
}

/// Makes the event of a call as safe as `mode` says.
pub(super) async fn keep(mode: Mode, outcome: Outcome, pending: Pending) -> Result<(), Error> {
    let Some(record) = pending.end(|record| outcome.write(record)) else { return Ok(()) };
    let bare = record.bare();
    match hand_over(mode, record).await {
        // What the service noted breaks the format: that the call was made is recorded all the same.
        Err(Error::Invalid { rejection }) => {
            hand_over(mode, bare.attr("left_out", rejection.to_string())).await
        }
        handed => handed,
    }
}

async fn hand_over(mode: Mode, record: Record) -> Result<(), Error> {
    match mode {
        Mode::Spool if cfg!(planted = "layer_never_waits") => {
            drop(record.send_async());
            Ok(())
        }
        Mode::MustCommit if record.has_ledger() => record.commit().await.map(|_| ()),
        Mode::MustCommit | Mode::Spool => record.send_async().await.map(|_| ()),
        Mode::BestEffort => record.hand_over(),
    }
}

/// The answer to a call whose event is not safe.
fn refusal<R: Body>(keeping: Keeping, why: &'static str) -> Response<AuditedBody<R>> {
    let is_made = why == NOT_ON_RECORD;
    let mut answer = match keeping.protocol {
        Protocol::Grpc => {
            let mut answer = Response::new(AuditedBody::said(Bytes::new()));
            let headers = answer.headers_mut();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
            headers.insert("grpc-status", HeaderValue::from_static("14"));
            headers.insert("grpc-message", HeaderValue::from_static(why));
            return answer;
        }
        Protocol::Http | Protocol::GrpcWeb => {
            let problem = format!(
                r#"{{"type":"about:blank","title":"{why}","status":503,"code":"audit_unavailable","retryable":{}}}"#,
                !is_made
            );
            Response::new(AuditedBody::said(Bytes::from(problem)))
        }
    };
    *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    let media = HeaderValue::from_static("application/problem+json");
    answer.headers_mut().insert(header::CONTENT_TYPE, media);
    if !is_made {
        answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    answer
}
