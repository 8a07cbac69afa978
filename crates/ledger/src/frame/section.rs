//! The header of a section: everything about one request that stands nowhere else.
//!
//! ```text
//! offset size  field
//!      0    4  bytes of this header, its CRC included
//!      4    1  version 1
//!      5    1  source: 0 loose, 1 stream, 2 gap
//!      6    1  codec of the payload: 0 as it is, 1 zstd
//!      7    1  zero
//!      8    8  first index
//!     16    4  count of records
//!     20    4  count of kind runs
//!     24    8  received_at, ns
//!     32    8  tree size after
//!     40   32  root after
//!     72    8  key versions: ledger key u32 (1), subject keys u32 (0)
//!     80   16  instance (zero if loose)
//!     96    8  first number (zero if loose)
//!    104    8  last number (zero if loose)
//!    112   16  lengths of the areas roots, ids, payload, keys, u32 each, framing left out
//!    128    4  bytes of the payload area when unpacked
//!    132   12  nonce (zero: sections are not sealed yet)
//!    144   16  CRC32C of the areas roots, ids, payload, keys
//!    160    -  tenant, producer (empty: the server's own), source position (empty): u8 length, bytes
//!      -    -  kind runs: kind u8, count u32
//!      -    4  CRC32C of all before
//! ```
//!
//! It promises that `decode` accepts exactly what `encode` writes, and that whatever it accepts is
//! consistent in itself. It refuses to look at the areas.

use event::entry::EntryKind;
use event::ids::{Instance, ProducerId, Seq, TenantId, Timestamp};
use event::limits::BATCH_EVENTS_MAX;
use tlog::hash::Hash;

use crate::cursor::{Cursor, Short, checked, length_u32, put_crc, put_text, size};
use crate::request::{Source, StreamId};

/// Bytes before the three texts.
const FIXED_BYTES: usize = 160;
/// Bytes of one kind run.
const RUN_BYTES: usize = 5;
const VERSION: u8 = 1;
const LEDGER_KEY_VERSION: u32 = 1;
/// No header is longer: three names and a run for each record.
pub(crate) const SECTION_BYTES_MAX: usize =
    FIXED_BYTES + 3 * 256 + BATCH_EVENTS_MAX * RUN_BYTES + 4;

/// How the payload area is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Codec {
    /// As it is.
    Raw,
    /// One zstd frame.
    Zstd,
}

/// One of the four areas of a section, in the order in which they are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AreaKind {
    Roots,
    Ids,
    Payload,
    Keys,
}

/// The areas in the order in which they are written.
pub(crate) const AREAS: [AreaKind; 4] =
    [AreaKind::Roots, AreaKind::Ids, AreaKind::Payload, AreaKind::Keys];

/// Length and CRC32C of one area.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct AreaSum {
    pub(crate) bytes: u32,
    pub(crate) crc: u32,
}

/// Lengths and sums of the four areas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct AreaSums {
    pub(crate) roots: AreaSum,
    pub(crate) ids: AreaSum,
    pub(crate) payload: AreaSum,
    pub(crate) keys: AreaSum,
}

impl AreaSums {
    /// The sum of one area.
    pub(crate) fn of(&self, area: AreaKind) -> AreaSum {
        match area {
            AreaKind::Roots => self.roots,
            AreaKind::Ids => self.ids,
            AreaKind::Payload => self.payload,
            AreaKind::Keys => self.keys,
        }
    }
}

/// Kinds of consecutive records.
pub(crate) type Runs = Vec<(EntryKind, u32)>;

/// A section's header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SectionHead {
    pub(crate) tenant: TenantId,
    pub(crate) source: Source,
    pub(crate) first: u64,
    pub(crate) count: u32,
    pub(crate) received_at: Timestamp,
    pub(crate) root_after: Hash,
    pub(crate) codec: Codec,
    pub(crate) raw_bytes: u32,
    pub(crate) sums: AreaSums,
    pub(crate) runs: Runs,
}

impl SectionHead {
    /// One past the last index.
    pub(crate) fn end(&self) -> u64 {
        self.first + u64::from(self.count)
    }

    /// How many bytes [`SectionHead::encode`] appends.
    pub(crate) fn encoded_bytes(&self) -> usize {
        let producer = self.producer().map_or(0, str::len);
        FIXED_BYTES + 3 + self.tenant.as_str().len() + producer + self.runs.len() * RUN_BYTES + 4
    }

    /// Appends the header's bytes.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let start = out.len();
        let total = self.encoded_bytes();
        assert!(total <= SECTION_BYTES_MAX, "a section header stays below its limit");
        let (source, instance, first, last) = self.numbers();
        out.extend_from_slice(&length_u32(total).to_be_bytes());
        out.extend_from_slice(&[VERSION, source, self.codec.byte(), 0]);
        out.extend_from_slice(&self.first.to_be_bytes());
        out.extend_from_slice(&self.count.to_be_bytes());
        out.extend_from_slice(&length_u32(self.runs.len()).to_be_bytes());
        out.extend_from_slice(&self.received_at.0.to_be_bytes());
        out.extend_from_slice(&self.end().to_be_bytes());
        out.extend_from_slice(&self.root_after.0);
        out.extend_from_slice(&LEDGER_KEY_VERSION.to_be_bytes());
        out.extend_from_slice(&0_u32.to_be_bytes());
        out.extend_from_slice(&instance);
        out.extend_from_slice(&first.to_be_bytes());
        out.extend_from_slice(&last.to_be_bytes());
        for area in AREAS {
            out.extend_from_slice(&self.sums.of(area).bytes.to_be_bytes());
        }
        out.extend_from_slice(&self.raw_bytes.to_be_bytes());
        out.extend_from_slice(&[0; 12]);
        for area in AREAS {
            out.extend_from_slice(&self.sums.of(area).crc.to_be_bytes());
        }
        put_text(out, self.tenant.as_str());
        put_text(out, self.producer().unwrap_or_default());
        put_text(out, "");
        for (kind, count) in &self.runs {
            out.push(kind.byte());
            out.extend_from_slice(&count.to_be_bytes());
        }
        put_crc(out, start);
        assert_eq!(out.len() - start, total, "a header is as long as it says");
    }

    /// Reads one header off the front of `bytes`; tells how long it was.
    pub(crate) fn decode(bytes: &[u8]) -> Result<(Self, usize), Short> {
        let total = size(Cursor::new(bytes).u32()?);
        if !(FIXED_BYTES..=SECTION_BYTES_MAX).contains(&total) {
            return Err(Short);
        }
        let body = checked(bytes.get(..total).ok_or(Short)?)?;
        let head = Self::decode_body(body)?;
        assert_eq!(head.encoded_bytes(), total, "an accepted header is written the same way");
        Ok((head, total))
    }

    /// Reads the fields of a header whose length and CRC are right.
    fn decode_body(body: &[u8]) -> Result<Self, Short> {
        let mut cursor = Cursor::new(body);
        cursor.u32()?;
        let [version, source, codec, zero] = cursor.array()?;
        let first = cursor.u64()?;
        let count = cursor.u32()?;
        let run_count = cursor.u32()?;
        let received_at = Timestamp(cursor.u64()?);
        let size_after = cursor.u64()?;
        let root_after = Hash(cursor.array()?);
        let versions = (cursor.u32()?, cursor.u32()?);
        let instance = Instance(cursor.array()?);
        let numbers = (cursor.u64()?, cursor.u64()?);
        let (lengths, raw_bytes) = (four(&mut cursor)?, cursor.u32()?);
        let nonce = cursor.array::<12>()?;
        let sums = AreaSums::new(lengths, four(&mut cursor)?);
        let tenant = TenantId::parse(cursor.text()?).map_err(|_| Short)?;
        let producer = match cursor.text()? {
            "" => None,
            name => Some(ProducerId::parse(name).map_err(|_| Short)?),
        };
        let position = cursor.text()?;
        let runs = decode_runs(&mut cursor, run_count, count)?;
        cursor.end()?;
        let zeroes = zero == 0 && nonce == [0; 12] && position.is_empty();
        let counted = usize::try_from(count).is_ok_and(|n| (1..=BATCH_EVENTS_MAX).contains(&n));
        let sized = first.checked_add(u64::from(count)) == Some(size_after);
        let rooted = sums.roots.bytes == count.saturating_mul(32);
        let known = version == VERSION && versions == (LEDGER_KEY_VERSION, 0);
        if !(known && zeroes && counted && sized && rooted) {
            return Err(Short);
        }
        let source = decode_source(source, producer, (instance, numbers), count)?;
        let codec = Codec::from_byte(codec)?;
        if codec == Codec::Raw && raw_bytes != sums.payload.bytes {
            return Err(Short);
        }
        Ok(Self {
            tenant,
            source,
            first,
            count,
            received_at,
            root_after,
            codec,
            raw_bytes,
            sums,
            runs,
        })
    }

    /// The source as it is written: code, instance, first and last number.
    fn numbers(&self) -> (u8, [u8; 16], u64, u64) {
        match &self.source {
            Source::Loose { .. } => (0, [0; 16], 0, 0),
            Source::Stream { stream, first } => {
                (1, stream.instance.0, first.0, first.0 + u64::from(self.count) - 1)
            }
            Source::Gap { stream, from, to } => (2, stream.instance.0, from.0, to.0),
        }
    }

    fn producer(&self) -> Option<&str> {
        match &self.source {
            Source::Loose { producer } => producer.as_ref().map(ProducerId::as_str),
            Source::Stream { stream, .. } | Source::Gap { stream, .. } => {
                Some(stream.producer.as_str())
            }
        }
    }

    /// Each record's kind, in order.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = EntryKind> + '_ {
        expand(&self.runs)
    }
}

impl AreaSums {
    /// Lengths and CRCs, both in the order of [`AREAS`].
    fn new(lengths: [u32; 4], crcs: [u32; 4]) -> Self {
        let [roots, ids, payload, keys] = lengths;
        let [roots_crc, ids_crc, payload_crc, keys_crc] = crcs;
        let sum = |bytes, crc| AreaSum { bytes, crc };
        Self {
            roots: sum(roots, roots_crc),
            ids: sum(ids, ids_crc),
            payload: sum(payload, payload_crc),
            keys: sum(keys, keys_crc),
        }
    }
}

impl Codec {
    fn byte(self) -> u8 {
        match self {
            Self::Raw => 0,
            Self::Zstd => 1,
        }
    }

    fn from_byte(byte: u8) -> Result<Self, Short> {
        match byte {
            0 => Ok(Self::Raw),
            1 => Ok(Self::Zstd),
            _ => Err(Short),
        }
    }
}

/// Each record's kind, in order.
pub(crate) fn expand(runs: &[(EntryKind, u32)]) -> impl Iterator<Item = EntryKind> + '_ {
    runs.iter().flat_map(|(kind, count)| std::iter::repeat_n(*kind, size(*count)))
}

/// Kinds of consecutive records as runs.
pub(crate) fn runs_of(kinds: impl IntoIterator<Item = EntryKind>) -> Runs {
    let mut runs = Runs::new();
    for kind in kinds {
        match runs.last_mut() {
            Some((last, count)) if *last == kind => *count += 1,
            _ => runs.push((kind, 1)),
        }
    }
    runs
}

fn four(cursor: &mut Cursor<'_>) -> Result<[u32; 4], Short> {
    Ok([cursor.u32()?, cursor.u32()?, cursor.u32()?, cursor.u32()?])
}

/// Runs that add up to `count` and are as long as can be.
fn decode_runs(cursor: &mut Cursor<'_>, run_count: u32, count: u32) -> Result<Runs, Short> {
    if run_count > count || size(count) > BATCH_EVENTS_MAX {
        return Err(Short);
    }
    let mut runs = Runs::with_capacity(size(run_count));
    let mut covered = 0_u32;
    for _ in 0..run_count {
        let kind = EntryKind::from_byte(cursor.u8()?).ok_or(Short)?;
        let length = cursor.u32()?;
        let longer = runs.last().is_some_and(|(last, _)| *last == kind);
        if length == 0 || longer {
            return Err(Short);
        }
        covered = covered.checked_add(length).ok_or(Short)?;
        runs.push((kind, length));
    }
    if covered == count { Ok(runs) } else { Err(Short) }
}

/// The source that the fields name; refuses fields that contradict each other.
fn decode_source(
    code: u8,
    producer: Option<ProducerId>,
    (instance, (first, last)): (Instance, (u64, u64)),
    count: u32,
) -> Result<Source, Short> {
    if last == u64::MAX {
        // There is always a next number.
        return Err(Short);
    }
    match (code, producer) {
        (0, producer) if instance.0 == [0; 16] && first == 0 && last == 0 => {
            Ok(Source::Loose { producer })
        }
        (1, Some(producer))
            if first > 0 && first.checked_add(u64::from(count) - 1) == Some(last) =>
        {
            Ok(Source::Stream { stream: StreamId { producer, instance }, first: Seq(first) })
        }
        (2, Some(producer)) if count == 1 && first > 0 && last >= first => {
            let stream = StreamId { producer, instance };
            Ok(Source::Gap { stream, from: Seq(first), to: Seq(last) })
        }
        _ => Err(Short),
    }
}

#[cfg(test)]
mod tests;
