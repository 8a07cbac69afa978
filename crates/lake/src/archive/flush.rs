//! Flush: the first hot rows of a tenant become a segment.
//!
//! INVARIANT (I2): before the catalog names the file, it was read back from disk and every row of it
//! rebuilt the bytes that the ledger holds. A row that cannot keeps those bytes beside it and is
//! counted; if it does not give them back then either, the flush fails.

use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{AsArray as _, RecordBatch};
use arrow::datatypes::UInt64Type;
use event::ids::{TenantId, Timestamp};

use super::{Archive, CLASS, Merge, live_row, memory_bytes};
use crate::Error;
use crate::rollup::Rollup;
use crate::rows;
use crate::segment::{self, Level, Order, Segment};
use crate::steps::{Steps, step};

/// Gives the payload that the ledger holds at an index, appended to the buffer.
pub type Truth<'a> =
    dyn Fn(u64, &mut Vec<u8>) -> Result<(), Box<dyn StdError + Send + Sync>> + Sync + 'a;

/// What is to become a segment.
pub struct Flush<'a> {
    /// Rows in index order, from the watermark on, without a hole: [`crate::View::prefix`].
    pub batch: &'a RecordBatch,
    /// The payload that the ledger holds at an index.
    pub truth: &'a Truth<'a>,
    /// The secret of a salt block.
    pub secrets: &'a (dyn Fn(u64) -> Option<[u8; 32]> + Sync),
    /// Where its steps are done.
    pub steps: &'a Steps<'a>,
    /// When.
    pub now: Timestamp,
}

impl fmt::Debug for Flush<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The rest is secret.
        f.debug_struct("Flush").field("rows", &self.batch.num_rows()).finish_non_exhaustive()
    }
}

impl Archive {
    /// Makes a segment of rows that begin at the watermark. When it returns, the segment is durable,
    /// compared with the ledger, and in the catalog; the caller swaps the view
    /// ([`crate::Hot::archive`]) before the next flush of this tenant.
    ///
    /// # Errors
    /// [`Error::DiskFull`] when there is no room, [`Error::Segment`] when the file is not what the
    /// ledger holds. Nothing was changed then, and the call may be made again.
    pub fn flush(&self, tenant: &TenantId, flush: &Flush<'_>) -> Result<Arc<Segment>, Error> {
        let indices = indices(flush.batch)?;
        let expected = self.watermark(tenant)?;
        if indices.start != expected {
            return Err(Error::OutOfOrder { expected, first: indices.start });
        }
        let rollup = step(flush.steps, || Rollup::of(flush.batch))?;
        let rollup = Rollup::encode(rollup.as_ref());
        let exact = BTreeMap::new();
        // What is large enough is sorted at once, and never read and written again for it: ADR 0011.
        let is_large =
            Merge::default().is_large(indices.end - indices.start, memory_bytes(flush.batch));
        let level = if is_large { Level::L1 } else { Level::L0 };
        let secrets = flush.secrets;
        let order = Order { tenant, level, class: CLASS, rollup: &rollup, exact: &exact, secrets };
        // Almost always every row rebuilds its record: whether it does is seen in the file itself.
        let differing = match self.attempt(flush, &order, &indices)? {
            Attempt::Archived(segment) => return Ok(segment),
            Attempt::Differs(differing) => differing,
        };
        let mut exact = BTreeMap::new();
        for index in differing {
            let mut payload = Vec::new();
            ask(flush.truth, index, &mut payload)?;
            exact.insert(index, payload);
        }
        match self.attempt(flush, &Order { exact: &exact, ..order }, &indices)? {
            Attempt::Archived(segment) => Ok(segment),
            Attempt::Differs(differing) => {
                let path = segment::file_name(tenant, &indices, level);
                let what = format!("records {differing:?} are not those of the ledger");
                Err(Error::Segment { path, what })
            }
        }
    }

    /// Writes the file and compares it; it is archived only if no record differs.
    fn attempt(
        &self,
        flush: &Flush<'_>,
        order: &Order<'_>,
        indices: &Range<u64>,
    ) -> Result<Attempt, Error> {
        let (mut draft, about, print) = self.draft((flush.batch, flush.steps), order, indices)?;
        let mut row = live_row((&about, &print), order.rollup.to_vec(), memory_bytes(flush.batch));
        row.created_at = flush.now;
        // The planted fault: the catalog names a file that no sync has made durable.
        let is_planted = cfg!(planted = "catalog_before_segment");
        if is_planted {
            self.catalog.add(&row)?;
        }
        draft.sync()?;
        draft.publish()?;
        let compared = self.reopen(&row).and_then(|segment| {
            let ledger = flush.truth;
            let mut truth = |index, out: &mut Vec<u8>| ask(ledger, index, out);
            let differing = segment::compare(&segment, &mut truth, flush.steps)?;
            // The planted fault: what was written is taken for what was meant.
            if !cfg!(planted = "no_compare") && !differing.is_empty() {
                return Ok(Attempt::Differs(differing));
            }
            if !is_planted {
                self.catalog.add(&row)?;
            }
            Ok(Attempt::Archived(segment))
        });
        compared.inspect_err(|error| self.take_back(&row, error))
    }
}

/// What became of writing a file.
enum Attempt {
    /// It is in the catalog.
    Archived(Arc<Segment>),
    /// These records would not be given back.
    Differs(Vec<u64>),
}

fn ask(truth: &Truth<'_>, index: u64, out: &mut Vec<u8>) -> Result<(), Error> {
    truth(index, out).map_err(|why| Error::Disk {
        doing: "read back a record of",
        path: "ledger".to_owned(),
        source: std::io::Error::other(why),
    })
}

/// The indices of a batch whose rows are dense; the writer of the file looks at each.
fn indices(batch: &RecordBatch) -> Result<Range<u64>, Error> {
    let column = batch.column_by_name(rows::INDEX);
    let indices = column.and_then(|column| column.as_primitive_opt::<UInt64Type>());
    let ends = indices.map(|indices| (indices.values().first(), indices.values().last()));
    match ends {
        Some((Some(first), Some(last))) => Ok(*first..last.saturating_add(1)),
        _ => {
            let what = "no row to archive".to_owned();
            Err(Error::Arrow { source: arrow::error::ArrowError::InvalidArgumentError(what) })
        }
    }
}
