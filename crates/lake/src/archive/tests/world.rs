//! An archive with hot rows before it, and the payloads that it must give back.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::{AsArray as _, RecordBatch};
use arrow::datatypes::UInt64Type;

use super::super::*;
use crate::Hot;
use crate::rebuild::Rebuild;
use crate::rollup::{self, Rollup};
use crate::rows::testing::rows;
use crate::segment::Columns;
use crate::store::Gate;
use crate::view::View;

pub(super) fn tenant() -> TenantId {
    TenantId::parse("a").unwrap()
}

pub(super) struct World {
    pub(super) folder: tempfile::TempDir,
    pub(super) archive: Archive,
    pub(super) hot: Hot,
    /// What the ledger holds.
    pub(super) truth: BTreeMap<u64, Vec<u8>>,
    pub(super) size: u64,
    /// Steps that flushes were done in.
    pub(super) steps: AtomicUsize,
}

impl World {
    pub(super) fn new() -> World {
        let folder = tempfile::tempdir().unwrap();
        let archive = open(&Store::new(folder.path())).unwrap().0;
        let (hot, truth, steps) = (Hot::new(1 << 30), BTreeMap::new(), AtomicUsize::new(0));
        World { folder, archive, hot, truth, size: 0, steps }
    }

    /// Appends to ledger and tail.
    pub(super) fn append(&mut self, count: usize) {
        let placed = || rows(self.size, count).place(self.size, Timestamp(1_000 + self.size));
        let batch = placed().finish().unwrap();
        for (index, payload) in payloads(&batch) {
            self.truth.insert(index, payload);
        }
        self.hot.append(&tenant(), vec![placed()], Vec::new()).unwrap();
        self.size += u64::try_from(count).unwrap();
    }

    /// Loses the next records.
    pub(super) fn lose(&mut self, count: u64) {
        self.size += count;
        self.hot.skip(&tenant(), self.size);
    }

    pub(super) fn view(&self) -> Arc<View> {
        self.hot.view(&tenant())
    }

    pub(super) fn flush(&mut self, rows_max: usize) {
        self.try_flush(rows_max).unwrap();
    }

    /// Archives the first rows and swaps the view.
    pub(super) fn try_flush(&mut self, rows_max: usize) -> Result<(), Error> {
        let prefix = self.view().prefix(rows_max, u64::MAX).unwrap();
        let segment = self.flush_batch(&prefix.unwrap().batch)?;
        self.hot.archive(&tenant(), segment)
    }

    pub(super) fn flush_batch(&self, batch: &RecordBatch) -> Result<Arc<Segment>, Error> {
        let truth = |index: u64, out: &mut Vec<u8>| match self.truth.get(&index) {
            Some(payload) => {
                out.extend_from_slice(payload);
                Ok(())
            }
            None => Err("it is not there".into()),
        };
        let secrets = |block: u64| (block == 1).then_some([7; 32]);
        let steps = |work: &mut (dyn FnMut() + Send)| {
            self.steps.fetch_add(1, Ordering::Relaxed);
            work();
        };
        let now = Timestamp(5);
        let flush = Flush { batch, truth: &truth, secrets: &secrets, steps: &steps, now };
        self.archive.flush(&tenant(), &flush)
    }

    pub(super) fn archive_hole(&mut self) {
        let hole = self.view().hole_at_watermark().unwrap();
        self.archive.lost(&tenant(), &hole, Timestamp(6)).unwrap();
        self.hot.archive_hole(&tenant(), &hole);
    }

    /// Merges all segments into one.
    pub(super) fn compact_all(&mut self) {
        let view = self.view();
        self.compact(view.segments()).unwrap();
    }

    pub(super) fn compact(&self, inputs: &[Arc<Segment>]) -> Result<(), Error> {
        let segment = self.archive.compact(&tenant(), inputs, Timestamp(7))?;
        self.hot.compacted(&tenant(), segment);
        Ok(())
    }

    /// The process ends and starts again; hot rows are gone, and the ledger gives them again.
    pub(super) fn restart(&mut self) -> Opened {
        let (archive, opened) = self.try_open().unwrap();
        self.archive = archive;
        self.hot = Hot::new(1 << 30);
        let tiles = self.archive.tiles(&tenant()).unwrap();
        self.size = tiles.watermark;
        self.hot.open(&tenant(), tiles.segments, tiles.holes);
        opened
    }

    pub(super) fn try_open(&self) -> Result<(Archive, Opened), Error> {
        open(&Store::new(self.folder.path()))
    }

    /// The same folder behind a gate; what is open stays open beside it, as a killed process's files.
    pub(super) fn gated(&mut self, gate: Arc<Gate>) -> Result<(), Error> {
        self.archive = open(&Store::gated(self.folder.path(), gate))?.0;
        let tiles = self.archive.tiles(&tenant())?;
        let hot = Hot::new(1 << 30);
        hot.open(&tenant(), tiles.segments, tiles.holes);
        self.hot = hot;
        Ok(())
    }

    /// The names in `lake/`.
    pub(super) fn files(&self) -> Vec<String> {
        Store::new(self.folder.path()).list(LAKE).unwrap()
    }

    /// INVARIANT (I2), (I6): the view holds every record once, and each as the ledger does.
    pub(super) fn check(&self) {
        assert_eq!(self.hot.used(), self.view().hot_bytes(), "INVARIANT (I10)");
        self.check_view(&self.view());
        let known: Vec<String> = self
            .archive
            .rows()
            .unwrap()
            .into_iter()
            .filter_map(|row| row.file)
            .map(|file| file.path.rsplit('/').next().unwrap().to_owned())
            .collect();
        let files = self.files();
        assert!(
            files.iter().all(|file| known.contains(file)),
            "{files:?} but not all in {known:?}"
        );
    }

    pub(super) fn check_view(&self, view: &View) {
        let mut found = BTreeMap::new();
        let mut take = |index, payload| {
            let before = found.insert(index, payload);
            assert!(before.is_none(), "INVARIANT (I6): record {index} is there twice");
        };
        for segment in view.segments() {
            let exact = segment.exact().unwrap();
            for (index, payload) in payloads(&segment.batch(&Columns::all()).unwrap()) {
                take(index, exact.get(&index).cloned().unwrap_or(payload));
            }
            assert_eq!(segment.verify().unwrap(), None);
            assert_eq!(segment.secret(1).unwrap(), Some([7; 32]));
        }
        let counted = rollup::archived(view).unwrap().unwrap();
        let parts = view.segments().iter().map(|segment| segment.rollup().unwrap());
        let mut sum = Rollup::default();
        parts.for_each(|part| sum.merge(part.as_ref().as_ref().unwrap()));
        assert_eq!(*counted, sum, "INVARIANT (I6): what was added up before is what there is");
        let archived = view.segments().iter().map(|segment| segment.about().rows).sum::<u64>();
        assert_eq!(counted.rows(), archived);
        for chunk in view.hot_chunks() {
            for (index, _) in payloads(chunk.batch()) {
                take(index, self.truth[&index].clone());
            }
        }
        for (index, payload) in self.truth.range(..view.to()) {
            assert_eq!(
                found.remove(index).as_ref(),
                Some(payload),
                "INVARIANT (I2): record {index}"
            );
        }
        assert_eq!(found, BTreeMap::new(), "INVARIANT (I6): records that nobody appended");
        let lost: u64 = view.holes().iter().map(|hole| hole.end - hole.start).sum();
        let rows = u64::try_from(self.truth.range(..view.to()).count()).unwrap();
        assert_eq!(rows + lost, view.to(), "INVARIANT (I6): every index is a row or in a hole");
    }
}

pub(super) fn open(store: &Store) -> Result<(Archive, Opened), Error> {
    Archive::open(store, &Arc::new(Cache::new(1 << 20)))
}

fn payloads(batch: &RecordBatch) -> Vec<(u64, Vec<u8>)> {
    let tenant = tenant();
    let rebuild = Rebuild::new(&tenant, batch).unwrap();
    let index = batch.column_by_name(crate::rows::INDEX).unwrap().as_primitive::<UInt64Type>();
    let payload = |row: usize| {
        let mut payload = Vec::new();
        rebuild.payload(row, &mut payload).unwrap();
        payload
    };
    index.values().iter().enumerate().map(|(row, index)| (*index, payload(row))).collect()
}
