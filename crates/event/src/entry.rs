//! The 42 bytes of a record that are public: what a leaf of the tree is the hash of.
//!
//! ```text
//! offset  size  field
//!      0     1  version      1
//!      1     1  kind         1 = event, 2 = an event of schema `indelible.system.key@1`
//!      2     8  received_at  nanoseconds since 1970-01-01T00:00:00Z, unsigned, big-endian
//!     10    32  root         the event root
//! ```
//!
//! Promises: `decode` of `encode` is the same entry, and every other byte string is `None`. Refuses to know what the root
//! covers: that is `commitment`.

use tlog::hash::Hash;

use crate::ids::Timestamp;

/// Bytes of an entry.
pub const ENTRY_BYTES: usize = 42;
/// The only version there is.
pub const ENTRY_VERSION: u8 = 1;

/// What kind of record an entry stands for, so that a reader of entries finds key changes without openings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntryKind {
    /// Any record but the next.
    Event,
    /// A record of schema `indelible.system.key@1`.
    Key,
}

impl EntryKind {
    /// The byte that stands for it.
    #[must_use]
    pub fn byte(self) -> u8 {
        match self {
            EntryKind::Event => 1,
            EntryKind::Key => 2,
        }
    }

    /// The kind that `byte` stands for; `None` is damage.
    #[must_use]
    pub fn from_byte(byte: u8) -> Option<EntryKind> {
        match byte {
            1 => Some(EntryKind::Event),
            2 => Some(EntryKind::Key),
            _ => None,
        }
    }
}

/// One entry of a ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Event or key change.
    pub kind: EntryKind,
    /// When the ledger took the record; never before that of the previous entry.
    pub received_at: Timestamp,
    /// The event root: it commits to every part of the record.
    pub root: Hash,
}

impl Entry {
    /// The bytes that the leaf hash is taken of.
    #[must_use]
    pub fn encode(&self) -> [u8; ENTRY_BYTES] {
        let mut bytes = [0; ENTRY_BYTES];
        let (head, rest) = bytes.split_at_mut(2);
        let (time, root) = rest.split_at_mut(8);
        head.copy_from_slice(&[ENTRY_VERSION, self.kind.byte()]);
        time.copy_from_slice(&self.received_at.0.to_be_bytes());
        root.copy_from_slice(&self.root.0);
        bytes
    }

    /// The entry that `bytes` are; `None` (another length, version or kind) is damage.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Entry> {
        let bytes: &[u8; ENTRY_BYTES] = bytes.try_into().ok()?;
        let (version, rest) = bytes.split_first()?;
        let (kind, rest) = rest.split_first()?;
        let (time, root) = rest.split_first_chunk::<8>()?;
        if *version != ENTRY_VERSION {
            return None;
        }
        Some(Entry {
            kind: EntryKind::from_byte(*kind)?,
            received_at: Timestamp(u64::from_be_bytes(*time)),
            root: Hash(root.try_into().ok()?),
        })
    }
}

#[cfg(test)]
mod tests;
