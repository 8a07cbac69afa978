//! Shapes of bodies and parameters.
//!
//! Promises: what the server reads with a fixed shape takes no other members; what it writes may get more. Refuses to repeat
//! the rules of an event: `docs/formats/event.md` has them, and an event that breaks one is a result, not a refusal.

use event::code::Code;
use serde_json::{Map, Value, json};

/// An event's id, in examples.
const EVENT_ID: &str = "01928f5e-0000-7000-8000-000000000001";
/// A stream, in examples.
const INSTANCE: &str = "000102030405060708090a0b0c0d0e0f";

/// Every shape by its name.
pub(super) fn all() -> Value {
    let mut schemas = Map::new();
    for (name, schema) in events().into_iter().chain(questions()).chain(answers()).chain(admin()) {
        schemas.insert(name.to_owned(), schema);
    }
    for (name, example) in examples() {
        if let Some(schema) = schemas.remove(name) {
            schemas.insert(name.to_owned(), with(schema, "examples", vec![example]));
        }
    }
    Value::Object(schemas)
}

/// What bodies can look like.
fn examples() -> Vec<(&'static str, Value)> {
    let event = json!({
        "id": EVENT_ID,
        "action": "invoice.approve",
        "actor": "ana@acme",
        "targets": ["invoice/10021"],
        "outcome": "denied",
    });
    vec![
        ("Event", event.clone()),
        ("EventOrEvents", event),
        (
            "Statement",
            json!({ "sql": "SELECT count(*) AS n FROM events WHERE outcome = $1", "params": ["denied"] }),
        ),
        ("SearchQuestion", json!({ "q": "outcome:denied since:24h", "limit": 20 })),
        ("HistogramQuestion", json!({ "q": "action:invoice.*", "interval_ms": 3_600_000 })),
        ("SuggestQuestion", json!({ "q": "action:inv" })),
        ("ParseQuestion", json!({ "q": "actor:ana OR actor:bob" })),
        ("TailQuestion", json!({ "q": "outcome:denied", "since_ms": 600_000 })),
        ("Lost", json!({ "from": 1, "to": 3, "reason": "the spool was on a disk that failed" })),
        ("KnownQuestion", json!({ "instance": INSTANCE, "ids": [EVENT_ID] })),
        ("NewTenant", json!({ "name": "acme" })),
        (
            "NewKey",
            json!({ "tenant": "default", "producer": "billing-api", "scopes": ["write", "read"] }),
        ),
    ]
}

/// A parameter in a path: what it means, and its shape.
pub(super) fn of_path(name: &str) -> (&'static str, Value) {
    match name {
        "id" => ("an event's id", json!({ "type": "string", "format": "uuid" })),
        "producer" => ("a producer's name", text()),
        "instance" => ("a stream: 32 hexadecimal digits", instance()),
        "seq" => ("a number of the stream, from 1", number()),
        "ticket" => ("from `POST /v1/tail`", text()),
        "lookup" => ("the look-up part of a key", text()),
        "tenant" => ("a tenant's name", text()),
        _ => ("level, index and width as C2SP tlog-tiles has them", text()),
    }
}

/// What a parameter in a path can look like.
pub(super) fn example_of(name: &str) -> Value {
    match name {
        "id" => EVENT_ID.into(),
        "producer" => "local".into(),
        "instance" => INSTANCE.into(),
        "seq" => 1.into(),
        "tenant" => "default".into(),
        "lookup" => "abcdefgh".into(),
        "ticket" => "from-post-v1-tail".into(),
        _ => "0/000.p/1".into(),
    }
}

/// The shape of a parameter elsewhere.
pub(super) fn of_parameter(name: &str) -> Value {
    match name {
        "Indelible-Instance" => instance(),
        "Indelible-Seq" | "Last-Event-ID" => number(),
        "Indelible-Purpose" => json!({ "type": "string", "minLength": 1, "maxLength": 200 }),
        _ => text(),
    }
}

fn text() -> Value {
    json!({ "type": "string" })
}

fn number() -> Value {
    json!({ "type": "integer", "minimum": 0 })
}

fn truth() -> Value {
    json!({ "type": "boolean" })
}

fn instance() -> Value {
    json!({ "type": "string", "pattern": "^[0-9a-fA-F]{32}$" })
}

fn list(of: Value) -> Value {
    Value::Object(Map::from_iter([("type".into(), "array".into()), ("items".into(), of)]))
}

fn either(schemas: &[Value]) -> Value {
    json!({ "anyOf": schemas })
}

fn or_null(schema: Value) -> Value {
    either(&[schema, json!({ "type": "null" })])
}

fn named(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn words(words: &[&str]) -> Value {
    json!({ "type": "string", "enum": words })
}

/// An object that the server writes: the members that are always there, then those that may be.
fn said(always: &[(&str, Value)], sometimes: &[(&str, Value)]) -> Value {
    let members = always.iter().chain(sometimes);
    let properties: Map<String, Value> =
        members.map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    let required: Vec<&str> = always.iter().map(|(name, _)| *name).collect();
    json!({ "type": "object", "properties": properties, "required": required })
}

/// An object that the server reads: it takes no member that is not listed.
fn asked(always: &[(&str, Value)], sometimes: &[(&str, Value)]) -> Value {
    with(said(always, sometimes), "additionalProperties", false)
}

/// The schema with one more word.
pub(super) fn with(mut schema: Value, word: &str, value: impl Into<Value>) -> Value {
    if let Value::Object(words) = &mut schema {
        words.insert(word.to_owned(), value.into());
    }
    schema
}

/// What producers send and what comes back for it.
fn events() -> Vec<(&'static str, Value)> {
    let actor = either(&[text(), asked(&[("id", text())], &[("kind", text()), ("name", text())])]);
    let target = either(&[text(), asked(&[("type", text()), ("id", text())], &[("name", text())])]);
    let outcome = either(&[text(), asked(&[], &[("status", text()), ("code", text())])]);
    let event = said(
        &[("action", text()), ("actor", actor)],
        &[
            ("id", json!({ "type": "string", "format": "uuid" })),
            ("occurred_at", json!({ "type": "string", "format": "date-time" })),
            ("kind", text()),
            ("outcome", outcome),
            ("targets", list(target)),
            ("attrs", json!({ "type": "object" })),
        ],
    );
    let event = with(event, "description", "an event: docs/formats/event.md has every member");
    let result = said(
        &[("status", words(&["committed", "duplicate", "conflict", "rejected", "dead_lettered"]))],
        &[
            ("id", text()),
            ("index", number()),
            ("dedup", truth()),
            ("code", named("Code")),
            ("field", text()),
            ("hint", text()),
        ],
    );
    let results = [("tenant", text()), ("results", list(named("Result")))];
    let problem = problem();
    vec![
        ("Code", words(&Code::ALL.iter().map(|code| code.as_str()).collect::<Vec<_>>())),
        ("Problem", problem.clone()),
        ("Event", event),
        ("EventOrEvents", either(&[named("Event"), list(named("Event"))])),
        ("Result", result),
        ("Results", said(&results, &[("receipt", named("Receipt"))])),
        (
            "RefusedItem",
            json!({ "allOf": [problem, said(&[], &[("tenant", text()), ("results", list(named("Result")))])] }),
        ),
        (
            "StoredEvent",
            said(
                &[
                    ("index", number()),
                    ("received_at", text()),
                    ("action", text()),
                    ("actor", json!({ "type": "object" })),
                    ("observed", json!({ "type": "object" })),
                    ("stamps", json!({ "type": "object" })),
                    ("also", list(number())),
                ],
                &[("id", text())],
            ),
        ),
    ]
}

/// A refusal: RFC 9457.
fn problem() -> Value {
    said(
        &[
            ("type", text()),
            ("title", text()),
            ("status", number()),
            ("detail", text()),
            ("code", named("Code")),
            ("hint", text()),
            ("retryable", truth()),
        ],
        &[
            ("request_id", text()),
            ("expected", number()),
            ("phase", text()),
            ("done", json!({ "type": "number" })),
            ("next", number()),
            ("checks", list(json!({ "type": "object" }))),
        ],
    )
}

/// What is asked.
fn questions() -> Vec<(&'static str, Value)> {
    let q = ("q", json!({ "type": "string", "maxLength": 8192 }));
    let time = json!({ "type": "string", "format": "date-time" });
    let window = [("from", or_null(time.clone())), ("to", or_null(time))];
    let window = |more: &[(&'static str, Value)]| {
        let members: Vec<(&str, Value)> =
            [q.clone()].into_iter().chain(window.clone()).chain(more.iter().cloned()).collect();
        asked(&[], &members)
    };
    let value = json!({ "type": ["string", "number", "boolean", "null"] });
    let limit = or_null(json!({ "type": "integer", "minimum": 1, "maximum": 1000 }));
    vec![
        ("Statement", asked(&[("sql", text())], &[("params", list(value))])),
        ("SearchQuestion", window(&[("limit", limit), ("cursor", or_null(text()))])),
        ("HistogramQuestion", window(&[("interval_ms", or_null(number()))])),
        ("SuggestQuestion", asked(&[], &[q.clone(), ("at", or_null(number()))])),
        ("ParseQuestion", asked(&[], std::slice::from_ref(&q))),
        (
            "TailQuestion",
            asked(&[], &[q.clone(), ("after", or_null(number())), ("since_ms", or_null(number()))]),
        ),
        ("Lost", asked(&[("from", number()), ("to", number()), ("reason", text())], &[])),
        ("KnownQuestion", said(&[("instance", instance()), ("ids", list(text()))], &[])),
    ]
}

/// What is answered about events.
fn answers() -> Vec<(&'static str, Value)> {
    let coverage = said(
        &[
            ("from_index", number()),
            ("to_index", number()),
            ("as_of", number()),
            ("complete", truth()),
        ],
        &[],
    );
    let coverage_of = || ("coverage", named("Coverage"));
    let events = ("events", list(named("StoredEvent")));
    let page = said(&[events, ("cursor", or_null(text())), coverage_of()], &[]);
    let count = said(&[("at", or_null(text())), ("n", number())], &[]);
    let counts = ("counts", list(count));
    let histogram = said(&[("interval_ms", number()), counts, coverage_of()], &[]);
    let rows = ("rows", list(list(json!({}))));
    let table = said(&[("columns", list(text())), rows, coverage_of()], &[]);
    let suggestion = said(&[("text", text())], &[("meaning", text()), ("n", number())]);
    let suggestions =
        [("span", list(number())), ("field", or_null(text())), ("suggestions", list(suggestion))];
    let meaning =
        [("text", text()), ("table", text()), ("sql", text()), ("params", list(json!({})))];
    vec![
        ("Coverage", coverage),
        ("Page", page),
        ("Histogram", histogram),
        ("Table", table),
        ("Suggestions", said(&suggestions, &[])),
        ("Meaning", said(&meaning, &[])),
        (
            "TailUrl",
            said(&[("url", text()), ("expires_in_s", number()), ("from_index", number())], &[]),
        ),
    ]
    .into_iter()
    .chain(proofs())
    .collect()
}

/// What proves, and what is known of streams and files.
fn proofs() -> Vec<(&'static str, Value)> {
    let shown = said(&[("entry", text()), ("parts", list(json!({ "type": "object" })))], &[]);
    let receipt = [
        ("format", text()),
        ("origin", text()),
        ("index", number()),
        ("proof", list(text())),
        ("checkpoint", text()),
        ("events", list(shown)),
    ];
    let proof =
        [("index", number()), ("entry", text()), ("proof", list(text())), ("checkpoint", text())];
    let segment = [
        ("from_index", number()),
        ("to_index", number()),
        ("level", number()),
        ("bytes", number()),
        ("sha256", text()),
    ];
    let number_of = [
        ("producer", text()),
        ("instance", text()),
        ("seq", number()),
        ("status", text()),
        ("id", or_null(text())),
        ("index", number()),
        ("received_at", text()),
        ("code", or_null(text())),
        ("next", number()),
    ];
    let gap = [("status", text()), ("index", number()), ("from", number()), ("to", number())];
    let stream = [("producer", text()), ("instance", text()), ("next", number())];
    let more =
        [("last_seen", text()), ("last_index", or_null(number())), ("gaps", list(json!({})))];
    vec![
        ("Receipt", said(&receipt, &[])),
        ("Proof", said(&proof, &[])),
        (
            "Segments",
            said(&[("segments", list(said(&segment, &[]))), ("watermark", number())], &[]),
        ),
        (
            "Flushed",
            said(&[("segments", number()), ("rows", number()), ("watermark", number())], &[]),
        ),
        ("Number", said(&number_of, &[])),
        ("Gap", said(&gap, &[])),
        ("Producers", said(&[("producers", list(said(&stream, &more)))], &[])),
        ("ImportKey", said(&[("producer", text()), ("import_key", text())], &[])),
        ("Known", said(&[("known", list(truth()))], &[])),
    ]
}

/// Administration and operations.
fn admin() -> Vec<(&'static str, Value)> {
    let tenant = [
        ("name", text()),
        ("origin", text()),
        ("size", number()),
        ("checkpoint_keys", list(text())),
        ("created_at", text()),
    ];
    let key =
        [("lookup", text()), ("tenant", text()), ("scopes", list(text())), ("created_at", text())];
    let more = [("producer", text()), ("revoked_at", text())];
    let created: Vec<(&str, Value)> = [("token", text())].into_iter().chain(key.clone()).collect();
    let scopes = list(words(&["write", "read", "log:read", "admin"]));
    let check = said(&[("name", text()), ("ok", truth())], &[("code", text()), ("hint", text())]);
    vec![
        ("NewTenant", said(&[("name", text())], &[])),
        ("Tenant", said(&tenant, &[])),
        ("Tenants", said(&[("tenants", list(named("Tenant")))], &[])),
        (
            "NewKey",
            said(&[("tenant", text()), ("scopes", scopes)], &[("producer", or_null(text()))]),
        ),
        ("Key", said(&key, &more)),
        ("Keys", said(&[("keys", list(named("Key")))], &[])),
        ("CreatedKey", said(&created, &more)),
        ("Readiness", said(&[("ready", truth()), ("checks", list(check))], &[])),
        ("Version", said(&[("name", text()), ("version", text())], &[("commit", text())])),
        ("Document", json!({ "type": "object" })),
    ]
}
