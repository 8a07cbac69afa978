//! Row scopes: which records of a tenant are in view, as tests that must all hold.
//!
//! A test looks at the true value of a field, before any mask. INVARIANT (I8): where there is no value there is nothing
//! that could be allowed, so the record is not in view.

use std::collections::BTreeSet;
use std::ops::Range;

use event::ids::Timestamp;

use crate::Field;

/// One test of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RowTest {
    /// The field is one of these texts. `targets` holds if any target is, written `type/id`.
    OneOf {
        /// The field.
        field: Field,
        /// The texts, compared byte for byte.
        values: BTreeSet<String>,
    },
    /// The field matches a pattern in which each `*` stands for any characters, none included.
    Like {
        /// The field.
        field: Field,
        /// The pattern.
        pattern: String,
    },
    /// It was received in this range.
    Received(Range<Timestamp>),
}

/// Tests that must all hold; with none, every record is in view.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RowScope {
    tests: Vec<RowTest>,
}

impl RowScope {
    /// These tests together.
    pub fn new(tests: Vec<RowTest>) -> Self {
        Self { tests }
    }

    /// The tests.
    pub fn tests(&self) -> &[RowTest] {
        &self.tests
    }

    /// Both scopes together: never more than either.
    #[must_use]
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.tests.extend(other.tests);
        self
    }
}

/// Whether `text` matches `pattern`, in which each `*` stands for any characters. It takes at most as many steps as both
/// are long together, times the stars.
pub fn is_like(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut left) = text.strip_prefix(head) else { return false };
    let mut middles = rest.split('*');
    let last = middles.next_back().unwrap_or_default();
    for middle in middles {
        match left.find(middle) {
            Some(at) => left = left.get(at + middle.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    left.ends_with(last)
}

#[cfg(test)]
mod tests;
