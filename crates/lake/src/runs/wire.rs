//! Run tables as bytes: three lists of (length, difference to what was expected), as varints.
//!
//! `docs/formats/segment.md` has the table. A reader takes nothing that does not cover exactly the
//! rows it was told of.

use super::{InStream, Run, Runs};
use crate::bits::{Varints, put_varint, unzigzag, zigzag};
use crate::rows::Salt;

/// Instances of one table at most: one a run.
const INSTANCE_BYTES: usize = 16;

impl Runs {
    /// The tables as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode_received(&mut out);
        self.encode_streams(&mut out);
        self.encode_salts(&mut out);
        out
    }

    fn encode_received(&self, out: &mut Vec<u8>) {
        put_varint(count(self.received.len()), out);
        let mut before = 0_i64;
        for (run, length) in self.received.iter().zip(lengths(&self.received, self.rows)) {
            put_varint(length, out);
            put_varint(zigzag(run.value.wrapping_sub(before)), out);
            before = run.value;
        }
    }

    fn encode_streams(&self, out: &mut Vec<u8>) {
        let mut instances: Vec<[u8; INSTANCE_BYTES]> = Vec::new();
        instances.extend(self.streams.iter().filter_map(|run| Some(run.value?.instance)));
        instances.sort_unstable();
        instances.dedup();
        put_varint(count(instances.len()), out);
        instances.iter().for_each(|instance| out.extend_from_slice(instance));
        let mut due = vec![1_u64; instances.len()];
        put_varint(count(self.streams.len()), out);
        for (run, length) in self.streams.iter().zip(lengths(&self.streams, self.rows)) {
            put_varint(length, out);
            let Some(stream) = run.value else {
                put_varint(0, out);
                continue;
            };
            let place = instances.partition_point(|one| *one < stream.instance);
            put_varint(1 + 2 * count(place) + u64::from(stream.seq.is_some()), out);
            if let (Some(seq), Some(due)) = (stream.seq, due.get_mut(place)) {
                put_varint(zigzag(seq.wrapping_sub(*due).cast_signed()), out);
                *due = seq.wrapping_add(length);
            }
        }
    }

    fn encode_salts(&self, out: &mut Vec<u8>) {
        put_varint(count(self.salts.len()), out);
        let (mut block, mut due) = (0_u64, 0_u32);
        for (run, length) in self.salts.iter().zip(lengths(&self.salts, self.rows)) {
            put_varint(length, out);
            put_varint(zigzag(run.value.block.wrapping_sub(block).cast_signed()), out);
            put_varint(zigzag(i64::from(run.value.slot) - i64::from(due)), out);
            block = run.value.block;
            due = run.value.slot.wrapping_add(u32::try_from(length).unwrap_or(0));
        }
    }

    /// The tables of `rows` rows that `bytes` are, if they are nothing else.
    pub fn decode(bytes: &[u8], rows: u32) -> Option<Runs> {
        let mut input = Varints::new(bytes);
        let received = decode_received(&mut input, rows)?;
        let streams = decode_streams(&mut input, rows)?;
        let salts = decode_salts(&mut input, rows)?;
        input.is_at_end().then_some(Runs { rows, received, streams, salts })
    }
}

fn decode_received(input: &mut Varints<'_>, rows: u32) -> Option<Vec<Run<i64>>> {
    let mut value = 0_i64;
    decode_runs(input, rows, |input, _| {
        value = value.wrapping_add(unzigzag(input.next()?));
        Some(value)
    })
}

fn decode_streams(input: &mut Varints<'_>, rows: u32) -> Option<Vec<Run<Option<InStream>>>> {
    let known = u32::try_from(input.next()?).ok().filter(|known| *known <= rows)?;
    let mut instances = Vec::new();
    for _ in 0..known {
        instances.push((input.take::<INSTANCE_BYTES>()?, 1_u64));
    }
    decode_runs(input, rows, |input, length| {
        let Some(what) = input.next()?.checked_sub(1) else { return Some(None) };
        let (instance, due) = instances.get_mut(usize::try_from(what / 2).ok()?)?;
        let mut seq = None;
        if what % 2 == 1 {
            let first = due.wrapping_add_signed(unzigzag(input.next()?));
            *due = first.wrapping_add(u64::from(length));
            seq = Some(first);
        }
        Some(Some(InStream { instance: *instance, seq }))
    })
}

fn decode_salts(input: &mut Varints<'_>, rows: u32) -> Option<Vec<Run<Salt>>> {
    let (mut block, mut due) = (0_u64, 0_u32);
    decode_runs(input, rows, |input, length| {
        block = block.wrapping_add_signed(unzigzag(input.next()?));
        let slot = i64::from(due).checked_add(unzigzag(input.next()?))?;
        let slot = u32::try_from(slot).ok()?;
        due = slot.wrapping_add(length);
        Some(Salt { block, slot })
    })
}

/// Reads runs that cover exactly `rows` rows. Nothing is set aside for what is only announced.
fn decode_runs<T>(
    input: &mut Varints<'_>,
    rows: u32,
    mut read: impl FnMut(&mut Varints<'_>, u32) -> Option<T>,
) -> Option<Vec<Run<T>>> {
    let known = u32::try_from(input.next()?).ok().filter(|known| *known <= rows)?;
    let (mut runs, mut start) = (Vec::new(), 0_u32);
    for _ in 0..known {
        let length = u32::try_from(input.next()?).ok().filter(|length| *length > 0)?;
        let value = read(input, length)?;
        runs.push(Run { start, value });
        start = start.checked_add(length).filter(|end| *end <= rows)?;
    }
    (start == rows).then_some(runs)
}

/// The length of each run.
fn lengths<T>(runs: &[Run<T>], rows: u32) -> impl Iterator<Item = u64> {
    let ends = runs.iter().skip(1).map(|run| run.start).chain([rows]);
    runs.iter().zip(ends).map(|(run, end)| u64::from(end.saturating_sub(run.start)))
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
