//! What cannot go on by itself: losses that are declared, deliveries that stand, spools that are full.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use indelible_client::{Audit, Error, Fault as Blame, Patience, Settings, Trouble};

use crate::fake::{Act, Fake, connection, json, problem};
use crate::ledger::{Fault, Kept, Server};

const LIMIT: Duration = Duration::from_secs(30);
/// For what must not happen: long enough to happen in, short enough to wait for.
const SHORT: Duration = Duration::from_millis(60);
const SLOW: Duration = Duration::from_secs(20);

type Troubles = Arc<Mutex<Vec<Trouble>>>;

fn open_with(
    url: &str,
    folder: &Path,
    change: impl FnOnce(Settings) -> Settings,
) -> (Audit, Troubles) {
    let troubles = Troubles::default();
    let heard = Arc::clone(&troubles);
    let patience = Patience { try_ms: 5_000, pause_ms: 1, ..Patience::SEND };
    let settings = Settings::new(folder).patience(patience);
    let settings = settings.on_trouble(move |trouble| heard.lock().unwrap().push(trouble.clone()));
    (Audit::open("billing-api", &connection(url), change(settings)).unwrap(), troubles)
}

fn open(url: &str, folder: &Path) -> (Audit, Troubles) {
    open_with(url, folder, |settings| settings)
}

fn record(audit: &Audit, number: u64) {
    let target = format!("{number:08}");
    audit.record("invoice.approve").actor("ana@acme").target("invoice", &target).send().unwrap();
}

/// The one spool in a folder.
pub(crate) fn spool(folder: &Path) -> PathBuf {
    let spools = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let spools: Vec<PathBuf> = spools.collect();
    assert_eq!(spools.len(), 1);
    spools[0].clone()
}

/// Leaves `count` events in a spool, as a process that nobody answered.
fn left_behind(folder: &Path, count: u64) {
    let nobody = Fake::start(Vec::new());
    let url = nobody.url.clone();
    nobody.finish();
    let (audit, _) = open(&url, folder);
    (0..count).for_each(|number| record(&audit, number));
    assert!(
        matches!(audit.close(SHORT), Err(Error::Undelivered { events, .. }) if events == count)
    );
    released(folder);
}

/// Waits until the threads of an audit that was given up on have let go of its spools.
pub(crate) fn released(folder: &Path) {
    let locks = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path().join("lock"));
    for lock in locks {
        wait_until(|| fs::File::open(&lock).unwrap().try_lock().is_ok());
    }
}

/// Changes the bytes of the first segment.
fn change(folder: &Path, how: impl FnOnce(&mut Vec<u8>)) {
    let path = spool(folder).join(format!("{:020}.spool", 1));
    let mut bytes = fs::read(&path).unwrap();
    how(&mut bytes);
    fs::write(&path, bytes).unwrap();
}

/// Where in the segment event `number` says its number.
fn place(bytes: &[u8], number: u64) -> usize {
    let wanted = format!("{number:08}").into_bytes();
    bytes.windows(8).position(|window| window == wanted).unwrap()
}

#[test]
fn what_is_lost_in_the_middle_is_declared_and_the_rest_delivered() {
    let root = tempfile::tempdir().unwrap();
    left_behind(root.path(), 20);
    change(root.path(), |bytes| {
        let at = place(bytes, 7);
        bytes[at] ^= 1;
    });
    let server = Server::start(SLOW);
    let (audit, troubles) = open(&server.url, root.path());
    record(&audit, 20);
    audit.flush(LIMIT).unwrap();
    assert_eq!(audit.counters().lost, 1);
    audit.close(LIMIT).unwrap();
    let ledger = server.ledger.lock().unwrap();
    assert_eq!(ledger.gaps(), [(8, 8)]);
    assert_eq!(ledger.events().len(), 20);
    let troubles = troubles.lock().unwrap();
    assert!(
        matches!(&troubles[..], [Trouble::Damaged(_), Trouble::DeclaredLost { .. }]),
        "{troubles:?}"
    );
}

#[test]
fn a_damaged_end_seals_the_spool_and_what_comes_goes_to_another() {
    let root = tempfile::tempdir().unwrap();
    left_behind(root.path(), 20);
    change(root.path(), |bytes| {
        let at = place(bytes, 19);
        bytes[at] ^= 1;
    });
    let old = spool(root.path());
    let server = Server::start(SLOW);
    let (audit, _) = open(&server.url, root.path());
    record(&audit, 20);
    let instance = old.file_name().unwrap().to_str().unwrap().to_owned();
    wait_until(|| {
        let ledger = server.ledger.lock().unwrap();
        ledger.streams.get(&instance).is_some_and(|stream| stream.len() == 20)
    });
    audit.close(LIMIT).unwrap();
    let ledger = server.ledger.lock().unwrap();
    assert_eq!(ledger.streams.len(), 2, "new events have numbers of their own");
    assert_eq!(ledger.streams[&instance][&20].1, Kept::Gap(20));
    assert_eq!((ledger.events().len(), ledger.conflicts), (20, 0));
}

/// Looks again and again, until it is so.
pub(crate) fn wait_until(mut is_so: impl FnMut() -> bool) {
    #[expect(clippy::disallowed_methods, reason = "waiting for another thread must end")]
    let begun = std::time::Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < LIMIT, "it never came to it");
        std::thread::yield_now();
    }
}

#[test]
fn a_lost_event_that_the_server_has_is_not_declared_lost() {
    let root = tempfile::tempdir().unwrap();
    let server = Server::start(SLOW);
    // All five are stored, and no answer ever comes.
    server.faults(&[Fault::ResetAfterCommit; 1000]);
    let (audit, _) = open(&server.url, root.path());
    (0..5).for_each(|number| record(&audit, number));
    wait_until(|| server.ledger.lock().unwrap().events().len() == 5);
    assert!(audit.close(SHORT).is_err());
    released(root.path());
    change(root.path(), |bytes| {
        let at = place(bytes, 2);
        bytes[at] ^= 1;
    });
    server.faults(&[]);
    let (audit, _) = open(&server.url, root.path());
    record(&audit, 5);
    audit.close(LIMIT).unwrap();
    let ledger = server.ledger.lock().unwrap();
    assert_eq!(ledger.gaps(), []);
    assert_eq!((ledger.events().len(), ledger.conflicts), (6, 0));
}

/// One result for one event.
fn answered(result: &str) -> Act {
    json("200 OK", "", &format!(r#"{{"tenant":"default","results":[{result}]}}"#))
}

#[test]
fn what_would_be_answered_the_same_again_stands_until_somebody_flushes() {
    let committed =
        r#"{"status":"committed","id":"00000000-0000-8000-8000-000000000001","index":7}"#;
    let cases = [
        ("unauthorized", problem("401 Unauthorized", "", "unauthorized", "false")),
        ("malformed_json", problem("400 Bad Request", "", "malformed_json", "false")),
        ("two spools", answered(r#"{"status":"conflict","code":"seq_conflict","index":3}"#)),
        (
            "without a record",
            answered(r#"{"status":"rejected","code":"too_deep","field":"/attrs"}"#),
        ),
        ("no results", json("200 OK", "", r#"{"tenant":"default","results":[]}"#)),
        ("another page", json("200 OK", "", "<html>")),
        (
            "another store",
            json(
                "409 Conflict",
                "",
                r#"{"title":"gap","code":"sequence_gap","retryable":true,"expected":0}"#,
            ),
        ),
    ];
    for (name, act) in cases {
        let fake = Fake::start(vec![act, answered(committed)]);
        let root = tempfile::tempdir().unwrap();
        let (audit, troubles) = open(&fake.url, root.path());
        record(&audit, 1);
        wait_until(|| {
            let troubles = troubles.lock().unwrap();
            troubles.iter().any(|trouble| matches!(trouble, Trouble::Standing { .. }))
        });
        assert_eq!(audit.counters().retries, 0, "{name}: it is not tried again by itself");
        audit.flush(LIMIT).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(audit.counters().committed, 1, "{name}: nothing was given up");
        audit.close(LIMIT).unwrap();
        assert_eq!(fake.finish().len(), 2, "{name}");
    }
}

#[test]
fn an_index_that_was_given_before_is_a_failure() {
    let result = r#"{"status":"committed","id":"00000000-0000-8000-8000-000000000001","index":7}"#;
    let fake = Fake::start(vec![answered(result), answered(result)]);
    let root = tempfile::tempdir().unwrap();
    let (audit, troubles) = open(&fake.url, root.path());
    record(&audit, 1);
    audit.flush(LIMIT).unwrap();
    record(&audit, 2);
    wait_until(|| !troubles.lock().unwrap().is_empty());
    let trouble = troubles.lock().unwrap()[0].to_string();
    assert!(trouble.contains("index 7 for number 2"), "{trouble}");
    assert!(matches!(audit.close(SHORT), Err(Error::Undelivered { events: 1, .. })));
    released(root.path());
    // The index is remembered by the spool, not by the process.
    let fake = Fake::start(vec![answered(result)]);
    let (audit, troubles) = open(&fake.url, root.path());
    wait_until(|| !troubles.lock().unwrap().is_empty());
    assert!(troubles.lock().unwrap()[0].to_string().contains("index 7 for number 2"));
    drop(audit);
}

#[test]
fn an_event_that_the_server_does_not_keep_is_kept_here() {
    let results = [
        r#"{"status":"rejected","code":"too_deep","field":"/attrs","hint":"nest less","index":9}"#,
        r#"{"status":"dead_lettered","id":"00000000-0000-8000-8000-000000000001","index":4,"code":"schema_unknown"}"#,
    ];
    for result in results {
        let fake = Fake::start(vec![answered(result)]);
        let root = tempfile::tempdir().unwrap();
        let (audit, troubles) = open(&fake.url, root.path());
        record(&audit, 77);
        audit.flush(LIMIT).unwrap();
        assert_eq!((audit.counters().not_kept, audit.counters().committed), (1, 0));
        audit.close(LIMIT).unwrap();
        assert!(matches!(troubles.lock().unwrap()[..], [Trouble::NotKept { .. }]));
        let kept = fs::read_to_string(spool(root.path()).join(format!("refused/{:020}.json", 1)));
        assert!(kept.unwrap().contains("00000077"));
        fake.finish();
    }
}

#[test]
fn a_full_spool_makes_its_callers_wait_and_then_fails() {
    let root = tempfile::tempdir().unwrap();
    let server = Server::start(SLOW);
    server.faults(&[Fault::BadGateway; 100_000]);
    let small = |settings: Settings| settings.spool_bytes_max(1 << 20).room_wait(SHORT);
    let (audit, _) = open_with(&server.url, root.path(), small);
    let text = "x".repeat(50_000);
    let send = |audit: &Audit| audit.record("a.b").actor("ana").attr("text", text.as_str()).send();
    let mut taken = 0;
    let error = loop {
        match send(&audit) {
            Ok(_) => taken += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::SpoolFull { waited_ms: 60, .. }), "{error}");
    assert!(error.retryable() && error.fault() == Blame::World && !error.hint().is_empty());
    assert_eq!(taken, 20, "1 MiB has room for 20 of them");
    audit.record("a.b").actor("ana").attr("text", text.as_str()).best_effort().unwrap();
    let counters = audit.counters();
    assert_eq!((counters.recorded, counters.dropped), (taken, 1));
    server.faults(&[]);
    audit.flush(LIMIT).unwrap();
    send(&audit).unwrap();
    audit.close(LIMIT).unwrap();
    assert_eq!(server.ledger.lock().unwrap().events().len(), 21, "what was refused took no number");
}

#[test]
fn orphans_are_adopted_under_their_own_instance() {
    let root = tempfile::tempdir().unwrap();
    let nobody = Fake::start(Vec::new());
    let url = nobody.url.clone();
    nobody.finish();
    let processes: Vec<Audit> = (0..3).map(|_| open(&url, root.path()).0).collect();
    for (number, audit) in (0..).zip(&processes) {
        record(audit, number);
        record(audit, number);
    }
    for audit in processes {
        assert!(audit.close(SHORT).is_err());
    }
    released(root.path());
    let server = Server::start(SLOW);
    let (audit, troubles) = open(&server.url, root.path());
    wait_until(|| server.ledger.lock().unwrap().events().len() == 6);
    audit.close(LIMIT).unwrap();
    let ledger = server.ledger.lock().unwrap();
    assert_eq!(ledger.streams.len(), 3);
    assert!(ledger.streams.values().all(|stream| stream.keys().eq(&[1, 2])));
    assert_eq!(*troubles.lock().unwrap(), []);
}

#[test]
fn what_a_process_leaves_is_sent_by_one_that_goes_on() {
    let root = tempfile::tempdir().unwrap();
    let server = Server::start(SLOW);
    let soon = |settings: Settings| settings.look_every(Duration::from_millis(2));
    let (goes_on, troubles) = open_with(&server.url, root.path(), soon);
    record(&goes_on, 0);
    goes_on.flush(LIMIT).unwrap();
    // Beside it another one begins, finds no server, and ends; and again.
    let nobody = Fake::start(Vec::new());
    let url = nobody.url.clone();
    nobody.finish();
    for number in 1..4 {
        let (ends, _) = open(&url, root.path());
        record(&ends, number);
        assert!(ends.close(SHORT).is_err());
        let count = usize::try_from(number).unwrap() + 1;
        wait_until(|| server.ledger.lock().unwrap().events().len() == count);
    }
    record(&goes_on, 4);
    goes_on.close(LIMIT).unwrap();
    let ledger = server.ledger.lock().unwrap();
    assert_eq!((ledger.events().len(), ledger.conflicts), (5, 0));
    assert_eq!(*troubles.lock().unwrap(), []);
}

#[test]
fn a_commit_waits_for_the_ledger_and_for_a_receipt_that_holds() {
    let root = tempfile::tempdir().unwrap();
    let nobody = Fake::start(Vec::new());
    let url = nobody.url.clone();
    nobody.finish();
    let (audit, _) = open_with(&url, root.path(), |settings| settings.commit_wait(SHORT));
    let error = audit.record("invoice.void").actor("ana@acme").commit().wait().unwrap_err();
    assert!(matches!(error, Error::Undelivered { events: 1, .. }), "{error}");
    assert!(audit.close(SHORT).is_err());
    released(root.path());
    // The one that was given up on comes first, then this one, then a receipt that is none.
    let result = |index: u64| {
        answered(&format!(
            r#"{{"status":"committed","id":"00000000-0000-8000-8000-000000000001","index":{index}}}"#
        ))
    };
    let fake = Fake::start(vec![result(7), result(8), json("200 OK", "", "{}")]);
    let (audit, _) = open(&fake.url, root.path());
    audit.flush(LIMIT).unwrap();
    let error = audit.record("invoice.void").actor("ana@acme").commit().wait().unwrap_err();
    assert!(
        matches!(&error, Error::Garbled { why, .. } if why.contains("does not hold")),
        "{error}"
    );
    audit.close(LIMIT).unwrap();
    let requests = fake.finish();
    assert!(requests[1].contains(r#""delivery":"must_commit""#));
    assert!(requests[2].starts_with("GET /v1/receipts/00000000-0000-8000-8000-000000000001 "));
}

#[test]
fn what_breaks_the_format_is_refused_at_once() {
    let (audit, recorder) = Audit::recorder("billing-api").unwrap();
    let refused = [
        audit.record("login").actor("ana").send(),
        audit.record("user.login").send(),
        audit.record("user.login").actor("ana").severity("bad").send(),
        audit.record("user.login").actor("ana").trace("xyz", "1").send(),
        audit.record("user.login").actor(&"a".repeat(257)).send(),
    ];
    for result in refused {
        let error = result.unwrap_err();
        assert!(matches!(error, Error::Invalid { .. }) && !error.hint().is_empty(), "{error}");
        assert!(error.fault() == Blame::Caller && !error.retryable());
    }
    assert_eq!(recorder.events().len(), 0);
    assert!(Audit::recorder("Billing API").is_err());
}

#[test]
fn a_recorder_tells_what_was_recorded() {
    let (audit, recorder) = Audit::recorder("billing-api").unwrap();
    let record = audit.record("invoice.approve").actor("ana@acme").actor_kind("human");
    let record = record.target("invoice", "10021").target("folder", "a").on_behalf_of("bo");
    let record = record.denied().reason("limit").attr("amount", 48_200).request_id("r-1");
    let record = record.changed("/status", "pending", "approved").severity("notice");
    let record =
        record.ip("10.2.4.9".parse().unwrap()).session_id("s").occurred_at("2026-11-24T14:03:22Z");
    record.send().unwrap();
    audit.record("user.login").actor("bo").succeeded().best_effort().unwrap();
    recorder.expect("invoice.approve").actor("ana@acme").target("invoice", "10021").once();
    recorder.expect("invoice.approve").outcome("denied").with("/attrs/amount", 48_200).once();
    recorder.expect("invoice.approve").with("/origin/service", "billing-api").once();
    recorder.expect("invoice.approve").with("/changes/0/new", "approved").once();
    recorder.expect("user.login").with("/delivery", "best_effort").times(1);
    recorder.expect("invoice.approve").actor("bo").never();
    let failed = std::panic::catch_unwind(|| recorder.expect("invoice.void").once());
    let said = *failed.unwrap_err().downcast::<String>().unwrap();
    assert!(said.contains("/action=\"invoice.void\"") && said.contains("10021"), "{said}");
    recorder.clear();
    assert_eq!(recorder.events().len(), 0);
}
