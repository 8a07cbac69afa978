//! The API as an OpenAPI 3.1 document, made of the list of endpoints.
//!
//! Promises: every endpoint is in it and nothing else, since it is made of the list that the router is made of; the
//! committed copy `docs/reference/openapi.json` is this document, and a stranger's tool tries the server against it.
//! Refuses to be written by hand.

mod operations; // what each endpoint takes and gives
mod schemas; // shapes of bodies

use std::collections::BTreeMap;

use axum::response::Response;
use event::code::Code;
use serde_json::{Map, Value, json};

pub(super) use operations::Operation;
pub(super) use operations::list;

use super::endpoints::{ENDPOINTS, Endpoint, Need};
use super::identity::REQUEST_ID;
use operations::{Answer, Content, Place};

/// `GET /openapi.json`.
pub(super) async fn serve() -> Response {
    super::json(200, text())
}

/// The document, as it is committed and served.
pub(super) fn text() -> String {
    let mut text = serde_json::to_string_pretty(&document()).unwrap_or_default();
    text.push('\n');
    text
}

fn document() -> Value {
    let mut paths: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    for endpoint in ENDPOINTS {
        let path = endpoint.path.replace("{*", "{");
        let method = endpoint.method.to_ascii_lowercase();
        paths.entry(path).or_default().insert(method, operation(endpoint));
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Indelible",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "The audit log for backends",
            "description": "Every event is durable and provable before it is answered. In words: docs/reference/api.md. \
                Members may be added to answers; nothing is renamed.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "http://127.0.0.1:7070", "description": "a local `indelible serve`" }],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "a token that `indelible key create` printed",
                },
            },
            "headers": {
                "RequestId": {
                    "description": "the request's id, as it stands in the server's log",
                    "schema": { "type": "string" },
                },
                "RetryAfter": {
                    "description": "seconds after which the same request may succeed",
                    "schema": { "type": "integer", "minimum": 0 },
                },
            },
            "schemas": schemas::all(),
        },
    })
}

/// One method of one path.
fn operation(endpoint: &Endpoint) -> Value {
    let about = endpoint.about;
    let mut operation = json!({
        "operationId": about.id,
        "summary": about.summary,
        "description": needs(endpoint.need),
        "responses": responses(endpoint),
    });
    if endpoint.need != Need::Nothing {
        operation = schemas::with(operation, "security", vec![json!({ "token": [] })]);
    }
    let parameters = parameters(endpoint);
    if !parameters.is_empty() {
        operation = schemas::with(operation, "parameters", parameters);
    }
    if !about.takes.is_empty() {
        let content = contents(about.takes);
        let body = json!({ "required": true, "content": content });
        operation = schemas::with(operation, "requestBody", body);
    }
    operation
}

/// Who may.
fn needs(need: Need) -> &'static str {
    match need {
        Need::Nothing => "Needs no credential.",
        Need::Write => "Needs the scope `write`.",
        Need::Read => "Needs the scope `read`.",
        Need::Sent => "Needs the scope `read`, or `write` as the producer of what is asked for.",
        Need::LogRead => {
            "Needs the scope `log:read` on the tenant; `write` and `read` on it have it, too."
        }
        Need::Admin => "Needs the scope `admin`.",
    }
}

/// The parameters in the path, then the others.
fn parameters(endpoint: &Endpoint) -> Vec<Value> {
    let in_path = endpoint.path.split('{').skip(1).filter_map(|rest| rest.split('}').next());
    let in_path = in_path.map(|name| {
        let name = name.trim_start_matches('*');
        let (description, schema) = schemas::of_path(name);
        json!({ "name": name, "in": "path", "required": true, "description": description, "schema": schema,
            "example": schemas::example_of(name) })
    });
    let others = endpoint.about.parameters.iter().map(|parameter| {
        let place = match parameter.place {
            Place::Header => "header",
            Place::Query => "query",
        };
        json!({
            "name": parameter.name,
            "in": place,
            "description": parameter.meaning,
            "schema": schemas::of_parameter(parameter.name),
        })
    });
    in_path.chain(others).collect()
}

fn contents(contents: &[Content]) -> Value {
    let each = contents.iter().map(|content| {
        let schema = match content.schema {
            "" => json!({ "type": "string" }),
            name => json!({ "$ref": format!("#/components/schemas/{name}") }),
        };
        (content.media.to_owned(), json!({ "schema": schema }))
    });
    Value::Object(each.collect())
}

/// Every answer by its status: what it gives, then what it refuses with.
fn responses(endpoint: &Endpoint) -> Value {
    let mut responses = Map::new();
    for Answer { status, means, gives } in endpoint.about.answers {
        let mut response = json!({ "description": means, "headers": headers(&[]) });
        if !gives.is_empty() {
            response = schemas::with(response, "content", contents(gives));
        }
        responses.insert(status.to_string(), response);
    }
    let mut refusals: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    for code in codes(endpoint) {
        refusals.entry(code.status()).or_default().push(code);
    }
    for (status, codes) in refusals {
        let status = status.to_string();
        if responses.contains_key(&status) {
            continue;
        }
        let words: Vec<String> = codes.iter().map(|code| format!("`{code}`")).collect();
        let response = json!({
            "description": words.join(", "),
            "headers": headers(&codes),
            "content": contents(&[operations::PROBLEM]),
        });
        responses.insert(status, response);
    }
    Value::Object(responses)
}

fn headers(codes: &[Code]) -> Value {
    let mut headers = Map::new();
    let named = |name: &str| json!({ "$ref": format!("#/components/headers/{name}") });
    headers.insert(REQUEST_ID.as_str().to_owned(), named("RequestId"));
    if codes.iter().any(|code| code.retryable()) {
        headers.insert("retry-after".to_owned(), named("RetryAfter"));
    }
    Value::Object(headers)
}

/// The codes that an endpoint can refuse with: those of what it needs and takes, and its own.
fn codes(endpoint: &Endpoint) -> Vec<Code> {
    let about = endpoint.about;
    let mut codes = about.refuses.to_vec();
    if endpoint.need != Need::Nothing {
        codes.extend([Code::Unauthorized, Code::Forbidden]);
    }
    if !about.takes.is_empty() {
        codes.extend([
            Code::InvalidRequest,
            Code::RequestTimeout,
            Code::TooLarge,
            Code::UnsupportedEncoding,
        ]);
    }
    if endpoint.path.contains('{') {
        codes.push(Code::NotFound);
    }
    if endpoint.path.contains('{') || !about.parameters.is_empty() {
        codes.push(Code::InvalidRequest);
    }
    // Even while the server recovers it is alive.
    if endpoint.path != "/livez" {
        codes.extend([Code::Recovering, Code::Stopping, Code::Busy, Code::Internal]);
    }
    codes
}

#[cfg(test)]
mod tests;
