//! The rows tile or are refused, what was changed is there after a new start, and damage is named.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use event::ids::Timestamp;

use super::*;

fn tenant(name: &str) -> TenantId {
    TenantId::parse(name).unwrap()
}

fn live(name: &str, indices: Range<u64>, level: u8) -> Row {
    let path = format!("lake/{name}.{:020}-{:020}.l{level}.parquet", indices.start, indices.end);
    let rows = indices.end - indices.start;
    let file = FileRow {
        path,
        bytes: 1000,
        sha256: [1; 32],
        footer_bytes: 100,
        footer_sha256: [2; 32],
        rows,
        exact: 3,
        loose: 4,
        memory_bytes: 5000,
        received_at: (5, 6),
        occurred_at: Some((-7, 8)),
        rollup: vec![9, 9],
    };
    Row {
        tenant: tenant(name),
        indices,
        level,
        state: State::Live,
        class: "default".into(),
        created_at: Timestamp(1_700_000_000_000_000_000),
        file: Some(file),
    }
}

fn lost(name: &str, indices: Range<u64>) -> Row {
    Row { state: State::Lost, file: None, ..live(name, indices, 0) }
}

fn filled(store: &Store) -> Catalog {
    let catalog = Catalog::open(store).unwrap();
    catalog.add(&live("a", 0..10, 0)).unwrap();
    catalog.add(&live("a", 10..30, 0)).unwrap();
    catalog.add(&lost("a", 30..35)).unwrap();
    catalog.add(&live("b", 0..7, 0)).unwrap();
    catalog
}

#[test]
fn what_was_added_is_there_after_a_new_start() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path());
    let catalog = filled(&store);
    let before = catalog.rows().unwrap();
    assert_eq!(before.len(), 4);
    assert_eq!(before[0], live("a", 0..10, 0));
    drop(catalog);
    let catalog = Catalog::open(&store).unwrap();
    assert_eq!(catalog.rows().unwrap(), before);
    assert_eq!(catalog.watermark(&tenant("a")).unwrap(), 35);
    assert_eq!(catalog.watermark(&tenant("b")).unwrap(), 7);
    assert_eq!(catalog.watermark(&tenant("c")).unwrap(), 0);
}

#[test]
fn commits_are_durable_before_they_return() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(&Store::new(folder.path())).unwrap();
    let database = catalog.database();
    let mode: String = database.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
    let synchronous: i64 =
        database.pragma_query_value(None, "synchronous", |row| row.get(0)).unwrap();
    assert_eq!((mode.as_str(), synchronous), ("wal", 2));
}

#[test]
fn a_clean_close_leaves_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path());
    filled(&store).close().unwrap();
    assert_eq!(store.list("").unwrap(), [FILE]);
    let scratch = tempfile::tempdir().unwrap();
    let found = look(folder.path(), scratch.path()).unwrap().unwrap();
    assert_eq!(found.len(), 4);
    assert_eq!(store.list("").unwrap(), [FILE], "a look leaves nothing behind");
}

#[test]
fn a_look_at_an_open_catalog_sees_every_change_and_touches_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path());
    let catalog = filled(&store);
    let before = fs::read(store.path("catalog.db-wal")).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let found = look(folder.path(), scratch.path()).unwrap().unwrap();
    assert_eq!(found, catalog.rows().unwrap());
    assert_eq!(fs::read(store.path("catalog.db-wal")).unwrap(), before);
    let nothing = tempfile::tempdir().unwrap();
    assert_eq!(look(nothing.path(), scratch.path()).unwrap(), None);
}

/// INVARIANT (I6): no transaction leaves a gap or an overlap.
#[test]
fn i6_ranges_that_do_not_tile_are_refused_and_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = filled(&Store::new(folder.path()));
    let before = catalog.rows().unwrap();
    for indices in [0..10, 20..40, 34..36, 36..40] {
        let refusal = catalog.add(&live("a", indices, 0)).unwrap_err();
        assert!(matches!(refusal, Error::OutOfOrder { expected: 35, .. }), "{refusal}");
    }
    // Half of one file, a lost range, more than there is, and rows of which some are missing.
    for indices in [0..5, 5..30, 10..35, 0..40] {
        let refusal = catalog.replace(&live("a", indices, 1)).unwrap_err();
        assert!(matches!(refusal, Error::Catalog { .. }), "{refusal}");
    }
    let mut fewer = live("a", 0..30, 1);
    fewer.file.as_mut().unwrap().rows = 29;
    assert!(matches!(catalog.replace(&fewer), Err(Error::Catalog { .. })));
    assert_eq!(catalog.rows().unwrap(), before);
}

#[test]
fn what_was_replaced_stays_known_until_it_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path());
    let catalog = filled(&store);
    catalog.replace(&live("a", 0..30, 1)).unwrap();
    let states = |catalog: &Catalog| -> Vec<_> {
        let rows = catalog.rows().unwrap();
        rows.into_iter().map(|row| (row.indices.start, row.level, row.state)).collect()
    };
    let due = [
        (0, 0, State::Replaced),
        (0, 1, State::Live),
        (10, 0, State::Replaced),
        (30, 0, State::Lost),
        (0, 0, State::Live),
    ];
    assert_eq!(states(&catalog), due);
    drop(catalog);
    let catalog = Catalog::open(&store).unwrap();
    for old in [live("a", 0..10, 0), live("a", 10..30, 0)] {
        catalog.forget(&old.tenant, &old.file.unwrap().path).unwrap();
    }
    // A live row cannot be forgotten.
    catalog.forget(&tenant("a"), &live("a", 0..30, 1).file.unwrap().path).unwrap();
    assert_eq!(states(&catalog), [due[1], due[3], due[4]]);
}

fn refusal_of_open(store: &Store) -> String {
    match Catalog::open(store) {
        Err(Error::Catalog { what }) => what,
        other => panic!("{other:?}"),
    }
}

#[test]
fn damage_is_named() {
    for (change, due) in [
        ("UPDATE segments SET first = 11 WHERE first = 10", "nothing covers 10 to 11"),
        ("UPDATE segments SET first = 9 WHERE first = 10", "9 to 10 is covered twice"),
        (
            "DELETE FROM segments WHERE first = 0 AND tenant = 'b'; UPDATE segments SET tenant = 'b' WHERE first = 10",
            "nothing covers",
        ),
        (
            "PRAGMA ignore_check_constraints = 1; UPDATE segments SET state = 'odd'",
            "CHECK constraint",
        ),
        ("UPDATE segments SET sha256 = x'00'", "Conversion error"),
        ("UPDATE segments SET tenant = 'Not A Tenant' WHERE tenant = 'b'", "Not A Tenant"),
        ("PRAGMA user_version = 2", "version is 2"),
        ("PRAGMA application_id = 7", "application id is 0x7"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path());
        filled(&store).close().unwrap();
        let database = Connection::open(store.path(FILE)).unwrap();
        database.execute_batch(change).unwrap();
        drop(database);
        let what = refusal_of_open(&store);
        assert!(what.contains(due), "{change}: {what}");
        let scratch = tempfile::tempdir().unwrap();
        assert!(look(folder.path(), scratch.path()).is_err(), "{change}");
    }
}

#[test]
fn bytes_that_are_no_database_are_damage() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path());
    filled(&store).close().unwrap();
    let whole = fs::read(store.path(FILE)).unwrap();
    let mut scribbled = whole.clone();
    scribbled[..16].copy_from_slice(b"no such database");
    let mut pages = whole.clone();
    pages[4096..8192].fill(0xa5);
    for bytes in [scribbled, pages, whole[..whole.len() / 2].to_vec()] {
        fs::write(store.path(FILE), &bytes).unwrap();
        refusal_of_open(&store);
    }
}

#[test]
fn a_making_that_was_cut_short_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path());
    fs::write(store.path(FILE), b"").unwrap();
    filled(&store).close().unwrap();
    assert_eq!(Catalog::open(&store).unwrap().rows().unwrap().len(), 4);
}

#[test]
fn a_refused_transaction_changes_nothing_and_may_be_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let gate = move |step: Step<'_>| {
        let is_first = step == Step::Commit && counted.fetch_add(1, Ordering::Relaxed) == 0;
        if is_first { Err(std::io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    };
    let catalog = Catalog::open(&Store::gated(folder.path(), Arc::new(gate))).unwrap();
    let row = live("a", 0..10, 0);
    assert!(matches!(catalog.add(&row), Err(Error::DiskFull { .. })));
    assert_eq!(catalog.rows().unwrap(), []);
    catalog.add(&row).unwrap();
    assert_eq!(catalog.rows().unwrap(), [row]);
}

/// SQLite itself finds no room: a page limit stands for the full disk.
#[test]
fn a_database_without_room_is_a_full_disk() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(&Store::new(folder.path())).unwrap();
    catalog.database().execute_batch("PRAGMA max_page_count = 4").unwrap();
    let mut large = live("a", 0..10, 0);
    large.file.as_mut().unwrap().rollup = vec![7; 100_000];
    assert!(matches!(catalog.add(&large), Err(Error::DiskFull { .. })));
    catalog.database().execute_batch("PRAGMA max_page_count = 4000").unwrap();
    catalog.add(&large).unwrap();
    assert_eq!(catalog.watermark(&tenant("a")).unwrap(), 10);
}

/// A catalog that version 1 has made is read as it was written.
#[test]
fn the_fixture_of_version_1_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path());
    let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/lake/catalog-v1.db");
    fs::copy(fixture, store.path(FILE)).unwrap();
    let due = [live("a", 0..10, 0), live("a", 10..30, 0), lost("a", 30..35), live("b", 0..7, 0)];
    assert_eq!(Catalog::open(&store).unwrap().rows().unwrap(), due);
}
