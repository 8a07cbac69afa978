//! Walking the log: every frame in order, the chain checked, the tail judged.
//!
//! A frame that cannot be read, or is flawed, is a **torn tail** if nobody can have been told of it:
//! the `acked` slot names an earlier frame, no valid frame of a later number follows anywhere, and
//! it does not stand behind a `stop` in the same file. Otherwise it is **damage**. Damage does not
//! end the walk: it goes on at the next frame that can be read, so that everything wrong is found.
//! It promises that without damage every frame given to the visitor is whole, in order, and bound
//! to the one before by its hash. It writes nothing and knows nothing of tenants.

use std::sync::Arc;

use super::{Acked, Slot};
use crate::cursor::{first_set, length_u64};
use crate::disk::{self, Disk};
use crate::error::{Damage, Error};
use crate::frame::{self, FRAME_MAGIC, Flaw, Frame, FrameHead, FrameKind, Link};
use crate::names::{self, ACKED, WAL};

/// No log file is longer: its usual size, or the largest frame.
const WAL_FILE_BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024;

/// One file of the log.
#[derive(Debug, Clone)]
pub(crate) struct WalFile {
    pub(crate) path: Arc<str>,
    pub(crate) first_seq: u64,
}

/// Where a frame stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct At<'a> {
    pub(crate) file: &'a Arc<str>,
    pub(crate) offset: u64,
}

/// The last frame that can be read.
#[derive(Debug, Clone)]
pub(crate) struct LastFrame {
    pub(crate) file: Arc<str>,
    pub(crate) offset: u64,
    pub(crate) bytes: u64,
    pub(crate) file_bytes: u64,
    pub(crate) kind: FrameKind,
    pub(crate) link: Link,
    pub(crate) hash: [u8; 32],
}

impl LastFrame {
    /// One past the frame's last byte.
    pub(crate) fn end(&self) -> u64 {
        self.offset + self.bytes
    }
}

/// Bytes of an unfinished frame, to be zeroed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tail {
    pub(crate) file: Arc<str>,
    pub(crate) from: u64,
    pub(crate) to: u64,
}

/// Bytes that should be frames and cannot be read.
#[derive(Debug, Clone)]
pub(crate) struct Gap {
    pub(crate) file: Arc<str>,
    pub(crate) from: u64,
    /// Where the next frame that can be read begins, or the zeros.
    pub(crate) to: u64,
    /// The frame before it.
    pub(crate) before: Option<LastFrame>,
    /// The frame behind it in the same file.
    pub(crate) next: Option<Link>,
    /// If there is none: the first frame of the next file that can be read.
    pub(crate) next_file: Option<Link>,
}

/// Where a walk begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Start {
    /// With frame 0.
    #[default]
    Fresh,
    /// Behind a frame that the log no longer holds.
    After {
        /// Its number.
        seq: u64,
        /// The hash of its headers.
        hash: [u8; 32],
    },
    /// Behind frames of which nothing is known.
    Unknown,
}

/// What a walk found.
#[derive(Debug, Default)]
pub(crate) struct Walked {
    /// Where it began.
    pub(crate) start: Start,
    /// The last frame, if there is any.
    pub(crate) last: Option<LastFrame>,
    /// Unfinished frames.
    pub(crate) tails: Vec<Tail>,
    /// A log file behind the last frame that has no frame yet, and its length.
    pub(crate) unused: Option<(WalFile, u64)>,
    pub(crate) damages: Vec<Damage>,
    pub(crate) gaps: Vec<Gap>,
    /// The files with their lengths, in order.
    pub(crate) files: Vec<(WalFile, u64)>,
}

impl Walked {
    /// The number that the next frame has.
    pub(crate) fn next_seq(&self) -> u64 {
        let before = match self.start {
            Start::Fresh | Start::Unknown => 0,
            Start::After { seq, .. } => seq + 1,
        };
        self.last.as_ref().map_or(before, |last| last.link.seq + 1)
    }

    /// Whether the log ends in a clean stop.
    pub(crate) fn ends_in_stop(&self) -> bool {
        self.last.as_ref().is_some_and(|last| last.kind == FrameKind::Stop)
    }
}

/// Whether the log stands still while it is walked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beside {
    /// Nobody writes.
    Nothing,
    /// A server may be writing: what it had not acknowledged when the walk began is left alone.
    Running,
}

/// What looks at the frames of a walk; answers what is wrong with them beyond their chain.
pub(crate) type Visit<'v> = &'v mut dyn FnMut(At<'_>, &Frame<'_>) -> Result<Vec<Damage>, Error>;

/// The files of the log in order; names that are not log files are left out.
pub(crate) fn list(disk: &dyn Disk) -> Result<Vec<WalFile>, Error> {
    let names = match disk.list(WAL) {
        Ok(names) => names,
        Err(error) if error.is_not_found() => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let numbers = names.iter().filter_map(|name| names::parse_wal(name));
    let mut files: Vec<_> =
        numbers.map(|seq| WalFile { path: names::wal(seq).into(), first_seq: seq }).collect();
    files.sort_by_key(|file| file.first_seq);
    Ok(files)
}

/// Walks the whole log.
pub(crate) fn walk(
    disk: &dyn Disk,
    slot: Slot,
    (start, beside): (Start, Beside),
    visit: Visit<'_>,
) -> Result<Walked, Error> {
    let files = list(disk)?;
    let found = Walked { start, ..Walked::default() };
    let broken = start == Start::Unknown;
    let mut walk = Walk { disk, acked: slot.acked(), beside, found, broken };
    // One buffer for all files: fresh memory for each costs as much as reading it.
    let mut bytes = Vec::new();
    for (place, file) in files.iter().enumerate() {
        let later = files.get(place + 1..).unwrap_or_default();
        disk::read_into(disk, &file.path, WAL_FILE_BYTES_MAX, &mut bytes)?;
        walk.file((file, &bytes), later, visit)?;
    }
    if let (Start::After { .. }, None, Some(first)) = (start, &walk.found.last, files.first()) {
        walk.damage(first, 0, "a log file without its frames");
    }
    walk.judge_slot(slot);
    Ok(walk.found)
}

struct Walk<'d> {
    disk: &'d dyn Disk,
    acked: Option<Acked>,
    beside: Beside,
    found: Walked,
    /// Frames are missing before the next one: its hash of the previous one cannot be checked.
    broken: bool,
}

impl Walk<'_> {
    fn file(
        &mut self,
        (file, bytes): (&WalFile, &[u8]),
        later: &[WalFile],
        visit: Visit<'_>,
    ) -> Result<(), Error> {
        self.found.files.push((file.clone(), length_u64(bytes.len())));
        if first_set(bytes).is_none() {
            return self.unused_file(file, later, length_u64(bytes.len()));
        }
        if !self.found.tails.is_empty() {
            // No valid frame follows the torn one, here neither: the rest is unfinished too.
            self.tail(file, 0, bytes);
            return Ok(());
        }
        self.check_place(file);
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| first_set(rest).is_some()) {
            let next = self.found.next_seq();
            let frame = frame::parse(rest).ok().filter(|frame| self.continues(frame, at));
            let whole = frame.as_ref().is_some_and(|frame| frame.flaws.is_empty());
            if !whole
                && self.may_be_torn(at)
                && !self.frame_follows(next, (file, bytes), later, at)?
            {
                self.tail(file, at, bytes);
                return Ok(());
            }
            at = match frame {
                Some(frame) => self.accept(file, at, (&frame, length_u64(bytes.len())), visit)?,
                None => match self.resume(file, bytes, at) {
                    Some(next) => next,
                    None => return Ok(()),
                },
            };
        }
        Ok(())
    }

    /// A file without a frame is a spare if it is the last; else frames are missing.
    fn unused_file(&mut self, file: &WalFile, later: &[WalFile], bytes: u64) -> Result<(), Error> {
        let named_next = file.first_seq == self.found.next_seq();
        if later.is_empty() && (named_next || !self.found.tails.is_empty()) {
            self.found.unused = Some((file.clone(), bytes));
        } else {
            self.damage(file, 0, "a log file without its frames");
        }
        Ok(())
    }

    /// The file's name says which frame begins it.
    fn check_place(&mut self, file: &WalFile) {
        let next = self.found.next_seq();
        if file.first_seq != next {
            self.damage(file, 0, format!("begins at frame {}, not {next}", file.first_seq));
            self.broken = true;
        }
    }

    /// Whether a readable frame is the one that comes next.
    fn continues(&self, frame: &Frame<'_>, at: usize) -> bool {
        let link = &frame.head.link;
        let Some(last) = self.found.last.as_ref() else {
            let follows = match self.found.start {
                Start::Unknown => true,
                Start::After { seq, hash } => link.seq == seq + 1 && link.previous == hash,
                Start::Fresh => {
                    let first = link.seq == 0 && link.epoch == 1 && link.previous == [0; 32];
                    first && frame.head.kind == FrameKind::Owner
                }
            };
            return self.broken || (follows && at == 0);
        };
        if self.broken {
            return link.seq > last.link.seq;
        }
        let chained = link.seq == last.link.seq + 1 && link.previous == last.hash;
        let owned = match frame.head.kind {
            FrameKind::Owner => link.epoch == last.link.epoch + 1 && at == 0,
            FrameKind::Append | FrameKind::Stop => {
                let same = link.epoch == last.link.epoch && link.boot == last.link.boot;
                same && last.kind != FrameKind::Stop
            }
        };
        chained && owned
    }

    /// Whether the frame that comes next may be unfinished: nobody was told of it, and nothing
    /// stands behind a stop in its file.
    fn may_be_torn(&self, at: usize) -> bool {
        let untold = self.acked.is_none_or(|acked| self.found.next_seq() > acked.seq);
        let behind_stop = at > 0 && self.found.ends_in_stop();
        untold && !behind_stop && !self.broken
    }

    /// Whether a valid frame of a later number than `next` stands anywhere behind byte `at`.
    fn frame_follows(
        &self,
        next: u64,
        (file, bytes): (&WalFile, &[u8]),
        later: &[WalFile],
        at: usize,
    ) -> Result<bool, Error> {
        if self.beside == Beside::Running {
            // Frames appear while files are read: one that follows says nothing.
            return Ok(false);
        }
        if self.later_frame(next, bytes, at + 1).is_some() {
            return Ok(true);
        }
        for other in later {
            assert!(other.first_seq > file.first_seq, "files come in order");
            let bytes = disk::read(self.disk, &other.path, WAL_FILE_BYTES_MAX)?;
            if self.later_frame(next, &bytes, 0).is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Where the next valid frame of a later number than `next` begins. Only this owner's boot
    /// bytes count, or an owner frame at the head of a file: a payload cannot forge either.
    fn later_frame(&self, next: u64, bytes: &[u8], from: usize) -> Option<usize> {
        let boot = self.found.last.as_ref().map(|last| last.link.boot);
        let mut from = from;
        loop {
            let at = frame::find(bytes, &FRAME_MAGIC, from)?;
            // The fixed header is looked at first: a payload full of magics costs no more than that.
            let rest = bytes.get(at..).unwrap_or_default();
            let counts = FrameHead::decode(rest).is_ok_and(|head| {
                let ours = boot.is_none_or(|boot| boot == head.link.boot);
                let owner = head.kind == FrameKind::Owner && at == 0;
                head.link.seq > next && (ours || owner)
            });
            let whole = |frame: &Frame<'_>| !frame.flaws.contains(&Flaw::FirstCopy);
            if counts && frame::parse(rest).is_ok_and(|frame| whole(&frame)) {
                return Some(at);
            }
            from = at + 1;
        }
    }

    fn tail(&mut self, file: &WalFile, at: usize, bytes: &[u8]) {
        let end = bytes.iter().rposition(|byte| *byte != 0).map_or(at, |last| last + 1);
        assert!(end > at, "a torn tail has a byte that is not zero");
        let (from, to) = (length_u64(at), length_u64(end));
        self.found.tails.push(Tail { file: Arc::clone(&file.path), from, to });
    }

    /// Takes a frame over; answers where the next one begins.
    fn accept(
        &mut self,
        file: &WalFile,
        at: usize,
        (frame, file_bytes): (&Frame<'_>, u64),
        visit: Visit<'_>,
    ) -> Result<usize, Error> {
        self.broken = false;
        let offset = length_u64(at);
        for flaw in &frame.flaws {
            let what = match flaw {
                Flaw::FirstCopy => "the first copy of a frame's headers",
                Flaw::SecondCopy => "the second copy of a frame's headers",
                // What a damaged area means depends on what else is there: the visitor says.
                Flaw::Area { .. } => continue,
            };
            let damage = Damage::new(&file.path, offset, what);
            self.found.damages.push(match frame.records() {
                Some(records) => Damage { records: Some(records), ..damage },
                None => damage,
            });
        }
        let told = self.acked.filter(|acked| acked.seq == frame.head.link.seq);
        if told.is_some_and(|acked| acked.hash != frame.hash) {
            self.found.damages.push(Damage::new(ACKED, 0, "names another frame than the log has"));
        }
        let wrong = visit(At { file: &file.path, offset }, frame)?;
        self.found.damages.extend(wrong);
        // A gap at the end of a file is named by the first frame of the next one.
        let open = self.found.gaps.last_mut();
        if let Some(gap) = open.filter(|gap| gap.next.is_none() && gap.next_file.is_none()) {
            gap.next_file = Some(frame.head.link);
        }
        self.found.last = Some(LastFrame {
            file: Arc::clone(&file.path),
            offset,
            bytes: length_u64(frame.bytes),
            file_bytes,
            kind: frame.head.kind,
            link: frame.head.link,
            hash: frame.hash,
        });
        assert!(offset + length_u64(frame.bytes) <= file_bytes, "a frame lies inside its file");
        Ok(at + frame.bytes)
    }

    /// Notes that the frame at `at` cannot be read; answers where the next one begins.
    fn resume(&mut self, file: &WalFile, bytes: &[u8], at: usize) -> Option<usize> {
        let what = if self.found.ends_in_stop() && at > 0 {
            "bytes behind a clean stop"
        } else {
            "a frame that is not the one that follows"
        };
        self.damage(file, at, what);
        let next = self.found.next_seq();
        let resumed = self.later_frame(next.saturating_sub(1), bytes, at + 1);
        let end = bytes.iter().rposition(|byte| *byte != 0).map_or(at, |last| last + 1);
        let link = |at: usize| frame::parse(bytes.get(at..)?).ok().map(|frame| frame.head.link);
        self.found.gaps.push(Gap {
            file: Arc::clone(&file.path),
            from: length_u64(at),
            to: length_u64(resumed.unwrap_or(end)),
            before: self.found.last.clone().filter(|_| !self.broken),
            next: resumed.and_then(link),
            next_file: None,
        });
        self.broken = true;
        resumed
    }

    fn damage(&mut self, file: &WalFile, at: usize, what: impl Into<String>) {
        self.found.damages.push(Damage::new(&file.path, length_u64(at), what));
    }

    /// What the slot says against what was walked.
    fn judge_slot(&mut self, slot: Slot) {
        let next = self.found.next_seq();
        match slot {
            Slot::Names(acked) if acked.seq >= next => {
                let what =
                    format!("frame {} was acknowledged; the log ends before {next}", acked.seq);
                self.found.damages.push(Damage::new(ACKED, 0, what));
            }
            Slot::Missing | Slot::Unreadable if self.found.ends_in_stop() => {
                self.found.damages.push(Damage::new(ACKED, 0, "unreadable after a clean stop"));
            }
            _ => {}
        }
    }
}
