//! What a reader sees of one tenant at one moment: chunks of rows in index order, and the ranges
//! that are known to be missing.
//!
//! INVARIANT (I6): chunks and holes tile `[from, to)` without overlap. A view never changes; the
//! next one replaces it whole, so a reader sees neither a gap nor a row twice. It answers by index
//! and by id and walks newest first; everything else is a query's business.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{AsArray as _, RecordBatch};
use event::ids::EventId;

use crate::columns::heap_bytes;
use crate::rows;

/// Rows with neighbouring indices, never changed again.
#[derive(Debug)]
pub struct Chunk {
    batch: RecordBatch,
    indices: Range<u64>,
    bytes: u64,
}

impl Chunk {
    /// A chunk of a batch whose first row has index `first` and whose rows are dense.
    pub(crate) fn new(first: u64, batch: RecordBatch) -> Self {
        let bytes = heap_bytes(batch.columns());
        let rows = u64::try_from(batch.num_rows()).unwrap_or(u64::MAX);
        Self { batch, indices: first..first.saturating_add(rows), bytes }
    }

    /// The rows, with the columns of [`rows::schema`].
    pub fn batch(&self) -> &RecordBatch {
        &self.batch
    }

    /// The indices of the rows: the first row has the first, and none is missing.
    pub fn indices(&self) -> Range<u64> {
        self.indices.clone()
    }

    /// Bytes of its buffers, each counted once.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    fn rows(&self) -> usize {
        self.batch.num_rows()
    }
}

/// One row of a view.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// The row's index in its tenant's ledger.
    pub index: u64,
    /// The batch it is in.
    pub batch: &'a RecordBatch,
    /// Its position in that batch.
    pub row: usize,
}

/// One tenant's rows at one moment.
#[derive(Debug, Clone, Default)]
pub struct View {
    chunks: Vec<Arc<Chunk>>,
    holes: Vec<Range<u64>>,
    from: u64,
    to: u64,
}

impl View {
    /// An empty view whose first row will have index `from`.
    pub(crate) fn starting_at(from: u64) -> Self {
        Self { from, to: from, ..Self::default() }
    }

    /// The chunks in index order.
    pub fn chunks(&self) -> &[Arc<Chunk>] {
        &self.chunks
    }

    /// The first index that is covered.
    pub fn from(&self) -> u64 {
        self.from
    }

    /// One past the last index that is covered.
    pub fn to(&self) -> u64 {
        self.to
    }

    /// Index ranges below [`View::to`] whose rows are lost (a loss record names each).
    pub fn holes(&self) -> &[Range<u64>] {
        &self.holes
    }

    /// How many rows there are.
    pub fn rows(&self) -> u64 {
        let rows = |chunk: &Arc<Chunk>| chunk.indices.end - chunk.indices.start;
        self.chunks.iter().map(rows).sum()
    }

    /// Bytes of all chunks' buffers.
    pub fn bytes(&self) -> u64 {
        self.chunks.iter().map(|chunk| chunk.bytes).sum()
    }

    /// The row with this index, unless it lies outside or in a hole.
    pub fn row(&self, index: u64) -> Option<Row<'_>> {
        let at = self.chunks.partition_point(|chunk| chunk.indices.end <= index);
        let chunk = self.chunks.get(at)?;
        let row = usize::try_from(index.checked_sub(chunk.indices.start)?).ok()?;
        (row < chunk.rows()).then_some(Row { index, batch: &chunk.batch, row })
    }

    /// All rows, the one with the highest index first.
    pub fn newest_first(&self) -> impl Iterator<Item = Row<'_>> {
        self.chunks.iter().rev().flat_map(|chunk| {
            chunk.indices.clone().rev().zip((0..chunk.rows()).rev()).map(|(index, row)| Row {
                index,
                batch: &chunk.batch,
                row,
            })
        })
    }

    /// The indices of all rows with this event id, lowest first: ids are not unique across streams.
    /// Reads 16 bytes a row and nothing else.
    pub fn find_id(&self, id: &EventId) -> Vec<u64> {
        let mut found = Vec::new();
        for chunk in &self.chunks {
            let Some(column) = chunk.batch.column_by_name(rows::ID) else { continue };
            let Some(ids) = column.as_fixed_size_binary_opt() else { continue };
            let (values, _) = ids.value_data().as_chunks::<16>();
            for (index, value) in chunk.indices.clone().zip(values) {
                if *value == id.0 {
                    found.push(index);
                }
            }
        }
        found
    }

    /// The view with `chunk` behind it, which must start at [`View::to`].
    pub(crate) fn push(&mut self, chunk: Arc<Chunk>) {
        assert_eq!(chunk.indices.start, self.to, "INVARIANT (I6): ranges tile without overlap");
        self.to = chunk.indices.end;
        self.chunks.push(chunk);
    }

    /// The view with a hole up to `to` behind it.
    pub(crate) fn skip(&mut self, to: u64) {
        assert!(to > self.to, "a hole has at least one index");
        self.holes.push(self.to..to);
        self.to = to;
    }

    /// Takes the last chunks out again, `count` of them, oldest first.
    pub(crate) fn pop(&mut self, count: usize) -> Vec<Arc<Chunk>> {
        let taken = self.chunks.split_off(self.chunks.len().saturating_sub(count));
        if let Some(first) = taken.first() {
            self.to = first.indices.start;
        }
        taken
    }

    /// How many chunks at the end lie next to each other, with no hole between them, newest first.
    pub(crate) fn tail(&self) -> impl Iterator<Item = &Arc<Chunk>> {
        let mut end = self.to;
        self.chunks.iter().rev().take_while(move |chunk| {
            let next = chunk.indices.end == end;
            end = chunk.indices.start;
            next
        })
    }
}
