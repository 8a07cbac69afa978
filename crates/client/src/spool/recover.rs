//! Opening a spool that a process left behind: what is good goes on, what is not is set aside and named.
//!
//! 1. What a repair left unfinished is removed, and segments that are delivered.
//! 2. Every other segment is read whole, oldest first. Its frames must have good CRCs and follow one another, the first
//!    of a file following the last of the file before.
//! 3. A bad end of the last file is a torn write if the file stops inside a frame or goes on in zeros: it is cut.
//! 4. Anything else is damage. The file as found goes to `damaged/`, the good frames are written anew, and the numbers
//!    that are missing become a frame that says so, which the sender declares. A spool whose end was damaged is sealed:
//!    which numbers were used behind it cannot be known, so none is used again.
//!
//! Promises: nothing that was acknowledged disappears without a [`Damage`] that names file and offset; done twice, the
//! second time finds nothing to do. Refuses to guess what a damaged frame held.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use event::ids::{Instance, Seq};

use super::format::{self, Broken, Frame, HEADER_BYTES};
use super::mark::{Delivered, Found, Mark};
use crate::trouble::{Damage, Trouble};

/// Bytes of the largest segment that is read: twice what one is written to, and one event.
pub(crate) const SEGMENT_READ_MAX: u64 = 2 * 8 * 1024 * 1024 + 512 * 1024;
/// Segments of one spool.
const SEGMENTS_MAX: usize = 65_536;
/// Copies that are kept of a damaged file's name.
const COPIES_MAX: u32 = 1000;

/// One file of a spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Segment {
    /// The number of its first frame.
    pub(crate) first: u64,
    /// Its length.
    pub(crate) bytes: u64,
}

/// A spool as found, made good.
#[derive(Debug)]
pub(crate) struct Recovered {
    /// Its files, oldest first; at least one.
    pub(crate) segments: Vec<Segment>,
    /// The next number.
    pub(crate) next: u64,
    /// Whether nothing may be written behind it.
    pub(crate) end: End,
    /// How far it is delivered.
    pub(crate) delivered: Delivered,
    /// What had to be done.
    pub(crate) troubles: Vec<Trouble>,
}

/// Whether a spool goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Open,
    Sealed,
}

/// What a folder holds.
#[derive(Debug)]
pub(crate) enum Opening {
    /// A spool.
    Ready(Box<Recovered>),
    /// Nothing that was ever written to.
    Unused,
    /// Neither segments nor a mark can be read: no number is known.
    Lost(Damage),
}

/// The name of the segment that begins with number `first`.
pub(crate) fn file_name(first: u64) -> String {
    format!("{first:020}.spool")
}

/// Makes the names in `folder` durable.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Opens what lies in `folder`, whose lock is held.
pub(crate) fn recover(folder: &Path, instance: Instance) -> io::Result<Opening> {
    let mut files = segments_in(folder)?;
    let mark = Mark::find(folder)?;
    // A spool's first segment is durable before its mark is made, so this one was never used.
    if mark == Found::Nothing && !files.iter().any(|file| file.bytes >= HEADER) {
        return Ok(Opening::Unused);
    }
    let mut recovery = Recovery::new(folder, instance);
    // A roll makes the next file while the one before is there, so a file that stands alone has its header.
    recovery.may_be_unfinished = files.len() > 1;
    recovery.remove_foreign(&mut files)?;
    let Some(delivered) = delivered(mark, &files) else {
        let what = "neither its segments nor its mark can be read";
        let damage = Damage { file: folder.to_owned(), offset: 0, what, lost: None };
        return Ok(Opening::Lost(damage));
    };
    if mark == Found::Unreadable {
        let what = "no slot of it is good; what is not known to be delivered is sent again";
        recovery.damaged(&folder.join("delivered"), 0, what, None);
    }
    recovery.remove_delivered(&mut files, delivered.seq)?;
    recovery.walk(&files, delivered)?;
    recovery.finish(delivered).map(|recovered| Opening::Ready(Box::new(recovered)))
}

/// A segment's header, as a length.
const HEADER: u64 = HEADER_BYTES as u64;

/// The segments by name, ascending; leftovers of a repair are removed.
fn segments_in(folder: &Path) -> io::Result<Vec<Segment>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        if name.ends_with(".new") {
            fs::remove_file(entry.path())?;
        }
        let digits = name.strip_suffix(".spool").filter(|digits| digits.len() == 20);
        let first = digits.and_then(|digits| digits.parse().ok());
        if let Some(first) = first.filter(|first| (1..=format::SEQ_MAX).contains(first)) {
            files.push(Segment { first, bytes: entry.metadata()?.len() });
        }
        if files.len() > SEGMENTS_MAX {
            return Err(io::Error::other("the folder has more files than a spool can have"));
        }
    }
    files.sort_by_key(|file| file.first);
    Ok(files)
}

/// How far the spool is delivered; without a mark everything that is still there is sent again.
fn delivered(mark: Found, files: &[Segment]) -> Option<Delivered> {
    match mark {
        Found::Mark(delivered) => Some(delivered),
        Found::Nothing | Found::Unreadable => {
            files.first().map(|file| Delivered { seq: file.first - 1, index: None })
        }
    }
}

/// The work in progress.
struct Recovery<'a> {
    folder: &'a Path,
    instance: Instance,
    segments: Vec<Segment>,
    /// The number that is due; 0 before the first segment.
    due: u64,
    end: End,
    /// Whether the newest segment can be one that a process had not finished making.
    may_be_unfinished: bool,
    troubles: Vec<Trouble>,
}

/// What came of reading one segment.
struct Scan {
    /// Its good bytes: as they are, or written anew.
    good: Vec<u8>,
    is_rewritten: Rewritten,
    /// Where an unfinished write begins.
    torn_at: Option<usize>,
}

/// Whether a segment had to be written anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rewritten {
    No,
    Yes,
}

/// Whether a segment is the newest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Inner,
    Last,
}

impl<'a> Recovery<'a> {
    fn new(folder: &'a Path, instance: Instance) -> Recovery<'a> {
        let (segments, troubles) = (Vec::new(), Vec::new());
        let (due, end, may_be_unfinished) = (0, End::Open, false);
        Recovery { folder, instance, segments, due, end, may_be_unfinished, troubles }
    }

    fn path(&self, first: u64) -> PathBuf {
        self.folder.join(file_name(first))
    }

    fn damaged(
        &mut self,
        file: &Path,
        offset: usize,
        what: &'static str,
        lost: Option<(u64, u64)>,
    ) {
        let offset = u64::try_from(offset).unwrap_or(u64::MAX);
        let lost = lost.map(|(from, to)| (Seq(from), Seq(to)));
        self.troubles.push(Trouble::Damaged(Damage { file: file.to_owned(), offset, what, lost }));
    }

    /// Sets files aside that are another spool's, or too long to be a segment.
    fn remove_foreign(&mut self, files: &mut Vec<Segment>) -> io::Result<()> {
        let mut kept = Vec::with_capacity(files.len());
        for file in files.iter() {
            let path = self.path(file.first);
            let mut head = [0; HEADER_BYTES];
            let count = File::open(&path)?.take(HEADER).read(&mut head)?;
            let said = head.get(..count).and_then(format::read_header);
            if file.bytes > SEGMENT_READ_MAX {
                self.damaged(&path, 0, "it is longer than a segment can be", None);
            } else if said.is_some_and(|said| said != (self.instance, Seq(file.first))) {
                self.damaged(&path, 0, "its header is that of another file", None);
            } else {
                kept.push(*file);
                continue;
            }
            self.set_aside(&path)?;
            fs::remove_file(&path)?;
        }
        *files = kept;
        Ok(())
    }

    /// Removes segments all of whose numbers are settled; the newest stays.
    fn remove_delivered(&mut self, files: &mut Vec<Segment>, delivered: u64) -> io::Result<()> {
        while files.get(1).is_some_and(|next| next.first <= delivered.saturating_add(1)) {
            fs::remove_file(self.path(files.remove(0).first))?;
        }
        Ok(())
    }

    /// Reads the segments in order.
    fn walk(&mut self, files: &[Segment], delivered: Delivered) -> io::Result<()> {
        for (position, file) in files.iter().enumerate() {
            let path = self.path(file.first);
            if self.due != 0 && file.first < self.due || self.end == End::Sealed {
                self.damaged(&path, 0, "its numbers have passed already", None);
                self.set_aside(&path)?;
                fs::remove_file(&path)?;
                continue;
            }
            let due = if self.due == 0 { delivered.seq.saturating_add(1) } else { self.due };
            if file.first > due && self.says_nothing(&path)? {
                self.damaged(&path, 0, "its name is out of order, and it holds no frame", None);
                self.set_aside(&path)?;
                fs::remove_file(&path)?;
                continue;
            }
            if file.first > due {
                let what = "the segment before it is not there";
                self.damaged(&path, 0, what, Some((due, file.first - 1)));
                self.append_lost(due, file.first - 1)?;
            }
            let place = if position + 1 == files.len() { Place::Last } else { Place::Inner };
            self.segment(file.first, place)?;
        }
        Ok(())
    }

    /// Whether neither a header nor a frame can be read in the file.
    fn says_nothing(&self, path: &Path) -> io::Result<bool> {
        let bytes = fs::read(path)?;
        Ok(format::read_header(&bytes).is_none() && format::next_frame(&bytes, 1).is_none())
    }

    /// Reads one segment and makes it good.
    fn segment(&mut self, first: u64, place: Place) -> io::Result<()> {
        let path = self.path(first);
        let bytes = fs::read(&path)?;
        self.due = first;
        let is_unfinished = is_unfinished_header(&bytes, self.instance, first);
        if place == Place::Last && self.may_be_unfinished && is_unfinished {
            return self.begin_again(first, &bytes);
        }
        let scan = self.scan(&path, &bytes, place);
        if scan.is_rewritten == Rewritten::Yes {
            self.set_aside(&path)?;
            self.replace(&path, &scan.good)?;
        } else if let Some(at) = scan.torn_at {
            let offset = u64::try_from(at).unwrap_or(u64::MAX);
            let cut = u64::try_from(bytes.len() - at).unwrap_or(u64::MAX);
            let file = OpenOptions::new().write(true).open(&path)?;
            file.set_len(offset)?;
            file.sync_all()?;
            self.troubles.push(Trouble::TailCut { file: path, offset, bytes: cut });
        }
        let bytes = u64::try_from(scan.good.len()).unwrap_or(u64::MAX);
        self.segments.push(Segment { first, bytes });
        Ok(())
    }

    /// Goes through the frames of one segment.
    fn scan(&mut self, path: &Path, bytes: &[u8], place: Place) -> Scan {
        let mut good = format::header(self.instance, Seq(self.due));
        let mut is_rewritten = Rewritten::No;
        if !bytes.starts_with(&good) {
            is_rewritten = Rewritten::Yes;
            self.damaged(path, 0, "its header is damaged", None);
            if bytes.len() <= HEADER_BYTES && place == Place::Last {
                self.bad_end(path, 0, place, &mut good);
            }
        }
        let mut offset = HEADER_BYTES.min(bytes.len());
        while let Some(rest) = bytes.get(offset..).filter(|rest| !rest.is_empty()) {
            if self.end == End::Sealed {
                is_rewritten = Rewritten::Yes;
                self.damaged(path, offset, "it goes on behind its end", None);
                break;
            }
            let broken = match format::frame(rest, self.due) {
                Ok((frame, length)) => {
                    good.extend_from_slice(rest.get(..length).unwrap_or_default());
                    self.pass(frame);
                    offset += length;
                    continue;
                }
                Err(broken) => broken,
            };
            let found = format::next_frame(rest.get(1..).unwrap_or_default(), self.due);
            let is_torn = broken == Broken::Torn
                || rest.iter().all(|byte| *byte == 0)
                || cfg!(planted = "spool_no_seal");
            match found {
                None if place == Place::Last && is_torn && is_rewritten == Rewritten::No => {
                    return Scan { good, is_rewritten, torn_at: Some(offset) };
                }
                None => {
                    is_rewritten = Rewritten::Yes;
                    self.bad_end(path, offset, place, &mut good);
                    break;
                }
                Some((behind, seq)) => {
                    is_rewritten = Rewritten::Yes;
                    self.hole(path, offset, seq, &mut good);
                    offset += 1 + behind;
                }
            }
        }
        Scan { good, is_rewritten, torn_at: None }
    }

    fn pass(&mut self, frame: Frame<'_>) {
        self.due += frame.numbers(self.due);
        if frame == Frame::Sealed {
            self.end = End::Sealed;
        }
    }

    /// Bytes that are no frame, and then number `seq`.
    fn hole(&mut self, path: &Path, offset: usize, seq: u64, good: &mut Vec<u8>) {
        if seq == self.due {
            self.damaged(path, offset, "bytes stand there that are no frame", None);
            return;
        }
        let lost = (self.due, seq - 1);
        self.damaged(path, offset, "the frame is damaged", Some(lost));
        format::write_frame(good, Seq(lost.0), Frame::Lost(Seq(lost.1)));
        self.due = seq;
    }

    /// Bytes that are no frame, and no frame behind them.
    fn bad_end(&mut self, path: &Path, offset: usize, place: Place, good: &mut Vec<u8>) {
        if place == Place::Inner {
            // The next segment says how many numbers are missing.
            self.damaged(path, offset, "the frame is damaged, and none follows in this file", None);
            return;
        }
        let what = "the end is damaged: at least one event is lost, and the spool is sealed";
        self.damaged(path, offset, what, Some((self.due, self.due)));
        format::write_frame(good, Seq(self.due), Frame::Lost(Seq(self.due)));
        self.due += 1;
        format::write_frame(good, Seq(self.due), Frame::Sealed);
        self.end = End::Sealed;
    }

    /// The newest segment was being made when the process ended: nothing was written behind its header.
    fn begin_again(&mut self, first: u64, bytes: &[u8]) -> io::Result<()> {
        let path = self.path(first);
        self.replace(&path, &format::header(self.instance, Seq(first)))?;
        self.segments.push(Segment { first, bytes: HEADER });
        let bytes = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.troubles.push(Trouble::TailCut { file: path, offset: 0, bytes });
        Ok(())
    }

    /// Writes down that numbers are lost, behind the last segment or as the first of all.
    fn append_lost(&mut self, from: u64, to: u64) -> io::Result<()> {
        let mut frames = Vec::new();
        format::write_frame(&mut frames, Seq(from), Frame::Lost(Seq(to)));
        self.append(from, &frames)?;
        self.due = to + 1;
        Ok(())
    }

    /// Appends frames, the first of which is number `from`, to the last segment, or makes one of them.
    fn append(&mut self, from: u64, frames: &[u8]) -> io::Result<()> {
        let length = u64::try_from(frames.len()).unwrap_or(u64::MAX);
        if let Some(last) = self.segments.last_mut() {
            let path = self.folder.join(file_name(last.first));
            let mut file = OpenOptions::new().append(true).open(path)?;
            file.write_all(frames)?;
            file.sync_all()?;
            last.bytes = last.bytes.saturating_add(length);
            return Ok(());
        }
        let mut bytes = format::header(self.instance, Seq(from));
        bytes.extend_from_slice(frames);
        self.replace(&self.path(from), &bytes)?;
        self.segments.push(Segment { first: from, bytes: HEADER.saturating_add(length) });
        Ok(())
    }

    /// Keeps the file as it was found, under `damaged/`.
    fn set_aside(&self, path: &Path) -> io::Result<()> {
        let aside = self.folder.join("damaged");
        fs::create_dir_all(&aside)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        for copy in 0..COPIES_MAX {
            match fs::hard_link(path, aside.join(format!("{name}.{copy}"))) {
                Ok(()) => return sync_folder(&aside),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::other("too many damaged files of one name are kept already"))
    }

    /// Puts `bytes` in the place of the file at `path`, durably and at once.
    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let unfinished = path.with_extension("new");
        let mut file = File::create(&unfinished)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&unfinished, path)?;
        sync_folder(self.folder)
    }

    /// Everything is read: what the mark says must be within it.
    fn finish(mut self, delivered: Delivered) -> io::Result<Recovered> {
        let after = delivered.seq.saturating_add(1);
        if self.due < after || self.segments.is_empty() {
            let from = if self.segments.is_empty() { after } else { self.due };
            let what = "the spool ends before what was delivered: what came behind is lost, and the spool is sealed";
            self.damaged(self.folder, 0, what, Some((after, after)));
            let mut frames = Vec::new();
            format::write_frame(&mut frames, Seq(from), Frame::Lost(Seq(after)));
            if self.end == End::Open {
                format::write_frame(&mut frames, Seq(after + 1), Frame::Sealed);
            }
            self.append(from, &frames)?;
            (self.due, self.end) = (after + 1, End::Sealed);
        }
        // What a killed process had written is in memory only until it is synced.
        if let Some(last) = self.segments.last() {
            File::open(self.path(last.first))?.sync_all()?;
        }
        sync_folder(self.folder)?;
        let Recovery { segments, due, end, troubles, .. } = self;
        Ok(Recovered { segments, next: due, end, delivered, troubles })
    }
}

/// Whether the file is a header that was not written to its end.
fn is_unfinished_header(bytes: &[u8], instance: Instance, first: u64) -> bool {
    let header = format::header(instance, Seq(first));
    let is_beginning = bytes.len() < HEADER_BYTES && header.starts_with(bytes);
    is_beginning || bytes.iter().all(|byte| *byte == 0)
}

#[cfg(test)]
mod tests;
