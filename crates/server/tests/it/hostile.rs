//! Hostile input over real HTTP: each gets its precise answer with a stable code, and its neighbours are committed.
//!
//! The cases are lines in `testdata/hostile/`; here stands only how they are sent. What cannot be a line, because it is
//! about when bytes arrive or do not, is spoken through a bare socket.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::harness::{Call, Reply, Server, Store};

const NEIGHBOUR: &str = r#"{"action":"user.login","actor":"ana"}"#;
const INSTANCE: &str = "0123456789abcdef0123456789abcdef";
/// A socket that says nothing for so long has been forgotten by the server.
const DEADLINE: Duration = Duration::from_secs(60);

/// The lines of a table.
fn table(name: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/hostile").join(name);
    let text = std::fs::read_to_string(path).expect("the table");
    text.lines().map(|line| serde_json::from_str(line).expect("a case")).collect()
}

fn text<'a>(case: &'a Value, member: &str) -> &'a str {
    case[member].as_str().unwrap_or_else(|| panic!("`{member}` is text in {case}"))
}

/// The bytes that a case writes as text, as hexadecimal digits, or as a repetition.
fn bytes(case: &Value, member: &str) -> Vec<u8> {
    if let Some(text) = case[member].as_str() {
        return text.as_bytes().to_vec();
    }
    if let Some(digits) = case[format!("{member}_hex")].as_str() {
        let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).expect("two digits");
        return (0..digits.len()).step_by(2).map(byte).collect();
    }
    let repeat = &case["repeat"];
    let times = usize::try_from(repeat["times"].as_u64().expect("times")).expect("times");
    [text(repeat, "before"), &text(repeat, "text").repeat(times), text(repeat, "after")]
        .concat()
        .into_bytes()
}

fn post(server: &Server, media: &str, body: impl Into<Vec<u8>>) -> Reply {
    let call = Call::new("POST", "/v1/events").token(&server.client.token);
    call.header("content-type", media).body(body).send(&server.client.url)
}

fn status_of(case: &Value) -> &str {
    case["status"].as_str().unwrap_or("rejected")
}

/// Whether `result` is the answer that `case` asks for.
fn check(case: &Value, result: &Value) {
    let name = text(case, "name");
    assert_eq!(result["status"], status_of(case), "{name}: {result}");
    assert_eq!(result["code"], case["code"], "{name}: {result}");
    if let Some(field) = case["field"].as_str() {
        assert_eq!(result["field"], field, "{name}: {result}");
    }
    if result["status"] == "rejected" {
        assert_ne!(text(result, "hint"), "", "{name}");
    }
}

#[test]
fn a_hostile_item_is_answered_precisely_and_its_neighbours_are_committed() {
    let store = Store::new();
    let server = store.serve();
    for case in table("items.jsonl") {
        let item = bytes(&case, "item");
        let body = [NEIGHBOUR.as_bytes(), &item, NEIGHBOUR.as_bytes()].join(&b'\n');
        let reply = post(&server, "application/x-ndjson", body);
        assert_eq!(reply.status, 207, "{case}: {}", reply.text());
        assert_eq!(reply.header("indelible-rejected"), Some("1"), "{case}");
        let results = reply.json()["results"].clone();
        assert_eq!(results.as_array().map(Vec::len), Some(3), "{case}");
        assert_eq!(results[0]["status"], "committed", "{case}");
        check(&case, &results[1]);
        assert_eq!(results[2]["status"], "committed", "{case}");
        alone(&server, &case, &item);
        in_an_array(&server, &case, &item);
    }
    server.stop();
}

/// What begins as an object is one event: its answer is a status of its own.
fn alone(server: &Server, case: &Value, item: &[u8]) {
    if item.first() != Some(&b'{') {
        return;
    }
    let reply = post(server, "application/json", item);
    assert_eq!(reply.status, 422, "{case}: {}", reply.text());
    check(case, &reply.json()["results"][0]);
}

/// An array is split if all of it is JSON syntax, and refused whole if it is not.
fn in_an_array(server: &Server, case: &Value, item: &[u8]) {
    let body = [b"[", NEIGHBOUR.as_bytes(), b",", item, b",", NEIGHBOUR.as_bytes(), b"]"].concat();
    let reply = post(server, "application/json", body);
    if reply.status == 400 {
        let problem = reply.json();
        assert_eq!(problem["code"], "malformed_json", "{case}: {problem}");
        assert_eq!(problem["retryable"], false, "{case}");
        return;
    }
    assert_eq!(reply.status, 207, "{case}: {}", reply.text());
    let results = reply.json()["results"].clone();
    assert_eq!(results[0]["status"], "committed", "{case}");
    check(case, &results[1]);
    assert_eq!(results[2]["status"], "committed", "{case}");
}

#[test]
fn in_a_stream_every_hostile_item_keeps_its_number_and_its_answer() {
    let store = Store::new();
    let server = store.serve();
    let cases = table("items.jsonl");
    let items: Vec<_> = cases.iter().map(|case| bytes(case, "item")).collect();
    let send = || {
        Call::new("POST", "/v1/events")
            .token(&server.client.token)
            .header("content-type", "application/x-ndjson")
            .header("indelible-instance", INSTANCE)
            .header("indelible-seq", "1")
            .body(items.join(&b'\n'))
            .send(&server.client.url)
    };
    let reply = send();
    assert_eq!(reply.status, 207, "{}", reply.text());
    assert_eq!(reply.header("indelible-rejected"), Some(&*cases.len().to_string()));
    let first = reply.json()["results"].clone();
    let mut indices = Vec::new();
    for (position, case) in cases.iter().enumerate() {
        check(case, &first[position]);
        indices.push(first[position]["index"].as_u64().expect("an index"));
    }
    let begin = indices[0];
    let dense: Vec<_> = (begin..).take(cases.len()).collect();
    assert_eq!(indices, dense, "INVARIANT (I3): every number is a record");

    // Sent again, each number is answered as before, from its record, and nothing is stored.
    let again = send().json()["results"].clone();
    for (position, case) in cases.iter().enumerate() {
        for member in ["status", "code", "field", "index"] {
            assert_eq!(again[position][member], first[position][member], "{case}");
        }
    }
    let path = format!("/v1/streams/local/{INSTANCE}/1");
    let number = server.get(&path).json();
    assert_eq!((&number["status"], &number["index"]), (&"rejected".into(), &begin.into()));
    let next = cases.len() + 1;
    assert_eq!(number["next"], next, "{number}");
    server.stop();
}

#[test]
fn a_hostile_request_is_refused_whole_and_nothing_of_it_is_stored() {
    let store = Store::new();
    let server = store.serve();
    let size = || server.get("/t/default/checkpoint").text().lines().nth(1).map(str::to_owned);
    assert_eq!(post(&server, "application/json", NEIGHBOUR).status, 200);
    let before = size();
    for case in table("requests.jsonl") {
        let reply = request(&server, &case);
        let problem = reply.json();
        assert_eq!(problem["code"], case["code"], "{case}: {problem}");
        assert_eq!(reply.status, case["status"], "{case}: {problem}");
        assert_eq!(problem["status"], case["status"], "{case}");
        assert_ne!(text(&problem, "hint"), "", "{case}");
        let media = reply.header("content-type");
        assert_eq!(media, Some("application/problem+json"), "{case}");
        assert_eq!(size(), before, "{case}");
    }
    server.stop();
}

fn request(server: &Server, case: &Value) -> Reply {
    let mut body = bytes(case, "body");
    body = match case["compress"].as_str() {
        None => body,
        Some("gzip") => gzip(&body),
        Some("zstd") => zstd::bulk::compress(&body, 1).expect("compressed"),
        Some("zstd-window-27") => zstd_with_large_window(&body),
        Some(other) => panic!("`{other}` is no compression"),
    };
    if let Some(keep) = case["keep_bytes"].as_u64() {
        body.truncate(usize::try_from(keep).expect("a length"));
    }
    let path = case["path"].as_str().unwrap_or("/v1/events");
    let mut call = Call::new("POST", path).body(body);
    for (name, value) in case["headers"].as_object().expect("headers") {
        call = call.header(name, value.as_str().expect("a header's text"));
    }
    call = match case.get("authorization") {
        None => call.token(&server.client.token),
        Some(value) => {
            value.as_str().map_or(call.clone(), |value| call.header("authorization", value))
        }
    };
    call.send(&server.client.url)
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(body).expect("compressed");
    encoder.finish().expect("compressed")
}

fn zstd_with_large_window(body: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).expect("an encoder");
    encoder.window_log(27).expect("a window");
    // Without a known size the frame must announce its window.
    encoder.include_contentsize(false).expect("no size");
    encoder.write_all(body).expect("compressed");
    encoder.finish().expect("compressed")
}

/// What a socket says until it closes, or until a whole answer is there.
fn answer(mut socket: TcpStream) -> String {
    socket.set_read_timeout(Some(DEADLINE)).expect("a timeout");
    let mut said = Vec::new();
    let mut piece = [0; 4096];
    loop {
        match socket.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => said.extend_from_slice(&piece[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break,
            Err(error) => panic!("{error}: {}", String::from_utf8_lossy(&said)),
        }
        if is_whole(&said) {
            break;
        }
    }
    String::from_utf8_lossy(&said).into_owned()
}

/// Whether an answer with a `content-length` is complete.
fn is_whole(said: &[u8]) -> bool {
    let text = String::from_utf8_lossy(said).to_ascii_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    length.and_then(|length| length.parse().ok()).is_some_and(|length: usize| body.len() >= length)
}

/// Opens a connection and writes the head of a request with more headers.
fn begin(server: &Server, headers: &str) -> TcpStream {
    let address = server.client.url.strip_prefix("http://").expect("plain HTTP").to_owned();
    let mut socket = TcpStream::connect(&address).expect("a connection");
    let token = &server.client.token;
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n{headers}\r\n"
    );
    socket.write_all(head.as_bytes()).expect("written");
    socket
}

#[test]
fn slow_and_lying_bodies_hold_nothing_up() {
    let store = Store::new();
    let mut command = store.command(&["serve", "--listen", "127.0.0.1:0"]);
    command.env("INDELIBLE__SERVER__BODY_TIMEOUT_MS", "400");
    command.env("INDELIBLE__SERVER__HEADER_TIMEOUT_MS", "400");
    let server = store.start(command).expect("a server");
    let says = |socket: TcpStream, status: &str, code: &str| {
        let said = answer(socket);
        assert!(said.starts_with(&format!("HTTP/1.1 {status} ")), "{status} {code}: {said}");
        assert!(said.contains(&format!("\"code\":\"{code}\"")), "{status} {code}: {said}");
    };

    // A body that never comes, one that stalls, and one that comes a byte at a time: each has one deadline.
    says(begin(&server, "content-length: 100\r\n"), "408", "request_timeout");
    let mut stalled = begin(&server, "transfer-encoding: chunked\r\n");
    stalled.write_all(b"5\r\n{\"act\r\n").expect("written");
    says(stalled, "408", "request_timeout");

    // More is announced than a request may have: refused before any of it was sent.
    says(begin(&server, "content-length: 1073741824\r\n"), "413", "too_large");

    // Less comes than was announced.
    let mut cut = begin(&server, "content-length: 100\r\n");
    cut.write_all(NEIGHBOUR.as_bytes()).expect("written");
    cut.shutdown(Shutdown::Write).expect("half closed");
    let said = answer(cut);
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 400 "), "{said}");

    // More comes than was announced: what was announced is judged, the rest is no part of it.
    let mut long = begin(&server, "content-length: 10\r\n");
    long.write_all(NEIGHBOUR.as_bytes()).expect("written");
    says(long, "422", "malformed_json");

    // Chunks that are none, and lengths that contradict each other.
    let mut chunks = begin(&server, "transfer-encoding: chunked\r\n");
    chunks.write_all(b"zz\r\n{}\r\n0\r\n\r\n").expect("written");
    assert!(answer(chunks).starts_with("HTTP/1.1 400 "));
    let two = begin(&server, "content-length: 2\r\ncontent-length: 3\r\n");
    assert!(answer(two).starts_with("HTTP/1.1 400 "));

    // Headers that never end.
    let address = server.client.url.strip_prefix("http://").expect("plain HTTP").to_owned();
    let mut endless = TcpStream::connect(address).expect("a connection");
    endless.write_all(b"POST /v1/events HTTP/1.1\r\nx: ").expect("written");
    let said = answer(endless);
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 4"), "{said}");

    // Nothing of all this was stored, and the next sender notices nothing.
    let size = server.get("/t/default/checkpoint").text();
    let before: u64 = size.lines().nth(1).expect("a size").parse().expect("a number");
    let reply = post(&server, "application/json", NEIGHBOUR);
    assert_eq!(reply.json()["results"][0]["index"], before, "{}", reply.text());
    server.stop();
}

#[test]
fn many_slow_bodies_at_once_leave_room_for_a_quick_one() {
    let store = Store::new();
    let server = store.serve();
    let slow: Vec<_> = (0..200).map(|_| begin(&server, "content-length: 1000000\r\n")).collect();
    let reply = post(&server, "application/json", NEIGHBOUR);
    assert_eq!(reply.status, 200, "{}", reply.text());
    drop(slow);
    server.stop();
}
