//! The archive from outside: answers and proofs stay the same over flush, merge and restart, and whatever is done to a
//! segment is found.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::array::{Array, ArrayRef, StringArray, TimestampNanosecondArray, UInt8Array};
use arrow::record_batch::RecordBatch;
use lake::archive::open_row;
use lake::cache::Cache;
use lake::catalog::{self, Row};
use lake::rollup::Rollup;
use lake::segment::{self, Columns, Order};
use lake::store::Store as Files;
use serde_json::Value;

use crate::harness::{Call, Server, Store};

/// Events of a store here, in batches of fifty.
const EVENTS: usize = 300;
/// Settings at which so few events fill several segments and log files.
pub(crate) const TINY: [(&str, &str); 4] = [
    ("INDELIBLE__LEDGER__WAL_FILE_BYTES", "65536"),
    ("INDELIBLE__LEDGER__WAL_BYTES_MAX", "1048576"),
    ("INDELIBLE__LAKE__FLUSH_ROWS_MAX", "100"),
    ("INDELIBLE__LAKE__FLUSH_ROWS_MIN", "50"),
];

pub(crate) fn serve(store: &Store) -> Server {
    let mut command = store.command(&["serve", "--listen", "127.0.0.1:0"]);
    command.envs(TINY);
    store.start(command).unwrap_or_else(|ran| panic!("the server did not start: {ran:?}"))
}

pub(crate) fn fill(server: &Server) {
    for batch in 0..EVENTS / 50 {
        let event = |place: usize| {
            let number = batch * 50 + place;
            let outcome = ["success", "denied", "failure"][number % 3];
            format!(
                r#"{{"action":"invoice.approve","actor":"user-{}","outcome":"{outcome}","targets":["invoice/{number}"]}}"#,
                number % 7
            )
        };
        let lines: Vec<String> = (0..50).map(event).collect();
        let reply = server.post("/v1/events", &format!("[{}]", lines.join(",")));
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
}

/// What a reader sees of the events: how many by outcome, all of them in order, a search, and proven events.
pub(crate) fn seen(server: &Server) -> (Value, Value, Value, Vec<Value>) {
    let rows = |sql: &str| {
        let body = serde_json::json!({ "sql": sql }).to_string();
        let reply = server.post("/v1/query", &body);
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json()["rows"].clone()
    };
    let counts = rows("SELECT outcome, count(*) FROM events GROUP BY outcome ORDER BY outcome");
    let all = rows("SELECT * FROM events WHERE \"index\" < 300");
    let found = server.post("/v1/search", r#"{"q":"actor:user-3 outcome:denied","limit":100}"#);
    assert_eq!(found.status, 200, "{}", found.text());
    let ids = rows("SELECT id FROM events WHERE \"index\" IN (0, 99, 100, 299) ORDER BY \"index\"");
    let proven = |id: &Value| {
        let proof = server.get(&format!("/v1/events/{}/proof", id[0].as_str().expect("an id")));
        assert_eq!(proof.status, 200, "{}", proof.text());
        let proof = proof.json();
        // The tree grows by the records of these reads; what an event is does not.
        serde_json::json!([proof["index"], proof["entry"]])
    };
    let proofs = ids.as_array().expect("rows").iter().map(proven).collect();
    (counts, all, found.json()["events"].clone(), proofs)
}

/// Archives everything and waits until every segment that is worth it is merged.
pub(crate) fn archive(server: &Server) {
    let reply = server.post("/v1/segments/flush", "");
    assert_eq!(reply.status, 200, "{}", reply.text());
    for _ in 0..10_000 {
        let listed = server.get("/v1/segments").json();
        let segments = listed["segments"].as_array().expect("segments");
        // A small last one waits for neighbours.
        let rows = |segment: &Value| {
            segment["to_index"].as_u64().expect("an end")
                - segment["from_index"].as_u64().expect("a start")
        };
        if segments.iter().all(|segment| segment["level"] == 1 || rows(segment) < 50) {
            assert!(segments.len() > 2, "{listed}");
            return;
        }
    }
    panic!("the segments were not merged");
}

#[test]
fn i6_answers_are_the_same_over_flush_merge_and_restart() {
    let store = Store::new();
    let server = serve(&store);
    fill(&server);
    let before = seen(&server);
    assert_eq!(before.1.as_array().expect("rows").len(), EVENTS);
    archive(&server);
    assert_eq!(seen(&server), before, "after flush and merge");
    server.kill();
    let server = serve(&store);
    assert_eq!(seen(&server), before, "after a kill");
    server.stop();
    let server = serve(&store);
    assert_eq!(seen(&server), before, "after a stop");
    server.stop();
    assert_eq!(store.cli(&["verify", "store"]).code, Some(0));
}

/// A store whose events are all archived, killed: no `MANIFEST` vouches for its files.
pub(crate) fn archived() -> Store {
    let store = Store::new();
    let server = serve(&store);
    fill(&server);
    archive(&server);
    server.kill();
    store
}

pub(crate) fn segments(store: &Store) -> Vec<Row> {
    let scratch = tempfile::tempdir().expect("a folder for copies");
    let rows = catalog::look(&store.data_dir(), scratch.path()).expect("a sound catalog");
    let live = |row: &Row| row.state == catalog::State::Live && row.tenant.as_str() == "default";
    rows.expect("a catalog").into_iter().filter(live).collect()
}

pub(crate) fn path(store: &Store, row: &Row) -> PathBuf {
    store.data_dir().join(&row.file.as_ref().expect("a file").path)
}

/// Verifies, and expects damage that names every one of `words`.
fn expect_damage(store: &Store, words: &[&str], case: &str) {
    let ran = store.cli(&["verify", "store"]);
    let said = format!("{}{}", ran.stdout, ran.stderr);
    assert_eq!(ran.code, Some(10), "{case}: {said}");
    for word in words {
        assert!(said.contains(word), "{case}: no `{word}` in {said}");
    }
}

#[test]
fn i6_whatever_is_done_to_a_segment_is_found() {
    let store = archived();
    let rows = segments(&store);
    let (first, second) = (path(&store, &rows[0]), path(&store, &rows[1]));
    let name = |path: &Path| path.file_name().expect("a name").to_string_lossy().into_owned();
    let (bytes, other) =
        (std::fs::read(&first).expect("bytes"), std::fs::read(&second).expect("bytes"));
    for place in [0, bytes.len() / 3, bytes.len() / 2, bytes.len() - 5] {
        let mut flipped = bytes.clone();
        flipped[place] ^= 4;
        std::fs::write(&first, &flipped).expect("a write");
        expect_damage(&store, &[&name(&first)], "a flipped bit");
    }
    std::fs::write(&first, &other).expect("a write");
    std::fs::write(&second, &bytes).expect("a write");
    expect_damage(&store, &[&name(&first), &name(&second)], "two files swapped");
    std::fs::write(&first, &bytes).expect("a write");
    std::fs::write(&second, &bytes).expect("a write");
    expect_damage(&store, &[&name(&second)], "one file twice");
    std::fs::write(&second, &other).expect("a write");
    std::fs::remove_file(&first).expect("a removal");
    expect_damage(&store, &[&name(&first)], "a deleted file");
    std::fs::write(&first, &bytes).expect("a write");
    assert_eq!(store.cli(&["verify", "store"]).code, Some(0), "everything as it was");
}

/// What somebody changes who mends everything that vouches for it.
struct Forgery {
    /// Which column.
    column: &'static str,
    /// What its second row is to have.
    value: ArrayRef,
}

/// Changes one value of a segment and mends everything that vouches for it: pages, footer, own hash, catalog.
fn rewrite(store: &Store, row: &Row, forgery: &Forgery) {
    let files = Files::new(&store.data_dir());
    let segment = open_row(&files, row, &Arc::new(Cache::new(1 << 20))).expect("a segment");
    let batch = segment.batch(&Columns::all()).expect("rows");
    let place = batch.schema().index_of(forgery.column).expect("a column");
    let whole = batch.column(place);
    let parts = [&*whole.slice(0, 1), &*forgery.value, &*whole.slice(2, whole.len() - 2)];
    let mut columns: Vec<ArrayRef> = batch.columns().to_vec();
    columns[place] = arrow::compute::concat(&parts).expect("a column");
    let batch = RecordBatch::try_new(batch.schema(), columns).expect("a batch");
    let footer = segment.footer().expect("a footer");
    let secrets = |block| footer.secret(block);
    let file = row.file.as_ref().expect("a file");
    let rollup = Rollup::encode(Rollup::of(&batch).expect("counts").as_ref());
    let exact = segment.exact().expect("kept records");
    let order = Order {
        tenant: &row.tenant,
        level: segment.about().level,
        class: &row.class,
        rollup: &rollup,
        exact: &exact,
        secrets: &secrets,
    };
    let mut bytes = Vec::new();
    let (about, print) = segment::write(&mut bytes, &batch, &order).expect("a file");
    std::fs::write(path(store, row), &bytes).expect("a write");
    let database =
        rusqlite::Connection::open(store.data_dir().join(catalog::FILE)).expect("SQLite");
    let sql = "UPDATE segments SET bytes = ?1, sha256 = ?2, footer_bytes = ?3, footer_sha256 = ?4,
        received_min = ?6, received_max = ?7, rollup = ?8 WHERE path = ?5";
    let (length, footer) = (print.bytes as i64, print.footer_bytes as i64);
    let (first, last) = about.received_at;
    let (sha256, footer_sha256) = (&print.sha256[..], &print.footer_sha256[..]);
    let values =
        rusqlite::params![length, sha256, footer, footer_sha256, &file.path, first, last, rollup];
    assert_eq!(database.execute(sql, values).expect("an update"), 1);
}

#[test]
fn i2_a_value_changed_by_somebody_who_mends_every_checksum_is_found() {
    let text = |value: &str| -> ArrayRef { Arc::new(StringArray::from(vec![value])) };
    let time = TimestampNanosecondArray::from(vec![1_700_000_000_000_000_000]);
    let table = [
        ("outcome", text("success"), "does not follow from the payload"),
        ("country", text("CH"), "`country` is not that of its record"),
        ("code", text("too_long"), "`code` is not that of its record"),
        ("record", Arc::new(UInt8Array::from(vec![5])), "does not follow from the payload"),
        ("received_at", Arc::new(time.with_timezone("+00:00")), "the time of receipt"),
    ];
    let store = archived();
    let row = segments(&store).remove(0);
    let name = row.file.as_ref().expect("a file").path.clone();
    let catalog = store.data_dir().join(catalog::FILE);
    let whole = |path: &Path| std::fs::read(path).expect("bytes");
    // The server was killed: what its journal holds goes into the file before a copy is taken of it.
    let database = rusqlite::Connection::open(&catalog).expect("SQLite");
    database.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).expect("one file");
    drop(database);
    let (file_before, catalog_before) = (whole(&path(&store, &row)), whole(&catalog));
    let range = format!("{} to before {}", row.indices.start + 1, row.indices.start + 2);
    for (column, value, words) in table {
        rewrite(&store, &row, &Forgery { column, value });
        expect_damage(&store, &[&name, &range, words], column);
        std::fs::write(path(&store, &row), &file_before).expect("a write");
        std::fs::write(&catalog, &catalog_before).expect("a write");
    }
    assert_eq!(store.cli(&["verify", "store"]).code, Some(0), "everything as it was");
}

#[test]
fn i6_a_catalog_that_does_not_meet_the_ledger_is_refused() {
    let store = archived();
    let database =
        rusqlite::Connection::open(store.data_dir().join(catalog::FILE)).expect("SQLite");
    let sql =
        "UPDATE segments SET end = end + 100000 WHERE tenant = 'default' AND state = 'live' AND
        first = (SELECT max(first) FROM segments WHERE tenant = 'default')";
    assert_eq!(database.execute(sql, []).expect("an update"), 1);
    drop(database);
    let mut command = store.command(&["serve", "--listen", "127.0.0.1:0"]);
    command.envs(TINY);
    let refused = store.start(command).map(drop).expect_err("a start");
    assert_eq!(refused.code, Some(10), "{refused:?}");
    assert!(refused.stderr.contains("default"), "{refused:?}");
}

/// A damaged segment is a candidate of every merge: it rests, and the others are merged.
#[test]
fn a_damaged_segment_keeps_no_other_from_being_merged() {
    let store = Store::new();
    let flushed = |server: &Server| {
        let event = r#"[{"action":"a.b","actor":"x"},{"action":"a.c","actor":"y"}]"#;
        assert_eq!(server.post("/v1/events", event).status, 200);
        let reply = server.post("/v1/segments/flush", "");
        assert_eq!(reply.status, 200, "{}", reply.text());
    };
    let server = store.serve();
    // One fewer than are merged.
    (0..7).for_each(|_| flushed(&server));
    server.kill();
    let third = segments(&store).swap_remove(2);
    let mut bytes = std::fs::read(path(&store, &third)).expect("a segment");
    bytes[100] ^= 1;
    std::fs::write(path(&store, &third), bytes).expect("changed");
    let server = store.serve();
    (0..4).for_each(|_| flushed(&server));
    let merged = || -> Vec<u64> {
        let listed = server.get("/v1/segments").json();
        let segments = listed["segments"].as_array().expect("segments").clone();
        segments.iter().map(|segment| segment["level"].as_u64().expect("a level")).collect()
    };
    let is_merged = (0..10_000).any(|_| merged() == [0, 0, 0, 1]);
    assert!(is_merged, "two before it are too few, the eight behind it become one: {:?}", merged());
    let name = third.file.expect("a file").path;
    let said = server.log();
    assert!(said.contains("could not be merged") && said.contains(&name), "{said}");
}

/// An event that the log, which is compressed, holds in tens of thousands of bytes.
fn bulky() -> String {
    let mut state = 7_u64;
    let mut word = || {
        // SplitMix64, in hex: half of its bytes are news.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let word = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        format!("{:016x}", word ^ (word >> 31))
    };
    let text: String = (0..3_750).map(|_| word()).collect();
    format!(r#"{{"action":"a.b","actor":"x","attrs":{{"text":"{text}"}}}}"#)
}

/// INVARIANT (I6): a tenant whose log files are gone is checked beside a running server too, while it merges files away.
/// Meanwhile flushes are asked for all the time: only a look between them archives what holds back the log.
#[test]
fn i6_a_quiet_tenant_is_checked_beside_a_running_server() {
    let store = Store::new();
    let server = serve(&store);
    let ask = |token: &str, path: &str, body: &str| {
        let call = Call::new("POST", path).token(token).header("content-type", "application/json");
        let reply = call.body(body).send(&server.client.url);
        assert!(reply.status < 300, "{path}: {}", reply.text());
        reply.json()
    };
    let admin = store.admin().token;
    ask(&admin, "/v1/tenants", r#"{"name":"quiet"}"#);
    let made =
        ask(&admin, "/v1/keys", r#"{"tenant":"quiet","scopes":["write"],"producer":"local"}"#);
    let token = made["token"].as_str().expect("a token");
    ask(token, "/v1/events", r#"{"action":"a.b","actor":"x"}"#);
    ask(token, "/v1/segments/flush", "");
    let log = || std::fs::read_dir(store.data_dir().join("ledger/wal")).expect("a log");
    let first = log().map(|file| file.expect("a file").path()).min().expect("a log file");
    let is_done = AtomicBool::new(false);
    let send = |event: &str| {
        ask(&server.client.token, "/v1/events", event);
        ask(&server.client.token, "/v1/segments/flush", "");
    };
    let (is_gone, checked) = std::thread::scope(|scope| {
        // Flushes of nothing, so many that there is always one which waits.
        for _ in 0..3 {
            scope.spawn(|| {
                while !is_done.load(Ordering::Relaxed) {
                    ask(token, "/v1/segments/flush", "");
                }
            });
        }
        // So much that the last files are merged away before a check comes to them.
        let many = r#"{"action":"a.b","actor":"x"}"#.to_owned() + "\n";
        let call = Call::new("POST", "/v1/events").token(&server.client.token);
        let call = call.header("content-type", "application/x-ndjson").body(many.repeat(3_000));
        assert_eq!(call.send(&server.client.url).status, 200);
        // Once the log is larger than it may be, the rows of the administrator's tenant are archived too.
        let event = bulky();
        let is_gone = (0..200).any(|_| {
            send(&event);
            !first.exists()
        });
        scope.spawn(|| {
            while !is_done.load(Ordering::Relaxed) {
                send(r#"{"action":"a.b","actor":"x"}"#);
            }
        });
        let checked = [(); 3].map(|()| store.cli(&["verify", "store"]));
        is_done.store(true, Ordering::Relaxed);
        (is_gone, checked)
    });
    let left: Vec<_> = log().map(|file| file.expect("a file").file_name()).collect();
    assert!(is_gone, "the log was not trimmed: {first:?} is in {left:?}");
    for ran in checked {
        // Counts of a minute may be a record of it by now.
        assert!(ran.stdout.contains("tenant quiet: "), "{}", ran.stdout);
        assert_eq!(ran.code, Some(0), "{ran:?}");
    }
}
