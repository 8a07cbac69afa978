//! Every row of a view in index order, as record batches of the columns that are asked for.
//!
//! Chunks of the hot tail are sliced, not copied. A segment in index order is read as it stands; one
//! sorted by actor is decoded a window of indices at a time, put back in order, and given in pieces,
//! so that memory is bounded whatever the columns. Bounds leave out rows by index and time, exactly:
//! a row outside them is never given, however the rows are stored; whole segments are skipped by
//! them. It refuses every other condition: those are a query's business, behind its barrier.

mod bounds; // rows by index and time
mod window; // sorted segments in index order

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::compute::filter_record_batch;
use arrow::datatypes::Schema;
use arrow::error::ArrowError;
use parquet::arrow::arrow_reader::{RowSelection, RowSelector};

pub use bounds::Bounds;

use crate::rows::INDEX;
use crate::segment::{Columns, Level, Reader, Segment, Which};
use crate::{Error, View};
use window::Windows;

/// What is wanted of a view.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Names of stored columns.
    pub columns: Arc<[&'static str]>,
    /// Which rows.
    pub bounds: Bounds,
    /// Rows of a batch at most.
    pub batch_rows: usize,
}

/// A walk over a view. Batches hold the wanted columns, in the order of [`crate::rows::schema`] or
/// not.
#[derive(Debug)]
pub struct Scan {
    view: Arc<View>,
    wanted: Wanted,
    /// What segments are asked for: the wanted columns and those that the bounds look at.
    read: Columns,
    segment: usize,
    open: Option<Open>,
    chunk: usize,
    row: usize,
}

/// The segment that is being read.
#[derive(Debug)]
enum Open {
    AsItStands(Box<Reader>),
    Sorted(Windows),
}

impl Scan {
    /// Begins at the view's first row.
    pub fn new(view: Arc<View>, wanted: Wanted) -> Self {
        let mut names = wanted.columns.to_vec();
        names.extend(wanted.bounds.needs());
        if names.is_empty() {
            // Rows without a column could not be counted.
            names.push(INDEX);
        }
        let read = Columns::of(&names);
        Self { view, wanted, read, segment: 0, open: None, chunk: 0, row: 0 }
    }

    /// About the bytes that it holds beside the batches given.
    pub fn held_bytes(&self) -> usize {
        match &self.open {
            Some(Open::Sorted(windows)) => windows.held_bytes(),
            Some(Open::AsItStands(_)) | None => 0,
        }
    }

    fn step(&mut self) -> Result<Option<RecordBatch>, Error> {
        loop {
            let piece = match self.archived()? {
                Some(piece) => piece,
                None => match self.hot() {
                    Some(piece) => piece,
                    None => return Ok(None),
                },
            };
            let piece = self.wanted.piece(&piece)?;
            if piece.num_rows() > 0 {
                return Ok(Some(piece));
            }
        }
    }

    /// The next rows of the segments.
    fn archived(&mut self) -> Result<Option<RecordBatch>, Error> {
        loop {
            let next = match &mut self.open {
                Some(Open::AsItStands(reader)) => reader.next().transpose()?,
                Some(Open::Sorted(windows)) => windows.next()?,
                None => None,
            };
            if next.is_some() {
                return Ok(next);
            }
            self.open = None;
            let Some(segment) = self.view.segments().get(self.segment) else { return Ok(None) };
            self.segment += 1;
            if self.wanted.bounds.may_hold(segment.about()) {
                self.open = Some(self.opened(&Arc::clone(segment))?);
            }
        }
    }

    fn opened(&self, segment: &Arc<Segment>) -> Result<Open, Error> {
        let offsets = self.wanted.offsets(segment);
        let rows = self.wanted.batch_rows;
        Ok(match segment.about().level {
            Level::L0 => {
                let which = which(&offsets, segment.rows());
                Open::AsItStands(Box::new(segment.reader(&self.read, which, rows)?))
            }
            Level::L1 => {
                Open::Sorted(Windows::new(Arc::clone(segment), self.read.clone(), (offsets, rows)))
            }
        })
    }

    /// The next rows of the hot tail.
    fn hot(&mut self) -> Option<RecordBatch> {
        loop {
            let chunk = self.view.hot_chunks().get(self.chunk)?;
            let rows = chunk.batch().num_rows();
            if self.row >= rows || !overlaps(&chunk.indices(), &self.wanted.bounds.index) {
                (self.chunk, self.row) = (self.chunk + 1, 0);
                continue;
            }
            let len = self.wanted.batch_rows.min(rows - self.row);
            let piece = chunk.batch().slice(self.row, len);
            self.row += len;
            return Some(piece);
        }
    }
}

impl Iterator for Scan {
    type Item = Result<RecordBatch, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step().transpose()
    }
}

impl Wanted {
    /// The rows inside the bounds and the wanted columns of `batch`, which holds these and those that
    /// the bounds look at.
    fn piece(&self, batch: &RecordBatch) -> Result<RecordBatch, Error> {
        let inside = self.bounds.holds(batch)?;
        let picked = pick(batch, &self.columns)?;
        match inside {
            None => Ok(picked),
            Some(mask) => filter_record_batch(&picked, &mask).map_err(arrow),
        }
    }

    /// The offsets of a segment's rows that the bounds may leave.
    fn offsets(&self, segment: &Segment) -> Range<u32> {
        let (first, rows) = (segment.indices().start, segment.rows());
        let offset =
            |index: u64| u32::try_from(index.saturating_sub(first)).unwrap_or(u32::MAX).min(rows);
        offset(self.bounds.index.start)..offset(self.bounds.index.end)
    }
}

/// These rows of a file of so many.
fn which(offsets: &Range<u32>, rows: u32) -> Which {
    if *offsets == (0..rows) {
        return Which::All;
    }
    let count = |rows: u32| usize::try_from(rows).unwrap_or(usize::MAX);
    let skipped = RowSelector::skip(count(offsets.start));
    let read = RowSelector::select(count(offsets.end.saturating_sub(offsets.start)));
    Which::Rows(RowSelection::from(vec![skipped, read]))
}

fn overlaps(one: &Range<u64>, other: &Range<u64>) -> bool {
    one.start < other.end && other.start < one.end
}

fn pick(batch: &RecordBatch, columns: &[&'static str]) -> Result<RecordBatch, Error> {
    let schema = batch.schema();
    let mut fields = Vec::with_capacity(columns.len());
    let mut arrays = Vec::with_capacity(columns.len());
    for name in columns {
        let (at, field) = schema.fields().find(name).ok_or_else(|| wrong(name))?;
        fields.push(Arc::clone(field));
        arrays.push(Arc::clone(batch.column(at)));
    }
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    let schema = Arc::new(Schema::new(fields));
    RecordBatch::try_new_with_options(schema, arrays, &options).map_err(arrow)
}

fn column<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a ArrayRef, Error> {
    batch.column_by_name(name).ok_or_else(|| wrong(name))
}

fn wrong(name: &str) -> Error {
    arrow(ArrowError::SchemaError(format!("rows have no column {name} of its type")))
}

fn arrow(source: ArrowError) -> Error {
    Error::Arrow { source }
}

#[cfg(test)]
mod tests;
