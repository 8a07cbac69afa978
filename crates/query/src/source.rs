//! What a question is asked of: a tenant's rows at one moment, and what its caller sees of them.

use std::sync::Arc;

use crate::sight::Sight;
use crate::streams::Streams;
use crate::{Coverage, Error};

/// One tenant, whole.
#[derive(Debug)]
pub struct Tenant {
    /// Its rows at one moment.
    pub rows: Arc<lake::View>,
    /// Its streams.
    pub streams: Streams,
}

/// Rows and the sight of one caller.
#[derive(Debug)]
pub(crate) enum Source {
    /// Rows of the lake.
    Lake {
        /// The tenant's rows, hidden ones too.
        rows: Arc<lake::View>,
        /// What the caller sees of them.
        sight: Sight,
        /// The tenant's streams, for a caller who sees everything.
        streams: Option<Streams>,
    },
    /// What a caller sees, written out: the other side of the proof of I9.
    #[cfg(test)]
    Copy(crate::barrier::tests::copy::Copied),
}

impl Source {
    /// `tenant` as `view` lets its caller see it.
    pub(crate) fn new(tenant: Tenant, view: &policy::View) -> Result<Self, Error> {
        let sight = Sight::of(view)?;
        // INVARIANT (I9): a stream counts rows and names values that may be hidden.
        let shown = sight.is_everything() || cfg!(planted = "leak_streams");
        let streams = Some(tenant.streams).filter(|_| shown);
        Ok(Self::Lake { rows: tenant.rows, sight, streams })
    }

    /// What the caller sees of the rows.
    pub(crate) fn sight(&self) -> &Sight {
        match self {
            Self::Lake { sight, .. } => sight,
            #[cfg(test)]
            Self::Copy(copied) => copied.sight(),
        }
    }

    /// Whether its caller may ask for streams.
    pub(crate) fn has_streams(&self) -> bool {
        match self {
            Self::Lake { streams, .. } => streams.is_some(),
            #[cfg(test)]
            Self::Copy(copied) => copied.has_streams(),
        }
    }

    /// What an answer covers. INVARIANT (I9): it hangs on the public frame alone.
    pub(crate) fn coverage(&self) -> Coverage {
        match self {
            Self::Lake { rows, sight, .. } => Coverage {
                from_index: rows.from(),
                to_index: rows.to(),
                as_of: rows.to(),
                complete: rows.from() == 0 && rows.holes().is_empty() && !leaks(sight),
            },
            #[cfg(test)]
            Self::Copy(copied) => copied.coverage(),
        }
    }

    /// An error as the caller is told it.
    pub(crate) fn told(&self, error: Error) -> Error {
        match (self, error) {
            (Self::Lake { rows, .. }, Error::Invalid { reason, hint })
                if cfg!(planted = "leak_error") =>
            {
                Error::Invalid { reason: format!("{reason} after {} rows", rows.to()), hint }
            }
            (_, error) => error,
        }
    }
}

/// The planted leak `leak_coverage`: that rows were left out shows in the coverage.
fn leaks(sight: &Sight) -> bool {
    cfg!(planted = "leak_coverage") && !sight.is_every_row()
}
