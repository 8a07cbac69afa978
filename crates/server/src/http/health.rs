//! Operations: is it alive, is it ready, what does it measure, what is it.
//!
//! Promises: `/livez` looks at nothing but itself; `/readyz` is 200 only if an event could be committed now. Refuses to name
//! tenants or producers: these paths need no credential.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use event::code::Code;
use serde_json::{Value, json};

use super::problem::Problem;
use super::{Gate, json as json_response, opened};
use crate::metrics::Reading;
use crate::metrics::text::Form;
use crate::{built, disk_space};

/// `GET /livez`.
pub(super) async fn live() -> Response {
    text("text/plain; charset=utf-8", "ok\n".to_owned())
}

/// One thing that must be so for an event to be committed.
struct Check {
    name: &'static str,
    code: Option<Code>,
}

/// `GET /readyz`, with every check on `?verbose`.
pub(super) async fn ready(
    State(gate): State<Arc<Gate>>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let app = opened(&gate)?;
    let failing = |code: Code, fails: bool| fails.then_some(code);
    let checks = [
        Check { name: "intake", code: failing(Code::Stopping, gate.is_stopping()) },
        Check { name: "ledger", code: failing(Code::DiskFault, app.reader.stats().poisoned > 0) },
        Check {
            name: "clock",
            code: failing(Code::ClockUnsane, !app.intake.health().is_clock_sane()),
        },
        Check {
            name: "hot",
            code: failing(Code::HotFull, app.is_hot_full.load(Ordering::Relaxed)),
        },
    ];
    let failed = checks.iter().find_map(|check| check.code);
    let is_verbose =
        query.is_some_and(|query| query.split('&').any(|word| word.starts_with("verbose")));
    let listed: Vec<Value> = checks.iter().map(Check::listed).collect();
    match failed {
        None if is_verbose => {
            Ok(json_response(200, json!({ "ready": true, "checks": listed }).to_string()))
        }
        None => Ok(text("text/plain; charset=utf-8", "ready\n".to_owned())),
        Some(code) => {
            let detail = "an event could not be committed now";
            Ok(Problem::new(code, detail).status(503).with("checks", listed).into_response())
        }
    }
}

impl Check {
    fn listed(&self) -> Value {
        match self.code {
            None => json!({ "name": self.name, "ok": true }),
            Some(code) => {
                json!({ "name": self.name, "ok": false, "code": code.as_str(), "hint": code.hint() })
            }
        }
    }
}

/// `GET /metrics`: Prometheus's text format, or OpenMetrics for who accepts that.
pub(super) async fn metrics(
    State(gate): State<Arc<Gate>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let app = opened(&gate)?;
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let form = Form::of(accept.unwrap_or_default());
    let now_ns = app.clock.wall().0;
    let reading = Reading {
        hot_bytes: app.shipped.hot.used(),
        hot_max_bytes: app.shipped.hot.bytes_max(),
        in_flight_bytes: app.budget.used(),
        free_bytes: disk_space::free_bytes(&app.config.now().data_dir),
        index_lag_ns: app.shipped.lag_ns(now_ns),
        tree_size: app.tenants.all().iter().map(|tenant| app.size(&tenant.id)).sum(),
        now_ns,
        ledger: app.reader.stats(),
    };
    let figures = app.metrics.text(form, &reading).map_err(Problem::internal)?;
    Ok(text(form.media(), figures))
}

/// `GET /version`.
pub(super) async fn version() -> Response {
    let version =
        json!({ "name": "indelible", "version": built::VERSION, "commit": built::COMMIT });
    json_response(200, version.to_string())
}

fn text(media: &'static str, text: String) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static(media))], text).into_response()
}
