//! Lines as they are written, and the list of known messages against the sources that say them and the page made of it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use tracing::Level;
use tracing_subscriber::fmt::MakeWriter;

use super::known::{KNOWN, Known};
use super::*;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/logs.md");
const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// The page as the list has it.
fn page() -> String {
    let mut page = String::from(
        "# The server's own log\n\n\
         One line an event on stderr: logfmt, or JSON with `--log-format json`. `--log` says how much: `info` if it is left out. Every line\n\
         has `time`, `level`, `target` and `message`; what happens on behalf of a request has its `request_id` and `trace_id`, and once it is known\n\
         who asks `tenant` and `key` (the look-up part, never the secret). No line holds a token or an event's content.\n\n\
         | level | means |\n|---|---|\n\
         | error | a person must look |\n\
         | warn | something went wrong and the server went on |\n\
         | info | what a server does once (`recovering`, `the ledger is open`, `stopping`), and requests that were `slow` (a second or more) or `refused` (401, 403, 429, 5xx): at most 20 lines a second, `left_out` says how many are missing |\n\
         | debug | one line `answered` for every other request, one line `committed` for each that made records, written by the ledger thread after the sync |\n\n\
         A request's trace id is that of its W3C `traceparent` header; without one it is drawn. Its id is the caller's `X-Request-Id`, or drawn;\n\
         it goes back in that header and in the `request_id` of a problem. With `--log debug` one trace id so leads from the request to its commit.\n\n\
         ## Warnings and errors\n\n\
         These are all there are. Each line ends with its `id` and with `next`, what to do; each is counted in\n\
         `indelible_log_messages_total{id}`. A test fails on any other. This list is made from `server::logs::known` and checked against\n\
         it by a test; `INDELIBLE_WRITE_DOCS=1` makes that test write it.\n\n\
         | id | level | message | means | next |\n|---|---|---|---|---|\n",
    );
    for Known { id, level, message, means, next } in KNOWN {
        let level = level.as_str().to_ascii_lowercase();
        writeln!(page, "| `{id}` | {level} | {message} | {means} | {next} |")
            .expect("a text grows");
    }
    page
}

#[test]
fn the_page_of_messages_is_the_list() {
    if std::env::var_os("INDELIBLE_WRITE_DOCS").is_some() {
        std::fs::write(PAGE, page()).expect("written");
    }
    let written = std::fs::read_to_string(PAGE).expect("docs/reference/logs.md");
    assert_eq!(written, page(), "run this test with INDELIBLE_WRITE_DOCS=1 and commit the page");
}

/// The warnings and errors that a source says: level and text.
fn said_in(source: &str) -> Vec<(Level, String)> {
    let mut found = Vec::new();
    for (call, level) in [("tracing::warn!(", Level::WARN), ("tracing::error!(", Level::ERROR)] {
        for rest in source.split(call).skip(1) {
            let end = rest.find(");").expect("the call ends");
            let text = rest[..end].trim_end().trim_end_matches(',').trim_end();
            let text = text.strip_suffix('"').expect("a message is the last argument");
            let begin = text.rfind('"').expect("a message in quotes");
            found.push((level, text[begin + 1..].to_owned()));
        }
    }
    found
}

/// Everything that product code below `folder` says.
fn said_below(folder: &Path, found: &mut Vec<(Level, String)>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        if path.is_dir() && name != "tests" {
            said_below(&path, found);
        } else if name.ends_with(".rs") && name != "tests.rs" {
            found.extend(said_in(&std::fs::read_to_string(&path).expect("a source")));
        }
    }
}

#[test]
fn every_warning_and_error_of_the_sources_is_listed_and_every_listed_one_said() {
    let mut said = Vec::new();
    said_below(Path::new(SOURCES), &mut said);
    let said: BTreeSet<(Level, &str)> =
        said.iter().map(|(level, text)| (*level, &**text)).collect();
    let listed: BTreeSet<(Level, &str)> =
        KNOWN.iter().map(|known| (known.level, known.message)).collect();
    assert_eq!(said, listed);
    let ids: BTreeSet<&str> = KNOWN.iter().map(|known| known.id).collect();
    assert_eq!(ids.len(), KNOWN.len(), "an id is there twice");
    // What the reader of sources would miss, it would not find here either.
    let planted =
        "tracing::warn!(%error, \"never heard of\");\ntracing::error!(\n    \"nor of this\",\n);";
    let expected =
        [(Level::WARN, "never heard of".to_owned()), (Level::ERROR, "nor of this".to_owned())];
    assert_eq!(said_in(planted), expected);
}

/// Where a test's lines go.
#[derive(Debug, Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl io::Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("a lock").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Kept {
    type Writer = Kept;

    fn make_writer(&self) -> Kept {
        self.clone()
    }
}

/// What `work` logs in a style, without the time that each line begins with.
fn logged(style: Style, said: &Said, work: impl FnOnce()) -> Vec<String> {
    let kept = Kept::default();
    let lines = tracing_subscriber::fmt()
        .with_max_level(Level::DEBUG)
        .with_writer(kept.clone())
        .with_ansi(false)
        .fmt_fields(Fields(style))
        .event_format(Lines { style, clock: Clock::start(), said: said.clone() })
        .finish();
    tracing::subscriber::with_default(lines, work);
    let bytes = kept.0.lock().expect("a lock").clone();
    let text = String::from_utf8(bytes).expect("UTF-8");
    let without_time = |line: &str| match style {
        Style::Logfmt => line.split_once(' ').expect("a time and more").1.to_owned(),
        Style::Json => format!("{{{}", line.split_once(',').expect("a time and more").1),
    };
    text.lines().map(without_time).collect()
}

fn events() {
    let span = tracing::error_span!("request", request_id = %"r1", key = tracing::field::Empty);
    span.in_scope(|| {
        span.record("key", "abc");
        tracing::info!(rows = 3, forged = "a\nlevel=error\u{202e}", "stopping");
        tracing::warn!(error = %"no room", "counts stay open");
    });
    tracing::error!(n = -1, "never heard of");
}

#[test]
fn a_line_stays_a_line_and_says_what_to_do() {
    let said = Said::new();
    let target = "target=indelible::logs::tests";
    let next = known::find("counts stay open").expect("listed").next;
    let lines = logged(Style::Logfmt, &said, events);
    assert_eq!(
        lines,
        [
            format!(
                r#"level=info {target} message=stopping rows=3 forged="a\u{{a}}level=error\u{{202e}}" request_id=r1 key=abc"#
            ),
            format!(
                r#"level=warn {target} message="counts stay open" error="no room" request_id=r1 key=abc id=counts_open next="{next}""#
            ),
            format!(
                r#"level=error {target} message="never heard of" n=-1 id=unlisted next="{}""#,
                known::UNLISTED_NEXT
            ),
        ]
    );
}

#[test]
fn json_lines_are_json_with_the_same_members() {
    let said = Said::new();
    let lines = logged(Style::Json, &said, events);
    let lines: Vec<serde_json::Value> =
        lines.iter().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines[0]["forged"], "a\nlevel=error\u{202e}");
    assert_eq!((&lines[0]["rows"], &lines[2]["n"]), (&3.into(), &(-1).into()));
    assert_eq!((&lines[1]["id"], &lines[2]["id"]), (&"counts_open".into(), &"unlisted".into()));
    assert_eq!((&lines[1]["request_id"], &lines[1]["key"]), (&"r1".into(), &"abc".into()));
    let mut registry = prometheus_client::registry::Registry::default();
    registry.register("said", "", said.family());
    let mut counted = String::new();
    prometheus_client::encoding::text::encode(&mut counted, &registry).expect("a text");
    for line in [
        "said_total{id=\"counts_open\"} 1",
        "said_total{id=\"unlisted\"} 1",
        "said_total{id=\"internal\"} 0",
    ] {
        assert!(counted.contains(line), "{line} is not in {counted}");
    }
}
