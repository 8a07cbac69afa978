//! Rows held against the records that they stand for, column by column.
//!
//! A root covers what a record is rebuilt of, and a row shows more than that: what of a server's own record is taken out of
//! its attributes, the country, the kind of record, when it was received, and every column of a row that keeps its record's
//! bytes. INVARIANT (I2): such a row is made again from its record by the conversion that made it, and compared. Promises:
//! a plain row, whose columns are all in its record, costs a few tests of nulls. Refuses to know roots: that the record is
//! the ledger's is for the caller to say.

use arrow::array::{Array as _, RecordBatch, UInt32Array};
use arrow::compute::take_record_batch;
use event::ids::Timestamp;
use event::record::Record;

use crate::Error;
use crate::rows::read::{I16s, Ids, Texts, Times, U8s, U64s};
use crate::rows::{self, RowsBuilder};

/// What the ledger's records do not say, and the ledger does.
const OF_THE_LEDGER: [&str; 2] = [rows::INDEX, rows::RECEIVED_AT];

/// From where a row's record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// Its columns.
    Columns,
    /// Bytes that are kept beside it.
    Kept,
}

/// The rows of one batch, and those of them that are made again.
#[derive(Debug)]
pub struct Mirror<'b> {
    batch: &'b RecordBatch,
    index: U64s<'b>,
    record: U8s<'b>,
    received_at: Times<'b>,
    occurred_at: Times<'b>,
    offset_min: I16s<'b>,
    instance: Ids<'b>,
    seq: U64s<'b>,
    /// Columns that no record is rebuilt of, or that are parsed for it, so that more may stand there than a record says.
    apart: [Texts<'b>; 5],
    again: RowsBuilder,
    /// Which rows those are.
    places: Vec<u32>,
}

impl<'b> Mirror<'b> {
    /// A look at the rows of `batch`; `None` if it lacks a column.
    pub fn new(batch: &'b RecordBatch) -> Option<Self> {
        let text = |name| Texts::of(batch, name);
        Some(Self {
            batch,
            index: U64s::of(batch, rows::INDEX)?,
            record: U8s::of(batch, rows::RECORD)?,
            received_at: Times::of(batch, rows::RECEIVED_AT)?,
            occurred_at: Times::of(batch, rows::OCCURRED_AT)?,
            offset_min: I16s::of(batch, rows::OCCURRED_OFFSET_MIN)?,
            instance: Ids::of(batch, rows::INSTANCE)?,
            seq: U64s::of(batch, rows::SEQ)?,
            apart: [
                text("code")?,
                text("field")?,
                text("country")?,
                text("rest")?,
                text("on_behalf_of")?,
            ],
            again: RowsBuilder::new(),
            places: Vec::new(),
        })
    }

    /// Which index the row says that it has.
    pub fn index(&self, row: usize) -> Option<u64> {
        self.index.get(row)
    }

    /// When the row says that its record was received.
    pub fn received_at(&self, row: usize) -> Option<Timestamp> {
        u64::try_from(self.received_at.get(row)?).ok().map(Timestamp)
    }

    /// Takes a row and its record, if the row shows what rebuilding the record does not need.
    ///
    /// # Errors
    /// When the record makes no row.
    pub fn add(&mut self, row: usize, record: &Record<'_>, from: From) -> Result<(), Error> {
        if from == From::Columns && self.is_plain(row) {
            return Ok(());
        }
        self.again.push_record(record)?;
        self.places.push(u32::try_from(row).unwrap_or(u32::MAX));
        Ok(())
    }

    /// Whether the row is of an event and every column that it shows is one that its record is rebuilt of.
    fn is_plain(&self, row: usize) -> bool {
        self.record.get(row) == Some(0)
            && self.apart.iter().all(|text| text.get(row).is_none())
            && self.instance.get(row).is_some() == self.seq.get(row).is_some()
            && self.occurred_at.get(row).is_some() == self.offset_min.get(row).is_some()
    }

    /// The rows that are not what their records make, each with the first column that differs.
    ///
    /// # Errors
    /// When Arrow refuses.
    pub fn finish(self) -> Result<Vec<(usize, String)>, Error> {
        let arrow = |source| Error::Arrow { source };
        if self.places.is_empty() {
            return Ok(Vec::new());
        }
        let due = self.again.finish().place(0, Timestamp(0)).finish()?;
        let places = UInt32Array::from(self.places.clone());
        let found = take_record_batch(self.batch, &places).map_err(arrow)?;
        let mut wrong: Vec<Option<String>> = vec![None; self.places.len()];
        for (field, due) in due.schema().fields().iter().zip(due.columns()) {
            let name = field.name().as_str();
            if OF_THE_LEDGER.contains(&name) {
                continue;
            }
            let found = found.column_by_name(name).ok_or_else(|| missing(name))?;
            if found == due {
                continue;
            }
            for (row, wrong) in wrong.iter_mut().enumerate() {
                if found.slice(row, 1) != due.slice(row, 1) {
                    wrong.get_or_insert_with(|| name.to_owned());
                }
            }
        }
        let places = self.places.iter().map(|place| usize::try_from(*place).unwrap_or(usize::MAX));
        Ok(places.zip(wrong).filter_map(|(row, wrong)| Some((row, wrong?))).collect())
    }
}

fn missing(name: &str) -> Error {
    let what = format!("there is no column `{name}`");
    Error::Arrow { source: arrow::error::ArrowError::SchemaError(what) }
}

#[cfg(test)]
mod tests;
