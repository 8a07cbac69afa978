//! Small numbers in few bytes: varints, zigzag, and numbers of one width packed bit by bit.
//!
//! Readers take any bytes: what is not there is `None`, never a panic.

/// Appends a number, seven bits a byte, the lowest first; the high bit says that more follow.
pub(crate) fn put_varint(number: u64, out: &mut Vec<u8>) {
    let mut rest = number;
    while rest >= 0x80 {
        out.push(low_byte(rest) | 0x80);
        rest >>= 7;
    }
    out.push(low_byte(rest));
}

/// A signed number as an unsigned one that is small if it is near zero.
pub(crate) fn zigzag(number: i64) -> u64 {
    (number.wrapping_shl(1) ^ (number >> 63)).cast_unsigned()
}

/// The inverse of [`zigzag`].
pub(crate) fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

/// Bits that a number needs.
pub(crate) fn width(number: u32) -> u32 {
    u32::BITS - number.leading_zeros()
}

/// Bytes that are read from the front.
#[derive(Debug, Clone)]
pub(crate) struct Varints<'a> {
    bytes: &'a [u8],
}

impl<'a> Varints<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// The next number; `None` at the end, and for one that is cut off or passes 64 bits.
    pub(crate) fn next(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let [byte] = self.take()?;
            let bits = u64::from(byte & 0x7f);
            if bits.checked_shl(shift)? >> shift != bits {
                return None;
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    /// The next so many bytes.
    pub(crate) fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.bytes.split_first_chunk::<N>()?;
        self.bytes = rest;
        Some(*taken)
    }

    /// The bytes that are left.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.bytes
    }

    /// The next so many bytes.
    pub(crate) fn slice(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(length)?;
        self.bytes = rest;
        Some(taken)
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.bytes.is_empty()
    }
}

/// Appends numbers in Rice code: each is its upper part, so many one bits and a zero bit, and its `low`
/// lowest bits. Small where numbers lie around 2 to the `low`, and no number is very expensive if they
/// sum up to few.
pub(crate) fn put_rice(numbers: &[u32], low: u32, out: &mut Vec<u8>) {
    let mut bits = Bits { waiting: 0, count: 0, out };
    for number in numbers {
        for _ in 0..number >> low {
            bits.put(1, 1);
        }
        bits.put(0, 1);
        bits.put(number & ((1 << low) - 1), low);
    }
    bits.finish();
}

/// The number of low bits with which [`put_rice`] makes `numbers` about as small as it can.
pub(crate) fn rice_low(numbers: &[u32]) -> u32 {
    let sum: u64 = numbers.iter().map(|number| u64::from(*number)).sum();
    let count = u64::try_from(numbers.len()).unwrap_or(u64::MAX).max(1);
    (sum * 2 / 3 / count).max(1).ilog2().min(RICE_LOW_MAX)
}

/// The most low bits of a Rice code.
pub(crate) const RICE_LOW_MAX: u32 = 31;

/// Bits on their way into bytes, the lowest first.
struct Bits<'o> {
    waiting: u64,
    count: u32,
    out: &'o mut Vec<u8>,
}

impl Bits<'_> {
    fn put(&mut self, number: u32, width: u32) {
        self.waiting |= u64::from(number) << self.count;
        self.count += width;
        while self.count >= 8 {
            self.out.push(low_byte(self.waiting));
            self.waiting >>= 8;
            self.count -= 8;
        }
    }

    /// Fills up the last byte.
    fn finish(self) {
        if self.count > 0 {
            self.out.push(low_byte(self.waiting));
        }
    }
}

/// A reader of numbers in Rice code.
#[derive(Debug)]
pub(crate) struct Rice<'a> {
    bytes: &'a [u8],
    bit: usize,
    low: u32,
}

impl<'a> Rice<'a> {
    pub(crate) fn new(bytes: &'a [u8], low: u32) -> Self {
        Self { bytes, bit: 0, low: low.min(RICE_LOW_MAX) }
    }

    /// The next number; `None` at the end of the bytes, and for one that passes 32 bits.
    pub(crate) fn next(&mut self) -> Option<u32> {
        let mut upper = 0_u32;
        while self.take(1)? == 1 {
            upper = upper.checked_add(1)?;
        }
        let low = self.take(self.low)?;
        let upper = upper.checked_shl(self.low).filter(|shifted| shifted >> self.low == upper)?;
        Some(upper | low)
    }

    /// The bytes behind the last number.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.bit.div_ceil(8)..).unwrap_or_default()
    }

    fn take(&mut self, width: u32) -> Option<u32> {
        let mut number = 0;
        for shift in 0..width {
            let byte = self.bytes.get(self.bit / 8)?;
            number |= u32::from(byte >> (self.bit % 8) & 1) << shift;
            self.bit += 1;
        }
        Some(number)
    }
}

/// Appends numbers of `width` bits each, the lowest bit first, filled up to a whole byte.
pub(crate) fn pack(numbers: impl Iterator<Item = u32>, width: u32, out: &mut Vec<u8>) {
    let mut bits = Bits { waiting: 0, count: 0, out };
    numbers.for_each(|number| bits.put(number, width));
    bits.finish();
}

/// Bytes that [`pack`] makes of `count` numbers.
pub(crate) fn packed_bytes(count: usize, width: u32) -> Option<usize> {
    Some(count.checked_mul(usize::try_from(width).ok()?)?.div_ceil(8))
}

/// The number at a place among numbers of `width` bits; `None` past the end.
pub(crate) fn unpack(bytes: &[u8], place: usize, width: u32) -> Option<u32> {
    let bit = place.checked_mul(usize::try_from(width).ok()?)?;
    let window = bytes.get(bit / 8..)?;
    let mut number = 0_u64;
    for (byte, shift) in window.iter().take(5).zip((0..).step_by(8)) {
        number |= u64::from(*byte) << shift;
    }
    let there = window.len().min(5) * 8;
    let end = bit % 8 + usize::try_from(width).ok()?;
    let mask = (1_u64 << width.min(u32::BITS)) - 1;
    (end <= there).then_some(())?;
    u32::try_from(number >> (bit % 8) & mask).ok()
}

fn low_byte(number: u64) -> u8 {
    let [low, ..] = number.to_le_bytes();
    low
}

#[cfg(test)]
mod tests;
