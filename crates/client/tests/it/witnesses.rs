//! A ledger that is not the one that was seen: told, kept as evidence, and never committed to again.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use indelible_client::{Audit, Connection, Error, Patience, Settings, Trouble};

use crate::fake::connection;
use crate::ledger::{Fault, Log, Server};
use crate::standing::{released, spool, wait_until};

const LIMIT: Duration = Duration::from_secs(30);
const SLOW: Duration = Duration::from_secs(20);
const SOON: Duration = Duration::from_millis(2);
const NEVER: u64 = u64::MAX;
const ORIGIN: &str = "indelible/default";

type Troubles = Arc<Mutex<Vec<Trouble>>>;

/// An audit that pins the key of `pinned`.
fn open(server: &Server, folder: &Path, pinned: Option<&Log>) -> (Audit, Troubles) {
    let troubles = Troubles::default();
    let heard = Arc::clone(&troubles);
    let patience = Patience { try_ms: 5_000, pause_ms: 1, ..Patience::SEND };
    let settings = Settings::new(folder).patience(patience).look_every(SOON);
    let settings = settings.on_trouble(move |trouble| heard.lock().unwrap().push(trouble.clone()));
    let keys = pinned.iter().map(|log| log.verifier()).collect();
    let connection = Connection { checkpoint_keys: keys, ..connection(&server.url) };
    (Audit::open("billing-api", &connection, settings).unwrap(), troubles)
}

fn publish(server: &Server, log: &Log) {
    server.ledger.lock().unwrap().log = Some(log.clone());
}

/// Waits until `more` looks more have come to something.
fn looked(audit: &Audit, more: u64) {
    let before = audit.counters();
    let count = |audit: &Audit| audit.counters().looks + audit.counters().looks_missed;
    let before = before.looks + before.looks_missed;
    wait_until(|| count(audit) >= before + more);
}

fn is_refused(audit: &Audit) -> bool {
    let refused = audit.record("invoice.void").actor("ana@acme").commit().wait();
    matches!(refused, Err(Error::Forked { .. }))
}

#[test]
fn a_ledger_that_grows_is_believed() {
    for pinned in [true, false] {
        let (server, root) = (Server::start(SLOW), tempfile::tempdir().unwrap());
        let log = Log::new(ORIGIN, 1, 1, NEVER);
        let (audit, troubles) = open(&server, root.path(), pinned.then_some(&log));
        for size in [1, 2, 255, 256, 300, 300, 700] {
            publish(&server, &Log::new(ORIGIN, 1, size, NEVER));
            looked(&audit, 2);
        }
        // A server that does not answer says nothing against its ledger.
        server.faults(&[Fault::Unavailable, Fault::BadGateway, Fault::HalfAnswer]);
        looked(&audit, 2);
        server.ledger.lock().unwrap().log = None;
        looked(&audit, 2);
        assert!(audit.counters().looks_missed >= 2);
        assert_eq!((audit.counters().forks, &troubles.lock().unwrap()[..]), (0, &[][..]));
        let seen = fs::read_to_string(spool(root.path()).join("checkpoint")).unwrap();
        assert_eq!(seen, Log::new(ORIGIN, 1, 700, NEVER).checkpoint());
    }
}

/// Origin, key, size, and the first record that is another.
type Other = (&'static str, u8, u64, u64);

/// What comes after a log of 300 records was seen, and what is said of it.
const OTHERS: [(&str, Other, &str); 7] = [
    ("cut off", (ORIGIN, 1, 299, NEVER), "records were cut off"),
    ("emptied", (ORIGIN, 1, 0, NEVER), "records were cut off"),
    ("forked in place", (ORIGIN, 1, 300, 299), "first 300 records are not those"),
    ("forked and grown", (ORIGIN, 1, 700, 10), "first 300 records are not those"),
    ("forked from its beginning", (ORIGIN, 1, 301, 0), "first 300 records are not those"),
    ("under another key", (ORIGIN, 2, 700, NEVER), "not signed as pinned"),
    ("another ledger", ("indelible/other", 1, 700, NEVER), "not signed as pinned"),
];

#[test]
fn a_ledger_that_is_another_is_told_once_and_never_committed_to() {
    for (name, (origin, seed, size, fork), words) in OTHERS {
        let (server, root) = (Server::start(SLOW), tempfile::tempdir().unwrap());
        let log = Log::new(ORIGIN, 1, 300, NEVER);
        publish(&server, &log);
        let (audit, troubles) = open(&server, root.path(), Some(&log));
        looked(&audit, 2);
        let other = Log::new(origin, seed, size, fork);
        publish(&server, &other);
        wait_until(|| audit.counters().forks == 1);
        assert!(is_refused(&audit), "{name}: it was committed to");
        let told = troubles.lock().unwrap().clone();
        let [Trouble::Forked { why, evidence }] = &told[..] else { panic!("{name}: {told:?}") };
        assert!(why.contains(words), "{name}: {why}");
        let kept = fs::read_to_string(evidence).unwrap();
        assert!(kept.ends_with(&other.checkpoint()) && kept.contains(why), "{name}: {kept}");
        let seen = fs::read_to_string(evidence.with_file_name("checkpoint")).unwrap();
        assert_eq!(seen, log.checkpoint(), "{name}: what was seen stays");
        // What need not be committed is delivered all the same.
        audit.record("user.login").actor("ana@acme").send().unwrap();
        audit.close(LIMIT).unwrap();
        assert_eq!(server.ledger.lock().unwrap().events().len(), 1);
    }
}

#[test]
fn what_was_seen_outlives_the_process() {
    let (server, root) = (Server::start(SLOW), tempfile::tempdir().unwrap());
    let log = Log::new(ORIGIN, 1, 300, NEVER);
    publish(&server, &log);
    let (audit, _) = open(&server, root.path(), None);
    looked(&audit, 2);
    audit.close(LIMIT).unwrap();
    released(root.path());
    publish(&server, &Log::new(ORIGIN, 1, 200, NEVER));
    let (audit, troubles) = open(&server, root.path(), None);
    wait_until(|| audit.counters().forks == 1);
    audit.close(LIMIT).unwrap();
    released(root.path());
    // The evidence counts in the next process, too, whatever the server says by then.
    publish(&server, &log);
    let (audit, again) = open(&server, root.path(), None);
    assert!(is_refused(&audit), "the evidence was forgotten");
    assert_eq!(*again.lock().unwrap(), *troubles.lock().unwrap());
    audit.close(LIMIT).unwrap();
    released(root.path());
    // A person has judged it.
    fs::remove_file(spool(root.path()).join("checkpoint.conflict")).unwrap();
    let (audit, troubles) = open(&server, root.path(), None);
    looked(&audit, 2);
    assert_eq!((audit.counters().forks, &troubles.lock().unwrap()[..]), (0, &[][..]));
}

#[test]
fn a_new_spool_remembers_what_those_beside_it_have_seen() {
    let (server, root) = (Server::start(SLOW), tempfile::tempdir().unwrap());
    publish(&server, &Log::new(ORIGIN, 1, 300, NEVER));
    let (first, _) = open(&server, root.path(), None);
    looked(&first, 2);
    publish(&server, &Log::new(ORIGIN, 1, 200, NEVER));
    let (second, troubles) = open(&server, root.path(), None);
    wait_until(|| second.counters().forks == 1);
    let told = troubles.lock().unwrap().clone();
    let [Trouble::Forked { evidence, .. }] = &told[..] else { panic!("{told:?}") };
    assert!(evidence.with_file_name("checkpoint").exists(), "both lie together");
}

#[test]
fn a_memory_that_is_no_checkpoint_is_told_and_begun_anew() {
    let (server, root) = (Server::start(SLOW), tempfile::tempdir().unwrap());
    publish(&server, &Log::new(ORIGIN, 1, 300, NEVER));
    let (audit, _) = open(&server, root.path(), None);
    looked(&audit, 2);
    audit.close(LIMIT).unwrap();
    released(root.path());
    let seen = spool(root.path()).join("checkpoint");
    fs::write(&seen, "no checkpoint").unwrap();
    let (audit, troubles) = open(&server, root.path(), None);
    looked(&audit, 2);
    assert!(matches!(&troubles.lock().unwrap()[..], [Trouble::Damaged(_)]));
    assert!(fs::read_to_string(&seen).unwrap().starts_with(ORIGIN));
    assert!(seen.with_file_name("damaged").join("checkpoint").exists());
}
