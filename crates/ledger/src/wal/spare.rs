//! Zero-filled files in reserve: what makes a sync cheap, and what a full disk cannot take away.
//!
//! A spare is filled under a temporary name, synced, and only then bears its own name; so every
//! spare is whole. One is kept back for the server's own records, and one for the next start, whose
//! owner frame begins a file. It promises that a full disk shows here, as a refusal ahead of an
//! append, and never in the middle of one.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::disk::{self, Disk, DiskError};
use crate::names::{self, LEDGER, UNFINISHED};
use crate::request::Class;

/// Spares that are kept ready: the next log file, that of the server's own records, that of a start.
pub(crate) const SPARES_READY: usize = 3;
/// No spare is shorter: it holds an owner frame and a stop frame.
const SPARE_BYTES_MIN: u64 = 4096;

/// How many spares an append of this class must leave.
pub(crate) fn kept(class: Class) -> usize {
    match class {
        Class::Ordinary => 2,
        Class::System => 1,
    }
}

/// The spares of a store; filled from any thread.
#[derive(Debug)]
pub(crate) struct Spares {
    file_bytes: u64,
    pool: Mutex<Pool>,
}

#[derive(Debug)]
struct Pool {
    ready: VecDeque<Spare>,
    next: u64,
}

/// One zero-filled file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spare {
    pub(crate) path: String,
    pub(crate) bytes: u64,
}

impl Spares {
    /// The spares that were found whole, and the next free number.
    pub(crate) fn new(file_bytes: u64, found: Vec<(u64, Spare)>) -> Self {
        assert!(file_bytes > 0, "a log file holds something");
        let next = found.iter().map(|(number, _)| number + 1).max().unwrap_or(0);
        let ready = found.into_iter().map(|(_, spare)| spare).collect();
        Self { file_bytes, pool: Mutex::new(Pool { ready, next }) }
    }

    /// How many are ready.
    pub(crate) fn ready(&self) -> usize {
        self.pool().ready.len()
    }

    /// Makes one more. On a full disk nothing is left behind.
    pub(crate) fn fill(&self, disk: &dyn Disk) -> Result<(), DiskError> {
        self.fill_to(disk, self.file_bytes)
    }

    /// Makes one more of `bytes`, or on a full disk of the largest part of it that there is room for.
    fn fill_what_fits(&self, disk: &dyn Disk, bytes: u64) -> Result<(), DiskError> {
        match self.fill_to(disk, bytes) {
            Err(error) if error.is_full() && bytes / 2 >= SPARE_BYTES_MIN => {
                self.fill_what_fits(disk, bytes / 2)
            }
            filled => filled,
        }
    }

    fn fill_to(&self, disk: &dyn Disk, bytes: u64) -> Result<(), DiskError> {
        let path = self.free_path(disk)?;
        let unfinished = format!("{path}{UNFINISHED}");
        if let Err(error) = self.fill_file(disk, &unfinished, bytes) {
            // The refusal is what counts; what cannot be removed now goes at the next start.
            let _ = disk.remove(&unfinished);
            return Err(error);
        }
        disk.rename(&unfinished, &path)?;
        disk.sync_dir(LEDGER)?;
        assert_eq!(disk.length(&path)?, bytes, "a spare is as long as it was filled");
        self.pool().ready.push_back(Spare { path, bytes });
        Ok(())
    }

    /// The path of the next number that no file bears: a spoiled spare keeps its name until it is quarantined.
    fn free_path(&self, disk: &dyn Disk) -> Result<String, DiskError> {
        loop {
            let number = {
                let mut pool = self.pool();
                pool.next += 1;
                pool.next - 1
            };
            let path = names::spare(number);
            if !disk::exists(disk, &path)? {
                return Ok(path);
            }
        }
    }

    fn fill_file(&self, disk: &dyn Disk, path: &str, bytes: u64) -> Result<(), DiskError> {
        match disk.remove(path) {
            Err(error) if !error.is_not_found() => return Err(error),
            _ => {}
        }
        disk.create(path)?;
        disk.zero_fill(path, 0, bytes)?;
        disk.sync_data(path)
    }

    /// Takes one, if that leaves `kept`.
    pub(crate) fn take(&self, kept: usize) -> Option<Spare> {
        let mut pool = self.pool();
        if pool.ready.len() > kept { pool.ready.pop_front() } else { None }
    }

    /// Takes one for a start, which may have the last.
    ///
    /// INVARIANT (I12): a full disk keeps no store from opening. A start that takes the last spare of a full disk
    /// leaves half of it to the next, which finds it even if this one is killed before there is room.
    pub(crate) fn take_for_start(&self, disk: &dyn Disk) -> Result<Spare, DiskError> {
        let found = self.ready();
        if found == 0 {
            self.fill_what_fits(disk, self.file_bytes)?;
        }
        let mut spare = self.take(0).expect("one is ready");
        // Where one was just made whole there is room, and the others are made beside the work.
        let has_room = found == 0 && spare.bytes == self.file_bytes;
        if self.ready() == 0 && !has_room {
            self.share(disk, &mut spare)?;
        }
        Ok(spare)
    }

    /// Makes the next spare, on a full disk out of half of this one.
    fn share(&self, disk: &dyn Disk, spare: &mut Spare) -> Result<(), DiskError> {
        match self.fill(disk) {
            Err(error) if error.is_full() => {}
            filled => return filled,
        }
        let half = spare.bytes / 2;
        if half < SPARE_BYTES_MIN {
            return Ok(());
        }
        disk.shorten(&spare.path, half)?;
        disk.sync_data(&spare.path)?;
        spare.bytes = half;
        match self.fill_what_fits(disk, half) {
            // Somebody else took the room.
            Err(error) if error.is_full() => Ok(()),
            filled => filled,
        }
    }

    fn pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes a spare long enough for `bytes`.
pub(crate) fn extend(disk: &dyn Disk, spare: &mut Spare, bytes: u64) -> Result<(), DiskError> {
    if spare.bytes < bytes {
        disk.zero_fill(&spare.path, spare.bytes, bytes)?;
        disk.sync_data(&spare.path)?;
        spare.bytes = bytes;
    }
    assert!(spare.bytes >= bytes, "the file holds its first frame");
    Ok(())
}
