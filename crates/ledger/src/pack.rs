//! Packs: 65,536 entries of one tenant in one compressed file, with 256 level-8 hashes in front.
//!
//! ```text
//! offset size  field
//!      0    8  0x89 "IDLPCK" 0x0A
//!      8    2  version 1
//!     10    2  zero
//!     12    4  length of the header, its CRC included
//!     16    8  first index (a multiple of 65,536)
//!     24    4  count (65,536)
//!     28    4  length of the body
//!     32    4  CRC32C of the body
//!     36    -  tenant: u8 length, bytes
//!      -    8192  256 hashes: node i covers entries [256 i, 256 i + 256) of the pack
//!      -    4  CRC32C of all before
//!      -    -  body: one zstd frame of the 65,536 entries, 42 bytes each
//! ```
//!
//! It promises that what it reads hashes to the nodes in the header, entry by entry. It refuses
//! packs of any other size: the open pack comes with the archive.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use event::entry::ENTRY_BYTES;
use event::ids::TenantId;
use tlog::hash::{Hash, leaf_hash};
use tlog::tree::{CompactRange, Node};

use crate::cursor::{Cursor, Short, checked, length_u32, length_u64, put_crc, put_text, size};
use crate::disk::{self, Disk};
use crate::error::{Damage, Error};
use crate::names;
use crate::tree::{KEPT_LEVEL, PACK_ENTRIES, Tree};

const MAGIC: [u8; 8] = *b"\x89IDLPCK\n";
const VERSION: u16 = 1;
const FIXED_BYTES: usize = 36;
const NODES: u64 = 256;
/// Bytes of a pack's entries, unpacked.
const ENTRIES_BYTES: usize = 65_536 * ENTRY_BYTES;
/// No pack file is longer: entries that do not compress at all, the header, and room.
pub(crate) const PACK_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Entries compress by their constant bytes alone; more effort buys nothing.
const LEVEL: i32 = 1;
/// Packs kept unpacked for proofs of old records (2.75 MB each).
const CACHED_MAX: usize = 4;

/// The header of a pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PackHead {
    pub(crate) tenant: TenantId,
    pub(crate) first: u64,
    /// Level-8 hashes, in order.
    pub(crate) nodes: Vec<Hash>,
    body_bytes: u32,
    body_crc: u32,
    header_bytes: usize,
}

/// Writes the pack that begins at `first` and reads it back. The tree must hold its entries.
pub(crate) fn write(
    disk: &dyn Disk,
    tenant: &TenantId,
    first: u64,
    tree: &PackSource,
) -> Result<(), Error> {
    let path = names::pack(tenant, first / PACK_ENTRIES);
    let bytes = encode(tenant, first, tree)?;
    disk::replace(disk, &path, &bytes)?;
    // The entries were hashed when they were appended; here only the file is in question.
    let stored = disk::read(disk, &path, PACK_BYTES_MAX)?;
    assert!(stored == bytes, "what is read back is what was written");
    let unpacked = unpack(&stored).map(|(head, entries)| (head.nodes, entries));
    let expected = Ok((tree.nodes.clone(), tree.entries.clone()));
    assert!(unpacked == expected, "what is read back is what was written");
    Ok(())
}

/// What a pack is made of, taken from a tree under its lock.
#[derive(Debug)]
pub(crate) struct PackSource {
    entries: Vec<u8>,
    nodes: Vec<Hash>,
}

impl PackSource {
    /// The full pack that begins at `first`, if the tree holds it.
    pub(crate) fn take(tree: &Tree, first: u64) -> Option<Self> {
        assert!(first.is_multiple_of(PACK_ENTRIES), "packs begin at multiples of their size");
        let entries = tree.entries(first, first + PACK_ENTRIES)?.to_vec();
        let node = |place| Node { level: KEPT_LEVEL, index: (first >> KEPT_LEVEL) + place };
        let nodes = (0..NODES).map(|place| tree.get(node(place))).collect::<Option<Vec<_>>>()?;
        Some(Self { entries, nodes })
    }
}

/// A pack's bytes.
fn encode(tenant: &TenantId, first: u64, tree: &PackSource) -> Result<Vec<u8>, Error> {
    assert_eq!(tree.entries.len(), ENTRIES_BYTES, "a pack is full");
    assert_eq!(length_u64(tree.nodes.len()), NODES, "a hash for each 256 entries");
    let body = zstd::bulk::compress(&tree.entries, LEVEL).map_err(|error| {
        Error::damaged(&names::pack(tenant, first / PACK_ENTRIES), 0, error.to_string())
    })?;
    let header = FIXED_BYTES + 1 + tenant.as_str().len() + tree.nodes.len() * 32 + 4;
    let mut out = Vec::with_capacity(header + body.len());
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&VERSION.to_be_bytes());
    out.extend_from_slice(&[0; 2]);
    out.extend_from_slice(&length_u32(header).to_be_bytes());
    out.extend_from_slice(&first.to_be_bytes());
    out.extend_from_slice(&length_u32(tree.entries.len() / ENTRY_BYTES).to_be_bytes());
    out.extend_from_slice(&length_u32(body.len()).to_be_bytes());
    out.extend_from_slice(&crc32c::crc32c(&body).to_be_bytes());
    put_text(&mut out, tenant.as_str());
    for node in &tree.nodes {
        out.extend_from_slice(&node.0);
    }
    put_crc(&mut out, 0);
    assert_eq!(out.len(), header, "a header is as long as it says");
    out.extend_from_slice(&body);
    Ok(out)
}

/// Reads the header of a pack off the front of its bytes.
pub(crate) fn decode_head(bytes: &[u8]) -> Result<PackHead, Short> {
    let header_bytes = size(Cursor::new(bytes.get(12..).ok_or(Short)?).u32()?);
    let mut cursor = Cursor::new(checked(bytes.get(..header_bytes).ok_or(Short)?)?);
    let (magic, version, zero) = (cursor.array::<8>()?, cursor.u16()?, cursor.u16()?);
    cursor.u32()?;
    let (first, count) = (cursor.u64()?, cursor.u32()?);
    let (body_bytes, body_crc) = (cursor.u32()?, cursor.u32()?);
    let tenant = TenantId::parse(cursor.text()?).map_err(|_| Short)?;
    let mut nodes = Vec::with_capacity(256);
    for _ in 0..NODES {
        nodes.push(Hash(cursor.array()?));
    }
    cursor.end()?;
    let placed = first.is_multiple_of(PACK_ENTRIES) && u64::from(count) == PACK_ENTRIES;
    let known = magic == MAGIC && version == VERSION && zero == 0;
    if !(known && placed) {
        return Err(Short);
    }
    Ok(PackHead { tenant, first, nodes, body_bytes, body_crc, header_bytes })
}

/// Reads a whole pack: every byte and every hash is checked.
pub(crate) fn decode(bytes: &[u8]) -> Result<(PackHead, Vec<u8>), Short> {
    let (head, entries) = unpack(bytes)?;
    for (node, group) in head.nodes.iter().zip(entries.chunks(256 * ENTRY_BYTES)) {
        if subtree(group, KEPT_LEVEL, 0) != Some(*node) {
            return Err(Short);
        }
    }
    Ok((head, entries))
}

/// Reads a whole pack by its CRCs, its hashes not computed again.
fn unpack(bytes: &[u8]) -> Result<(PackHead, Vec<u8>), Short> {
    let head = decode_head(bytes)?;
    let body = bytes.get(head.header_bytes..).ok_or(Short)?;
    let whole = body.len() == size(head.body_bytes) && crc32c::crc32c(body) == head.body_crc;
    if !whole {
        return Err(Short);
    }
    let entries = zstd::bulk::decompress(body, ENTRIES_BYTES).map_err(|_| Short)?;
    if entries.len() != ENTRIES_BYTES {
        return Err(Short);
    }
    Ok((head, entries))
}

/// Reads a tenant's pack that begins at `first`.
pub(crate) fn read(
    disk: &dyn Disk,
    tenant: &TenantId,
    first: u64,
) -> Result<(PackHead, Vec<u8>), Error> {
    let path = names::pack(tenant, first / PACK_ENTRIES);
    let damaged = |what: &str| -> Error {
        Damage::new(&path, 0, what).of(tenant, first, first + PACK_ENTRIES).into()
    };
    let bytes = disk::read(disk, &path, PACK_BYTES_MAX)?;
    let (head, entries) = decode(&bytes).map_err(|Short| damaged("not a good pack"))?;
    if head.tenant != *tenant || head.first != first {
        return Err(damaged("another pack's content"));
    }
    Ok((head, entries))
}

/// The hash of the complete subtree of `level` that begins at entry `from` of `entries`.
fn subtree(entries: &[u8], level: u8, from: usize) -> Option<Hash> {
    let (entries, _) = entries.as_chunks::<ENTRY_BYTES>();
    let leaves = entries.get(from..from + (1 << level))?;
    let mut range = CompactRange::new();
    range.extend(leaves.iter().map(|entry| leaf_hash(entry)));
    Some(range.root())
}

/// The last packs that were read, unpacked.
#[derive(Debug, Default)]
pub(crate) struct PackCache {
    packs: Mutex<VecDeque<CachedPack>>,
}

#[derive(Debug, Clone)]
struct CachedPack {
    tenant: TenantId,
    first: u64,
    entries: Arc<Vec<u8>>,
}

impl PackCache {
    /// The entries of the pack that begins at `first`.
    fn pack(&self, disk: &dyn Disk, tenant: &TenantId, first: u64) -> Result<Arc<Vec<u8>>, Error> {
        let cached = |packs: &VecDeque<CachedPack>| {
            let found = packs.iter().find(|pack| pack.first == first && pack.tenant == *tenant);
            found.map(|pack| Arc::clone(&pack.entries))
        };
        if let Some(entries) = cached(&self.packs.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(entries);
        }
        let (_, entries) = read(disk, tenant, first)?;
        let entries = Arc::new(entries);
        let mut packs = self.packs.lock().unwrap_or_else(PoisonError::into_inner);
        packs.push_back(CachedPack {
            tenant: tenant.clone(),
            first,
            entries: Arc::clone(&entries),
        });
        if packs.len() > CACHED_MAX {
            packs.pop_front();
        }
        Ok(entries)
    }

    /// The entries `first..end`, which lie in one pack.
    pub(crate) fn entries(
        &self,
        disk: &dyn Disk,
        tenant: &TenantId,
        range: std::ops::Range<u64>,
    ) -> Result<Vec<u8>, Error> {
        let pack_first = range.start / PACK_ENTRIES * PACK_ENTRIES;
        let entries = self.pack(disk, tenant, pack_first)?;
        let place = |index: u64| {
            usize::try_from(index - pack_first).unwrap_or(usize::MAX).saturating_mul(ENTRY_BYTES)
        };
        let found = entries.get(place(range.start)..place(range.end));
        Ok(found.expect("a bundle of 256 lies in one pack").to_vec())
    }

    /// The hash of a node below level 8.
    pub(crate) fn node(
        &self,
        disk: &dyn Disk,
        tenant: &TenantId,
        node: Node,
    ) -> Result<Hash, Error> {
        assert!(node.level < KEPT_LEVEL, "higher nodes are in memory");
        let first_leaf = node.index << node.level;
        let end = first_leaf + (1 << node.level);
        let entries = self.entries(disk, tenant, first_leaf..end)?;
        Ok(subtree(&entries, node.level, 0).expect("as many entries as the node covers"))
    }
}

#[cfg(test)]
mod tests;
