//! Rows that were found, as the records they are of: one reading of pages for all of a segment's.

use std::collections::BTreeMap;

use arrow::array::{AsArray as _, RecordBatch, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::{TimestampNanosecondType, UInt64Type};
use event::ids::{TenantId, Timestamp};
use lake::rebuild::Rebuild;
use lake::rows::{INDEX, RECEIVED_AT};
use lake::segment::Columns;

use super::walk::{Piece, failed, unread};
use crate::Error;

/// A record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its index.
    pub index: u64,
    /// When the ledger took it in.
    pub received_at: Timestamp,
    /// Its bytes, as its leaf in the ledger commits to.
    pub payload: Vec<u8>,
}

/// The records of a piece at these indices, in this order; `whole` is all columns of their rows, by index, if they were
/// read already.
pub(super) fn read(
    (piece, whole): (Piece<'_>, Option<&RecordBatch>),
    indices: &[u64],
    tenant: &TenantId,
) -> Result<Vec<Record>, Error> {
    if indices.is_empty() {
        return Ok(Vec::new());
    }
    let (batch, rows) = match whole {
        Some(batch) => (batch.clone(), rows_of(batch, indices)?),
        None => (columns(piece, indices)?, (0..indices.len()).collect()),
    };
    let kept = match piece {
        Piece::Hot(_) => BTreeMap::new(),
        Piece::Stored(segment) => segment.exact().map_err(unread)?,
    };
    let received = batch.column_by_name(RECEIVED_AT);
    let received = received.and_then(|one| one.as_primitive_opt::<TimestampNanosecondType>());
    let received = received.ok_or_else(|| failed("stored rows have no time of receipt"))?.values();
    let rebuild = Rebuild::new(tenant, &batch);
    let rebuild = rebuild.ok_or_else(|| failed("stored rows lack a column"))?;
    let record = |(index, row): (&u64, usize)| {
        let payload = match kept.get(index) {
            Some(payload) => payload.clone(),
            None => rebuilt(&rebuild, row)?,
        };
        let at = received.get(row).and_then(|at| u64::try_from(*at).ok()).unwrap_or(0);
        Ok(Record { index: *index, received_at: Timestamp(at), payload })
    };
    indices.iter().zip(rows).map(record).collect()
}

/// All columns of the rows at these indices, in this order.
fn columns(piece: Piece<'_>, indices: &[u64]) -> Result<RecordBatch, Error> {
    let first = piece.indices().start;
    let offset = |index: &u64| u32::try_from(index.saturating_sub(first)).unwrap_or(u32::MAX);
    let offsets: Vec<u32> = indices.iter().map(offset).collect();
    match piece {
        Piece::Hot(chunk) => take_record_batch(chunk.batch(), &UInt32Array::from(offsets))
            .map_err(|error| failed(&error.to_string())),
        Piece::Stored(segment) => {
            let places = segment.rows_of(&offsets).map_err(unread)?;
            segment.take(&Columns::all(), &places).map_err(unread)
        }
    }
}

/// The rows of a batch that have these indices; its rows ascend.
fn rows_of(batch: &RecordBatch, indices: &[u64]) -> Result<Vec<usize>, Error> {
    let missing = || failed("a row that was found is not there");
    let known = batch.column_by_name(INDEX);
    let known = known.and_then(|one| one.as_primitive_opt::<UInt64Type>()).ok_or_else(missing)?;
    let row = |index| known.values().binary_search(index).map_err(|_| missing());
    indices.iter().map(row).collect()
}

fn rebuilt(rebuild: &Rebuild<'_>, row: usize) -> Result<Vec<u8>, Error> {
    let mut payload = Vec::new();
    rebuild.payload(row, &mut payload).map_err(|error| failed(&error.to_string()))?;
    Ok(payload)
}
