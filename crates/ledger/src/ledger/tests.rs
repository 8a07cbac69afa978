//! The writer's life, from an empty folder to a clean stop and back; and the disk in memory that
//! the unit tests of this crate share.

use std::collections::BTreeMap;
use std::io;
use std::sync::Mutex;

use event::entry::EntryKind;
use event::ids::{EventId, Instance, ProducerId, Seq, Timestamp};
use tlog::hash::{EMPTY_ROOT, leaf_hash};
use tlog::note::SigningKey;
use tlog::tile::TilePath;
use tlog::{Hash, Index, TreeSize};

use super::*;
use crate::disk::{DiskError, Operation};
use crate::request::{
    Answer, Append, Done, Item, ItemAnswer, KeyBlob, Refusal, Source, StreamId, key_kind,
};
use crate::{Reader, Recovered, open, survey};

/// Files in memory, every write durable at once.
#[derive(Debug, Default)]
pub(crate) struct MemoryDisk {
    pub(crate) files: Mutex<BTreeMap<String, Vec<u8>>>,
    /// The next operation of this kind on a path with this ending fails so.
    pub(crate) fault: Mutex<Option<(Operation, &'static str, io::ErrorKind)>>,
}

impl MemoryDisk {
    fn check(&self, operation: Operation, path: &str) -> Result<(), DiskError> {
        let mut fault = self.fault.lock().unwrap();
        match *fault {
            Some((of, ending, kind)) if of == operation && path.ends_with(ending) => {
                // A full disk stays full; any other fault comes once.
                if kind != io::ErrorKind::StorageFull {
                    *fault = None;
                }
                Err(DiskError::new(operation, path, &kind.into()))
            }
            _ => Ok(()),
        }
    }

    fn file<T>(
        &self,
        operation: Operation,
        path: &str,
        act: impl FnOnce(&mut Vec<u8>) -> T,
    ) -> Result<T, DiskError> {
        self.check(operation, path)?;
        let mut files = self.files.lock().unwrap();
        let missing = || DiskError::new(operation, path, &io::ErrorKind::NotFound.into());
        files.get_mut(path).map(act).ok_or_else(missing)
    }

    /// A copy that shares nothing.
    pub(crate) fn copy(&self) -> Arc<Self> {
        let files = Mutex::new(self.files.lock().unwrap().clone());
        Arc::new(Self { files, fault: Mutex::new(None) })
    }

    pub(crate) fn fail(&self, operation: Operation, ending: &'static str, kind: io::ErrorKind) {
        *self.fault.lock().unwrap() = Some((operation, ending, kind));
    }

    pub(crate) fn paths(&self, prefix: &str) -> Vec<String> {
        let files = self.files.lock().unwrap();
        files.keys().filter(|path| path.starts_with(prefix)).cloned().collect()
    }

    pub(crate) fn edit(&self, path: &str, act: impl FnOnce(&mut Vec<u8>)) {
        act(self.files.lock().unwrap().get_mut(path).unwrap());
    }

    pub(crate) fn bytes(&self, path: &str) -> Vec<u8> {
        self.files.lock().unwrap().get(path).unwrap().clone()
    }
}

impl Disk for MemoryDisk {
    fn list(&self, dir: &str) -> Result<Vec<String>, DiskError> {
        let files = self.files.lock().unwrap();
        let inside = |path: &String| path.strip_prefix(dir)?.strip_prefix('/').map(str::to_owned);
        Ok(files.keys().filter_map(inside).filter(|name| !name.contains('/')).collect())
    }

    fn length(&self, path: &str) -> Result<u64, DiskError> {
        self.file(Operation::Length, path, |file| length_u64(file.len()))
    }

    fn create(&self, path: &str) -> Result<(), DiskError> {
        self.check(Operation::Create, path)?;
        let mut files = self.files.lock().unwrap();
        if files.contains_key(path) {
            let kind = io::ErrorKind::AlreadyExists;
            return Err(DiskError::new(Operation::Create, path, &kind.into()));
        }
        files.insert(path.to_owned(), Vec::new());
        Ok(())
    }

    fn read_at(&self, path: &str, offset: u64, buffer: &mut [u8]) -> Result<usize, DiskError> {
        self.file(Operation::Read, path, |file| {
            let rest = file.get(usize::try_from(offset).unwrap()..).unwrap_or_default();
            let length = rest.len().min(buffer.len());
            buffer[..length].copy_from_slice(&rest[..length]);
            length
        })
    }

    fn write_at(&self, path: &str, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        self.file(Operation::Write, path, |file| {
            let start = usize::try_from(offset).unwrap();
            file.resize(file.len().max(start + bytes.len()), 0);
            file[start..start + bytes.len()].copy_from_slice(bytes);
        })
    }

    fn zero_fill(&self, path: &str, from: u64, to: u64) -> Result<(), DiskError> {
        self.check(Operation::ZeroFill, path)?;
        self.write_at(path, from, &vec![0; usize::try_from(to - from).unwrap()])
    }

    fn shorten(&self, path: &str, bytes: u64) -> Result<(), DiskError> {
        self.file(Operation::Shorten, path, |file| file.truncate(usize::try_from(bytes).unwrap()))
    }

    fn sync_data(&self, path: &str) -> Result<(), DiskError> {
        self.file(Operation::SyncData, path, |_| ())
    }

    fn sync_dir(&self, dir: &str) -> Result<(), DiskError> {
        self.check(Operation::SyncDir, dir)
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        self.check(Operation::Rename, from)?;
        let mut files = self.files.lock().unwrap();
        let missing = || DiskError::new(Operation::Rename, from, &io::ErrorKind::NotFound.into());
        let bytes = files.remove(from).ok_or_else(missing)?;
        files.insert(to.to_owned(), bytes);
        Ok(())
    }

    fn remove(&self, path: &str) -> Result<(), DiskError> {
        self.check(Operation::Remove, path)?;
        let missing = || DiskError::new(Operation::Remove, path, &io::ErrorKind::NotFound.into());
        self.files.lock().unwrap().remove(path).map(|_| ()).ok_or_else(missing)
    }

    fn create_dir(&self, _dir: &str) -> Result<(), DiskError> {
        Ok(())
    }
}

/// A store in memory with small files.
pub(crate) struct Store {
    pub(crate) disk: Arc<MemoryDisk>,
    pub(crate) writer: Writer,
    pub(crate) reader: Reader,
    pub(crate) recovered: Recovered,
    pub(crate) now: Now,
}

pub(crate) const DAY_NS: u64 = 24 * 3600 * 1_000_000_000;

pub(crate) fn options() -> Options {
    let store = StoreName::parse("test-store").unwrap();
    Options { wal_file_bytes: 16 * 1024, frame_bytes: 8 * 1024, ..Options::new(store, [7; 16]) }
}

pub(crate) fn tenant(name: &str) -> TenantId {
    TenantId::parse(name).unwrap()
}

pub(crate) fn stream(producer: &str, instance: u8) -> StreamId {
    let producer = ProducerId::parse(producer).unwrap();
    StreamId { producer, instance: Instance([instance; 16]) }
}

pub(crate) fn item(number: u64) -> Item {
    let bytes = number.to_be_bytes();
    let payload = [&bytes[..], &[b'x'; 40]].concat();
    Item { kind: EntryKind::Event, root: leaf_hash(&payload), payload, id: None }
}

pub(crate) fn loose(name: &str, ids: &[u8]) -> Append {
    let with_id = |id: &u8| Item { id: Some(EventId([*id; 16])), ..item(u64::from(*id)) };
    let producer = Some(ProducerId::parse("loose").unwrap());
    append(name, Source::Loose { producer }, ids.iter().map(with_id).collect())
}

pub(crate) fn streamed(name: &str, first: u64, count: u64) -> Append {
    let source = Source::Stream { stream: stream("spool", 1), first: Seq(first) };
    append(name, source, (first..first + count).map(item).collect())
}

pub(crate) fn append(name: &str, source: Source, items: Vec<Item>) -> Append {
    let keys = vec![KeyBlob { kind: key_kind::LEDGER, id: 1, bytes: vec![9; 60] }];
    Append {
        tenant: tenant(name),
        source,
        items,
        packed: None,
        keys,
        class: Class::Ordinary,
        looked_below: Index(0),
    }
}

impl Store {
    pub(crate) fn new() -> Self {
        Self::on(Arc::new(MemoryDisk::default()))
    }

    pub(crate) fn on(disk: Arc<MemoryDisk>) -> Self {
        Self::with(disk, options())
    }

    pub(crate) fn with(disk: Arc<MemoryDisk>, options: Options) -> Self {
        let now = Now { wall: Timestamp(30 * DAY_NS), monotonic_ns: 5 };
        let shared: Arc<dyn Disk> = Arc::clone(&disk) as Arc<dyn Disk>;
        let (writer, reader, recovered) = open(shared, options, now).unwrap();
        for name in ["acme", "beta"] {
            let key = SigningKey::new(&format!("test-store/{name}"), [3; 32]).unwrap();
            reader.install_signer(&tenant(name), key);
        }
        Self { disk, writer, reader, recovered, now }
    }

    pub(crate) fn turn(&mut self, requests: Vec<Append>) -> Vec<Answer> {
        self.now.wall.0 += 1000;
        self.now.monotonic_ns += 1000;
        self.writer.turn(self.now, requests)
    }

    /// One request, which must be done.
    pub(crate) fn done(&mut self, request: Append) -> Done {
        match self.turn(vec![request]).remove(0) {
            Answer::Done(done) => done,
            other => panic!("not done: {other:?}"),
        }
    }

    /// The process dies and another one starts.
    pub(crate) fn restart(self) -> Self {
        Self::on(self.disk)
    }

    pub(crate) fn stop(mut self) -> Arc<MemoryDisk> {
        self.writer.prepare_stop(self.now).unwrap();
        self.writer.finish_stop().unwrap();
        self.disk
    }
}

fn indices(done: &Done) -> Vec<(char, u64)> {
    let pair = |answer: &ItemAnswer| match answer {
        ItemAnswer::Committed { index } => ('c', index.0),
        ItemAnswer::Seen { index } => ('s', index.0),
        ItemAnswer::Archived { seq } => ('a', seq.0),
    };
    done.items.iter().map(pair).collect()
}

#[test]
fn a_stream_is_taken_in_order_and_known_again() {
    let mut store = Store::new();
    assert!(store.recovered.created);
    assert_eq!(indices(&store.done(streamed("acme", 1, 3))), [('c', 0), ('c', 1), ('c', 2)]);
    let overlap = store.done(streamed("acme", 2, 3));
    assert_eq!(indices(&overlap), [('s', 1), ('s', 2), ('c', 3)]);
    assert_eq!(overlap.size, TreeSize(4));
    let gap = store.turn(vec![streamed("acme", 6, 1)]).remove(0);
    assert_eq!(gap, Answer::SequenceGap { expected: Seq(5) });
    assert_eq!(store.reader.head(&tenant("acme")).size, TreeSize(4), "nothing of it is stored");
}

#[test]
fn a_declared_gap_stands_for_its_numbers() {
    let mut store = Store::new();
    store.done(streamed("acme", 1, 1));
    let gap = |from, to| {
        let stream = stream("spool", 1);
        append("acme", Source::Gap { stream, from: Seq(from), to: Seq(to) }, vec![item(0)])
    };
    assert_eq!(indices(&store.done(gap(2, 9))), [('c', 1)]);
    assert_eq!(indices(&store.done(gap(2, 9))), [('s', 1)], "declared again");
    assert_eq!(indices(&store.done(streamed("acme", 9, 2))), [('s', 1), ('c', 2)]);
    let ahead = store.turn(vec![gap(12, 13)]).remove(0);
    assert_eq!(ahead, Answer::SequenceGap { expected: Seq(11) });
    let facts = store.reader.streams(&tenant("acme")).unwrap().remove(0);
    assert_eq!((facts.next, facts.gaps.len()), (Seq(11), 1));
    assert_eq!((facts.gaps[0].from, facts.gaps[0].to), (Seq(2), Seq(9)));
}

#[test]
fn an_id_outside_streams_is_stored_once() {
    let mut store = Store::new();
    let answers = store.turn(vec![loose("acme", &[1, 2, 1]), loose("acme", &[2, 3])]);
    let [Answer::Done(first), Answer::Done(second)] = answers.as_slice() else { panic!() };
    assert_eq!(indices(first), [('c', 0), ('c', 1), ('s', 0)], "twice in one request");
    assert_eq!(indices(second), [('s', 1), ('c', 2)], "twice in one turn");
    assert_eq!(indices(&store.done(loose("beta", &[1]))), [('c', 0)], "another tenant's id");
    let mut store = store.restart();
    let again = store.done(loose("acme", &[3, 2, 1, 4]));
    assert_eq!(indices(&again), [('s', 2), ('s', 1), ('s', 0), ('c', 3)], "after a restart");
}

#[test]
fn what_was_done_is_there_after_a_restart() {
    let mut store = Store::new();
    for round in 0..40 {
        store.done(streamed("acme", 1 + 10 * round, 10));
        store.done(loose("beta", &[u8::try_from(round).unwrap()]));
    }
    let heads = |store: &Store| ["acme", "beta"].map(|name| store.reader.head(&tenant(name)));
    let before = heads(&store);
    assert!(store.disk.paths("ledger/wal/").len() > 2, "the log went through several files");
    let store = store.restart();
    assert!(!store.recovered.created && !store.recovered.clean_stop);
    assert_eq!(store.recovered.records, 440);
    assert_eq!(heads(&store), before);
    for index in [0, 1, 399] {
        let stored = store.reader.record(&tenant("acme"), Index(index)).unwrap().unwrap();
        assert_eq!(stored.payload, item(index + 1).payload);
        assert_eq!(stored.entry.root, item(index + 1).root);
    }
    assert_eq!(store.reader.record(&tenant("acme"), Index(400)).unwrap(), None);
    let scanned: Vec<_> =
        store.reader.scan(&tenant("acme"), Index(15)).map(Result::unwrap).collect();
    assert_eq!(scanned.first().unwrap().first(), Index(10));
    assert_eq!(scanned.last().unwrap().end(), Index(400));
    assert_eq!(store.reader.key(&tenant("acme"), key_kind::LEDGER, 1).unwrap()[..], [9; 60]);
    let spool = stream("spool", 1);
    assert_eq!(
        store.reader.index_of(&tenant("acme"), &spool, Seq(400)).unwrap(),
        crate::SeqPlace::At(Index(399))
    );
    assert_eq!(store.reader.next_seq(&tenant("acme"), &spool).unwrap(), Some(Seq(401)));
}

#[test]
fn proofs_lead_to_the_signed_root() {
    let mut store = Store::new();
    store.done(streamed("acme", 1, 300));
    let acme = tenant("acme");
    let old = store.reader.checkpoint(&acme).unwrap();
    store.done(streamed("acme", 301, 7));
    let new = store.reader.checkpoint(&acme).unwrap();
    assert_eq!((old.size, new.size), (TreeSize(300), TreeSize(307)));
    let leaves: Vec<_> = (300..307)
        .map(|index| store.reader.record(&acme, Index(index)).unwrap().unwrap())
        .map(|stored| leaf_hash(&stored.entry.encode()))
        .collect();
    let proof = store.reader.range_proof(&acme, Index(300), Index(307), new.size).unwrap();
    tlog::proof::verify_range(300, &leaves, &proof, (new.size, &new.root)).unwrap();
    let proof = store.reader.consistency(&acme, old.size, new.size).unwrap();
    let (before, after) = ((old.size, &old.root), (new.size, &new.root));
    tlog::proof::verify_consistency(before, after, &proof).unwrap();
    assert_eq!(store.reader.root_at(&acme, TreeSize(300)).unwrap(), old.root);
    assert!(store.reader.range_proof(&acme, Index(0), Index(1), TreeSize(308)).is_err());
    let again = store.reader.checkpoint(&acme).unwrap();
    assert!(Arc::ptr_eq(&again.note, &new.note), "one size is signed once");
}

#[test]
fn tiles_are_prefixes_of_the_current_one() {
    let mut store = Store::new();
    store.done(streamed("acme", 1, 300));
    let tile =
        |path: &str| store.reader.tile(&tenant("acme"), TilePath::parse(path).unwrap()).unwrap();
    let full = tile("tile/0/000").unwrap();
    assert_eq!(full.len(), 256 * 32);
    assert_eq!(tile("tile/0/000.p/5").unwrap(), full[..160]);
    assert_eq!(tile("tile/0/001.p/44").unwrap().len(), 44 * 32);
    assert_eq!(tile("tile/0/001.p/45"), None, "wider than the current one");
    assert_eq!(tile("tile/0/001"), None);
    assert_eq!(tile("tile/1/000.p/1").unwrap().len(), 32);
    assert_eq!(tile("tile/entries/001.p/44").unwrap().len(), 44 * 44);
}

#[test]
fn a_clean_stop_is_what_was_planned() {
    let mut store = Store::new();
    for round in 0..30 {
        store.done(streamed("acme", 1 + 10 * round, 10));
    }
    let plan = store.writer.prepare_stop(store.now).unwrap();
    let refused = store.turn(vec![streamed("acme", 301, 1)]).remove(0);
    assert_eq!(refused, Answer::Refused(Refusal::Stopping));
    let unfinished = survey(store.disk.copy(), options()).unwrap();
    assert_eq!(unfinished.unfinished_stop().unwrap(), Some(plan.clone()), "told beforehand");
    store.writer.finish_stop().unwrap();
    let bytes = store.disk.bytes(&plan.path);
    assert_eq!(length_u64(bytes.len()), plan.bytes);
    assert_eq!(<[u8; 32]>::from(Sha256::digest(&bytes)), plan.sha256);
    let stopped = survey(store.disk.copy(), options()).unwrap();
    assert!(stopped.ends_in_stop());
    assert_eq!(stopped.unfinished_stop().unwrap(), None);
    let store = Store::on(store.disk);
    assert!(store.recovered.clean_stop);
    assert_eq!(store.recovered.records, 300);
}

#[test]
fn a_survey_writes_nothing() {
    let mut store = Store::new();
    store.done(streamed("acme", 1, 3));
    let before = store.disk.files.lock().unwrap().clone();
    survey(Arc::clone(&store.disk) as Arc<dyn Disk>, options()).unwrap();
    assert_eq!(*store.disk.files.lock().unwrap(), before);
}

#[test]
fn after_a_failed_sync_nothing_is_said_or_written() {
    for operation in [Operation::Write, Operation::SyncData] {
        let mut store = Store::new();
        store.done(streamed("acme", 1, 3));
        store.disk.fail(operation, ".log", io::ErrorKind::Other);
        let answers = store.turn(vec![streamed("acme", 4, 1), streamed("beta", 1, 1)]);
        assert_eq!(answers, [Answer::Poisoned, Answer::Poisoned]);
        let before = store.disk.files.lock().unwrap().clone();
        assert_eq!(store.turn(vec![loose("acme", &[1])]), [Answer::Poisoned]);
        assert!(matches!(store.writer.keep(store.now), Err(Error::Poisoned { .. })));
        assert_eq!(*store.disk.files.lock().unwrap(), before, "{operation}: never touched again");
        assert_eq!(store.reader.head(&tenant("acme")).size, TreeSize(3), "readers see no more");
        let store = store.restart();
        assert!(store.reader.head(&tenant("acme")).size >= TreeSize(3));
    }
}

#[test]
fn a_full_disk_refuses_and_goes_on_when_there_is_room() {
    let mut store = Store::new();
    store.disk.fail(Operation::ZeroFill, ".tmp", io::ErrorKind::StorageFull);
    let mut next = 1;
    let refused = loop {
        match store.turn(vec![streamed("acme", next, 10)]).remove(0) {
            Answer::Done(_) => next += 10,
            other => break other,
        }
        assert!(next < 1000, "the disk is full some time");
    };
    assert_eq!(refused, Answer::Refused(Refusal::DiskFull));
    assert!(store.writer.poisoned().is_none());
    assert_eq!(store.disk.paths("ledger/spare-"), Vec::<String>::new(), "nothing is left behind");
    *store.disk.fault.lock().unwrap() = None;
    store.done(streamed("acme", next, 10));
    let store = store.restart();
    assert_eq!(store.recovered.records, next + 9);
}

#[test]
fn the_reserve_is_for_the_servers_own_records() {
    let mut store = Store::new();
    store.reader.fill_spare().unwrap();
    store.disk.fail(Operation::ZeroFill, ".tmp", io::ErrorKind::StorageFull);
    let mut next = 1;
    while let Answer::Done(_) = store.turn(vec![streamed("acme", next, 10)]).remove(0) {
        next += 10;
    }
    let own = Append {
        class: Class::System,
        ..append("acme", Source::Loose { producer: None }, (0..9).map(item).collect())
    };
    assert_eq!(store.done(own).size, TreeSize(next - 1 + 9));
}

#[test]
fn an_insane_clock_refuses_until_it_is_accepted() {
    let mut store = Store::new();
    let stamped = store.done(streamed("acme", 1, 1)).received_at;
    let sane = store.now;
    store.now.wall.0 -= 2 * crate::CLOCK_TOLERANCE_NS;
    let refused = store.turn(vec![streamed("acme", 2, 1)]).remove(0);
    assert_eq!(refused, Answer::Refused(Refusal::ClockUnsane));
    assert_eq!(indices(&store.done(streamed("acme", 1, 1))), [('s', 0)], "nothing to stamp");
    store.writer.accept_clock(store.now);
    assert_eq!(store.done(streamed("acme", 2, 1)).received_at, stamped, "stamps never go back");
    store.now = sane;
    store.now.monotonic_ns += 1_000_000;
    let jumped = store.turn(vec![streamed("acme", 3, 1)]).remove(0);
    assert_eq!(jumped, Answer::Refused(Refusal::ClockUnsane), "ahead against the monotonic clock");
}

#[test]
fn requests_that_break_a_rule_are_refused_whole() {
    let mut store = Store::new();
    let many = (0..10_001).map(item).collect();
    let gap = |from, to, items| {
        append(
            "acme",
            Source::Gap { stream: stream("spool", 1), from: Seq(from), to: Seq(to) },
            items,
        )
    };
    let mut packed = streamed("acme", 1, 1);
    packed.packed = Some(crate::request::Packed { bytes: vec![0; 9], raw_bytes: 9 });
    let mut keyed = streamed("acme", 1, 1);
    keyed.keys[0].bytes = vec![0; frame::KEY_BYTES_MAX + 1];
    let cases = vec![
        append("acme", Source::Loose { producer: None }, Vec::new()),
        append("acme", Source::Loose { producer: None }, many),
        streamed("acme", 0, 1),
        gap(2, 1, vec![item(0)]),
        gap(1, 2, vec![item(0), item(1)]),
        packed,
        keyed,
    ];
    for answer in store.turn(cases) {
        assert_eq!(answer, Answer::Refused(Refusal::Invalid));
    }
    assert_eq!(store.reader.head(&tenant("acme")).root, EMPTY_ROOT);
}

#[test]
fn streams_are_bounded() {
    let limited = Options { streams_max: 2, ..options() };
    let mut store = Store::with(Arc::new(MemoryDisk::default()), limited);
    let first = |instance| {
        let source = Source::Stream { stream: stream("spool", instance), first: Seq(1) };
        append("acme", source, vec![item(1)])
    };
    store.done(first(1));
    store.done(first(2));
    let refused = store.turn(vec![first(3)]).remove(0);
    assert_eq!(refused, Answer::Refused(Refusal::StreamsFull));
    assert_eq!(indices(&store.done(first(2))), [('s', 1)], "a known stream goes on");
}

#[test]
fn another_store_is_refused_and_untouched() {
    let mut store = Store::new();
    store.done(streamed("acme", 1, 3));
    let other = Options { store: StoreName::parse("other").unwrap(), ..options() };
    let before = store.disk.files.lock().unwrap().clone();
    let refused = survey(Arc::clone(&store.disk) as Arc<dyn Disk>, other);
    assert!(matches!(refused, Err(Error::NotOurs { .. })));
    assert_eq!(*store.disk.files.lock().unwrap(), before);
}

#[test]
fn one_turn_fills_several_frames() {
    let mut store = Store::new();
    let requests = (0..40).map(|round| streamed("acme", 1 + 20 * round, 20)).collect();
    let answers = store.turn(requests);
    assert!(answers.iter().all(|answer| matches!(answer, Answer::Done(_))));
    assert!(store.reader.stats().frames > 1);
    let root: Hash = store.reader.head(&tenant("acme")).root;
    assert_eq!(store.restart().reader.head(&tenant("acme")).root, root);
}
