//! The stages without a process: what requests, stops and starts leave behind.

use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use event::ids::StoreName;
use ledger::disk::LockError;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;
use crate::clock::Clock;
use crate::logs::Said;
use crate::manifest::FileEntry;

const INSTANCE: &str = "000102030405060708090a0b0c0d0e0f";

/// A started server without a listener, and the token of its local producer.
struct Running {
    server: Server,
    gate: Arc<Gate>,
    token: String,
    _root: tempfile::TempDir,
}

fn config(root: &Path) -> Config {
    Config {
        data_dir: root.join("data"),
        key_dir: Some(root.join("keys")),
        wal_file_bytes: 1 << 20,
        ..Config::default()
    }
}

/// Owns the store and opens its ledger, as far as a start goes before its stages.
fn recovered(config: &Config) -> (Store, Recovered) {
    let clocks = clocks();
    let store = store::open(config, clocks.clock.wall()).expect("a store");
    let recovered = recovery::open(&store, config, clocks, &Gate::default(), &Said::new());
    (store, recovered.unwrap_or_else(|failure| panic!("{failure:?}")))
}

fn clocks() -> Clocks {
    Clocks { clock: Clock::start(), word: ClockWord::Judged }
}

fn running() -> Running {
    let root = tempfile::tempdir().expect("a folder");
    let config = config(root.path());
    let (store, recovered) = recovered(&config);
    let token = store.drawn.as_ref().expect("a new store").local.clone();
    let runtime = runtime(Work::LookUps).expect("a runtime");
    let server =
        start(runtime, Arc::new(Live::fixed(config)), store, recovered, clocks()).expect("stages");
    let gate = Arc::new(Gate::default());
    gate.open(Arc::clone(&server.app));
    Running { server, gate, token, _root: root }
}

impl Running {
    fn request(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Request<Body> {
        let mut request = Request::builder().method("POST").uri(path);
        request = request.header("authorization", format!("Bearer {}", self.token));
        request = request.header("content-type", "application/x-ndjson");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(Body::from(body.to_owned())).expect("a request");
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 9))));
        request
    }

    fn post(&self, path: &str, headers: &[(&str, &str)], body: &str) -> (u16, Value) {
        use http_body_util::BodyExt;
        let request = self.request(path, headers, body);
        let router = http::router(Arc::clone(&self.gate));
        self.server.runtime.block_on(async {
            let response = router.oneshot(request).await.expect("an answer");
            let status = response.status().as_u16();
            let body = response.into_body().collect().await.expect("a body").to_bytes();
            (status, serde_json::from_slice(&body).expect("JSON"))
        })
    }

    fn lost(&self, from: u64, to: u64) -> (u16, Value) {
        let body = json!({ "from": from, "to": to, "reason": "a disk" }).to_string();
        self.post(&format!("/v1/streams/local/{INSTANCE}/lost"), &[], &body)
    }
}

#[test]
fn a_gap_is_answered_only_for_the_numbers_that_are_declared() {
    let running = running();
    let events = "{\"action\":\"a.b\",\"actor\":\"ana\"}\n".repeat(4);
    let stream = [("indelible-instance", INSTANCE), ("indelible-seq", "1")];
    let (status, sent) = running.post("/v1/events", &stream, &events);
    assert_eq!(status, 200, "{sent}");
    let conflict = |(status, said): (u16, Value)| {
        assert_eq!((status, &said["code"]), (409, &json!("seq_conflict")), "{said}");
    };
    conflict(running.lost(3, 10));
    let (status, declared) = running.lost(5, 9);
    assert_eq!((status, &declared["status"]), (200, &json!("gap")), "{declared}");
    assert_eq!(running.lost(5, 9), (200, declared));
    for (from, to) in [(5, 8), (5, 10), (6, 9), (4, 9), (9, 9)] {
        conflict(running.lost(from, to));
    }
    assert_eq!(running.lost(10, 10).0, 200, "nothing but the gap was stored");
}

#[test]
fn a_declared_gap_needs_room_as_events_do() {
    let running = running();
    let hot = &running.server.app.shipped.hot;
    let rest = hot.reserve(hot.bytes_max() - hot.used()).expect("all that is left");
    let (status, said) = running.lost(1, 1);
    assert_eq!(said["code"], "hot_full", "{status} {said}");
    drop(rest);
    assert_eq!(running.lost(1, 1).0, 200);
}

#[test]
fn i7_items_are_counted_when_the_client_goes_away() {
    let running = running();
    let event = r#"{"id":"0192f0c1-7d3a-7cc2-b3a4-5d6e7f809102","action":"a.b","actor":"ana"}"#;
    assert_eq!(running.post("/v1/events", &[], event).0, 200);
    let app = &running.server.app;
    let again = running.request("/v1/events", &[], event);
    let router = http::router(Arc::clone(&running.gate));
    running.server.runtime.block_on(async {
        // One look is as far as the request comes before it waits; then nobody waits for it any more.
        let mut answer = Box::pin(router.oneshot(again));
        let _pending = futures::poll!(&mut answer);
        drop(answer);
        app.accounts.counted().await;
    });
    let counts: Vec<_> = app.accounts.take().into_values().collect();
    assert_eq!(counts.iter().map(|counts| counts.duplicate).sum::<u64>(), 1, "{counts:?}");
}

#[test]
fn a_making_that_was_killed_before_its_record_is_put_on_record() {
    let root = tempfile::tempdir().expect("a folder");
    let config = config(root.path());
    let (store, killed) = recovered(&config);
    assert!(killed.started.ledger.created);
    drop((killed, store));
    let sizes = [1, 1].map(|_| {
        let (store, recovered) = recovered(&config);
        assert!(!recovered.started.ledger.created);
        let runtime = runtime(Work::LookUps).expect("a runtime");
        let server =
            start(runtime, Arc::new(Live::fixed(config.clone())), store, recovered, clocks())
                .expect("stages");
        let settled = server.runtime.block_on(recovery::settle(&server.app, &server.started));
        settled.expect("a record");
        let size = server.app.size(&tenants::system());
        let Server { runtime, ledger, store, .. } = server;
        drop(ledger.stop());
        release(runtime, store.lock);
        size
    });
    assert_eq!(sizes, [1, 1], "one record, at the first start that could make it");
}

#[test]
fn a_stop_that_writes_no_manifest_says_so_by_its_code() {
    let file = |number: u32| FileEntry {
        path: format!("ledger/packs/{number:020}.pack"),
        size: 1,
        sha256: [7; 32],
    };
    let store = StoreName::parse("st").expect("a store name");
    let key = SigningKey::new("st/system", [1; 32]).expect("a key name");
    let mut manifest = Manifest { store, files: (0..1_000).map(file).collect() };
    assert!(signed(&manifest, &key).is_ok());
    manifest.files = (0..20_000).map(file).collect();
    assert_eq!(signed(&manifest, &key), Err(Exit::Partly));
}

/// Tries to own a folder at the moment at which it is dropped.
struct Rival {
    folder: std::path::PathBuf,
    saw: SyncSender<Result<(), LockError>>,
}

impl Drop for Rival {
    fn drop(&mut self) {
        let tried = StoreLock::acquire(&self.folder, 1).map(drop);
        self.saw.send(tried).expect("the test waits");
    }
}

#[test]
fn the_lock_is_held_until_nothing_runs_any_more() {
    let folder = tempfile::tempdir().expect("a folder");
    let lock = StoreLock::acquire(folder.path(), 1).expect("a free lock");
    let runtime = runtime(Work::LookUps).expect("a runtime");
    let (saw, seen) = std::sync::mpsc::sync_channel(1);
    let rival = Rival { folder: folder.path().to_path_buf(), saw };
    let running = runtime.spawn(async move {
        let _held = rival;
        std::future::pending::<()>().await;
    });
    release(runtime, lock);
    let tried = seen.recv().expect("the task was ended");
    assert!(matches!(tried, Err(LockError::Held { .. })), "{tried:?}");
    drop(running);
    StoreLock::acquire(folder.path(), 1).expect("it is free afterwards");
}
