//! Every flipped bit of a small stopped store is found, and so are bytes past the end, deleted
//! files and cut tails; a good store has no finding.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

use proptest::prelude::*;

use super::*;
use crate::frame::{FRAME_HEAD_BYTES, TRAILER_BYTES};
use crate::ledger::tests::{MemoryDisk, Store, loose, streamed};

/// A store with several log files, a snapshot, checkpoints, a spare, and a clean stop.
fn stopped(rounds: u64) -> Arc<MemoryDisk> {
    let mut store = Store::new();
    for round in 0..rounds {
        store.done(streamed("acme", 1 + 10 * round, 10));
        store.done(loose("beta", &[u8::try_from(round).unwrap(), 200]));
        store.now.monotonic_ns += 2_000_000_000;
        store.now.wall.0 += 2_000_000_000;
        store.writer.keep(store.now).unwrap();
    }
    store.reader.fill_spare().unwrap();
    store.stop()
}

fn look(disk: &Arc<MemoryDisk>) -> Inspection {
    let disk: Arc<dyn Disk> = Arc::clone(disk) as Arc<dyn Disk>;
    inspect(&disk, Beside::Nothing, &mut |_| {}).unwrap()
}

/// Whether something was found that is not merely unfinished.
fn is_bad(inspection: &Inspection) -> bool {
    inspection.findings.iter().any(|finding| finding.kind != FindingKind::Unfinished)
}

#[test]
fn a_good_store_has_no_finding() {
    let mut sections = 0;
    let disk: Arc<dyn Disk> = stopped(30);
    let inspection = inspect(&disk, Beside::Nothing, &mut |section| {
        sections += 1;
        assert_eq!(
            section.entries.as_ref().unwrap().len(),
            section.payloads.as_ref().unwrap().len()
        );
        assert!(section.keys.is_some());
    });
    let inspection = inspection.unwrap();
    assert_eq!(inspection.findings, Vec::new());
    assert!(inspection.ends_in_stop);
    assert_eq!(inspection.sections, 60);
    assert_eq!(sections, 60);
    assert_eq!(inspection.checkpoints.len(), 2);
    let sizes: Vec<_> = inspection.tenants.iter().map(|facts| facts.size.0).collect();
    assert_eq!(sizes, [300, 31]);
}

/// Where the last byte that is not zero stands.
fn extent(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)
}

fn assert_flip_is_found(disk: &Arc<MemoryDisk>, path: &str, bit: usize) {
    let flip = |bytes: &mut Vec<u8>| bytes[bit / 8] ^= 0x80 >> (bit % 8);
    disk.edit(path, flip);
    let found = catch_unwind(AssertUnwindSafe(|| look(disk)));
    disk.edit(path, flip);
    let found = found.unwrap_or_else(|_| panic!("bit {bit} of {path} panics"));
    assert!(is_bad(&found), "bit {bit} of {path} is not found");
}

#[test]
fn every_bit_of_small_files_and_of_the_outer_frames_is_found() {
    let disk = stopped(3);
    let mut paths = disk.paths("ledger/state/");
    let newest = paths.last().cloned().unwrap();
    paths.extend(disk.paths("ledger/checkpoint/"));
    for path in paths {
        // What a signature's bits say is for its verifier; here the text and the note's form.
        let bytes = disk.bytes(&path);
        let signed = bytes.windows(2).position(|pair| pair == b"\n\n").unwrap_or(bytes.len());
        let step = if path.ends_with(".snap") && path != newest { 7 } else { 1 };
        for bit in (0..signed * 8).step_by(step) {
            assert_flip_is_found(&disk, &path, bit);
        }
    }
    for bit in 0..disk.bytes("ledger/acked").len() * 8 {
        assert_flip_is_found(&disk, "ledger/acked", bit);
    }
    let logs = disk.paths("ledger/wal/");
    let owner = 2 * (FRAME_HEAD_BYTES + 20) + TRAILER_BYTES;
    for bit in 0..owner * 8 {
        assert_flip_is_found(&disk, &logs[0], bit);
    }
    let last = logs.last().unwrap();
    let end = extent(&disk.bytes(last));
    for bit in (end - 2 * FRAME_HEAD_BYTES - TRAILER_BYTES) * 8..end * 8 {
        assert_flip_is_found(&disk, last, bit);
    }
}

#[test]
fn bits_of_every_log_file_are_found() {
    let disk = stopped(12);
    for path in disk.paths("ledger/wal/") {
        let end = extent(&disk.bytes(&path));
        // At least 2,000 bits of each file; an odd step walks through every field sooner or later.
        for bit in (0..end * 8).step_by(((end * 8 / 2_000).max(1) - 1) | 1) {
            assert_flip_is_found(&disk, &path, bit);
        }
    }
}

#[test]
fn bytes_past_the_end_are_found() {
    let disk = stopped(30);
    for path in disk.paths("ledger/wal/") {
        let (end, length) = (extent(&disk.bytes(&path)), disk.bytes(&path).len());
        for place in [end, (end + length) / 2, length - 1].into_iter().filter(|at| *at < length) {
            assert_flip_is_found(&disk, &path, place * 8);
        }
    }
    for path in disk.paths("ledger/spare-") {
        assert_flip_is_found(&disk, &path, 12_345);
    }
}

#[test]
fn deleted_files_and_cut_tails_are_found() {
    let disk = stopped(30);
    for path in disk.paths("ledger/wal/").into_iter().chain(["ledger/acked".to_owned()]) {
        let copy = disk.copy();
        copy.remove(&path).unwrap();
        assert!(is_bad(&look(&copy)), "{path} deleted");
    }
    let last = disk.paths("ledger/wal/").pop().unwrap();
    let end = extent(&disk.bytes(&last));
    for cut in [1, 100, 300, end] {
        let copy = disk.copy();
        copy.edit(&last, |bytes| bytes[end - cut..].fill(0));
        assert!(is_bad(&look(&copy)), "{cut} bytes cut");
        copy.edit(&last, |bytes| bytes.truncate(end - cut));
        assert!(is_bad(&look(&copy)), "{cut} bytes cut off");
    }
}

#[test]
fn a_payload_that_holds_no_records_is_found_under_its_good_checksum() {
    let mut store = Store::new();
    store.done(streamed("acme", 1, 10));
    let mut forged = streamed("acme", 11, 10);
    let raw_bytes = crate::frame::area::payload_bytes(forged.items.iter());
    let raw_bytes = u32::try_from(raw_bytes).unwrap();
    forged.packed = Some(crate::request::Packed { bytes: vec![0xa5; 40], raw_bytes });
    store.done(forged);
    let read = store.reader.record(&crate::ledger::tests::tenant("acme"), Index(12));
    assert!(matches!(read, Err(Error::Damaged { .. })), "{read:?}");
    let inspection = look(&store.disk);
    let of: Vec<_> = inspection.findings.iter().filter_map(|f| f.damage.records.clone()).collect();
    assert_eq!(of.len(), 1, "{:?}", inspection.findings);
    assert_eq!((of[0].first, of[0].end), (Index(10), Index(20)));
}

#[test]
fn a_torn_tail_of_a_killed_store_is_no_damage() {
    let mut store = Store::new();
    store.done(streamed("acme", 1, 10));
    let log = store.disk.paths("ledger/wal/").pop().unwrap();
    let end = extent(&store.disk.bytes(&log));
    let slot = store.disk.bytes("ledger/acked");
    store.done(streamed("acme", 11, 10));
    store.disk.edit("ledger/acked", |bytes| *bytes = slot);
    let whole = extent(&store.disk.bytes(&log));
    for torn in (end + 1..whole).step_by(9) {
        let copy = store.disk.copy();
        copy.edit(&log, |bytes| bytes[torn..].fill(0));
        let found = look(&copy);
        assert!(!is_bad(&found), "torn at {torn}: {:?}", found.findings);
        assert_eq!(Store::on(copy).recovered.records, 10);
    }
}

#[test]
fn a_torn_frame_that_was_acknowledged_is_damage() {
    let mut store = Store::new();
    store.done(streamed("acme", 1, 10));
    let log = store.disk.paths("ledger/wal/").pop().unwrap();
    let whole = extent(&store.disk.bytes(&log));
    store.disk.edit(&log, |bytes| bytes[whole - 40..].fill(0));
    assert!(is_bad(&look(&store.disk)));
    let shared: Arc<dyn Disk> = store.disk;
    let refused = crate::survey(shared, crate::ledger::tests::options());
    assert!(matches!(refused, Err(Error::Damaged { .. })));
}

#[test]
fn beside_a_running_server_its_unfinished_end_is_left_alone() {
    let mut store = Store::new();
    store.done(streamed("acme", 1, 10));
    let log = store.disk.paths("ledger/wal/").pop().unwrap();
    let end = extent(&store.disk.bytes(&log));
    let slot = store.disk.bytes("ledger/acked");
    store.done(streamed("acme", 11, 10));
    store.done(streamed("acme", 21, 10));
    // As if the log had been read while the two frames were written, the first half first.
    store.disk.edit("ledger/acked", |bytes| *bytes = slot);
    store.disk.edit(&log, |bytes| bytes[end..end + 50].fill(0));
    let disk: Arc<dyn Disk> = Arc::clone(&store.disk) as Arc<dyn Disk>;
    let running = inspect(&disk, Beside::Running, &mut |_| {}).unwrap();
    assert!(!is_bad(&running), "{:?}", running.findings);
    assert!(is_bad(&look(&store.disk)), "the same on a store that stands still is damage");
}

/// Whether the slot cannot be read, the last frame is not whole, and nothing else was touched. A slot that cannot be read
/// is damage behind a valid `stop` only, by the format: this is what a crash leaves, and that the store was stopped cleanly
/// only `MANIFEST` says.
fn is_as_after_crash(
    disk: &MemoryDisk,
    good: &BTreeMap<String, Vec<u8>>,
    found: &Inspection,
) -> bool {
    let [only] = found.findings.as_slice() else { return false };
    let last = good.keys().rfind(|path| path.starts_with("ledger/wal/"));
    let start = usize::try_from(only.damage.offset).unwrap();
    let is_torn_end = only.kind == FindingKind::Unfinished && last == Some(&only.damage.file);
    let is_untouched = good.iter().all(|(path, bytes)| {
        let kept = if Some(path) == last { start } else { bytes.len() };
        path == "ledger/acked" || disk.bytes(path)[..kept] == bytes[..kept]
    });
    is_torn_end && is_untouched && disk.bytes("ledger/acked") != good["ledger/acked"]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whole sectors of anything anywhere: found or harmless, and nothing panics on the way.
    #[test]
    fn no_edit_panics(edits in prop::collection::vec((any::<u16>(), any::<u32>(), any::<u8>(), 1_usize..600), 1..4)) {
        static GOOD: OnceLock<Arc<MemoryDisk>> = OnceLock::new();
        let disk = GOOD.get_or_init(|| stopped(4)).copy();
        let good = disk.files.lock().unwrap().clone();
        let paths: Vec<_> = good.keys().filter(|path| path.starts_with("ledger/")).cloned().collect();
        for (path, place, value, length) in edits {
            let path = &paths[usize::from(path) % paths.len()];
            disk.edit(path, |bytes| {
                let place = usize::try_from(place).unwrap() % bytes.len();
                let end = bytes.len().min(place + length);
                bytes[place..end].fill(value);
            });
        }
        let same = *disk.files.lock().unwrap() == good;
        let found = look(&disk);
        // A signature's bytes are for whoever has the key; all else must be found.
        let signatures = paths.iter().any(|path| {
            path.starts_with("ledger/checkpoint/") && disk.bytes(path) != good[path]
        });
        prop_assert!(is_bad(&found) || same || signatures || is_as_after_crash(&disk, &good, &found));
        let shared: Arc<dyn Disk> = Arc::clone(&disk) as Arc<dyn Disk>;
        // Mending may refuse; it must not panic, and what it mends must read well.
        if crate::repair::wal(&shared, &|_, _, _| None).is_ok() && !signatures {
            let damages = |finding: &&Finding| finding.kind == FindingKind::Damage;
            let left: Vec<_> = look(&disk).findings.into_iter().filter(|f| damages(&f)).collect();
            let elsewhere = |finding: &Finding| {
                !finding.damage.file.starts_with("ledger/spare-")
            };
            prop_assert!(!left.iter().any(elsewhere), "{:?}", left);
        }
    }
}
