//! Packs as they fill, and proofs and tiles that reach into them; snapshots and checkpoints in
//! their time.

use event::entry::Entry;
use event::ids::Seq;
use tlog::hash::leaf_hash;
use tlog::tile::{TilePath, split_entries};
use tlog::{Index, TreeSize};

use std::sync::Arc;

use super::*;
use crate::disk::Disk;
use crate::ledger::tests::{MemoryDisk, Store, append, item, options, stream, streamed, tenant};
use crate::request::{Item, Source};
use crate::tree::PACK_ENTRIES;

fn large() -> Store {
    let wide = crate::Options { wal_file_bytes: 1 << 20, ..options() };
    let mut store = Store::with(Arc::new(MemoryDisk::default()), wide);
    grow_by(&mut store, 0..15);
    store
}

/// Appends rounds of 9,000 records.
fn grow_by(store: &mut Store, rounds: std::ops::Range<u64>) {
    for round in rounds {
        let first = 1 + 9000 * round;
        let small = |number: u64| Item { payload: number.to_be_bytes().to_vec(), ..item(number) };
        let source = Source::Stream { stream: stream("spool", 1), first: Seq(first) };
        store.done(append("acme", source, (first..first + 9000).map(small).collect()));
        store.reader.keep_packs().unwrap();
        store.writer.keep(store.now).unwrap();
    }
}

fn check_old_records(store: &Store) {
    let acme = tenant("acme");
    let head = store.reader.head(&acme);
    assert!(head.size >= TreeSize(135_000));
    for index in [0, 300, 65_535, 65_536, 134_999] {
        let entry = store.reader.entry(&acme, Index(index)).unwrap().unwrap();
        if index >= store.reader.first_kept(&acme).0 {
            let stored = store.reader.record(&acme, Index(index)).unwrap().unwrap();
            assert_eq!(stored.entry, entry);
        }
        let proof =
            store.reader.range_proof(&acme, Index(index), Index(index + 1), head.size).unwrap();
        let leaf = leaf_hash(&entry.encode());
        tlog::proof::verify_range(index, &[leaf], &proof, (head.size, &head.root)).unwrap();
        let (bundle, place) = (index / 256, usize::try_from(index % 256).unwrap());
        let width = u16::try_from((head.size.0 - bundle * 256).min(256)).unwrap();
        let tile =
            store.reader.tile(&acme, TilePath::Entries { index: bundle, width }).unwrap().unwrap();
        assert_eq!(Entry::decode(split_entries(&tile).unwrap()[place]), Some(entry));
    }
    for (old, new) in [(1, 70_000), (65_535, 135_000), (65_536, 65_537), (100_000, 135_000)] {
        let (old, new) = (TreeSize(old), TreeSize(new));
        let roots = [old, new].map(|size| store.reader.root_at(&acme, size).unwrap());
        let proof = store.reader.consistency(&acme, old, new).unwrap();
        tlog::proof::verify_consistency((old, &roots[0]), (new, &roots[1]), &proof).unwrap();
    }
}

#[test]
fn old_records_are_proven_from_packs() {
    let store = large();
    assert_eq!(store.disk.paths("ledger/packs/").len(), 2);
    check_old_records(&store);
    let disk = Arc::clone(&store.disk);
    let store = store.restart();
    check_old_records(&store);
    // A start that finds no pack for full ones writes them, as a crash between may leave it.
    for path in disk.paths("ledger/packs/") {
        disk.remove(&path).unwrap();
    }
    for path in disk.paths("ledger/state/") {
        disk.remove(&path).unwrap();
    }
    let store = Store::on(Arc::clone(&disk));
    assert_eq!(disk.paths("ledger/packs/").len(), 2);
    check_old_records(&store);
}

/// Archives everything and trims the log.
fn archive_all(store: &mut Store) {
    let size = Index(store.reader.head(&tenant("acme")).size.0);
    for _ in 0..2 {
        store.reader.pack_to(&tenant("acme"), size).unwrap();
        store.writer.set_archived(&tenant("acme"), size).unwrap();
    }
    assert!(store.writer.trim(store.now).unwrap() > 0);
}

#[test]
fn a_trimmed_ledger_stands_on_full_packs_and_the_open_one() {
    let mut store = large();
    archive_all(&mut store);
    let (full, open) = (names::pack(&tenant("acme"), 2), names::part(&tenant("acme"), 2));
    let packs = |store: &Store| store.disk.paths("ledger/packs/");
    assert!(packs(&store).contains(&open) && packs(&store).len() == 3);
    check_old_records(&store);
    let before = store.reader.head(&tenant("acme"));
    let mut store = store.restart();
    assert_eq!(store.reader.head(&tenant("acme")), before);
    assert!(store.reader.first_kept(&tenant("acme")) > Index(100_000));
    check_old_records(&store);
    // The open pack becomes a full one; a crash leaves it behind, and the next start removes it.
    grow_by(&mut store, 15..21);
    let left = store.disk.bytes(&open);
    grow_by(&mut store, 21..22);
    assert!(packs(&store).contains(&full) && !packs(&store).contains(&open));
    store.disk.files.lock().unwrap().insert(open.clone(), left);
    let store = store.restart();
    assert!(packs(&store).contains(&full) && !packs(&store).contains(&open));
    check_old_records(&store);
    // The log goes on from a state inside a pack that has become full since.
    let (disk, base) = (Arc::clone(&store.disk), store.reader.first_kept(&tenant("acme")));
    assert!(base < Index(3 * PACK_ENTRIES) && !base.0.is_multiple_of(PACK_ENTRIES));
    // What the base stands on is read at the start; its pack cannot be another than it was.
    let under = names::pack(&tenant("acme"), base.0 / PACK_ENTRIES);
    disk.edit(&under, |bytes| {
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
    });
    let refused = crate::survey(disk, options()).map(drop);
    assert!(matches!(&refused, Err(Error::Damaged { damage }) if damage.file == under));
}

#[test]
fn a_pack_that_a_snapshot_knows_must_be_there() {
    let store = large();
    let disk = store.stop();
    let path = disk.paths("ledger/packs/").remove(1);
    disk.remove(&path).unwrap();
    let shared: Arc<dyn Disk> = disk;
    let refused = crate::survey(shared, options()).unwrap_err();
    assert!(matches!(&refused, Error::Damaged { damage } if damage.file == path), "{refused}");
}

#[test]
fn checkpoints_are_stored_once_a_second_when_grown() {
    let mut store = Store::new();
    let stored = |store: &Store| {
        let bytes = store.disk.bytes("ledger/checkpoint/acme");
        String::from_utf8(bytes).unwrap().lines().nth(1).unwrap().to_owned()
    };
    store.done(streamed("acme", 1, 3));
    store.writer.keep(store.now).unwrap();
    assert_eq!(stored(&store), "3");
    store.done(streamed("acme", 4, 1));
    store.now.monotonic_ns += CHECKPOINT_EVERY_NS - 2_000;
    store.writer.keep(store.now).unwrap();
    assert_eq!(stored(&store), "3", "not a second later");
    store.now.monotonic_ns += 2_000;
    store.writer.keep(store.now).unwrap();
    assert_eq!(stored(&store), "4");
    assert_eq!(store.disk.paths("ledger/checkpoint/"), ["ledger/checkpoint/acme"]);
}

#[test]
fn snapshots_are_taken_after_a_minute_of_growth_and_where_a_log_file_begins() {
    let mut store = Store::new();
    let taken = |store: &Store| store.disk.paths("ledger/state/").len();
    store.writer.keep(store.now).unwrap();
    store.done(streamed("acme", 1, 1));
    store.writer.keep(store.now).unwrap();
    assert_eq!(taken(&store), 0);
    store.now.monotonic_ns += SNAPSHOT_EVERY_NS;
    store.now.wall.0 += SNAPSHOT_EVERY_NS;
    store.writer.keep(store.now).unwrap();
    assert_eq!(taken(&store), 1);
    for round in 0..100 {
        store.done(streamed("acme", 2 + 10 * round, 10));
        store.writer.keep(store.now).unwrap();
    }
    // Each file but the first has the state that it begins with; of the others two are kept.
    let files = store.disk.paths("ledger/wal/");
    assert!(files.len() > 5);
    for file in &files[1..] {
        let first: u64 = names::seq_of(file).unwrap();
        assert!(store.disk.paths("ledger/state/").contains(&names::snapshot(first - 1)), "{file}");
    }
    assert!(taken(&store) < files.len() + SNAPSHOTS_KEPT);
    assert_eq!(store.restart().recovered.records, 1001, "and they agree with the log");
}

#[test]
fn a_full_disk_puts_off_what_is_due() {
    use crate::disk::Operation;
    let mut store = Store::new();
    store.done(streamed("acme", 1, 3));
    store.disk.fail(Operation::Write, "acme.tmp", std::io::ErrorKind::StorageFull);
    store.writer.keep(store.now).unwrap();
    assert_eq!(store.reader.stats().keep_refused, 1);
    *store.disk.fault.lock().unwrap() = None;
    store.writer.keep(store.now).unwrap();
    assert_eq!(store.disk.paths("ledger/checkpoint/").len(), 1);
    store.done(streamed("acme", 4, 1));
    store.now.monotonic_ns += CHECKPOINT_EVERY_NS;
    store.now.wall.0 += CHECKPOINT_EVERY_NS;
    store.disk.fail(Operation::SyncData, "acme.tmp", std::io::ErrorKind::Other);
    assert!(store.writer.keep(store.now).is_err(), "any other failure poisons");
    assert!(store.writer.poisoned().is_some());
}
