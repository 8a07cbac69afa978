//! What can go wrong in the ledger, by whose fault.
//!
//! `Damaged` and `Lost` say that bytes on disk are not what was written: the process exits 10 or
//! refuses the range. `Disk` and `Poisoned` are the world's fault, `NotOurs`, `OutOfRange`,
//! `Archived`, `TooManyStreams` and `NoSigner` the caller's. Nothing here is ever retried inside this crate.

use std::fmt;

use event::ids::TenantId;
use tlog::{Index, TreeSize};

use crate::disk::DiskError;

/// Why the ledger refused.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// Bytes on disk are not what was written, in a way that recovery must not pass over.
    #[error("{damage}")]
    Damaged {
        /// What and where.
        damage: Box<Damage>,
    },
    /// The payload of these records is damaged; their entries and proofs are not.
    #[error("{lost}")]
    Lost {
        /// Which records.
        lost: Box<Lost>,
    },
    /// The disk refused.
    #[error("the ledger's disk failed")]
    Disk {
        /// The refused operation.
        #[from]
        source: DiskError,
    },
    /// An earlier write or sync failed: this writer never touches its files again.
    #[error("the writer stopped after a disk fault: {reason}")]
    Poisoned {
        /// The first failure.
        reason: String,
    },
    /// The write-ahead log belongs to another store or shard.
    #[error("the ledger belongs to store `{found}`, not to `{expected}`")]
    NotOurs {
        /// The store and shard that the owner frame names.
        found: String,
        /// The store and shard that were asked for.
        expected: String,
    },
    /// A proof or tree was asked for at a size or place that the ledger does not have.
    #[error("the ledger of `{tenant}` has {size} records, which does not cover the question")]
    OutOfRange {
        /// Whose ledger.
        tenant: TenantId,
        /// Its durable size.
        size: TreeSize,
    },
    /// The record is no longer in the log: the archive has it.
    #[error("the log of `{tenant}` begins at record {first_kept}; older ones are archived")]
    Archived {
        /// Whose ledger.
        tenant: TenantId,
        /// The first record that is still in the log.
        first_kept: Index,
    },
    /// More streams than are listed at once; each can be asked for by its name.
    #[error("`{tenant}` has more than {most} streams, which is more than are listed")]
    TooManyStreams {
        /// Whose.
        tenant: TenantId,
        /// As many are listed.
        most: usize,
    },
    /// No signing key was installed for the tenant.
    #[error("no checkpoint key is installed for `{tenant}`")]
    NoSigner {
        /// Whose key.
        tenant: TenantId,
    },
}

impl Error {
    /// Whether bytes on disk are not what was written.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged { .. } | Self::Lost { .. })
    }

    /// A damage in `file` at byte `offset`, of no known record.
    pub(crate) fn damaged(file: &str, offset: u64, what: impl Into<String>) -> Self {
        Damage::new(file, offset, what).into()
    }
}

/// One place where bytes are not what was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The file below the data directory.
    pub file: String,
    /// Where in it, in bytes.
    pub offset: u64,
    /// Which records, if that can be said.
    pub records: Option<Records>,
    /// What is wrong.
    pub what: String,
}

/// Records of one tenant, `first..end`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Records {
    /// Whose.
    pub tenant: TenantId,
    /// The first one.
    pub first: Index,
    /// One past the last one.
    pub end: Index,
}

/// Records whose payload (or keys) cannot be read any more; entries, tree and proofs go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// Which records.
    pub records: Records,
    /// The file below the data directory.
    pub file: String,
    /// Where the damaged area begins, in bytes.
    pub offset: u64,
    /// What is gone.
    pub part: LostPart,
}

/// Which area of a section is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LostPart {
    /// The records' bytes.
    Payload,
    /// Keys and salt blocks that came with the records.
    Keys,
}

impl Damage {
    /// A damage of no known record.
    pub(crate) fn new(file: &str, offset: u64, what: impl Into<String>) -> Self {
        Self { file: file.to_owned(), offset, records: None, what: what.into() }
    }

    /// The same damage, naming the records it hits.
    pub(crate) fn of(mut self, tenant: &TenantId, first: u64, end: u64) -> Self {
        assert!(first <= end, "a range of records runs forward");
        self.records = Some(Records::new(tenant, first, end));
        self
    }
}

impl Records {
    /// The records `first..end` of `tenant`.
    pub(crate) fn new(tenant: &TenantId, first: u64, end: u64) -> Self {
        Self { tenant: tenant.clone(), first: Index(first), end: Index(end) }
    }
}

impl From<Damage> for Error {
    fn from(damage: Damage) -> Self {
        Self::Damaged { damage: Box::new(damage) }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is damaged at byte {}: {}", self.file, self.offset, self.what)?;
        match &self.records {
            Some(records) => write!(f, " ({records})"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tenant `{}`, records {} to before {}", self.tenant, self.first, self.end)
    }
}

impl Lost {
    /// What is gone, in words.
    pub(crate) fn what(&self) -> &'static str {
        match self.part {
            LostPart::Payload => "the payload",
            LostPart::Keys => "the keys",
        }
    }
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (part, records) = (self.what(), &self.records);
        write!(f, "{part} of {records} is damaged in `{}` at byte {}", self.file, self.offset)
    }
}
