//! Snapshots: the ledger's state after one frame, so that the log before it can go one day.
//!
//! ```text
//! 0x89 "IDLSNP" 0x0A | version u16 (2) | zero u16 | shard u32 | store (u8 length, bytes)
//! shard seq u64 | SHA-256 of that frame's headers
//! count of files of idle streams u32 | for each, the oldest content first:
//!   number u64 | level u8 | count of streams u64 | SHA-256 of the file
//! tenant count u32
//! for each tenant, by name:
//!   name (u8 length, bytes) | size u64 | last received_at u64 | packs end u64
//!   hash count u8 | the compact range's hashes, largest subtree first
//!   keys length u32 | standing keys, as in a keys area
//!   stream count u32 | for each, by (producer, instance):
//!     producer (u8 length, bytes) | instance 16 | next number u64 | last received_at u64
//! CRC32C of all before
//! ```
//!
//! A snapshot is written whole (temporary file, sync, rename, sync of the folder), read back and
//! compared. It promises that recovery, which still walks the whole log, comes to the same state at
//! that frame, or halts. A stream is in it or in a file that it lists; where both have it, the
//! snapshot's word counts. It does not hold the id window: the log does. Version 1 had no files and
//! is still read.

use event::ids::{Instance, ProducerId, StoreName, TenantId, Timestamp};
use tlog::hash::Hash;

use crate::cursor::{Cursor, Short, checked, length_u32, length_u64, put_crc, put_text, size};
use crate::disk::{self, Disk};
use crate::error::Error;
use crate::frame::area;
use crate::idle::Listed;
use crate::names;
use crate::request::{KeyBlob, StreamId, is_standing_key};
use crate::stream::STREAMS_MAX;
use crate::view::{HeldKey, Tenant};

const MAGIC: [u8; 8] = *b"\x89IDLSNP\n";
pub(crate) const VERSION: u16 = 2;
/// The last version before streams could go idle.
const VERSION_WITHOUT_IDLE: u16 = 1;
/// Files of idle streams that a snapshot lists: four of each level and some on their way up.
const FILES_MAX: usize = 4096;
/// A tenant's streams in a snapshot: more than memory holds by rule, since the streams of a log that
/// could not be trimmed, and those that a start goes on from, may come on top.
const STREAMS_HELD_MAX: usize = 4 * STREAMS_MAX;
/// No snapshot is longer: every stream with its name, and far more tenants than fit in memory.
pub(crate) const SNAPSHOT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The state after one frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Snapshot {
    pub(crate) store: StoreName,
    pub(crate) shard: u32,
    pub(crate) seq: u64,
    pub(crate) hash: [u8; 32],
    /// The files of idle streams that count, the oldest content first.
    pub(crate) idle: Vec<Listed>,
    pub(crate) tenants: Vec<TenantState>,
}

/// One tenant's state after that frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TenantState {
    pub(crate) tenant: TenantId,
    pub(crate) size: u64,
    pub(crate) received_at: Timestamp,
    /// Everything below this index was in durable packs.
    pub(crate) packs_end: u64,
    pub(crate) hashes: Vec<Hash>,
    pub(crate) keys: Vec<KeyBlob>,
    pub(crate) streams: Vec<(StreamId, u64, Timestamp)>,
}

impl TenantState {
    /// A tenant's state as its view has it now.
    pub(crate) fn of(tenant: &Tenant) -> Self {
        let view = tenant.view();
        let standing = |((kind, id), held): (&(u8, u64), &HeldKey)| {
            let blob = || KeyBlob { kind: *kind, id: *id, bytes: held.bytes.to_vec() };
            is_standing_key(*kind).then(blob)
        };
        Self {
            tenant: tenant.id.clone(),
            size: view.tree.size(),
            received_at: view.received_at,
            packs_end: view.packs_end,
            hashes: view.range.hashes().to_vec(),
            keys: view.keys.iter().filter_map(standing).collect(),
            streams: view
                .streams
                .nexts()
                .map(|(id, next, last)| (id.clone(), next, last))
                .collect(),
        }
    }

    /// Whether the log leads to this state, streams apart; packs may have been written since.
    pub(crate) fn agrees(&self, walked: &Self) -> bool {
        let Self { tenant, size, received_at, packs_end: _, hashes, keys, streams: _ } = walked;
        let same = (&self.tenant, &self.size, &self.received_at, &self.hashes, &self.keys);
        same == (tenant, size, received_at, hashes, keys)
    }
}

impl Snapshot {
    /// The numbers of the files of idle streams that it lists.
    pub(crate) fn idle_numbers(&self) -> Vec<u64> {
        self.idle.iter().map(|file| file.number).collect()
    }

    /// Writes the snapshot durably and reads it back.
    pub(crate) fn write(&self, disk: &dyn Disk) -> Result<(), Error> {
        assert!(self.tenants.is_sorted_by(|a, b| a.tenant < b.tenant), "tenants come by name");
        let path = names::snapshot(self.seq);
        disk::replace(disk, &path, &self.encode())?;
        let stored = load(disk, self.seq)?;
        assert_eq!(stored, *self, "what is read back is what was written");
        Ok(())
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&VERSION.to_be_bytes());
        out.extend_from_slice(&[0; 2]);
        out.extend_from_slice(&self.shard.to_be_bytes());
        put_text(&mut out, self.store.as_str());
        out.extend_from_slice(&self.seq.to_be_bytes());
        out.extend_from_slice(&self.hash);
        out.extend_from_slice(&length_u32(self.idle.len()).to_be_bytes());
        for file in &self.idle {
            out.extend_from_slice(&file.number.to_be_bytes());
            out.push(file.level);
            out.extend_from_slice(&file.count.to_be_bytes());
            out.extend_from_slice(&file.sha256);
        }
        out.extend_from_slice(&length_u32(self.tenants.len()).to_be_bytes());
        for tenant in &self.tenants {
            tenant.encode(&mut out);
        }
        put_crc(&mut out, 0);
        out
    }

    /// Reads a snapshot from its bytes.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Short> {
        let mut cursor = Cursor::new(checked(bytes)?);
        let (magic, version, zero) = (cursor.array::<8>()?, cursor.u16()?, cursor.u16()?);
        if magic != MAGIC || ![VERSION, VERSION_WITHOUT_IDLE].contains(&version) || zero != 0 {
            return Err(Short);
        }
        let shard = cursor.u32()?;
        let store = StoreName::parse(cursor.text()?).map_err(|_| Short)?;
        let (seq, hash) = (cursor.u64()?, cursor.array()?);
        let idle = if version == VERSION { idle(&mut cursor)? } else { Vec::new() };
        let count = cursor.u32()?;
        let mut tenants: Vec<TenantState> = Vec::new();
        for _ in 0..count {
            let tenant = TenantState::decode(&mut cursor)?;
            if tenants.last().is_some_and(|last| last.tenant >= tenant.tenant) {
                return Err(Short);
            }
            tenants.push(tenant);
        }
        cursor.end()?;
        Ok(Self { store, shard, seq, hash, idle, tenants })
    }
}

impl TenantState {
    fn encode(&self, out: &mut Vec<u8>) {
        put_text(out, self.tenant.as_str());
        out.extend_from_slice(&self.size.to_be_bytes());
        out.extend_from_slice(&self.received_at.0.to_be_bytes());
        out.extend_from_slice(&self.packs_end.to_be_bytes());
        out.push(u8::try_from(self.hashes.len()).expect("a size has at most 64 bits"));
        for hash in &self.hashes {
            out.extend_from_slice(&hash.0);
        }
        let keys = area::keys(&self.keys);
        out.extend_from_slice(&length_u32(keys.len()).to_be_bytes());
        out.extend_from_slice(&keys);
        out.extend_from_slice(&length_u32(self.streams.len()).to_be_bytes());
        for (id, next, last) in &self.streams {
            put_text(out, id.producer.as_str());
            out.extend_from_slice(&id.instance.0);
            out.extend_from_slice(&next.to_be_bytes());
            out.extend_from_slice(&last.0.to_be_bytes());
        }
    }

    fn decode(cursor: &mut Cursor<'_>) -> Result<Self, Short> {
        let tenant = TenantId::parse(cursor.text()?).map_err(|_| Short)?;
        let (tree_size, received_at) = (cursor.u64()?, Timestamp(cursor.u64()?));
        let packs_end = cursor.u64()?;
        let hash_count = u32::from(cursor.u8()?);
        if hash_count != tree_size.count_ones() || packs_end > tree_size {
            return Err(Short);
        }
        let mut hashes = Vec::with_capacity(size(hash_count));
        for _ in 0..hash_count {
            hashes.push(Hash(cursor.array()?));
        }
        let keys_bytes = size(cursor.u32()?);
        let keys = area::decode_keys(cursor.take(keys_bytes)?)?;
        let stream_count = size(cursor.u32()?);
        if stream_count > STREAMS_HELD_MAX {
            return Err(Short);
        }
        let mut streams: Vec<(StreamId, u64, Timestamp)> = Vec::new();
        for _ in 0..stream_count {
            let producer = ProducerId::parse(cursor.text()?).map_err(|_| Short)?;
            let stream = StreamId { producer, instance: Instance(cursor.array()?) };
            let next = cursor.u64()?;
            if next == 0 || streams.last().is_some_and(|last| last.0 >= stream) {
                return Err(Short);
            }
            streams.push((stream, next, Timestamp(cursor.u64()?)));
        }
        Ok(Self { tenant, size: tree_size, received_at, packs_end, hashes, keys, streams })
    }
}

/// The files of idle streams that a snapshot lists.
fn idle(cursor: &mut Cursor<'_>) -> Result<Vec<Listed>, Short> {
    let count = size(cursor.u32()?);
    if count > FILES_MAX {
        return Err(Short);
    }
    let mut files: Vec<Listed> = Vec::new();
    for _ in 0..count {
        let (number, level) = (cursor.u64()?, cursor.u8()?);
        let file = Listed { number, level, count: cursor.u64()?, sha256: cursor.array()? };
        if files.last().is_some_and(|last| last.age() >= file.age()) {
            return Err(Short);
        }
        files.push(file);
    }
    Ok(files)
}

/// The snapshot taken after frame `seq`.
pub(crate) fn load(disk: &dyn Disk, seq: u64) -> Result<Snapshot, Error> {
    let path = names::snapshot(seq);
    let bytes = disk::read(disk, &path, length_u64(SNAPSHOT_BYTES_MAX))?;
    let damaged = |what: &str| Error::damaged(&path, 0, what);
    let snapshot = Snapshot::decode(&bytes).map_err(|Short| damaged("not a good snapshot"))?;
    if snapshot.seq != seq {
        return Err(damaged("a snapshot of another frame"));
    }
    Ok(snapshot)
}

#[cfg(test)]
mod tests;
