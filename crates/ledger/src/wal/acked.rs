//! The slot that names the last frame of which somebody was told: `ledger/acked`.
//!
//! ```text
//! offset size  field
//!      0    8  0x89 "IDLACK" 0x0A
//!      8    2  version 1
//!     10    2  zero
//!     12    8  shard seq
//!     20   32  SHA-256 of that frame's headers
//!     52    4  CRC32C of the 52 bytes before
//! ```
//!
//! It is rewritten without a sync after each frame's sync, with one after an `owner` frame, and put
//! in the place of the one before, whole or not at all, after a `stop` frame: a slot that cannot be
//! read is damage there, so no death on the way may leave one. It promises that a slot which reads
//! well names a frame that was durable; anywhere else a slot that does not says nothing. It fits into
//! one sector, so that a torn write cannot make a third slot of two.

use crate::cursor::{Cursor, Short, checked, put_crc};
use crate::disk::{self, Disk};
use crate::error::Error;
use crate::names::{ACKED, LEDGER};

const MAGIC: [u8; 8] = *b"\x89IDLACK\n";
const VERSION: u16 = 1;
const SLOT_BYTES: usize = 56;
const _: () = assert!(SLOT_BYTES <= 512, "the slot lies inside one sector");

/// The last acknowledged frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Acked {
    pub(crate) seq: u64,
    pub(crate) hash: [u8; 32],
}

/// What the slot says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slot {
    /// There is no such file.
    Missing,
    /// Not a slot: no information, or damage after a clean stop.
    Unreadable,
    /// The frame.
    Names(Acked),
}

impl Slot {
    /// The frame, if the slot names one.
    pub(crate) fn acked(self) -> Option<Acked> {
        match self {
            Self::Names(acked) => Some(acked),
            Self::Missing | Self::Unreadable => None,
        }
    }
}

impl Acked {
    /// Rewrites the slot, without a sync.
    pub(crate) fn write(&self, disk: &dyn Disk) -> Result<(), Error> {
        let bytes = self.encode();
        assert_eq!(Self::decode(&bytes), Ok(*self), "what is written can be read");
        Ok(disk.write_at(ACKED, 0, &bytes)?)
    }

    /// Makes the slot durable, and the file first if there is none.
    pub(crate) fn write_durably(&self, disk: &dyn Disk) -> Result<(), Error> {
        if !disk::exists(disk, ACKED)? {
            disk.create(ACKED)?;
        }
        self.write(disk)?;
        disk.sync_data(ACKED)?;
        Ok(disk.sync_dir(LEDGER)?)
    }

    /// Puts the slot in the place of the one before, durably.
    pub(crate) fn replace(&self, disk: &dyn Disk) -> Result<(), Error> {
        Ok(disk::replace(disk, ACKED, &self.encode())?)
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(SLOT_BYTES);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&VERSION.to_be_bytes());
        out.extend_from_slice(&[0; 2]);
        out.extend_from_slice(&self.seq.to_be_bytes());
        out.extend_from_slice(&self.hash);
        put_crc(&mut out, 0);
        assert_eq!(out.len(), SLOT_BYTES, "the slot's size is part of the format");
        out
    }

    fn decode(bytes: &[u8]) -> Result<Self, Short> {
        let mut cursor = Cursor::new(checked(bytes)?);
        let (magic, version, zero) = (cursor.array::<8>()?, cursor.u16()?, cursor.u16()?);
        let acked = Self { seq: cursor.u64()?, hash: cursor.array()? };
        cursor.end()?;
        if magic == MAGIC && version == VERSION && zero == 0 { Ok(acked) } else { Err(Short) }
    }
}

/// Reads the slot.
pub(crate) fn load(disk: &dyn Disk) -> Result<Slot, Error> {
    // A file that is longer than a slot is not one; no more than that is ever read of it.
    match disk::read(disk, ACKED, 4096) {
        Ok(bytes) => Ok(Acked::decode(&bytes).map_or(Slot::Unreadable, Slot::Names)),
        Err(error) if error.is_not_found() => Ok(Slot::Missing),
        Err(error) if error.kind == std::io::ErrorKind::FileTooLarge => Ok(Slot::Unreadable),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests;
