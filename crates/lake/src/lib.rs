//! The archive: records to Arrow rows, and the hot tail.
//!
//! [`rows`] makes typed rows of events, [`hot`] holds them in memory under a budget, a [`segment`] is
//! one file of them, the [`catalog`] says which file covers which indices, and [`view`] is what a
//! reader sees of all that at one moment.

pub mod archive; // hot rows to segments, segments to fewer
mod bits; // small numbers in few bytes
pub mod cache; // what is kept of segments in memory
pub mod catalog; // which file covers which indices
mod columns;
pub mod hot; // the tail of each tenant, under one budget
pub mod lookup; // a few records out of many
pub mod mirror; // rows against the records that they stand for
pub mod names; // names to rows
pub mod rebuild; // rows to records
pub mod repair; // a catalog made again of its files
pub mod rollup; // counts by hour, action, outcome and kind
pub mod rows; // events to columns
pub mod runs; // columns that go on and on
pub mod scan; // all rows of a view in order
pub mod segment; // one file
pub mod steps; // long work in pieces
pub mod store; // files, and what makes them durable
pub mod view; // one tenant at one moment

use arrow::error::ArrowError;

pub use archive::Archive;
pub use cache::Cache;
pub use hot::{Hot, Room};
pub use rows::{Placed, Rows, RowsBuilder, Salt};
pub use segment::Segment;
pub use view::{Chunk, Prefix, Row, View};

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
    /// No room on the disk: nothing was changed, and the same may be tried again later.
    #[error("the disk is full: cannot {doing} `{path}`")]
    DiskFull {
        /// What was being done.
        doing: &'static str,
        /// The file.
        path: String,
    },
    /// The operating system refused.
    #[error("cannot {doing} `{path}`")]
    Disk {
        /// What was being done.
        doing: &'static str,
        /// The file or folder.
        path: String,
        /// What it said.
        #[source]
        source: std::io::Error,
    },
    /// SQLite refused.
    #[error("`catalog.db` refused to {doing}")]
    Sqlite {
        /// What was being done.
        doing: &'static str,
        /// What it said.
        #[source]
        source: rusqlite::Error,
    },
    /// The catalog is damaged, missing, or does not fit the files beside it.
    #[error("`catalog.db` is damaged or of another version: {what}")]
    Catalog {
        /// What was found.
        what: String,
    },
    /// A segment file is not what the catalog, or the ledger, says of it.
    #[error("segment `{path}` is damaged: {what}")]
    Segment {
        /// The file.
        path: String,
        /// What was found.
        what: String,
    },
}

impl Error {
    /// Whether stored bytes are not what was written.
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged { .. } | Self::Catalog { .. } | Self::Segment { .. })
    }
}
