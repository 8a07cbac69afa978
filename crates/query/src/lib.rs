//! The answer: SQL over the lake behind the policy barrier.
//!
//! A caller's view ([`policy::View`]) and a tenant's rows ([`lake::View`]) meet in [`run`] and
//! in [`mod@search`], and nowhere else. A statement passes the allow-list before it is planned and again as a plan; every
//! scan is an opaque node that gives rows of the view and tells nothing else (I9); every resource
//! has a limit (I10). What comes out is [`Sealed`] until the read is on record (I11).
//!
//! It starts no thread and opens no file but spill files: the caller runs it on a runtime that is
//! not the one requests are served on, and drops the future to cancel.

mod allow; // one read-only statement of listed tables, functions and plan nodes
mod barrier; // the scan: rows in view, nothing else
mod calls; // functions of our own
mod fault; // the engine's errors
mod judge; // what tests of JSON mean
pub mod limits; // what one query may use
mod output; // answers as JSON, CSV and Arrow
mod run; // statement to answer
mod seal; // answers that wait for their record
pub mod search; // the newest that match
mod session; // what a statement is planned in
mod sight; // what a caller sees of stored rows
mod size; // bytes of rows
mod source; // rows and their caller
mod steady; // plans that can be interrupted, rows in one order
mod streams; // streams of the ledger's, as rows
mod tables; // what tables there are and what their columns mean

use event::code::Code;

pub use limits::Limits;
pub use output::Format;
pub use run::{Answer, Column, Coverage, Parameter, Question, run};
pub use seal::{Allowance, Beyond, Recorded, Sealed};
pub use source::Tenant;
pub use streams::{Stream, Streams};

/// Why there is no answer. INVARIANT (I9): the texts say what the statement and the rows in view
/// say, never more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The statement cannot be read, planned or worked out: the caller's to mend.
    #[error("{reason}")]
    Invalid {
        /// What is wrong, and where.
        reason: String,
        /// What to do.
        hint: String,
    },
    /// The statement asks for what a query may not do.
    #[error("{what} is not allowed in a query")]
    NotAllowed {
        /// What it is, as written.
        what: String,
        /// What to do instead.
        hint: String,
    },
    /// The statement or its answer goes past a limit.
    #[error("the query goes past the limit of {max} {limit}")]
    Limit {
        /// What is counted, with its unit.
        limit: &'static str,
        /// The limit.
        max: u64,
        /// How to stay below it.
        hint: &'static str,
    },
    /// A defect on our side; it says nothing to the caller.
    #[error("the query engine failed")]
    Failed {
        /// For the server's own log.
        detail: String,
    },
}

impl Error {
    /// The stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::Invalid { .. } => Code::QueryInvalid,
            Self::NotAllowed { .. } => Code::QueryNotAllowed,
            Self::Limit { .. } => Code::QueryLimit,
            Self::Failed { .. } => Code::Internal,
        }
    }

    /// What the caller can do about it.
    pub fn hint(&self) -> &str {
        match self {
            Self::Invalid { hint, .. } | Self::NotAllowed { hint, .. } => hint,
            Self::Limit { hint, .. } => hint,
            Self::Failed { .. } => "try again; if it stays, report it with the statement",
        }
    }
}
