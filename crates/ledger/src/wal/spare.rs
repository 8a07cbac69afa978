//! Zero-filled files in reserve: what makes a sync cheap, and what a full disk cannot take away.
//!
//! A spare is filled under a temporary name, synced, and only then bears its own name; so every
//! spare is whole. One is kept back for the server's own records. It promises that a full disk
//! shows here, as a refusal ahead of an append, and never in the middle of one.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::disk::{self, Disk, DiskError};
use crate::names::{self, LEDGER, UNFINISHED};

/// Spares that are kept ready: the next log file, and the reserve.
pub(crate) const SPARES_READY: usize = 2;

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
        let path = self.free_path(disk)?;
        let unfinished = format!("{path}{UNFINISHED}");
        if let Err(error) = self.fill_file(disk, &unfinished) {
            // The refusal is what counts; what cannot be removed now goes at the next start.
            let _ = disk.remove(&unfinished);
            return Err(error);
        }
        disk.rename(&unfinished, &path)?;
        disk.sync_dir(LEDGER)?;
        assert_eq!(disk.length(&path)?, self.file_bytes, "a spare is as long as it was filled");
        self.pool().ready.push_back(Spare { path, bytes: self.file_bytes });
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

    fn fill_file(&self, disk: &dyn Disk, path: &str) -> Result<(), DiskError> {
        match disk.remove(path) {
            Err(error) if !error.is_not_found() => return Err(error),
            _ => {}
        }
        disk.create(path)?;
        disk.zero_fill(path, 0, self.file_bytes)?;
        disk.sync_data(path)
    }

    /// Takes one, if that leaves `kept`.
    pub(crate) fn take(&self, kept: usize) -> Option<Spare> {
        let mut pool = self.pool();
        if pool.ready.len() > kept { pool.ready.pop_front() } else { None }
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
