//! What a reader sees of one tenant at one moment: segments, hot rows behind them, and the ranges that
//! are known to be missing.
//!
//! INVARIANT (I6): segments and holes tile `[0, watermark)`, chunks and holes tile `[watermark, to)`,
//! both without overlap. A view never changes; the next one replaces it whole, so a reader sees
//! neither a gap nor a row twice. What it answers by itself is about the hot part alone and is called
//! `hot_…`; answers about the whole are made by look-ups and scans.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use arrow::array::{AsArray as _, RecordBatch};
use arrow::compute::concat_batches;
use event::ids::EventId;

use crate::columns::heap_bytes;
use crate::names::Index;
use crate::segment::Segment;
use crate::{Error, rows};

/// Rows with neighbouring indices, never changed again.
#[derive(Debug)]
pub struct Chunk {
    batch: RecordBatch,
    indices: Range<u64>,
    bytes: u64,
    /// Made at the first question for a name: rows come in often and are asked for seldom. Eight bytes a name, a few
    /// hundredths of what the row takes, which no budget counts.
    names: OnceLock<Option<Index>>,
}

impl Chunk {
    /// A chunk of a batch whose first row has index `first` and whose rows are dense.
    pub(crate) fn new(first: u64, batch: RecordBatch) -> Self {
        let bytes = heap_bytes(batch.columns());
        let rows = u64::try_from(batch.num_rows()).unwrap_or(u64::MAX);
        Self { batch, indices: first..first.saturating_add(rows), bytes, names: OnceLock::new() }
    }

    /// The rows with a name of this hash, ascending; a hash may be that of another name, so rows must be compared. `None`
    /// if it cannot be said, and then every row may have it.
    pub fn named(&self, hash: u32) -> Option<Vec<u32>> {
        let names = self.names.get_or_init(|| Index::of(&self.batch)).as_ref()?;
        Some(names.rows(hash).collect())
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

/// The first hot rows of a view, as one batch: what the next flush takes.
#[derive(Debug)]
pub struct Prefix {
    /// The rows, with the columns of [`rows::schema`].
    pub batch: RecordBatch,
    /// Their indices: the first is the view's watermark.
    pub indices: Range<u64>,
}

/// One tenant's records at one moment.
#[derive(Debug, Clone, Default)]
pub struct View {
    segments: Vec<Arc<Segment>>,
    chunks: Vec<Arc<Chunk>>,
    holes: Vec<Range<u64>>,
    watermark: u64,
    to: u64,
}

impl View {
    /// A view of what is archived and nothing else.
    pub(crate) fn archived(segments: Vec<Arc<Segment>>, holes: Vec<Range<u64>>) -> Self {
        let end = |ranges: Option<&Range<u64>>| ranges.map_or(0, |range| range.end);
        let last = segments.last().map(|segment| segment.indices());
        let watermark = end(last.as_ref()).max(end(holes.last()));
        let view = Self { segments, chunks: Vec::new(), holes, watermark, to: watermark };
        view.assert_archive_tiles();
        view
    }

    /// The segments in index order. With the holes they tile `[0, watermark)`.
    pub fn segments(&self) -> &[Arc<Segment>] {
        &self.segments
    }

    /// The hot rows in index order. With the holes they tile `[watermark, to)`.
    pub fn hot_chunks(&self) -> &[Arc<Chunk>] {
        &self.chunks
    }

    /// The first index that is covered: every record there ever was is either here or in a hole.
    pub fn from(&self) -> u64 {
        0
    }

    /// Where the segments end and the hot rows begin.
    pub fn watermark(&self) -> u64 {
        self.watermark
    }

    /// One past the last index that is covered.
    pub fn to(&self) -> u64 {
        self.to
    }

    /// Index ranges below [`View::to`] whose rows are lost (a loss record names each).
    pub fn holes(&self) -> &[Range<u64>] {
        &self.holes
    }

    /// The segment that has this index, if one has.
    pub fn segment(&self, index: u64) -> Option<&Arc<Segment>> {
        let at = self.segments.partition_point(|segment| segment.indices().end <= index);
        self.segments.get(at).filter(|segment| segment.indices().contains(&index))
    }

    /// How many hot rows there are.
    pub fn hot_rows(&self) -> u64 {
        let rows = |chunk: &Arc<Chunk>| chunk.indices.end - chunk.indices.start;
        self.chunks.iter().map(rows).sum()
    }

    /// Bytes of all hot rows' buffers.
    pub fn hot_bytes(&self) -> u64 {
        self.chunks.iter().map(|chunk| chunk.bytes).sum()
    }

    /// The hot row with this index, unless it lies outside the hot part or in a hole.
    pub fn hot_row(&self, index: u64) -> Option<Row<'_>> {
        let at = self.chunks.partition_point(|chunk| chunk.indices.end <= index);
        let chunk = self.chunks.get(at)?;
        let row = usize::try_from(index.checked_sub(chunk.indices.start)?).ok()?;
        (row < chunk.rows()).then_some(Row { index, batch: &chunk.batch, row })
    }

    /// All hot rows, the one with the highest index first.
    pub fn hot_newest_first(&self) -> impl Iterator<Item = Row<'_>> {
        self.chunks.iter().rev().flat_map(|chunk| {
            chunk.indices.clone().rev().zip((0..chunk.rows()).rev()).map(|(index, row)| Row {
                index,
                batch: &chunk.batch,
                row,
            })
        })
    }

    /// The indices of all hot rows with this event id, lowest first: ids are not unique across
    /// streams. Reads 16 bytes a row and nothing else.
    pub fn hot_find_id(&self, id: &EventId) -> Vec<u64> {
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

    /// The hole that begins at the watermark: it is to be archived before any row behind it.
    pub fn hole_at_watermark(&self) -> Option<Range<u64>> {
        self.holes.iter().find(|hole| hole.start == self.watermark).cloned()
    }

    /// The first hot rows as one batch, up to a hole, `rows_max` rows and the chunk that would pass
    /// `bytes_max`; at least one row if there is one before the first hole.
    ///
    /// # Errors
    /// When Arrow cannot make one batch of them.
    pub fn prefix(&self, rows_max: usize, bytes_max: u64) -> Result<Option<Prefix>, Error> {
        let (mut taken, mut rows, mut bytes) = (Vec::new(), 0, 0_u64);
        let mut end = self.watermark;
        for chunk in &self.chunks {
            bytes = bytes.saturating_add(chunk.bytes);
            let is_first = taken.is_empty();
            if chunk.indices.start != end || rows == rows_max || (bytes > bytes_max && !is_first) {
                break;
            }
            let batch = chunk.batch.slice(0, chunk.rows().min(rows_max - rows));
            rows += batch.num_rows();
            end += u64::try_from(batch.num_rows()).unwrap_or(0);
            taken.push(batch);
        }
        if rows == 0 {
            return Ok(None);
        }
        let batch = concat_batches(&rows::schema(), &taken);
        let batch = batch.map_err(|source| Error::Arrow { source })?;
        Ok(Some(Prefix { batch, indices: self.watermark..end }))
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

    /// The view with `segment` in the place of the first hot rows. `split` cuts a chunk that has
    /// rows on both sides of its end, and keeps those from the given index on.
    pub(crate) fn archive(
        &mut self,
        segment: Arc<Segment>,
        split: impl FnOnce(&Chunk, u64) -> Result<Chunk, Error>,
    ) -> Result<(), Error> {
        let Range { start, end } = segment.indices();
        assert_eq!(start, self.watermark, "INVARIANT (I6): a segment begins at the watermark");
        let is_hot = end <= self.to && !self.holes.iter().any(|hole| overlap(hole, &(start..end)));
        assert!(is_hot, "INVARIANT (I6): a segment is made of hot rows");
        let below = self.chunks.partition_point(|chunk| chunk.indices.end <= end);
        let mut kept = self.chunks.split_off(below);
        if let Some(first) = kept.first_mut().filter(|chunk| chunk.indices.start < end) {
            *first = Arc::new(split(first, end)?);
        }
        self.chunks = kept;
        self.watermark = end;
        self.segments.push(segment);
        Ok(())
    }

    /// The view whose archive covers the hole that begins at the watermark.
    pub(crate) fn archive_hole(&mut self, hole: &Range<u64>) {
        let known = self.hole_at_watermark();
        assert_eq!(known.as_ref(), Some(hole), "INVARIANT (I6): a hole is archived whole");
        self.watermark = hole.end;
    }

    /// The view with `segment` in the place of the segments that make up exactly its range.
    pub(crate) fn compact(&mut self, segment: Arc<Segment>) {
        let range = segment.indices();
        let from = self.segments.partition_point(|old| old.indices().start < range.start);
        let to = self.segments.partition_point(|old| old.indices().end <= range.end);
        let rest = self.segments.split_off(from);
        let mut end = range.start;
        for old in rest.iter().take(to.saturating_sub(from)) {
            assert_eq!(old.indices().start, end, "INVARIANT (I6): what is merged lies together");
            end = old.indices().end;
        }
        assert_eq!(end, range.end, "INVARIANT (I6): a merged segment covers what it replaces");
        self.segments.push(segment);
        self.segments.extend(rest.into_iter().skip(to.saturating_sub(from)));
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

    /// INVARIANT (I6): segments and holes tile `[0, watermark)`.
    fn assert_archive_tiles(&self) {
        let mut ranges: Vec<_> = self.segments.iter().map(|segment| segment.indices()).collect();
        ranges.extend(self.holes.iter().filter(|hole| hole.end <= self.watermark).cloned());
        ranges.sort_by_key(|range| range.start);
        let mut end = 0;
        for range in ranges {
            assert_eq!(range.start, end, "INVARIANT (I6): the archive tiles without overlap");
            end = range.end;
        }
        assert_eq!(end, self.watermark, "INVARIANT (I6): the archive reaches its watermark");
    }
}

fn overlap(a: &Range<u64>, b: &Range<u64>) -> bool {
    a.start < b.end && b.start < a.end
}
