//! The hot tail: rows that are in the ledger and in no segment yet, per tenant, in memory.
//!
//! One budget of bytes holds for all tenants. Room is asked for before intake, with what the rows
//! will take, and a full budget is a typed refusal; rows that are already in the ledger always get
//! in, so that recovery never fails for want of memory. The count is exact: at every moment
//! [`Hot::used`] is the bytes of all views' chunks plus the rooms given out (merged chunks that a
//! reader still holds are that reader's).
//!
//! It starts no thread and draws no batch together by itself: `server::ship` calls it. It refuses
//! rows that do not follow on the tenant's last index.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::compute::concat;
use arrow::error::ArrowError;
use event::ids::TenantId;

use crate::Error;
use crate::columns::Blank;
use crate::rows::Placed;
use crate::segment::Segment;
use crate::view::{Chunk, View};

/// Rows of a chunk at most: neighbours are merged up to this, never split.
pub const CHUNK_ROWS_MAX: usize = 8_192;
/// Bytes of a merged chunk at most, far below the 2 GiB that text offsets can name.
pub const CHUNK_BYTES_MAX: u64 = 16 << 20;
/// So many chunks of one size are merged into one of the next: each row is copied a few times at
/// most, however small the requests were.
const MERGE_FAN_IN: usize = 8;

/// The hot rows of every tenant.
#[derive(Debug)]
pub struct Hot {
    budget: Arc<Budget>,
    tenants: RwLock<HashMap<TenantId, Arc<Tail>>>,
}

/// One tenant: the current view, and the turn of whoever writes the next one. Readers wait for the
/// swap of a pointer, never for a merge.
#[derive(Debug, Default)]
struct Tail {
    view: RwLock<Arc<View>>,
    turn: Mutex<()>,
}

#[derive(Debug)]
struct Budget {
    max: u64,
    used: AtomicU64,
}

/// Bytes set aside for rows that are on their way into the ledger. Dropping it gives them back;
/// [`Hot::append`] takes it and counts the real rows instead.
#[derive(Debug)]
#[must_use = "dropping the room gives its bytes back"]
pub struct Room {
    bytes: u64,
    budget: Arc<Budget>,
}

impl Room {
    /// The bytes set aside.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.budget.give_back(self.bytes);
    }
}

impl Budget {
    fn take(&self, bytes: u64) -> Result<(), Error> {
        let added = |used: u64| used.checked_add(bytes).filter(|sum| *sum <= self.max);
        let taken = self.used.fetch_update(Ordering::AcqRel, Ordering::Acquire, added);
        let max_bytes = self.max;
        taken.map(drop).map_err(|used_bytes| Error::HotFull { used_bytes, max_bytes })
    }

    fn force(&self, bytes: u64) {
        self.used.fetch_add(bytes, Ordering::AcqRel);
    }

    fn give_back(&self, bytes: u64) {
        let before = self.used.fetch_sub(bytes, Ordering::AcqRel);
        assert!(before >= bytes, "the hot budget gave back more than was taken");
    }
}

impl Hot {
    /// An empty store that takes in at most `bytes_max` bytes of rows.
    pub fn new(bytes_max: u64) -> Self {
        let budget = Budget { max: bytes_max, used: AtomicU64::new(0) };
        Self { budget: Arc::new(budget), tenants: RwLock::default() }
    }

    /// Bytes in use: all views' rows and all rooms given out.
    pub fn used(&self) -> u64 {
        self.budget.used.load(Ordering::Acquire)
    }

    /// The most that intake may use.
    pub fn bytes_max(&self) -> u64 {
        self.budget.max
    }

    /// Sets bytes aside before intake, or refuses with [`Error::HotFull`]. Ask with the size of the
    /// rows ([`crate::Rows::bytes`]), or with that of the request before it is parsed.
    pub fn reserve(&self, bytes: u64) -> Result<Room, Error> {
        self.budget.take(bytes)?;
        Ok(Room { bytes, budget: Arc::clone(&self.budget) })
    }

    /// What can be seen of a tenant now. A tenant without rows has an empty view.
    pub fn view(&self, tenant: &TenantId) -> Arc<View> {
        let tenants = self.tenants.read().unwrap_or_else(PoisonError::into_inner);
        match tenants.get(tenant) {
            Some(tail) => tail.current(),
            None => Arc::new(View::default()),
        }
    }

    /// Sets what of a tenant is archived; before its first hot row, at start. Segments and holes are
    /// in index order and tile `[0, watermark)`.
    pub fn open(&self, tenant: &TenantId, segments: Vec<Arc<Segment>>, holes: Vec<Range<u64>>) {
        let tail = self.tail(tenant);
        let _turn = tail.turn();
        assert_eq!(tail.current().to(), 0, "a tenant is opened before its first row");
        tail.swap(View::archived(segments, holes));
    }

    /// Puts a segment in the place of the first hot rows: one swap, in which those rows go, the
    /// segment comes, and their bytes are given back. It begins at the watermark.
    ///
    /// # Errors
    /// When rows that stay cannot be cut off from rows that go; then nothing was changed.
    pub fn archive(&self, tenant: &TenantId, segment: Arc<Segment>) -> Result<(), Error> {
        let tail = self.tail(tenant);
        let _turn = tail.turn();
        let mut view = View::clone(&tail.current());
        let before = view.hot_bytes();
        view.archive(segment, upper)?;
        self.charge(before, view.hot_bytes());
        tail.swap(view);
        Ok(())
    }

    /// Counts the hole that begins at the watermark to the archive: its loss is in the catalog.
    pub fn archive_hole(&self, tenant: &TenantId, hole: &Range<u64>) {
        let tail = self.tail(tenant);
        let _turn = tail.turn();
        let mut view = View::clone(&tail.current());
        view.archive_hole(hole);
        tail.swap(view);
    }

    /// Puts a merged segment in the place of those whose ranges make up its own.
    pub fn compacted(&self, tenant: &TenantId, segment: Arc<Segment>) {
        let tail = self.tail(tenant);
        let _turn = tail.turn();
        let mut view = View::clone(&tail.current());
        view.compact(segment);
        tail.swap(view);
    }

    /// Says that the rows from the end of the view up to `to` are lost: answers over them are not
    /// complete from now on.
    pub fn skip(&self, tenant: &TenantId, to: u64) {
        let tail = self.tail(tenant);
        let _turn = tail.turn();
        let mut view = View::clone(&tail.current());
        view.skip(to);
        tail.swap(view);
    }

    /// Adds rows behind a tenant's last one and swaps its view once. `placed` are runs in index
    /// order that follow on each other and on the view; `rooms` are what was set aside for them
    /// (none at recovery) and are given back.
    pub fn append(
        &self,
        tenant: &TenantId,
        placed: Vec<Placed>,
        rooms: Vec<Room>,
    ) -> Result<(), Error> {
        let tail = self.tail(tenant);
        let _turn = tail.turn();
        let mut view = View::clone(&tail.current());
        let before = view.hot_bytes();
        for (first, batch) in batches(placed)? {
            if first != view.to() {
                return Err(Error::OutOfOrder { expected: view.to(), first });
            }
            view.push(Arc::new(Chunk::new(first, batch)));
            while let Some(count) = mergeable(&view) {
                let chunks = view.pop(count);
                view.push(Arc::new(merge(&chunks)?));
            }
        }
        self.charge(before, view.hot_bytes());
        tail.swap(view);
        drop(rooms);
        Ok(())
    }

    /// INVARIANT (I10): the budget follows the bytes of the views exactly, up and down.
    fn charge(&self, before: u64, after: u64) {
        if after >= before {
            self.budget.force(after - before);
        } else {
            self.budget.give_back(before - after);
        }
    }

    fn tail(&self, tenant: &TenantId) -> Arc<Tail> {
        let tenants = self.tenants.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(tail) = tenants.get(tenant) {
            return Arc::clone(tail);
        }
        drop(tenants);
        let mut tenants = self.tenants.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(tenants.entry(tenant.clone()).or_default())
    }
}

impl Tail {
    fn current(&self) -> Arc<View> {
        Arc::clone(&self.view.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn swap(&self, view: View) {
        *self.view.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(view);
    }

    fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Joins runs that follow on each other while they are small, so that many requests of one event
/// become one batch.
fn batches(placed: Vec<Placed>) -> Result<Vec<(u64, RecordBatch)>, Error> {
    let mut runs: Vec<Placed> = Vec::new();
    for next in placed.into_iter().filter(|placed| !placed.is_empty()) {
        match runs.last_mut() {
            Some(run) if fits(run, &next) => run.extend(next),
            _ => runs.push(next),
        }
    }
    runs.into_iter().map(|run| Ok((run.first(), run.finish()?))).collect()
}

fn fits(run: &Placed, next: &Placed) -> bool {
    run.end() == next.first()
        && run.len() + next.len() <= CHUNK_ROWS_MAX
        && run.bytes() + next.bytes() <= CHUNK_BYTES_MAX
}

/// How many chunks at the end of the view are worth one merge now: as many of about one size as the
/// fan-in says, if what they make is within the limits.
fn mergeable(view: &View) -> Option<usize> {
    let newest = view.tail().next()?;
    let class = size_class(newest);
    let same = view.tail().take(MERGE_FAN_IN).take_while(|chunk| size_class(chunk) == class);
    let (mut count, mut rows, mut bytes) = (0, 0, 0);
    for chunk in same {
        count += 1;
        rows += chunk.batch().num_rows();
        bytes += chunk.bytes();
    }
    let full = count == MERGE_FAN_IN;
    (full && rows <= CHUNK_ROWS_MAX && bytes <= CHUNK_BYTES_MAX).then_some(count)
}

/// Chunks within a factor of the fan-in have about one size.
fn size_class(chunk: &Chunk) -> u32 {
    chunk.batch().num_rows().max(1).ilog2() / MERGE_FAN_IN.ilog2()
}

fn merge(chunks: &[Arc<Chunk>]) -> Result<Chunk, Error> {
    let batches: Vec<&RecordBatch> = chunks.iter().map(|chunk| chunk.batch()).collect();
    let first = chunks.first().map_or(0, |chunk| chunk.indices().start);
    let batch = joined(&batches).map_err(|source| Error::Arrow { source })?;
    Ok(Chunk::new(first, batch))
}

/// The rows of a chunk from index `from` on, in buffers of their own: a slice would keep all of it.
fn upper(chunk: &Chunk, from: u64) -> Result<Chunk, Error> {
    let below = usize::try_from(from.saturating_sub(chunk.indices().start)).unwrap_or(usize::MAX);
    let rows = chunk.batch().num_rows();
    let (below, nothing) = (below.min(rows), chunk.batch().slice(rows, 0));
    let rest = chunk.batch().slice(below, rows - below);
    // Arrow hands a single part back as it is, so there are two.
    let batch = joined(&[&rest, &nothing]).map_err(|source| Error::Arrow { source })?;
    Ok(Chunk::new(from, batch))
}

fn joined(batches: &[&RecordBatch]) -> Result<RecordBatch, ArrowError> {
    let blank = Blank::new(batches.iter().map(|batch| batch.num_rows()).sum());
    let first = batches.first().ok_or_else(nothing)?;
    let columns: Result<Vec<ArrayRef>, ArrowError> =
        (0..first.num_columns()).map(|column| merged(batches, column, &blank)).collect();
    RecordBatch::try_new(first.schema(), columns?)
}

/// One column of the merged chunk. Columns of nothing but nulls go on sharing their buffers.
fn merged(batches: &[&RecordBatch], column: usize, blank: &Blank) -> Result<ArrayRef, ArrowError> {
    let parts: Vec<&dyn Array> =
        batches.iter().map(|batch| batch.column(column).as_ref()).collect();
    let empty = parts.iter().all(|part| part.null_count() == part.len());
    let is_text = parts.first().is_some_and(|part| part.data_type().is_string());
    if empty && is_text { Ok(blank.text()) } else { concat(&parts) }
}

fn nothing() -> ArrowError {
    ArrowError::InvalidArgumentError("no chunk to merge".into())
}

#[cfg(test)]
mod tests;
