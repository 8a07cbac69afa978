//! Compaction: neighbouring segments become one that is sorted by actor.
//!
//! Promises: no leaf and no record changes. What is merged is, byte for byte, what the catalog names; a
//! damaged file is never read into a new one. INVARIANT (I6): before one catalog transaction puts the
//! new file in the place of the old ones, it was read back from disk and has the same rows: as many,
//! with the same sum of hashes over index, time of receipt and rebuilt record, and the same counts.
//! Old files stay as long as somebody reads them.
//!
//! A row is rewritten a few times in its life: when its segment is large enough to be sorted for
//! good, or when as many neighbours of about one size have come together as the fan-in says.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, PoisonError};

use arrow::array::{AsArray as _, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::{TimestampNanosecondType, UInt64Type};
use event::ids::{TenantId, Timestamp};

use super::multiset::Multiset;
use super::{Archive, Replaced, live_row, memory_bytes};
use crate::Error;
use crate::rebuild::Rebuild;
use crate::rollup::Rollup;
use crate::rows;
use crate::segment::{self, Columns, Level, Order, Segment, Which};
use crate::steps::at_once;
use crate::view::View;

/// Rows that are read back at a time.
const SUMMED: usize = 4_096;

/// How far segments are merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Merge {
    /// Rows of a merged segment at most.
    pub rows_max: u64,
    /// Bytes of its rows in memory, about, at most.
    pub bytes_max: u64,
    /// So many small neighbours of about one size are merged into one; at least 2.
    pub fan_in: usize,
}

impl Default for Merge {
    fn default() -> Self {
        let rows_max = u64::try_from(segment::ROWS_MAX).unwrap_or(u64::MAX);
        Self { rows_max, bytes_max: 48 << 20, fan_in: 8 }
    }
}

impl Merge {
    /// Whether so much is worth a file of its own for good.
    pub(super) fn is_large(&self, rows: u64, bytes: u64) -> bool {
        rows >= self.rows_max / 2 || bytes >= self.bytes_max / 2
    }

    fn fits(&self, rows: u64, bytes: u64) -> bool {
        rows <= self.rows_max && bytes <= self.bytes_max
    }

    /// Sizes within a factor of the fan-in are about one size.
    fn size_class(&self, rows: u64) -> u32 {
        rows.max(1).ilog2() / self.fan_in.max(2).ilog2()
    }
}

/// Segments that are worth one compaction.
#[derive(Debug, Default)]
pub struct Candidates {
    /// Neighbours in index order; none if there is nothing to do.
    pub segments: Vec<Arc<Segment>>,
    /// About the bytes that their rows take in memory.
    pub bytes: u64,
}

/// What is weighed of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Piece {
    indices: Range<u64>,
    level: Level,
    class: String,
    rows: u64,
    bytes: u64,
    is_resting: bool,
}

impl Archive {
    /// The segments of a view that are worth one compaction now. A segment of which `rests` says so by its name is not among them:
    /// what could not be read a moment ago must not keep others from being merged.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn candidates(
        &self,
        view: &View,
        merge: &Merge,
        rests: &dyn Fn(&str) -> bool,
    ) -> Result<Candidates, Error> {
        let Some(first) = view.segments().first() else { return Ok(Candidates::default()) };
        let weights = self.catalog.memory_bytes(&first.about().tenant)?;
        let weigh = |segment: &Arc<Segment>| {
            let about = segment.about();
            Piece {
                indices: about.indices.clone(),
                level: about.level,
                class: about.class.clone(),
                rows: about.rows,
                bytes: weights.get(segment.name()).copied().unwrap_or(u64::MAX),
                is_resting: rests(segment.name()),
            }
        };
        let pieces: Vec<Piece> = view.segments().iter().map(weigh).collect();
        let chosen = choose(&pieces, merge).unwrap_or_default();
        let of_pieces = pieces.get(chosen.clone()).unwrap_or_default().iter();
        let bytes = of_pieces.fold(0, |sum: u64, piece| sum.saturating_add(piece.bytes));
        Ok(Candidates { segments: view.segments().get(chosen).unwrap_or_default().to_vec(), bytes })
    }

    /// Makes one segment, sorted by actor, of neighbouring ones. When it returns, the segment is
    /// durable, proven to have the same rows, and in the catalog; the caller swaps the view
    /// ([`crate::Hot::compacted`]), lets go of `inputs` and calls [`Archive::sweep`].
    ///
    /// # Errors
    /// [`Error::DiskFull`] when there is no room, [`Error::Segment`] when a file is damaged or the
    /// new one has not the same rows. Nothing was changed then, and the call may be made again.
    pub fn compact(
        &self,
        tenant: &TenantId,
        inputs: &[Arc<Segment>],
        now: Timestamp,
    ) -> Result<Arc<Segment>, Error> {
        let indices = neighbours(inputs)?;
        let Rows { batch, exact, sum } = read(tenant, inputs)?;
        let rollup = self.rollup_of(&batch, inputs)?;
        let secrets = |block| {
            let secret = |input: &Arc<Segment>| input.secret(block).ok().flatten();
            inputs.iter().find_map(secret)
        };
        let class = inputs.first().map_or("", |input| input.about().class.as_str());
        let order = Order {
            tenant,
            level: Level::L1,
            class,
            rollup: &rollup,
            exact: &exact,
            secrets: &secrets,
        };
        let (mut draft, about, print) = self.draft((&batch, &at_once), &order, &indices)?;
        let mut row = live_row((&about, &print), rollup.clone(), memory_bytes(&batch));
        row.created_at = now;
        drop(batch);
        draft.sync()?;
        draft.publish()?;
        let replaced = self.reopen(&row).and_then(|segment| {
            let again = summed(tenant, &segment)?;
            if again != sum {
                let (found, due) = (again.rows(), sum.rows());
                let what = format!("its {found} rows are not the {due} of what it replaces");
                return Err(Error::Segment { path: segment.name().to_owned(), what });
            }
            self.catalog.replace(&row)?;
            Ok(segment)
        });
        let segment = replaced.inspect_err(|error| self.take_back(&row, error))?;
        let mut replaced = self.replaced.lock().unwrap_or_else(PoisonError::into_inner);
        replaced.extend(inputs.iter().map(|input| Replaced {
            tenant: tenant.clone(),
            path: input.name().to_owned(),
            readers: Arc::downgrade(input),
        }));
        Ok(segment)
    }

    /// The partial of merged rows. INVARIANT (I6): it is the sum of the partials that it replaces.
    fn rollup_of(&self, batch: &RecordBatch, inputs: &[Arc<Segment>]) -> Result<Vec<u8>, Error> {
        let made = Rollup::of(batch)?;
        let mut sum = Some(Rollup::default());
        for input in inputs {
            match (self.catalog.rollup(input.name())?, &mut sum) {
                (Some(partial), Some(sum)) => sum.merge(&partial),
                _ => sum = None,
            }
        }
        match (&made, &sum) {
            (Some(made), Some(sum)) if made != sum => {
                let what = "the counts in the catalog are not those of the rows".to_owned();
                let path = inputs.first().map_or_else(String::new, |input| input.name().to_owned());
                Err(Error::Segment { path, what })
            }
            _ => Ok(Rollup::encode(made.as_ref())),
        }
    }
}

/// The sum of all rows of a segment, a few of which are in memory at a time: in what order they are
/// does not matter.
fn summed(tenant: &TenantId, segment: &Segment) -> Result<Multiset, Error> {
    let (exact, mut sum) = (segment.exact()?, Multiset::default());
    for batch in segment.reader(&Columns::all(), Which::All, SUMMED)? {
        count(tenant, &batch?, &exact, &mut sum).ok_or_else(|| unmade(segment))?;
    }
    Ok(sum)
}

fn unmade(segment: &Segment) -> Error {
    let what = "its rows rebuild no records".to_owned();
    Error::Segment { path: segment.name().to_owned(), what }
}

/// Rows read back, in index order.
struct Rows {
    batch: RecordBatch,
    exact: BTreeMap<u64, Vec<u8>>,
    sum: Multiset,
}

/// All rows of neighbouring segments.
fn read(tenant: &TenantId, segments: &[Arc<Segment>]) -> Result<Rows, Error> {
    let (mut batches, mut exact, mut sum) = (Vec::new(), BTreeMap::new(), Multiset::default());
    for segment in segments {
        // Pages carry no checksum of their own: a changed value would be read, counted as it is, and hashed anew.
        if !segment.is_its_file()? {
            let what = "the file is not the one that the catalog names".to_owned();
            return Err(Error::Segment { path: segment.name().to_owned(), what });
        }
        let batch = segment.batch(&Columns::all())?;
        let kept = segment.exact()?;
        count(tenant, &batch, &kept, &mut sum).ok_or_else(|| unmade(segment))?;
        exact.extend(kept);
        batches.push(batch);
    }
    let batch = concat_batches(&rows::schema(), &batches);
    Ok(Rows { batch: batch.map_err(|source| Error::Arrow { source })?, exact, sum })
}

/// Counts every row of a batch; `None` if it lacks a column or a row rebuilds nothing.
fn count(
    tenant: &TenantId,
    batch: &RecordBatch,
    exact: &BTreeMap<u64, Vec<u8>>,
    sum: &mut Multiset,
) -> Option<()> {
    let column = |name| batch.column_by_name(name);
    let index = column(rows::INDEX)?.as_primitive_opt::<UInt64Type>()?.values();
    let received = column(rows::RECEIVED_AT)?.as_primitive_opt::<TimestampNanosecondType>()?;
    let rebuild = Rebuild::new(tenant, batch)?;
    let mut payload = Vec::new();
    for ((row, index), received) in index.iter().enumerate().zip(received.values()) {
        if let Some(kept) = exact.get(index) {
            sum.add(*index, *received, kept);
            continue;
        }
        payload.clear();
        rebuild.payload(row, &mut payload).ok()?;
        sum.add(*index, *received, &payload);
    }
    Some(())
}

/// The range of segments that follow on each other, of one class, not too large for one file.
fn neighbours(inputs: &[Arc<Segment>]) -> Result<Range<u64>, Error> {
    let nothing = || Error::OutOfOrder { expected: 0, first: 0 };
    let (first, rest) = inputs.split_first().ok_or_else(nothing)?;
    let (mut range, mut rows) = (first.indices(), first.about().rows);
    for next in rest {
        let is_other = next.about().class != first.about().class;
        if next.indices().start != range.end || is_other {
            return Err(Error::OutOfOrder { expected: range.end, first: next.indices().start });
        }
        range.end = next.indices().end;
        rows += next.about().rows;
    }
    // A sorted segment by itself has nothing to gain, and its file's name would be its own.
    let is_done = rest.is_empty() && first.about().level == Level::L1;
    let is_too_large = usize::try_from(rows).map_or(true, |rows| rows > segment::ROWS_MAX);
    if is_done || is_too_large {
        return Err(Error::OutOfOrder { expected: range.end, first: range.start });
    }
    Ok(range)
}

/// Which neighbours are worth a compaction: the first that make up a large segment, or as many small
/// ones of about one size as the fan-in says. One that rests is never among them.
fn choose(pieces: &[Piece], merge: &Merge) -> Option<Range<usize>> {
    let is_large = |piece: &Piece| merge.is_large(piece.rows, piece.bytes);
    let follows = |before: &Piece, piece: &Piece| {
        let is_next = before.indices.end == piece.indices.start && before.class == piece.class;
        is_next && !piece.is_resting
    };
    let awake = pieces.iter().enumerate().filter(|(_, piece)| !piece.is_resting);
    for (start, first) in awake {
        if is_large(first) {
            if first.level == Level::L0 {
                return Some(start..start + 1);
            }
            continue;
        }
        let (mut rows, mut bytes, mut end, mut same) = (first.rows, first.bytes, start + 1, 1);
        let mut before = first;
        for piece in pieces.iter().skip(end).take_while(|piece| !is_large(piece)) {
            let sum = (rows.saturating_add(piece.rows), bytes.saturating_add(piece.bytes));
            if !follows(before, piece) || !merge.fits(sum.0, sum.1) {
                break;
            }
            (rows, bytes) = sum;
            let is_same = merge.size_class(piece.rows) == merge.size_class(first.rows);
            same += usize::from(is_same && same == end - start);
            end += 1;
            before = piece;
            if merge.is_large(rows, bytes) || same >= merge.fan_in {
                return Some(start..end);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests;
