//! What a file has beside its rows, held against them: ranges, order, name index, filters, counts.
//!
//! INVARIANT (I2): a row that is there and is not found is hidden as well as one that is gone, and no root covers what it is
//! found by. Promises: whatever a look-up or a count trusts follows from the rows, or is named. Refuses to judge the rows:
//! whether they are the ledger's is for [`crate::mirror`] and the roots to say.

use std::mem;
use std::sync::Arc;

use arrow::array::{AsArray as _, RecordBatch};
use arrow::compute::concat_batches;
use parquet::bloom_filter::Sbbf;

use super::write::{add_names, occurred_at};
use super::{GROUP_ROWS, Level, Segment};
use crate::Error;
use crate::names;
use crate::rollup::{COUNTED_BY, Rollup};
use crate::rows;
use crate::rows::read::{Texts, U64s};

const NOT_DENSE: &str = "its indices are not dense";
const NOT_SORTED: &str = "its rows are not sorted";
const DENIED: &str = "a filter denies an id that its rows have";

/// What a file and the catalog derive from rows, made again while the rows pass by.
pub struct Derived<'s> {
    segment: &'s Segment,
    filters: Arc<Vec<Option<Sbbf>>>,
    /// Which offsets from the first index there were.
    seen: Vec<bool>,
    /// How many rows there were.
    rows: u32,
    occurred_at: Option<(i64, i64)>,
    names: names::Builder,
    /// Actor and offset of the last row.
    last: (Option<String>, u32),
    /// The columns that rows are counted by.
    counted: Vec<RecordBatch>,
    /// What was wrong first.
    wrong: Option<&'static str>,
}

impl std::fmt::Debug for Derived<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Derived").field("rows", &self.rows).finish_non_exhaustive()
    }
}

impl Segment {
    /// Begins to make again what the file derives from its rows.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn derived(&self) -> Result<Derived<'_>, Error> {
        let rows = usize::try_from(self.rows()).unwrap_or(usize::MAX);
        Ok(Derived {
            segment: self,
            filters: self.blooms()?,
            seen: vec![false; rows],
            rows: 0,
            occurred_at: None,
            names: names::Builder::with_capacity(rows.saturating_mul(2)),
            last: (None, 0),
            counted: Vec::new(),
            wrong: None,
        })
    }
}

impl Derived<'_> {
    /// Takes the next rows in the order of the file, with all of their columns.
    ///
    /// # Errors
    /// When a column is missing.
    pub fn add(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        let missing = || self.segment.damaged("a column is missing".to_owned());
        let offsets = self.offsets(batch).ok_or_else(missing)?;
        let span = occurred_at(batch).ok_or_else(missing)?;
        self.occurred_at = match (self.occurred_at, span) {
            (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
            (one, other) => one.or(other),
        };
        let is_sorted = match self.segment.about.level {
            Level::L0 => Some(offsets.iter().copied().eq(self.rows..self.rows + count(batch))),
            Level::L1 => self.is_by_actor(batch, &offsets),
        };
        if !is_sorted.ok_or_else(missing)? {
            self.wrong.get_or_insert(NOT_SORTED);
        }
        let first = self.rows;
        let stands = |row| Some((*offsets.get(usize::try_from(row).ok()?)?, first + row));
        add_names(&mut self.names, batch, stands).ok_or_else(missing)?;
        if !self.is_found(batch).ok_or_else(missing)? {
            self.wrong.get_or_insert(DENIED);
        }
        let places: Result<Vec<usize>, _> =
            COUNTED_BY.iter().map(|name| batch.schema().index_of(name)).collect();
        let arrow = |source| Error::Arrow { source };
        self.counted.push(batch.project(&places.map_err(arrow)?).map_err(arrow)?);
        self.rows += count(batch);
        Ok(())
    }

    /// Holds everything that the file and the catalog derive from the rows against them; `counts` are what the catalog has.
    ///
    /// # Errors
    /// [`Error::Segment`] naming the first that is not that of the rows; or when the file cannot be read.
    pub fn finish(mut self, counts: &[u8]) -> Result<(), Error> {
        let segment = self.segment;
        let damaged = |what: &str| Err(segment.damaged(what.to_owned()));
        if !self.seen.iter().all(|seen| *seen) {
            self.wrong.get_or_insert(NOT_DENSE);
        }
        if let Some(what) = self.wrong {
            return damaged(what);
        }
        let footer = segment.footer()?;
        let (about, runs) = (&segment.about, footer.runs());
        let is_in_range = runs.received_at() == Some(about.received_at)
            && u64::from(runs.loose()) == about.loose
            && self.occurred_at == about.occurred_at;
        if !is_in_range {
            return damaged("its times or counts are not those of its rows");
        }
        let names = footer.all_names().map_err(|error| segment.unread(error))?;
        if names != mem::take(&mut self.names).finish() {
            return damaged("its name index is not that of its rows");
        }
        let Some(schema) = self.counted.first().map(RecordBatch::schema) else {
            return damaged("it has no rows");
        };
        let counted = concat_batches(&schema, &self.counted);
        let partial = Rollup::of(&counted.map_err(|source| Error::Arrow { source })?)?;
        let partial = Rollup::encode(partial.as_ref());
        if partial != counts || partial != Rollup::encode(segment.rollup()?.as_ref().as_ref()) {
            return damaged("its counts are not those of its rows");
        }
        Ok(())
    }

    /// The offsets of the rows of a batch from the first index, marked as seen.
    fn offsets(&mut self, batch: &RecordBatch) -> Option<Vec<u32>> {
        let index = U64s::of(batch, rows::INDEX)?;
        let mut offsets = Vec::with_capacity(batch.num_rows());
        for row in 0..batch.num_rows() {
            let offset = index.get(row)?.checked_sub(self.segment.about.indices.start);
            let offset = offset.and_then(|offset| u32::try_from(offset).ok()).unwrap_or(u32::MAX);
            let seen = usize::try_from(offset).ok().and_then(|offset| self.seen.get_mut(offset));
            match seen.filter(|seen| !**seen) {
                Some(seen) => *seen = true,
                None => drop(self.wrong.get_or_insert(NOT_DENSE)),
            }
            offsets.push(offset);
        }
        Some(offsets)
    }

    /// Whether the rows go on by actor, and by index within one.
    fn is_by_actor(&mut self, batch: &RecordBatch, offsets: &[u32]) -> Option<bool> {
        let actors = Texts::of(batch, "actor_id")?;
        let (actor, offset) = mem::take(&mut self.last);
        let mut last = (actor.as_deref(), offset);
        let mut is_sorted = true;
        for (row, offset) in offsets.iter().enumerate() {
            let next = (actors.get(row), *offset);
            is_sorted &= last < next || row == 0 && self.rows == 0;
            last = next;
        }
        self.last = (last.0.map(str::to_owned), last.1);
        Some(is_sorted)
    }

    /// Whether no filter denies an id that the rows have.
    fn is_found(&self, batch: &RecordBatch) -> Option<bool> {
        let ids = batch.column_by_name(rows::ID)?.as_fixed_size_binary_opt()?;
        let has = |(id, place): (&[u8; 16], u32)| {
            let filter = self.filters.get(usize::try_from(place).ok()? / GROUP_ROWS)?;
            Some(filter.as_ref().is_none_or(|filter| filter.check(&id[..])))
        };
        let (ids, _) = ids.value_data().as_chunks::<16>();
        Some(ids.iter().zip(self.rows..).all(|one| has(one) == Some(true)))
    }
}

fn count(batch: &RecordBatch) -> u32 {
    u32::try_from(batch.num_rows()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
