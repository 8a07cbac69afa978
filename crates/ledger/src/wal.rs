//! The write-ahead log as the writer sees it: one file at a time, one frame at a time.
//!
//! ```text
//! reserve   room for the frame, ahead of everything; a full disk shows here
//! append    write the frame -> fdatasync -> rewrite the acked slot (no sync)
//! rotate    rename a spare to wal/<seq>.log -> sync both folders; when a frame no longer fits
//! ```
//!
//! Each frame is synced before the next is written, so that a torn frame is never followed by a
//! whole one. It promises that a frame whose `append` returned is durable, and its name with it. It
//! refuses to judge what is on disk: that is `walk` and recovery.

use std::sync::Arc;

use crate::cursor::length_u64;
use crate::disk::{Disk, DiskError};
use crate::error::Error;
use crate::frame::{FrameKind, Link};
use crate::names::{self, LEDGER, WAL};
use crate::request::Class;
pub(crate) use acked::{Acked, Slot};
pub(crate) use spare::{Spare, Spares};

pub(crate) mod acked;
pub(crate) mod spare;
pub(crate) mod walk;

/// Size of a log file unless the options say otherwise.
pub const WAL_FILE_BYTES: u64 = 64 * 1024 * 1024;

/// The end of the log.
#[derive(Debug)]
pub(crate) struct Wal {
    disk: Arc<dyn Disk>,
    file: Arc<str>,
    /// Where the next frame goes.
    offset: u64,
    /// The file's length: zeros from `offset` on.
    bytes: u64,
    /// The file that comes next, if the frame at hand needs it.
    next: Option<Spare>,
    /// What the next frame says of its place.
    link: Link,
    /// Bytes written since the log was opened.
    written: u64,
}

/// Where a frame was written.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) file: Arc<str>,
    pub(crate) offset: u64,
}

/// Why no room could be reserved.
#[derive(Debug)]
pub(crate) enum NoRoom {
    /// The disk is full: a refusal.
    Full,
    /// The disk failed: poison.
    Failed(DiskError),
}

impl From<DiskError> for NoRoom {
    fn from(error: DiskError) -> Self {
        if error.is_full() { Self::Full } else { Self::Failed(error) }
    }
}

impl Wal {
    /// A log whose next frame goes to the beginning of `file`, which is `bytes` long and all zeros.
    pub(crate) fn at_new_file(disk: Arc<dyn Disk>, file: Spare, link: Link) -> Self {
        let Spare { path, bytes } = file;
        Self { disk, file: path.into(), offset: 0, bytes, next: None, link, written: 0 }
    }

    /// What the next frame says of its place.
    pub(crate) fn link(&self) -> Link {
        self.link
    }

    /// The length of the file at hand.
    pub(crate) fn file_bytes(&self) -> u64 {
        self.bytes
    }

    /// Bytes written since the log was opened.
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    /// Makes sure that a frame of `frame_bytes` can be written. The server's own records may take a spare more than
    /// others, and nobody the last: that is the next start's. Where no spare is left for the server's own records, half
    /// of the file at hand is theirs.
    pub(crate) fn reserve(
        &mut self,
        spares: &Spares,
        frame_bytes: u64,
        class: Class,
    ) -> Result<(), NoRoom> {
        let kept = spare::kept(class);
        if self.fits(frame_bytes) {
            while class == Class::Ordinary
                && !self.leaves_half(frame_bytes)
                && spares.ready() < kept
            {
                spares.fill(&*self.disk)?;
            }
            return Ok(());
        }
        while self.next.is_none() {
            self.next = spares.take(kept);
            if self.next.is_none() {
                spares.fill(&*self.disk)?;
            }
        }
        if let Some(next) = &mut self.next {
            spare::extend(&*self.disk, next, frame_bytes)?;
        }
        Ok(())
    }

    /// Whether half of the file at hand is free behind a frame of `frame_bytes`.
    fn leaves_half(&self, frame_bytes: u64) -> bool {
        self.bytes - self.offset - frame_bytes >= self.bytes / 2
    }

    /// Whether a frame of `frame_bytes` goes into the file at hand.
    pub(crate) fn fits(&self, frame_bytes: u64) -> bool {
        self.bytes - self.offset >= frame_bytes
    }

    /// Where a frame of `frame_bytes`, for which room was reserved, will stand; goes on to the
    /// next file if it no longer fits into this one.
    pub(crate) fn place(&mut self, frame_bytes: u64) -> Result<Place, Error> {
        if !self.fits(frame_bytes) {
            self.rotate()?;
        }
        assert!(self.fits(frame_bytes), "room was reserved");
        Ok(Place { file: Arc::clone(&self.file), offset: self.offset })
    }

    /// Writes a frame and makes it durable. `hash` is that of its headers.
    pub(crate) fn append(
        &mut self,
        frame: &[u8],
        hash: [u8; 32],
        kind: FrameKind,
    ) -> Result<Place, Error> {
        let place = self.place(length_u64(frame.len()))?;
        if cfg!(planted = "ack_early") {
            // The planted fault: the sync that should cover this frame comes before its write.
            self.disk.sync_data(&self.file)?;
        }
        self.disk.write_at(&self.file, self.offset, frame)?;
        // INVARIANT (I1): nothing is acknowledged, published or signed before this sync returned.
        if !cfg!(any(planted = "no_fsync", planted = "ack_early")) {
            self.disk.sync_data(&self.file)?;
        }
        let acked = Acked { seq: self.link.seq, hash };
        match kind {
            FrameKind::Append => acked.write(&*self.disk)?,
            FrameKind::Owner => acked.write_durably(&*self.disk)?,
            FrameKind::Stop => acked.replace(&*self.disk)?,
        }
        self.offset += length_u64(frame.len());
        self.written += length_u64(frame.len());
        self.link.seq += 1;
        self.link.previous = hash;
        assert!(self.offset <= self.bytes, "a frame lies inside its file");
        Ok(place)
    }

    fn rotate(&mut self) -> Result<(), Error> {
        let next = self.next.take().expect("a frame is only written where room was reserved");
        let path = names::wal(self.link.seq);
        self.disk.rename(&next.path, &path)?;
        // The new name first: between the two the file is never without one.
        if !cfg!(planted = "no_dir_sync") {
            self.disk.sync_dir(WAL)?;
            self.disk.sync_dir(LEDGER)?;
        }
        self.file = path.into();
        self.offset = 0;
        self.bytes = next.bytes;
        Ok(())
    }
}
