//! Self-audit: whatever was answered is on record, also when the process is killed right after.

use serde_json::{Value, json};

use crate::harness::{Call, Reply, Server, Store};

const ID: &str = "01890000-0000-7000-8000-000000000001";
const INSTANCE: &str = "000102030405060708090a0b0c0d0e0f";

/// Rows of the access log, as objects.
fn access_log(server: &Server, filter: &str) -> Vec<Value> {
    let sql = format!("SELECT * FROM access_log WHERE {filter} ORDER BY index");
    let body = json!({ "sql": sql }).to_string();
    let call = Call::new("POST", "/v1/query").token(&server.client.token).body(body);
    let reply = call.header("accept", "application/x-ndjson").send(&server.client.url);
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.text().lines().map(|line| serde_json::from_str(line).expect("a row")).collect()
}

fn ask(server: &Server, method: &str, path: &str, body: &str) -> Reply {
    Call::new(method, path)
        .token(&server.client.token)
        .header("content-type", "application/json")
        .header("indelible-purpose", "ticket 7")
        .body(body)
        .send(&server.client.url)
}

/// Every governed read that is answered at once: method, path, body, how the record shows it.
const READS: &[(&str, &str, &str, &str, &str, &str)] = &[
    ("GET", "/v1/events/ID", "", "event", "event ?", "[\"ID\"]"),
    ("GET", "/v1/events/ID/proof", "", "proof", "proof ?", "[\"ID\"]"),
    ("GET", "/v1/receipts/ID", "", "receipt", "receipt ?", "[\"ID\"]"),
    ("GET", "/v1/streams/other/INSTANCE/1", "", "stream", "stream ?", "[\"other/INSTANCE/1\"]"),
    ("GET", "/v1/producers", "", "producers", "producers", ""),
    (
        "POST",
        "/v1/query",
        r#"{"sql":"SELECT id FROM events WHERE actor_id = 'ana' AND index < $1","params":[9]}"#,
        "query",
        "SELECT id FROM events WHERE actor_id = ? AND index < $1",
        "[\"ana\",\"9\"]",
    ),
];

fn named(text: &str) -> String {
    text.replace("ID", ID).replace("INSTANCE", INSTANCE)
}

#[test]
fn i11_every_answered_read_is_on_record_after_kill_9() {
    let store = Store::new();
    let mut server = store.serve();
    let event = format!(r#"{{"id":"{ID}","action":"a.b","actor":"ana"}}"#);
    assert_eq!(server.post("/v1/events", &event).status, 200);
    for (number, (method, path, body, surface, question, literals)) in READS.iter().enumerate() {
        let reply = ask(&server, method, &named(path), body);
        // No number of another producer's stream is there: that is an answer, too.
        assert!(reply.status == 200 || *surface == "stream", "{path}: {}", reply.text());
        server.kill();
        server = store.serve();
        let begun = access_log(&server, &format!("surface = '{surface}' AND purpose = 'ticket 7'"));
        let [row] = &begun[..] else { panic!("read {number}, {path}: one record, not {begun:?}") };
        assert_eq!((&row["act"], &row["question"]), (&json!("read.begin"), &json!(*question)));
        let wanted = if literals.is_empty() { Value::Null } else { json!(named(literals)) };
        assert_eq!(row["literals"], wanted, "{path}");
        let credential = server.client.token.get(4..12).expect("eight characters");
        assert_eq!((&row["credential"], &row["producer"]), (&json!(credential), &json!("local")));
        assert_eq!((&row["policy"], &row["row_count"]), (&json!("scopes/1"), &json!(10_000)));
    }
    server.stop();
}

#[test]
fn repeats_share_one_record_and_its_end_counts_them() {
    let store = Store::new();
    let server = store.serve();
    let event = format!(r#"{{"id":"{ID}","action":"a.b","actor":"ana"}}"#);
    assert_eq!(server.post("/v1/events", &event).status, 200);
    let path = format!("/v1/events/{ID}");
    let mut bytes = 0;
    for _ in 0..5 {
        let reply = server.get(&path);
        assert_eq!(reply.status, 200);
        bytes += reply.body.len();
    }
    let nobody = "/v1/events/01890000-0000-7000-8000-0000000000ff";
    assert_eq!(server.get(nobody).status, 404);
    server.stop();
    let server = store.serve();
    let begun = access_log(&server, "surface = 'event'");
    let [first, second] = &begun[..] else { panic!("two questions, not {begun:?}") };
    let end_of = |begin: &Value| {
        let ends = access_log(&server, &format!("begin_index = {}", begin["index"]));
        let [end] = &ends[..] else { panic!("one end, not {ends:?}") };
        end.clone()
    };
    let end = end_of(first);
    assert_eq!((&end["act"], &end["outcome"]), (&json!("read.end"), &json!("success")));
    assert_eq!((&end["reads"], &end["row_count"]), (&json!(5), &json!(5)));
    assert_eq!((&end["byte_count"], &end["cut"]), (&json!(bytes), &json!(0)));
    let end = end_of(second);
    assert_eq!((&end["outcome"], &end["failed"]), (&json!("failure"), &json!(1)));
    assert_eq!(end["row_count"], 0);
    server.stop();
}

#[test]
fn an_answer_beyond_the_allowance_is_allowed_for_by_a_second_record() {
    let store = Store::new();
    let server = store.serve();
    let lines = r#"{"action":"a.b","actor":"ana"}"#.to_owned() + "\n";
    for _ in 0..2 {
        let call = Call::new("POST", "/v1/events").token(&server.client.token);
        let call = call.header("content-type", "application/x-ndjson");
        assert_eq!(call.body(lines.repeat(5_001)).send(&server.client.url).status, 200);
    }
    let count = |limit: u64| {
        let sql = format!(r#"{{"sql":"SELECT index FROM events LIMIT {limit}"}}"#);
        assert_eq!(server.post("/v1/query", &sql).status, 200);
        access_log(&server, "act = 'read.more'")
    };
    assert!(count(10_000).is_empty(), "at the allowance");
    let more = count(10_001);
    let [more] = &more[..] else { panic!("one record, not {more:?}") };
    assert_eq!(more["row_count"], 10_000, "the step, which covers what was short");
    server.stop();
}

#[test]
fn what_is_no_read_of_others_leaves_no_record() {
    let store = Store::new();
    let server = store.serve();
    let call = Call::new("POST", "/v1/events").token(&server.client.token);
    let call = call.header("indelible-instance", INSTANCE).header("indelible-seq", "1");
    let call = call.header("content-type", "application/x-ndjson");
    let sent = call.body(r#"{"action":"a.b","actor":"ana"}"#).send(&server.client.url);
    assert_eq!(sent.status, 200, "{}", sent.text());
    let own = format!("/v1/streams/local/{INSTANCE}/1");
    for path in [&*own, "/t/default/checkpoint", "/t/default/tile/0/000.p/1", "/livez", "/readyz"] {
        let status = server.get(path).status;
        assert!(status == 200 || path.contains("tile"), "{path}: {status}");
    }
    assert_eq!(server.get("/v1/events/nothing").status, 400, "a question that cannot be read");
    let rows = access_log(&server, "true");
    assert!(rows.is_empty(), "{rows:?}");
    server.stop();
}

#[test]
fn a_purpose_that_cannot_be_recorded_is_refused() {
    let store = Store::new();
    let server = store.serve();
    let ask = |purpose: &str| {
        let call = Call::new("GET", "/v1/producers").token(&server.client.token);
        call.header("indelible-purpose", purpose).send(&server.client.url)
    };
    assert_eq!(ask(&"x".repeat(200)).status, 200, "at the limit");
    for purpose in ["x".repeat(201), "caf\u{e9}".to_owned()] {
        let refused = ask(&purpose);
        assert_eq!((refused.status, &refused.json()["code"]), (400, &json!("invalid_request")));
    }
    server.stop();
}

#[test]
fn segments_are_flushed_and_listed() {
    let store = Store::new();
    let server = store.serve();
    assert_eq!(server.post("/v1/events", r#"{"action":"a.b","actor":"ana"}"#).status, 200);
    let before = server.get("/v1/segments").json();
    assert_eq!((&before["segments"], &before["watermark"]), (&json!([]), &json!(0)));
    let flushed = server.post("/v1/segments/flush", "{}");
    assert_eq!(flushed.status, 200, "{}", flushed.text());
    assert_eq!(flushed.json(), json!({ "segments": 1, "rows": 1, "watermark": 1 }));
    let after = server.get("/v1/segments").json();
    assert_eq!((&after["segments"][0]["from_index"], &after["watermark"]), (&json!(0), &json!(1)));
    let listed = store.cli(&["segment", "ls"]);
    assert_eq!(listed.code, Some(0), "{listed:?}");
    assert!(listed.stdout.starts_with("FROM") && listed.stdout.lines().count() == 2, "{listed:?}");
    let again = store.cli(&["segment", "flush", "--json"]);
    assert_eq!(again.code, Some(0), "{again:?}");
    server.stop();
}

/// A statement that was let in and refused is on record with its end; who is not let in has asked nothing.
#[test]
fn a_refused_statement_is_on_record_and_a_refused_caller_is_not() {
    let store = Store::new();
    let server = store.serve();
    let refused = [
        ("DROP TABLE events", 403, "query_not_allowed"),
        ("SELECT nothing FROM events", 400, "query_invalid"),
        ("SELECT lower(", 400, "query_invalid"),
    ];
    for (sql, status, code) in refused {
        let reply = server.post("/v1/query", &json!({ "sql": sql }).to_string());
        assert_eq!((reply.status, &reply.json()["code"]), (status, &json!(code)), "{sql}");
    }
    let body = json!({ "tenant": "default", "scopes": ["write"], "producer": "local" });
    let made = Call::new("POST", "/v1/keys").token(&store.admin().token);
    let made = made.header("content-type", "application/json").body(body.to_string());
    let made = made.send(&server.client.url).json();
    let writer = made["token"].as_str().expect("a token");
    let call = Call::new("POST", "/v1/query").token(writer);
    let call = call.header("content-type", "application/json").body(r#"{"sql":"SELECT 7"}"#);
    assert_eq!(call.send(&server.client.url).status, 403);
    server.stop();
    let server = store.serve();
    let begun = access_log(&server, "act = 'read.begin' AND surface = 'query'");
    assert_eq!(begun.len(), refused.len(), "{begun:?}");
    for (begin, (sql, ..)) in begun.iter().zip(refused) {
        let ends = access_log(&server, &format!("begin_index = {}", begin["index"]));
        let [end] = &ends[..] else { panic!("{sql}: one end, not {ends:?}") };
        assert_eq!((&end["outcome"], &end["failed"]), (&json!("failure"), &json!(1)), "{sql}");
        assert_eq!((&end["row_count"], &end["byte_count"]), (&json!(0), &json!(0)), "{sql}");
    }
    let writer = writer.get(4..12).expect("eight characters");
    let asked = access_log(&server, &format!("credential = '{writer}'"));
    assert!(asked.is_empty(), "{asked:?}");
    server.stop();
}
