//! Planted damages, their repair, and what must be refused.

use super::*;
use crate::disk::Disk;
use crate::frame::{self, FRAME_HEAD_BYTES};
use crate::inspect::{FindingKind, inspect};
use crate::ledger::tests::{
    MemoryDisk, Store, append, item, loose, options, stream, streamed, tenant,
};
use crate::request::{Item, Source};
use event::ids::{ProducerId, Seq};
use tlog::hash::leaf_hash;

/// The records of the tests hash to their root, and begin with their number.
fn facts_of(of: &TenantId, _: &[KeyBlob], payload: &[u8]) -> Option<Facts> {
    let number = u64::from_be_bytes(*payload.first_chunk()?);
    let root = leaf_hash(payload);
    if of.as_str() == "beta" {
        let id = Some(EventId([u8::try_from(number).ok()?; 16]));
        let source = Source::Loose { producer: ProducerId::parse("loose").ok() };
        return Some(Facts { root, id, source });
    }
    let source = Source::Stream { stream: stream("spool", 1), first: Seq(number) };
    Some(Facts { root, id: None, source })
}

fn mend(disk: &Arc<MemoryDisk>) -> Result<Repairs, Error> {
    let disk: Arc<dyn Disk> = Arc::clone(disk) as Arc<dyn Disk>;
    wal(&disk, &facts_of)
}

/// A killed store of 200 and 20 records.
fn killed() -> Arc<MemoryDisk> {
    let mut store = Store::new();
    for round in 0..20 {
        store.done(streamed("acme", 1 + 10 * round, 10));
        store.done(loose("beta", &[u8::try_from(round).unwrap()]));
    }
    store.disk
}

/// File, frame start, and the frame's length, headers' length, of the frame that holds a record.
pub(crate) fn frame_of(
    disk: &Arc<MemoryDisk>,
    name: &str,
    index: u64,
) -> (String, usize, usize, usize) {
    let mut found = None;
    look(&**disk, &mut |at, frame| {
        let Body::Append(sections) = &frame.body else { return };
        let headers = crate::cursor::size(frame.head.headers_bytes);
        let holds = |s: &SectionView<'_>| {
            s.head.tenant.as_str() == name && (s.head.first..s.head.end()).contains(&index)
        };
        if sections.iter().any(holds) {
            let start = usize::try_from(at.offset).unwrap();
            found = Some((at.file.to_string(), start, frame.bytes, headers));
        }
    })
    .unwrap();
    found.unwrap()
}

fn assert_whole(disk: &Arc<MemoryDisk>, before: &BTreeMap<String, Vec<u8>>) {
    for (path, bytes) in before.iter().filter(|(path, _)| path.starts_with("ledger/wal/")) {
        assert!(disk.bytes(path) == *bytes, "{path} is byte for byte as it was");
    }
    let store = Store::on(disk.copy());
    assert_eq!(store.recovered.lost, Vec::new());
}

#[test]
fn a_damaged_header_copy_is_written_anew() {
    for copy in [0, 1] {
        for place in [0, 20, FRAME_HEAD_BYTES + 30] {
            let disk = killed();
            let before = disk.files.lock().unwrap().clone();
            let (file, start, length, headers) = frame_of(&disk, "acme", 55);
            let second = start + length - headers - frame::TRAILER_BYTES;
            let at = place + if copy == 0 { start } else { second };
            disk.edit(&file, |bytes| bytes[at] ^= 0x10);
            let shared: Arc<dyn Disk> = disk.copy();
            assert!(matches!(crate::survey(shared, options()), Err(Error::Damaged { .. })));
            let repairs = mend(&disk).unwrap();
            assert_eq!(repairs.mended.len(), 1, "{:?}", repairs.mended);
            assert_whole(&disk, &before);
        }
    }
}

#[test]
fn damaged_roots_and_ids_are_rebuilt_from_payloads() {
    for name in ["acme", "beta"] {
        let disk = killed();
        let before = disk.files.lock().unwrap().clone();
        let (file, start, _, headers) = frame_of(&disk, name, 7);
        // Beta's frame has one root and then its id; acme's has ten roots.
        for at in [headers + 6, headers + 40 + 9].iter().take(if name == "beta" { 2 } else { 1 }) {
            disk.edit(&file, |bytes| bytes[start + at] ^= 1);
        }
        let shared: Arc<dyn Disk> = disk.copy();
        assert!(matches!(crate::survey(shared, options()), Err(Error::Damaged { .. })));
        let repairs = mend(&disk).unwrap();
        assert!(repairs.mended.iter().all(|mended| mended.records.is_some()));
        assert_whole(&disk, &before);
    }
}

#[test]
fn a_damaged_payload_is_a_loss_and_the_rest_goes_on() {
    let disk = killed();
    let (file, start, _, headers) = frame_of(&disk, "acme", 55);
    let payload = start + headers + (320 + 8) + 8 + 20;
    disk.edit(&file, |bytes| bytes[payload] ^= 1);
    let shared: Arc<dyn Disk> = disk.copy();
    let inspection = inspect(&shared, Beside::Nothing, &mut |_| {}).unwrap();
    let kinds: Vec<_> = inspection.findings.iter().map(|finding| finding.kind).collect();
    assert_eq!(kinds, [FindingKind::Loss]);
    let repairs = mend(&disk).unwrap();
    assert_eq!(repairs.lost.len(), 1);
    assert_eq!((repairs.lost[0].records.first.0, repairs.lost[0].records.end.0), (50, 60));
    let store = Store::on(disk);
    assert_eq!(store.recovered.lost, repairs.lost);
    let record = |index| store.reader.record(&tenant("acme"), tlog::Index(index));
    assert!(matches!(record(55), Err(Error::Lost { .. })));
    assert!(record(49).unwrap().is_some() && record(60).unwrap().is_some());
    let sections = store.reader.scan(&tenant("acme"), tlog::Index(0));
    assert_eq!(sections.filter(Result::is_err).count(), 1, "a scan goes on behind the loss");
}

#[test]
fn roots_without_their_payload_above_the_packs_are_refused() {
    let disk = killed();
    let (file, start, _, headers) = frame_of(&disk, "acme", 55);
    let payload = start + headers + (320 + 8) + 8 + 20;
    disk.edit(&file, |bytes| bytes[payload] ^= 1);
    disk.edit(&file, |bytes| bytes[start + headers + 6] ^= 1);
    let refused = mend(&disk).unwrap_err();
    let Error::Damaged { damage } = refused else { panic!("{refused}") };
    let records = damage.records.unwrap();
    assert_eq!((records.first.0, records.end.0), (50, 60), "the refusal names the range");
}

#[test]
fn both_header_copies_above_the_packs_are_refused() {
    let disk = killed();
    let (file, start, length, headers) = frame_of(&disk, "acme", 55);
    let second = start + length - headers - frame::TRAILER_BYTES;
    disk.edit(&file, |bytes| {
        bytes[start + 20] ^= 1;
        bytes[second + 20] ^= 1;
    });
    let refused = mend(&disk).unwrap_err();
    assert!(matches!(&refused, Error::Damaged { damage } if damage.file == file), "{refused}");
}

/// A store of which tenant `acme` has a full pack.
fn packed() -> Arc<MemoryDisk> {
    let wide = Options { wal_file_bytes: 1 << 20, ..options() };
    let mut store = Store::with(Arc::new(MemoryDisk::default()), wide);
    for round in 0..8 {
        let first = 1 + 9000 * round;
        let source = Source::Stream { stream: stream("spool", 1), first: Seq(first) };
        let small = |number| Item { payload: number_bytes(number), ..item(number) };
        let items: Vec<_> = (first..first + 9000).map(small).map(rooted).collect();
        store.done(append("acme", source, items));
        store.done(loose("beta", &[u8::try_from(round).unwrap()]));
        store.reader.keep_packs().unwrap();
        store.writer.keep(store.now).unwrap();
    }
    assert_eq!(store.disk.paths("ledger/packs/").len(), 1);
    store.disk
}

fn number_bytes(number: u64) -> Vec<u8> {
    number.to_be_bytes().to_vec()
}

fn rooted(item: Item) -> Item {
    Item { root: leaf_hash(&item.payload), ..item }
}

#[test]
fn below_the_packs_end_everything_but_the_payload_is_rebuilt() {
    let whole = packed();
    let before = whole.files.lock().unwrap().clone();
    let (file, start, length, headers) = frame_of(&whole, "acme", 10_000);
    let second = start + length - headers - frame::TRAILER_BYTES;
    // Both header copies gone, with or without the payload.
    for spoil_payload in [0, 1] {
        let disk = whole.copy();
        disk.edit(&file, |bytes| {
            bytes[start..start + headers].fill(0xff);
            bytes[second..start + length].fill(0);
            bytes[second - 60] ^= spoil_payload;
        });
        let repairs = mend(&disk).unwrap();
        assert_eq!(repairs.lost.len(), usize::from(spoil_payload));
        let store = Store::on(disk.copy());
        assert_eq!(store.reader.head(&tenant("acme")).size.0, 72_000);
        if spoil_payload == 0 {
            assert_whole(&disk, &before);
        }
    }
    // Roots and payload gone.
    let disk = whole.copy();
    disk.edit(&file, |bytes| {
        bytes[start + headers + 6] ^= 1;
        bytes[second - 60] ^= 1;
    });
    let repairs = mend(&disk).unwrap();
    assert_eq!(repairs.lost.len(), 1);
}

#[test]
fn damaged_and_missing_packs_are_written_anew() {
    let whole = packed();
    let path = whole.paths("ledger/packs/").remove(0);
    let good = whole.bytes(&path);
    for damage in 0..3 {
        let disk = whole.copy();
        match damage {
            0 => disk.edit(&path, |bytes| bytes[50] ^= 1),
            1 => disk.edit(&path, |bytes| bytes[100_000] ^= 1),
            _ => disk.remove(&path).unwrap(),
        }
        mend(&disk).unwrap();
        assert!(disk.bytes(&path) == good);
    }
}

#[test]
fn a_damaged_snapshot_goes_to_quarantine() {
    let disk = {
        let mut store = Store::new();
        store.done(streamed("acme", 1, 10));
        store.stop()
    };
    let path = disk.paths("ledger/state/").remove(0);
    disk.edit(&path, |bytes| bytes[60] ^= 1);
    let shared: Arc<dyn Disk> = disk.copy();
    assert!(matches!(crate::survey(shared, options()), Err(Error::Damaged { .. })));
    let repairs = mend(&disk).unwrap();
    assert_eq!(repairs.quarantined, [path]);
    assert_eq!(disk.paths("quarantine/").len(), 1, "nothing is deleted");
    assert_eq!(Store::on(disk).recovered.records, 10);
}

#[test]
fn an_unreadable_slot_after_a_clean_stop_is_written_anew() {
    let disk = {
        let mut store = Store::new();
        store.done(streamed("acme", 1, 10));
        store.stop()
    };
    let good = disk.bytes("ledger/acked");
    disk.edit("ledger/acked", |bytes| bytes[13] ^= 1);
    mend(&disk).unwrap();
    assert_eq!(disk.bytes("ledger/acked"), good);
}

#[test]
fn bytes_behind_the_last_frame_of_a_file_are_set_to_zero() {
    let stopped = {
        let mut store = Store::new();
        store.done(streamed("acme", 1, 10));
        store = store.restart();
        store.done(streamed("acme", 11, 10));
        store.stop()
    };
    let before = stopped.files.lock().unwrap().clone();
    let logs = stopped.paths("ledger/wal/");
    assert_eq!(logs.len(), 2);
    for path in logs {
        let disk = stopped.copy();
        disk.edit(&path, |bytes| *bytes.last_mut().unwrap() = 1);
        let shared: Arc<dyn Disk> = disk.copy();
        assert!(matches!(crate::survey(shared, options()), Err(Error::Damaged { .. })));
        assert_eq!(mend(&disk).unwrap().mended.len(), 1);
        assert_whole(&disk, &before);
    }
}
