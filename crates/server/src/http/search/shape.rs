//! The JSON of searches: what is sent, what is said.
//!
//! Promises: a member that has no meaning is refused; claims are written as they are stored, no value goes through a reader
//! that could change a number. Refuses to look at rows.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::Response;
use event::ids::TenantId;
use event::search::{Completion, Field, Node, Parameter, Search, Table, Term};
use indelible_client::wire;
use query::Coverage;
use query::search::Found;
use serde::Deserialize;
use serde_json::{Value, json};

use super::event_of;
use crate::http::problem::Problem;

/// `POST /v1/search`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    #[serde(default)]
    q: String,
    from: Option<String>,
    to: Option<String>,
    pub(super) limit: Option<u64>,
    pub(super) cursor: Option<String>,
}

/// `POST /v1/search/histogram`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Histogram {
    #[serde(default)]
    q: String,
    from: Option<String>,
    to: Option<String>,
    pub(super) interval_ms: Option<u64>,
}

/// `POST /v1/search/suggest`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Suggest {
    #[serde(default)]
    pub(super) q: String,
    pub(super) at: Option<u64>,
}

/// `POST /v1/search/parse`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Parse {
    #[serde(default)]
    pub(super) q: String,
}

/// A search and when its events happened.
#[derive(Debug, Clone, Copy)]
pub(in crate::http) struct Window<'a> {
    pub(in crate::http) q: &'a str,
    pub(in crate::http) from: Option<&'a str>,
    pub(in crate::http) to: Option<&'a str>,
}

impl Asked {
    pub(super) fn window(&self) -> Window<'_> {
        Window { q: &self.q, from: self.from.as_deref(), to: self.to.as_deref() }
    }
}

impl Histogram {
    pub(super) fn window(&self) -> Window<'_> {
        Window { q: &self.q, from: self.from.as_deref(), to: self.to.as_deref() }
    }
}

impl Window<'_> {
    /// The bytes that two searches share only if they are the same, of the same tenant.
    pub(super) fn question(&self, tenant: &TenantId) -> Vec<u8> {
        json!([tenant.as_str(), self.q, self.from, self.to]).to_string().into_bytes()
    }
}

/// One page.
pub(super) fn page(
    found: &Found,
    cursor: Option<&str>,
    coverage: Coverage,
) -> Result<String, Problem> {
    let mut text = String::from("{\"events\":[");
    for (position, record) in found.records.iter().enumerate() {
        if position > 0 {
            text.push(',');
        }
        text.push_str(&event_of(record)?);
    }
    let rest = json!({ "cursor": cursor, "coverage": wire_of(coverage) }).to_string();
    text.push_str("],");
    text.push_str(rest.strip_prefix('{').unwrap_or_default());
    text.push('\n');
    Ok(text)
}

/// One page, an event a line: where it goes on, and what was looked at, stand in its headers.
pub(super) fn lines(
    found: &Found,
    cursor: Option<&str>,
    coverage: Coverage,
) -> Result<Response, Problem> {
    let mut text = String::new();
    for record in &found.records {
        text.push_str(&event_of(record)?);
        text.push('\n');
    }
    let mut response = Response::new(Body::from(text));
    let coverage = serde_json::to_string(&wire_of(coverage)).map_err(Problem::internal)?;
    let heads = [
        (header::CONTENT_TYPE, Some("application/x-ndjson")),
        (HeaderName::from_static(wire::COVERAGE_HEADER), Some(coverage.as_str())),
        (HeaderName::from_static(wire::CURSOR_HEADER), cursor),
    ];
    for (name, value) in heads {
        let Some(value) = value else { continue };
        let value = HeaderValue::from_str(value).map_err(Problem::internal)?;
        response.headers_mut().insert(name, value);
    }
    Ok(response)
}

/// Counts by interval.
pub(super) fn histogram(counts: &[(i64, u64)], interval_ms: u64, coverage: Coverage) -> String {
    let at = |ns: i64| jiff::Timestamp::from_nanosecond(i128::from(ns)).map(|at| at.to_string());
    let counts: Vec<Value> =
        counts.iter().map(|(start, n)| json!({ "at": at(*start).ok(), "n": n })).collect();
    let coverage = wire_of(coverage);
    json!({ "interval_ms": interval_ms, "counts": counts, "coverage": coverage }).to_string()
}

/// What may stand at a place, and the values of events that may, with how often they stand there.
pub(super) fn suggestions(completion: &Completion, values: &[(String, u64)]) -> String {
    let words = completion.suggestions.iter();
    let words = words.map(|one| json!({ "text": one.text, "meaning": one.meaning }));
    let values = values.iter().map(|(text, n)| json!({ "text": text, "n": n }));
    let all: Vec<Value> = words.chain(values).collect();
    let span = [completion.span.start, completion.span.end];
    json!({ "span": span, "field": completion.field, "suggestions": all }).to_string()
}

/// A search that was read.
pub(super) fn parsed(search: &Search) -> String {
    let (sql, parameters) = search.to_sql();
    let shown = parameters.iter().map(|parameter| match parameter {
        Parameter::Text(text) => json!(text),
        Parameter::Whole(number) => json!(number),
        Parameter::Time(_) => json!(parameter.to_literal()),
    });
    let table = match search.table {
        Table::Events => "events",
        Table::SystemLog => "system_log",
    };
    let params: Vec<Value> = shown.collect();
    json!({ "text": search.to_text(), "table": table, "sql": sql, "params": params }).to_string()
}

/// The field of a search of one term.
pub(super) fn field_of(search: &Search) -> Option<Field> {
    match &search.root {
        Node::Term(Term::Field { field, .. }) => Some(field.clone()),
        Node::And(nodes) | Node::Or(nodes) => match &nodes[..] {
            [Node::Term(Term::Field { field, .. })] => Some(field.clone()),
            _ => None,
        },
        _ => None,
    }
}

fn wire_of(coverage: Coverage) -> wire::Coverage {
    let Coverage { from_index, to_index, as_of, complete } = coverage;
    wire::Coverage { from_index, to_index, as_of, complete }
}
