//! The real disk with a watch beside it: how long each sync of the write-ahead log takes.
//!
//! Promises: every operation is the real disk's own, with its result as it is. Refuses to do anything else: the ledger reads
//! no clock, so whoever wants to know how long it waited for the disk has to stand between the two.

use std::sync::Arc;

use ledger::disk::{Disk, DiskError, RealDisk};

use crate::clock::Clock;
use crate::metrics::Metrics;

/// Where the files lie whose syncs an acknowledgement waits for.
const LOG: &str = "ledger/wal/";

/// The real disk, its log syncs timed.
#[derive(Debug)]
pub(crate) struct Measured {
    disk: RealDisk,
    clock: Clock,
    metrics: Arc<Metrics>,
}

impl Measured {
    /// `disk` with its log syncs told to `metrics`.
    pub(crate) fn new(disk: RealDisk, clock: Clock, metrics: Arc<Metrics>) -> Measured {
        Measured { disk, clock, metrics }
    }
}

impl Disk for Measured {
    fn list(&self, dir: &str) -> Result<Vec<String>, DiskError> {
        self.disk.list(dir)
    }

    fn length(&self, path: &str) -> Result<u64, DiskError> {
        self.disk.length(path)
    }

    fn create(&self, path: &str) -> Result<(), DiskError> {
        self.disk.create(path)
    }

    fn read_at(&self, path: &str, offset: u64, buffer: &mut [u8]) -> Result<usize, DiskError> {
        self.disk.read_at(path, offset, buffer)
    }

    fn write_at(&self, path: &str, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        self.disk.write_at(path, offset, bytes)
    }

    fn zero_fill(&self, path: &str, from: u64, to: u64) -> Result<(), DiskError> {
        self.disk.zero_fill(path, from, to)
    }

    fn shorten(&self, path: &str, length: u64) -> Result<(), DiskError> {
        self.disk.shorten(path, length)
    }

    fn sync_data(&self, path: &str) -> Result<(), DiskError> {
        let began_ns = self.clock.monotonic_ns();
        let synced = self.disk.sync_data(path);
        if path.starts_with(LOG) {
            self.metrics.synced(self.clock.monotonic_ns().saturating_sub(began_ns));
        }
        synced
    }

    fn sync_dir(&self, dir: &str) -> Result<(), DiskError> {
        self.disk.sync_dir(dir)
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        self.disk.rename(from, to)
    }

    fn remove(&self, path: &str) -> Result<(), DiskError> {
        self.disk.remove(path)
    }

    fn create_dir(&self, dir: &str) -> Result<(), DiskError> {
        self.disk.create_dir(dir)
    }
}
