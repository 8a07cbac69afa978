//! Files of idle streams against a plain map, and refused with any byte changed.

use event::ids::{Instance, ProducerId};
use proptest::prelude::*;

use super::page::PAGE_BYTES;
use super::*;
use crate::cursor::put_crc;
use crate::ledger::tests::{MemoryDisk, tenant};

fn store() -> StoreName {
    StoreName::parse("a-store").unwrap()
}

fn stream(number: u32) -> StreamId {
    let mut instance = [0; 16];
    instance[..4].copy_from_slice(&number.to_be_bytes());
    // Names of several lengths, as long as they may be among them.
    let producer = format!("{}{}", "p".repeat(usize::try_from(number % 3 * 30).unwrap()), 1);
    StreamId { producer: ProducerId::parse(&producer).unwrap(), instance: Instance(instance) }
}

fn idle(tenant_of: u32, number: u32, next: u64) -> IdleStream {
    IdleStream {
        tenant: tenant(["acme", "beta", "gamma"][usize::try_from(tenant_of % 3).unwrap()]),
        stream: stream(number),
        next,
        last_received_at: Timestamp(1_000 + next),
    }
}

/// Writes a file of these streams, durably.
fn write(disk: &MemoryDisk, number: u64, mut streams: Vec<IdleStream>) -> Arc<IdleFile> {
    streams.sort_by(|a, b| a.name().cmp(&b.name()));
    let mut writer = FileWriter::begin(disk, (&store(), 0), number, 0).unwrap();
    for idle in &streams {
        writer.push(disk, idle).unwrap();
    }
    Arc::new(writer.close(disk).unwrap().publish(disk).unwrap())
}

fn merge(disk: &MemoryDisk, files: &IdleFiles, number: u64, most: usize) -> IdleFiles {
    let sources = files.to_merge().expect("four files of one level");
    let mut merge = Merge::begin(disk, (&store(), 0), number, &sources).unwrap();
    loop {
        match merge.step(disk, most).unwrap() {
            Step::More(more) => merge = more,
            Step::Done(closed, sources) => {
                let merged = Arc::new(closed.publish(disk).unwrap());
                return files.merged(&sources, merged);
            }
        }
    }
}

type Plain = BTreeMap<(TenantId, StreamId), IdleStream>;

fn assert_same(disk: &MemoryDisk, files: &IdleFiles, plain: &Plain, numbers: u32) {
    for tenant_of in 0..3 {
        for number in 0..numbers {
            let asked = idle(tenant_of, number, 1);
            let found = files.find(disk, &asked.tenant, &asked.stream).unwrap();
            assert_eq!(found.as_ref(), plain.get(&(asked.tenant, asked.stream)));
        }
        let tenant = idle(tenant_of, 0, 1).tenant;
        let expected = plain.values().filter(|idle| idle.tenant == tenant).cloned();
        let expected: Vec<_> = expected.map(IdleStream::facts).collect();
        let listed = files.of_tenant(disk, &tenant, expected.len()).unwrap();
        assert_eq!(listed.unwrap().into_values().collect::<Vec<_>>(), expected);
        if let Some(too_few) = expected.len().checked_sub(1) {
            assert!(files.of_tenant(disk, &tenant, too_few).unwrap().is_none());
        }
    }
    let (mut each, mut lines) = (Plain::new(), 0);
    let all = files.each(disk, usize::MAX, &mut |idle| {
        lines += 1;
        each.insert((idle.tenant.clone(), idle.stream.clone()), idle);
    });
    all.unwrap();
    assert_eq!(&each, plain);
    assert_eq!(files.listed().iter().map(|file| file.count).sum::<u64>(), lines);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn the_newest_line_of_a_stream_counts_however_files_were_merged(
        rounds in prop::collection::vec(
            prop::collection::btree_set((0_u32..3, 0_u32..120), 1..150), 1..24),
        most in prop::sample::select(vec![1_usize, 7, 1000]),
    ) {
        let disk = MemoryDisk::default();
        let (mut files, mut plain) = (IdleFiles::default(), Plain::new());
        let mut number = 0;
        for (round, streams) in (1..).zip(rounds) {
            let streams: Vec<_> = streams.iter().map(|(of, n)| idle(*of, *n, round)).collect();
            for idle in &streams {
                plain.insert((idle.tenant.clone(), idle.stream.clone()), idle.clone());
            }
            files = files.with(write(&disk, number, streams));
            number += 1;
            while files.to_merge().is_some() {
                files = merge(&disk, &files, number, most);
                number += 1;
            }
        }
        assert_same(&disk, &files, &plain, 120);
        let of_level = |level| files.listed().iter().filter(|file| file.level == level).count();
        prop_assert!((0..4).all(|level| of_level(level) < FAN_IN), "files stay few");
        prop_assert!(files.listed().is_sorted_by(|a, b| a.age() < b.age()), "the oldest first");
        // What was written is what the files say when they are opened anew.
        for listed in files.listed() {
            IdleFile::open(&disk, (&store(), 0), listed).unwrap();
        }
    }

    #[test]
    fn senseless_pages_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut page = bytes;
        page.resize(PAGE_BYTES - 4, 0);
        put_crc(&mut page, 0);
        if let Ok(lines) = page::decode_lines(&page) {
            let mut again = page::Lines::default();
            prop_assert!(lines.iter().all(|line| again.push(line)));
            prop_assert_eq!(again.take(), page.clone(), "one spelling");
        }
        if let Ok(head) = page::Head::decode(&page) {
            prop_assert_eq!(head.encode(), page.clone());
        }
        if let Ok(foot) = page::Foot::decode(&page) {
            prop_assert_eq!(foot.encode(), page);
        }
    }
}

#[test]
fn a_file_longer_than_its_fences_is_searched_between_them() {
    let disk = MemoryDisk::default();
    let long = |number: u32| IdleStream {
        stream: StreamId {
            producer: ProducerId::parse(&"p".repeat(63)).unwrap(),
            instance: stream(2 * number).instance,
        },
        tenant: TenantId::parse(&"t".repeat(63)).unwrap(),
        ..idle(0, 0, u64::from(number) + 1)
    };
    // 25 lines a page: more pages than fences, twice over.
    let count = 60_000;
    let file = write(&disk, 0, (0..count).map(long).collect());
    let files = IdleFiles::default().with(file);
    for number in (0..count).step_by(61).chain([count - 1]) {
        let here = long(number);
        let found = files.find(&disk, &here.tenant, &here.stream).unwrap();
        assert_eq!(found.as_ref(), Some(&here), "{number}");
        let between = StreamId { instance: stream(2 * number + 1).instance, ..here.stream };
        assert_eq!(files.find(&disk, &here.tenant, &between).unwrap(), None, "{number}");
    }
    let foreign = files.find(&disk, &tenant("acme"), &long(0).stream).unwrap();
    assert_eq!(foreign, None, "before the first name");
}

#[test]
fn a_file_with_any_byte_changed_cut_or_added_is_refused() {
    let disk = MemoryDisk::default();
    let listed = write(&disk, 3, (0..90).map(|n| idle(n, n, 5)).collect()).listed;
    let path = names::streams(3);
    let good = disk.bytes(&path);
    assert_eq!(good.len(), 4 * PAGE_BYTES, "head, two pages of lines, foot");
    let refused = |disk: &MemoryDisk, what: &str| {
        let opened = IdleFile::open(disk, (&store(), 0), listed);
        assert!(matches!(&opened, Err(Error::Damaged { damage }) if damage.file == path), "{what}");
    };
    for place in 0..good.len() {
        disk.edit(&path, |bytes| bytes[place] ^= 0x10);
        refused(&disk, &format!("byte {place}"));
        disk.edit(&path, |bytes| bytes[place] ^= 0x10);
    }
    for length in (0..good.len()).step_by(512) {
        disk.edit(&path, |bytes| bytes.truncate(length));
        refused(&disk, &format!("cut at {length}"));
        disk.edit(&path, |bytes| *bytes = good.clone());
    }
    disk.edit(&path, |bytes| bytes.extend_from_within(PAGE_BYTES..2 * PAGE_BYTES));
    refused(&disk, "a page more");
    disk.edit(&path, |bytes| *bytes = good.clone());
    for other in [
        Listed { count: 89, ..listed },
        Listed { level: 1, ..listed },
        Listed { sha256: [0; 32], ..listed },
    ] {
        assert!(IdleFile::open(&disk, (&store(), 0), other).is_err(), "{other:?}");
    }
    assert!(IdleFile::open(&disk, (&store(), 1), listed).is_err(), "another shard");
    IdleFile::open(&disk, (&store(), 0), listed).unwrap();
}

/// Each page has a good checksum; what it holds may not be.
#[test]
fn contradictions_are_refused_under_a_good_checksum() {
    let (low, high) = (idle(0, 1, 5), idle(0, 2, 5));
    let page = |lines: &[&IdleStream]| {
        let mut page = page::Lines::default();
        assert!(lines.iter().all(|line| page.push(line)));
        page.take()
    };
    assert_eq!(page::decode_lines(&page(&[&low])).unwrap(), std::slice::from_ref(&low));
    let sealed = |mut bytes: Vec<u8>, place: usize, byte: u8| {
        bytes[place] = byte;
        bytes.truncate(PAGE_BYTES - 4);
        put_crc(&mut bytes, 0);
        bytes
    };
    let (first, second) = if low.name() < high.name() { (&low, &high) } else { (&high, &low) };
    for (bytes, what) in [
        (page(&[second, first]), "out of order"),
        (page(&[first, first]), "a name twice"),
        (page(&[]), "a page without lines"),
        (sealed(page(&[first]), PAGE_BYTES - 5, 1), "bytes behind the last line"),
        (sealed(page(&[first]), 1, 2), "more lines than there are"),
        (sealed(page(&[first]), 1, 0), "fewer lines than there are"),
    ] {
        assert!(page::decode_lines(&bytes).is_err(), "{what}");
    }
    let disk = MemoryDisk::default();
    let listed = write(&disk, 0, (0..90).map(|n| idle(n, n, 5)).collect()).listed;
    disk.edit(&names::streams(0), |bytes| {
        let (first, second) = bytes[PAGE_BYTES..3 * PAGE_BYTES].split_at_mut(PAGE_BYTES);
        first.swap_with_slice(second);
    });
    let swapped = IdleFile::open(&disk, (&store(), 0), listed);
    assert!(matches!(swapped, Err(Error::Damaged { .. })), "pages out of order");
}

/// The bytes of version 1, which every later version must read. The hash is that of a second writer,
/// made after the document.
#[test]
fn the_bytes_of_a_file_are_those_of_its_first_version() {
    let disk = MemoryDisk::default();
    let file = write(&disk, 7, vec![idle(0, 1, 5), idle(1, 1, 9)]);
    let hash: String = file.listed.sha256.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hash, "12dff711a715baae75298415c8097f7d1d727fa2d546e1bcd815dce672d5c1de");
}

#[test]
fn a_page_that_changed_since_the_file_was_opened_is_refused_and_named() {
    let disk = MemoryDisk::default();
    let files = IdleFiles::default().with(write(&disk, 0, vec![idle(0, 1, 5)]));
    disk.edit(&names::streams(0), |bytes| bytes[PAGE_BYTES + 9] ^= 1);
    let found = files.find(&disk, &tenant("acme"), &stream(1));
    let Err(Error::Damaged { damage }) = found else { panic!("not refused: {found:?}") };
    assert_eq!((damage.file, damage.offset), (names::streams(0), 4096));
}

/// Beside a running server a snapshot and then its file can go while both are looked at: that is no
/// damage as long as the snapshot is not there, or lists other files.
#[test]
fn a_missing_file_is_damage_only_while_its_snapshot_names_it() {
    let disk = MemoryDisk::default();
    let listed = write(&disk, 0, vec![idle(0, 1, 5)]).listed;
    let snapshot = |idle| Snapshot {
        store: store(),
        shard: 0,
        seq: 3,
        hash: [1; 32],
        idle,
        tenants: Vec::new(),
    };
    let names_it = snapshot(vec![listed]);
    names_it.write(&disk).unwrap();
    let named = |disk: &MemoryDisk| Opened::named(disk, [&names_it]);
    let (opened, damages) = named(&disk).unwrap();
    assert_eq!(damages, []);
    assert_eq!(opened.of(&[listed]).unwrap().listed(), [listed]);
    disk.remove(&names::streams(0)).unwrap();
    let (opened, damages) = named(&disk).unwrap();
    assert_eq!(damages.len(), 1, "{damages:?}");
    assert_eq!(damages[0].file, names::streams(0));
    assert!(opened.of(&[listed]).is_none(), "what counts cannot be known");
    let gone = |disk: &MemoryDisk| matches!(named(disk), Err(Error::Disk { source }) if source.is_not_found());
    snapshot(Vec::new()).write(&disk).unwrap();
    assert!(gone(&disk), "the snapshot lists others by now");
    disk.remove(&names::snapshot(3)).unwrap();
    assert!(gone(&disk), "the snapshot went before");
}
