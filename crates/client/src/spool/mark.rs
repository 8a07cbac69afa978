//! The file `delivered`: the last number that the server has settled, and the index of the last record that says so.
//!
//! ```text
//! slot  seq u64 | index + 1, or 0 for none u64 | CRC-32 u32 of the 16 bytes before | 12 zeros     two slots, in turn
//! ```
//!
//! Promises: a torn write costs one slot and the other has the mark before; the higher good one counts. A mark that is
//! lost makes the producer send again, which is answered `duplicate`, so most writes are not synced: `sync` is called
//! before a segment is removed on the strength of the mark. Refuses to go back.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

const SLOT_BYTES: usize = 32;
const NAME: &str = "delivered";

/// How far a spool is delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Delivered {
    /// The last number; 0 before the first.
    pub(crate) seq: u64,
    /// The index of the last record, if one is known.
    pub(crate) index: Option<u64>,
}

/// What is in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// No file.
    Nothing,
    /// A file without a good slot.
    Unreadable,
    /// The higher good slot.
    Mark(Delivered),
}

/// The open file.
#[derive(Debug)]
pub(crate) struct Mark {
    file: File,
    delivered: Delivered,
    turn: u64,
}

impl Mark {
    /// What `folder` says. Nothing is changed.
    pub(crate) fn find(folder: &Path) -> io::Result<Found> {
        let file = match File::open(folder.join(NAME)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
            Err(error) => return Err(error),
        };
        let mut best = None;
        for slot in 0..2 {
            let mut bytes = [0; SLOT_BYTES];
            let at = slot * u64::try_from(SLOT_BYTES).unwrap_or_default();
            match file.read_exact_at(&mut bytes, at) {
                Ok(()) => best = best.max(read_slot(&bytes)),
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
                Err(error) => return Err(error),
            }
        }
        Ok(best.map_or(Found::Unreadable, Found::Mark))
    }

    /// Opens the file with `delivered` in both slots, durable once the folder is.
    pub(crate) fn open(folder: &Path, delivered: Delivered) -> io::Result<Mark> {
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(false).open(folder.join(NAME))?;
        let mut mark = Mark { file, delivered, turn: 0 };
        mark.write()?;
        mark.write()?;
        mark.sync()?;
        Ok(mark)
    }

    /// What the file says.
    pub(crate) fn delivered(&self) -> Delivered {
        self.delivered
    }

    /// Writes a new mark into the slot whose turn it is.
    pub(crate) fn advance(&mut self, delivered: Delivered) -> io::Result<()> {
        assert!(delivered.seq >= self.delivered.seq, "what is delivered stays delivered");
        self.delivered = delivered;
        self.write()
    }

    /// Makes the last mark durable.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn write(&mut self) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(SLOT_BYTES);
        bytes.extend_from_slice(&self.delivered.seq.to_be_bytes());
        let index = self.delivered.index.map_or(0, |index| index.saturating_add(1));
        bytes.extend_from_slice(&index.to_be_bytes());
        let crc = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&crc.to_be_bytes());
        bytes.resize(SLOT_BYTES, 0);
        let at = self.turn % 2 * u64::try_from(SLOT_BYTES).unwrap_or_default();
        self.turn += 1;
        self.file.write_all_at(&bytes, at)
    }
}

/// The mark in one slot, if it is a good one.
fn read_slot(bytes: &[u8; SLOT_BYTES]) -> Option<Delivered> {
    let (said, rest) = bytes.split_first_chunk::<16>()?;
    let (crc, rest) = rest.split_first_chunk::<4>()?;
    if crc32fast::hash(said) != u32::from_be_bytes(*crc) || rest.iter().any(|byte| *byte != 0) {
        return None;
    }
    let (seq, index) = said.split_first_chunk::<8>()?;
    let index = u64::from_be_bytes(index.try_into().ok()?);
    Some(Delivered { seq: u64::from_be_bytes(*seq), index: index.checked_sub(1) })
}
