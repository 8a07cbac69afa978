//! What a file has beside its rows, held against them: ranges, order, name index, filters, counts.
//!
//! INVARIANT (I2): a row that is there and is not found is hidden as well as one that is gone, and no root covers what it is
//! found by. Promises: whatever a look-up or a count trusts follows from the rows, or is named. Refuses to judge the rows:
//! whether they are the ledger's is for [`crate::mirror`] and the roots to say.

use arrow::array::{AsArray as _, RecordBatch};

use super::write::{by_actor, name_index, occurred_at};
use super::{GROUP_ROWS, Level, Segment};
use crate::Error;
use crate::rollup::Rollup;
use crate::rows;

impl Segment {
    /// Holds everything that the file and the catalog derive from its rows against them: `batch` are all of the rows in
    /// index order, `counts` the partial that the catalog has.
    ///
    /// # Errors
    /// [`Error::Segment`] naming the first that is not that of the rows; or when the file cannot be read.
    pub fn check_derived(&self, batch: &RecordBatch, counts: &[u8]) -> Result<(), Error> {
        let missing = || self.damaged("a column is missing".to_owned());
        let footer = self.footer()?;
        let (about, runs) = (&self.about, footer.runs());
        let occurred = occurred_at(batch).ok_or_else(missing)?;
        let is_in_range = runs.received_at() == Some(about.received_at)
            && u64::from(runs.loose()) == about.loose
            && occurred == about.occurred_at;
        if !is_in_range {
            return Err(self.damaged("its times or counts are not those of its rows".to_owned()));
        }
        let sorted = match about.level {
            Level::L0 => None,
            Level::L1 => Some(by_actor(batch).ok_or_else(missing)?),
        };
        if let Some(sorted) = &sorted {
            self.check_order(sorted)?;
        }
        let names = footer.all_names().map_err(|error| self.unread(error))?;
        if names != name_index(batch, sorted.as_deref()).ok_or_else(missing)? {
            return Err(self.damaged("its name index is not that of its rows".to_owned()));
        }
        self.check_filters(batch, sorted.as_deref())?;
        let partial = Rollup::encode(Rollup::of(batch)?.as_ref());
        if partial != counts || partial != Rollup::encode(self.rollup()?.as_ref().as_ref()) {
            return Err(self.damaged("its counts are not those of its rows".to_owned()));
        }
        Ok(())
    }

    /// The file has its rows in the order in which they should be.
    fn check_order(&self, sorted: &[u32]) -> Result<(), Error> {
        let places = self.order()?;
        let place_of = |offset: &u32| places.as_ref()?.get(usize::try_from(*offset).ok()?).copied();
        let is_sorted =
            sorted.iter().zip(0_u32..).all(|(offset, place)| place_of(offset) == Some(place));
        if is_sorted { Ok(()) } else { Err(self.damaged("its rows are not sorted".to_owned())) }
    }

    /// No filter denies an id that its rows have.
    fn check_filters(&self, batch: &RecordBatch, sorted: Option<&[u32]>) -> Result<(), Error> {
        let ids = batch.column_by_name(rows::ID).and_then(|ids| ids.as_fixed_size_binary_opt());
        let ids = ids.ok_or_else(|| self.damaged("a column is missing".to_owned()))?;
        let (ids, _) = ids.value_data().as_chunks::<16>();
        let filters = self.blooms()?;
        let has = |group: usize, id: Option<&[u8; 16]>| {
            let filter = filters.get(group).map(Option::as_ref);
            matches!((filter, id), (Some(filter), Some(id)) if filter.is_none_or(|one| one.check(&id[..])))
        };
        let is_found = match sorted {
            None => ids
                .chunks(GROUP_ROWS)
                .zip(0..)
                .all(|(group, number)| group.iter().all(|id| has(number, Some(id)))),
            Some(sorted) => sorted.chunks(GROUP_ROWS).zip(0..).all(|(group, number)| {
                let id_of = |offset: &u32| ids.get(usize::try_from(*offset).ok()?);
                group.iter().all(|offset| has(number, id_of(offset)))
            }),
        };
        if is_found {
            Ok(())
        } else {
            Err(self.damaged("a filter denies an id that its rows have".to_owned()))
        }
    }
}

#[cfg(test)]
mod tests;
