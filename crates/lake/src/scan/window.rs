//! A segment sorted by actor, in index order again: a window of indices is decoded, taken in order,
//! and given in pieces. The first window is the whole segment; when its columns turn out too large, it
//! is given up and the windows become as small as the bytes met so far ask for. Every further window
//! reads the file's pages again, so wide reads are slower and never larger.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{RecordBatch, UInt32Array};
use arrow::compute::{concat_batches, take_record_batch};

use super::arrow;
use crate::columns::heap_bytes;
use crate::segment::{Columns, Segment, Which};
use crate::{Error, rows};

/// Bytes that a window may decode to.
const WINDOW_BYTES: u64 = 16 << 20;
/// Rows that are decoded at once.
const DECODED_ROWS: usize = 8_192;
/// Rows of a window at least, so that no file is read over and over for a few wide rows.
const WINDOW_ROWS_MIN: u32 = 4_096;

/// The windows of one segment.
#[derive(Debug)]
pub(super) struct Windows {
    segment: Arc<Segment>,
    columns: Columns,
    piece_rows: usize,
    /// Offsets that are still to come.
    left: Range<u32>,
    window_rows: u32,
    /// See [`WINDOW_BYTES`] and [`WINDOW_ROWS_MIN`].
    limits: (u64, u32),
    open: Option<Window>,
}

/// Decoded rows, and in which order they are given.
#[derive(Debug)]
struct Window {
    batch: RecordBatch,
    order: Vec<u32>,
    given: usize,
    bytes: u64,
}

impl Windows {
    /// All windows over these offsets, in pieces of so many rows.
    pub(super) fn new(
        segment: Arc<Segment>,
        columns: Columns,
        (left, piece_rows): (Range<u32>, usize),
    ) -> Self {
        let window_rows = segment.rows().max(1);
        let limits = (WINDOW_BYTES, WINDOW_ROWS_MIN);
        Self { segment, columns, piece_rows, left, window_rows, limits, open: None }
    }

    /// With other limits than the usual ones.
    #[cfg(test)]
    pub(super) fn within(self, bytes: u64, rows_min: u32) -> Self {
        Self { limits: (bytes, rows_min), ..self }
    }

    /// Bytes of the decoded window.
    pub(super) fn held_bytes(&self) -> usize {
        let bytes = self.open.as_ref().map_or(0, |window| window.bytes);
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }

    /// The next piece.
    pub(super) fn next(&mut self) -> Result<Option<RecordBatch>, Error> {
        loop {
            if let Some(window) = &mut self.open {
                if let Some(piece) = window.piece(self.piece_rows)? {
                    return Ok(Some(piece));
                }
                self.open = None;
            }
            if self.left.is_empty() {
                return Ok(None);
            }
            self.read()?;
        }
    }

    /// Decodes the next window, or makes windows smaller.
    fn read(&mut self) -> Result<(), Error> {
        let end = self.left.end.min(self.left.start.saturating_add(self.window_rows));
        let offsets = self.left.start..end;
        match self.decode(&offsets)? {
            Ok(window) => {
                self.open = Some(window);
                self.left.start = end;
            }
            Err(smaller) => self.window_rows = smaller,
        }
        Ok(())
    }

    /// The rows at these offsets, or how many rows a window had better have.
    fn decode(&self, offsets: &Range<u32>) -> Result<Result<Window, u32>, Error> {
        let all = offsets.clone().collect::<Vec<_>>();
        let places = self.segment.rows_of(&all)?;
        if offsets.len() < usize::try_from(self.segment.rows()).unwrap_or(usize::MAX) {
            let batch = self.segment.take(&self.columns, &places)?;
            let bytes = heap_bytes(batch.columns());
            let order = (0..).take(batch.num_rows()).collect();
            return Ok(Ok(Window { batch, order, given: 0, bytes }));
        }
        let (bytes_max, rows_min) = self.limits;
        let (mut batches, mut bytes, mut rows) = (Vec::new(), 0_u64, 0_u64);
        for batch in self.segment.reader(&self.columns, Which::All, DECODED_ROWS)? {
            let batch = batch?;
            bytes += heap_bytes(batch.columns());
            rows += u64::try_from(batch.num_rows()).unwrap_or(u64::MAX);
            if bytes > bytes_max {
                let fits = rows.saturating_mul(bytes_max) / bytes.max(1);
                let fits = u32::try_from(fits).unwrap_or(u32::MAX).max(rows_min);
                // A segment of one window is read, however large: it has no smaller one.
                if fits < self.segment.rows() {
                    return Ok(Err(fits));
                }
            }
            batches.push(batch);
        }
        let schema = batches.first().map_or_else(rows::schema, RecordBatch::schema);
        let batch = concat_batches(&schema, &batches).map_err(arrow)?;
        Ok(Ok(Window { batch, order: places, given: 0, bytes }))
    }
}

impl Window {
    fn piece(&mut self, rows: usize) -> Result<Option<RecordBatch>, Error> {
        let end = self.order.len().min(self.given + rows);
        let Some(order) = self.order.get(self.given..end).filter(|order| !order.is_empty()) else {
            return Ok(None);
        };
        let order = UInt32Array::from(order.to_vec());
        self.given = end;
        take_record_batch(&self.batch, &order).map(Some).map_err(arrow)
    }
}
