//! The archive: records to Arrow rows, and the hot tail.
//!
//! Thin so far: [`rows`] makes typed rows of events, [`hot`] holds them in memory under a budget,
//! and [`view`] is what a reader sees. Segments, the catalog and look-ups beyond the tail come with
//! the archive proper; until then everything in the ledger is in the tail, and a full budget stops
//! intake.

mod columns;
pub mod hot; // the tail of each tenant, under one budget
pub mod rows; // events to columns
pub mod view; // one tenant at one moment

use arrow::error::ArrowError;

pub use hot::{Hot, Room};
pub use rows::{Placed, Rows, RowsBuilder, Salt};
pub use view::{Chunk, Row, View};

/// Why rows could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The caller may try again when rows have left the tail.
    #[error("the hot rows take {used_bytes} bytes of {max_bytes}")]
    HotFull {
        /// Bytes in use.
        used_bytes: u64,
        /// The budget.
        max_bytes: u64,
    },
    /// Rows that do not follow on the tenant's last index: a defect of the caller.
    #[error("rows start at index {first} where {expected} was due")]
    OutOfOrder {
        /// The index that is due.
        expected: u64,
        /// The index of the first row given.
        first: u64,
    },
    /// A stored record that is no event any more: the ledger knows where it stood.
    #[error("a record could not be read")]
    Damaged {
        /// What is wrong with it.
        #[source]
        source: event::Damage,
    },
    /// A batch that Arrow would not take.
    #[error("rows did not become a batch")]
    Arrow {
        /// What Arrow says.
        #[source]
        source: ArrowError,
    },
}
