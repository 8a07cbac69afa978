//! Reading and writing big-endian fields, for every decoder of this crate.
//!
//! It promises never to read past its bytes and never to panic on what they hold: a short or
//! senseless input is [`Short`]. It knows no format.

/// The bytes ended before the field did, or a text is not what its field allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Short;

/// A place in a run of bytes.
#[derive(Debug, Clone)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    /// Starts at the beginning of `bytes`.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What was not read yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next `count` bytes.
    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], Short> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Short)?;
        self.rest = rest;
        Ok(taken)
    }

    /// The next `N` bytes.
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Short> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(Short)?;
        self.rest = rest;
        Ok(*taken)
    }

    /// One byte.
    pub(crate) fn u8(&mut self) -> Result<u8, Short> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// Two bytes.
    pub(crate) fn u16(&mut self) -> Result<u16, Short> {
        self.array().map(u16::from_be_bytes)
    }

    /// Four bytes.
    pub(crate) fn u32(&mut self) -> Result<u32, Short> {
        self.array().map(u32::from_be_bytes)
    }

    /// Eight bytes.
    pub(crate) fn u64(&mut self) -> Result<u64, Short> {
        self.array().map(u64::from_be_bytes)
    }

    /// A text of at most 255 bytes behind its length.
    pub(crate) fn text(&mut self) -> Result<&'a str, Short> {
        let length = usize::from(self.u8()?);
        std::str::from_utf8(self.take(length)?).map_err(|_| Short)
    }

    /// Succeeds only if everything was read.
    pub(crate) fn end(self) -> Result<(), Short> {
        if self.rest.is_empty() { Ok(()) } else { Err(Short) }
    }
}

/// Appends a text of at most 255 bytes behind its length.
pub(crate) fn put_text(out: &mut Vec<u8>, text: &str) {
    let length = u8::try_from(text.len()).expect("names have at most 63 bytes");
    out.push(length);
    out.extend_from_slice(text.as_bytes());
}

/// Appends the CRC32C of everything from byte `from` on.
pub(crate) fn put_crc(out: &mut Vec<u8>, from: usize) {
    let crc = crc32c::crc32c(out.get(from..).unwrap_or_default());
    out.extend_from_slice(&crc.to_be_bytes());
}

/// Splits off the last four bytes if they are the CRC32C of the others.
pub(crate) fn checked(bytes: &[u8]) -> Result<&[u8], Short> {
    let (body, crc) = bytes.split_last_chunk::<4>().ok_or(Short)?;
    if crc32c::crc32c(body) == u32::from_be_bytes(*crc) { Ok(body) } else { Err(Short) }
}

/// A length as it stands on disk.
pub(crate) fn length_u32(length: usize) -> u32 {
    u32::try_from(length).expect("limits keep every length on disk below 2^32")
}

/// A length or count from disk as a size in memory.
pub(crate) fn size(count: u32) -> usize {
    usize::try_from(count).expect("this crate needs 32-bit sizes at least")
}

/// A length in memory as a length of a file.
pub(crate) fn length_u64(length: usize) -> u64 {
    u64::try_from(length).expect("no machine has sizes over 64 bits")
}

/// What zeros are compared with: whole blocks at once, since most of a log file is zeros.
static ZEROS: [u8; 4096] = [0; 4096];

/// Where the first byte that is not zero stands.
pub(crate) fn first_set(bytes: &[u8]) -> Option<usize> {
    let blocks = bytes.chunks(ZEROS.len());
    let is_zero = |block: &[u8]| Some(block) == ZEROS.get(..block.len());
    let (number, block) = blocks.enumerate().find(|(_, block)| !is_zero(block))?;
    let place = block.iter().position(|byte| *byte != 0)?;
    Some(number * ZEROS.len() + place)
}
