//! Run tables: columns that hold the same, or count on, over many neighbouring indices, kept once a
//! run and put back by index.
//!
//! A request gives all its rows one time of receipt, neighbouring numbers of one stream and
//! neighbouring slots of one salt block; as columns they would cost more than all the rest of a row.
//! Promises: encoding and decoding are inverse; a decoded table covers exactly its rows and has no
//! more runs than rows, whatever the bytes were. It knows nothing of files.

mod wire; // runs <-> bytes

use arrow::array::RecordBatch;

use crate::rows;
use crate::rows::read::{Ids, Times, U32s, U64s};

/// A place in a stream: the instance, and the number if the row has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InStream {
    /// The stream's instance.
    pub instance: [u8; 16],
    /// The number in it; none for a row that is only about a stream.
    pub seq: Option<u64>,
}

/// Rows from an offset on that have one value, or values that count on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run<T> {
    /// The offset of its first row from the first row of the table.
    start: u32,
    /// The value at its first row.
    value: T,
}

/// The run tables of neighbouring rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Runs {
    rows: u32,
    received: Vec<Run<i64>>,
    streams: Vec<Run<Option<InStream>>>,
    salts: Vec<Run<rows::Salt>>,
}

/// What the run tables say of one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// When the ledger took it in.
    pub received_at: i64,
    /// Its stream, if it is in one or about one.
    pub stream: Option<InStream>,
    /// Its salt.
    pub salt: rows::Salt,
}

impl Runs {
    /// The runs of a batch in index order; `None` if it lacks one of the columns.
    pub(crate) fn of(batch: &RecordBatch) -> Option<Runs> {
        let received = Times::of(batch, rows::RECEIVED_AT)?;
        let (instance, seq) = (Ids::of(batch, rows::INSTANCE)?, U64s::of(batch, rows::SEQ)?);
        let (block, slot) = (U64s::of(batch, rows::SALT_BLOCK)?, U32s::of(batch, rows::SALT_SLOT)?);
        let mut runs = Runs { rows: u32::try_from(batch.num_rows()).ok()?, ..Runs::default() };
        for (row, start) in (0..batch.num_rows()).zip(0..) {
            let stream = instance.get(row).map(|instance| InStream { instance, seq: seq.get(row) });
            let place = Place {
                received_at: received.get(row)?,
                stream,
                salt: rows::Salt { block: block.get(row)?, slot: slot.get(row)? },
            };
            runs.add(start, place);
        }
        Some(runs)
    }

    /// How many rows it covers.
    pub fn rows(&self) -> u32 {
        self.rows
    }

    /// What it says of the row at an offset; `None` past its rows.
    pub fn at(&self, offset: u32) -> Option<Place> {
        self.cursor().at(offset)
    }

    /// A reader of many rows, quick where they are neighbours.
    pub(crate) fn cursor(&self) -> Cursor<'_> {
        Cursor { runs: self, received: 0, stream: 0, salt: 0 }
    }

    /// The offsets of the rows with this number of a stream of this instance: one a producer.
    pub fn find<'s>(&'s self, instance: &'s [u8; 16], seq: u64) -> impl Iterator<Item = u32> + 's {
        let ends = self.streams.iter().skip(1).map(|run| run.start).chain([self.rows]);
        self.streams.iter().zip(ends).filter_map(move |(run, end)| {
            let stream = run.value.filter(|stream| stream.instance == *instance)?;
            let ahead = u32::try_from(seq.checked_sub(stream.seq?)?).ok()?;
            run.start.checked_add(ahead).filter(|offset| *offset < end)
        })
    }

    /// The ids of all salt blocks that its rows use, ascending.
    pub fn blocks(&self) -> Vec<u64> {
        let mut blocks: Vec<u64> = self.salts.iter().map(|run| run.value.block).collect();
        blocks.sort_unstable();
        blocks.dedup();
        blocks
    }

    /// How many rows have no number in a stream.
    pub fn loose(&self) -> u32 {
        let ends = self.streams.iter().skip(1).map(|run| run.start).chain([self.rows]);
        let outside = self
            .streams
            .iter()
            .zip(ends)
            .filter(|(run, _)| run.value.is_none_or(|stream| stream.seq.is_none()));
        outside.map(|(run, end)| end.saturating_sub(run.start)).sum()
    }

    /// The first and the last time of receipt.
    pub fn received_at(&self) -> Option<(i64, i64)> {
        let times = || self.received.iter().map(|run| run.value);
        Some((times().min()?, times().max()?))
    }

    /// Bytes of memory in use.
    pub fn heap_bytes(&self) -> usize {
        size_of_val(self.received.as_slice())
            + size_of_val(self.streams.as_slice())
            + size_of_val(self.salts.as_slice())
    }

    fn add(&mut self, start: u32, place: Place) {
        let goes_on = |run: &Run<i64>| run.value == place.received_at;
        if !self.received.last().is_some_and(goes_on) {
            self.received.push(Run { start, value: place.received_at });
        }
        let goes_on = |run: &Run<Option<InStream>>| {
            run.value.map(|value| value.after(start - run.start)) == place.stream
        };
        if !self.streams.last().is_some_and(goes_on) {
            self.streams.push(Run { start, value: place.stream });
        }
        let goes_on = |run: &Run<rows::Salt>| run.value.after(start - run.start) == place.salt;
        if !self.salts.last().is_some_and(goes_on) {
            self.salts.push(Run { start, value: place.salt });
        }
    }
}

impl InStream {
    /// The place so many rows on.
    fn after(self, rows: u32) -> InStream {
        InStream { seq: self.seq.map(|seq| seq.wrapping_add(u64::from(rows))), ..self }
    }
}

impl rows::Salt {
    /// The salt so many rows on.
    fn after(self, rows: u32) -> rows::Salt {
        rows::Salt { slot: self.slot.wrapping_add(rows), ..self }
    }
}

/// Where a reader of run tables is: neighbours are mostly in the same run.
#[derive(Debug)]
pub(crate) struct Cursor<'r> {
    runs: &'r Runs,
    received: usize,
    stream: usize,
    salt: usize,
}

impl Cursor<'_> {
    /// What the tables say of the row at an offset; `None` past their rows.
    pub(crate) fn at(&mut self, offset: u32) -> Option<Place> {
        if offset >= self.runs.rows {
            return None;
        }
        let received = run_at(&self.runs.received, &mut self.received, offset)?;
        let stream = run_at(&self.runs.streams, &mut self.stream, offset)?;
        let salt = run_at(&self.runs.salts, &mut self.salt, offset)?;
        Some(Place {
            received_at: received.value,
            stream: stream.value.map(|value| value.after(offset - stream.start)),
            salt: salt.value.after(offset - salt.start),
        })
    }
}

/// The run that an offset lies in, looked for from `near` on.
fn run_at<'r, T>(runs: &'r [Run<T>], near: &mut usize, offset: u32) -> Option<&'r Run<T>> {
    let is_in = |place: usize| {
        runs.get(place).is_some_and(|run| run.start <= offset)
            && runs.get(place + 1).is_none_or(|next| next.start > offset)
    };
    if !is_in(*near) {
        *near = runs.partition_point(|run| run.start <= offset).checked_sub(1)?;
    }
    runs.get(*near)
}

#[cfg(test)]
mod tests;
