//! The bytes of a rollup partial: a version, the texts once each, then the cells by number of text.
//!
//! Promises: encoding and decoding are inverse; decoding allocates no more than the bytes warrant
//! and takes only what encoding makes: texts and cells ascending, nothing behind them.

use std::collections::BTreeMap;

use super::{CELLS_MAX, Cell, Rollup};

const VERSION: u8 = 1;
/// Bytes that seven bits each make of 64.
const VARINT_BYTES_MAX: u32 = 10;

/// The bytes of a partial.
pub(super) fn encode(rollup: &Rollup) -> Vec<u8> {
    let mut texts: Vec<&str> = Vec::new();
    for cell in rollup.cells.keys() {
        texts.extend([cell.action.as_str(), &cell.outcome, &cell.kind]);
    }
    texts.sort_unstable();
    texts.dedup();
    let number = |text: &str| texts.binary_search(&text).unwrap_or_default();
    let mut bytes = vec![VERSION];
    put_length(&mut bytes, texts.len());
    for text in &texts {
        put_length(&mut bytes, text.len());
        bytes.extend_from_slice(text.as_bytes());
    }
    put_length(&mut bytes, rollup.cells.len());
    for (cell, count) in &rollup.cells {
        bytes.push(cell.record);
        put(&mut bytes, zigzag(cell.hour));
        for text in [&cell.action, &cell.outcome, &cell.kind] {
            put_length(&mut bytes, number(text));
        }
        put(&mut bytes, *count);
    }
    bytes
}

/// The partial of its bytes.
pub(super) fn decode(bytes: &[u8]) -> Option<Rollup> {
    let mut rest = bytes;
    if take_byte(&mut rest)? != VERSION {
        return None;
    }
    let count = take_length(&mut rest, 3 * CELLS_MAX)?;
    let mut texts: Vec<&str> = Vec::new();
    for _ in 0..count {
        let length = take_length(&mut rest, bytes.len())?;
        let (text, behind) = rest.split_at_checked(length)?;
        rest = behind;
        let text = std::str::from_utf8(text).ok()?;
        if texts.last().is_some_and(|before| *before >= text) {
            return None;
        }
        texts.push(text);
    }
    let mut cells = BTreeMap::new();
    for _ in 0..take_length(&mut rest, CELLS_MAX)? {
        let record = take_byte(&mut rest)?;
        let hour = unzigzag(take(&mut rest)?);
        let mut text = || {
            let number = take_length(&mut rest, bytes.len())?;
            texts.get(number).map(|text| (*text).to_owned())
        };
        let cell = Cell { record, hour, action: text()?, outcome: text()?, kind: text()? };
        if cells.last_key_value().is_some_and(|(before, _)| *before >= cell) {
            return None;
        }
        cells.insert(cell, take(&mut rest)?);
    }
    let sum = cells.values().try_fold(0_u64, |sum, count| sum.checked_add(*count));
    (rest.is_empty() && sum.is_some()).then_some(Rollup { cells })
}

fn put_length(bytes: &mut Vec<u8>, length: usize) {
    put(bytes, u64::try_from(length).unwrap_or(u64::MAX));
}

fn put(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(0x80 | low_bits(number));
        number >>= 7;
    }
    bytes.push(low_bits(number));
}

fn low_bits(number: u64) -> u8 {
    u8::try_from(number & 0x7f).unwrap_or_default()
}

fn take_byte(rest: &mut &[u8]) -> Option<u8> {
    let (first, behind) = rest.split_first()?;
    *rest = behind;
    Some(*first)
}

fn take(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for place in 0..VARINT_BYTES_MAX {
        let byte = take_byte(rest)?;
        let bits = u64::from(byte & 0x7f);
        let shifted = bits << (7 * place);
        if shifted >> (7 * place) != bits {
            return None;
        }
        number |= shifted;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn take_length(rest: &mut &[u8], max: usize) -> Option<usize> {
    usize::try_from(take(rest)?).ok().filter(|length| *length <= max)
}

fn zigzag(number: i64) -> u64 {
    (number << 1).cast_unsigned() ^ (number >> 63).cast_unsigned()
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -((number & 1).cast_signed())
}
