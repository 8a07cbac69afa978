//! The spool: events on this machine's disk, numbered, until the server has them.
//!
//! ```text
//! folder    which spool a process takes, and which of the dead it adopts
//! recover   opening what was left behind
//! read      frames in order, for the sender
//! mark      how far it is delivered
//! format    the bytes
//! ```
//!
//! Promises: an event has its number and is written before `append` says so; numbers have no hole and none is used
//! twice; what is handed to the sender was synced before, so that no power cut can take a number back that the server
//! has seen; a file goes only once a durable mark says that all of it is settled; the bytes of a spool are bounded.
//! Refuses threads, clocks and waiting: that is `intake`.

pub(crate) mod folder;
pub(crate) mod format;
mod mark;
pub(crate) mod read;
mod recover;

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use event::ids::{Instance, Seq};

pub(crate) use mark::Delivered;
use mark::Mark;
use read::Wanted;
pub(crate) use recover::End;
pub(crate) use recover::sync_folder;
use recover::{Recovered, Segment, file_name};

/// Bytes after which a segment is closed, unless the spool is so small that it is less.
const SEGMENT_BYTES: u64 = 8 * 1024 * 1024;
/// A spool has room for at least so many segments, so that there is always a file to remove.
const SEGMENTS_MIN: u64 = 8;

/// Why an event was not taken.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// There is no room until something is delivered, or on the disk at all.
    Full,
    /// The disk failed in a way after which nothing is certain; only a new process goes on.
    Disk(String),
}

/// One open spool, locked.
#[derive(Debug)]
pub(crate) struct Spool {
    folder: PathBuf,
    instance: Instance,
    /// Held for the spool's life.
    _lock: File,
    /// Oldest first; the last is written to.
    segments: Vec<Segment>,
    head: Arc<File>,
    mark: Mark,
    next: u64,
    synced: u64,
    end: End,
    bytes: u64,
    bytes_max: u64,
    /// Why it is written no more.
    fault: Option<String>,
    frame: Vec<u8>,
}

/// A sync that can be done without the spool.
#[derive(Debug)]
pub(crate) struct SyncJob {
    head: Arc<File>,
    through: u64,
}

impl SyncJob {
    /// Does it.
    pub(crate) fn run(&self) -> io::Result<()> {
        self.head.sync_data()
    }
}

impl Spool {
    /// The spool in `folder` as recovery left it.
    fn open(
        folder: &Path,
        instance: Instance,
        lock: File,
        recovered: Recovered,
    ) -> io::Result<Spool> {
        let Recovered { segments, next, end, delivered, .. } = recovered;
        let newest = segments.last().map_or(next, |segment| segment.first);
        let head = OpenOptions::new().append(true).open(folder.join(file_name(newest)))?;
        let mark = Mark::open(folder, delivered)?;
        sync_folder(folder)?;
        Ok(Spool {
            folder: folder.to_owned(),
            instance,
            _lock: lock,
            bytes: segments.iter().map(|segment| segment.bytes).sum(),
            segments,
            head: Arc::new(head),
            mark,
            next,
            synced: next - 1,
            end,
            bytes_max: u64::MAX,
            fault: None,
            frame: Vec::new(),
        })
    }

    /// The same spool with at most `bytes_max` bytes.
    pub(crate) fn bounded(self, bytes_max: u64) -> Spool {
        Spool { bytes_max, ..self }
    }

    /// Writes one event, given as JSON on one line; its number.
    pub(crate) fn append(&mut self, event: &[u8]) -> Result<Seq, Refusal> {
        assert!(self.end == End::Open, "a sealed spool is never written to");
        if let Some(why) = &self.fault {
            return Err(Refusal::Disk(why.clone()));
        }
        let seq = Seq(self.next);
        self.frame.clear();
        format::write_frame(&mut self.frame, seq, format::Frame::Event(event));
        let length = u64::try_from(self.frame.len()).unwrap_or(u64::MAX);
        if self.bytes.saturating_add(length) > self.bytes_max {
            return Err(Refusal::Full);
        }
        let segment_max = SEGMENT_BYTES.min(self.bytes_max / SEGMENTS_MIN);
        let head_bytes = self.segments.last().map_or(0, |head| head.bytes);
        let is_begun = self.segments.last().is_some_and(|head| head.first < self.next);
        if is_begun && head_bytes.saturating_add(length) > segment_max {
            self.roll()?;
        }
        if !cfg!(planted = "spool_unwritten") {
            self.write()?;
        }
        if let Some(head) = self.segments.last_mut() {
            head.bytes = head.bytes.saturating_add(length);
        }
        self.bytes = self.bytes.saturating_add(length);
        self.next += 1;
        Ok(seq)
    }

    /// Writes `frame` at the end of the head; on failure the head is as it was, or never written again.
    fn write(&mut self) -> Result<(), Refusal> {
        let before = self.segments.last().map_or(0, |head| head.bytes);
        let written = (&*self.head).write_all(&self.frame);
        written.map_err(|error| match self.head.set_len(before) {
            Ok(()) if error.kind() == io::ErrorKind::StorageFull => Refusal::Full,
            Ok(()) => Refusal::Disk(error.to_string()),
            Err(worse) => self.poison(&worse),
        })
    }

    /// Begins a new segment. The old one is synced first, so that only the newest can end in a torn write.
    fn roll(&mut self) -> Result<(), Refusal> {
        self.head.sync_data().map_err(|error| self.poison(&error))?;
        self.synced = self.next - 1;
        let path = self.folder.join(file_name(self.next));
        let made = make_segment(&path, self.instance, Seq(self.next));
        let head = match made.and_then(|head| sync_folder(&self.folder).map(|()| head)) {
            Ok(head) => head,
            Err(error) => {
                // A file without a number in it must not be taken for the newest.
                let gone = std::fs::remove_file(&path);
                return match gone {
                    Err(worse) if worse.kind() != io::ErrorKind::NotFound => {
                        Err(self.poison(&worse))
                    }
                    _ if error.kind() == io::ErrorKind::StorageFull => Err(Refusal::Full),
                    _ => Err(Refusal::Disk(error.to_string())),
                };
            }
        };
        self.head = Arc::new(head);
        let bytes = u64::try_from(format::HEADER_BYTES).unwrap_or_default();
        self.segments.push(Segment { first: self.next, bytes });
        self.bytes = self.bytes.saturating_add(bytes);
        // What was delivered of the old segment may be all of it.
        let delivered = self.mark.delivered();
        self.remove_delivered(delivered).map_err(|error| Refusal::Disk(error.to_string()))
    }

    /// After a failed sync or a write that cannot be taken back nothing more is written: a restart finds what is there.
    fn poison(&mut self, error: &io::Error) -> Refusal {
        let why = error.to_string();
        self.fault = Some(why.clone());
        Refusal::Disk(why)
    }

    /// A sync of what is not synced yet.
    pub(crate) fn begin_sync(&self) -> Option<SyncJob> {
        let through = self.next - 1;
        let is_due = through > self.synced && self.fault.is_none();
        is_due.then(|| SyncJob { head: Arc::clone(&self.head), through })
    }

    /// What came of it.
    pub(crate) fn end_sync(&mut self, job: &SyncJob, result: &io::Result<()>) {
        match result {
            Ok(()) => self.synced = self.synced.max(job.through),
            Err(error) => {
                self.poison(error);
            }
        }
    }

    /// Everything up to this number is settled.
    pub(crate) fn settle(&mut self, delivered: Delivered) -> io::Result<()> {
        assert!(delivered.seq < self.next, "what was never written cannot be delivered");
        self.mark.advance(delivered)?;
        self.remove_delivered(delivered)
    }

    /// Removes the segments that are settled whole; the newest stays, since the next number hangs on it.
    fn remove_delivered(&mut self, delivered: Delivered) -> io::Result<()> {
        let is_settled = |next: &Segment| next.first <= delivered.seq.saturating_add(1);
        if !self.segments.get(1).is_some_and(is_settled) {
            return Ok(());
        }
        // A segment that is gone must never be missed: the mark is durable first.
        self.mark.sync()?;
        while self.segments.get(1).is_some_and(is_settled) {
            let gone = self.segments.remove(0);
            std::fs::remove_file(self.folder.join(file_name(gone.first)))?;
            self.bytes = self.bytes.saturating_sub(gone.bytes);
        }
        Ok(())
    }

    /// Makes the mark durable.
    pub(crate) fn sync_mark(&self) -> io::Result<()> {
        self.mark.sync()
    }

    /// Where it lies.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The stream that its numbers are of.
    pub(crate) fn instance(&self) -> Instance {
        self.instance
    }

    /// How far it is delivered.
    pub(crate) fn delivered(&self) -> Delivered {
        self.mark.delivered()
    }

    /// The last number that was written.
    pub(crate) fn last(&self) -> u64 {
        self.next - 1
    }

    /// The last number that survives a power cut.
    pub(crate) fn synced(&self) -> u64 {
        if cfg!(planted = "spool_send_unsynced") { self.next - 1 } else { self.synced }
    }

    /// What the sender asks its reader for, if something is due that was synced.
    pub(crate) fn wanted(&self) -> Option<Wanted> {
        let (from, through) = (self.mark.delivered().seq + 1, self.synced());
        let files = self.segments.iter().rev();
        let segment = files.map(|segment| segment.first).find(|first| *first <= from)?;
        (from <= through).then_some(Wanted { from, through, segment })
    }

    /// Bytes of its segments.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Why it is written no more, if it is not.
    pub(crate) fn fault(&self) -> Option<&str> {
        self.fault.as_deref()
    }
}

/// A new segment, durable once its folder is.
fn make_segment(path: &Path, instance: Instance, first: Seq) -> io::Result<File> {
    let mut file = OpenOptions::new().append(true).create_new(true).open(path)?;
    file.write_all(&format::header(instance, first))?;
    file.sync_all()?;
    Ok(file)
}

#[cfg(test)]
mod tests;
