//! Opening a ledger, its one writer, and stopping cleanly.
//!
//! ```text
//! survey   recovery's read-only half        recover.rs
//! open     recovery's writing half          recover.rs
//! turn     requests in, answers out         append.rs
//! keep     packs, checkpoints, snapshots    keep.rs
//! prepare_stop -> (the caller makes MANIFEST durable) -> finish_stop
//! ```
//!
//! It promises that after a failed write or sync nothing is written any more. It holds no thread,
//! channel, clock or source of randomness: whoever calls it brings them.

use std::collections::HashMap;
use std::sync::Arc;

use event::ids::{StoreName, TenantId};
use sha2::{Digest, Sha256};

use crate::append::{HeadState, OpenFrame};
use crate::book::{Book, Counts};
use crate::clock::Clock;
use crate::cursor::{length_u64, size};
use crate::disk::{self, Disk};
use crate::error::Error;
use crate::frame::{self, FrameKind, Link};
use crate::keep::Keeper;
use crate::request::{Class, Now};
use crate::seen::{IDS_MAX, Seen};
use crate::stream::STREAMS_MAX;
use crate::wal::{NoRoom, WAL_FILE_BYTES, Wal};

/// A frame ends here, or after one section, whichever is later.
pub const FRAME_BYTES: usize = 4 * 1024 * 1024;

/// How a ledger is opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// The store's name: half of every ledger's origin. Fixed when the store is made.
    pub store: StoreName,
    /// Which shard of the store; 0 as long as a data directory is one shard.
    pub shard: u32,
    /// 16 random bytes, drawn anew by the caller for each start: they keep a payload from forging
    /// a frame.
    pub boot: [u8; 16],
    /// Size of a log file.
    pub wal_file_bytes: u64,
    /// Where a frame ends, or after one section, whichever is later.
    pub frame_bytes: usize,
    /// Ids of the window for events outside streams.
    pub ids_max: usize,
    /// Streams that the store holds in memory; a new one above it is refused, and those that are
    /// silent longest go to files before.
    pub streams_max: usize,
}

impl Options {
    /// The defaults for a store.
    #[must_use]
    pub fn new(store: StoreName, boot: [u8; 16]) -> Self {
        Self {
            store,
            shard: 0,
            boot,
            wal_file_bytes: WAL_FILE_BYTES,
            frame_bytes: FRAME_BYTES,
            ids_max: IDS_MAX,
            streams_max: STREAMS_MAX,
        }
    }
}

/// The one writer of a store's ledgers.
#[derive(Debug)]
pub struct Writer {
    pub(crate) book: Arc<Book>,
    pub(crate) options: Options,
    pub(crate) wal: Wal,
    pub(crate) clock: Clock,
    pub(crate) seen: Seen,
    pub(crate) heads: HashMap<TenantId, HeadState>,
    /// Streams of all tenants that are in memory, those of the open frame included.
    pub(crate) streams: usize,
    pub(crate) frame: OpenFrame,
    pub(crate) keeper: Keeper,
    pub(crate) state: WriterState,
}

/// Whether the writer still writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WriterState {
    Open,
    /// A stop was prepared: nothing more is appended.
    Stopping,
    /// A write or sync failed, with this reason.
    Poisoned(String),
}

/// The last log file as it will be once the stop frame is appended: what `MANIFEST` lists before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StopPlan {
    /// The file below the data directory.
    pub path: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// SHA-256 of it with the stop frame in place.
    pub sha256: [u8; 32],
}

impl Writer {
    /// Takes the wall clock as it is, on a person's word; the caller appends a record that says so.
    pub fn accept_clock(&mut self, now: Now) {
        self.clock.accept(now);
    }

    /// Whether an append at `now` would be stamped; for readiness.
    pub fn is_clock_sane(&mut self, now: Now) -> bool {
        self.clock.is_sane(now)
    }

    /// Why the writer stopped for good, if it did.
    #[must_use]
    pub fn poisoned(&self) -> Option<&str> {
        match &self.state {
            WriterState::Poisoned(reason) => Some(reason),
            WriterState::Open | WriterState::Stopping => None,
        }
    }

    /// Ends intake, keeps everything that is due, and says what the last log file will be. From
    /// here on every append is refused with `Stopping`.
    ///
    /// # Errors
    /// `Poisoned`, `Disk`.
    pub fn prepare_stop(&mut self, now: Now) -> Result<StopPlan, Error> {
        self.check_open()?;
        assert!(self.frame.is_empty(), "a turn leaves no open frame");
        self.keep_all(now)?;
        self.state = WriterState::Stopping;
        let planned = self.plan_stop();
        self.poison_on_error(planned)
    }

    fn plan_stop(&mut self) -> Result<StopPlan, Error> {
        let link = self.wal.link();
        let stop_bytes = length_u64(frame::EMPTY_FRAME_BYTES);
        match self.wal.reserve(&self.book.spares, stop_bytes, Class::System) {
            Ok(()) => {}
            Err(NoRoom::Failed(source)) => return Err(source.into()),
            Err(NoRoom::Full) => {
                return Err(Error::Poisoned { reason: "no room for the stop frame".to_owned() });
            }
        }
        let place = self.wal.place(stop_bytes)?;
        stop_plan(&*self.book.disk, &place.file, place.offset, link)
    }

    /// Appends and syncs the stop frame, then the `acked` slot. Call it once `MANIFEST` is durable.
    ///
    /// # Errors
    /// `Poisoned`, `Disk`. Either way the writer is gone; recovery decides.
    pub fn finish_stop(mut self) -> Result<(), Error> {
        assert!(self.state != WriterState::Open, "a stop is prepared before it is finished");
        if let Some(reason) = self.poisoned() {
            return Err(Error::Poisoned { reason: reason.to_owned() });
        }
        let mut bytes = Vec::new();
        let hash = frame::encode_stop(self.wal.link(), &mut bytes);
        self.wal.append(&bytes, hash, FrameKind::Stop)?;
        Ok(())
    }

    pub(crate) fn check_open(&self) -> Result<(), Error> {
        match &self.state {
            WriterState::Poisoned(reason) => Err(Error::Poisoned { reason: reason.clone() }),
            WriterState::Open | WriterState::Stopping => Ok(()),
        }
    }

    /// After a failed write or sync nobody knows what is on disk: nothing is written any more.
    pub(crate) fn poison_on_error<T>(&mut self, result: Result<T, Error>) -> Result<T, Error> {
        if let Err(error) = &result
            && self.poisoned().is_none()
        {
            let reason = match error {
                Error::Disk { source } => source.to_string(),
                other => other.to_string(),
            };
            self.state = WriterState::Poisoned(reason);
            Counts::set(&self.book.counts.poisoned, 1);
        }
        result
    }
}

/// The log file `file` with the stop frame that follows `link` at byte `offset`, all else behind
/// it zero.
pub(crate) fn stop_plan(
    disk: &dyn Disk,
    file: &str,
    offset: u64,
    link: Link,
) -> Result<StopPlan, Error> {
    let mut stop = Vec::new();
    frame::encode_stop(link, &mut stop);
    let mut bytes = disk::read(disk, file, u64::MAX)?;
    let start = usize::try_from(offset).unwrap_or(usize::MAX);
    let behind = bytes.get_mut(start..).unwrap_or_default();
    assert!(behind.len() >= stop.len(), "the stop frame lies inside its file");
    behind.fill(0);
    for (slot, byte) in behind.iter_mut().zip(&stop) {
        *slot = *byte;
    }
    assert_eq!(size(stop.len().try_into().unwrap_or(u32::MAX)), frame::EMPTY_FRAME_BYTES);
    let sha256 = Sha256::digest(&bytes).into();
    Ok(StopPlan { path: file.to_owned(), bytes: length_u64(bytes.len()), sha256 })
}

#[cfg(test)]
pub(crate) mod tests;
