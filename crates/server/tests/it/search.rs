//! The search language over HTTP and on the command line.

use std::process::Stdio;

use serde_json::{Value, json};

use crate::harness::{Call, Reply, Server, Store};

/// Events of three actors, one in ten denied.
fn send(server: &Server, count: usize) {
    let line = |number: usize| {
        let outcome = if number.is_multiple_of(10) { "denied" } else { "success" };
        let event = json!({
            "action": "invoice.approve",
            "actor": format!("actor-{}", number % 3),
            "outcome": { "status": outcome },
            "targets": [{ "type": "invoice", "id": number.to_string() }],
        });
        event.to_string() + "\n"
    };
    let call = Call::new("POST", "/v1/events").token(&server.client.token);
    let call = call.header("content-type", "application/x-ndjson");
    let reply = call.body((0..count).map(line).collect::<String>()).send(&server.client.url);
    assert_eq!(reply.status, 200, "{}", reply.text());
}

fn search(server: &Server, question: &Value) -> Reply {
    server.post("/v1/search", &question.to_string())
}

/// The ids of the first targets, in the order of the answer.
fn targets(answer: &Value) -> Vec<u64> {
    let events = answer["events"].as_array().expect("events");
    let id = |event: &Value| {
        event["targets"][0]["id"].as_str().expect("an id").parse().expect("a number")
    };
    events.iter().map(id).collect()
}

#[test]
fn pages_follow_on_one_another_while_events_arrive() {
    let store = Store::new();
    let server = store.serve();
    send(&server, 100);
    let mut question = json!({ "q": "outcome:denied", "limit": 4 });
    let mut found = Vec::new();
    for _ in 0..3 {
        let reply = search(&server, &question);
        assert_eq!(reply.status, 200, "{}", reply.text());
        let answer = reply.json();
        found.extend(targets(&answer));
        question["cursor"] = answer["cursor"].clone();
        assert_eq!(answer["coverage"]["complete"], true);
        send(&server, 10);
    }
    assert_eq!(found, [90, 80, 70, 60, 50, 40, 30, 20, 10, 0]);
    assert_eq!(question["cursor"], Value::Null, "it has come to the first event");
}

#[test]
fn a_cursor_is_taken_for_its_own_search_alone() {
    let store = Store::new();
    let server = store.serve();
    send(&server, 20);
    let first = search(&server, &json!({ "q": "actor:actor-1", "limit": 1 })).json();
    let cursor = first["cursor"].as_str().expect("a cursor").to_owned();
    let again = json!({ "q": "actor:actor-1", "limit": 3, "cursor": cursor });
    assert_eq!(search(&server, &again).status, 200, "another number of events is the same search");
    let swapped = cursor.replace(&cursor[..1], if cursor.starts_with('A') { "B" } else { "A" });
    for wrong in [
        json!({ "q": "actor:actor-2", "cursor": cursor }),
        json!({ "q": "actor:actor-1", "from": "2026-01-01T00:00:00Z", "cursor": cursor }),
        json!({ "q": "actor:actor-1", "cursor": swapped }),
        json!({ "q": "actor:actor-1", "cursor": "" }),
    ] {
        let refused = search(&server, &wrong);
        assert_eq!(
            (refused.status, &refused.json()["code"]),
            (400, &json!("query_invalid")),
            "{wrong}"
        );
    }
}

#[test]
fn limits_and_shapes_are_refused_by_name() {
    let store = Store::new();
    let server = store.serve();
    send(&server, 3);
    let cases = [
        (json!({ "limit": 1000 }), 200, ""),
        (json!({ "limit": 1001 }), 422, "query_limit"),
        (json!({ "limit": 0 }), 422, "query_limit"),
        (json!({ "q": "actr:ana" }), 400, "query_invalid"),
        (json!({ "q": "" }), 200, ""),
        (json!({}), 200, ""),
        (json!({ "q": "x".repeat(8 * 1024) }), 200, ""),
        (json!({ "q": "x".repeat(8 * 1024 + 1) }), 422, "query_limit"),
        (json!({ "query": "x" }), 400, "invalid_request"),
        (json!({ "q": 1 }), 400, "invalid_request"),
        (json!({ "from": "yesterday" }), 422, "invalid_value"),
        (json!({ "from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z" }), 200, ""),
    ];
    for (question, status, code) in cases {
        let reply = search(&server, &question);
        let shown: String = question.to_string().chars().take(80).collect();
        assert_eq!(reply.status, status, "{shown}: {}", reply.text());
        assert_eq!(reply.json()["code"].as_str().unwrap_or_default(), code, "{shown}");
    }
    let refused = search(&server, &json!({ "q": "actr:ana" })).json();
    let detail = refused["detail"].as_str().expect("a detail");
    assert!(detail.contains("actr:ana\n") && detail.contains('^'), "{detail}");
    assert!(refused["span"].is_array() && refused["hint"].is_string(), "{refused}");
}

#[test]
fn neighbours_of_search_count_complete_and_explain() {
    let store = Store::new();
    let server = store.serve();
    send(&server, 30);
    let ask = |path: &str, body: Value| {
        let reply = server.post(path, &body.to_string());
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        reply.json()
    };
    let counted = ask("/v1/search/histogram", json!({ "q": "outcome:denied" }));
    let total: u64 = counted["counts"]
        .as_array()
        .expect("counts")
        .iter()
        .filter_map(|one| one["n"].as_u64())
        .sum();
    assert_eq!(total, 3, "{counted}");
    let parsed = ask("/v1/search/parse", json!({ "q": "outcome:denied" }));
    assert!(parsed["sql"].as_str().expect("SQL").contains("FROM events"), "{parsed}");
    let fields = ask("/v1/search/suggest", json!({ "q": "outc" }));
    assert!(fields["suggestions"].to_string().contains("outcome:"), "{fields}");
    let values = ask("/v1/search/suggest", json!({ "q": "actor:actor-" }));
    assert!(values["suggestions"].to_string().contains("actor-1"), "{values}");
}

#[test]
fn the_command_prints_every_form_and_no_hidden_limit() {
    let store = Store::new();
    let server = store.serve();
    send(&server, 1_200);
    let lines = store.cli(&["search", "outcome:success", "--jsonl"]);
    assert_eq!((lines.code, lines.stdout.lines().count()), (Some(0), 1_080), "{}", lines.stderr);
    let array = store.cli(&["search", "outcome:denied", "--json", "--limit", "7"]);
    let array: Value = serde_json::from_str(&array.stdout).expect("JSON");
    assert_eq!(array.as_array().map(Vec::len), Some(7));
    assert_eq!(array[0]["targets"][0]["id"], "1190");
    let csv = store.cli(&["search", "target:invoice/7", "--csv"]);
    assert_eq!(csv.stdout.lines().count(), 2, "{}", csv.stdout);
    assert!(csv.stdout.starts_with("index,id,received_at,"), "{}", csv.stdout);
    let table = store.cli(&["search", "target:invoice/7"]);
    assert!(
        table.stdout.starts_with("TIME (UTC)") && table.stdout.contains("invoice/7 "),
        "{}",
        table.stdout
    );
    let none = store.cli(&["search", "actor:nobody", "--json"]);
    assert_eq!((none.code, none.stdout.as_str()), (Some(0), "[]\n"), "nothing is done, too");
    let wrong = store.cli(&["search", "actr:ana"]);
    assert_eq!((wrong.code, wrong.stdout.as_str()), (Some(2), ""));
    assert!(wrong.stderr.contains("^^^^") && wrong.stderr.contains("hint: "), "{}", wrong.stderr);
    server.stop();
}

#[test]
fn a_reader_that_went_away_ends_the_search() {
    let store = Store::new();
    let server = store.serve();
    send(&server, 2_000);
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut command = store.command(&["search", "", "--jsonl"]);
    let output = command.stdin(Stdio::null()).stdout(writer).stderr(Stdio::piped()).output();
    let output = output.expect("it ends");
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0));
    server.stop();
}

#[test]
fn i11_a_search_is_on_record_with_its_words_apart() {
    let store = Store::new();
    let server = store.serve();
    send(&server, 5);
    assert_eq!(search(&server, &json!({ "q": "actor:actor-1", "limit": 1 })).status, 200);
    server.kill();
    let server = store.serve();
    let sql = "SELECT question, literals, row_count FROM access_log WHERE surface = 'search'";
    let answer = server.post("/v1/query", &json!({ "sql": sql }).to_string()).json();
    let row = answer["rows"][0].clone();
    let question = row[0].as_str().expect("a template");
    assert!(question.contains("actor_id") && !question.contains("actor-1"), "{question}");
    assert!(row[1].as_str().expect("literals").contains("actor:actor-1"), "{row}");
    server.stop();
}
