//! Record -> row: the one place where an event becomes typed columns.
//!
//! A batch of events is parsed once. Its rows are built by the handler that parsed it, travel along
//! with the append, and get their indices and time of receipt only when the ledger has answered:
//! [`RowsBuilder`] -> [`Rows`] -> [`Placed`] -> record batch. At recovery a stored record is put
//! together to an event again and pushed into the same builder, so there is one conversion.
//!
//! It refuses to judge: whatever is an [`Event`] can be a row.

mod cells; // the columns
mod fill; // claims to cells
pub(crate) mod json; // objects, member by member
mod kind; // events and the ledger's own records
pub(crate) mod read; // columns by name
mod rest; // what has no column
#[cfg(test)]
pub(crate) mod testing; // rows without events

use arrow::array::RecordBatch;

use cells::Cells;
pub use cells::{
    ID, ID_STAMPED, INDEX, INSTANCE, OCCURRED_AT, OCCURRED_OFFSET_MIN, RECEIVED_AT, RECORD,
    SALT_BLOCK, SALT_SLOT, SEQ, TARGET_MEMBERS, TARGETS, UTC, schema,
};
use event::Event;
use event::canonical::Stamps;
use event::ids::Timestamp;
use event::record::Record;
pub use kind::RecordKind;

use crate::Error;
use crate::columns::Fixed;

/// Where a record's salts come from: with it, the row has all that the record's bytes hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Salt {
    /// The id of the salt block.
    pub block: u64,
    /// The slot in it.
    pub slot: u32,
}

/// Rows under construction.
#[derive(Debug, Default)]
pub struct RowsBuilder {
    cells: Box<Cells>,
    len: usize,
}

impl RowsBuilder {
    /// A builder without rows; a column allocates nothing until it has a value.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a row for `event` as stamped, sealed with `salt`. A system record is a row like any other, with its own
    /// `record` number.
    pub fn push(&mut self, event: &Event<'_>, stamps: &Stamps<'_>, salt: Salt) {
        let row = self.len;
        fill::claims(&mut self.cells, row, event);
        fill::stamps(&mut self.cells, row, (event, stamps));
        rest::fill(&mut self.cells.texts.rest, row, (event, stamps));
        self.cells.salt_block.set(row, salt.block);
        self.cells.salt_slot.set(row, salt.slot);
        self.len += 1;
    }

    /// Adds a row for a stored record: at recovery, and when parsed rows were lost. The same
    /// conversion as [`RowsBuilder::push`].
    pub fn push_record(&mut self, record: &Record<'_>) -> Result<(), Error> {
        let read = record.event().and_then(|event| Ok((event, record.stamps()?)));
        let (event, stamps) = read.map_err(|source| Error::Damaged { source })?;
        self.push(&event, &stamps, Salt { block: record.block_id, slot: record.slot });
        Ok(())
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The rows.
    pub fn finish(self) -> Rows {
        Rows { cells: self.cells, len: self.len }
    }
}

/// Rows that know neither index nor time of receipt yet. They lie behind one pointer: rows pass
/// through futures, queues and lists, and each step would copy some three kilobytes of column heads.
#[derive(Debug)]
pub struct Rows {
    cells: Box<Cells>,
    len: usize,
}

impl Rows {
    /// How many rows.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// About the bytes that the rows will take in the hot tail; what to ask [`crate::Hot::reserve`]
    /// for.
    pub fn bytes(&self) -> u64 {
        let placed = self.len * (size_of::<u64>() + size_of::<i64>());
        u64::try_from(self.cells.size() + placed).unwrap_or(u64::MAX)
    }

    /// Only the rows for which `keep` says so: those the ledger had not seen before.
    ///
    /// `keep` has one answer a row; missing answers drop the row.
    #[must_use]
    pub fn keep(self, keep: &[bool]) -> Self {
        assert!(keep.len() <= self.len, "there is a row for each answer");
        let len = keep.iter().filter(|keep| **keep).count();
        if len == self.len { self } else { Self { cells: Box::new(self.cells.keep(keep)), len } }
    }

    /// The rows at their place in the ledger: the first has index `first`, each further one the
    /// next.
    pub fn place(self, first: u64, received_at: Timestamp) -> Placed {
        let (mut index, mut received) = (Fixed::default(), Fixed::default());
        let at = i64::try_from(received_at.0).unwrap_or(i64::MAX);
        for (row, number) in (0..self.len).zip(first..) {
            index.set(row, number);
            received.set(row, at);
        }
        Placed { rows: self, first, index, received_at: received }
    }
}

/// Rows with index and time of receipt.
#[derive(Debug)]
pub struct Placed {
    rows: Rows,
    first: u64,
    index: Fixed<u64>,
    received_at: Fixed<i64>,
}

impl Placed {
    /// The index of the first row.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// One past the index of the last row.
    pub fn end(&self) -> u64 {
        self.first + u64::try_from(self.rows.len).unwrap_or(u64::MAX)
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.rows.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows.len == 0
    }

    /// About the bytes that the rows take.
    pub fn bytes(&self) -> u64 {
        self.rows.bytes()
    }

    /// Appends rows that follow on the last one.
    pub(crate) fn extend(&mut self, next: Self) {
        assert_eq!(self.end(), next.first, "INVARIANT (I3): indices are dense");
        let at = self.rows.len;
        self.rows.cells.extend(at, *next.rows.cells);
        self.index.extend(at, next.index);
        self.received_at.extend(at, next.received_at);
        self.rows.len += next.rows.len;
    }

    /// The rows as one batch of [`schema`].
    pub fn finish(self) -> Result<RecordBatch, Error> {
        let Rows { cells, len } = self.rows;
        let batch = cells.finish(self.index, self.received_at, len);
        batch.map_err(|source| Error::Arrow { source })
    }
}

#[cfg(test)]
mod tests;
