//! `POST /v1/query`: one read-only statement over the caller's view.
//!
//! Promises: an answer is whole or an error; its coverage says over which records it was worked out; statements run on
//! their own runtime, few at a time, and end when the caller goes away. Refuses statements in URLs.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use event::code::Code;
use indelible_client::wire::{COVERAGE_HEADER, Coverage};
use query::{Answer, Format, Limits, Parameter, Question};
use serde::Deserialize;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinHandle;
use tracing::Instrument;

use super::problem::Problem;
use super::{Caller, Gate, body, governed, json, opened, proofs};
use crate::app::App;
use crate::audit::{self, Outcome, Sharing};

/// How long a statement waits for its turn.
const TURN: Duration = Duration::from_secs(2);

/// Bytes of a statement with its parameters: all of them go on record.
const QUESTION_BYTES_MAX: usize = 128 << 10;

/// The body.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    sql: String,
    #[serde(default)]
    params: Vec<serde_json::Value>,
}

/// In which form the answer goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// One object with columns, rows and coverage.
    Table,
    /// Rows alone.
    Rows(Format),
}

/// The statement, answered.
pub(super) async fn post(
    State(gate): State<Arc<Gate>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    sent: Body,
) -> Result<Response, Problem> {
    let app = opened(&gate)?;
    let form = form(&headers);
    let deadline = Duration::from_millis(app.config.now().body_timeout_ms);
    let charged = body::read(&headers, sent, &app.budget, deadline).await?;
    let wrong = |error: serde_json::Error| Problem::new(Code::InvalidRequest, error.to_string());
    let asked: Asked = serde_json::from_slice(&charged.bytes).map_err(wrong)?;
    let parameters: Result<Vec<Parameter>, Problem> = asked.params.iter().map(parameter).collect();
    let parameters = parameters?;
    let question = recordable(audit::Asked::sql(&asked.sql, &asked.params))?;
    let question = question.purpose(governed::purpose(&headers)?);
    let slot = slot(&app).await?;
    let rows = app.shipped.view(caller.tenant(), app.size(caller.tenant())).await;
    let (view, limits, sql) = (caller.view.clone(), limits(&app), asked.sql);
    let tenant = query::Tenant { rows, streams: streams(&app, &caller) };
    // Work goes on for a moment after its caller has left: it keeps its slot as long.
    let slot = Arc::new(slot);
    let running = Arc::clone(&slot);
    let work = async move {
        let _slot = running;
        let question = Question { sql: &sql, parameters: &parameters };
        query::run(tenant, &view, question, &limits).await
    };
    let run = app.queries.statements.spawn(work.in_current_span());
    let begin = governed::begin(&app, &caller, question, Sharing::Shared);
    let (reading, answered) = tokio::join!(begin, Abort(run).wait());
    let reading = reading?;
    // An error of the engine can tell of rows: it waits for the record like an answer.
    let sealed = match answered.map_err(Problem::internal)? {
        Ok(sealed) => sealed,
        Err(error) => {
            reading.end(Outcome::Failed);
            return Err(problem(&error));
        }
    };
    let answer = reading.release(sealed).await.map_err(governed::unread)?;
    let made = app.queries.statements.spawn(async move {
        let _slot = slot;
        let bytes = match form {
            Form::Table => table(&answer)?,
            Form::Rows(format) => answer.to_bytes(format)?,
        };
        Ok((bytes, coverage(&answer)))
    });
    let made = Abort(made).wait().await.map_err(Problem::internal)?;
    let (bytes, coverage) = made.map_err(|error| problem(&error))?;
    governed::watched(respond(form, bytes, coverage), reading).await
}

/// The streams of the caller's tenant, asked for by a statement that reads them.
fn streams(app: &App, caller: &Caller) -> query::Streams {
    let (reader, tenant) = (app.reader.clone(), caller.tenant().clone());
    query::Streams::new(move || {
        let stream = |facts: ledger::StreamFacts| query::Stream {
            producer: facts.stream.producer,
            instance: facts.stream.instance,
            next_seq: facts.next.0,
            last_seen: facts.last_received_at,
            last_index: facts.last_index.map(|index| index.0),
            gaps_in_log: u64::try_from(facts.gaps.len()).unwrap_or(u64::MAX),
        };
        let streams = reader.streams(&tenant).map_err(|error| unlisted(&error))?;
        Ok(streams.into_iter().map(stream).collect())
    })
}

/// Why the streams of a tenant are not listed.
fn unlisted(error: &ledger::Error) -> query::Error {
    match error {
        ledger::Error::TooManyStreams { most, .. } => query::Error::Limit {
            limit: "streams in `producers`",
            max: u64::try_from(*most).unwrap_or(u64::MAX),
            hint: "ask events for producer, instance and max(seq)",
        },
        other => query::Error::Failed { detail: format!("streams cannot be read: {other}") },
    }
}

/// A question that fits into one record.
fn recordable(question: audit::Asked) -> Result<audit::Asked, Problem> {
    if question.template.len() + question.literals_text().len() <= QUESTION_BYTES_MAX {
        return Ok(question);
    }
    let detail =
        format!("the statement and its parameters have more than {QUESTION_BYTES_MAX} bytes");
    Err(Problem::new(Code::QueryLimit, detail))
}

/// A place among the statements that run at once.
pub(super) async fn slot(app: &App) -> Result<OwnedSemaphorePermit, Problem> {
    let busy = || Problem::new(Code::Busy, "as many statements run as may at once");
    let slot = tokio::time::timeout(TURN, Arc::clone(&app.queries.slots).acquire_owned()).await;
    slot.map_err(|_| busy())?.map_err(|_| busy())
}

/// What one statement may use.
pub(super) fn limits(app: &App) -> Limits {
    let count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let config = app.config.now();
    Limits {
        rows_max: count(config.query_rows_max),
        answer_bytes_max: count(config.query_bytes_max),
        time_max: Duration::from_millis(config.query_timeout_ms),
        memory_bytes_max: count(config.query_memory_bytes_max),
        spill_dir: Some(app.queries.spill_dir.clone()),
        ..Limits::default()
    }
}

/// A task that ends when nobody waits for it any more.
pub(super) struct Abort<T>(pub(super) JoinHandle<T>);

impl<T> Abort<T> {
    pub(super) async fn wait(mut self) -> Result<T, tokio::task::JoinError> {
        (&mut self.0).await
    }
}

impl<T> Drop for Abort<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn form(headers: &HeaderMap) -> Form {
    let accepts = |forms: &[&str]| proofs::accepts(headers, forms);
    if accepts(&["application/x-ndjson", "application/ndjson", "application/jsonl"]) {
        Form::Rows(Format::JsonLines)
    } else if accepts(&["text/csv"]) {
        Form::Rows(Format::Csv)
    } else if accepts(&["application/vnd.apache.arrow.stream"]) {
        Form::Rows(Format::Arrow)
    } else {
        Form::Table
    }
}

fn parameter(value: &serde_json::Value) -> Result<Parameter, Problem> {
    use serde_json::Value;
    match value {
        Value::Null => Ok(Parameter::Null),
        Value::Bool(value) => Ok(Parameter::Boolean(*value)),
        Value::String(text) => Ok(Parameter::Text(text.clone())),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Ok(Parameter::Integer(whole)),
            (None, Some(other)) => Ok(Parameter::Float(other)),
            (None, None) => {
                Err(Problem::new(Code::QueryInvalid, "a number in `params` is too large"))
            }
        },
        Value::Array(_) | Value::Object(_) => Err(Problem::new(
            Code::QueryInvalid,
            "`params` holds texts, numbers, booleans and nulls",
        )),
    }
}

/// `{"columns":[...],"rows":[[...],...],"coverage":{...}}`.
fn table(answer: &Answer) -> Result<Vec<u8>, query::Error> {
    let failed = |detail: String| query::Error::Failed { detail };
    let lines = answer.to_bytes(Format::JsonLines)?;
    let names: Vec<String> = answer.columns().into_iter().map(|column| column.name).collect();
    let mut out = b"{\"columns\":".to_vec();
    out.extend(serde_json::to_vec(&names).map_err(|error| failed(error.to_string()))?);
    out.extend_from_slice(b",\"rows\":[");
    for (position, line) in
        lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).enumerate()
    {
        if position > 0 {
            out.push(b',');
        }
        out.push(b'[');
        values(line, &mut out);
        out.push(b']');
    }
    out.extend_from_slice(b"],\"coverage\":");
    let coverage =
        serde_json::to_vec(&coverage(answer)).map_err(|error| failed(error.to_string()))?;
    out.extend(coverage);
    out.extend_from_slice(b"}\n");
    Ok(out)
}

/// Appends the values of one JSON object, with commas between them and without their keys. The object is our own
/// writer's: no whitespace, and its members in the order of the columns.
fn values(object: &[u8], out: &mut Vec<u8>) {
    let inner =
        object.strip_prefix(b"{").and_then(|rest| rest.strip_suffix(b"}")).unwrap_or_default();
    let (mut depth, mut is_text, mut is_escaped, mut is_key) = (0_usize, false, false, true);
    for byte in inner {
        let begins_value = *byte == b':' && is_key && !is_text && depth == 0;
        let ends_value = *byte == b',' && !is_text && depth == 0;
        if is_text {
            is_text = is_escaped || *byte != b'"';
            is_escaped = !is_escaped && *byte == b'\\';
        } else {
            match byte {
                b'"' => is_text = true,
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        if begins_value {
            is_key = false;
        } else if ends_value {
            is_key = true;
            out.push(b',');
        } else if !is_key {
            out.push(*byte);
        }
    }
}

fn coverage(answer: &Answer) -> Coverage {
    let query::Coverage { from_index, to_index, as_of, complete } = answer.coverage();
    Coverage { from_index, to_index, as_of, complete }
}

fn respond(form: Form, bytes: Vec<u8>, coverage: Coverage) -> Response {
    let mut response = match form {
        Form::Table => json(200, bytes),
        Form::Rows(format) => {
            let media = HeaderValue::from_static(format.media_type());
            ([(header::CONTENT_TYPE, media)], bytes).into_response()
        }
    };
    let said = serde_json::to_string(&coverage).ok();
    if let Some(said) = said.and_then(|text| HeaderValue::from_str(&text).ok()) {
        response.headers_mut().insert(HeaderName::from_static(COVERAGE_HEADER), said);
    }
    response
}

pub(super) fn problem(error: &query::Error) -> Problem {
    if let query::Error::Failed { detail } = error {
        tracing::error!(reason = %detail, "the query engine failed");
    }
    Problem::new(error.code(), error.to_string()).hint(error.hint().to_owned())
}

#[cfg(test)]
mod tests;
