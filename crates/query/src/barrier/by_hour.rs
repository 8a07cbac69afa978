//! `events_by_hour`: how many events of the view there are by hour, action, outcome and kind.
//!
//! A caller whose view is the whole tenant gets the sum of the segments' partials and of the hot rows,
//! which is the same and takes no scan. INVARIANT (I9): partials count rows out of scope and values
//! under masks, so every other caller's counts are made of the rows that it sees.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    Array as _, ArrayRef, AsArray as _, RecordBatch, StringArray, TimestampNanosecondArray,
    UInt64Array,
};
use arrow::datatypes::TimestampNanosecondType;
use arrow::error::ArrowError;
use lake::rollup::{self, Cell, Rollup};
use lake::rows::{RecordKind, UTC};

use crate::tables::{BY_HOUR, Column};

/// Nanoseconds of an hour.
const HOUR_NS: i64 = 3_600_000_000_000;
/// About the memory of one count.
const COUNT_BYTES: usize = 160;
/// The columns of `events` that are counted by, in the order of a key.
pub(super) const COUNTED: [&str; 4] = ["occurred_at", "action", "outcome", "kind"];

type Key = (i64, Option<String>, Option<String>, Option<String>);

/// Counts in the making.
#[derive(Debug, Default)]
pub(super) struct Counts(BTreeMap<Key, u64>);

impl Counts {
    /// The counts of a whole tenant out of its partials; `None` if a segment has none.
    pub(super) fn of_partials(rows: &lake::View) -> Result<Option<Self>, lake::Error> {
        let mut counts = Self::default();
        let Some(archived) = rollup::archived(rows)? else { return Ok(None) };
        counts.add_cells(archived.cells());
        for chunk in rows.hot_chunks() {
            let Some(partial) = Rollup::of(chunk.batch())? else { return Ok(None) };
            counts.add_cells(partial.cells());
        }
        Ok(Some(counts))
    }

    fn add_cells<'a>(&mut self, cells: impl Iterator<Item = (&'a Cell, u64)>) {
        let said = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        for (cell, count) in cells.filter(|(cell, _)| cell.record == RecordKind::Event.code()) {
            let key = (cell.hour, said(&cell.action), said(&cell.outcome), said(&cell.kind));
            *self.0.entry(key).or_default() += count;
        }
    }

    /// Adds rows with the columns [`COUNTED`], as the caller sees them.
    pub(super) fn add(&mut self, seen: &RecordBatch) -> Result<(), ArrowError> {
        let wrong = || ArrowError::SchemaError("rows lack what is counted by".into());
        let [times, texts @ ..] = COUNTED;
        let times = seen.column_by_name(times).ok_or_else(wrong)?;
        let times = times.as_primitive_opt::<TimestampNanosecondType>().ok_or_else(wrong)?;
        let texts = texts.map(|name| seen.column_by_name(name)?.as_string_opt::<i32>());
        let [Some(actions), Some(outcomes), Some(kinds)] = texts else { return Err(wrong()) };
        for (row, time) in times.values().iter().enumerate() {
            let text = |of: &StringArray| of.is_valid(row).then(|| of.value(row).to_owned());
            let key = (time.div_euclid(HOUR_NS), text(actions), text(outcomes), text(kinds));
            *self.0.entry(key).or_default() += 1;
        }
        Ok(())
    }

    /// About the bytes that the counts take.
    pub(super) fn bytes(&self) -> usize {
        self.0.len() * COUNT_BYTES
    }

    /// The rows of the table, ascending.
    pub(super) fn finish(
        self,
        columns: &[&'static Column],
        schema: &arrow::datatypes::SchemaRef,
    ) -> Result<RecordBatch, ArrowError> {
        let hours = self.0.keys().map(|key| key.0 * HOUR_NS);
        let hours = TimestampNanosecondArray::from_iter_values(hours).with_timezone(UTC);
        let actions = self.0.keys().map(|key| key.1.as_deref()).collect::<StringArray>();
        let outcomes = self.0.keys().map(|key| key.2.as_deref()).collect::<StringArray>();
        let kinds = self.0.keys().map(|key| key.3.as_deref()).collect::<StringArray>();
        let counts = UInt64Array::from_iter_values(self.0.values().copied());
        let rows = counts.len();
        let all: [ArrayRef; 5] = [
            Arc::new(hours),
            Arc::new(actions),
            Arc::new(outcomes),
            Arc::new(kinds),
            Arc::new(counts),
        ];
        let of = |column: &&'static Column| {
            let named = BY_HOUR.iter().zip(&all).find(|(one, _)| one.name == column.name);
            named.map(|(_, array)| Arc::clone(array))
        };
        let picked: Option<Vec<ArrayRef>> = columns.iter().map(of).collect();
        let missing = || ArrowError::SchemaError("there is no such count".into());
        let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::clone(schema), picked.ok_or_else(missing)?, &options)
    }
}
