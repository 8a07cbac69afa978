//! A search: the newest (or oldest) records that match, straight from pages, without a plan.
//!
//! A search that names a record's id, its actor or a target goes to the indexes of segments; any other reads the columns
//! that it asks for, newest first, and stops when it has enough. Promises: it finds the rows that the statement shown by
//! `event::search` finds, in order of their indices, and goes on where it stopped. INVARIANT (I9): what is tested and
//! what is given are rows in view with their masks on, and no index is asked for a name that is masked. What comes out
//! is [`Sealed`] until the read is on record (I11).
//!
//! As [`crate::run`], it runs on a runtime that serves no requests; drop the future to cancel.

mod compile; // what is asked -> tests of rows
mod counts; // how many match
mod json; // tests of JSON columns
mod node; // tests of rows
mod page; // columns as tests see them
mod records; // rows -> records
mod walk; // pieces of a view, in order

use std::ops::Range;
use std::sync::Arc;

use event::ids::TenantId;
use event::search::{Search, Span};
use tokio::time::Instant;

use crate::seal::{Allowance, Sealed};
use crate::sight::Sight;
use crate::{Coverage, Error, Limits};
use compile::Compiled;
pub use counts::{histogram, values};
pub use records::Record;
pub use walk::Order;
use walk::{Finder, Piece, overlap, pieces};

/// What is searched for.
#[derive(Debug, Clone)]
pub struct Ask<'a> {
    /// What records must be.
    pub search: &'a Search,
    /// Which indices are looked at.
    pub indices: Range<u64>,
    /// When they happened, besides what the search itself says of that.
    pub occurred: Span,
    /// In which order they come.
    pub order: Order,
    /// How many at most.
    pub limit: usize,
}

impl<'a> Ask<'a> {
    /// The newest records that match, `limit` of them at most.
    pub fn newest(search: &'a Search, limit: usize) -> Self {
        let (occurred, order) = (Span::default(), Order::NewestFirst);
        Self { search, indices: 0..u64::MAX, occurred, order, limit }
    }

    /// The records at these indices that match, oldest first.
    pub fn following(search: &'a Search, indices: Range<u64>, limit: usize) -> Self {
        Self { indices, order: Order::OldestFirst, ..Self::newest(search, limit) }
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The records in order.
    pub records: Vec<Record>,
    /// The indices that are left: ask for them to go on.
    pub left: Option<Range<u64>>,
}

/// Searches `rows` for a caller with `view`. The answer is sealed until the read is on record.
///
/// It gives what it found when [`Limits::time_max`] is over, or when the records reach [`Limits::answer_bytes_max`], and
/// says in [`Found::left`] where to go on.
///
/// # Errors
/// See [`Error`].
pub async fn search(
    rows: Arc<lake::View>,
    view: &policy::View,
    ask: &Ask<'_>,
    limits: &Limits,
) -> Result<Sealed<Found>, Error> {
    let deadline = Instant::now() + limits.time_max;
    let sight = Sight::of(view)?;
    if sight.has_masks() {
        return Err(Error::NotAllowed {
            what: "a search over masked fields".into(),
            hint: "ask with SQL, or use a credential that sees all fields".into(),
        });
    }
    let Compiled { node, key, bounds } = Compiled::new(ask, &rows, &sight)?;
    let range = overlap(&(rows.from()..rows.to()), &ask.indices);
    let order = ask.order;
    let finder =
        Finder { sight: &sight, node: &node, key: &key, order, also: &[], deadline, limits };
    let mut answer = Answer::new(ask, range, limits.answer_bytes_max);
    for piece in answer.pieces(&rows) {
        if answer.is_full() || finder.is_late() {
            break;
        }
        let range = overlap(&piece.indices(), &answer.range);
        if !key.may_be_in(&range) || !bounds.may_be_in(piece) {
            answer.pass(range);
            continue;
        }
        let found = finder.find(piece, &range, answer.room()).await?;
        answer.take(piece, found, view.tenant())?;
    }
    if !answer.is_full() && !finder.is_late() {
        answer.pass(answer.range.clone());
    }
    Ok(answer.sealed(&rows))
}

/// An answer in the making.
struct Answer<'a> {
    ask: &'a Ask<'a>,
    range: Range<u64>,
    records: Vec<Record>,
    bytes: usize,
    bytes_max: usize,
    /// What was looked at, from the side where the search began.
    seen: Range<u64>,
}

impl<'a> Answer<'a> {
    fn new(ask: &'a Ask<'a>, range: Range<u64>, bytes_max: usize) -> Self {
        let range = range.start..range.end.max(range.start);
        let start = match ask.order {
            Order::NewestFirst => range.end,
            Order::OldestFirst => range.start,
        };
        Self { ask, range, records: Vec::new(), bytes: 0, bytes_max, seen: start..start }
    }

    /// The pieces that are to be looked at, in order.
    fn pieces<'v>(&self, view: &'v lake::View) -> Vec<Piece<'v>> {
        let mut pieces = pieces(view, &self.range);
        if self.ask.order == Order::NewestFirst {
            pieces.reverse();
        }
        pieces
    }

    fn room(&self) -> usize {
        self.ask.limit.saturating_sub(self.records.len())
    }

    fn is_full(&self) -> bool {
        self.room() == 0 || self.bytes >= self.bytes_max
    }

    /// The next indices in order were looked at.
    fn pass(&mut self, next: Range<u64>) {
        match self.ask.order {
            Order::NewestFirst => self.seen.start = next.start,
            Order::OldestFirst => self.seen.end = next.end,
        }
    }

    /// Takes in what was found in the next piece, as much as there is room for.
    fn take(
        &mut self,
        piece: Piece<'_>,
        found: walk::Found,
        tenant: &TenantId,
    ) -> Result<(), Error> {
        let wanted = found.indices.get(..self.room()).unwrap_or(&found.indices);
        for record in records::read((piece, found.whole.as_ref()), wanted, tenant)? {
            if self.is_full() {
                break;
            }
            self.bytes = self.bytes.saturating_add(record.payload.len());
            self.records.push(record);
        }
        let last = self.records.last().filter(|_| self.is_full()).map(|record| record.index);
        match (last, self.ask.order) {
            (None, _) => self.pass(found.seen),
            (Some(index), Order::NewestFirst) => self.seen.start = index,
            (Some(index), Order::OldestFirst) => self.seen.end = index.saturating_add(1),
        }
        Ok(())
    }

    /// What was found, and what it was found in. INVARIANT (I9): it hangs on rows in view and on the public frame alone.
    fn sealed(mut self, view: &lake::View) -> Sealed<Found> {
        let left = match self.ask.order {
            Order::NewestFirst => self.range.start..self.seen.start,
            Order::OldestFirst => self.seen.end..self.range.end,
        };
        let coverage = covered(view, self.seen.clone());
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let size = Allowance { rows: count(self.records.len()), bytes: count(self.bytes) };
        let left = Some(left).filter(|left| !left.is_empty());
        let records = std::mem::take(&mut self.records);
        Sealed::new(Found { records, left }, size, coverage)
    }
}

/// What an answer that was worked out over these indices covers.
fn covered(view: &lake::View, seen: Range<u64>) -> Coverage {
    let is_missing = |hole: &Range<u64>| !overlap(hole, &seen).is_empty();
    Coverage {
        from_index: seen.start,
        to_index: seen.end,
        as_of: view.to(),
        complete: !view.holes().iter().any(is_missing),
    }
}
