//! A record: what the ledger stores of one event, all but the entry.
//!
//! ```text
//! offset  size  field
//!      0     1  version   1
//!      1     8  block     id of the salt block
//!      9     4  slot      slot in the block
//!     13     2  n         number of parts
//!     15        n parts, ascending by (tag, ordinal):
//!      0     1    tag       1 to 8
//!      1     2    ordinal
//!      3     4    key       reference of the key of its seed; 0 = ledger key
//!      7     4    length    of the bytes that follow; 0xffffffff = a digest of 32 bytes follows instead
//!     11          bytes     one JSON object in CJ1, or the digest
//! ```
//!
//! Integers are big-endian. Promises: `decode` takes exactly what `encode` writes and what may become of it (bytes
//! replaced by their digest), bounded and without a panic. Refuses to look into a part.

use tlog::hash::Hash;

use crate::canonical::{Parts, Stamps, tag};
use crate::commitment::{LedgerKey, SaltBlock, Sealer, Seed, event_root};
use crate::damage::Damage;
use crate::event::{Event, PartBytes};
use crate::limits;

/// The only version there is.
pub const RECORD_VERSION: u8 = 1;
/// Bytes before the parts.
pub const HEADER_BYTES: usize = 15;
/// Bytes of a part before its own.
pub const PART_HEADER_BYTES: usize = 11;
/// The key reference of the ledger key.
pub const LEDGER_KEY: u32 = 0;
/// The length that says that a digest follows.
const DIGEST_MARK: u32 = u32::MAX;

/// Appends the payload of a record of `parts`, sealed in `slot` of the block `block_id`.
///
/// # Panics
/// When a part has 4 GiB or there are 65,536 parts: an event within its limits has neither.
pub fn encode(parts: &Parts, block_id: u64, slot: u32, out: &mut Vec<u8>) {
    let count =
        u16::try_from(parts.len()).expect("an event within its limits has fewer than 65536 parts");
    out.reserve(HEADER_BYTES + parts.len() * PART_HEADER_BYTES + parts.bytes_len());
    out.push(RECORD_VERSION);
    out.extend_from_slice(&block_id.to_be_bytes());
    out.extend_from_slice(&slot.to_be_bytes());
    out.extend_from_slice(&count.to_be_bytes());
    for part in parts.iter() {
        let length = u32::try_from(part.bytes.len()).expect("a part is no longer than its record");
        out.push(part.tag);
        out.extend_from_slice(&part.ordinal.to_be_bytes());
        out.extend_from_slice(&LEDGER_KEY.to_be_bytes());
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(part.bytes);
    }
}

/// A payload that is being written part by part, for whoever has the bytes of parts but no [`Parts`].
#[derive(Debug)]
pub struct Encoder<'o> {
    out: &'o mut Vec<u8>,
    start: usize,
    parts: u16,
}

impl<'o> Encoder<'o> {
    /// Begins the payload of a record sealed in `slot` of the block `block_id`, behind what is in `out`.
    pub fn new(out: &'o mut Vec<u8>, block_id: u64, slot: u32) -> Encoder<'o> {
        let start = out.len();
        out.push(RECORD_VERSION);
        out.extend_from_slice(&block_id.to_be_bytes());
        out.extend_from_slice(&slot.to_be_bytes());
        out.extend_from_slice(&[0; 2]);
        Encoder { out, start, parts: 0 }
    }

    /// Appends the part that `write` appends, unless that says that it has no members. Parts ascend by tag and ordinal.
    pub fn part(&mut self, tag: u8, ordinal: u16, write: impl FnOnce(&mut Vec<u8>) -> usize) {
        let start = self.out.len();
        self.out.push(tag);
        self.out.extend_from_slice(&ordinal.to_be_bytes());
        self.out.extend_from_slice(&LEDGER_KEY.to_be_bytes());
        self.out.extend_from_slice(&[0; 4]);
        let body = self.out.len();
        if write(self.out) == 0 {
            self.out.truncate(start);
            return;
        }
        let length =
            u32::try_from(self.out.len() - body).expect("a part is no longer than its record");
        if let Some(slot) = self.out.get_mut(body - 4..body) {
            slot.copy_from_slice(&length.to_be_bytes());
        }
        self.parts = self.parts.saturating_add(1);
    }

    /// Ends the payload.
    pub fn finish(self) {
        if let Some(slot) = self.out.get_mut(self.start + 13..self.start + HEADER_BYTES) {
            slot.copy_from_slice(&self.parts.to_be_bytes());
        }
    }
}

/// A record as it is stored, borrowing its payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record<'a> {
    /// The id of its salt block.
    pub block_id: u64,
    /// Its slot in the block.
    pub slot: u32,
    parts: Vec<RecordPart<'a>>,
}

/// One part of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordPart<'a> {
    /// Which kind of part, 1 to 8.
    pub tag: u8,
    /// Its number among those of the kind.
    pub ordinal: u16,
    /// Under which key its seed is.
    pub key_ref: u32,
    /// What is left of it.
    pub content: Content<'a>,
}

/// What is left of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content<'a> {
    /// All of it: one JSON object.
    Bytes(&'a [u8]),
    /// Only its digest: it was erased, expired or redacted.
    Digest(Hash),
}

impl<'a> RecordPart<'a> {
    /// The part, if it is there to open.
    #[must_use]
    pub fn opened(&self) -> Option<PartBytes<'a>> {
        match self.content {
            Content::Bytes(bytes) => {
                Some(PartBytes { tag: self.tag, ordinal: self.ordinal, bytes })
            }
            Content::Digest(_) => None,
        }
    }

    /// The digest of the part under the salts of `seed`.
    #[must_use]
    pub fn digest(&self, seed: &Seed) -> Hash {
        match self.content {
            Content::Bytes(bytes) => {
                seed.digest(PartBytes { tag: self.tag, ordinal: self.ordinal, bytes })
            }
            Content::Digest(digest) => digest,
        }
    }
}

impl<'a> Record<'a> {
    /// The record that `payload` is.
    ///
    /// # Errors
    /// When it is none: another version, an end too early or too late, parts out of order or of unknown tags, too many
    /// of them or too long.
    pub fn decode(payload: &'a [u8]) -> Result<Record<'a>, Damage> {
        let mut input = Input { payload, offset: 0 };
        if payload.len() > limits::RECORD_BYTES_MAX {
            return Err(input.damage("no more than the longest record"));
        }
        if input.take::<1>()? != [RECORD_VERSION] {
            return Err(input.damage("version 1"));
        }
        let block_id = u64::from_be_bytes(input.take()?);
        let slot = u32::from_be_bytes(input.take()?);
        let count = usize::from(u16::from_be_bytes(input.take()?));
        if count > limits::PARTS_MAX {
            return Err(input.damage("no more than the most parts"));
        }
        let mut parts: Vec<RecordPart<'a>> = Vec::with_capacity(count);
        for _ in 0..count {
            let part = input.part()?;
            let follows =
                parts.last().is_none_or(|last| (last.tag, last.ordinal) < (part.tag, part.ordinal));
            if !follows || !(tag::WHAT..=tag::STAMP).contains(&part.tag) {
                return Err(Damage::Place { tag: part.tag, ordinal: part.ordinal });
            }
            parts.push(part);
        }
        if input.offset != payload.len() {
            return Err(input.damage("the end"));
        }
        Ok(Record { block_id, slot, parts })
    }

    /// All parts, ascending by tag and ordinal.
    #[must_use]
    pub fn parts(&self) -> &[RecordPart<'a>] {
        &self.parts
    }

    /// The parts that are there to open.
    pub fn opened(&self) -> impl Iterator<Item = PartBytes<'a>> {
        self.parts.iter().filter_map(RecordPart::opened)
    }

    /// The event that was recorded.
    ///
    /// # Errors
    /// When parts are damaged, or missing because they were erased.
    pub fn event(&self) -> Result<Event<'a>, Damage> {
        match self.parts.iter().find(|part| part.tag <= tag::CLAIM_MAX && part.opened().is_none()) {
            Some(part) => Err(Damage::Missing { tag: part.tag, ordinal: part.ordinal }),
            None => Event::from_parts(self.opened()),
        }
    }

    /// What the server said about it.
    ///
    /// # Errors
    /// When parts 7 or 8 are damaged, or part 8 is not there.
    pub fn stamps(&self) -> Result<Stamps<'a>, Damage> {
        Stamps::from_parts(self.opened())
    }

    /// The event root that these parts have under `key` and `block`, which must be the block of `block_id`.
    #[must_use]
    pub fn root(&self, key: &LedgerKey, block: &SaltBlock) -> Hash {
        self.root_under(&Sealer::new(key).seed(block, self.slot))
    }

    /// The event root that these parts have under the salts of `seed`.
    #[must_use]
    pub fn root_under(&self, seed: &Seed) -> Hash {
        event_root(self.parts.iter().map(|part| (part.tag, part.ordinal, part.digest(seed))))
    }
}

/// Whether two records claim the same: parts 1 to 6 are equal, bytes for bytes. Where a part of one was erased, the other
/// must only have it, too: such a record is known by its id or number alone.
#[must_use]
pub fn same_claims(a: &Record<'_>, b: &Record<'_>) -> bool {
    let claims = |record: &Record<'_>| {
        record.parts.iter().take_while(|part| part.tag <= tag::CLAIM_MAX).count()
    };
    let is_same = |(a, b): (&RecordPart<'_>, &RecordPart<'_>)| {
        let is_place_same = (a.tag, a.ordinal) == (b.tag, b.ordinal);
        let is_content_same = match (a.content, b.content) {
            (Content::Bytes(a), Content::Bytes(b)) => a == b,
            _ => true,
        };
        is_place_same && is_content_same
    };
    let count = claims(a);
    count == claims(b) && a.parts.iter().zip(&b.parts).take(count).all(is_same)
}

/// A payload that is being read.
struct Input<'a> {
    payload: &'a [u8],
    offset: usize,
}

impl<'a> Input<'a> {
    fn part(&mut self) -> Result<RecordPart<'a>, Damage> {
        let [tag] = self.take()?;
        let ordinal = u16::from_be_bytes(self.take()?);
        let key_ref = u32::from_be_bytes(self.take()?);
        let length = u32::from_be_bytes(self.take()?);
        let content = if length == DIGEST_MARK {
            Content::Digest(Hash(self.take()?))
        } else {
            let length = usize::try_from(length).map_err(|_| self.damage("a shorter part"))?;
            Content::Bytes(self.slice(length)?)
        };
        Ok(RecordPart { tag, ordinal, key_ref, content })
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], Damage> {
        let slice = self.slice(N)?;
        slice.try_into().map_err(|_| self.damage("as many bytes"))
    }

    fn slice(&mut self, length: usize) -> Result<&'a [u8], Damage> {
        let end = self.offset.checked_add(length);
        let slice = end
            .and_then(|end| self.payload.get(self.offset..end))
            .ok_or(self.damage("more bytes"))?;
        self.offset += length;
        Ok(slice)
    }

    fn damage(&self, why: &'static str) -> Damage {
        Damage::Record { offset: self.offset, why }
    }
}

#[cfg(test)]
mod tests;
