//! The name index of a segment: from the hash of an actor's or target's name to the rows that have
//! it, newest first.
//!
//! A bloom filter cannot help where the hottest name stands in every row group; this says which rows.
//! Hashes are sorted and cut into blocks of 128; a small directory has the first hash and the place
//! of each block, so that a look-up reads one block. Promises: every name that was added is found
//! with all its rows; a name that was not may be found with rows of another, once in some hundred
//! segments, so whoever asks compares the row. Bytes that are not an index are an error, never a panic. It keeps
//! no name.

use arrow::array::{AsArray as _, RecordBatch};
use sha2::{Digest as _, Sha256};

use crate::bits::{
    Rice, Varints, pack, packed_bytes, put_rice, put_varint, rice_low, unpack, width,
};
use crate::rows;
use crate::rows::read::Texts;

/// Names in one block.
const BLOCK_NAMES: usize = 128;
/// Bytes before the directory: version, bits left out, names, blocks.
const HEAD_BYTES: usize = 10;
/// Bits of a hash beyond those that number the names: so seldom is a stranger found.
const SPARE_BITS: u32 = 8;
/// Bytes of one block in the directory: first hash, end of the block, check.
const ENTRY_BYTES: usize = 12;
/// Bytes of a block before its numbers: how many, low bits of the steps, width of the values.
const BLOCK_HEAD_BYTES: usize = 3;
/// The only version there is.
const VERSION: u8 = 1;

/// The hash of an actor's name: its highest bit is 0.
pub fn actor(id: &str) -> u32 {
    finish(mix(BASIS, id.as_bytes())) >> 1
}

/// The hash of a target's name: its highest bit is 1.
pub fn target(kind: &str, id: &str) -> u32 {
    finish(mix(mix(mix(BASIS, kind.as_bytes()), &[0]), id.as_bytes())) >> 1 | TARGET
}

/// Whether a hash is of an actor's name.
pub(crate) fn is_actor(hash: u32) -> bool {
    hash & TARGET == 0
}

/// The bit that tells targets from actors.
const TARGET: u32 = 1 << 31;

/// FNV-1a: short names need no more, and it never changes.
const BASIS: u64 = 0xcbf2_9ce4_8422_2325;

fn mix(hash: u64, bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(hash, step)
}

/// MurmurHash3's last step, so that every bit of the upper half hangs on every bit of the sum.
fn finish(hash: u64) -> u32 {
    let hash = (hash ^ hash >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let hash = (hash ^ hash >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    u32::try_from((hash ^ hash >> 33) >> 32).unwrap_or(0)
}

/// Shows `visit` the hash of every name of every row of a batch, and the row; `None` if it is not one of stored rows.
pub(crate) fn each(batch: &RecordBatch, mut visit: impl FnMut(u32, u32)) -> Option<()> {
    let actors = Texts::of(batch, "actor_id")?;
    let targets = batch.column_by_name(rows::TARGETS)?.as_list_opt::<i32>()?;
    let members = targets.values().as_struct_opt()?;
    let [kind, id, ..] = rows::TARGET_MEMBERS;
    let kinds = Texts::new(members.column_by_name(kind)?)?;
    let ids = Texts::new(members.column_by_name(id)?)?;
    let ends = targets.value_offsets();
    for ((row, number), (start, end)) in
        (0..batch.num_rows()).zip(0..).zip(ends.iter().zip(ends.iter().skip(1)))
    {
        if let Some(name) = actors.get(row) {
            visit(actor(name), number);
        }
        for place in usize::try_from(*start).ok()?..usize::try_from(*end).ok()? {
            visit(target(kinds.get(place)?, ids.get(place)?), number);
        }
    }
    Some(())
}

/// The names of rows in memory: hash and row, in this order.
#[derive(Debug)]
pub(crate) struct Index(Vec<(u32, u32)>);

impl Index {
    /// Of all rows of a batch; `None` if it is not one of stored rows.
    pub(crate) fn of(batch: &RecordBatch) -> Option<Self> {
        let mut found = Vec::with_capacity(batch.num_rows() * 2);
        each(batch, |hash, row| found.push((hash, row)))?;
        found.sort_unstable();
        found.dedup();
        found.shrink_to_fit();
        Some(Self(found))
    }

    /// The rows with a name of this hash, ascending.
    pub(crate) fn rows(&self, hash: u32) -> impl Iterator<Item = u32> {
        let from = self.0.partition_point(|(one, _)| *one < hash);
        self.0.iter().skip(from).take_while(move |(one, _)| *one == hash).map(|(_, row)| *row)
    }
}

/// Names that are being gathered.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    /// Hash in the upper half, so that one sort orders by hash and then newest first.
    found: Vec<u64>,
}

impl Builder {
    pub(crate) fn with_capacity(names: usize) -> Self {
        Self { found: Vec::with_capacity(names) }
    }

    /// Says that the row at `offset` has a name of this hash.
    pub(crate) fn add(&mut self, hash: u32, offset: u32) {
        self.found.push(u64::from(hash) << 32 | u64::from(!offset));
    }

    /// The index as bytes.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.found.sort_unstable();
        let hash = |entry: &u64| high(*entry);
        let names = self.found.chunk_by(|a, b| hash(a) == hash(b)).count();
        let left_out = u32::BITS.saturating_sub(width(short(names)) + SPARE_BITS + 1);
        for entry in &mut self.found {
            *entry = u64::from(hash(entry) >> left_out) << 32 | u64::from(!offset(*entry));
        }
        self.found.sort_unstable();
        self.found.dedup();
        let groups: Vec<&[u64]> = self.found.chunk_by(|a, b| hash(a) == hash(b)).collect();
        let blocks = groups.chunks(BLOCK_NAMES);
        let mut out = Vec::new();
        out.push(VERSION);
        out.push(byte(left_out));
        out.extend_from_slice(&short(groups.len()).to_be_bytes());
        out.extend_from_slice(&short(blocks.len()).to_be_bytes());
        let mut bodies = Vec::new();
        for block in blocks {
            let start = bodies.len();
            write_block(block, &mut bodies);
            let first = block.first().and_then(|group| group.first()).map_or(0, hash);
            out.extend_from_slice(&first.to_be_bytes());
            out.extend_from_slice(&short(bodies.len()).to_be_bytes());
            out.extend_from_slice(&check(bodies.get(start..).unwrap_or_default()));
        }
        out.append(&mut bodies);
        out
    }
}

/// One block: packed values, differences of hashes in Rice code, then the lists of names with several
/// rows.
/// A value is the row's offset, doubled; or the number of the list, doubled and one more.
fn write_block(groups: &[&[u64]], out: &mut Vec<u8>) {
    let hashes: Vec<u32> =
        groups.iter().map(|group| group.first().map_or(0, |one| high(*one))).collect();
    let steps = hashes.iter().zip(hashes.iter().skip(1)).map(|(a, b)| b - a);
    let steps: Vec<u32> = std::iter::once(0).chain(steps).collect();
    let mut lists = Vec::new();
    let mut values = Vec::with_capacity(groups.len());
    let mut known = 0;
    for group in groups {
        if let [only] = group {
            values.push(offset(*only) << 1);
        } else {
            values.push(known << 1 | 1);
            known += 1;
            write_list(group, &mut lists);
        }
    }
    let (low, wide) = (rice_low(&steps), widest(&values));
    out.push(byte(short(groups.len())));
    out.push(byte(low));
    out.push(byte(wide));
    pack(values.into_iter(), wide, out);
    put_rice(&steps, low, out);
    out.append(&mut lists);
}

fn widest(numbers: &[u32]) -> u32 {
    numbers.iter().copied().map(width).max().unwrap_or(0)
}

/// The rows of one name: how many, the newest, bytes and low bits of what follows, and that: the
/// differences from each to the next older, less one, in Rice code; no bytes if all are neighbours.
fn write_list(group: &[u64], out: &mut Vec<u8>) {
    let offsets: Vec<u32> = group.iter().map(|one| offset(*one)).collect();
    // Two rows of one name are never the same, so the smallest difference is 1.
    let steps = offsets.iter().zip(offsets.iter().skip(1)).map(|(newer, older)| newer - older - 1);
    let steps: Vec<u32> = steps.collect();
    let low = rice_low(&steps);
    let mut coded = Vec::new();
    // Neighbours need no steps: most names of a sorted file.
    if steps.iter().any(|step| *step > 0) {
        put_rice(&steps, low, &mut coded);
    }
    put_varint(u64::from(short(offsets.len())), out);
    put_varint(u64::from(offsets.first().copied().unwrap_or(0)), out);
    put_varint(u64::from(short(coded.len())), out);
    out.push(byte(low));
    out.append(&mut coded);
}

/// The directory of an index: what is kept in memory of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directory {
    blocks: Vec<Block>,
    start: usize,
    /// Bits of a hash that are left out, the lowest.
    left_out: u32,
}

/// Where a block is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Block {
    first: u32,
    end: u32,
    check: [u8; 4],
}

impl Directory {
    /// Bytes from the start of an index that hold its directory, read off its first
    /// [`Directory::HEAD_BYTES`]. A row has at most `names_max` names.
    pub(crate) fn bytes(head: &[u8], names_max: u64) -> Option<usize> {
        let head = read_head(&mut Varints::new(head))?;
        let blocks = usize::try_from(head.blocks).ok()?;
        let is_sane = u64::from(head.names) <= names_max
            && blocks == usize::try_from(head.names).ok()?.div_ceil(BLOCK_NAMES);
        is_sane.then_some(HEAD_BYTES + blocks * ENTRY_BYTES)
    }

    /// Bytes at the start of an index that say how long its directory is.
    pub(crate) const HEAD_BYTES: usize = HEAD_BYTES;

    /// The directory that `bytes` are; `index_bytes` is the length of the whole index.
    pub(crate) fn decode(bytes: &[u8], index_bytes: usize) -> Option<Directory> {
        let mut input = Varints::new(bytes);
        let Head { left_out, blocks: count, .. } = read_head(&mut input)?;
        let bodies = index_bytes.checked_sub(bytes.len())?;
        let mut blocks: Vec<Block> = Vec::new();
        for _ in 0..count {
            let first = u32::from_be_bytes(input.take()?);
            let end = u32::from_be_bytes(input.take()?);
            let block = Block { first, end, check: input.take()? };
            let follows = blocks.last().is_none_or(|last| last.first < first && last.end < end);
            if !follows {
                return None;
            }
            blocks.push(block);
        }
        let end = blocks.last().map_or(0, |last| last.end);
        let is_whole = input.is_at_end() && usize::try_from(end) == Ok(bodies);
        is_whole.then_some(Directory { blocks, start: bytes.len(), left_out })
    }

    /// Where in the index the block is that would have this hash; `None` if none would.
    pub(crate) fn place(&self, hash: u32) -> Option<(usize, std::ops::Range<usize>)> {
        let hash = hash >> self.left_out;
        let number = self.blocks.partition_point(|block| block.first <= hash).checked_sub(1)?;
        let before = number.checked_sub(1).and_then(|number| self.blocks.get(number));
        let start = usize::try_from(before.map_or(0, |block| block.end)).ok()?;
        let end = usize::try_from(self.blocks.get(number)?.end).ok()?;
        Some((number, self.start + start..self.start + end))
    }

    /// The rows in block `number` that have a name of this hash, as offsets, newest first; `None` if
    /// the bytes are damaged. `rows` is how many rows the segment has.
    pub(crate) fn look_up(
        &self,
        number: usize,
        bytes: &[u8],
        (hash, rows): (u32, u32),
    ) -> Option<Vec<u32>> {
        let block = self.blocks.get(number)?;
        if check(bytes) != block.check {
            return None;
        }
        look_up(block.first, bytes, hash >> self.left_out, rows)
    }

    /// Bytes of memory in use.
    pub fn heap_bytes(&self) -> usize {
        size_of_val(self.blocks.as_slice())
    }
}

/// What an index begins with.
struct Head {
    left_out: u32,
    names: u32,
    blocks: u32,
}

fn read_head(input: &mut Varints<'_>) -> Option<Head> {
    let [version, left_out] = input.take()?;
    let (names, blocks) = (u32::from_be_bytes(input.take()?), u32::from_be_bytes(input.take()?));
    let is_known = version == VERSION && u32::from(left_out) < u32::BITS;
    is_known.then_some(Head { left_out: u32::from(left_out), names, blocks })
}

fn look_up(first: u32, bytes: &[u8], hash: u32, rows: u32) -> Option<Vec<u32>> {
    let mut input = Varints::new(bytes);
    let [count, low, wide] = input.take::<BLOCK_HEAD_BYTES>()?;
    let (count, wide) = (usize::from(count), u32::from(wide));
    let values = input.slice(packed_bytes(count, wide)?)?;
    let mut steps = Rice::new(input.rest(), u32::from(low));
    let (mut at, mut found) = (first, None);
    for place in 0..count {
        at = at.checked_add(steps.next()?)?;
        if at == hash {
            found = Some(place);
        }
    }
    let Some(place) = found else { return Some(Vec::new()) };
    let value = unpack(values, place, wide)?;
    if value & 1 == 0 {
        return (value >> 1 < rows).then(|| vec![value >> 1]);
    }
    let mut lists = Varints::new(steps.rest());
    for _ in 0..value >> 1 {
        List::read(&mut lists)?;
    }
    List::read(&mut lists)?.offsets(rows)
}

/// The rows of one name as they are stored.
struct List<'a> {
    count: u64,
    newest: u64,
    /// No steps are stored: each row is next to the one before.
    is_dense: bool,
    steps: Rice<'a>,
}

impl<'a> List<'a> {
    fn read(input: &mut Varints<'a>) -> Option<List<'a>> {
        let (count, newest) = (input.next()?, input.next()?);
        let length = usize::try_from(input.next()?).ok()?;
        let [low] = input.take()?;
        let steps = Rice::new(input.slice(length)?, u32::from(low));
        Some(List { count, newest, is_dense: length == 0, steps })
    }

    fn offsets(mut self, rows: u32) -> Option<Vec<u32>> {
        let count = u32::try_from(self.count).ok().filter(|count| *count <= rows)?;
        let mut at = u32::try_from(self.newest).ok().filter(|newest| *newest < rows)?;
        let mut offsets = vec![at];
        for _ in 1..count {
            let step = if self.is_dense { 0 } else { self.steps.next()? };
            at = at.checked_sub(step)?.checked_sub(1)?;
            offsets.push(at);
        }
        Some(offsets)
    }
}

/// Four bytes by which a damaged block is told.
fn check(block: &[u8]) -> [u8; 4] {
    let [a, b, c, d, ..] = <[u8; 32]>::from(Sha256::digest(block));
    [a, b, c, d]
}

fn high(entry: u64) -> u32 {
    u32::try_from(entry >> 32).unwrap_or(0)
}

fn offset(entry: u64) -> u32 {
    !u32::try_from(entry & u64::from(u32::MAX)).unwrap_or(0)
}

fn short(count: usize) -> u32 {
    u32::try_from(count).expect("a segment has fewer than 2^32 names")
}

fn byte(number: u32) -> u8 {
    u8::try_from(number).expect("a width, or the names of one block")
}

#[cfg(test)]
mod tests;
