//! Every check on a store that is as it should be, and on ones that are not.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::*;
use crate::store;

/// A subject in a folder of its own.
struct Case {
    root: tempfile::TempDir,
    subject: Known,
}

fn case() -> Case {
    let root = tempfile::tempdir().expect("a folder");
    let config = Config {
        data_dir: root.path().join("data"),
        key_dir: Some(root.path().join("keys")),
        listen: "127.0.0.1:0".to_owned(),
        ..Config::default()
    };
    Case { root, subject: Known { config, clock: Clock::start() } }
}

/// The same with a store that nobody owns.
fn with_store() -> Case {
    let case = case();
    let wall = case.subject.clock.wall();
    drop(store::open(&case.subject.config, wall).expect("a store"));
    case
}

impl Case {
    fn all(&self) -> Vec<Finding> {
        CHECKS.iter().map(|check| check(&self.subject)).collect()
    }

    fn finding(&self, check: &str) -> Finding {
        self.all().into_iter().find(|finding| finding.check == check).expect("a check of this name")
    }

    fn state(&self, check: &str) -> State {
        self.finding(check).state
    }

    /// The store's own key folder.
    fn keys(&self) -> PathBuf {
        let base = self.root.path().join("keys");
        let mut inside = std::fs::read_dir(base).expect("keys").flatten();
        inside.next().expect("a store's keys").path()
    }
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("a mode");
}

#[test]
fn a_good_store_is_good_and_what_is_not_good_has_a_fix() {
    for case in [case(), with_store()] {
        let all = case.all();
        assert_eq!(all.len(), CHECKS.len());
        for finding in &all {
            assert_eq!(finding.fix.is_empty(), finding.state == State::Good, "{finding:?}");
            assert!(!finding.what.is_empty(), "{finding:?}");
            assert_ne!(finding.state, State::Bad, "{finding:?}");
        }
        for check in
            ["data folder", "server", "versions", "keys", "keys apart", "key permissions", "clock"]
        {
            assert_eq!(case.state(check), State::Good, "{:?}", case.finding(check));
        }
        let left = std::fs::read_dir(case.root.path()).expect("a folder").flatten();
        let left: Vec<_> =
            left.filter(|entry| entry.file_name().to_string_lossy().contains("doctor")).collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

#[test]
fn what_others_can_read_is_found() {
    let case = with_store();
    set_mode(&case.subject.config.data_dir, 0o755);
    assert_eq!(case.state("data folder"), State::Warning);
    assert!(case.finding("data folder").fix.starts_with("chmod 700 "));
    let root_key = case.keys().join("root.key");
    set_mode(&root_key, 0o640);
    let finding = case.finding("key permissions");
    assert_eq!(finding.state, State::Bad);
    assert!(
        finding.what.contains("root.key") && !finding.what.contains("checkpoint-"),
        "{finding:?}"
    );
}

#[test]
fn keys_that_are_missing_another_stores_or_inside_the_data_are_found() {
    let case = with_store();
    let moved = case.root.path().join("elsewhere");
    let own = case.keys();
    std::fs::rename(&own, &moved).expect("moved");
    assert_eq!(case.state("keys"), State::Bad);
    // The key of another store in its place.
    let other = with_store();
    std::fs::rename(other.keys(), &own).expect("moved");
    assert_eq!(case.state("keys"), State::Bad);
    let mut inside = with_store();
    inside.subject.config.key_dir = Some(inside.subject.config.data_dir.join("keys"));
    assert_eq!(inside.state("keys apart"), State::Warning);
}

#[test]
fn a_clock_behind_the_log_and_a_taken_port_are_found() {
    let mut case = with_store();
    let log = case.subject.config.data_dir.join("ledger/wal");
    std::fs::create_dir_all(&log).expect("a folder");
    let file = std::fs::File::create(log.join("0.log")).expect("a file");
    let now = std::fs::metadata(&log).expect("a folder").modified().expect("a time");
    file.set_modified(now + std::time::Duration::from_secs(3_600)).expect("a time");
    let finding = case.finding("clock");
    assert_eq!(finding.state, State::Bad, "{finding:?}");
    file.set_modified(now).expect("a time");
    assert_eq!(case.state("clock"), State::Good);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    case.subject.config.listen = taken.local_addr().expect("an address").to_string();
    assert_eq!(case.state("address"), State::Bad);
    case.subject.config.listen = "0.0.0.0:7070".to_owned();
    assert_eq!(case.state("address"), State::Bad);
}

#[test]
fn an_owner_is_named_and_a_store_of_another_version_found() {
    let case = with_store();
    let data = &case.subject.config.data_dir;
    let lock = ledger::disk::StoreLock::acquire(data, 4711).expect("a free store");
    assert!(case.finding("server").what.contains("process 4711"));
    drop(lock);
    assert!(!case.finding("server").what.contains("4711"));
    let database = rusqlite::Connection::open(data.join("control.db")).expect("a database");
    database.pragma_update(None, "user_version", 99).expect("another version");
    drop(database);
    let finding = case.finding("versions");
    assert!(finding.state == State::Bad && finding.what.contains("99"), "{finding:?}");
}
