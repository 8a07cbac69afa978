//! Streams that leave memory for a file and come back, merged files, and what a start makes of all
//! of it.

use event::ids::Seq;
use tlog::Index;

use super::*;
use crate::disk::{Disk, Operation};
use crate::error::Damage;
use crate::frame::TRAILER_BYTES;
use crate::inspect::{Beside, FindingKind, inspect};
use crate::ledger::tests::{MemoryDisk, Store, append, item, options, stream, tenant};
use crate::repair::tests::frame_of;
use crate::request::{Answer, Append, ItemAnswer, Refusal, Source};
use crate::{Options, SeqPlace, survey};

/// Streams that a store of these tests holds in memory.
const MOST: u8 = 8;

fn few() -> Options {
    Options { streams_max: usize::from(MOST), ..options() }
}

fn store() -> Store {
    Store::with(Arc::new(MemoryDisk::default()), few())
}

fn restart(store: Store) -> Store {
    Store::with(store.disk, few())
}

/// `count` numbers of a stream of `acme`.
fn numbers(instance: u8, first: u64, count: u64) -> Append {
    let source = Source::Stream { stream: stream("spool", instance), first: Seq(first) };
    append("acme", source, (first..first + count).map(item).collect())
}

/// Appends other records until everything before them has left the log.
fn push_out(store: &mut Store, round: u8) {
    for _ in 0..30 {
        let source = Source::Loose { producer: None };
        store.done(append("beta", source, (0..8).map(|n| item(n + u64::from(round))).collect()));
    }
    for name in ["acme", "beta"].repeat(2) {
        let size = store.reader.head(&tenant(name)).size;
        store.reader.pack_to(&tenant(name), Index(size.0)).unwrap();
        store.writer.set_archived(&tenant(name), Index(size.0)).unwrap();
    }
    assert!(store.writer.trim(store.now).unwrap() > 0);
}

fn keep(store: &mut Store) {
    store.now.monotonic_ns += 1_000_000_000;
    store.now.wall.0 += 1_000_000_000;
    store.writer.keep(store.now).unwrap();
}

/// A store whose streams 0..MOST, with 3 numbers each, have left the log; `idle` of them memory.
fn filled(idle: u8) -> Store {
    let mut store = store();
    for instance in 0..MOST {
        store.done(numbers(instance, 1, 3));
    }
    push_out(&mut store, 0);
    for instance in 0..idle {
        keep(&mut store);
        store.done(numbers(MOST + instance, 1, 1));
    }
    store
}

fn files(store: &Store) -> Vec<String> {
    store.disk.paths("ledger/state/streams-")
}

fn refused(disk: &Arc<MemoryDisk>) -> Damage {
    let found = survey(Arc::clone(disk) as Arc<dyn Disk>, few());
    let Err(Error::Damaged { damage }) = found else { panic!("not refused: {found:?}") };
    *damage
}

fn assert_good(disk: &Arc<MemoryDisk>) {
    let disk = Arc::clone(disk) as Arc<dyn Disk>;
    let looked = inspect(&disk, Beside::Nothing, &mut |_| {}).unwrap();
    let wrong = looked.findings.iter().find(|finding| finding.kind != FindingKind::Unfinished);
    assert_eq!(wrong, None);
}

/// The streams 0..MOST are where they were, whatever remembers them.
fn assert_known(store: &Store) {
    let acme = tenant("acme");
    for instance in 0..MOST {
        let id = stream("spool", instance);
        assert_eq!(store.reader.next_seq(&acme, &id).unwrap(), Some(Seq(4)), "{instance}");
        let facts = store.reader.stream(&acme, &id).unwrap().unwrap();
        assert_eq!((facts.next, facts.last_index), (Seq(4), None));
        for (seq, place) in [
            (0, SeqPlace::NotStored),
            (1, SeqPlace::Archived),
            (3, SeqPlace::Archived),
            (4, SeqPlace::NotStored),
        ] {
            assert_eq!(store.reader.index_of(&acme, &id, Seq(seq)).unwrap(), place);
        }
    }
    let listed = store.reader.streams(&acme).unwrap();
    let spools = listed.iter().filter(|facts| facts.next == Seq(4)).count();
    assert_eq!(spools, usize::from(MOST), "{listed:?}");
    assert!(listed.is_sorted_by(|a, b| a.stream < b.stream), "by name");
    assert_eq!(store.reader.next_seq(&acme, &stream("spool", 200)).unwrap(), None);
}

#[test]
fn streams_of_the_log_stay_in_memory_and_a_new_one_is_refused() {
    let mut store = store();
    for instance in 0..MOST {
        store.done(numbers(instance, 1, 3));
    }
    keep(&mut store);
    let refusal = [Answer::Refused(Refusal::StreamsFull)];
    assert_eq!(store.turn(vec![numbers(99, 1, 1)]), refusal);
    assert_eq!(files(&store), Vec::<String>::new());
    push_out(&mut store, 0);
    assert_eq!(store.turn(vec![numbers(99, 1, 1)]), refusal, "nobody has kept house yet");
    keep(&mut store);
    store.done(numbers(99, 1, 1));
    assert_eq!(files(&store).len(), 1);
    assert_eq!(store.reader.stats().streams, u64::from(MOST));
}

#[test]
fn an_idle_stream_returns_where_it_was() {
    let store = filled(3);
    assert_eq!(store.reader.stats().streams, u64::from(MOST));
    assert_eq!(files(&store).len(), 3);
    assert_known(&store);
    for mut store in [filled(3), restart(store)] {
        keep(&mut store);
        let again = store.done(numbers(0, 2, 2)).items;
        assert_eq!(again, [2, 3].map(|seq| ItemAnswer::Archived { seq: Seq(seq) }));
        let ahead = store.turn(vec![numbers(0, 5, 1)]);
        assert_eq!(ahead, [Answer::SequenceGap { expected: Seq(4) }]);
        assert_known(&store);
        let size = store.reader.head(&tenant("acme")).size.0;
        // Two requests of one frame: the second finds the stream in the open frame.
        let answers = store.turn(vec![numbers(0, 3, 2), numbers(0, 4, 2)]);
        let items = answers.into_iter().flat_map(|answer| match answer {
            Answer::Done(done) => done.items,
            other => panic!("not done: {other:?}"),
        });
        let seen = ItemAnswer::Seen { index: Index(size) };
        let committed = |index| ItemAnswer::Committed { index: Index(index) };
        let archived = ItemAnswer::Archived { seq: Seq(3) };
        assert_eq!(
            items.collect::<Vec<_>>(),
            [archived, committed(size), seen, committed(size + 1)]
        );
        for store in [&store, &restart(Store::with(store.disk.copy(), few()))] {
            let place = |seq| {
                store.reader.index_of(&tenant("acme"), &stream("spool", 0), Seq(seq)).unwrap()
            };
            assert_eq!(place(3), SeqPlace::Archived);
            assert_eq!(place(4), SeqPlace::At(Index(size)));
            assert_eq!(place(6), SeqPlace::NotStored);
        }
        assert_good(&store.disk);
    }
}

/// A stream goes and returns again and again; each time the newest file counts.
#[test]
fn a_stream_that_goes_again_is_known_by_its_newest_file() {
    let mut store = filled(0);
    let (mut most_files, mut merged) = (0, false);
    for round in 1..30_u8 {
        keep(&mut store);
        let next = 3 + u64::from(round);
        let one = store.done(numbers(0, next, 1)).items;
        assert!(matches!(one[..], [ItemAnswer::Committed { .. }]), "{round}: {one:?}");
        push_out(&mut store, round);
        // Memory fills up with streams that were never seen, so that everybody else goes.
        for newcomer in 0..MOST {
            keep(&mut store);
            let source =
                Source::Stream { stream: stream("new", MOST * round + newcomer), first: Seq(1) };
            store.done(append("beta", source, vec![item(1)]));
        }
        push_out(&mut store, round);
        keep(&mut store);
        most_files = most_files.max(files(&store).len());
        merged |= store.writer.book.idle().listed().iter().any(|file| file.level > 1);
        if round % 7 == 0 {
            store = restart(store);
        }
        let id = stream("spool", 0);
        let expected = Some(Seq(next + 1));
        assert_eq!(store.reader.next_seq(&tenant("acme"), &id).unwrap(), expected, "{round}");
    }
    assert!(merged, "files of files");
    assert!(most_files < 40, "{most_files} files of {} that were written", 30 * 8);
    let listed = store.reader.streams(&tenant("beta")).unwrap().len();
    assert_eq!(listed, 29 * usize::from(MOST));
    assert_good(&store.disk);
    let disk = store.stop();
    assert_good(&disk);
    let store = Store::with(disk, few());
    assert_eq!(store.reader.streams(&tenant("beta")).unwrap().len(), listed);
}

#[test]
fn streams_that_are_silent_for_thirty_days_go_although_there_is_room() {
    let mut store = Store::new();
    for instance in 0..3 {
        store.done(numbers(instance, 1, 3));
    }
    push_out(&mut store, 0);
    let days = |store: &mut Store, days: u64| {
        store.now.wall.0 += days * DAY_NS;
        store.now.monotonic_ns += days * DAY_NS;
        // Something must grow, and a minute go by, for a snapshot to be due.
        store.done(append("beta", Source::Loose { producer: None }, vec![item(1)]));
        store.now.monotonic_ns += 61_000_000_000;
        store.writer.keep(store.now).unwrap();
    };
    days(&mut store, 30);
    assert_eq!(files(&store), Vec::<String>::new(), "a day longer they wait for others");
    days(&mut store, 1);
    assert_eq!(files(&store).len(), 1);
    assert_eq!(store.reader.stats().streams, 0);
    let next = store.reader.next_seq(&tenant("acme"), &stream("spool", 2)).unwrap();
    assert_eq!(next, Some(Seq(4)));
}

#[test]
fn a_full_disk_puts_going_idle_off() {
    for (operation, ending) in [
        (Operation::Create, "streams-0000000000.tmp"),
        (Operation::Write, "streams-0000000000.tmp"),
        (Operation::Rename, "streams-0000000000.tmp"),
        (Operation::Write, ".snap.tmp"),
    ] {
        let mut store = filled(0);
        store.writer.write_boundaries().unwrap();
        store.disk.fail(operation, ending, std::io::ErrorKind::StorageFull);
        keep(&mut store);
        assert!(store.writer.poisoned().is_none(), "{ending}");
        assert_known(&store);
        assert_eq!(store.turn(vec![numbers(99, 1, 1)]), [Answer::Refused(Refusal::StreamsFull)]);
        let listed = store.writer.book.idle().listed();
        assert_eq!(listed, [], "{operation:?} {ending}");
        *store.disk.fault.lock().unwrap() = None;
        keep(&mut store);
        assert_eq!(store.writer.book.idle().listed(), [], "not at once");
        store.now.monotonic_ns += AGAIN_NS;
        keep(&mut store);
        assert_eq!(files(&store).len(), 1);
        store.done(numbers(99, 1, 1));
        assert_known(&restart(store));
    }
}

/// Whatever the operation is that fails, the next start finds every stream.
#[test]
fn a_fault_at_any_step_loses_no_stream() {
    let operations = [
        Operation::Create,
        Operation::Write,
        Operation::SyncData,
        Operation::Rename,
        Operation::SyncDir,
        Operation::Remove,
        Operation::Read,
    ];
    for operation in operations {
        for ending in ["streams-0000000000.tmp", "streams-0000000000", ".snap.tmp", "ledger/state"]
        {
            let mut store = filled(0);
            store.disk.fail(operation, ending, std::io::ErrorKind::Other);
            store.now.monotonic_ns += 1_000_000_000;
            let failed = store.writer.keep(store.now).is_err();
            assert_eq!(failed, store.writer.poisoned().is_some(), "{operation:?} {ending}");
            *store.disk.fault.lock().unwrap() = None;
            let mut store = restart(store);
            assert_known(&store);
            assert_good(&store.disk);
            keep(&mut store);
            store.done(numbers(99, 1, 1));
            assert_known(&store);
        }
    }
}

#[test]
fn a_file_that_no_snapshot_lists_goes_at_the_next_start() {
    let store = filled(1);
    let path = names::streams(77);
    store.disk.create(&path).unwrap();
    assert_good(&store.disk);
    let store = restart(store);
    assert!(!store.disk.paths("ledger/state/").contains(&path));
    assert_eq!(store.recovered.quarantined, Vec::<String>::new());
    assert_known(&store);
}

#[test]
fn a_listed_file_that_is_missing_or_changed_is_refused_and_named() {
    let disk = filled(3).disk;
    for path in disk.paths("ledger/state/streams-") {
        let missing = disk.copy();
        missing.remove(&path).unwrap();
        let changed = disk.copy();
        changed.edit(&path, |bytes| bytes[5000] ^= 1);
        let other = disk.copy();
        other.edit(&path, |bytes| bytes.extend_from_slice(&[0; 4096]));
        for copy in [missing, changed, other] {
            assert_eq!(refused(&copy).file, path);
            let shared = Arc::clone(&copy) as Arc<dyn Disk>;
            let looked = inspect(&shared, Beside::Nothing, &mut |_| {}).unwrap();
            let found: Vec<_> = looked.findings.iter().map(|f| (&f.damage.file, f.kind)).collect();
            assert_eq!(found, [(&path, FindingKind::Damage)]);
            // The log goes on from a snapshot that does not list it: repair sets both aside.
            let repairs = crate::repair::wal(&shared, &|_, _, _| None).unwrap();
            assert!(!repairs.quarantined.is_empty());
            let store = Store::with(copy, Options { streams_max: 64, ..few() });
            assert_known(&store);
        }
    }
}

#[test]
fn a_damaged_file_that_the_log_goes_on_from_is_not_mended() {
    let mut store = filled(3);
    push_out(&mut store, 9);
    let first = files(&store).remove(0);
    let base = store.disk.paths("ledger/wal/").remove(0);
    let base = names::seq_of(&base).unwrap() - 1;
    let listed = crate::snapshot::load(&*store.disk, base).unwrap().idle_numbers();
    assert!(listed.contains(&0), "{listed:?}");
    store.disk.edit(&first, |bytes| bytes[5000] ^= 1);
    let shared = Arc::clone(&store.disk) as Arc<dyn Disk>;
    let refusal = crate::repair::wal(&shared, &|_, _, _| None);
    assert!(matches!(refusal, Err(Error::Damaged { damage }) if damage.file == first));
}

/// The first frame of a stream that came back: its headers and its payload are gone, and only the
/// file of idle streams tells which number it began with.
#[test]
fn a_frame_in_which_a_stream_returns_is_rebuilt_from_packs_and_files() {
    let mut store = filled(3);
    push_out(&mut store, 9);
    let acme = tenant("acme");
    let size = store.reader.head(&acme).size;
    keep(&mut store);
    store.done(numbers(0, 4, 1));
    store.done(numbers(MOST - 1, 4, 1));
    store.reader.pack_to(&acme, Index(size.0 + 2)).unwrap();
    let (disk, before) = (Arc::clone(&store.disk), store.reader.head(&acme));
    let (file, start, length, headers) = frame_of(&disk, "acme", size.0);
    let second = start + length - headers - TRAILER_BYTES;
    disk.edit(&file, |bytes| {
        bytes[start..start + headers].fill(0xff);
        bytes[second..start + length].fill(0);
        let payload = start + headers + 8 + 32 + 8 + 8;
        bytes[payload] ^= 1;
    });
    assert_eq!(refused(&disk).file, file);
    let shared = Arc::clone(&disk) as Arc<dyn Disk>;
    let repairs = crate::repair::wal(&shared, &|_, _, _| None).unwrap();
    assert_eq!(repairs.lost.len(), 1, "{repairs:?}");
    let store = Store::with(disk, few());
    assert_eq!(store.reader.head(&acme), before);
    let next = store.reader.next_seq(&acme, &stream("spool", 0)).unwrap();
    assert_eq!(next, Some(Seq(5)));
}

#[test]
fn a_stop_gives_up_a_merge_that_is_on_its_way() {
    let mut store = filled(0);
    for instance in 0..4 {
        let now = store.now;
        store.writer.make_room(now).unwrap();
        store.done(numbers(MOST + instance, 1, 1));
    }
    let merge = store.writer.begin_merge().unwrap().expect("four files of one level");
    let stepped = merge.step(&*store.disk, 1).unwrap();
    let Step::More(merge) = stepped else { panic!("more than one stream: {stepped:?}") };
    store.writer.keeper.idling.merge = Some(merge);
    let unfinished = |disk: &MemoryDisk| {
        let all = disk.paths("ledger/state/");
        all.into_iter().filter(|path| path.ends_with(names::UNFINISHED)).count()
    };
    assert_eq!(unfinished(&store.disk), 1);
    let disk = store.stop();
    assert_eq!(unfinished(&disk), 0);
    let mut store = Store::with(disk, few());
    assert_known(&store);
    keep(&mut store);
    let levels: Vec<_> = store.writer.book.idle().listed().iter().map(|file| file.level).collect();
    assert!(levels.contains(&1), "the next process begins it anew: {levels:?}");
    assert_known(&store);
}
