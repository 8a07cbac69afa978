//! One page of a file of idle streams: 4 KiB that say whether they are whole.
//!
//! ```text
//! head    0x89 "IDLSTR" 0x0A | version u16 (1) | level u8 | zero u8 | shard u32
//!         store (u8 length, bytes) | number u64
//! lines   count u16 | for each, by (tenant, producer, instance):
//!           tenant, producer (u8 length, bytes each) | instance 16 | next u64 | last received_at u64
//! foot    "IDLEND" zero u16 | count of lines u64 | count of pages of lines u64
//! each    zeros up to byte 4092 | CRC32C of all before
//! ```
//!
//! It promises that a page is taken for good only if it is the one spelling of what it holds. It
//! knows nothing of how pages follow each other.

use event::ids::{Instance, ProducerId, StoreName, TenantId, Timestamp};

use super::{IdleStream, Owner};
use crate::cursor::{Cursor, Short, checked, first_set, put_crc, put_text};
use crate::request::StreamId;

/// Bytes of every page.
pub(super) const PAGE_BYTES: usize = 4096;
const CRC_BYTES: usize = 4;
const MAGIC: [u8; 8] = *b"\x89IDLSTR\n";
const FOOT_MAGIC: [u8; 8] = *b"IDLEND\0\0";
pub(crate) const VERSION: u16 = 1;
/// A stream whose names are as long as they may be.
const LINE_BYTES_MAX: usize = 2 * 64 + 16 + 8 + 8;

const _: () = assert!(2 + LINE_BYTES_MAX + CRC_BYTES <= PAGE_BYTES, "a page holds any line");

/// The first page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) store: StoreName,
    pub(super) shard: u32,
    pub(super) number: u64,
    pub(super) level: u8,
}

/// The last page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Foot {
    /// Streams in the file.
    pub(super) count: u64,
    /// Pages between head and foot.
    pub(super) pages: u64,
}

impl Head {
    /// The head of a file of this owner.
    pub(super) fn new((store, shard): Owner<'_>, number: u64, level: u8) -> Self {
        Self { store: store.clone(), shard, number, level }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(PAGE_BYTES);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&VERSION.to_be_bytes());
        out.extend_from_slice(&[self.level, 0]);
        out.extend_from_slice(&self.shard.to_be_bytes());
        put_text(&mut out, self.store.as_str());
        out.extend_from_slice(&self.number.to_be_bytes());
        seal(out)
    }

    pub(super) fn decode(page: &[u8]) -> Result<Self, Short> {
        let mut cursor = opened(page)?;
        let (magic, version) = (cursor.array::<8>()?, cursor.u16()?);
        let (level, zero, shard) = (cursor.u8()?, cursor.u8()?, cursor.u32()?);
        let store = StoreName::parse(cursor.text()?).map_err(|_| Short)?;
        let number = cursor.u64()?;
        closed(&cursor)?;
        let known = magic == MAGIC && version == VERSION && zero == 0;
        if known { Ok(Self { store, shard, number, level }) } else { Err(Short) }
    }
}

impl Foot {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(PAGE_BYTES);
        out.extend_from_slice(&FOOT_MAGIC);
        out.extend_from_slice(&self.count.to_be_bytes());
        out.extend_from_slice(&self.pages.to_be_bytes());
        seal(out)
    }

    pub(super) fn decode(page: &[u8]) -> Result<Self, Short> {
        let mut cursor = opened(page)?;
        let magic = cursor.array::<8>()?;
        let foot = Self { count: cursor.u64()?, pages: cursor.u64()? };
        closed(&cursor)?;
        if magic == FOOT_MAGIC { Ok(foot) } else { Err(Short) }
    }
}

/// A page of lines as it fills up.
#[derive(Debug, Default)]
pub(super) struct Lines {
    count: u16,
    bytes: Vec<u8>,
}

impl Lines {
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Takes a line; false if it no longer fits.
    pub(super) fn push(&mut self, idle: &IdleStream) -> bool {
        assert!(idle.next > 0, "numbers begin at 1");
        let mut line = Vec::with_capacity(LINE_BYTES_MAX);
        put_text(&mut line, idle.tenant.as_str());
        put_text(&mut line, idle.stream.producer.as_str());
        line.extend_from_slice(&idle.stream.instance.0);
        line.extend_from_slice(&idle.next.to_be_bytes());
        line.extend_from_slice(&idle.last_received_at.0.to_be_bytes());
        if 2 + self.bytes.len() + line.len() + CRC_BYTES > PAGE_BYTES {
            return false;
        }
        self.bytes.extend_from_slice(&line);
        self.count += 1;
        true
    }

    /// The page, which is empty from here on.
    pub(super) fn take(&mut self) -> Vec<u8> {
        let mut out = Vec::with_capacity(PAGE_BYTES);
        out.extend_from_slice(&std::mem::take(&mut self.count).to_be_bytes());
        out.append(&mut self.bytes);
        seal(out)
    }
}

/// The streams of a page of lines: at least one, each name once, in order.
pub(super) fn decode_lines(page: &[u8]) -> Result<Vec<IdleStream>, Short> {
    let mut cursor = opened(page)?;
    let count = cursor.u16()?;
    let mut lines: Vec<IdleStream> = Vec::new();
    for _ in 0..count {
        let line = line(&mut cursor)?;
        if line.next == 0 || lines.last().is_some_and(|last| last.name() >= line.name()) {
            return Err(Short);
        }
        lines.push(line);
    }
    closed(&cursor)?;
    if lines.is_empty() { Err(Short) } else { Ok(lines) }
}

fn line(cursor: &mut Cursor<'_>) -> Result<IdleStream, Short> {
    let tenant = TenantId::parse(cursor.text()?).map_err(|_| Short)?;
    let producer = ProducerId::parse(cursor.text()?).map_err(|_| Short)?;
    let stream = StreamId { producer, instance: Instance(cursor.array()?) };
    let (next, last_received_at) = (cursor.u64()?, Timestamp(cursor.u64()?));
    Ok(IdleStream { tenant, stream, next, last_received_at })
}

fn seal(mut page: Vec<u8>) -> Vec<u8> {
    assert!(page.len() + CRC_BYTES <= PAGE_BYTES, "a page has room for its checksum");
    page.resize(PAGE_BYTES - CRC_BYTES, 0);
    put_crc(&mut page, 0);
    assert_eq!(page.len(), PAGE_BYTES, "pages have one length");
    page
}

fn opened(page: &[u8]) -> Result<Cursor<'_>, Short> {
    if page.len() == PAGE_BYTES { Ok(Cursor::new(checked(page)?)) } else { Err(Short) }
}

/// What follows the last field is zero.
fn closed(cursor: &Cursor<'_>) -> Result<(), Short> {
    if first_set(cursor.rest()).is_none() { Ok(()) } else { Err(Short) }
}
