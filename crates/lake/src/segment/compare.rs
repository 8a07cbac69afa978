//! A file held against the ledger, record by record, before anything counts on it.
//!
//! Promises: INVARIANT (I6): every record that the ledger holds of the file's indices is rebuilt by a row of it, kept beside
//! one, or named. The ledger is asked in index order, whatever the order of the rows: it unpacks many records at a time. Of a
//! sorted file the rows are read first and the SHA-256 of what each rebuilds is remembered, 32 bytes a row. Refuses to mend.

use std::collections::BTreeMap;

use arrow::array::RecordBatch;
use sha2::{Digest as _, Sha256};

use super::{Columns, Level, Segment, Which};
use crate::Error;
use crate::rebuild::Rebuild;
use crate::rows;
use crate::rows::read::U64s;
use crate::steps::{Steps, step};

/// Rows that are compared at a time.
const COMPARED: usize = 4_096;

/// Appends the payload of the record at an index, from the ledger.
pub type Truth<'t> = dyn FnMut(u64, &mut Vec<u8>) -> Result<(), Error> + Send + 't;

/// Sees the index of a row, and the record that it rebuilds, if it does.
type Visit<'v> = dyn FnMut(u64, Option<&[u8]>) -> Result<(), Error> + Send + 'v;

/// Reads every row back and holds the record that it rebuilds, or keeps, against the ledger's: `truth`
/// appends the payload of an index. Gives the indices of rows that do not rebuild theirs and keep no
/// bytes: the segment must be written again with those.
///
/// # Errors
/// When the file or the truth cannot be read, or kept bytes are not the ledger's.
pub fn compare(
    segment: &Segment,
    truth: &mut Truth<'_>,
    steps: &Steps<'_>,
) -> Result<Vec<u64>, Error> {
    let exact = segment.exact()?;
    let mut comparison = Comparison { segment, exact, due: Vec::new(), unfaithful: Vec::new() };
    match segment.about.level {
        Level::L0 => comparison.in_order(truth, steps)?,
        Level::L1 => comparison.sorted(truth, steps)?,
    }
    Ok(comparison.unfaithful)
}

/// A comparison that is going on.
struct Comparison<'s> {
    segment: &'s Segment,
    exact: BTreeMap<u64, Vec<u8>>,
    due: Vec<u8>,
    unfaithful: Vec<u64>,
}

impl Comparison<'_> {
    /// Rows in index order: each beside its record.
    fn in_order(&mut self, truth: &mut Truth<'_>, steps: &Steps<'_>) -> Result<(), Error> {
        let segment = self.segment;
        each(segment, steps, &mut |index, made| self.judge(index, truth, |due| made == Some(due)))
    }

    /// Rows in any order: what they rebuild first, then the records.
    fn sorted(&mut self, truth: &mut Truth<'_>, steps: &Steps<'_>) -> Result<(), Error> {
        let (segment, indices) = (self.segment, self.segment.about.indices.clone());
        let mut made: Vec<Option<[u8; 32]>> =
            vec![None; usize::try_from(segment.rows()).unwrap_or(usize::MAX)];
        each(segment, steps, &mut |index, bytes| {
            let offset = index.checked_sub(indices.start).and_then(|at| usize::try_from(at).ok());
            let slot = offset.and_then(|offset| made.get_mut(offset));
            let outside = || segment.damaged("an index is not one of its own".to_owned());
            *slot.ok_or_else(outside)? = bytes.map(|bytes| Sha256::digest(bytes).into());
            Ok(())
        })?;
        for (sums, first) in made.chunks(COMPARED).zip(indices.step_by(COMPARED)) {
            step(steps, || {
                let mut rows = sums.iter().zip(first..);
                rows.try_for_each(|(sum, index)| {
                    self.judge(index, truth, |due| *sum == Some(Sha256::digest(due).into()))
                })
            })?;
        }
        Ok(())
    }

    /// Asks the ledger for a record: its row must keep it or `is_made`.
    fn judge(
        &mut self,
        index: u64,
        truth: &mut Truth<'_>,
        is_made: impl FnOnce(&[u8]) -> bool,
    ) -> Result<(), Error> {
        self.due.clear();
        truth(index, &mut self.due)?;
        match self.exact.get(&index) {
            Some(kept) if *kept != self.due => {
                return Err(self.segment.damaged(format!("it keeps another record {index}")));
            }
            Some(_) => {}
            None if is_made(&self.due) => {}
            None => self.unfaithful.push(index),
        }
        Ok(())
    }
}

/// Shows `visit` every row of the file.
fn each(segment: &Segment, steps: &Steps<'_>, visit: &mut Visit<'_>) -> Result<(), Error> {
    let mut batches = segment.reader(&Columns::all(), Which::All, COMPARED)?;
    let mut made = Vec::new();
    let mut next = || -> Result<bool, Error> {
        let Some(batch) = batches.next() else { return Ok(false) };
        rebuilt(segment, &batch?, &mut made, visit)?;
        Ok(true)
    };
    while step(steps, &mut next)? {}
    Ok(())
}

fn rebuilt(
    segment: &Segment,
    batch: &RecordBatch,
    made: &mut Vec<u8>,
    visit: &mut Visit<'_>,
) -> Result<(), Error> {
    let missing = || segment.damaged("a column is missing".to_owned());
    let rebuild = Rebuild::new(&segment.about.tenant, batch).ok_or_else(missing)?;
    let indices = U64s::of(batch, rows::INDEX).ok_or_else(missing)?;
    for row in 0..batch.num_rows() {
        made.clear();
        let whole = rebuild.payload(row, made).is_ok().then_some(made.as_slice());
        visit(indices.get(row).ok_or_else(missing)?, whole)?;
    }
    Ok(())
}
