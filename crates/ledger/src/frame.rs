//! One frame of the write-ahead log: what one sync makes durable.
//!
//! ```text
//! headers      fixed header (below), then: section headers (append); the owner's body (owner);
//!              nothing (stop)
//! areas        for each section: roots, ids, payload, keys, each framed (`frame/area.rs`)
//! second copy  the headers again, byte for byte
//! trailer      length of the copy u32 | CRC32C of the copy u32 | length of the frame u64 |
//!              CRC32C of those 16 bytes u32 | 0x89 "IDLEND" 0x0A
//!
//! fixed header, offset size field
//!      0    8  0x89 "IDLFRM" 0x0A
//!      8    2  version 1
//!     10    1  type: 1 owner, 2 append, 3 carry (reserved, refused), 4 stop
//!     11    1  zero
//!     12    4  section count
//!     16    8  shard seq
//!     24    8  owner epoch
//!     32   16  boot: bytes that the owner drew at its start; no payload can forge a later frame
//!     48   32  SHA-256 of the previous frame's headers (zero for the first)
//!     80    4  length of the headers
//!     84    4  length of the areas
//!     88    4  CRC32C of the 88 bytes before
//!
//! owner's body: store name (u8 length, bytes) | shard u32 | CRC32C of the body u32
//! ```
//!
//! It promises that a frame that parses without a flaw is byte for byte what was written, and that
//! no bytes make it panic. It says what is wrong with a frame and refuses to say what that means:
//! torn or damaged is for the walk to judge.

use event::ids::StoreName;
use sha2::{Digest, Sha256};

use crate::cursor::{Cursor, Short, checked, length_u32, length_u64, put_crc, put_text, size};
use crate::error::Records;

pub(crate) use area::{AREA_FRAMING_BYTES, Sound};
pub use area::{KEY_BYTES_MAX, KEYS_MAX, PACK_BYTES_MIN, PAYLOAD_BYTES_MAX, pack};
use head::{AREAS_BYTES_MAX, HEADERS_BYTES_MAX};
pub(crate) use head::{FRAME_HEAD_BYTES, FRAME_MAGIC, FrameHead, FrameKind, Link, VERSION};
pub(crate) use section::{AREAS, AreaKind, AreaSum, AreaSums, Codec, Runs, SectionHead, expand};

pub(crate) mod area;
mod head;
pub(crate) mod section;

/// How every frame ends.
pub(crate) const TRAILER_MAGIC: [u8; 8] = *b"\x89IDLEND\n";
/// Bytes of the trailer.
pub(crate) const TRAILER_BYTES: usize = 28;
/// No frame is longer.
pub(crate) const FRAME_BYTES_MAX: usize = 2 * HEADERS_BYTES_MAX + AREAS_BYTES_MAX + TRAILER_BYTES;

/// A section ready to be written.
#[derive(Debug)]
pub(crate) struct Section {
    pub(crate) head: SectionHead,
    pub(crate) roots: Vec<u8>,
    pub(crate) ids: Vec<u8>,
    pub(crate) payload: Vec<u8>,
    pub(crate) keys: Vec<u8>,
}

impl Section {
    /// Bytes that this section adds to a frame, its second header included.
    pub(crate) fn frame_bytes(&self) -> usize {
        2 * self.head.encoded_bytes() + areas_bytes(&self.head.sums)
    }
}

/// Bytes of a section's four areas with their framing.
pub(crate) fn areas_bytes(sums: &AreaSums) -> usize {
    AREAS.iter().map(|area| size(sums.of(*area).bytes) + AREA_FRAMING_BYTES).sum()
}

/// Bytes of a frame that holds nothing yet.
pub(crate) const EMPTY_FRAME_BYTES: usize = 2 * FRAME_HEAD_BYTES + TRAILER_BYTES;

/// Writes an append frame over `out`; answers the hash of its headers.
pub(crate) fn encode_append(link: Link, sections: &[Section], out: &mut Vec<u8>) -> [u8; 32] {
    assert!(!sections.is_empty(), "an append frame holds something");
    let headers = sections.iter().map(|s| s.head.encoded_bytes()).sum::<usize>() + FRAME_HEAD_BYTES;
    let areas = sections.iter().map(|s| areas_bytes(&s.head.sums)).sum::<usize>();
    let total = 2 * headers + areas + TRAILER_BYTES;
    out.clear();
    out.reserve(total);
    FrameHead {
        kind: FrameKind::Append,
        sections: length_u32(sections.len()),
        link,
        headers_bytes: length_u32(headers),
        areas_bytes: length_u32(areas),
    }
    .encode(out);
    for section in sections {
        section.head.encode(out);
    }
    assert_eq!(out.len(), headers, "the headers are as long as they say");
    for section in sections {
        let sums = &section.head.sums;
        area::put(out, &section.roots, sums.roots);
        area::put(out, &section.ids, sums.ids);
        area::put(out, &section.payload, sums.payload);
        area::put(out, &section.keys, sums.keys);
    }
    let hash = finish(out, headers);
    assert_eq!(out.len(), total, "a frame is as long as was reserved");
    hash
}

/// Writes an owner frame over `out`; answers the hash of its headers.
pub(crate) fn encode_owner(
    link: Link,
    store: &StoreName,
    shard: u32,
    out: &mut Vec<u8>,
) -> [u8; 32] {
    let mut body = Vec::new();
    put_owner(&mut body, store, shard);
    encode_plain(FrameKind::Owner, link, &body, out)
}

fn put_owner(out: &mut Vec<u8>, store: &StoreName, shard: u32) {
    let start = out.len();
    put_text(out, store.as_str());
    out.extend_from_slice(&shard.to_be_bytes());
    put_crc(out, start);
}

/// Writes a stop frame over `out`; answers the hash of its headers.
pub(crate) fn encode_stop(link: Link, out: &mut Vec<u8>) -> [u8; 32] {
    encode_plain(FrameKind::Stop, link, &[], out)
}

fn encode_plain(kind: FrameKind, link: Link, body: &[u8], out: &mut Vec<u8>) -> [u8; 32] {
    let headers = FRAME_HEAD_BYTES + body.len();
    out.clear();
    let headers_bytes = length_u32(headers);
    FrameHead { kind, sections: 0, link, headers_bytes, areas_bytes: 0 }.encode(out);
    out.extend_from_slice(body);
    finish(out, headers)
}

/// Appends second copy and trailer; answers the hash of the headers.
fn finish(out: &mut Vec<u8>, headers: usize) -> [u8; 32] {
    out.extend_from_within(..headers);
    let copy = out.get(out.len() - headers..).unwrap_or_default();
    let (hash, crc) = (hash_of(copy), crc32c::crc32c(copy));
    let total = out.len() + TRAILER_BYTES;
    out.extend_from_slice(&trailer(headers, crc, total));
    hash
}

fn trailer(headers: usize, crc: u32, total: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(TRAILER_BYTES);
    bytes.extend_from_slice(&length_u32(headers).to_be_bytes());
    bytes.extend_from_slice(&crc.to_be_bytes());
    bytes.extend_from_slice(&length_u64(total).to_be_bytes());
    put_crc(&mut bytes, 0);
    bytes.extend_from_slice(&TRAILER_MAGIC);
    assert_eq!(bytes.len(), TRAILER_BYTES, "the trailer's size is part of the format");
    bytes
}

pub(crate) fn hash_of(headers: &[u8]) -> [u8; 32] {
    Sha256::digest(headers).into()
}

/// A frame as it stands in a file.
#[derive(Debug)]
pub(crate) struct Frame<'a> {
    pub(crate) head: FrameHead,
    /// SHA-256 of the headers: what the next frame names as its previous.
    pub(crate) hash: [u8; 32],
    pub(crate) body: Body<'a>,
    /// What is not as it was written.
    pub(crate) flaws: Vec<Flaw>,
    /// Bytes of the whole frame.
    pub(crate) bytes: usize,
}

/// What a frame holds.
#[derive(Debug)]
pub(crate) enum Body<'a> {
    Owner { store: StoreName, shard: u32 },
    Append(Vec<SectionView<'a>>),
    Stop,
}

/// One section of a frame in a file, its areas not unpacked.
#[derive(Debug)]
pub(crate) struct SectionView<'a> {
    pub(crate) head: SectionHead,
    /// Where its areas begin, in bytes from the frame's start.
    pub(crate) areas_at: usize,
    pub(crate) roots: &'a [u8],
    pub(crate) ids: &'a [u8],
    pub(crate) payload: &'a [u8],
    pub(crate) keys: &'a [u8],
    /// Areas that are not what was written.
    pub(crate) flawed: Vec<AreaKind>,
}

impl SectionView<'_> {
    /// Whether an area is what was written.
    pub(crate) fn sound(&self, area: AreaKind) -> bool {
        !self.flawed.contains(&area)
    }
}

/// One thing about a frame that is not as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// The headers at the front.
    FirstCopy,
    /// The headers at the end, or the trailer.
    SecondCopy,
    /// An area of the section with this number.
    Area { section: usize, area: AreaKind },
}

/// Reads the frame at the front of `bytes`, which may hold more behind it. Fails if neither copy
/// of its headers can be read.
pub(crate) fn parse(bytes: &[u8]) -> Result<Frame<'_>, Short> {
    let first = parse_headers(bytes);
    let (headers, copy_flaw) = match first {
        Ok(headers) => {
            let intact = second_copy_intact(bytes, &headers);
            (headers, (!intact).then_some(Flaw::SecondCopy))
        }
        Err(Short) => {
            let at = find_second_copy(bytes).ok_or(Short)?;
            (parse_headers(bytes.get(at..).ok_or(Short)?)?, Some(Flaw::FirstCopy))
        }
    };
    let total = headers.head.frame_bytes();
    let whole = bytes.get(..total).ok_or(Short)?;
    let mut frame = with_areas(headers, whole)?;
    frame.flaws.extend(copy_flaw);
    Ok(frame)
}

impl Frame<'_> {
    /// The records of its first section.
    pub(crate) fn records(&self) -> Option<Records> {
        let Body::Append(sections) = &self.body else { return None };
        let head = &sections.first()?.head;
        Some(Records::new(&head.tenant, head.first, head.end()))
    }

    /// The headers as they were written.
    pub(crate) fn headers(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(size(self.head.headers_bytes));
        self.head.encode(&mut out);
        match &self.body {
            Body::Owner { store, shard } => put_owner(&mut out, store, *shard),
            Body::Append(sections) => sections.iter().for_each(|s| s.head.encode(&mut out)),
            Body::Stop => {}
        }
        // The chain binds these very bytes: a re-encoded header that differs would break it.
        assert_eq!(hash_of(&out), self.hash, "headers are written in one way only");
        out
    }
}

/// A second copy of `headers` and the trailer of a frame of `total` bytes.
pub(crate) fn second_copy(headers: &[u8], total: usize) -> Vec<u8> {
    let mut out = headers.to_vec();
    out.extend_from_slice(&trailer(headers.len(), crc32c::crc32c(headers), total));
    out
}

/// One copy of the headers, read.
struct Headers<'a> {
    head: FrameHead,
    raw: &'a [u8],
    sections: Vec<SectionHead>,
    owner: Option<(StoreName, u32)>,
}

/// Reads one copy of the headers off the front of `bytes`.
fn parse_headers(bytes: &[u8]) -> Result<Headers<'_>, Short> {
    let head = FrameHead::decode(bytes)?;
    let raw = bytes.get(..size(head.headers_bytes)).ok_or(Short)?;
    let mut rest = raw.get(FRAME_HEAD_BYTES..).ok_or(Short)?;
    let mut owner = None;
    if head.kind == FrameKind::Owner {
        owner = Some(parse_owner(rest)?);
        rest = &[];
    }
    let mut sections = Vec::new();
    for _ in 0..head.sections {
        let (section, length) = SectionHead::decode(rest)?;
        rest = rest.get(length..).ok_or(Short)?;
        sections.push(section);
    }
    let areas = sections.iter().map(|s| areas_bytes(&s.sums)).sum::<usize>();
    if !rest.is_empty() || areas != size(head.areas_bytes) {
        return Err(Short);
    }
    Ok(Headers { head, raw, sections, owner })
}

fn parse_owner(body: &[u8]) -> Result<(StoreName, u32), Short> {
    let mut cursor = Cursor::new(checked(body)?);
    let store = StoreName::parse(cursor.text()?).map_err(|_| Short)?;
    let shard = cursor.u32()?;
    cursor.end()?;
    Ok((store, shard))
}

fn second_copy_intact(bytes: &[u8], headers: &Headers<'_>) -> bool {
    let total = headers.head.frame_bytes();
    let copy_at = size(headers.head.headers_bytes) + size(headers.head.areas_bytes);
    let length = headers.raw.len();
    let copy = bytes.get(copy_at..copy_at + length);
    let end = bytes.get(copy_at + length..total);
    let crc = crc32c::crc32c(headers.raw);
    copy == Some(headers.raw) && end == Some(trailer(length, crc, total).as_slice())
}

/// Finds the second copy of the frame that begins at the front of `bytes` by its trailer.
pub(crate) fn find_second_copy(bytes: &[u8]) -> Option<usize> {
    let near = bytes.get(..bytes.len().min(FRAME_BYTES_MAX))?;
    let mut from = 0;
    while let Some(at) = find(near, &TRAILER_MAGIC, from) {
        if let Ok(copy_at) = trailer_of(near, at + TRAILER_MAGIC.len()) {
            return Some(copy_at);
        }
        from = at + 1;
    }
    None
}

/// Where the second copy begins, if a good trailer of a frame from byte 0 ends at byte `end`.
fn trailer_of(bytes: &[u8], end: usize) -> Result<usize, Short> {
    let start = end.checked_sub(TRAILER_BYTES).ok_or(Short)?;
    let sums = checked(bytes.get(start..start + 20).ok_or(Short)?)?;
    let mut cursor = Cursor::new(sums);
    let (copy_bytes, crc, total) = (cursor.u32()?, cursor.u32()?, cursor.u64()?);
    let copy_at = start.checked_sub(size(copy_bytes)).ok_or(Short)?;
    let copy = bytes.get(copy_at..start).ok_or(Short)?;
    let fits = total == length_u64(end) && crc == crc32c::crc32c(copy);
    if fits { Ok(copy_at) } else { Err(Short) }
}

/// Where `needle` stands in `bytes` at or after `from`.
pub(crate) fn find(bytes: &[u8], needle: &[u8; 8], from: usize) -> Option<usize> {
    let [first, ..] = needle;
    let mut at = from;
    loop {
        at += bytes.get(at..)?.iter().position(|byte| byte == first)?;
        if bytes.get(at..)?.starts_with(needle) {
            return Some(at);
        }
        at += 1;
    }
}

/// Cuts the areas out of a whole frame and checks each.
fn with_areas<'a>(headers: Headers<'_>, whole: &'a [u8]) -> Result<Frame<'a>, Short> {
    let hash = hash_of(headers.raw);
    let mut flaws = Vec::new();
    let body = match (headers.head.kind, headers.owner) {
        (FrameKind::Owner, Some((store, shard))) => Body::Owner { store, shard },
        (FrameKind::Stop, None) => Body::Stop,
        (FrameKind::Append, None) => {
            let mut at = size(headers.head.headers_bytes);
            let mut views = Vec::with_capacity(headers.sections.len());
            for (number, head) in headers.sections.into_iter().enumerate() {
                let length = areas_bytes(&head.sums);
                let view = section_view(head, whole.get(at..at + length).ok_or(Short)?, at)?;
                let area_flaw = |area: &AreaKind| Flaw::Area { section: number, area: *area };
                flaws.extend(view.flawed.iter().map(area_flaw));
                views.push(view);
                at += length;
            }
            Body::Append(views)
        }
        _ => return Err(Short),
    };
    Ok(Frame { head: headers.head, hash, body, flaws, bytes: whole.len() })
}

fn section_view(
    head: SectionHead,
    areas: &[u8],
    areas_at: usize,
) -> Result<SectionView<'_>, Short> {
    let mut cursor = Cursor::new(areas);
    let mut flawed = Vec::new();
    let mut taken: [&[u8]; 4] = [&[]; 4];
    for (area, slot) in AREAS.into_iter().zip(&mut taken) {
        let (bytes, sound) = area::take(&mut cursor, head.sums.of(area))?;
        if sound == Sound::No {
            flawed.push(area);
        }
        *slot = bytes;
    }
    cursor.end()?;
    let [roots, ids, payload, keys] = taken;
    Ok(SectionView { head, areas_at, roots, ids, payload, keys, flawed })
}

#[cfg(test)]
mod tests;
