//! The server's own log: which lines it may write, and the way from a request to its commit.

use crate::harness::{Call, Store, strange};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const EVENT: &str = r#"{"action":"user.login","actor":"ana"}"#;

#[test]
fn a_line_that_is_not_listed_is_found() {
    let listed = "time=t level=warn target=x message=\"counts stay open\" id=counts_open next=n\n\
                  {\"time\":\"t\",\"level\":\"error\",\"id\":\"internal\",\"next\":\"n\"}\n\
                  time=t level=info target=x message=stopping\n";
    assert_eq!(strange(listed), [""; 0]);
    for planted in [
        "time=t level=warn target=x message=\"never heard of\" id=unlisted next=n",
        "time=t level=error target=h2 message=\"of somebody else\"",
        // A warning that is listed as one does not pass as an error.
        "time=t level=error target=x message=\"counts stay open\" id=counts_open next=n",
        "{\"time\":\"t\",\"level\":\"warn\",\"id\":\"unlisted\"}",
        "thread 'ship' panicked at crates/server/src/ship.rs:1:1:",
    ] {
        assert_eq!(strange(&format!("{listed}{planted}\n")), [planted]);
    }
}

/// The lines of a log that hold all of `words`.
fn lines<'a>(log: &'a str, words: &[&str]) -> Vec<&'a str> {
    log.lines().filter(|line| words.iter().all(|word| line.contains(word))).collect()
}

#[test]
fn one_trace_leads_from_the_request_to_its_commit() {
    let store = Store::new();
    let server = store.serve_with(&["--log", "info,indelible=debug"]);
    let sent = Call::new("POST", "/v1/events")
        .token(&server.client.token)
        .header("content-type", "application/json")
        .header("traceparent", &format!("00-{TRACE}-00f067aa0ba902b7-01"))
        .header("x-request-id", "req-7")
        .body(EVENT)
        .send(&server.client.url);
    assert_eq!((sent.status, sent.header("x-request-id")), (200, Some("req-7")));
    let index = sent.json()["results"][0]["index"].to_string();
    let ran = server.stop();
    let ids =
        format!("request_id=req-7 trace_id={TRACE} parent_id=00f067aa0ba902b7 tenant=default");
    let committed = lines(&ran.stderr, &["message=committed", &ids]);
    let [committed] = &committed[..] else { panic!("one commit in\n{}", ran.stderr) };
    assert!(committed.contains(&format!("first_index={index} last_index={index}")), "{committed}");
    assert!(
        committed.contains("target=indelible::intake"),
        "the ledger thread says it: {committed}"
    );
    let answered = lines(&ran.stderr, &["message=answered", "path=/v1/events status=200", &ids]);
    assert_eq!(answered.len(), 1, "{}", ran.stderr);
    assert!(!ran.stderr.contains("user.login"), "an event in the log");
}

#[test]
fn a_refusal_is_one_line_with_the_id_that_its_caller_has() {
    let store = Store::new();
    let server = store.serve_with(&["--log-format", "json"]);
    let refused = server.get("/v1/tenants");
    let id = refused.header("x-request-id").expect("an id").to_owned();
    assert_eq!((refused.status, &refused.json()["request_id"]), (403, &id.as_str().into()));
    assert_eq!(server.get("/v1/nothing").json()["code"], "not_found");
    let token = server.client.token.clone();
    let ran = server.stop();
    let found = lines(&ran.stderr, &["\"message\":\"refused\"", &id]);
    let [line] = &found[..] else { panic!("one line in\n{}", ran.stderr) };
    let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
    for (name, expected) in [
        ("level", "info"),
        ("path", "/v1/tenants"),
        ("code", "forbidden"),
        ("tenant", "default"),
        ("request_id", &id),
    ] {
        assert_eq!(line[name], expected, "{line}");
    }
    let key = line["key"].as_str().expect("the look-up part of the key");
    assert!(token.contains(key) && !ran.stderr.contains(&token), "{line}");
    assert_eq!(lines(&ran.stderr, &["not_found"]).len(), 0, "nobody has to do anything about it");
}
