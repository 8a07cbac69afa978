//! Which rows, by what the public frame and the claimed time say of them.

use std::ops::Range;

use arrow::array::{AsArray as _, BooleanArray, PrimitiveArray, RecordBatch};
use arrow::datatypes::{TimestampNanosecondType, UInt64Type};

use super::{column, overlaps, wrong};
use crate::Error;
use crate::rows::{INDEX, OCCURRED_AT, RECEIVED_AT};
use crate::segment::About;

/// Everything from the first to the last nanosecond, both included.
const ALWAYS: (i64, i64) = (i64::MIN, i64::MAX);

/// Rows inside all of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounds {
    /// Indices.
    pub index: Range<u64>,
    /// Times of receipt in nanoseconds since 1970, both ends included.
    pub received_at: (i64, i64),
    /// Times at which it happened, else those of receipt, both ends included.
    pub occurred_at: (i64, i64),
}

impl Default for Bounds {
    /// All rows.
    fn default() -> Self {
        Self { index: 0..u64::MAX, received_at: ALWAYS, occurred_at: ALWAYS }
    }
}

impl Bounds {
    /// What is inside both.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let index = &self.index;
        Self {
            index: index.start.max(other.index.start)..index.end.min(other.index.end),
            received_at: both(self.received_at, other.received_at),
            occurred_at: both(self.occurred_at, other.occurred_at),
        }
    }

    /// The columns that decide.
    pub(super) fn needs(&self) -> Vec<&'static str> {
        let mut names = Vec::new();
        if self.index != Self::default().index {
            names.push(INDEX);
        }
        if self.received_at != ALWAYS || self.occurred_at != ALWAYS {
            names.push(RECEIVED_AT);
        }
        if self.occurred_at != ALWAYS {
            names.push(OCCURRED_AT);
        }
        names
    }

    /// Whether a segment may have a row inside.
    pub(super) fn may_hold(&self, about: &About) -> bool {
        // A row that does not say when it happened counts by its receipt.
        let said = about.occurred_at.is_some_and(|times| meets(times, self.occurred_at));
        let happened = said || meets(about.received_at, self.occurred_at);
        overlaps(&about.indices, &self.index)
            && meets(about.received_at, self.received_at)
            && happened
    }

    /// Which rows of a batch are inside; `None` is all of them.
    pub(super) fn holds(&self, batch: &RecordBatch) -> Result<Option<BooleanArray>, Error> {
        let mut mask = Mask::default();
        if self.index != Self::default().index {
            let indices = column(batch, INDEX)?.as_primitive_opt::<UInt64Type>();
            let indices = indices.ok_or_else(|| wrong(INDEX))?.values();
            mask.and(indices.iter().map(|index| self.index.contains(index)));
        }
        if self.received_at != ALWAYS {
            let inside = times(batch, RECEIVED_AT)?.values().iter();
            mask.and(inside.map(|time| is_in(*time, self.received_at)));
        }
        if self.occurred_at != ALWAYS {
            let (said, received) = (times(batch, OCCURRED_AT)?, times(batch, RECEIVED_AT)?);
            let happened = said.iter().zip(received.values());
            mask.and(happened.map(|(said, got)| is_in(said.unwrap_or(*got), self.occurred_at)));
        }
        Ok(mask.0.filter(|mask| mask.contains(&false)).map(BooleanArray::from))
    }
}

#[derive(Default)]
struct Mask(Option<Vec<bool>>);

impl Mask {
    fn and(&mut self, inside: impl Iterator<Item = bool>) {
        self.0 = Some(match self.0.take() {
            None => inside.collect(),
            Some(before) => inside.zip(before).map(|(one, other)| one && other).collect(),
        });
    }
}

fn times<'a>(
    batch: &'a RecordBatch,
    name: &str,
) -> Result<&'a PrimitiveArray<TimestampNanosecondType>, Error> {
    column(batch, name)?.as_primitive_opt().ok_or_else(|| wrong(name))
}

fn is_in(time: i64, (from, to): (i64, i64)) -> bool {
    (from..=to).contains(&time)
}

fn both(one: (i64, i64), other: (i64, i64)) -> (i64, i64) {
    (one.0.max(other.0), one.1.min(other.1))
}

fn meets(one: (i64, i64), other: (i64, i64)) -> bool {
    one.0 <= other.1 && other.0 <= one.1
}
