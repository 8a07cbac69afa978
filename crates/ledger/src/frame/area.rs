//! What stands in the areas of a section, and how an area is framed.
//!
//! ```text
//! area     length u32 | bytes | CRC32C of the bytes u32
//! roots    32 bytes a record
//! ids      empty in a stream; else a bit a record (highest first, zero padded), then 16 bytes for
//!          each set bit: the ids by which repeats are known, here so that the window can be
//!          rebuilt without decoding payloads
//! payload  raw: length u32 for each record, then the records' bytes; or one zstd frame of that
//! keys     for each: kind u8, id u64, length u16, bytes
//! ```
//!
//! It promises that every decoder refuses what its encoder does not write. It never looks inside a
//! record or a key.

use event::ids::EventId;
use tlog::hash::Hash;

use super::section::{AreaSum, Codec};
use crate::cursor::{Cursor, Short, length_u32, size};
use crate::request::{Item, KeyBlob, Packed};

/// Bytes that framing adds to an area.
pub(crate) const AREA_FRAMING_BYTES: usize = 8;
/// Bytes of a payload area, unpacked: a batch written out in parts, with room to spare.
pub const PAYLOAD_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Bytes of one wrapped key or salt block.
pub const KEY_BYTES_MAX: usize = 1024;
/// Keys that one request may bring.
pub const KEYS_MAX: usize = 64;
/// From this many raw bytes on a payload area is worth packing.
pub const PACK_BYTES_MIN: usize = 4 * 1024;
/// The fastest useful zstd level: the log is read back once, if at all.
const PACK_LEVEL: i32 = 1;

/// Packs the payload area of `items`, to be given as [`crate::Append::packed`]; `None` when it is
/// too small to gain from it. Made for the caller's threads, so that the writer need not.
#[must_use]
pub fn pack(items: &[Item]) -> Option<Packed> {
    let raw = payload(items.iter());
    if raw.len() < PACK_BYTES_MIN || raw.len() > PAYLOAD_BYTES_MAX {
        return None;
    }
    pack_raw(&raw)
}

/// Packs a payload area; `None` if that fails or gains nothing.
pub(crate) fn pack_raw(raw: &[u8]) -> Option<Packed> {
    let bytes = zstd::bulk::compress(raw, PACK_LEVEL).ok()?;
    let raw_bytes = u32::try_from(raw.len()).ok()?;
    (bytes.len() < raw.len()).then_some(Packed { bytes, raw_bytes })
}

/// The payload area of some records, not packed.
pub(crate) fn payload<'a>(items: impl Iterator<Item = &'a Item> + Clone) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload_bytes(items.clone()));
    for item in items.clone() {
        out.extend_from_slice(&length_u32(item.payload.len()).to_be_bytes());
    }
    for item in items {
        out.extend_from_slice(&item.payload);
    }
    out
}

/// Bytes of the payload area of some records, not packed.
pub(crate) fn payload_bytes<'a>(items: impl Iterator<Item = &'a Item>) -> usize {
    items.map(|item| item.payload.len().saturating_add(4)).fold(0, usize::saturating_add)
}

/// Unpacks a stored payload area; refuses one that does not have exactly `raw_bytes`.
pub(crate) fn unpack(stored: &[u8], codec: Codec, raw_bytes: u32) -> Result<Vec<u8>, Short> {
    let length = size(raw_bytes);
    if length > PAYLOAD_BYTES_MAX {
        return Err(Short);
    }
    let raw = match codec {
        Codec::Raw => stored.to_vec(),
        Codec::Zstd => zstd::bulk::decompress(stored, length).map_err(|_| Short)?,
    };
    if raw.len() == length { Ok(raw) } else { Err(Short) }
}

/// Where each of `count` records stands in an unpacked payload area.
pub(crate) fn split(raw: &[u8], count: u32) -> Result<Vec<std::ops::Range<usize>>, Short> {
    let mut cursor = Cursor::new(raw);
    let mut start = size(count).checked_mul(4).ok_or(Short)?;
    if start > raw.len() {
        return Err(Short);
    }
    let mut ranges = Vec::with_capacity(size(count));
    for _ in 0..count {
        let end = start.checked_add(size(cursor.u32()?)).ok_or(Short)?;
        ranges.push(start..end);
        start = end;
    }
    if start == raw.len() { Ok(ranges) } else { Err(Short) }
}

/// The ids area of some records.
pub(crate) fn ids<'a>(items: impl Iterator<Item = &'a Item> + Clone) -> Vec<u8> {
    ids_area(items.map(|item| item.id))
}

/// The ids area of these ids.
pub(crate) fn ids_area(ids: impl Iterator<Item = Option<EventId>> + Clone) -> Vec<u8> {
    let mut out = Vec::new();
    for (place, id) in ids.clone().enumerate() {
        if place % 8 == 0 {
            out.push(0);
        }
        if let (Some(_), Some(last)) = (id, out.last_mut()) {
            *last |= 0x80 >> (place % 8);
        }
    }
    for id in ids.flatten() {
        out.extend_from_slice(&id.0);
    }
    out
}

/// The ids of `count` records.
pub(crate) fn decode_ids(bytes: &[u8], count: u32) -> Result<Vec<Option<EventId>>, Short> {
    let mut cursor = Cursor::new(bytes);
    let bits = cursor.take(size(count).div_ceil(8))?;
    let mut ids = Vec::with_capacity(size(count));
    let padded = bits.len() * 8;
    for place in 0..padded {
        let set = bits.get(place / 8).is_some_and(|byte| byte & (0x80 >> (place % 8)) != 0);
        match (place < size(count), set) {
            (true, true) => ids.push(Some(EventId(cursor.array()?))),
            (true, false) => ids.push(None),
            (false, true) => return Err(Short),
            (false, false) => {}
        }
    }
    cursor.end()?;
    Ok(ids)
}

/// The keys area of some keys.
pub(crate) fn keys(blobs: &[KeyBlob]) -> Vec<u8> {
    let mut out = Vec::new();
    for blob in blobs {
        let length = u16::try_from(blob.bytes.len()).expect("a key is at most 1,024 bytes");
        out.push(blob.kind);
        out.extend_from_slice(&blob.id.to_be_bytes());
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(&blob.bytes);
    }
    out
}

/// The keys of a keys area.
pub(crate) fn decode_keys(bytes: &[u8]) -> Result<Vec<KeyBlob>, Short> {
    let mut cursor = Cursor::new(bytes);
    let mut blobs = Vec::new();
    while !cursor.rest().is_empty() {
        let (kind, id) = (cursor.u8()?, cursor.u64()?);
        let length = usize::from(cursor.u16()?);
        if length > KEY_BYTES_MAX || blobs.len() >= KEYS_MAX {
            return Err(Short);
        }
        blobs.push(KeyBlob { kind, id, bytes: cursor.take(length)?.to_vec() });
    }
    Ok(blobs)
}

/// The roots of a roots area.
pub(crate) fn decode_roots(bytes: &[u8]) -> Result<Vec<Hash>, Short> {
    let (chunks, rest) = bytes.as_chunks::<32>();
    if rest.is_empty() { Ok(chunks.iter().map(|root| Hash(*root)).collect()) } else { Err(Short) }
}

/// Length and CRC32C of an area.
pub(crate) fn sum(bytes: &[u8]) -> AreaSum {
    AreaSum { bytes: length_u32(bytes.len()), crc: crc32c::crc32c(bytes) }
}

/// Appends an area in its framing.
pub(crate) fn put(out: &mut Vec<u8>, bytes: &[u8], sum: AreaSum) {
    assert_eq!(sum.bytes, length_u32(bytes.len()), "an area is as long as its header says");
    out.extend_from_slice(&sum.bytes.to_be_bytes());
    out.extend_from_slice(bytes);
    out.extend_from_slice(&sum.crc.to_be_bytes());
}

/// Reads an area whose length the section header gives. The first answer is the area's bytes; the
/// second whether length, CRC and header agree.
pub(crate) fn take<'a>(cursor: &mut Cursor<'a>, sum: AreaSum) -> Result<(&'a [u8], Sound), Short> {
    let length = cursor.u32()?;
    let bytes = cursor.take(size(sum.bytes))?;
    let crc = cursor.u32()?;
    let sound = length == sum.bytes && crc == sum.crc && crc32c::crc32c(bytes) == crc;
    Ok((bytes, if sound { Sound::Yes } else { Sound::No }))
}

/// Whether bytes are what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sound {
    Yes,
    No,
}

#[cfg(test)]
mod tests;
