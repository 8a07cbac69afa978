//! Scans of every mixture of levels, hot rows and holes against the rows that went in.

use std::collections::BTreeMap;

use arrow::compute::concat_batches;
use event::ids::{TenantId, Timestamp};

use super::window::Windows;
use super::*;
use crate::archive::Flush;
use crate::rebuild::Rebuild;
use crate::rows::testing::rows;
use crate::rows::{OCCURRED_AT, RECEIVED_AT, schema};
use crate::steps::at_once;
use crate::store::Store;
use crate::{Archive, Cache, Hot};

struct World {
    _folder: tempfile::TempDir,
    archive: Archive,
    hot: Hot,
    /// Everything that went in.
    all: Vec<RecordBatch>,
    size: u64,
}

fn tenant() -> TenantId {
    TenantId::parse("a").unwrap()
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let cache = Arc::new(Cache::new(1 << 20));
        let (archive, _) = Archive::open(&Store::new(folder.path()), &cache).unwrap();
        Self { _folder: folder, archive, hot: Hot::new(1 << 30), all: Vec::new(), size: 0 }
    }

    fn append(&mut self, count: usize) {
        let placed = || rows(self.size, count).place(self.size, Timestamp(1_000 + self.size * 10));
        self.all.push(placed().finish().unwrap());
        self.hot.append(&tenant(), vec![placed()], Vec::new()).unwrap();
        self.size += u64::try_from(count).unwrap();
    }

    fn lose(&mut self, count: u64) {
        self.size += count;
        self.hot.skip(&tenant(), self.size);
    }

    fn flush(&mut self) {
        let prefix = self.view().prefix(usize::MAX, u64::MAX).unwrap().unwrap();
        let payloads: BTreeMap<u64, Vec<u8>> = payloads(&prefix.batch);
        let truth = |index: u64, out: &mut Vec<u8>| {
            out.extend_from_slice(&payloads[&index]);
            Ok(())
        };
        let secrets = |_: u64| Some([7; 32]);
        let flush = Flush {
            batch: &prefix.batch,
            truth: &truth,
            secrets: &secrets,
            steps: &at_once,
            now: Timestamp(5),
        };
        let segment = self.archive.flush(&tenant(), &flush).unwrap();
        self.hot.archive(&tenant(), segment).unwrap();
    }

    fn compact(&mut self) {
        let view = self.view();
        let segment = self.archive.compact(&tenant(), view.segments(), Timestamp(6)).unwrap();
        self.hot.compacted(&tenant(), segment);
    }

    fn archive_hole(&mut self) {
        let hole = self.view().hole_at_watermark().unwrap();
        self.archive.lost(&tenant(), &hole, Timestamp(6)).unwrap();
        self.hot.archive_hole(&tenant(), &hole);
    }

    fn view(&self) -> Arc<View> {
        self.hot.view(&tenant())
    }

    /// Two segments made one, a hole, a segment as flushed, and hot rows.
    fn mixed() -> Self {
        let mut world = Self::new();
        for count in [900, 400] {
            world.append(count);
            world.flush();
        }
        world.compact();
        world.lose(30);
        world.archive_hole();
        world.append(500);
        world.flush();
        world.append(250);
        world.lose(5);
        world.append(40);
        world
    }
}

fn payloads(batch: &RecordBatch) -> BTreeMap<u64, Vec<u8>> {
    let tenant = tenant();
    let rebuild = Rebuild::new(&tenant, batch).unwrap();
    let indices = batch.column_by_name(INDEX).unwrap();
    let indices =
        arrow::array::AsArray::as_primitive::<arrow::datatypes::UInt64Type>(indices).clone();
    let payload = |row| {
        let mut out = Vec::new();
        rebuild.payload(row, &mut out).unwrap();
        out
    };
    indices.values().iter().enumerate().map(|(row, index)| (*index, payload(row))).collect()
}

fn scanned(view: Arc<View>, wanted: &Wanted) -> RecordBatch {
    let batches: Vec<RecordBatch> =
        Scan::new(view, wanted.clone()).map(|batch| batch.unwrap()).collect();
    for batch in &batches {
        assert!((1..=wanted.batch_rows).contains(&batch.num_rows()), "{}", batch.num_rows());
    }
    match batches.first() {
        Some(first) => concat_batches(&first.schema(), &batches).unwrap(),
        None => pick(&RecordBatch::new_empty(schema()), &wanted.columns).unwrap(),
    }
}

/// The same by looking at every row that went in.
fn plainly(world: &World, wanted: &Wanted) -> RecordBatch {
    let all = concat_batches(&schema(), &world.all).unwrap();
    wanted.piece(&all).unwrap()
}

fn every_column() -> Arc<[&'static str]> {
    let schema: &'static Schema = Box::leak(Box::new((*schema()).clone()));
    schema.fields().iter().map(|field| field.name().as_str()).collect()
}

#[test]
fn all_rows_come_in_index_order_whatever_they_are_stored_in() {
    let world = World::mixed();
    assert_eq!(world.view().segments().len(), 2);
    let columns: [Arc<[&'static str]>; 3] =
        [every_column(), Arc::new([INDEX, "action"]), Arc::new(["targets"])];
    for columns in columns {
        for batch_rows in [97, 8_192] {
            let wanted =
                Wanted { columns: Arc::clone(&columns), bounds: Bounds::default(), batch_rows };
            let got = scanned(world.view(), &wanted);
            assert_eq!(got.num_rows(), 2_090);
            assert_eq!(got, plainly(&world, &wanted));
        }
    }
}

#[test]
fn bounds_leave_out_exactly_the_rows_outside() {
    let world = World::mixed();
    let columns: Arc<[&'static str]> = Arc::new([INDEX, RECEIVED_AT, OCCURRED_AT]);
    let all = Bounds::default();
    let mut met = 0;
    for index in
        [0..u64::MAX, 0..0, 5..6, 880..920, 1_290..1_335, 1_300..1_330, 1_800..2_200, 2_105..9_000]
    {
        for received_at in [all.received_at, (1_000, 10_000), (9_950, 9_950), (18_000, i64::MAX)] {
            for occurred_at in [all.occurred_at, (0, 12_000), (14_000, i64::MAX)] {
                let bounds = Bounds { index: index.clone(), received_at, occurred_at };
                let wanted = Wanted { columns: Arc::clone(&columns), bounds, batch_rows: 64 };
                let got = scanned(world.view(), &wanted);
                assert_eq!(got, plainly(&world, &wanted), "{:?}", wanted.bounds);
                met += usize::from(got.num_rows() > 0);
            }
        }
    }
    assert!(met > 20, "{met}");
}

#[test]
fn i10_a_window_stays_small_and_no_row_is_lost_by_it() {
    let mut world = World::new();
    world.append(1_500);
    world.flush();
    world.append(500);
    world.flush();
    world.compact();
    let segment = Arc::clone(&world.view().segments()[0]);
    let columns = Columns::all();
    let whole = segment.batch(&columns).unwrap();
    for (bytes, rows_min, held_max) in
        [(u64::MAX, 1, usize::MAX), (20_000, 50, 25_000), (1, 300, 100_000)]
    {
        let windows = Windows::new(Arc::clone(&segment), columns.clone(), (0..2_000, 128));
        let mut windows = windows.within(bytes, rows_min);
        let (mut pieces, mut held) = (Vec::new(), Vec::new());
        while let Some(piece) = windows.next().unwrap() {
            pieces.push(piece);
            held.push(windows.held_bytes());
        }
        assert_eq!(concat_batches(&columns.schema(), &pieces).unwrap(), whole);
        assert!(held.iter().all(|held| (1..=held_max).contains(held)), "{held:?}");
    }
}

#[test]
fn rows_without_columns_are_still_rows() {
    let wanted = Wanted { columns: Arc::new([]), bounds: Bounds::default(), batch_rows: 100 };
    let batches = Scan::new(World::mixed().view(), wanted);
    assert_eq!(batches.map(|batch| batch.unwrap().num_rows()).sum::<usize>(), 2_090);
}
