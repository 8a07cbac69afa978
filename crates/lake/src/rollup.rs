//! Rollup partials: how many rows of a segment there are by hour, action, outcome and kind.
//!
//! A partial is made from the rows of one segment and lies in its metadata and its catalog row, so
//! nothing can be counted twice: an answer adds up the partials of the segments of one view and
//! counts the hot rows itself. Promises: partials merge exactly; the sum of what is counted is the
//! number of rows. Hour, outcome and kind are those that SQL shows (`occurred_at`, else the time of
//! receipt; `unknown`; the inferred kind).
//!
//! It refuses to be large: rows with too many combinations have no partial, and are scanned.

mod wire; // partials <-> bytes

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow::array::{Array as _, AsArray as _, RecordBatch, StringArray};
use arrow::datatypes::{TimestampNanosecondType, UInt8Type};

use crate::Error;
use crate::rows;
use crate::segment::Level;
use crate::view::View;

/// Combinations of a partial at most.
pub const CELLS_MAX: usize = 16_384;
/// About the memory of one cell and its count.
const CELL_BYTES: usize = 160;
/// Nanoseconds of an hour.
const HOUR_NS: i64 = 3_600_000_000_000;
/// The columns that rows are counted by.
pub(crate) const COUNTED_BY: [&str; 7] = [
    rows::RECORD,
    rows::OCCURRED_AT,
    rows::RECEIVED_AT,
    "action",
    "outcome",
    "kind",
    "kind_inferred",
];
/// What SQL shows where no outcome was sent.
const UNKNOWN: &str = "unknown";

/// What the rows of one count have in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cell {
    /// The kind of record ([`rows::RECORD`]): 0 = event.
    pub record: u8,
    /// Hours since 1970-01-01T00:00:00Z of `occurred_at`, else of `received_at`.
    pub hour: i64,
    /// The action.
    pub action: String,
    /// The outcome's status as shown.
    pub outcome: String,
    /// The kind as shown; empty where there is none.
    pub kind: String,
}

/// Counts of rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rollup {
    cells: BTreeMap<Cell, u64>,
}

impl Rollup {
    /// The partial of a batch of rows; `None` if it would have too many cells.
    ///
    /// # Errors
    /// When the batch lacks a column.
    pub fn of(batch: &RecordBatch) -> Result<Option<Rollup>, Error> {
        let columns = Columns::of(batch).ok_or_else(|| missing(batch))?;
        let mut counts: HashMap<_, u64> = HashMap::new();
        for row in 0..batch.num_rows() {
            *counts.entry(columns.at(row)).or_default() += 1;
            if counts.len() > CELLS_MAX {
                return Ok(None);
            }
        }
        let cells = counts.into_iter().map(|((record, hour, action, outcome, kind), count)| {
            let [action, outcome, kind] = [action, outcome, kind].map(str::to_owned);
            (Cell { record, hour, action, outcome, kind }, count)
        });
        let rollup = Rollup { cells: cells.collect() };
        assert_eq!(
            u64::try_from(batch.num_rows()).ok(),
            Some(rollup.rows()),
            "each row counts once"
        );
        Ok(Some(rollup))
    }

    /// Adds the counts of another partial.
    pub fn merge(&mut self, other: &Rollup) {
        for (cell, count) in &other.cells {
            match self.cells.get_mut(cell) {
                Some(sum) => *sum += count,
                None => drop(self.cells.insert(cell.clone(), *count)),
            }
        }
    }

    /// Every cell and its count, ascending.
    pub fn cells(&self) -> impl Iterator<Item = (&Cell, u64)> {
        self.cells.iter().map(|(cell, count)| (cell, *count))
    }

    /// About its bytes in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.cells.len() * CELL_BYTES
    }

    /// How many rows were counted.
    pub fn rows(&self) -> u64 {
        self.cells.values().sum()
    }

    /// The bytes of a partial, or of none.
    pub fn encode(partial: Option<&Rollup>) -> Vec<u8> {
        partial.map_or_else(Vec::new, wire::encode)
    }

    /// The partial of its bytes, or `None` if the rows have none.
    ///
    /// # Errors
    /// [`Error::Catalog`] when [`Rollup::encode`] has not made the bytes.
    pub fn decode(bytes: &[u8]) -> Result<Option<Rollup>, Error> {
        if bytes.is_empty() {
            return Ok(None);
        }
        let what = "a rollup partial is malformed".to_owned();
        wire::decode(bytes).map(Some).ok_or(Error::Catalog { what })
    }
}

/// The counts of all archived rows of a view; `None` if a segment has none: then its rows are to be scanned. What was added
/// up is kept with the last segment and with the last sorted one, which stays what it is: a merge changes no sum.
///
/// # Errors
/// When a segment cannot be read or its partial is damaged.
pub fn archived(view: &View) -> Result<Option<Arc<Rollup>>, Error> {
    let segments = view.segments();
    let mut known = segments.iter().enumerate().rev();
    let known = known.find_map(|(at, segment)| Some((at + 1, segment.sum_kept()?)));
    let (from, mut sum) = known.unwrap_or_default();
    let last_sorted = segments.iter().rposition(|one| one.about().level == Level::L1);
    for (at, segment) in segments.iter().enumerate().skip(from) {
        let partial = segment.rollup()?;
        let Some(partial) = partial.as_ref() else { return Ok(None) };
        Arc::make_mut(&mut sum).merge(partial);
        if Some(at) == last_sorted || at + 1 == segments.len() {
            segment.keep_sum(&sum);
        }
    }
    Ok(Some(sum))
}

/// The columns that are counted by.
struct Columns<'a> {
    record: &'a [u8],
    occurred_at: &'a arrow::array::PrimitiveArray<TimestampNanosecondType>,
    received_at: &'a [i64],
    action: &'a StringArray,
    outcome: &'a StringArray,
    kind: &'a StringArray,
    kind_inferred: &'a StringArray,
}

impl<'a> Columns<'a> {
    fn of(batch: &'a RecordBatch) -> Option<Columns<'a>> {
        let time = |name| batch.column_by_name(name)?.as_primitive_opt::<TimestampNanosecondType>();
        let text = |name| batch.column_by_name(name)?.as_string_opt::<i32>();
        Some(Columns {
            record: batch.column_by_name(rows::RECORD)?.as_primitive_opt::<UInt8Type>()?.values(),
            occurred_at: time(rows::OCCURRED_AT)?,
            received_at: time(rows::RECEIVED_AT)?.values(),
            action: text("action")?,
            outcome: text("outcome")?,
            kind: text("kind")?,
            kind_inferred: text("kind_inferred")?,
        })
    }

    fn at(&self, row: usize) -> (u8, i64, &'a str, &'a str, &'a str) {
        let text = |column: &'a StringArray| column.is_valid(row).then(|| column.value(row));
        let occurred = self.occurred_at.is_valid(row).then(|| self.occurred_at.value(row));
        let time = occurred.or_else(|| self.received_at.get(row).copied()).unwrap_or_default();
        (
            self.record.get(row).copied().unwrap_or_default(),
            time.div_euclid(HOUR_NS),
            text(self.action).unwrap_or_default(),
            text(self.outcome).unwrap_or(UNKNOWN),
            text(self.kind).or_else(|| text(self.kind_inferred)).unwrap_or_default(),
        )
    }
}

fn missing(batch: &RecordBatch) -> Error {
    let what = format!("no column to count by in {:?}", batch.schema().fields().len());
    Error::Arrow { source: arrow::error::ArrowError::SchemaError(what) }
}

#[cfg(test)]
mod tests;
