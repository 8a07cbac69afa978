//! What is read is what was written; whatever is not is refused.

use super::world::{FIRST, World, bench_events};
use super::*;
use crate::steps::at_once;
use crate::{names, rows};
use arrow::array::{AsArray as _, RecordBatch};
use arrow::datatypes::UInt64Type;

pub(super) const NONE: BTreeMap<u64, Vec<u8>> = BTreeMap::new();

/// A folder with one segment file in it.
pub(super) struct Disk {
    /// Removed with this.
    _folder: tempfile::TempDir,
    pub(super) store: Store,
    pub(super) name: String,
    pub(super) known: (About, Print),
}

fn secret(block: u64) -> Option<[u8; 32]> {
    Some([u8::try_from(block % 256).unwrap(); 32])
}

pub(super) fn order<'a>(
    world: &'a TenantId,
    level: Level,
    exact: &'a BTreeMap<u64, Vec<u8>>,
) -> Order<'a> {
    Order { tenant: world, level, class: "standard", rollup: b"rollup", exact, secrets: &secret }
}

fn store(batch: &RecordBatch, order: &Order<'_>) -> Disk {
    let mut bytes = Vec::new();
    let known = write(&mut bytes, batch, order).unwrap();
    on_disk(&bytes, known)
}

pub(super) fn on_disk(bytes: &[u8], known: (About, Print)) -> Disk {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join(LAKE)).unwrap();
    let name = file_name(&known.0.tenant, &known.0.indices, known.0.level);
    std::fs::write(folder.path().join(&name), bytes).unwrap();
    let store = Store::new(folder.path());
    Disk { _folder: folder, store, name, known }
}

impl Disk {
    pub(super) fn open(&self) -> Segment {
        let cache = Arc::new(Cache::new(64 << 20));
        Segment::open(&self.store, &self.name, self.known.clone(), &cache).unwrap()
    }
}

/// Events of a benchmark, some without a stream, and system records.
pub(super) fn sample(count: usize) -> (TenantId, RecordBatch, Vec<Vec<u8>>) {
    let mut world = World::new();
    for (item, seq) in bench_events(count).iter().zip(1..) {
        world.send(item.as_bytes(), (seq % 50 > 3).then_some(seq));
    }
    world.systems();
    let tenant = world.tenant.clone();
    let (batch, records) = world.finish();
    (tenant, batch, records)
}

pub(super) fn truth(records: &[Vec<u8>]) -> impl FnMut(u64, &mut Vec<u8>) -> Result<(), Error> {
    move |index, out| {
        out.extend_from_slice(&records[usize::try_from(index - FIRST).unwrap()]);
        Ok(())
    }
}

#[test]
fn a_file_of_either_level_gives_back_rows_and_records() {
    let (tenant, batch, records) = sample(3_000);
    for level in [Level::L0, Level::L1] {
        let disk = store(&batch, &order(&tenant, level, &NONE));
        let segment = disk.open();
        assert_eq!(segment.batch(&Columns::all()).unwrap(), batch);
        assert_eq!(compare(&segment, &mut truth(&records), &at_once).unwrap(), Vec::<u64>::new());
        assert_eq!(segment.verify().unwrap(), None);
        let described = describe(&disk.store, &disk.name).unwrap();
        assert_eq!((described.about, described.print), disk.known);
        assert_eq!(described.rollup, b"rollup");
        assert_eq!(segment.about().rows, 3_009);
        assert_eq!(segment.secret(7).unwrap(), secret(7));
        assert_eq!(segment.secret(6).unwrap(), None);
    }
}

#[test]
fn the_ledger_is_asked_in_its_own_order() {
    let (tenant, batch, records) = sample(9_000);
    for level in [Level::L0, Level::L1] {
        let disk = store(&batch, &order(&tenant, level, &NONE));
        let mut asked = Vec::new();
        let mut truth = truth(&records);
        let mut ask = |index, out: &mut Vec<u8>| {
            asked.push(index);
            truth(index, out)
        };
        assert_eq!(compare(&disk.open(), &mut ask, &at_once).unwrap(), Vec::<u64>::new());
        assert!(asked.iter().copied().eq(FIRST..FIRST + 9_009), "{level:?}");
    }
}

#[test]
fn levels_of_the_same_rows_have_the_same_hash_of_rows() {
    let (tenant, batch, _) = sample(200);
    let hashes = [Level::L0, Level::L1].map(|level| {
        let disk = store(&batch, &order(&tenant, level, &NONE));
        describe(&disk.store, &disk.name).unwrap().rows_sha256
    });
    assert_eq!(hashes[0], hashes[1]);
    let other = BTreeMap::from([(FIRST, b"kept".to_vec())]);
    let disk = store(&batch, &order(&tenant, Level::L0, &other));
    assert_ne!(describe(&disk.store, &disk.name).unwrap().rows_sha256, hashes[0]);
}

#[test]
fn rows_that_do_not_rebuild_keep_their_records() {
    let (tenant, batch, mut records) = sample(100);
    for place in [3, 70] {
        let last = records[place].len() - 2;
        records[place][last] ^= 1;
    }
    for level in [Level::L0, Level::L1] {
        let disk = store(&batch, &order(&tenant, level, &NONE));
        let unfaithful = compare(&disk.open(), &mut truth(&records), &at_once).unwrap();
        let mut sorted = unfaithful.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, [FIRST + 3, FIRST + 70]);
        let exact: BTreeMap<u64, Vec<u8>> =
            [3, 70].map(|place| (FIRST + place as u64, records[place].clone())).into();
        let segment = store(&batch, &order(&tenant, level, &exact));
        let segment = (segment.open(), segment);
        assert_eq!(compare(&segment.0, &mut truth(&records), &at_once).unwrap(), Vec::<u64>::new());
        assert_eq!(segment.0.about().exact, 2);
        assert_eq!(segment.0.exact().unwrap(), exact);
        assert_eq!(segment.0.verify().unwrap(), None);
        records[70][20] ^= 1;
        assert!(
            compare(&segment.0, &mut truth(&records), &at_once).is_err(),
            "it keeps another record"
        );
        records[70][20] ^= 1;
    }
}

#[test]
fn rows_are_found_by_place_name_id_and_number() {
    let (tenant, batch, _) = sample(1_500);
    for level in [Level::L0, Level::L1] {
        let disk = store(&batch, &order(&tenant, level, &NONE));
        let segment = disk.open();
        let offsets = [7, 1_400, 0, 7, 1_508];
        let places = segment.rows_of(&offsets).unwrap();
        let taken = segment.take(&Columns::all(), &places).unwrap();
        let wanted = arrow::array::UInt32Array::from(offsets.to_vec());
        assert_eq!(taken, arrow::compute::take_record_batch(&batch, &wanted).unwrap());
        assert!(
            segment.rows_of(&[1_509]).is_err() && segment.take(&Columns::all(), &[1_509]).is_err()
        );

        let columns = Columns::of(&["seq", "actor_id", "no_such"]);
        let some = segment.batch(&columns).unwrap();
        assert_eq!(some.num_columns(), 2);
        assert_eq!(some.column(0), batch.column_by_name("seq").unwrap());

        by_name(&segment, &batch);
        let ids = batch.column_by_name(rows::ID).unwrap().as_fixed_size_binary();
        for row in [0, 700, 1_499] {
            let id = ids.value(row).try_into().unwrap();
            assert_eq!(segment.groups_with_id(&id).unwrap(), [0]);
        }
        let strangers =
            (0_u8..200).filter(|byte| !segment.groups_with_id(&[*byte; 16]).unwrap().is_empty());
        assert!(strangers.count() < 20, "a filter that takes everything is none");
        let footer = segment.footer().unwrap();
        let found = footer.runs().find(&[7; 16], 1_000).collect::<Vec<_>>();
        let seqs = batch.column_by_name(rows::SEQ).unwrap().as_primitive::<UInt64Type>();
        assert_eq!(found.len(), seqs.iter().filter(|seq| *seq == Some(1_000)).count());
        assert!(footer.decoded_bytes(&Columns::all()) > 1_500 * 300);
    }
}

fn by_name(segment: &Segment, batch: &RecordBatch) {
    let actors = batch.column_by_name("actor_id").unwrap().as_string::<i32>();
    let mut due: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    let lists = batch.column_by_name(rows::TARGETS).unwrap().as_list::<i32>();
    for row in (0..batch.num_rows()).rev() {
        let offset = u32::try_from(row).unwrap();
        due.entry(names::actor(actors.value(row))).or_default().push(offset);
        let list = lists.value(row);
        let member =
            |name| list.as_struct().column_by_name(name).unwrap().as_string::<i32>().clone();
        for (kind, id) in member("type").iter().zip(&member("id")) {
            due.entry(names::target(kind.unwrap(), id.unwrap())).or_default().push(offset);
        }
    }
    assert!(due.len() > 1_000);
    let (mut asked, mut strangers) = (0, 0);
    for (hash, offsets) in due {
        let found = segment.named(hash).unwrap();
        assert!(found.is_sorted_by(|newer, older| newer > older), "the newest first");
        assert!(offsets.iter().all(|offset| found.contains(offset)), "every row of the name");
        asked += 1;
        strangers += usize::from(found.len() > offsets.len());
    }
    // A hash is cut short: now and then rows of another name come along, and whoever asks compares.
    assert!(strangers * 50 < asked, "{strangers} of {asked} look-ups found a stranger's rows");
}

#[test]
fn rows_that_are_not_dense_or_too_many_are_refused() {
    let (tenant, batch, _) = sample(10);
    let swapped = arrow::array::UInt32Array::from(vec![1, 0]);
    let swapped = arrow::compute::take_record_batch(&batch, &swapped).unwrap();
    let refused = write(&mut Vec::new(), &swapped, &order(&tenant, Level::L0, &NONE));
    assert!(matches!(refused, Err(Error::OutOfOrder { .. })), "{refused:?}");
    let nothing = write(&mut Vec::new(), &batch.slice(0, 0), &order(&tenant, Level::L0, &NONE));
    assert!(matches!(nothing, Err(Error::Segment { .. })));
    let mut world = World::new();
    let item = br#"{"action":"a.b","actor":"x"}"#;
    (0..=ROWS_MAX).for_each(|_| world.send(item, None));
    let (batch, _) = world.finish();
    assert!(write(&mut Vec::new(), &batch, &order(&tenant, Level::L0, &NONE)).is_err());
    let fits = write(&mut Vec::new(), &batch.slice(0, ROWS_MAX), &order(&tenant, Level::L0, &NONE));
    assert_eq!(fits.unwrap().0.rows, ROWS_MAX as u64);
}
