//! Stored records wherever they lie: in the log, or in a segment once the log was trimmed.
//!
//! Promises: the bytes that a receipt commits to, whichever place they come from; the entry always comes from the ledger.
//! Refuses to find anything by what is in it: that is `lake::lookup`.

use std::ops::Range;
use std::sync::Arc;

use event::entry::Entry;
use event::ids::{Seq, TenantId};
use ledger::{Section, Stored, StreamId, key_kind};
use tlog::Index;

use crate::app::App;

/// Why a record that should be there cannot be given.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoredError {
    /// The ledger says why.
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
    /// The segment says why.
    #[error(transparent)]
    Lake(#[from] lake::Error),
    /// Neither has it.
    #[error("record {index} of tenant `{tenant}` is not there")]
    Missing {
        /// Whose.
        tenant: TenantId,
        /// Which one.
        index: u64,
    },
    /// A number of a stream was stored, and nothing says where.
    #[error("number {seq} of a stream of tenant `{tenant}` is in no segment")]
    Unplaced {
        /// Whose.
        tenant: TenantId,
        /// Which number.
        seq: Seq,
    },
}

/// Records with neighbouring indices. Those in the log are borrowed from their sections: a receipt copies nothing of them
/// but what leaves.
#[derive(Debug, Default)]
pub(crate) struct Records {
    pieces: Vec<Piece>,
}

#[derive(Debug)]
enum Piece {
    Section(Arc<Section>),
    Archived(Stored),
}

impl Records {
    /// The records `range`, all of which were answered as stored.
    pub(crate) fn read(
        app: &App,
        tenant: &TenantId,
        range: &Range<u64>,
    ) -> Result<Records, StoredError> {
        counted(app, Records::pieces(app, tenant, range))
    }

    fn pieces(app: &App, tenant: &TenantId, range: &Range<u64>) -> Result<Records, StoredError> {
        let mut pieces = Vec::new();
        let mut next = range.start;
        while next < range.end {
            let missing = || StoredError::Missing { tenant: tenant.clone(), index: next };
            let (piece, end) = match app.reader.section(tenant, Index(next)) {
                Ok(section) => {
                    let section = section.ok_or_else(missing)?;
                    let end = section.end().0;
                    (Piece::Section(section), end)
                }
                Err(ledger::Error::Archived { .. }) => {
                    let stored = archived(app, tenant, next)?.ok_or_else(missing)?;
                    (Piece::Archived(stored), next + 1)
                }
                Err(error) => return Err(error.into()),
            };
            assert!(end > next, "what holds a record ends behind it");
            pieces.push(piece);
            next = end;
        }
        Ok(Records { pieces })
    }

    /// Each record's index, entry and bytes, in order; a section's other records too.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Index, &Entry, &[u8])> {
        self.pieces.iter().flat_map(|piece| {
            let (section, single) = match piece {
                Piece::Section(section) => (Some(section.records()), None),
                Piece::Archived(stored) => {
                    (None, Some((stored.index, &stored.entry, stored.payload.as_slice())))
                }
            };
            section.into_iter().flatten().chain(single)
        })
    }
}

/// One record; `None` past the end.
///
/// # Errors
/// `ledger::Error::Lost` among the ledger's if its payload was damaged.
pub(crate) fn record(
    app: &App,
    tenant: &TenantId,
    index: Index,
) -> Result<Option<Stored>, StoredError> {
    let found = match app.reader.record(tenant, index) {
        Err(ledger::Error::Archived { .. }) => archived(app, tenant, index.0),
        other => other.map_err(StoredError::from),
    };
    counted(app, found)
}

/// Counts damage that a reader met.
fn counted<T>(app: &App, found: Result<T, StoredError>) -> Result<T, StoredError> {
    let is_damage = match &found {
        Ok(_) => false,
        Err(StoredError::Ledger(error)) => error.is_damage(),
        Err(StoredError::Lake(error)) => error.is_damage(),
        Err(StoredError::Missing { .. } | StoredError::Unplaced { .. }) => true,
    };
    if is_damage {
        app.metrics.damaged();
    }
    found
}

/// The record that a number of a stream became, which the ledger says was stored.
pub(crate) fn index_of(
    app: &App,
    tenant: &TenantId,
    (stream, seq): (&StreamId, Seq),
) -> Result<Index, StoredError> {
    let view = app.shipped.hot.view(tenant);
    let index = lake::lookup::by_seq(&view, (&stream.producer, stream.instance), seq)?;
    let unplaced = || StoredError::Unplaced { tenant: tenant.clone(), seq };
    index.map(Index).ok_or_else(unplaced)
}

/// A record that has left the log, from its segment; `None` in a lost range.
fn archived(app: &App, tenant: &TenantId, index: u64) -> Result<Option<Stored>, StoredError> {
    let view = app.shipped.hot.view(tenant);
    let Some(payload) = lake::lookup::payload(&view, index)? else { return Ok(None) };
    let entry = app.reader.entry(tenant, Index(index))?;
    let missing = || StoredError::Missing { tenant: tenant.clone(), index };
    Ok(Some(Stored { index: Index(index), entry: entry.ok_or_else(missing)?, payload }))
}

/// The secret of the salt block `block`, which the record at `index` uses.
pub(crate) fn secret(
    app: &App,
    tenant: &TenantId,
    (block, index): (u64, u64),
) -> Result<Option<[u8; 32]>, StoredError> {
    if let Some(bytes) = app.reader.key(tenant, key_kind::SALT_BLOCK, block) {
        return Ok((*bytes).try_into().ok());
    }
    let view = app.shipped.hot.view(tenant);
    Ok(lake::lookup::secret(&view, index, block)?)
}
