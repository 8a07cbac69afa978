//! The HTTP interface: what is sent, what comes back, who is let in.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::harness::{Call, Reply, Server, Store};

const INSTANCE: &str = "000102030405060708090a0b0c0d0e0f";

/// A request to `POST /v1/events` as the local producer.
fn events(server: &Server, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Reply {
    let mut call = Call::new("POST", "/v1/events").token(&server.client.token).body(body);
    for (name, value) in headers {
        call = call.header(name, value);
    }
    call.send(&server.client.url)
}

fn in_stream(server: &Server, seq: u64, body: &str) -> Reply {
    let seq = seq.to_string();
    let headers = [
        ("content-type", "application/x-ndjson"),
        ("indelible-instance", INSTANCE),
        ("indelible-seq", &seq),
    ];
    events(server, &headers, body)
}

/// The members of each result that do not differ from run to run.
fn statuses(reply: &Reply) -> Vec<String> {
    let results = reply.json()["results"].as_array().cloned().unwrap_or_default();
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let of = |result: &Value| match word(&result["code"]) {
        code if code.is_empty() => word(&result["status"]),
        code => format!("{} {code}", word(&result["status"])),
    };
    results.iter().map(of).collect()
}

#[test]
fn answers_follow_the_shape_of_the_request_and_the_verdicts() {
    let server = Store::new();
    let server = server.serve();
    let id = r#""id":"01890000-0000-7000-8000-000000000001""#;
    let (good, bad) = (r#"{"action":"a.b","actor":"x"}"#, r#"{"action":"a.b"}"#);
    let named = format!(r#"{{{id},"action":"a.b","actor":"x"}}"#);
    let other = format!(r#"{{{id},"action":"a.c","actor":"x"}}"#);
    let strange = r#"{"schema":"order@7","action":"a.b","actor":"x"}"#;
    type Case<'a> = (&'a str, String, u16, &'a [&'a str], Option<&'a str>);
    let cases: [Case<'_>; 13] = [
        ("json", good.into(), 200, &["committed"], None),
        ("json", named.clone(), 200, &["committed"], None),
        ("json", named.clone(), 200, &["duplicate"], None),
        ("json", other.clone(), 409, &["conflict id_conflict"], None),
        ("json", bad.into(), 422, &["rejected missing_field"], None),
        ("json", strange.into(), 422, &["dead_lettered schema_unknown"], None),
        ("json", "[]".into(), 200, &[], None),
        ("json", format!("[{good},{named}]"), 200, &["committed", "duplicate"], None),
        (
            "json",
            format!("[{good},{bad},{other}]"),
            207,
            &["committed", "rejected missing_field", "conflict id_conflict"],
            Some("2"),
        ),
        ("json", format!("[{bad}]"), 207, &["rejected missing_field"], Some("1")),
        ("x-ndjson", format!("{good}\n\n{good}\n"), 200, &["committed", "committed"], None),
        (
            "x-ndjson",
            format!("{good}\nnot json\n{good}"),
            207,
            &["committed", "rejected malformed_json", "committed"],
            Some("1"),
        ),
        ("x-ndjson", good.to_owned(), 200, &["committed"], None),
    ];
    for (media, body, status, expected, rejected) in cases {
        let reply =
            events(&server, &[("content-type", &format!("application/{media}"))], body.clone());
        assert_eq!(reply.status, status, "{body}: {}", reply.text());
        assert_eq!(statuses(&reply), expected, "{body}");
        assert_eq!(reply.header("indelible-rejected"), rejected, "{body}");
        assert_eq!(reply.json()["tenant"], "default");
    }
    let loose = events(&server, &[("content-type", "application/json")], good);
    assert_eq!(loose.json()["results"][0]["dedup"], false, "neither id nor number");
    let named = events(&server, &[("content-type", "application/json")], named);
    assert_eq!(named.json()["results"][0].get("dedup"), None);
}

#[test]
fn requests_that_cannot_be_read_are_problems_with_a_code_and_a_hint() {
    let store = Store::new();
    let server = store.serve();
    let good = r#"{"action":"a.b","actor":"x"}"#;
    let json = ("content-type", "application/json");
    let gzip = ("content-encoding", "gzip");
    let seventeen = vec![b' '; (16 << 20) + 1];
    type Case<'a> = (Vec<(&'a str, &'a str)>, Vec<u8>, u16, &'a str);
    let cases: Vec<Case<'_>> = vec![
        (vec![], good.into(), 415, "unsupported_media_type"),
        (vec![("content-type", "text/plain")], good.into(), 415, "unsupported_media_type"),
        (vec![json, ("content-encoding", "br")], good.into(), 415, "unsupported_encoding"),
        (vec![json, gzip], good.into(), 400, "invalid_request"),
        (vec![json, ("content-encoding", "zstd")], good.into(), 400, "invalid_request"),
        (vec![json], b"{".to_vec(), 422, "malformed_json"),
        (vec![json], b"".to_vec(), 400, "malformed_json"),
        (vec![json], b"7".to_vec(), 400, "wrong_type"),
        (vec![json], b"[{}".to_vec(), 400, "malformed_json"),
        (vec![json], seventeen, 413, "too_large"),
        (vec![json, ("indelible-seq", "1")], good.into(), 400, "invalid_request"),
        (vec![json, ("indelible-instance", INSTANCE)], good.into(), 400, "invalid_request"),
        (
            vec![json, ("indelible-instance", "xyz"), ("indelible-seq", "1")],
            good.into(),
            400,
            "invalid_request",
        ),
        (
            vec![json, ("indelible-instance", INSTANCE), ("indelible-seq", "0")],
            good.into(),
            400,
            "invalid_request",
        ),
        (
            vec![json, ("indelible-instance", INSTANCE), ("indelible-seq", "9007199254740992")],
            good.into(),
            400,
            "invalid_request",
        ),
        (vec![json, ("indelible-mapping", "cloudtrail")], good.into(), 400, "invalid_request"),
    ];
    for (headers, body, status, code) in cases {
        let shown = format!("{headers:?} {}", String::from_utf8_lossy(&body[..body.len().min(40)]));
        let reply = events(&server, &headers, body);
        assert_eq!(reply.status, status, "{shown}: {}", reply.text());
        assert_eq!(reply.header("content-type"), Some("application/problem+json"), "{shown}");
        let problem = reply.json();
        assert_eq!(problem["code"], code, "{shown}: {problem}");
        assert_eq!(problem["status"], status, "{shown}");
        assert_eq!(problem["retryable"], false, "{shown}");
        assert!(problem["hint"].as_str().is_some_and(|hint| !hint.is_empty()), "{shown}");
    }
    let stored = server.post("/v1/query", r#"{"sql":"select count(*) from events"}"#);
    assert_eq!(stored.json()["rows"], json!([[0]]), "nothing of them is stored");
}

#[test]
fn compressed_bodies_are_taken_and_bombs_are_not() {
    let store = Store::new();
    let server = store.serve();
    let good = br#"{"action":"a.b","actor":"x"}"#;
    let json = ("content-type", "application/json");
    let gzip = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).expect("memory");
        encoder.finish().expect("memory")
    };
    let zstd = |bytes: &[u8]| zstd::bulk::compress(bytes, 19).expect("memory");
    let bomb = vec![b' '; 64 << 20];
    for (encoding, small, large) in
        [("gzip", gzip(good), gzip(&bomb)), ("zstd", zstd(good), zstd(&bomb))]
    {
        let reply = events(&server, &[json, ("content-encoding", encoding)], small);
        assert_eq!(reply.status, 200, "{encoding}: {}", reply.text());
        assert!(large.len() < 1 << 20, "a bomb is small");
        let reply = events(&server, &[json, ("content-encoding", encoding)], large);
        assert_eq!(reply.status, 413, "{encoding}: {}", reply.text());
        assert_eq!(reply.json()["limit"], 16 << 20);
    }
}

#[test]
fn a_stream_knows_its_numbers() {
    let store = Store::new();
    let server = store.serve();
    let event = |n: u32| format!(r#"{{"action":"a.b","actor":"x","attrs":{{"n":{n}}}}}"#);
    let gap = in_stream(&server, 2, &event(2));
    assert_eq!((gap.status, &gap.json()["code"]), (409, &json!("sequence_gap")));
    assert_eq!((&gap.json()["expected"], &gap.json()["retryable"]), (&json!(1), &json!(true)));
    let first =
        in_stream(&server, 1, &format!("{}\n{{\"action\":\"broken\"}}\n{}", event(1), event(3)));
    assert_eq!(statuses(&first), ["committed", "rejected missing_field", "committed"]);
    assert_eq!(first.json()["results"][1]["index"], 1, "a number of a stream is a record");
    // The same again, and a batch that overlaps.
    let again = in_stream(
        &server,
        1,
        &format!("{}\n{{\"action\":\"broken\"}}\n{}\n{}", event(1), event(3), event(4)),
    );
    assert_eq!(statuses(&again), ["duplicate", "rejected missing_field", "duplicate", "committed"]);
    let other = in_stream(&server, 3, &event(9));
    assert_eq!(statuses(&other), ["conflict seq_conflict"]);

    let number = |seq: u64| server.get(&format!("/v1/streams/local/{INSTANCE}/{seq}"));
    for (seq, status) in [(1, "committed"), (2, "rejected"), (3, "committed"), (4, "committed")] {
        let reply = number(seq);
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert_eq!(reply.json()["status"], status, "{seq}");
    }
    assert_eq!(number(5).status, 404);
    assert_eq!(number(5).json()["next"], 5);

    let lost = |from: u64, to: u64| {
        let body = json!({ "from": from, "to": to, "reason": "the disk of the spool died" });
        server.post(&format!("/v1/streams/local/{INSTANCE}/lost"), &body.to_string())
    };
    assert_eq!(lost(6, 7).status, 409, "a gap begins at the next number");
    assert_eq!(lost(5, 4).status, 400);
    let declared = lost(5, 9);
    assert_eq!(declared.status, 200, "{}", declared.text());
    for seq in [5, 7, 9] {
        assert_eq!(number(seq).json()["status"], "gap", "{seq}");
    }
    assert_eq!(statuses(&in_stream(&server, 10, &event(10))), ["committed"]);
    let producers = server.get("/v1/producers").json();
    assert_eq!(producers["producers"][0]["next"], 11);
    assert_eq!(producers["producers"][0]["gaps"][0]["from"], 5);
    // Every number is asked of the same ledger, as rows: index 0 to 3, the gap, one more.
    let sql = json!({ "sql": "SELECT producer, instance, next_seq, last_seen, last_index, gaps_in_log FROM producers" });
    let asked = server.post("/v1/query", &sql.to_string());
    assert_eq!(asked.status, 200, "{}", asked.text());
    let row = asked.json()["rows"][0].clone();
    assert_eq!((&row[0], &row[1], &row[2]), (&json!("local"), &json!(INSTANCE), &json!(11)));
    // SQL writes a fraction with 3, 6 or 9 digits, where the other list leaves out zeros at the end.
    let short =
        |time: &Value| Some(time.as_str()?.trim_end_matches('Z').trim_end_matches('0').to_owned());
    assert_eq!(short(&row[3]), short(&producers["producers"][0]["last_seen"]));
    assert!(short(&row[3]).is_some());
    assert_eq!((&row[4], &row[5]), (&producers["producers"][0]["last_index"], &json!(1)));
    let counted = json!({ "sql": "SELECT count(*) AS n FROM system_log WHERE kind = 'gap'" });
    assert_eq!(server.post("/v1/query", &counted.to_string()).json()["rows"], json!([[1]]));
    let read = "SELECT count(*) AS n FROM access_log WHERE question LIKE '%FROM producers%'";
    let read = server.post("/v1/query", &json!({ "sql": read }).to_string()).json();
    assert_eq!(read["rows"], json!([[1]]), "the read is on record");
}

#[test]
fn a_receipt_comes_with_the_answer_and_is_the_one_that_is_fetched() {
    let store = Store::new();
    let server = store.serve();
    let body = r#"[{"id":"01890000-0000-7000-8000-000000000001","action":"a.b","actor":"x"},{"action":"a.c","actor":"y"}]"#;
    let headers = [("content-type", "application/json"), ("prefer", "receipt")];
    let reply = events(&server, &headers, body);
    assert_eq!(reply.status, 200, "{}", reply.text());
    let receipt = reply.json()["receipt"].clone();
    assert_eq!(receipt["format"], "indelible.receipt/v1");
    assert_eq!(receipt["events"].as_array().map(Vec::len), Some(2));
    std::fs::write(store.root().join("r.json"), receipt.to_string()).expect("a file");
    std::fs::write(store.root().join("e.json"), body).expect("a file");
    let verified = store.cli(&["verify", "receipt", "r.json", "--event", "e.json"]);
    assert_eq!(verified.code, Some(0), "{verified:?}");
    // A later event changes the checkpoint, not what is in it.
    assert_eq!(events(&server, &headers[..1], r#"{"action":"a.d","actor":"z"}"#).status, 200);
    let fetched = server.get("/v1/receipts/01890000-0000-7000-8000-000000000001").json();
    assert_eq!(fetched["events"][0], receipt["events"][0]);
    let again = events(&server, &headers, body);
    assert_eq!(statuses(&again)[0], "duplicate");
    assert_eq!(
        again.json()["receipt"]["events"].as_array().map(Vec::len),
        Some(1),
        "only what was made"
    );
}

#[test]
fn an_event_is_shown_as_it_was_sent_and_the_log_is_c2sp() {
    let store = Store::new();
    let server = store.serve();
    let id = "01890000-0000-7000-8000-0000000000ff";
    let body = format!(
        r#"{{"id":"{id}","action":"a.b","actor":"x","attrs":{{"big":123456789012345678901234567890.10}}}}"#
    );
    for _ in 0..3 {
        assert_eq!(server.post("/v1/events", r#"{"action":"a.b","actor":"x"}"#).status, 200);
    }
    assert_eq!(server.post("/v1/events", &body).status, 200);
    let checkpoint = server.get("/t/default/checkpoint");
    assert_eq!(checkpoint.header("content-type"), Some("text/plain; charset=utf-8"));
    let lines: Vec<String> = checkpoint.text().lines().map(str::to_owned).collect();
    assert_eq!(lines[1], "4");
    let tile = |path: &str| server.get(&format!("/t/default/{path}"));
    let hashes = tile("tile/0/000.p/4");
    assert_eq!((hashes.status, hashes.body.len()), (200, 4 * 32));
    assert_eq!(hashes.header("content-type"), Some("application/octet-stream"));
    assert_eq!(tile("tile/0/000.p/2").body, hashes.body[..64], "a narrower tile is a prefix");
    let entries = tile("tile/entries/000.p/4");
    assert_eq!(entries.body.len(), 4 * (2 + 42));
    for path in [
        "tile/0/000",
        "tile/0/000.p/5",
        "tile/0/000.p/0",
        "tile/0/001",
        "tile/1/000",
        "tile/0/0",
        "tile/00/000.p/4",
        "tile/0/000.p/04",
        "tile/8/0/000.p/4",
        "tile/entries/000",
        "tile/0/%30%30%30.p/4",
        "tile/x",
        "tile/",
    ] {
        assert_eq!(tile(path).status, 404, "{path}");
    }

    let shown = server.get(&format!("/v1/events/{id}"));
    assert!(
        shown.text().contains(r#""big":123456789012345678901234567890.10"#),
        "{}",
        shown.text()
    );
    assert_eq!(shown.json()["index"], 3);
    assert_eq!(shown.json()["stamps"]["producer"], "local");
    assert_eq!(server.get("/v1/events/01890000-0000-7000-8000-0000000000fe").status, 404);
    assert_eq!(server.get("/v1/events/nonsense").status, 400);
}

/// What a request of each endpoint looks like, for the question who may send it.
const REQUESTS: &[(&str, &str, &str, &str)] = &[
    ("POST", "/v1/events", "/v1/events", r#"{"action":"a.b","actor":"x"}"#),
    ("GET", "/v1/events/{id}", "/v1/events/01890000-0000-7000-8000-000000000001", ""),
    ("GET", "/v1/events/{id}/proof", "/v1/events/01890000-0000-7000-8000-000000000001/proof", ""),
    ("GET", "/v1/receipts/{id}", "/v1/receipts/01890000-0000-7000-8000-000000000001", ""),
    ("POST", "/v1/query", "/v1/query", r#"{"sql":"select 1"}"#),
    ("POST", "/v1/search", "/v1/search", "{}"),
    ("POST", "/v1/search/histogram", "/v1/search/histogram", "{}"),
    ("POST", "/v1/search/suggest", "/v1/search/suggest", "{}"),
    ("POST", "/v1/search/parse", "/v1/search/parse", "{}"),
    ("POST", "/v1/tail", "/v1/tail", "{}"),
    ("GET", "/v1/segments", "/v1/segments", ""),
    ("POST", "/v1/segments/flush", "/v1/segments/flush", "{}"),
    ("GET", "/v1/producers", "/v1/producers", ""),
    (
        "GET",
        "/v1/streams/{producer}/{instance}/{seq}",
        "/v1/streams/local/000102030405060708090a0b0c0d0e0f/1",
        "",
    ),
    (
        "POST",
        "/v1/streams/{producer}/{instance}/lost",
        "/v1/streams/local/000102030405060708090a0b0c0d0e0f/lost",
        r#"{"from":1,"to":1,"reason":"r"}"#,
    ),
    ("GET", "/v1/import-key", "/v1/import-key", ""),
    (
        "POST",
        "/v1/import/known",
        "/v1/import/known",
        r#"{"instance":"000102030405060708090a0b0c0d0e0f","ids":[]}"#,
    ),
    ("GET", "/v1/tenants", "/v1/tenants", ""),
    ("POST", "/v1/tenants", "/v1/tenants", r#"{"name":"other"}"#),
    ("GET", "/v1/keys", "/v1/keys?tenant=default", ""),
    ("POST", "/v1/keys", "/v1/keys", r#"{"tenant":"default","scopes":["read"]}"#),
    ("DELETE", "/v1/keys/{lookup}", "/v1/keys/aaaaaaaa", ""),
    ("GET", "/t/{tenant}/checkpoint", "/t/default/checkpoint", ""),
    ("GET", "/t/{tenant}/tile/{*path}", "/t/default/tile/0/000.p/1", ""),
];

/// Endpoints that need no credential, each with its reason.
const PUBLIC: &[(&str, &str)] = &[
    ("/livez", "probes have no credential"),
    ("/readyz", "probes have no credential"),
    ("/metrics", "figures name no tenant and no producer"),
    ("/version", "says what the binary is"),
    ("/openapi.json", "says what the interface is"),
    (
        "/v1/tail/{ticket}",
        "the path itself is the right to read: drawn for one key, good once, for a minute",
    ),
];

#[test]
fn every_endpoint_has_an_authorisation_test() {
    let source = include_str!("../../src/http/endpoints.rs");
    let table = source.split("const ENDPOINTS").nth(1).and_then(|rest| rest.split("];").next());
    let table: String = table.expect("a table").split_whitespace().collect();
    let calls = [("reads(\"", "GET"), ("takes(\"", "POST"), ("ends(\"", "DELETE")];
    let rows = calls
        .iter()
        .flat_map(|(call, method)| table.split(call).skip(1).map(move |row| (*method, row)));
    let mut listed = 0;
    for (method, row) in rows {
        let (path, rest) = row.split_once("\",Need::").expect("a path and what it needs");
        let tested = REQUESTS.iter().any(|(known, at, _, _)| *known == method && *at == path);
        let public = PUBLIC.iter().any(|(known, _)| *known == path);
        assert!(tested != public, "{method} {path} is neither tested nor public, or both");
        assert_eq!(public, rest.starts_with("Nothing"), "{method} {path}");
        listed += 1;
    }
    assert_eq!(listed, REQUESTS.len() + PUBLIC.len());
}

/// Asks for a key as the administrator.
fn key(
    store: &Store,
    server: &Server,
    tenant: &str,
    scopes: &[&str],
    producer: Option<&str>,
) -> String {
    let body = json!({ "tenant": tenant, "scopes": scopes, "producer": producer }).to_string();
    let call = Call::new("POST", "/v1/keys").token(&store.admin().token);
    let reply = call.header("content-type", "application/json").body(body).send(&server.client.url);
    assert_eq!(reply.status, 201, "{}", reply.text());
    reply.json()["token"].as_str().expect("a token").to_owned()
}

/// The scopes of which any one is enough for an endpoint.
fn enough(method: &str, route: &str) -> &'static [&'static str] {
    match route {
        "/v1/events"
        | "/v1/streams/{producer}/{instance}/lost"
        | "/v1/import-key"
        | "/v1/import/known"
        | "/v1/segments/flush" => &["write"],
        "/v1/events/{id}"
        | "/v1/query"
        | "/v1/search"
        | "/v1/search/histogram"
        | "/v1/search/suggest"
        | "/v1/search/parse"
        | "/v1/tail"
        | "/v1/producers"
        | "/v1/segments" => &["read"],
        // New tenants are the `system` administrator's alone.
        "/v1/tenants" if method == "POST" => &[],
        "/v1/tenants" | "/v1/keys" | "/v1/keys/{lookup}" => &["admin"],
        "/t/{tenant}/checkpoint" | "/t/{tenant}/tile/{*path}" => &["write", "read", "log:read"],
        _ => &["write", "read"],
    }
}

#[test]
fn nobody_is_let_in_without_the_right_key() {
    let store = Store::new();
    let server = store.serve();
    let body = r#"{"id":"01890000-0000-7000-8000-000000000001","action":"a.b","actor":"x"}"#;
    assert_eq!(server.post("/v1/events", body).status, 200);
    assert_eq!(statuses(&in_stream(&server, 1, r#"{"action":"a.b","actor":"x"}"#)), ["committed"]);
    let made =
        Call::new("POST", "/v1/tenants").token(&store.admin().token).body(r#"{"name":"acme"}"#);
    assert_eq!(made.send(&server.client.url).status, 201);
    let all = ["write", "read", "log:read", "admin"];
    let stranger = key(&store, &server, "acme", &all, Some("local"));
    let other_producer = key(&store, &server, "default", &["write"], Some("other"));
    let send = |method: &str, path: &str, body: &str, token: Option<&str>| {
        let call = Call::new(method, path).header("content-type", "application/json").body(body);
        token.map_or(call.clone(), |token| call.token(token)).send(&server.client.url).status
    };
    let scoped: Vec<(&str, String)> = all
        .into_iter()
        .map(|scope| (scope, key(&store, &server, "default", &[scope], Some("local"))))
        .collect();
    for (method, route, path, body) in REQUESTS {
        let named = format!("{method} {route}");
        assert_eq!(send(method, path, body, None), 401, "{named} without a token");
        assert_eq!(
            send(method, path, body, Some("ind_aaaaaaaa_wrong")),
            401,
            "{named} with a wrong token"
        );
        let enough = enough(method, route);
        for (scope, token) in &scoped {
            let status = send(method, path, body, Some(token));
            if enough.contains(scope) {
                assert!(status != 401 && status != 403, "{named} with `{scope}`: {status}");
            } else {
                assert_eq!(status, 403, "{named} with `{scope}` alone");
            }
        }
        // A key of another tenant sees nothing of this one, whatever its scopes.
        let answer = Call::new(method, path).header("content-type", "application/json").body(*body);
        let answer = answer.token(&stranger).send(&server.client.url);
        assert!(!answer.text().contains("\"default\""), "{named}: {}", answer.text());
        if route.contains("{id}") || route.contains("{seq}") {
            assert_eq!(answer.status, 404, "{named}");
        }
        if route.contains("{tenant}") || route.starts_with("/v1/keys") && *method != "DELETE" {
            assert_eq!(answer.status, 403, "{named}: {}", answer.text());
        }
    }
    for path in [
        "/v1/receipts/01890000-0000-7000-8000-000000000001",
        &format!("/v1/streams/local/{INSTANCE}/1"),
    ] {
        let status = send("GET", path, "", Some(&other_producer));
        assert!(status == 403 || status == 404, "{path} by another producer: {status}");
    }
}

#[test]
fn keys_and_tenants_are_made_recorded_and_ended() {
    let store = Store::new();
    let server = store.serve();
    let admin = store.admin();
    let call = |method: &str, path: &str, body: &str| {
        Call::new(method, path).token(&admin.token).body(body).send(&server.client.url)
    };
    assert_eq!((admin.tenant.as_str(), admin.url.as_str()), ("system", server.client.url.as_str()));
    let made = call("POST", "/v1/tenants", r#"{"name":"acme"}"#);
    assert_eq!(made.status, 201, "{}", made.text());
    assert!(made.json()["checkpoint_keys"][0].as_str().is_some_and(|key| key.contains("/acme+")));
    assert_eq!(call("POST", "/v1/tenants", r#"{"name":"acme"}"#).status, 409);
    for name in ["Acme", "-a", "", "a/b", "..", &"a".repeat(64)] {
        let status = call("POST", "/v1/tenants", &json!({ "name": name }).to_string()).status;
        assert_eq!(status, 422, "{name}");
    }
    for body in [
        r#"{"tenant":"acme","scopes":[]}"#,
        r#"{"tenant":"acme","scopes":["write"]}"#,
        r#"{"tenant":"acme","scopes":["all"],"producer":"p"}"#,
    ] {
        assert_eq!(call("POST", "/v1/keys", body).status, 422, "{body}");
    }
    assert_eq!(call("POST", "/v1/keys", r#"{"tenant":"nobody","scopes":["read"]}"#).status, 404);
    let token = key(&store, &server, "acme", &["write", "read"], Some("shop"));
    let send = |token: &str| {
        let call =
            Call::new("POST", "/v1/events").token(token).header("content-type", "application/json");
        call.body(r#"{"action":"a.b","actor":"x"}"#).send(&server.client.url)
    };
    let sent = send(&token);
    assert_eq!((sent.status, &sent.json()["tenant"]), (200, &json!("acme")), "{}", sent.text());
    let lookup = &token[4..12];
    let listed = call("GET", "/v1/keys?tenant=acme", "");
    assert!(!listed.text().contains(&token[13..]), "a secret in the list");
    assert_eq!(listed.json()["keys"][0]["lookup"], lookup);
    assert_eq!(call("DELETE", &format!("/v1/keys/{lookup}"), "").status, 204);
    assert_eq!(send(&token).status, 401, "an ended key opens nothing");
    let reader = key(&store, &server, "acme", &["read"], None);
    let sql = json!({ "sql": "select kind, attrs from system_log order by \"index\"" }).to_string();
    let log =
        Call::new("POST", "/v1/query").token(&reader).body(sql).send(&server.client.url).text();
    for act in ["key_created", "key_revoked", lookup] {
        assert!(log.contains(act), "`{act}` is not in {log}");
    }
    assert!(!log.contains(&token[13..]), "a secret on record");
    // What was made is there after a restart, and the ended key stays ended.
    server.stop();
    let server = store.serve();
    let again =
        Call::new("POST", "/v1/events").token(&token).header("content-type", "application/json");
    assert_eq!(again.body(r#"{"action":"a.b","actor":"x"}"#).send(&server.client.url).status, 401);
    let checkpoint = Call::new("GET", "/t/acme/checkpoint").token(&reader).send(&server.client.url);
    assert!(checkpoint.text().contains("/acme\n"), "{}", checkpoint.text());
}

#[test]
fn queries_answer_in_every_form_and_say_what_they_covered() {
    let store = Store::new();
    let server = store.serve();
    assert_eq!(
        server
            .post(
                "/v1/events",
                r#"[{"action":"a.b","actor":"x, \"y\""},{"action":"a.c","actor":"z"}]"#
            )
            .status,
        200
    );
    let ask = |accept: &str, body: Value| {
        let call =
            Call::new("POST", "/v1/query").token(&server.client.token).header("accept", accept);
        call.body(body.to_string()).send(&server.client.url)
    };
    let sql = json!({ "sql": "select actor_id, \"index\" n from events where action = $1", "params": ["a.b"] });
    let table = ask("application/json", sql.clone());
    assert_eq!(table.json()["columns"], json!(["actor_id", "n"]), "{}", table.text());
    assert_eq!(table.json()["rows"], json!([["x, \"y\"", 0]]));
    let coverage =
        |size: u64| json!({ "from_index": 0, "to_index": size, "as_of": size, "complete": true });
    assert_eq!(table.json()["coverage"], coverage(2));
    let lines = ask("application/x-ndjson", sql.clone());
    assert_eq!(lines.text(), "{\"actor_id\":\"x, \\\"y\\\"\",\"n\":0}\n");
    let said: Value =
        serde_json::from_str(lines.header("indelible-coverage").expect("a header")).expect("JSON");
    // The record of the first read is one more.
    assert_eq!(said, coverage(3));
    let csv = ask("text/csv", sql.clone());
    assert!(csv.text().contains("\"x, \"\"y\"\"\",0"), "{}", csv.text());
    assert_eq!(ask("application/vnd.apache.arrow.stream", sql).status, 200);
    for (sql, status, code) in [
        ("select", 400, "query_invalid"),
        ("select nothing from events", 400, "query_invalid"),
        ("drop table events", 403, "query_not_allowed"),
        ("select 1; select 2", 403, "query_not_allowed"),
    ] {
        let reply = ask("application/json", json!({ "sql": sql }));
        assert_eq!(reply.json()["code"], code, "{sql}: {}", reply.text());
        assert_eq!(reply.status, status, "{sql}");
    }
    assert_eq!(ask("application/json", json!({ "sql": "select 1", "x": 1 })).status, 400);
    assert_eq!(ask("application/json", json!({ "sql": "select $1", "params": [[1]] })).status, 400);
}

#[test]
fn operations_answer_without_a_key_and_unknown_paths_do_not_exist() {
    let store = Store::new();
    let server = store.serve();
    let ask = |path: &str| Call::new("GET", path).send(&server.client.url);
    assert_eq!(ask("/livez").text(), "ok\n");
    assert_eq!(ask("/readyz").text(), "ready\n");
    let verbose = ask("/readyz?verbose").json();
    assert_eq!(verbose["ready"], true);
    assert!(verbose["checks"].as_array().is_some_and(|checks| checks.len() >= 4));
    assert_eq!(ask("/version").json()["version"], env!("CARGO_PKG_VERSION"));
    server.post("/v1/events", r#"{"action":"a.b","actor":"x"}"#);
    let metrics = ask("/metrics").text();
    let committed = r#"indelible_ingest_events_total{protocol="http",outcome="committed"} 1"#;
    assert!(metrics.contains(committed), "{metrics}");
    assert!(!metrics.contains("default") && !metrics.contains("local"), "names in {metrics}");
    assert_eq!(ask("/v1/nothing").status, 404);
    assert_eq!(ask("/").json()["code"], "not_found");
    let wrong = ask("/v1/query");
    assert_eq!((wrong.status, wrong.header("allow")), (405, Some("POST")), "{}", wrong.text());
}

#[test]
fn a_client_that_sends_slowly_is_cut_off_and_holds_nobody_up() {
    let store = Store::new();
    let mut command = store.command(&["serve", "--listen", "127.0.0.1:0"]);
    command.env("INDELIBLE__SERVER__HEADER_TIMEOUT_MS", "300");
    command.env("INDELIBLE__SERVER__BODY_TIMEOUT_MS", "300");
    let server = store.start(command).expect("a start");
    let address = server.client.url.strip_prefix("http://").expect("http").to_owned();
    let open = |text: &str| {
        let mut stream = TcpStream::connect(&address).expect("a connection");
        stream.set_read_timeout(Some(std::time::Duration::from_secs(60))).expect("a timeout");
        stream.write_all(text.as_bytes()).expect("sent");
        stream
    };
    let body = format!(
        "POST /v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
         content-length: 1000\r\n\r\n{{",
        server.client.token
    );
    let mut waiting: Vec<TcpStream> =
        (0..20).map(|_| open("POST /v1/events HTTP/1.1\r\nhost: x\r\n")).collect();
    waiting.extend((0..20).map(|_| open(&body)));
    // Somebody else is served meanwhile.
    assert_eq!(server.post("/v1/events", r#"{"action":"a.b","actor":"x"}"#).status, 200);
    #[expect(clippy::disallowed_methods, reason = "bounded by `take`")]
    for (place, stream) in waiting.into_iter().enumerate() {
        let mut answer = Vec::new();
        stream.take(1 << 20).read_to_end(&mut answer).expect("the connection is closed");
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{place}: {answer}");
    }
}

#[test]
fn the_interface_is_served_as_it_is_committed_and_refuses_in_its_own_words() {
    let store = Store::new();
    let server = store.serve();
    let served = Call::new("GET", "/openapi.json").send(&server.client.url);
    assert_eq!(served.text(), include_str!("../../../../docs/reference/openapi.json"));
    // What the framework refuses before a handler sees it is a problem like any other.
    for path in ["/v1/events/%ff", "/v1/streams/a%ff/b/1"] {
        let refused = server.get(path);
        assert_eq!((refused.status, &refused.json()["code"]), (400, &"invalid_request".into()));
        assert_eq!(refused.header("content-type"), Some("application/problem+json"));
        assert!(refused.json()["request_id"].as_str() == refused.header("x-request-id"));
    }
    let admin = store.admin();
    let odd = Call::new("GET", "/v1/keys?tenants=x").token(&admin.token).send(&admin.url);
    assert_eq!((odd.status, &odd.json()["code"]), (400, &"invalid_request".into()));
}
