//! Rows that were found, as the records they are of: one reading of pages for all of a segment's.

use arrow::array::{AsArray as _, RecordBatch, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::TimestampNanosecondType;
use event::ids::{TenantId, Timestamp};
use lake::rebuild::Rebuild;
use lake::rows::RECEIVED_AT;
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

/// The records of a piece at these indices, in this order.
pub(super) fn read(
    piece: Piece<'_>,
    indices: &[u64],
    tenant: &TenantId,
) -> Result<Vec<Record>, Error> {
    if indices.is_empty() {
        return Ok(Vec::new());
    }
    let first = piece.indices().start;
    let offset = |index: &u64| u32::try_from(index.saturating_sub(first)).unwrap_or(u32::MAX);
    let offsets: Vec<u32> = indices.iter().map(offset).collect();
    let (batch, kept) = match piece {
        Piece::Hot(chunk) => {
            let batch = take_record_batch(chunk.batch(), &UInt32Array::from(offsets));
            (batch.map_err(|error| failed(&error.to_string()))?, None)
        }
        Piece::Stored(segment) => {
            let places = segment.rows_of(&offsets).map_err(unread)?;
            let batch = segment.take(&Columns::all(), &places).map_err(unread)?;
            (batch, Some(segment.exact().map_err(unread)?))
        }
    };
    let received = batch.column_by_name(RECEIVED_AT);
    let received = received.and_then(|one| one.as_primitive_opt::<TimestampNanosecondType>());
    let received = received.ok_or_else(|| failed("stored rows have no time of receipt"))?.values();
    let kept = |index: &u64| kept.as_ref().and_then(|kept| kept.get(index)).cloned();
    indices
        .iter()
        .enumerate()
        .map(|(row, index)| {
            let payload = match kept(index) {
                Some(payload) => payload,
                None => rebuilt(tenant, &batch, row)?,
            };
            let at = received.get(row).and_then(|at| u64::try_from(*at).ok()).unwrap_or(0);
            Ok(Record { index: *index, received_at: Timestamp(at), payload })
        })
        .collect()
}

fn rebuilt(tenant: &TenantId, batch: &RecordBatch, row: usize) -> Result<Vec<u8>, Error> {
    let rebuild = Rebuild::new(tenant, batch);
    let rebuild = rebuild.ok_or_else(|| failed("stored rows lack a column"))?;
    let mut payload = Vec::new();
    rebuild.payload(row, &mut payload).map_err(|error| failed(&error.to_string()))?;
    Ok(payload)
}
