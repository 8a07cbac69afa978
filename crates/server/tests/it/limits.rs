//! What one statement may use, over archived rows: at a limit it is answered, one past it is refused, and events are taken
//! all the while. INVARIANT (I10).

use serde_json::{Value, json};

use crate::harness::{Server, Store};

/// Events of the store, each of about four KiB.
const EVENTS: usize = 400;
/// Limits so small that these events meet them.
const SMALL: [(&str, &str); 4] = [
    ("INDELIBLE__QUERY__ROWS_MAX", "200"),
    ("INDELIBLE__QUERY__BYTES_MAX", "16384"),
    ("INDELIBLE__QUERY__TIMEOUT_MS", "4000"),
    ("INDELIBLE__QUERY__MEMORY_BYTES_MAX", "1048576"),
];

/// A server whose events are all in segments.
fn archived(store: &Store) -> Server {
    let mut command = store.command(&["serve", "--listen", "127.0.0.1:0"]);
    command.envs(SMALL);
    let server = store.start(command).unwrap_or_else(|ran| panic!("no start: {ran:?}"));
    for batch in 0..EVENTS / 50 {
        let event = |place: usize| {
            let note = format!("{}-{}", batch * 50 + place, "x".repeat(4_000));
            json!({ "action": "invoice.approve", "actor": "ana", "attrs": { "note": note } })
        };
        let events: Vec<Value> = (0..50).map(event).collect();
        let reply = server.post("/v1/events", &json!(events).to_string());
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
    assert_eq!(server.post("/v1/segments/flush", "").status, 200);
    let watermark = server.get("/v1/segments").json()["watermark"].as_u64();
    assert!(watermark.is_some_and(|watermark| watermark >= EVENTS as u64), "{watermark:?}");
    server
}

/// `index IN (…)` with so many numbers.
fn listed(count: usize) -> String {
    let numbers: Vec<String> = (0..count).map(|number| number.to_string()).collect();
    format!("SELECT count(*) AS n FROM events WHERE index IN ({})", numbers.join(","))
}

/// So many calls, one inside the other.
fn nested(depth: usize) -> String {
    format!(
        "SELECT {}action{} AS n FROM events WHERE index = 0",
        "lower(".repeat(depth),
        ")".repeat(depth)
    )
}

#[test]
fn i10_at_a_limit_archived_rows_are_answered_and_past_it_refused() {
    let store = Store::new();
    let server = archived(&store);
    let joined = "SELECT count(*) AS n FROM events a JOIN events b ON a.attrs = b.attrs";
    let crossed = "SELECT count(*) AS n FROM events a, events b, events c, events d
        WHERE a.id > b.id AND b.id > c.id AND c.id > d.id";
    // What is limited, what is answered, what is refused.
    let cases = [
        (
            "rows of answer",
            "SELECT index FROM events WHERE index < 200".to_owned(),
            "SELECT index FROM events WHERE index < 201".to_owned(),
        ),
        (
            "bytes of answer",
            "SELECT attrs FROM events WHERE index < 3".to_owned(),
            "SELECT attrs FROM events WHERE index < 5".to_owned(),
        ),
        ("ms", "SELECT count(*) AS n FROM events".to_owned(), crossed.to_owned()),
        (
            "bytes of memory",
            format!("{joined} WHERE a.index < 20 AND b.index < 20"),
            joined.to_owned(),
        ),
        // The list and what stands before it are three more nodes, the query and the name two more levels.
        ("expression nodes", listed(990), listed(1_000)),
        ("levels of nesting", nested(48), nested(49)),
    ];
    for (limit, at, past) in cases {
        let ask = |sql: &str| server.post("/v1/query", &json!({ "sql": sql }).to_string());
        let answered = ask(&at);
        assert_eq!(answered.status, 200, "at {limit}: {}", answered.text());
        let refused = ask(&past);
        assert_eq!(refused.status, 422, "past {limit}: {}", refused.text());
        let problem = refused.json();
        assert_eq!(problem["code"], "query_limit", "{problem}");
        assert!(problem["detail"].as_str().is_some_and(|said| said.contains(limit)), "{problem}");
        let event = server.post("/v1/events", r#"{"action":"a.b","actor":"x"}"#);
        assert_eq!(event.status, 200, "after {limit}: {}", event.text());
    }
    server.stop();
}
