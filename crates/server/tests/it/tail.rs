//! Events as they come: filtered, resumed, cut.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Call, Server, Store};

/// Nothing that a server says takes longer.
const DEADLINE: Duration = Duration::from_secs(60);

fn commit(server: &Server, actor: &str) -> u64 {
    let event = json!({ "action": "a.b", "actor": actor }).to_string();
    let reply = server.post("/v1/events", &event);
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()["results"][0]["index"].as_u64().expect("an index")
}

/// A stream URL.
fn ticket(server: &Server, question: &Value) -> String {
    let reply = server.post("/v1/tail", &question.to_string());
    assert_eq!(reply.status, 201, "{}", reply.text());
    reply.json()["url"].as_str().expect("a path").to_owned()
}

/// A stream that is read line by line.
struct Stream(BufReader<TcpStream>);

impl Stream {
    fn open(server: &Server, path: &str, last: Option<u64>) -> Stream {
        let address = server.client.url.strip_prefix("http://").expect("an address");
        let mut socket = TcpStream::connect(address).expect("a connection");
        socket.set_read_timeout(Some(DEADLINE)).expect("a deadline");
        let last = last.map_or(String::new(), |last| format!("last-event-id: {last}\r\n"));
        write!(socket, "GET {path} HTTP/1.1\r\nhost: x\r\n{last}\r\n").expect("a request");
        let mut stream = Stream(BufReader::new(socket));
        assert!(stream.line().starts_with("HTTP/1.1 200"), "a stream");
        stream
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).expect("a line");
        line.trim_end().to_owned()
    }

    /// The next event: its index and its actor.
    fn event(&mut self) -> (u64, String) {
        loop {
            let line = self.line();
            let Some(id) = line.strip_prefix("id: ") else { continue };
            let id = id.parse().expect("an index");
            if let Some(event) = self.line().strip_prefix("data: ") {
                let event: Value = serde_json::from_str(event).expect("JSON");
                assert_eq!(event["index"], id);
                return (id, event["actor"]["id"].as_str().expect("an actor").to_owned());
            }
        }
    }
}

#[test]
fn a_tail_shows_what_comes_and_goes_on_behind_the_last_event() {
    let store = Store::new();
    let server = store.serve();
    commit(&server, "before");
    let path = ticket(&server, &json!({ "q": "-actor:noise" }));
    let mut stream = Stream::open(&server, &path, None);
    let first = commit(&server, "ana");
    commit(&server, "noise");
    let second = commit(&server, "bob");
    assert_eq!(stream.event(), (first, "ana".to_owned()));
    assert_eq!(stream.event(), (second, "bob".to_owned()));
    drop(stream);
    let third = commit(&server, "cho");
    let again = ticket(&server, &json!({ "q": "-actor:noise" }));
    let mut stream = Stream::open(&server, &again, Some(first));
    assert_eq!(stream.event(), (second, "bob".to_owned()), "behind the index that was named");
    assert_eq!(stream.event(), (third, "cho".to_owned()));
    let from_start = ticket(&server, &json!({ "since_ms": 3_600_000 }));
    assert_eq!(Stream::open(&server, &from_start, None).event().1, "before");
    let behind = ticket(&server, &json!({ "after": second }));
    assert_eq!(Stream::open(&server, &behind, None).event(), (third, "cho".to_owned()));
    server.stop();
}

#[test]
fn a_stream_url_is_good_once_and_nothing_else_is() {
    let store = Store::new();
    let server = store.serve();
    commit(&server, "ana");
    let path = ticket(&server, &json!({}));
    drop(Stream::open(&server, &path, None));
    for wrong in [&*path, "/v1/tail/nothing", "/v1/tail/AAAA"] {
        let reply = Call::new("GET", wrong).send(&server.client.url);
        assert_eq!((reply.status, &reply.json()["code"]), (404, &json!("not_found")), "{wrong}");
    }
    for (question, status, code) in [
        (json!({ "q": "actr:ana" }), 400, "query_invalid"),
        (json!({ "after": 0, "since_ms": 1 }), 422, "invalid_value"),
        (json!({ "after": 1_000_000 }), 422, "invalid_value"),
        (json!({ "x": 1 }), 400, "invalid_request"),
    ] {
        let reply = server.post("/v1/tail", &question.to_string());
        assert_eq!(
            (reply.status, reply.json()["code"].clone()),
            (status, json!(code)),
            "{question}"
        );
    }
    server.stop();
}

#[test]
fn i10_so_many_tails_and_no_more() {
    let store = Store::new();
    let server = store.serve();
    commit(&server, "ana");
    let open = |_| Stream::open(&server, &ticket(&server, &json!({})), None);
    let streams: Vec<Stream> = (0..64).map(open).collect();
    let path = ticket(&server, &json!({}));
    let refused = Call::new("GET", &path).send(&server.client.url);
    assert_eq!((refused.status, &refused.json()["code"]), (503, &json!("busy")), "past the limit");
    drop(streams);
    server.stop();
}

#[test]
fn a_reader_that_takes_nothing_is_cut_with_the_reason() {
    let store = Store::new();
    let mut command = store.command(&["serve", "--listen", "127.0.0.1:0"]);
    command.env("INDELIBLE__QUERY__TAIL_SLOW_MS", "200");
    let server = store.start(command).expect("a server");
    let path = ticket(&server, &json!({}));
    let mut stream = Stream::open(&server, &path, None);
    // Far more than sockets and pieces hold.
    let text = "x".repeat(60_000);
    let event = json!({ "action": "a.b", "actor": "ana", "attrs": { "text": text } }).to_string();
    for _ in 0..10 {
        let lines = format!("{event}\n").repeat(30);
        let call = Call::new("POST", "/v1/events").token(&server.client.token);
        let call = call.header("content-type", "application/x-ndjson").body(lines);
        assert_eq!(call.send(&server.client.url).status, 200);
    }
    // The place is free when the tail was cut: the end of a read says so.
    let mut rest = Vec::new();
    let mut piece = [0; 65_536];
    while !rest.ends_with(b"\n\n\r\n0\r\n\r\n") {
        let count = stream.0.read(&mut piece).expect("more");
        assert_ne!(count, 0, "the stream ends with a reason");
        rest.extend_from_slice(&piece[..count]);
        if rest.windows(11).any(|part| part == b"\"reason\":\"s") {
            break;
        }
    }
    assert!(String::from_utf8_lossy(&rest).contains("event: cut"));
    server.stop();
}

#[test]
fn the_command_follows_resumes_over_a_restart_and_ends_at_its_limit() {
    let store = Store::new();
    let server = store.serve();
    commit(&server, "ana");
    let port = server.client.url.rsplit(':').next().expect("a port").to_owned();
    let mut command = store.command(&["tail", "--since", "1h", "--limit", "3", "--jsonl"]);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut next = || {
        let line = lines.next().expect("a line").expect("UTF-8");
        let event: Value = serde_json::from_str(&line).expect("JSON");
        event["actor"]["id"].as_str().expect("an actor").to_owned()
    };
    assert_eq!(next(), "ana");
    server.stop();
    let listen = format!("127.0.0.1:{port}");
    let server = store.start(store.command(&["serve", "--listen", &listen])).expect("a server");
    commit(&server, "bob");
    assert_eq!(next(), "bob", "neither lost nor twice");
    commit(&server, "cho");
    assert_eq!(next(), "cho");
    let ended = child.wait_with_output().expect("it ends");
    assert_eq!(ended.status.code(), Some(0), "{}", String::from_utf8_lossy(&ended.stderr));
    server.stop();
}

#[test]
fn i11_a_tail_is_on_record_from_begin_to_end() {
    let store = Store::new();
    let server = store.serve();
    let path = ticket(&server, &json!({ "q": "actor:ana" }));
    let mut stream = Stream::open(&server, &path, None);
    let index = commit(&server, "ana");
    assert_eq!(stream.event().0, index);
    server.stop();
    let server = store.serve();
    let sql = "SELECT act, row_count, reads FROM access_log WHERE act = 'read.end' OR surface = 'tail' ORDER BY index";
    let answer = server.post("/v1/query", &json!({ "sql": sql }).to_string()).json();
    assert_eq!(answer["rows"], json!([["read.begin", 10_000, null], ["read.end", 1, 1]]));
    server.stop();
}

#[test]
fn an_interrupted_tail_ends_at_once() {
    let store = Store::new();
    let server = store.serve();
    commit(&server, "ana");
    let mut command = store.command(&["tail", "--since", "1h", "--jsonl"]);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let mut first = String::new();
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe"));
    lines.read_line(&mut first).expect("an event");
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(sent.expect("`kill` starts").success());
    assert_eq!(child.wait().expect("it ends").code(), None, "by the signal");
    server.stop();
}
