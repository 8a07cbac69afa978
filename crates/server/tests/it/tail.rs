//! Events as they come: filtered, resumed, cut.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};
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

/// Starts the command, which has printed the one event that there was.
fn follower(mut command: Command) -> (Child, BufReader<ChildStdout>) {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe"));
    assert!(next(&mut lines).contains("\"ana\""));
    (child, lines)
}

fn next(lines: &mut BufReader<ChildStdout>) -> String {
    let mut line = String::new();
    lines.read_line(&mut line).expect("UTF-8");
    line
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([name, &child.id().to_string()]).status();
    assert!(sent.expect("`kill` starts").success());
}

const FOLLOW: &[&str] = &["tail", "--since", "1h", "--jsonl"];

/// By SIGTERM: this test may itself have been started with SIGINT ignored, and a child inherits that.
#[test]
fn a_tail_that_is_signalled_ends_at_once() {
    let store = Store::new();
    let server = store.serve();
    commit(&server, "ana");
    let (mut child, _lines) = follower(store.command(FOLLOW));
    signal(&child, "-TERM");
    assert_eq!(child.wait().expect("it ends").code(), None, "by the signal");
    server.stop();
}

/// What a shell does with `&` in a script: a Ctrl-C is meant for another, and the tail goes on until it is told by name.
#[test]
fn a_tail_that_was_started_with_sigint_ignored_is_not_interrupted() {
    let store = Store::new();
    let server = store.serve();
    commit(&server, "ana");
    let plain = store.command(FOLLOW);
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' INT; exec \"$0\" \"$@\""]).arg(plain.get_program());
    command.args(plain.get_args()).current_dir(store.root());
    command.env("INDELIBLE_KEY_DIR", store.key_dir());
    let (mut child, mut lines) = follower(command);
    signal(&child, "-INT");
    commit(&server, "bob");
    assert!(next(&mut lines).contains("\"bob\""), "it goes on");
    signal(&child, "-TERM");
    assert_eq!(child.wait().expect("it ends").code(), None, "by the other signal");
    server.stop();
}

#[test]
fn i10_so_many_stream_urls_wait_and_no_more() {
    let store = Store::new();
    let server = store.serve();
    let ask = |_| Some(server.post("/v1/tail", "{}")).filter(|reply| reply.status != 201);
    // On a machine so slow that a minute passes meanwhile, the oldest make room.
    let (given, refused) =
        (0..10_000).find_map(|given| Some((given, ask(given)?))).expect("a limit");
    assert!(given >= 1_024, "{given}");
    assert_eq!((refused.status, &refused.json()["code"]), (503, &json!("busy")), "past the limit");
    server.stop();
}

/// A key of the tenant that may read: its look-up characters and its token.
fn reader(server: &Server, admin: &str) -> (String, String) {
    let body = json!({ "tenant": "default", "scopes": ["read"], "producer": "local" }).to_string();
    let call = Call::new("POST", "/v1/keys").token(admin).body(body);
    let made = call.header("content-type", "application/json").send(&server.client.url);
    assert_eq!(made.status, 201, "{}", made.text());
    let text = |name: &str| made.json()[name].as_str().expect("text").to_owned();
    (text("lookup"), text("token"))
}

fn revoke(server: &Server, admin: &str, lookup: &str) {
    let call = Call::new("DELETE", &format!("/v1/keys/{lookup}")).token(admin);
    assert_eq!(call.send(&server.client.url).status, 204);
}

/// The path of a stream that `token` may read.
fn ticket_of(server: &Server, token: &str) -> String {
    let call = Call::new("POST", "/v1/tail").token(token).body("{}");
    let made = call.header("content-type", "application/json").send(&server.client.url);
    assert_eq!(made.status, 201, "{}", made.text());
    made.json()["url"].as_str().expect("a path").to_owned()
}

#[test]
fn a_key_that_is_revoked_is_cut_where_nothing_comes_and_its_urls_are_gone() {
    let store = Store::new();
    let server = store.serve();
    let admin = store.admin().token;
    let (lookup, token) = reader(&server, &admin);
    let unused = ticket_of(&server, &token);
    let mut stream = Stream::open(&server, &ticket_of(&server, &token), None);
    let index = commit(&server, "ana");
    assert_eq!(stream.event(), (index, "ana".to_owned()));
    revoke(&server, &admin, &lookup);
    // Signs of life from before may wait to be read, on a machine that stood still meanwhile; not for ever.
    let lines: Vec<String> =
        (0..20).map(|_| stream.line()).take_while(|line| !line.starts_with("event")).collect();
    let cut = stream.line();
    assert!(cut.contains("\"reason\":\"revoked\""), "{lines:?} {cut}");
    let refused = Call::new("GET", &unused).send(&server.client.url);
    assert_eq!((refused.status, &refused.json()["code"]), (404, &json!("not_found")));
    server.stop();
}

/// What was committed after the end of a key is not for it, however much comes.
#[test]
fn the_command_of_a_key_that_is_revoked_shows_no_later_event_and_says_so() {
    let store = Store::new();
    let server = store.serve();
    commit(&server, "ana");
    let admin = store.admin().token;
    let (lookup, token) = reader(&server, &admin);
    let mut command = store.command(FOLLOW);
    command.env("INDELIBLE_TOKEN", token).env("INDELIBLE_URL", &server.client.url);
    let (mut child, mut lines) = follower(command);
    revoke(&server, &admin, &lookup);
    commit(&server, "bob");
    assert_eq!(next(&mut lines), "", "nothing more");
    assert_eq!(child.wait().expect("it ends").code(), Some(4));
    server.stop();
}

/// INVARIANT (I11): what is beyond the allowance leaves only when a `read.more` is committed, so a kill cannot lose it.
#[test]
fn i11_a_tail_beyond_its_allowance_is_on_record_again() {
    let store = Store::new();
    let server = store.serve();
    let mut stream = Stream::open(&server, &ticket(&server, &json!({})), None);
    for _ in 0..2 {
        let lines = "{\"action\":\"a.b\",\"actor\":\"ana\"}\n".repeat(5_000);
        let call = Call::new("POST", "/v1/events").token(&server.client.token);
        let call = call.header("content-type", "application/x-ndjson").body(lines);
        assert_eq!(call.send(&server.client.url).status, 200);
    }
    let more = |server: &Server| {
        let sql = "SELECT row_count, begin_index FROM access_log WHERE act = 'read.more'";
        server.post("/v1/query", &json!({ "sql": sql }).to_string()).json()["rows"].clone()
    };
    (0..10_000).for_each(|_| drop(stream.event()));
    assert_eq!(more(&server), json!([]), "at the allowance");
    commit(&server, "bob");
    assert_eq!(stream.event().1, "bob");
    server.kill();
    let server = store.serve();
    let begin = "SELECT index FROM access_log WHERE act = 'read.begin' AND surface = 'tail'";
    let begin = server.post("/v1/query", &json!({ "sql": begin }).to_string()).json();
    assert_eq!(more(&server), json!([[10_000, begin["rows"][0][0]]]), "past it");
    server.stop();
}
