//! What one query may use. Every limit is a named constant with the contract's value, and a field of
//! [`Limits`], so that tests meet and pass each one without waiting or filling memory.
//!
//! INVARIANT (I10): a query is bounded in text, nesting, time, memory, disk and answer. Going past
//! a limit is [`Error::Limit`], which names it; an answer is whole or an error.

use std::path::PathBuf;
use std::time::Duration;

use crate::Error;

/// Rows of an answer.
pub const ROWS_MAX: usize = 1_000_000;
/// Bytes of an answer as Arrow arrays.
pub const ANSWER_BYTES_MAX: usize = 256 << 20;
/// Time from the start of planning to the last row.
pub const TIME_MAX: Duration = Duration::from_secs(30);
/// Memory of one query's operators, apart from its answer.
pub const MEMORY_BYTES_MAX: usize = 64 << 20;
/// Disk that one query's operators may spill to.
pub const SPILL_BYTES_MAX: u64 = 1 << 30;
/// Nodes of all expressions in a statement: names, literals, operators, calls, subqueries.
pub const EXPRESSION_NODES_MAX: usize = 1_000;
/// Nesting of expressions and subqueries. A chain of one operator (`a OR b OR c`) nests once.
pub const DEPTH_MAX: usize = 50;
/// Bytes of a statement.
pub const STATEMENT_BYTES_MAX: usize = 64 << 10;
/// Words, signs and literals of a statement, comments and space apart: enough for
/// [`EXPRESSION_NODES_MAX`], and a bound on how deep a parsed chain can be.
pub const TOKENS_MAX: usize = 2_500;
/// Parameters of a statement.
pub const PARAMETERS_MAX: usize = 100;
/// Bytes of one text that a statement makes: no more than an event.
pub const VALUE_BYTES_MAX: usize = 256 << 10;
/// Bytes of all the texts that one call makes for one batch of rows.
pub const TEXT_BYTES_MAX: usize = 32 << 20;
/// Rows that are worked on at once; with [`VALUE_BYTES_MAX`] the bound on what a step holds that
/// no memory pool counts.
pub const BATCH_ROWS: usize = 1_024;
/// The stack that a thread of the query runtime needs: planning recurses.
pub const STACK_BYTES: usize = 8 << 20;

/// The limits of one query.
#[derive(Debug, Clone)]
pub struct Limits {
    /// See [`ROWS_MAX`].
    pub rows_max: usize,
    /// See [`ANSWER_BYTES_MAX`].
    pub answer_bytes_max: usize,
    /// See [`TIME_MAX`].
    pub time_max: Duration,
    /// See [`MEMORY_BYTES_MAX`].
    pub memory_bytes_max: usize,
    /// Where to spill to; without a folder, what does not fit in memory is refused.
    pub spill_dir: Option<PathBuf>,
    /// See [`SPILL_BYTES_MAX`].
    pub spill_bytes_max: u64,
    /// See [`EXPRESSION_NODES_MAX`].
    pub expression_nodes_max: usize,
    /// See [`DEPTH_MAX`].
    pub depth_max: usize,
    /// See [`BATCH_ROWS`].
    pub batch_rows: usize,
}

impl Default for Limits {
    /// The contract's values, without a folder to spill to.
    fn default() -> Self {
        Self {
            rows_max: ROWS_MAX,
            answer_bytes_max: ANSWER_BYTES_MAX,
            time_max: TIME_MAX,
            memory_bytes_max: MEMORY_BYTES_MAX,
            spill_dir: None,
            spill_bytes_max: SPILL_BYTES_MAX,
            expression_nodes_max: EXPRESSION_NODES_MAX,
            depth_max: DEPTH_MAX,
            batch_rows: BATCH_ROWS,
        }
    }
}

/// A limit that was passed, with what to do about it.
pub(crate) fn passed(limit: &'static str, max: u64, hint: &'static str) -> Error {
    Error::Limit { limit, max, hint }
}

/// The same for counts.
pub(crate) fn counted(limit: &'static str, max: usize, hint: &'static str) -> Error {
    passed(limit, u64::try_from(max).unwrap_or(u64::MAX), hint)
}
