//! Answers that nobody has seen yet. INVARIANT (I11): rows leave only inside an allowance that a
//! committed record names, so what a query gives is sealed, and [`Sealed::release`] is the one way
//! to open it.
//!
//! A sealed answer tells how large it is and what it was worked out over, which is what the record
//! needs. It refuses to show, print, copy or serialise a row:
//!
//! ```compile_fail
//! fn rows_without_a_record(sealed: indelible_query::Sealed<indelible_query::Answer>) -> Vec<u8> {
//!     sealed.to_bytes(indelible_query::Format::Csv).unwrap()
//! }
//! ```
//!
//! ```compile_fail
//! fn rows_of_the_field(sealed: indelible_query::Sealed<indelible_query::Answer>) -> indelible_query::Answer {
//!     sealed.answer
//! }
//! ```
//!
//! With a record it is opened:
//!
//! ```
//! fn rows(
//!     sealed: indelible_query::Sealed<indelible_query::Answer>,
//!     recorded: indelible_query::Recorded,
//! ) -> Vec<u8> {
//!     sealed.release(recorded).unwrap().to_bytes(indelible_query::Format::Csv).unwrap()
//! }
//! ```

use std::fmt;

use crate::Coverage;

/// So many rows and bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Allowance {
    /// Rows of an answer.
    pub rows: u64,
    /// Their bytes, as [`Sealed::bytes`] counts them.
    pub bytes: u64,
}

impl Allowance {
    /// Whether both counts are inside.
    pub fn covers(self, other: Self) -> bool {
        other.rows <= self.rows && other.bytes <= self.bytes
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, more: Self) -> Self {
        let rows = self.rows.saturating_add(more.rows);
        Self { rows, bytes: self.bytes.saturating_add(more.bytes) }
    }

    /// What `other` has beyond this one.
    #[must_use]
    pub fn short_of(self, other: Self) -> Self {
        let rows = other.rows.saturating_sub(self.rows);
        Self { rows, bytes: other.bytes.saturating_sub(self.bytes) }
    }
}

/// That a read is in the ledger. Whoever makes one says that the record with this index is
/// committed: only `server::audit` does.
#[derive(Debug, PartialEq, Eq)]
pub struct Recorded {
    begin: u64,
    allowed: Allowance,
}

impl Recorded {
    /// Of the committed `read.begin` at the index `begin`, which allows so much.
    pub fn new(begin: u64, allowed: Allowance) -> Self {
        Self { begin, allowed }
    }

    /// With what a committed `read.more` of the same read allows beyond it.
    #[must_use]
    pub fn with_more(self, more: Allowance) -> Self {
        Self { allowed: self.allowed.plus(more), ..self }
    }

    /// The index of the `read.begin`.
    pub fn begin(&self) -> u64 {
        self.begin
    }

    /// What is allowed so far.
    pub fn allowed(&self) -> Allowance {
        self.allowed
    }
}

/// An answer that is not recorded yet.
pub struct Sealed<T> {
    answer: T,
    size: Allowance,
    coverage: Coverage,
}

/// An answer that is larger than what was recorded: append a `read.more` and release it again.
#[derive(Debug)]
pub struct Beyond<T> {
    /// The answer, sealed as before.
    pub sealed: Sealed<T>,
    /// The record that was shown.
    pub recorded: Recorded,
    /// What a `read.more` must allow.
    pub short: Allowance,
}

impl<T> Sealed<T> {
    /// Seals an answer of this size.
    pub(crate) fn new(answer: T, size: Allowance, coverage: Coverage) -> Self {
        Self { answer, size, coverage }
    }

    /// How many rows it has.
    pub fn rows(&self) -> u64 {
        self.size.rows
    }

    /// Bytes of its rows.
    pub fn bytes(&self) -> u64 {
        self.size.bytes
    }

    /// Rows and bytes together: what an allowance must cover.
    pub fn size(&self) -> Allowance {
        self.size
    }

    /// What it was worked out over.
    pub fn coverage(&self) -> Coverage {
        self.coverage
    }

    /// The answer, if its size is inside what the record allows.
    pub fn release(self, recorded: Recorded) -> Result<T, Box<Beyond<T>>> {
        if recorded.allowed.covers(self.size) {
            return Ok(self.answer);
        }
        let short = recorded.allowed.short_of(self.size);
        Err(Box::new(Beyond { sealed: self, recorded, short }))
    }
}

impl<T> fmt::Debug for Sealed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { answer: _, size, coverage } = self;
        let mut shown = f.debug_struct("Sealed");
        shown.field("size", size).field("coverage", coverage).finish_non_exhaustive()
    }
}
