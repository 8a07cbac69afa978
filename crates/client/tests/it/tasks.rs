//! Recording from tasks: nothing blocks the runtime, and what is answered is as safe as from a thread.

use std::future::{Future, IntoFuture};
use std::path::Path;
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

use indelible_client::{Audit, Error, Patience, Settings};

use crate::audits::delivered;
use crate::fake::{Fake, connection, json};
use crate::ledger::{Fault, Server};

const LIMIT: Duration = Duration::from_secs(30);
const SLOW: Duration = Duration::from_secs(20);
/// Longer than any test may take: who waits for it hangs.
const FOR_EVER: Duration = Duration::from_secs(3600);

fn open(url: &str, folder: &Path, change: impl FnOnce(Settings) -> Settings) -> Audit {
    let patience = Patience { try_ms: 5_000, pause_ms: 1, ..Patience::SEND };
    let settings = Settings::new(folder).patience(patience);
    Audit::open("billing-api", &connection(url), change(settings)).unwrap()
}

/// An address where nobody listens.
pub(crate) fn nobody() -> String {
    let nobody = Fake::start(Vec::new());
    let url = nobody.url.clone();
    nobody.finish();
    url
}

#[tokio::test]
async fn tasks_record_in_order_and_everything_arrives() {
    let (server, root) = (Server::start(SLOW), tempfile::tempdir().unwrap());
    server.faults(&[Fault::ResetAfterCommit, Fault::TooMany, Fault::HalfAnswer]);
    let audit = open(&server.url, root.path(), |settings| settings);
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..8 {
        let audit = audit.clone();
        tasks.spawn(async move {
            for number in 0..50 {
                let record = audit.record("invoice.approve").actor("ana@acme");
                record
                    .target("invoice", &format!("{task}-{number:02}"))
                    .send_async()
                    .await
                    .unwrap();
            }
        });
    }
    tasks.join_all().await;
    assert_eq!(audit.counters().recorded, 400);
    tokio::task::spawn_blocking(|| audit.close(LIMIT)).await.unwrap().unwrap();
    let delivered = delivered(&server);
    assert_eq!(delivered.len(), 400);
    for task in 0..8 {
        let own = delivered.iter().filter(|target| target.starts_with(&format!("{task}-")));
        assert!(own.is_sorted(), "each task's events are in its order");
    }
}

#[tokio::test]
async fn what_a_task_was_answered_is_in_the_spool() {
    let root = tempfile::tempdir().unwrap();
    let audit = open(&nobody(), root.path(), |settings| settings);
    for number in 0..50 {
        let target = format!("{number:08}");
        let record = audit.record("invoice.approve").actor("ana@acme").target("invoice", &target);
        record.send_async().await.unwrap();
        assert!(spooled(root.path(), &target), "{target}");
    }
}

/// Whether a text stands in a spool below a folder.
pub(crate) fn spooled(folder: &Path, text: &str) -> bool {
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return spooled(&path, text);
        }
        let is_segment = path.extension().is_some_and(|extension| extension == "spool");
        let bytes = if is_segment { std::fs::read(path).unwrap() } else { Vec::new() };
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    })
}

#[test]
fn a_full_spool_blocks_no_task() {
    let root = tempfile::tempdir().unwrap();
    let small = |settings: Settings| settings.spool_bytes_max(1 << 20).room_wait(FOR_EVER);
    let audit = open(&nobody(), root.path(), small);
    // Larger together than the spool and the queue in front of it.
    let text = "a".repeat(60_000);
    let waker = Waker::noop();
    let mut context = Context::from_waker(waker);
    let mut waiting = Vec::new();
    for _ in 0..400 {
        let record = audit.record("invoice.approve").actor("ana@acme").attr("text", text.as_str());
        let mut sent = Box::pin(record.send_async());
        // A poll that blocked would never come back.
        let _ = sent.as_mut().poll(&mut context);
        waiting.push(sent);
        audit.record("user.login").actor("ana@acme").hand_over().unwrap();
    }
    let mut commit = pin!(audit.record("invoice.void").actor("ana@acme").commit().into_future());
    assert!(commit.as_mut().poll(&mut context).is_pending());
    assert!(audit.counters().dropped > 0, "what finds no room is counted");
}

#[tokio::test]
async fn a_commit_that_nobody_answers_ends_at_its_limit() {
    let root = tempfile::tempdir().unwrap();
    let wait = Duration::from_millis(50);
    let audit = open(&nobody(), root.path(), |settings| settings.commit_wait(wait));
    let commits = (0..20).map(|_| audit.record("invoice.void").actor("ana@acme").commit());
    let mut tasks = tokio::task::JoinSet::new();
    commits.for_each(|commit| drop(tasks.spawn(commit.into_future())));
    for outcome in tasks.join_all().await {
        let error = outcome.unwrap_err();
        assert!(matches!(error, Error::Undelivered { .. }), "{error}");
    }
    assert_eq!(audit.counters().recorded, 20, "they stay in the spool");
}

#[tokio::test]
async fn a_commit_is_answered_once_its_receipt_was_checked() {
    let root = tempfile::tempdir().unwrap();
    let answer = r#"{"tenant":"default","results":[{"status":"committed","id":"00000000-0000-8000-8000-000000000001","index":7}]}"#;
    let fake = Fake::start(vec![json("200 OK", "", answer), json("200 OK", "", "{}")]);
    let audit = open(&fake.url, root.path(), |settings| settings);
    let error = audit.record("invoice.void").actor("ana@acme").commit().await.unwrap_err();
    assert!(
        matches!(&error, Error::Garbled { why, .. } if why.contains("does not hold")),
        "{error}"
    );
    let requests = fake.finish();
    assert!(requests[1].starts_with("GET /v1/receipts/00000000-0000-8000-8000-000000000001 "));
}

#[tokio::test]
async fn a_closed_audit_tells_its_tasks() {
    let (server, root) = (Server::start(SLOW), tempfile::tempdir().unwrap());
    let audit = open(&server.url, root.path(), |settings| settings);
    let other = audit.clone();
    for number in 0..20 {
        let record = audit.record("user.login").actor("ana@acme");
        record.target("session", &format!("{number:08}")).hand_over().unwrap();
    }
    tokio::task::spawn_blocking(|| audit.close(LIMIT)).await.unwrap().unwrap();
    assert_eq!(delivered(&server).len(), 20, "what was handed over before is delivered");
    let late = other.record("user.login").actor("ana@acme");
    assert!(matches!(late.clone().send_async().await, Err(Error::Setup { .. })));
    assert!(matches!(late.clone().commit().await, Err(Error::Setup { .. })));
    late.hand_over().unwrap();
    assert_eq!(other.counters().dropped, 1);
}
