//! `indelible import` on a real server: 2,900 real CloudTrail records, once and again, and what is asked of them after.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::harness::{Ran, Store};

/// The real records.
fn cloudtrail() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/cloudtrail")
}

/// Runs `import` with `--json`; its exit code and summary.
fn import(store: &Store, args: &[&str]) -> (Option<i32>, Value) {
    let mut all = vec!["import"];
    all.extend(args);
    all.push("--json");
    let ran = store.cli(&all);
    let summary = serde_json::from_str(&ran.stdout);
    (ran.code, summary.unwrap_or_else(|error| panic!("{error}: {ran:?}")))
}

/// The counts of a summary that are not 0.
fn counts(summary: &Value) -> Vec<(&'static str, u64)> {
    let names =
        ["committed", "duplicate", "known", "conflict", "rejected", "dead_lettered", "unsent"];
    let count = |name: &'static str| (name, summary[name].as_u64().expect("a count"));
    let counts: Vec<_> = names.into_iter().map(count).filter(|(_, count)| *count > 0).collect();
    let sum: u64 = counts.iter().map(|(_, count)| count).sum();
    assert_eq!(summary["records"], sum, "INVARIANT (I7): {summary}");
    counts
}

/// The one number that a statement answers with.
fn number(store: &Store, sql: &str) -> u64 {
    let ran = store.cli(&["sql", sql, "--json"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let rows: Value = serde_json::from_str(&ran.stdout).expect("rows");
    rows[0]["n"].as_u64().unwrap_or_else(|| panic!("{sql}: {rows}"))
}

fn path(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

#[test]
fn a_folder_of_cloudtrail_files_is_imported_once_and_again() {
    let store = Store::new();
    let server = store.serve();
    let folder = cloudtrail();
    let out = store.root().join("events.jsonl");
    let (code, summary) =
        import(&store, &["cloudtrail", path(&folder), "--events-out", path(&out)]);
    assert_eq!(counts(&summary), [("committed", 2900)]);
    assert_eq!((code, &summary["files"]), (Some(0), &55.into()));
    let skipped = summary["skipped"].as_array().expect("a list");
    assert_eq!(skipped.len(), 2, "the licence and the README: {skipped:?}");

    let (code, summary) = import(&store, &["cloudtrail", path(&folder)]);
    assert_eq!((code, counts(&summary)), (Some(0), vec![("duplicate", 2900)]));

    let events = "SELECT count(*) AS n FROM events WHERE ";
    let of = |condition: &str| number(&store, &format!("{events}{condition}"));
    assert_eq!(of("outcome IN ('failure', 'denied')"), 300);
    assert_eq!(of("outcome = 'denied'"), 60);
    assert_eq!(of("outcome = 'success'"), 2600);
    assert_eq!(of("original IS NOT NULL"), 2900);
    assert_eq!(of("ip_claimed IS NOT NULL"), 2547);
    let sent = std::fs::read_to_string(&out).expect("the events as sent");
    assert_eq!(sent.lines().count(), 2900);
    server.stop();
}

/// The negative control of this test is a server that flips the outcome after decoding (`cargo xtask test --all`).
#[test]
fn a_receipt_tells_the_producers_own_event_from_any_other() {
    let store = Store::new();
    let server = store.serve();
    let out = store.root().join("events.jsonl");
    let file =
        cloudtrail().join("218007301253_CloudTrail_us-east-1_20230710T1150Z_1vnLavRRp0ek1mP4.json");
    let (code, summary) = import(&store, &["cloudtrail", path(&file), "--events-out", path(&out)]);
    assert_eq!((code, &summary["committed"]), (Some(0), &summary["records"]), "{summary}");
    let sent = std::fs::read_to_string(&out).expect("the events as sent");
    let line = sent.lines().next().expect("a line");
    let event: Value = serde_json::from_str(line).expect("an event");
    let id = event["id"].as_str().expect("an id");
    let receipt = store.root().join("own.receipt");
    let ran = store.cli(&["receipt", "get", id, "-o", path(&receipt)]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(store.cli(&["show", id, "--proof"]).code, Some(0));
    let verify = |event: &str| {
        let own = store.root().join("own.json");
        std::fs::write(&own, event).expect("written");
        store.cli(&["verify", "receipt", path(&receipt), "--event", path(&own)])
    };
    let ran = verify(line);
    assert_eq!(ran.code, Some(0), "the producer's own event: {ran:?}");
    let other = line.replace("\"status\":\"success\"", "\"status\":\"failure\"");
    assert_ne!(line, other);
    let ran = verify(&other);
    assert_eq!(ran.code, Some(10), "another event: {ran:?}");
    server.stop();
}

/// Events of our own, one a line, with ids from `from` on.
fn lines(from: u32, to: u32) -> String {
    let line = |n| {
        format!(
            "{{\"id\":\"00000000-0000-0000-0000-{n:012}\",\"action\":\"test.line\",\"actor\":\"ana\"}}\n"
        )
    };
    (from..to).map(line).collect()
}

#[test]
fn a_file_that_has_grown_brings_only_what_is_new() {
    let store = Store::new();
    let server = store.serve();
    let file = store.root().join("own.jsonl");
    std::fs::write(&file, lines(0, 700)).expect("written");
    let (code, summary) = import(&store, &["jsonl", path(&file)]);
    assert_eq!((code, counts(&summary)), (Some(0), vec![("committed", 700)]));

    std::fs::write(&file, lines(0, 1200)).expect("written");
    let (code, summary) = import(&store, &["jsonl", path(&file)]);
    assert_eq!((code, counts(&summary)), (Some(0), vec![("committed", 500), ("known", 700)]));
    assert_eq!(number(&store, "SELECT count(*) AS n FROM events"), 1200);

    // Once more: the gap stays declared, and what was sent is a duplicate.
    let (code, summary) = import(&store, &["jsonl", path(&file)]);
    assert_eq!((code, counts(&summary)), (Some(0), vec![("duplicate", 500), ("known", 700)]));

    // On demand they are stored a second time, in a stream of their own.
    let other = store.root().join("other.jsonl");
    std::fs::write(&other, lines(0, 1201)).expect("written");
    let (code, summary) = import(&store, &["jsonl", path(&other), "--again"]);
    assert_eq!((code, counts(&summary)), (Some(0), vec![("committed", 1201)]));
    assert_eq!(number(&store, "SELECT count(*) AS n FROM events"), 2401);
    server.stop();
}

#[test]
fn compressed_copies_are_the_same_file() {
    let store = Store::new();
    let server = store.serve();
    let folder = store.root().join("in");
    std::fs::create_dir(&folder).expect("a folder");
    let text = lines(0, 100);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(text.as_bytes()).expect("compressed");
    std::fs::write(folder.join("a.jsonl"), &text).expect("written");
    std::fs::write(folder.join("b.jsonl.gz"), gzip.finish().expect("compressed")).expect("written");
    let zstd = zstd::bulk::compress(text.as_bytes(), 1).expect("compressed");
    std::fs::write(folder.join("c.ndjson.zst"), zstd).expect("written");
    std::fs::write(folder.join("d.csv"), "a,b").expect("written");
    let (code, summary) = import(&store, &["jsonl", path(&folder)]);
    assert_eq!((code, counts(&summary)), (Some(0), vec![("committed", 100), ("duplicate", 200)]));
    assert_eq!(summary["skipped"].as_array().map(Vec::len), Some(1));
    server.stop();
}

#[test]
fn what_is_wrong_is_counted_named_and_does_not_stop_the_rest() {
    let store = Store::new();
    let server = store.serve();
    let folder = store.root().join("in");
    std::fs::create_dir(&folder).expect("a folder");
    let good = r#"{"eventSource":"s3.amazonaws.com","eventName":"GetObject"}"#;
    let records = format!("{{\"Records\":[{good},{{\"eventName\":\n\"X\"}},{good}]}}");
    std::fs::write(folder.join("a.json"), &records).expect("written");
    std::fs::write(folder.join("b.json"), "{\"Records\":[{\"eventName\":").expect("written");
    std::fs::write(folder.join("c.json"), format!("{good}\nnonsense\n{good}\n")).expect("written");
    let (code, summary) = import(&store, &["cloudtrail", path(&folder)]);
    assert_eq!((code, counts(&summary)), (Some(6), vec![("committed", 4), ("rejected", 2)]));
    assert_eq!(summary["files"], 2);
    let failed = summary["failed"].as_array().expect("a list");
    assert!(failed[0]["file"].as_str().is_some_and(|file| file.ends_with("b.json")), "{summary}");
    let problems = summary["problems"].as_array().expect("a list");
    let named: Vec<_> = problems.iter().map(|note| (&note["record"], &note["code"])).collect();
    let (missing, malformed) = ("missing_field".into(), "malformed_json".into());
    assert_eq!(named, [(&2.into(), &missing), (&2.into(), &malformed)]);

    // Again: what was refused stays refused, and nothing is new.
    let (code, summary) = import(&store, &["cloudtrail", path(&folder)]);
    assert_eq!((code, counts(&summary)), (Some(6), vec![("duplicate", 4), ("rejected", 2)]));
    server.stop();
}

#[test]
fn without_a_server_nothing_is_read_and_the_exit_code_says_so() {
    let store = Store::new();
    let file = store.root().join("own.jsonl");
    std::fs::write(&file, lines(0, 1)).expect("written");
    let no_such = store.cli(&["import", "jsonl", "no/such/file"]);
    assert_eq!(no_such.code, Some(2), "{no_such:?}");
    let server = store.serve();
    server.stop();
    let Ran { code, stderr, .. } = store.cli(&["import", "jsonl", path(&file)]);
    assert_eq!(code, Some(5), "{stderr}");
    assert!(stderr.contains("hint: "), "{stderr}");
}

/// Reads one request from `stream`; its first line.
fn request(stream: &mut BufReader<TcpStream>) -> String {
    let (mut first, mut length) = (String::new(), 0);
    stream.read_line(&mut first).expect("a request");
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).expect("a header");
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).expect("a body");
    first
}

/// A server that knows nothing and never answers events: it says on the returned channel that they have come.
fn silent_server(listener: TcpListener) -> std::sync::mpsc::Receiver<TcpStream> {
    let (sender, receiver) = std::sync::mpsc::sync_channel(1);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.expect("a connection"));
            loop {
                let body = match request(&mut stream) {
                    first if first.contains("import-key") => {
                        let key = "A".repeat(43);
                        format!("{{\"producer\":\"local\",\"import_key\":\"{key}=\"}}")
                    }
                    first if first.contains("known") => "{\"known\":[false,false]}".to_owned(),
                    first if first.is_empty() => break,
                    _ => {
                        let _left = sender.send(stream.into_inner());
                        return;
                    }
                };
                let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ";
                let answer = format!("{head}{}\r\n\r\n{body}", body.len());
                stream.get_mut().write_all(answer.as_bytes()).expect("answered");
            }
        }
    });
    receiver
}

#[test]
fn an_interrupted_import_says_what_is_unknown() {
    let store = Store::new();
    let file = store.root().join("own.jsonl");
    std::fs::write(&file, lines(0, 3)).expect("written");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let arrived = silent_server(listener);
    let mut command = store.command(&["import", "jsonl", path(&file)]);
    command.env("INDELIBLE_URL", url).env("INDELIBLE_TOKEN", "ind_aaaaaaaa_x");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().expect("the binary starts");
    let _open = arrived.recv_timeout(std::time::Duration::from_secs(60)).expect("events arrive");
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(sent.expect("`kill` starts").success());
    let output = child.wait_with_output().expect("the child can be waited for");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(6), "{stderr}");
    assert!(stderr.contains("records 1 to 3 of `"), "{stderr}");
    assert!(stderr.contains("were sent and not answered"), "{stderr}");
}
