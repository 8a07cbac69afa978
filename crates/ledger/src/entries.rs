//! Entries of any age: from memory where the tree holds them, from packs where it does not.
//!
//! It promises that an entry it gives is the one that the tree's leaf is the hash of. It knows
//! nothing of payloads: those of old records are the archive's.

use event::entry::{ENTRY_BYTES, Entry};
use event::ids::TenantId;
use tlog::Index;

use crate::book::Book;
use crate::cursor::length_u64;
use crate::error::{Damage, Error};
use crate::names;
use crate::reader::Reader;
use crate::tree::PACK_ENTRIES;
use crate::view::Tenant;

/// Entries that are taken out of memory, or out of a pack, at once.
const TAKEN: u64 = 4096;

/// Entries in index order; see [`Reader::entries`].
#[derive(Debug)]
pub struct Entries {
    reader: Reader,
    tenant: TenantId,
    next: u64,
    end: u64,
    /// Encoded entries from `next` on, last first.
    taken: Vec<Entry>,
}

impl Reader {
    /// The entry of a record, wherever its payload is; `None` past the end.
    ///
    /// # Errors
    /// `Damaged` or `Disk` if the pack that holds it cannot be read.
    pub fn entry(&self, tenant: &TenantId, index: Index) -> Result<Option<Entry>, Error> {
        let mut entries = self.entries(tenant, index, Index(index.0.saturating_add(1)));
        Ok(entries.next().transpose()?.map(|(_, entry)| entry))
    }

    /// The entries `first..end`, as far as the ledger has them. One that cannot be read is an error
    /// in the place of all of its pack, and the entries go on behind it.
    #[must_use]
    pub fn entries(&self, tenant: &TenantId, first: Index, end: Index) -> Entries {
        let end = end.0.min(self.head(tenant).size.0);
        let (reader, tenant) = (self.clone(), tenant.clone());
        Entries { reader, tenant, next: first.0, end, taken: Vec::new() }
    }
}

impl Iterator for Entries {
    type Item = Result<(Index, Entry), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.taken.is_empty() {
            if self.next >= self.end {
                return None;
            }
            let tenant = self.reader.book.find(&self.tenant)?;
            let pack_end = (self.next / PACK_ENTRIES + 1).saturating_mul(PACK_ENTRIES);
            let end = self.end.min(pack_end).min(self.next + TAKEN);
            match take(&self.reader.book, &tenant, self.next..end) {
                Ok(taken) => self.taken = taken,
                Err(error) => {
                    self.next = pack_end;
                    return Some(Err(error));
                }
            }
        }
        let entry = self.taken.pop()?;
        self.next += 1;
        Some(Ok((Index(self.next - 1), entry)))
    }
}

/// The entries of a range that lies in one pack, last first.
fn take(book: &Book, tenant: &Tenant, range: std::ops::Range<u64>) -> Result<Vec<Entry>, Error> {
    let (first, end) = (range.start, range.end);
    let bytes = bytes(book, tenant, range)?;
    let entries: Option<Vec<_>> = bytes.chunks(ENTRY_BYTES).rev().map(Entry::decode).collect();
    let entries = entries.ok_or_else(|| {
        let path = names::pack(&tenant.id, first / PACK_ENTRIES);
        Error::from(Damage::new(&path, 0, "an entry of no known form").of(&tenant.id, first, end))
    })?;
    assert_eq!(length_u64(entries.len()), end - first, "an entry for every index");
    Ok(entries)
}

/// The bytes of entries of a range that lies in one pack.
pub(crate) fn bytes(
    book: &Book,
    tenant: &Tenant,
    range: std::ops::Range<u64>,
) -> Result<Vec<u8>, Error> {
    let held = tenant.view().tree.entries(range.start, range.end).map(<[u8]>::to_vec);
    match held {
        Some(bytes) => Ok(bytes),
        None => book.packs.entries(&*book.disk, &tenant.id, range),
    }
}
