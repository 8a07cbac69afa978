//! Packs up to a place, watermarks, and a log that no longer begins at its beginning.

use std::sync::Arc;

use event::entry::Entry;
use event::ids::Seq;
use tlog::Index;
use tlog::hash::leaf_hash;
use tlog::tile::TilePath;

use super::*;
use crate::disk::{Disk, Operation};
use crate::inspect::{Beside, FindingKind, inspect};
use crate::ledger::tests::{
    MemoryDisk, Store, append, item, loose, options, stream, streamed, tenant,
};
use crate::request::{Answer, Append, ItemAnswer, KeyBlob, Refusal, Source, key_kind};
use crate::{Options, SeqPlace, survey};

/// A store whose log went through many files: 400 records of `acme`, 40 of `beta`.
fn filled() -> Store {
    let mut store = Store::new();
    for round in 0..40 {
        store.done(streamed("acme", 1 + 10 * round, 10));
        store.done(loose("beta", &[u8::try_from(round).unwrap()]));
    }
    assert!(store.disk.paths("ledger/wal/").len() > 4);
    store
}

/// Packs and archives everything below `watermark`, as a flush would.
fn archive(store: &mut Store, name: &str, watermark: u64) {
    store.reader.pack_to(&tenant(name), Index(watermark)).unwrap();
    store.writer.set_archived(&tenant(name), Index(watermark)).unwrap();
}

/// A store of which everything but the last files is gone.
fn trimmed() -> Store {
    let mut store = filled();
    for _ in 0..2 {
        archive(&mut store, "acme", 400);
        archive(&mut store, "beta", 40);
    }
    assert!(store.writer.trim(store.now).unwrap() > 3);
    assert_eq!(store.disk.paths("ledger/wal/").len(), 1);
    store
}

fn refused(disk: &Arc<MemoryDisk>, watermarks: &[(TenantId, Index)]) -> crate::Damage {
    let shared: Arc<dyn Disk> = Arc::clone(disk) as Arc<dyn Disk>;
    let found = survey(shared, options()).and_then(|survey| survey.check_archived(watermarks));
    let Err(Error::Damaged { damage }) = found else { panic!("not refused: {found:?}") };
    *damage
}

fn watermarks() -> Vec<(TenantId, Index)> {
    vec![(tenant("acme"), Index(400)), (tenant("beta"), Index(40))]
}

/// Entries, proofs and tiles of all 400 records, whatever the log still holds.
fn check_entries(store: &Store) {
    let acme = tenant("acme");
    let head = store.reader.head(&acme);
    let entries: Vec<(Index, Entry)> =
        store.reader.entries(&acme, Index(0), Index(u64::MAX)).map(Result::unwrap).collect();
    assert_eq!(entries.len(), usize::try_from(head.size.0).unwrap());
    for (index, entry) in entries.iter().step_by(37) {
        assert_eq!(store.reader.entry(&acme, *index).unwrap(), Some(*entry));
        assert_eq!(entry.root, item(index.0 + 1).root);
        let end = Index(index.0 + 1);
        let proof = store.reader.range_proof(&acme, *index, end, head.size).unwrap();
        let leaf = leaf_hash(&entry.encode());
        tlog::proof::verify_range(index.0, &[leaf], &proof, (head.size, &head.root)).unwrap();
    }
    let old = TreeSize(123);
    let root = store.reader.root_at(&acme, old).unwrap();
    let proof = store.reader.consistency(&acme, old, head.size).unwrap();
    tlog::proof::verify_consistency((old, &root), (head.size, &head.root), &proof).unwrap();
    let tile = store.reader.tile(&acme, TilePath::parse("tile/entries/000").unwrap());
    assert_eq!(tile.unwrap().unwrap().len(), 256 * 44);
    assert_eq!(store.reader.entry(&acme, Index(head.size.0)).unwrap(), None);
}

#[test]
fn the_log_goes_up_to_the_watermark_before_the_last() {
    let mut store = filled();
    store.writer.keep(store.now).unwrap();
    assert_eq!(store.writer.trim(store.now).unwrap(), 0, "nothing is archived");
    archive(&mut store, "acme", 400);
    archive(&mut store, "beta", 40);
    assert_eq!(store.writer.trim(store.now).unwrap(), 0, "said once only");
    archive(&mut store, "acme", 400);
    assert_eq!(store.writer.trim(store.now).unwrap(), 0, "one of two tenants");
    assert_eq!(store.reader.holding_back(), Vec::<TenantId>::new());
    archive(&mut store, "beta", 40);
    let files = store.reader.stats().wal_files;
    assert_eq!(store.writer.trim(store.now).unwrap(), files - 1, "all but the one at hand");
    let stats = store.reader.stats();
    assert_eq!((stats.wal_files, stats.wal_bytes), (1, 16 * 1024));
    let first = store.reader.first_kept(&tenant("acme"));
    assert!(first > Index(300) && first <= Index(400));
}

#[test]
fn what_left_the_log_is_answered_as_archived() {
    let store = trimmed();
    let acme = tenant("acme");
    let first = store.reader.first_kept(&acme);
    check_entries(&store);
    for store in [store, Store::on(trimmed().disk)] {
        assert_eq!(store.reader.first_kept(&acme), first);
        let record = store.reader.record(&acme, Index(first.0 - 1));
        let says =
            matches!(&record, Err(Error::Archived { first_kept, .. }) if *first_kept == first);
        assert!(says, "{record:?}");
        assert!(store.reader.record(&acme, first).unwrap().is_some());
        let mut scan = store.reader.scan(&acme, Index(7));
        assert!(matches!(scan.next(), Some(Err(Error::Archived { .. }))));
        assert_eq!(scan.next().unwrap().unwrap().first(), first);
        let place = |seq| store.reader.index_of(&acme, &stream("spool", 1), Seq(seq)).unwrap();
        assert_eq!(place(first.0), SeqPlace::Archived);
        assert_eq!(place(first.0 + 1), SeqPlace::At(first));
        assert_eq!(place(401), SeqPlace::NotStored);
        assert_eq!(place(0), SeqPlace::NotStored);
    }
}

#[test]
fn a_start_goes_on_from_the_snapshot_and_the_packs() {
    let store = trimmed();
    let heads = |store: &Store| ["acme", "beta"].map(|name| store.reader.head(&tenant(name)));
    let before = heads(&store);
    let disk = Arc::clone(&store.disk);
    let mut store = store.restart();
    assert_eq!(heads(&store), before);
    check_entries(&store);
    let shared: Arc<dyn Disk> = Arc::clone(&disk) as Arc<dyn Disk>;
    survey(Arc::clone(&shared), options()).unwrap().check_archived(&watermarks()).unwrap();
    let again = store.done(streamed("acme", 1, 10));
    let archived = |seq| ItemAnswer::Archived { seq: Seq(seq) };
    assert_eq!(again.items, (1..=10).map(archived).collect::<Vec<_>>());
    assert_eq!(again.size, before[0].size, "nothing is stored twice");
    store.done(streamed("acme", 401, 10));
    let store = Store::on(store.stop());
    assert_eq!(store.recovered.records, 450);
    check_entries(&store);
    assert_eq!(store.reader.key(&tenant("acme"), key_kind::LEDGER, 1).unwrap()[..], [9; 60]);
    let looked = inspect(&shared, Beside::Nothing, &mut |_| {}).unwrap();
    let wrong = looked.findings.iter().filter(|finding| finding.kind != FindingKind::Unfinished);
    assert_eq!(wrong.count(), 0, "{:?}", looked.findings);
    let acme = &looked.tenants[0];
    assert!(acme.first_kept > Index(300) && acme.packed_end == Index(400));
}

#[test]
fn a_trimmed_log_without_what_it_goes_on_from_is_refused_and_named() {
    let disk = trimmed().disk;
    let wal = disk.paths("ledger/wal/").remove(0);
    let base = names::snapshot(names::seq_of(&wal).unwrap() - 1);
    let part = names::part(&tenant("acme"), 0);
    for path in [&base, &part] {
        let copy = disk.copy();
        copy.remove(path).unwrap();
        assert_eq!(&refused(&copy, &[]).file, path, "missing");
        let shared: Arc<dyn Disk> = Arc::clone(&copy) as Arc<dyn Disk>;
        let looked = inspect(&shared, Beside::Nothing, &mut |_| {}).unwrap();
        assert!(looked.findings.iter().any(|finding| finding.damage.file == **path));
        assert!(crate::repair::wal(&shared, &|_, _, _| None).is_err(), "nothing else has it");
        let copy = disk.copy();
        copy.edit(path, |bytes| bytes[40] ^= 1);
        assert_eq!(&refused(&copy, &[]).file, path, "damaged");
    }
    let copy = disk.copy();
    copy.edit(&wal, |bytes| bytes.fill(0));
    assert_eq!(refused(&copy, &[]).file, wal, "a log without frames is no new one");
    copy.remove(&wal).unwrap();
    copy.remove("ledger/acked").unwrap();
    assert!(refused(&copy, &[]).file.starts_with("ledger/"), "nor is one without files");
}

#[test]
fn watermarks_that_do_not_fit_are_refused() {
    let store = trimmed();
    let (disk, first) = (store.disk, store.reader.first_kept(&tenant("acme")));
    let with = |acme: u64| vec![(tenant("acme"), Index(acme)), (tenant("beta"), Index(40))];
    let records = |damage: crate::Damage| damage.records.map(|r| (r.first, r.end)).unwrap();
    assert_eq!(records(refused(&disk, &with(first.0 - 1))), (Index(first.0 - 1), first));
    assert_eq!(records(refused(&disk, &with(0))), (Index(0), first));
    assert_eq!(records(refused(&disk, &with(401))), (Index(400), Index(401)));
    let foreign = (tenant("gamma"), Index(3));
    let foreign = [watermarks(), vec![foreign]].concat();
    assert_eq!(records(refused(&disk, &foreign)), (Index(0), Index(3)));
    let mut store = filled();
    store.reader.pack_to(&tenant("acme"), Index(100)).unwrap();
    let beyond = store.writer.set_archived(&tenant("acme"), Index(101));
    assert!(matches!(beyond, Err(Error::OutOfRange { .. })), "packs come first");
    assert!(store.reader.pack_to(&tenant("acme"), Index(401)).is_err(), "packs hold what exists");
    let found = refused(&store.disk, &[(tenant("acme"), Index(101))]);
    assert_eq!(records(found), (Index(100), Index(101)));
}

#[test]
fn an_open_pack_that_is_not_the_logs_is_refused() {
    let mut store = filled();
    archive(&mut store, "acme", 300);
    let part = names::part(&tenant("acme"), 0);
    assert_eq!(store.disk.paths("ledger/packs/"), std::slice::from_ref(&part));
    let old = store.disk.bytes(&part);
    archive(&mut store, "acme", 310);
    assert_ne!(store.disk.bytes(&part), old);
    let mut other = filled();
    other.now.wall.0 += 1;
    other.done(streamed("acme", 401, 10));
    archive(&mut other, "acme", 410);
    let disk = store.disk;
    for bytes in [other.disk.bytes(&part), b"no pack".to_vec()] {
        let copy = disk.copy();
        copy.edit(&part, |there| *there = bytes.clone());
        assert_eq!(refused(&copy, &[]).file, part);
    }
    disk.edit(&part, |there| *there = old);
    let survey = survey(Arc::clone(&disk) as Arc<dyn Disk>, options()).unwrap();
    survey.check_archived(&[(tenant("acme"), Index(300))]).unwrap();
    // One that cannot be read is written anew from the log.
    disk.edit(&part, |there| there[50] ^= 1);
    let shared: Arc<dyn Disk> = Arc::clone(&disk) as Arc<dyn Disk>;
    crate::repair::wal(&shared, &|_, _, _| None).unwrap();
    crate::survey(shared, options()).unwrap().check_archived(&watermarks()).unwrap();
}

#[test]
fn each_log_file_brings_the_keys_that_its_records_use() {
    let block = |id: u8| KeyBlob { kind: key_kind::SALT_BLOCK, id: id.into(), bytes: vec![id; 32] };
    let mut store = Store::new();
    let mut next = 1;
    let mut put = |store: &mut Store, id| {
        let mut request = streamed("acme", next, 10);
        request.keys.push(block(id));
        next += 10;
        store.done(request);
    };
    put(&mut store, 1);
    for _ in 0..40 {
        put(&mut store, 2);
    }
    archive(&mut store, "acme", 410);
    archive(&mut store, "acme", 410);
    assert!(store.writer.trim(store.now).unwrap() > 0);
    let acme = tenant("acme");
    for store in [&store, &Store::on(store.disk.copy())] {
        let key = |id| store.reader.key(&acme, key_kind::SALT_BLOCK, id);
        assert_eq!(key(1), None, "no record of the log uses it");
        assert_eq!(key(2).as_deref(), Some(&[2; 32][..]), "first brought by a file that is gone");
        assert!(store.reader.key(&acme, key_kind::LEDGER, 1).is_some(), "standing");
    }
}

#[test]
fn ids_below_the_floor_are_asked_of_the_archive_first() {
    let store = trimmed();
    let floor = store.reader.first_kept(&tenant("beta")).0;
    assert!(floor > 20 && floor < 40);
    assert_eq!(store.reader.stats().ids, 40 - floor);
    let id = |index: u64| u8::try_from(index).unwrap();
    let asked = |ids: &[u8], below| Append { looked_below: Index(below), ..loose("beta", ids) };
    for mut store in [store, Store::on(trimmed().disk)] {
        let answers = store.turn(vec![asked(&[id(3)], floor - 1)]);
        assert_eq!(answers, [Answer::Refused(Refusal::LookAgain)]);
        let exact = store.done(asked(&[id(floor), 99], floor));
        let committed = ItemAnswer::Committed { index: Index(40) };
        assert_eq!(exact.items, [ItemAnswer::Seen { index: Index(floor) }, committed]);
        let nameless = append("beta", Source::Loose { producer: None }, vec![item(7)]);
        store.done(nameless);
        let other = Append { looked_below: Index(0), ..loose("gamma", &[1]) };
        store.done(other);
    }
}

#[test]
fn only_archived_ids_are_let_go_above_the_limit() {
    let few = Options { ids_max: 10, ..options() };
    let mut store = Store::with(Arc::new(MemoryDisk::default()), few);
    for id in 0..30 {
        store.done(loose("beta", &[id]));
    }
    assert_eq!(store.reader.stats().ids, 30, "nothing is archived");
    archive(&mut store, "beta", 15);
    assert_eq!(store.reader.stats().ids, 15);
    archive(&mut store, "beta", 30);
    assert_eq!(store.reader.stats().ids, 10);
    let asked = |id, below| Append { looked_below: Index(below), ..loose("beta", &[id]) };
    assert_eq!(store.turn(vec![asked(3, 19)]), [Answer::Refused(Refusal::LookAgain)]);
    assert_eq!(store.done(asked(20, 20)).items, [ItemAnswer::Seen { index: Index(20) }]);
}

#[test]
fn a_crash_between_any_two_removals_leaves_a_log_that_opens() {
    let whole = filled();
    let files = whole.disk.paths("ledger/wal/").len();
    for allowed in 0..files - 1 {
        let mut store = Store::on(whole.disk.copy());
        for _ in 0..2 {
            archive(&mut store, "acme", 400);
            archive(&mut store, "beta", 40);
        }
        let path = store.disk.paths("ledger/wal/").remove(allowed);
        let ending: &'static str = Box::leak(path.into_boxed_str());
        store.disk.fail(Operation::Remove, ending, std::io::ErrorKind::Other);
        assert!(store.writer.trim(store.now).is_err());
        assert!(store.writer.poisoned().is_some());
        let shared: Arc<dyn Disk> = Arc::clone(&store.disk) as Arc<dyn Disk>;
        survey(shared, options()).unwrap().check_archived(&watermarks()).unwrap();
        check_entries(&store.restart());
    }
}

#[test]
fn a_full_disk_puts_trimming_off() {
    let mut store = filled();
    store.disk.fail(Operation::Write, ".tmp", std::io::ErrorKind::StorageFull);
    let full = store.reader.pack_to(&tenant("acme"), Index(400));
    assert!(matches!(full, Err(Error::Disk { source }) if source.is_full()));
    *store.disk.fault.lock().unwrap() = None;
    for _ in 0..2 {
        archive(&mut store, "acme", 400);
        archive(&mut store, "beta", 40);
    }
    store.disk.fail(Operation::Write, ".tmp", std::io::ErrorKind::StorageFull);
    assert_eq!(store.writer.trim(store.now).unwrap(), 0, "the boundary cannot be written");
    assert!(store.writer.poisoned().is_none());
    *store.disk.fault.lock().unwrap() = None;
    assert!(store.writer.trim(store.now).unwrap() > 3);
    store.done(streamed("acme", 401, 1));
}
