//! Starts: what is moved, what is removed, and what is refused untouched.

use super::*;
use crate::ledger::tests::{MemoryDisk, Store, loose, options, streamed, tenant};

fn refused(disk: &Arc<MemoryDisk>) -> Damage {
    let before = disk.files.lock().unwrap().clone();
    let shared: Arc<dyn Disk> = Arc::clone(disk) as Arc<dyn Disk>;
    let error = survey(shared, options()).expect_err("damage is refused");
    assert_eq!(*disk.files.lock().unwrap(), before, "and untouched");
    let Error::Damaged { damage } = error else { panic!("{error}") };
    *damage
}

fn killed() -> Arc<MemoryDisk> {
    let mut store = Store::new();
    for round in 0..20 {
        store.done(streamed("acme", 1 + 10 * round, 10));
        store.done(loose("beta", &[u8::try_from(round).unwrap()]));
        store.now.monotonic_ns += 4_000_000_000;
        store.now.wall.0 += 4_000_000_000;
        store.writer.keep(store.now).unwrap();
    }
    store.disk
}

#[test]
fn unknown_files_are_moved_and_unfinished_ones_removed() {
    let disk = killed();
    let strangers =
        ["ledger/notes", "ledger/packs/acme.pack", "ledger/state/x", "ledger/wal/1.log"];
    for path in strangers {
        disk.files.lock().unwrap().insert(path.to_owned(), b"kept".to_vec());
    }
    disk.files.lock().unwrap().insert("ledger/packs/a.tmp".to_owned(), b"half".to_vec());
    let store = Store::on(disk);
    let mut moved = store.recovered.quarantined.clone();
    moved.sort();
    assert_eq!(moved, strangers);
    let kept = store.disk.paths("quarantine/");
    assert_eq!(kept.len(), strangers.len());
    assert!(kept.iter().all(|path| store.disk.bytes(path) == b"kept"));
    assert_eq!(store.disk.paths("ledger/packs/"), Vec::<String>::new());
    assert_eq!(store.recovered.records, 220);
}

#[test]
fn a_spare_that_is_not_zero_is_never_used() {
    let store = Store::new();
    store.reader.fill_spare().unwrap();
    let spare = store.disk.paths("ledger/spare-").remove(0);
    store.disk.edit(&spare, |bytes| bytes[9000] = 1);
    let mut store = store.restart();
    assert_eq!(store.recovered.quarantined, [spare]);
    for round in 0..40 {
        store.done(streamed("acme", 1 + 10 * round, 10));
    }
    assert_eq!(store.restart().recovered.records, 400);
}

#[test]
fn every_start_is_an_epoch_of_its_own() {
    let mut store = Store::new();
    for round in 0..5 {
        store.done(streamed("acme", 1 + round, 1));
        store = store.restart();
        assert_eq!(store.recovered.wal_files, usize::try_from(round).unwrap() + 1);
        assert_eq!(store.recovered.records, round + 1);
    }
}

#[test]
fn a_checkpoint_beyond_the_log_is_refused() {
    let disk = killed();
    let stored = disk.bytes("ledger/checkpoint/acme");
    let text = String::from_utf8(stored).unwrap();
    for (from, to) in [("\n200\n", "\n201\n"), ("\n200\n", "\n199\n")] {
        let edited = text.replacen(from, to, 1);
        assert_ne!(edited, text);
        disk.edit("ledger/checkpoint/acme", |bytes| *bytes = edited.clone().into_bytes());
        let damage = refused(&disk);
        assert_eq!(damage.file, "ledger/checkpoint/acme");
        assert_eq!(damage.records.unwrap().tenant, tenant("acme"));
    }
}

#[test]
fn a_checkpoint_that_cannot_be_read_is_moved_and_signed_anew() {
    let disk = killed();
    disk.edit("ledger/checkpoint/acme", |bytes| *bytes = b"no note".to_vec());
    let mut store = Store::on(disk);
    assert_eq!(store.recovered.quarantined, ["ledger/checkpoint/acme"]);
    assert_eq!(store.recovered.records, 220);
    store.now.monotonic_ns += 2_000_000_000;
    store.done(streamed("acme", 201, 1));
    store.now.monotonic_ns += 2_000_000_000;
    store.writer.keep(store.now).unwrap();
    let note = String::from_utf8(store.disk.bytes("ledger/checkpoint/acme")).unwrap();
    assert!(note.contains("\n201\n"), "{note}");
}

#[test]
fn a_spoiled_spare_of_number_0_keeps_its_bytes() {
    let disk = killed();
    for path in disk.paths("ledger/spare-") {
        disk.remove(&path).unwrap();
    }
    let spoiled = format!("ledger/spare-{:020}", 0);
    disk.files.lock().unwrap().insert(spoiled.clone(), b"not zero".to_vec());
    let store = Store::on(disk);
    assert_eq!(store.recovered.quarantined, [spoiled]);
    let kept = store.disk.paths("quarantine/").remove(0);
    assert_eq!(store.disk.bytes(&kept), b"not zero");
}

#[test]
fn a_last_file_cut_too_short_for_a_stop_frame_is_no_panic() {
    for length in (0..1200).step_by(60) {
        let mut store = Store::new();
        let mut seq = 0;
        while store.disk.paths("ledger/wal/").len() < 2 {
            seq += 1;
            let mut request = streamed("acme", seq, 1);
            request.items[0].payload.resize(48 + length, b'y');
            store.done(request);
        }
        let disk = store.disk;
        let last = disk.paths("ledger/wal/").pop().unwrap();
        disk.edit(&last, |bytes| bytes.truncate(100));
        disk.remove("ledger/acked").unwrap();
        let shared: Arc<dyn Disk> = Arc::clone(&disk) as Arc<dyn Disk>;
        let found = survey(shared, options()).unwrap();
        assert!(found.unfinished_stop().is_ok());
    }
}

#[test]
fn a_log_that_ends_too_early_is_refused() {
    let disk = killed();
    let last = disk.paths("ledger/wal/").pop().unwrap();
    disk.remove(&last).unwrap();
    assert_eq!(refused(&disk).file, "ledger/acked", "the slot names a frame that is gone");
    disk.remove("ledger/acked").unwrap();
    assert!(refused(&disk).file.starts_with("ledger/state/"), "a snapshot does too");
    for path in disk.paths("ledger/state/") {
        disk.remove(&path).unwrap();
    }
    assert_eq!(refused(&disk).file, "ledger/checkpoint/acme", "and so does the checkpoint");
    for path in disk.paths("ledger/wal/") {
        disk.remove(&path).unwrap();
    }
    assert!(refused(&disk).file.starts_with("ledger/checkpoint/"), "a log that is gone is not new");
}

#[test]
fn a_snapshot_of_another_state_is_refused() {
    let disk = {
        let mut store = Store::new();
        store.done(streamed("acme", 1, 10));
        store.stop()
    };
    let path = disk.paths("ledger/state/").remove(0);
    let mut snapshot = snapshot::Snapshot::decode(&disk.bytes(&path)).unwrap();
    snapshot.tenants[0].streams[0].1 += 1;
    disk.remove(&path).unwrap();
    snapshot.write(&*disk).unwrap();
    assert_eq!(refused(&disk).file, path);
}

#[test]
fn a_start_that_dies_anywhere_is_begun_again() {
    use crate::disk::Operation;
    let faults = [
        (Operation::Write, ".log"),
        (Operation::SyncData, ".log"),
        (Operation::Write, "acked"),
        (Operation::SyncData, "acked"),
        (Operation::Rename, "0"),
        (Operation::SyncDir, "wal"),
        (Operation::ZeroFill, ".tmp"),
    ];
    for stop in [0, 1] {
        for (operation, ending) in faults {
            let mut store = Store::new();
            store.done(streamed("acme", 1, 10));
            let disk = if stop == 1 { store.stop() } else { store.disk };
            disk.fail(operation, ending, std::io::ErrorKind::Other);
            let now = Now { wall: Timestamp(40 * 86_400_000_000_000), monotonic_ns: 0 };
            let shared: Arc<dyn Disk> = Arc::clone(&disk) as Arc<dyn Disk>;
            assert!(open(shared, options(), now).is_err(), "{operation} of {ending} fails once");
            let mut store = Store::on(disk);
            assert_eq!(store.recovered.records, 10, "{operation} of {ending}");
            store.done(streamed("acme", 11, 1));
        }
    }
}
