//! Packs: 65,536 entries of one tenant in one compressed file, with 256 level-8 hashes in front;
//! and the open pack, which holds fewer and is written anew as it grows.
//!
//! ```text
//! offset size  field
//!      0    8  0x89 "IDLPCK" 0x0A
//!      8    2  version 1
//!     10    2  zero
//!     12    4  length of the header, its CRC included
//!     16    8  first index (a multiple of 65,536)
//!     24    4  count: 65,536; fewer in an open pack
//!     28    4  length of the body
//!     32    4  CRC32C of the body
//!     36    -  tenant: u8 length, bytes
//!      -    -  a hash for each 256 entries, and for the rest of an open pack: `MTH` over them
//!      -    4  CRC32C of all before
//!      -    -  body: one zstd frame of the entries, 42 bytes each
//! ```
//!
//! It promises that what it reads hashes to the nodes in the header, entry by entry. It refuses a
//! full pack under an open one's name, and the other way.

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
pub(crate) const VERSION: u16 = 1;
const FIXED_BYTES: usize = 36;
/// Entries under one hash of the header.
const GROUP: usize = 256;
/// Bytes of a pack's entries, unpacked.
const ENTRIES_BYTES: usize = 65_536 * ENTRY_BYTES;
/// No pack file is longer: entries that do not compress at all, the header, and room.
pub(crate) const PACK_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Bytes that hold any pack's header.
const PACK_HEADER_BYTES_MAX: usize = 12 * 1024;
/// Entries compress by their constant bytes alone; more effort buys nothing.
const LEVEL: i32 = 1;
/// Packs kept unpacked for proofs of old records (2.75 MB each).
const CACHED_MAX: usize = 4;

/// The header of a pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PackHead {
    pub(crate) tenant: TenantId,
    pub(crate) first: u64,
    pub(crate) count: u64,
    /// Level-8 hashes, in order; the last of an open pack may stand for fewer entries.
    pub(crate) nodes: Vec<Hash>,
    body_bytes: u32,
    body_crc: u32,
    header_bytes: usize,
}

/// Writes the pack that begins at `first`, full or open, and reads it back.
pub(crate) fn write(
    disk: &dyn Disk,
    tenant: &TenantId,
    first: u64,
    source: &PackSource,
) -> Result<(), Error> {
    let path = path(tenant, first, source.count());
    let bytes = encode(tenant, first, source)?;
    disk::replace(disk, &path, &bytes)?;
    // The entries were hashed when they were appended; here only the file is in question.
    let stored = disk::read(disk, &path, PACK_BYTES_MAX)?;
    assert!(stored == bytes, "what is read back is what was written");
    let unpacked = unpack(&stored).map(|(head, entries)| (head.nodes, entries));
    let expected = Ok((source.nodes.clone(), source.entries.clone()));
    assert!(unpacked == expected, "what is read back is what was written");
    Ok(())
}

/// The file of a pack that begins at `first` and holds `count` entries.
fn path(tenant: &TenantId, first: u64, count: u64) -> String {
    let number = first / PACK_ENTRIES;
    if count == PACK_ENTRIES { names::pack(tenant, number) } else { names::part(tenant, number) }
}

/// What a pack is made of, taken from a tree under its lock.
#[derive(Debug)]
pub(crate) struct PackSource {
    entries: Vec<u8>,
    nodes: Vec<Hash>,
}

impl PackSource {
    /// The entries `first..end` of one pack, if the tree holds them.
    pub(crate) fn take(tree: &Tree, first: u64, end: u64) -> Option<Self> {
        assert!(first.is_multiple_of(PACK_ENTRIES), "packs begin at multiples of their size");
        assert!(first < end && end <= first + PACK_ENTRIES, "a pack holds something, and no more");
        let entries = tree.entries(first, end)?.to_vec();
        let place = |group: usize| (first >> KEPT_LEVEL) + length_u64(group);
        let node = |(group, entries): (usize, &[u8])| {
            let whole = entries.len() == GROUP * ENTRY_BYTES;
            let held = tree.get(Node { level: KEPT_LEVEL, index: place(group) });
            if whole { held } else { Some(root(entries)) }
        };
        let groups = entries.chunks(GROUP * ENTRY_BYTES).enumerate();
        let nodes = groups.map(node).collect::<Option<Vec<_>>>()?;
        Some(Self { entries, nodes })
    }

    /// How many entries there are.
    fn count(&self) -> u64 {
        length_u64(self.entries.len() / ENTRY_BYTES)
    }
}

/// A pack's bytes.
fn encode(tenant: &TenantId, first: u64, source: &PackSource) -> Result<Vec<u8>, Error> {
    let groups = source.entries.len().div_ceil(GROUP * ENTRY_BYTES);
    assert_eq!(source.nodes.len(), groups, "a hash for each 256 entries");
    let body = zstd::bulk::compress(&source.entries, LEVEL).map_err(|error| {
        Error::damaged(&path(tenant, first, source.count()), 0, error.to_string())
    })?;
    let header = FIXED_BYTES + 1 + tenant.as_str().len() + source.nodes.len() * 32 + 4;
    let mut out = Vec::with_capacity(header + body.len());
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&VERSION.to_be_bytes());
    out.extend_from_slice(&[0; 2]);
    out.extend_from_slice(&length_u32(header).to_be_bytes());
    out.extend_from_slice(&first.to_be_bytes());
    out.extend_from_slice(&length_u32(source.entries.len() / ENTRY_BYTES).to_be_bytes());
    out.extend_from_slice(&length_u32(body.len()).to_be_bytes());
    out.extend_from_slice(&crc32c::crc32c(&body).to_be_bytes());
    put_text(&mut out, tenant.as_str());
    for node in &source.nodes {
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
    let count = u64::from(count);
    let placed = first.is_multiple_of(PACK_ENTRIES) && (1..=PACK_ENTRIES).contains(&count);
    let mut nodes = Vec::with_capacity(GROUP);
    for _ in 0..count.div_ceil(length_u64(GROUP)).min(length_u64(GROUP)) {
        nodes.push(Hash(cursor.array()?));
    }
    cursor.end()?;
    let known = magic == MAGIC && version == VERSION && zero == 0;
    if !(known && placed) {
        return Err(Short);
    }
    Ok(PackHead { tenant, first, count, nodes, body_bytes, body_crc, header_bytes })
}

/// Reads a whole pack: every byte and every hash is checked.
pub(crate) fn decode(bytes: &[u8]) -> Result<(PackHead, Vec<u8>), Short> {
    let (head, entries) = unpack(bytes)?;
    for (node, group) in head.nodes.iter().zip(entries.chunks(GROUP * ENTRY_BYTES)) {
        if root(group) != *node {
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
    if length_u64(entries.len() / ENTRY_BYTES) != head.count || entries.len() % ENTRY_BYTES != 0 {
        return Err(Short);
    }
    Ok((head, entries))
}

/// Reads a tenant's full pack that begins at `first`.
pub(crate) fn read(
    disk: &dyn Disk,
    tenant: &TenantId,
    first: u64,
) -> Result<(PackHead, Vec<u8>), Error> {
    let (head, entries) = read_at(disk, tenant, first, names::pack)?;
    if head.count != PACK_ENTRIES {
        let damage = Damage::new(&names::pack(tenant, first / PACK_ENTRIES), 0, "not a full pack");
        return Err(damage.of(tenant, first, first + PACK_ENTRIES).into());
    }
    Ok((head, entries))
}

/// Reads only the header of a tenant's full pack that begins at `first`.
pub(crate) fn read_head(disk: &dyn Disk, tenant: &TenantId, first: u64) -> Result<PackHead, Error> {
    let path = names::pack(tenant, first / PACK_ENTRIES);
    let damaged = |what: &str| -> Error {
        Damage::new(&path, 0, what).of(tenant, first, first + PACK_ENTRIES).into()
    };
    let mut bytes = vec![0; PACK_HEADER_BYTES_MAX];
    let length = match disk.read_at(&path, 0, &mut bytes) {
        Err(error) if error.is_not_found() => return Err(damaged("a pack is missing")),
        other => other?,
    };
    let head = decode_head(bytes.get(..length).unwrap_or_default());
    let head = head.map_err(|Short| damaged("not a good pack header"))?;
    let same = head.tenant == *tenant && head.first == first && head.count == PACK_ENTRIES;
    if same { Ok(head) } else { Err(damaged("another pack's content")) }
}

/// Reads a tenant's open pack that begins at `first`.
pub(crate) fn read_part(
    disk: &dyn Disk,
    tenant: &TenantId,
    first: u64,
) -> Result<(PackHead, Vec<u8>), Error> {
    let (head, entries) = read_at(disk, tenant, first, names::part)?;
    if head.count == PACK_ENTRIES {
        let damage = Damage::new(&names::part(tenant, first / PACK_ENTRIES), 0, "not an open pack");
        return Err(damage.of(tenant, first, first + PACK_ENTRIES).into());
    }
    Ok((head, entries))
}

fn read_at(
    disk: &dyn Disk,
    tenant: &TenantId,
    first: u64,
    name: fn(&TenantId, u64) -> String,
) -> Result<(PackHead, Vec<u8>), Error> {
    let path = name(tenant, first / PACK_ENTRIES);
    let damaged = |what: &str| -> Error {
        Damage::new(&path, 0, what).of(tenant, first, first + PACK_ENTRIES).into()
    };
    let bytes = match disk::read(disk, &path, PACK_BYTES_MAX) {
        Err(error) if error.kind == std::io::ErrorKind::FileTooLarge => {
            return Err(damaged("larger than a pack can be"));
        }
        other => other?,
    };
    let (head, entries) = decode(&bytes).map_err(|Short| damaged("not a good pack"))?;
    if head.tenant != *tenant || head.first != first {
        return Err(damaged("another pack's content"));
    }
    Ok((head, entries))
}

/// `MTH` over entries that lie one behind the other.
fn root(entries: &[u8]) -> Hash {
    let mut range = CompactRange::new();
    range.extend(entries.chunks(ENTRY_BYTES).map(leaf_hash));
    range.root()
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
        assert_eq!(entries.len(), ENTRY_BYTES << node.level, "as many entries as the node covers");
        Ok(root(&entries))
    }
}

#[cfg(test)]
mod tests;
