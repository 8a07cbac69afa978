//! The producer at a real server: commits, the layer, and a ledger that goes back.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::routing::post;
use indelible_client::{Actor, Audit, Connection, Rule, Settings, Trouble};
use tlog::note::VerifierKey;
use tower::ServiceExt;

use crate::harness::{Server, Store};

const LIMIT: Duration = Duration::from_secs(60);
const SOON: Duration = Duration::from_millis(5);

type Troubles = Arc<Mutex<Vec<Trouble>>>;

fn open(server: &Server, spool: &Path) -> (Audit, Troubles) {
    let troubles = Troubles::default();
    let heard = Arc::clone(&troubles);
    let settings = Settings::new(spool).look_every(SOON);
    let settings = settings.on_trouble(move |trouble| heard.lock().unwrap().push(trouble.clone()));
    let connection = Connection {
        url: server.client.url.clone(),
        token: server.client.token.clone(),
        tenant: server.client.tenant.clone(),
        checkpoint_keys: server.client.checkpoint_keys.clone(),
    };
    (Audit::open("billing-api", &connection, settings).expect("an audit"), troubles)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_comes_back_with_a_receipt_that_holds() {
    let store = Store::new();
    let server = store.serve();
    let (audit, troubles) = open(&server, &store.root().join("spool"));
    let key = VerifierKey::parse(&server.client.checkpoint_keys[0]).expect("a key");
    let record = || audit.record("invoice.void").actor("ana@acme").target("invoice", "10021");
    let waited = record();
    let waited = tokio::task::spawn_blocking(|| waited.commit().wait()).await.expect("a thread");
    let awaited = record().commit().await.expect("a commit");
    for committed in [waited.expect("a commit"), awaited] {
        let report = committed.verify(std::slice::from_ref(&key));
        assert_eq!(report.conclusion, event::receipt::Conclusion::Verified, "{report:?}");
        let stored = server.get(&format!("/v1/events/{}", committed.id));
        assert_eq!(stored.json()["delivery"], "must_commit", "{}", stored.text());
    }
    // Many at once: each has its own answer.
    let mut commits = tokio::task::JoinSet::new();
    (0..50).for_each(|_| drop(commits.spawn(IntoFuture::into_future(record().commit()))));
    let mut indices: Vec<u64> =
        commits.join_all().await.into_iter().map(|one| one.expect("a commit").index).collect();
    indices.sort_unstable();
    indices.dedup();
    assert_eq!((indices.len(), &troubles.lock().unwrap()[..]), (50, &[][..]));
    assert_eq!(audit.counters().forks, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_must_be_committed_is_in_the_ledger_when_it_is_answered() {
    let store = Store::new();
    let server = store.serve();
    let (audit, _) = open(&server, &store.root().join("spool"));
    let rule = Rule::action("invoice.void").target("invoice", "id").must_commit();
    let layer = audit.layer().actor(|_| Some(Actor::human("ana@acme")));
    let layer = layer
        .route(|_| Some("/invoices/{id}".to_owned()))
        .rule("POST /invoices/{id}", rule)
        .build()
        .expect("a layer");
    let app = Router::new().route("/invoices/{id}", post(async || "voided")).layer(layer);
    for number in 0..5 {
        let request = Request::post(format!("/invoices/{number}")).body(Body::empty());
        let answer = app.clone().oneshot(request.expect("a request")).await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK);
        let sql = format!(
            r#"{{"sql":"select count(*) as n from events where action = 'invoice.void' and target_id = '{number}'"}}"#
        );
        let found = server.post("/v1/query", &sql);
        assert!(found.text().contains("[[1]]"), "{}", found.text());
    }
}

#[test]
fn a_ledger_that_goes_back_is_noticed() {
    let store = Store::new();
    let server = store.serve();
    let spool = store.root().join("spool");
    let (audit, _) = open(&server, &spool);
    audit.record("user.login").actor("ana@acme").commit().wait().expect("a commit");
    server.stop();
    copy(&store.data_dir(), &store.root().join("before"));
    let server = store.serve();
    // The spool goes on under the new address.
    audit.close(SOON).ok();
    let (audit, troubles) = open(&server, &spool);
    audit.record("invoice.void").actor("ana@acme").commit().wait().expect("a commit");
    let looks = audit.counters().looks;
    wait_until(|| audit.counters().looks > looks + 1);
    assert_eq!(troubles.lock().unwrap()[..], []);
    audit.close(LIMIT).expect("everything is delivered");
    server.stop();
    // Somebody puts the older copy back.
    std::fs::remove_dir_all(store.data_dir()).expect("the store is there");
    copy(&store.root().join("before"), &store.data_dir());
    let server = store.serve();
    let (audit, troubles) = open(&server, &spool);
    wait_until(|| audit.counters().forks == 1);
    let told = troubles.lock().unwrap().clone();
    assert!(
        matches!(&told[..], [Trouble::Forked { why, .. }] if why.contains("cut off")),
        "{told:?}"
    );
    assert!(audit.record("invoice.void").actor("ana@acme").commit().wait().is_err());
}

/// Looks again and again, until it is so.
fn wait_until(mut is_so: impl FnMut() -> bool) {
    #[expect(clippy::disallowed_methods, reason = "waiting for another thread must end")]
    let begun = std::time::Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < LIMIT, "it never came to it");
        std::thread::yield_now();
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let path = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copy(&entry.path(), &path);
        } else {
            std::fs::copy(entry.path(), path).expect("a copy");
        }
    }
}
