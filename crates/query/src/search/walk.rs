//! A walk over the pieces of a view, segments and hot chunks, which finds the rows that match.
//!
//! Promises: rows come in order of their indices, newest or oldest first, each once, and the walk says how far it came;
//! rows out of scope and masked values decide nothing (I9). It stops when it has enough or its time is over; between two
//! batches it lets its caller go. It refuses to know why these rows are wanted.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{BooleanArray, RecordBatch, UInt32Array};
use arrow::compute::take_record_batch;
use lake::Chunk;
use lake::rows::INDEX;
use lake::segment::{Columns, Level, Segment, Which};
use tokio::time::Instant;

use super::node::Node;
use super::page::{Page, Selection};
use crate::barrier::unreadable;
use crate::run::too_slow;
use crate::sight::Sight;
use crate::{Error, Limits};

/// Rows that are read at once at first; it doubles while too few match.
const WINDOW_ROWS: usize = 512;
/// Rows that are so few that they are read with all columns at once: most of them match, and a second reading of the
/// same pages for their records costs more than a few columns in vain.
const WHOLE_ROWS: usize = 32;
/// Rows that are read at once at most.
const WINDOW_ROWS_MAX: usize = 16_384;

/// In which order rows are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The highest index first.
    NewestFirst,
    /// The lowest index first.
    OldestFirst,
}

/// What is known of matching rows beforehand, so that others need not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Key {
    /// Nothing.
    None,
    /// They have a name of each of these groups of hashes.
    Named(Vec<Vec<u32>>),
    /// They are among these indices, ascending.
    Indices(Vec<u64>),
}

impl Key {
    /// A name of each group is required.
    pub(super) fn named(groups: Vec<Vec<u32>>) -> Self {
        if groups.is_empty() { Self::None } else { Self::Named(groups) }
    }

    /// Whether a piece may have such rows.
    pub(super) fn may_be_in(&self, piece: &Range<u64>) -> bool {
        let Self::Indices(indices) = self else { return true };
        let at = indices.partition_point(|index| *index < piece.start);
        indices.get(at).is_some_and(|index| piece.contains(index))
    }

    /// The rows of a chunk that may be such, ascending; `None` if it is no use to know them.
    fn rows(&self, chunk: &Chunk) -> Option<Vec<u32>> {
        let Self::Named(groups) = self else { return None };
        // What cannot be said of a chunk cannot be said of any name.
        chunk.named(*groups.first()?.first()?)?;
        let named = |hash| Ok(chunk.named(hash).unwrap_or_default());
        with_all(groups, named).ok()
    }

    /// The offsets of such rows in a segment, and perhaps of others, ascending.
    fn offsets(&self, segment: &Segment, range: &Range<u64>) -> Result<Vec<u32>, Error> {
        let first = segment.indices().start;
        let groups = match self {
            Self::None => return Ok(offsets(first, range.clone())),
            Self::Indices(indices) => {
                let inside = indices.iter().copied().filter(|index| range.contains(index));
                return Ok(offsets(first, inside));
            }
            Self::Named(groups) => groups,
        };
        let mut found = with_all(groups, |hash| segment.named(hash).map_err(unread))?;
        found.retain(|offset| range.contains(&(first + u64::from(*offset))));
        Ok(found)
    }
}

/// What has a name of each group, ascending, where `named` says what has one.
fn with_all(
    groups: &[Vec<u32>],
    named: impl Fn(u32) -> Result<Vec<u32>, Error>,
) -> Result<Vec<u32>, Error> {
    let mut found: Option<Vec<u32>> = None;
    for group in groups {
        let mut all = Vec::new();
        for hash in group {
            all.extend(named(*hash)?);
        }
        all.sort_unstable();
        all.dedup();
        found = Some(match found {
            None => all,
            Some(mut before) => {
                before.retain(|one| all.binary_search(one).is_ok());
                before
            }
        });
    }
    Ok(found.unwrap_or_default())
}

/// Rows that lie together.
#[derive(Debug, Clone, Copy)]
pub(super) enum Piece<'v> {
    /// Rows in memory.
    Hot(&'v Arc<Chunk>),
    /// Rows in a file.
    Stored(&'v Arc<Segment>),
}

/// The pieces of a view that have indices in `range`, oldest first.
pub(super) fn pieces<'v>(view: &'v lake::View, range: &Range<u64>) -> Vec<Piece<'v>> {
    let stored = view.segments().iter().map(Piece::Stored);
    let all = stored.chain(view.hot_chunks().iter().map(Piece::Hot));
    all.filter(|piece| !is_empty(&overlap(&piece.indices(), range))).collect()
}

impl Piece<'_> {
    /// The indices of its rows.
    pub(super) fn indices(self) -> Range<u64> {
        match self {
            Self::Hot(chunk) => chunk.indices(),
            Self::Stored(segment) => segment.indices(),
        }
    }
}

/// What was found in a piece.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The indices of matching rows, in order.
    pub(super) indices: Vec<u64>,
    /// The indices that were looked at: all of the piece in range, or those on the near side.
    pub(super) seen: Range<u64>,
    /// All columns of these rows and perhaps of others, by index, if they were read.
    pub(super) whole: Option<RecordBatch>,
}

/// How matching rows are found.
#[derive(Debug)]
pub(super) struct Finder<'a> {
    /// What the caller sees.
    pub(super) sight: &'a Sight,
    /// What rows must be.
    pub(super) node: &'a Node,
    /// What else is known of them.
    pub(super) key: &'a Key,
    /// In which order.
    pub(super) order: Order,
    /// Columns that are looked at besides.
    pub(super) also: &'a [&'static str],
    /// When to stop.
    pub(super) deadline: Instant,
    /// The limits that the deadline is one of.
    pub(super) limits: &'a Limits,
}

impl Finder<'_> {
    /// Up to about `wanted` rows of the piece in `range`, the first of them in order.
    pub(super) async fn find(
        &self,
        piece: Piece<'_>,
        range: &Range<u64>,
        wanted: usize,
    ) -> Result<Found, Error> {
        let range = overlap(&piece.indices(), range);
        match piece {
            Piece::Hot(chunk) => {
                tokio::task::yield_now().await;
                let (batch, is_named) = match self.key.rows(chunk) {
                    Some(rows) if rows.is_empty() => {
                        return Ok(Found { seen: range, ..Found::default() });
                    }
                    Some(rows) => {
                        let named = take_record_batch(chunk.batch(), &UInt32Array::from(rows));
                        (named.map_err(|error| failed(&error.to_string()))?, true)
                    }
                    None => (chunk.batch().clone(), false),
                };
                let mut indices = self.matching(batch.clone(), &range)?;
                self.put_in_order(&mut indices);
                Ok(Found { indices, seen: range, whole: is_named.then_some(batch) })
            }
            Piece::Stored(segment) => {
                let is_sorted = segment.about().level == Level::L0;
                if *self.key == Key::None && !is_sorted {
                    return self.find_in_all(segment, range).await;
                }
                let offsets = self.key.offsets(segment, &range)?;
                self.find_among(segment, (offsets, range), wanted).await
            }
        }
    }

    /// Looks at every row of a segment whose rows do not lie in order of their indices.
    async fn find_in_all(&self, segment: &Segment, range: Range<u64>) -> Result<Found, Error> {
        let mut indices = Vec::new();
        let columns = Columns::of(&self.needs());
        let reader = segment.reader(&columns, Which::All, WINDOW_ROWS_MAX);
        for batch in reader.map_err(unread)? {
            tokio::task::yield_now().await;
            if self.is_late() {
                let end = match self.order {
                    Order::NewestFirst => range.end,
                    Order::OldestFirst => range.start,
                };
                return Ok(Found { seen: end..end, ..Found::default() });
            }
            indices.extend(self.matching(batch.map_err(unread)?, &range)?);
        }
        self.put_in_order(&mut indices);
        Ok(Found { indices, seen: range, whole: None })
    }

    /// Looks at the rows of these offsets, which ascend, window by window.
    async fn find_among(
        &self,
        segment: &Segment,
        (mut offsets, range): (Vec<u32>, Range<u64>),
        wanted: usize,
    ) -> Result<Found, Error> {
        if offsets.len() <= WHOLE_ROWS {
            return self.find_whole(segment, offsets, range).await;
        }
        let first = segment.indices().start;
        let columns = Columns::of(&self.needs());
        let (mut indices, mut seen, mut rows) = (Vec::new(), range.clone(), WINDOW_ROWS);
        if self.order == Order::OldestFirst {
            offsets.reverse();
        }
        while !offsets.is_empty() {
            tokio::task::yield_now().await;
            let mut window = offsets.split_off(offsets.len().saturating_sub(rows));
            window.sort_unstable();
            let places = segment.rows_of(&window).map_err(unread)?;
            let batch = segment.take(&columns, &places).map_err(unread)?;
            let mut found = self.matching(batch, &range)?;
            self.put_in_order(&mut found);
            indices.extend(found);
            let is_enough = indices.len() >= wanted || self.is_late();
            match (is_enough && !offsets.is_empty(), self.order) {
                (false, _) => {}
                (true, Order::NewestFirst) => {
                    seen.start = window.first().map_or(first, |at| first + u64::from(*at));
                }
                (true, Order::OldestFirst) => {
                    seen.end = window.last().map_or(first, |at| first + u64::from(*at) + 1);
                }
            }
            if is_enough {
                break;
            }
            rows = (rows * 2).min(WINDOW_ROWS_MAX);
        }
        Ok(Found { indices, seen, whole: None })
    }

    /// Looks at all columns of the rows of these offsets, which ascend and are few.
    async fn find_whole(
        &self,
        segment: &Segment,
        offsets: Vec<u32>,
        range: Range<u64>,
    ) -> Result<Found, Error> {
        if offsets.is_empty() {
            return Ok(Found { seen: range, ..Found::default() });
        }
        tokio::task::yield_now().await;
        let places = segment.rows_of(&offsets).map_err(unread)?;
        let batch = segment.take(&Columns::all(), &places).map_err(unread)?;
        let mut indices = self.matching(batch.clone(), &range)?;
        self.put_in_order(&mut indices);
        Ok(Found { indices, seen: range, whole: Some(batch) })
    }

    /// Shows `visit` every matching row of the piece in `range`, batch by batch, in no order.
    pub(super) async fn each(
        &self,
        piece: Piece<'_>,
        range: &Range<u64>,
        visit: &mut impl FnMut(Page<'_>, Selection) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let segment = match piece {
            Piece::Hot(chunk) => {
                tokio::task::yield_now().await;
                return self.select(chunk.batch().clone(), range, visit);
            }
            Piece::Stored(segment) => segment,
        };
        let columns = Columns::of(&self.needs());
        if *self.key == Key::None {
            let reader = segment.reader(&columns, Which::All, WINDOW_ROWS_MAX);
            for batch in reader.map_err(unread)? {
                tokio::task::yield_now().await;
                self.select(batch.map_err(unread)?, range, visit)?;
                self.in_time()?;
            }
            return Ok(());
        }
        for window in self.key.offsets(segment, range)?.chunks(WINDOW_ROWS_MAX) {
            tokio::task::yield_now().await;
            let places = segment.rows_of(window).map_err(unread)?;
            self.select(segment.take(&columns, &places).map_err(unread)?, range, visit)?;
            self.in_time()?;
        }
        Ok(())
    }

    /// The indices in `range` of the rows of a batch that match, in the batch's order.
    fn matching(&self, batch: RecordBatch, range: &Range<u64>) -> Result<Vec<u64>, Error> {
        let mut found = Vec::new();
        self.select(batch, range, &mut |page, rows| {
            page.with_number(INDEX, rows, |index| {
                found.push(index);
                false
            })?;
            Ok(())
        })?;
        Ok(found)
    }

    /// Shows `visit` the rows of a batch that are in `range` and match.
    fn select(
        &self,
        batch: RecordBatch,
        range: &Range<u64>,
        visit: &mut impl FnMut(Page<'_>, Selection) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let in_view = self.sight.admitted(&batch).map_err(|error| failed(&error.to_string()))?;
        let shown = self.sight.masked(batch).map_err(|error| failed(&error.to_string()))?;
        let page = Page::new(&shown);
        let mut rows = page.with_number(INDEX, page.all(), |index| range.contains(&index))?;
        if let Some(in_view) = in_view {
            retain(&mut rows, &in_view);
        }
        visit(page, self.node.keep(page, rows)?)
    }

    /// INVARIANT (I10): counting ends with its time.
    fn in_time(&self) -> Result<(), Error> {
        if self.is_late() { Err(too_slow(self.limits)) } else { Ok(()) }
    }

    /// The stored columns that are looked at.
    fn needs(&self) -> Vec<&'static str> {
        let mut names = self.also.to_vec();
        names.push(INDEX);
        names.extend(self.node.needs());
        names.extend(self.sight.needs());
        names.sort_unstable();
        names.dedup();
        names
    }

    fn put_in_order(&self, indices: &mut [u64]) {
        indices.sort_unstable();
        if self.order == Order::NewestFirst {
            indices.reverse();
        }
    }

    /// Whether time is over.
    pub(super) fn is_late(&self) -> bool {
        Instant::now() >= self.deadline
    }
}

fn offsets(first: u64, indices: impl Iterator<Item = u64>) -> Vec<u32> {
    let offset = |index: u64| u32::try_from(index.saturating_sub(first)).unwrap_or(u32::MAX);
    indices.map(offset).collect()
}

fn retain(rows: &mut Selection, mask: &BooleanArray) {
    let holds = |row: usize| row < mask.values().len() && mask.value(row);
    rows.retain(|row| usize::try_from(*row).is_ok_and(holds));
}

pub(super) fn overlap(one: &Range<u64>, other: &Range<u64>) -> Range<u64> {
    one.start.max(other.start)..one.end.min(other.end)
}

fn is_empty(range: &Range<u64>) -> bool {
    range.start >= range.end
}

#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` gives")]
pub(super) fn unread(error: lake::Error) -> Error {
    unreadable(&error)
}

pub(super) fn failed(detail: &str) -> Error {
    Error::Failed { detail: detail.to_owned() }
}
