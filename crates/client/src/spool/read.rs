//! Frames in order, from the files, for the sender.
//!
//! Promises: what it gives begins with the number that was asked for and ends with one that was synced; every CRC is
//! checked once more. A batch that was not settled can be read again. Refuses to give a part of a frame, and to go past a
//! place that is damaged.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use event::ids::Seq;
use event::limits::EVENT_BYTES_MAX;

use super::format::{self, FRAME_HEADER_BYTES, Frame, HEADER_BYTES};
use super::recover::file_name;

/// Bytes that are read from a file at once: the largest frame is among them.
const READ_BYTES: usize = FRAME_HEADER_BYTES + EVENT_BYTES_MAX;

/// How much a batch may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Most {
    pub(crate) events: usize,
    pub(crate) bytes: usize,
}

/// The numbers that are wanted: the first, the last that was synced, and the first of the file that has the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) from: u64,
    pub(crate) through: u64,
    pub(crate) segment: u64,
}

/// What is due.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// So many events as NDJSON, from the number that was asked for.
    Events {
        /// How many.
        count: usize,
        /// One a line.
        ndjson: Vec<u8>,
    },
    /// The numbers from the one that was asked for to this one are lost.
    Lost(Seq),
}

/// A place between two frames.
#[derive(Debug, Clone)]
struct Place {
    file: Arc<File>,
    offset: u64,
    /// The number of the frame that begins there.
    seq: u64,
}

/// Reads one spool.
#[derive(Debug)]
pub(crate) struct Reader {
    folder: PathBuf,
    /// Behind the last batch, and where that began: what is sent again is not looked for again.
    places: [Option<Place>; 2],
    buffer: Vec<u8>,
}

impl Reader {
    /// A reader of the spool in `folder`.
    pub(crate) fn new(folder: &Path) -> Reader {
        Reader { folder: folder.to_owned(), places: [None, None], buffer: Vec::new() }
    }

    /// What begins with number `wanted.from`.
    pub(crate) fn due(&mut self, wanted: Wanted, most: Most) -> io::Result<Due> {
        assert!(wanted.from >= 1 && wanted.from <= wanted.through, "there is something to read");
        let begin = self.seek(wanted)?;
        let mut walk = Walk::new(&self.folder, begin.clone(), &mut self.buffer);
        let (mut ndjson, mut count) = (Vec::new(), 0);
        let mut lost = None;
        while walk.place.seq <= wanted.through && count < most.events {
            match walk.frame()? {
                Frame::Event(event) => {
                    if count > 0 && ndjson.len() + event.len() + 1 > most.bytes {
                        break;
                    }
                    ndjson.extend_from_slice(event);
                    ndjson.push(b'\n');
                    count += 1;
                }
                Frame::Lost(to) => {
                    lost = (count == 0).then_some(to);
                    break;
                }
                Frame::Sealed => break,
            }
            walk.step();
        }
        self.places = [Some(walk.place), Some(begin)];
        match lost {
            Some(to) => Ok(Due::Lost(to)),
            None if count == 0 => Err(damaged("its frames end before the last number")),
            None => Ok(Due::Events { count, ndjson }),
        }
    }

    /// The place of the frame that has number `wanted.from`.
    fn seek(&mut self, wanted: Wanted) -> io::Result<Place> {
        let known = self.places.iter().flatten().find(|place| place.seq <= wanted.from).cloned();
        let place = match known {
            Some(place) => place,
            None => Place::at_head(&self.folder, wanted.segment)?,
        };
        let mut walk = Walk::new(&self.folder, place, &mut self.buffer);
        while walk.place.seq < wanted.from {
            let before = walk.place.seq;
            let numbers = walk.frame()?.numbers(before);
            if numbers == 0 || before.saturating_add(numbers) > wanted.from {
                break;
            }
            walk.step();
        }
        Ok(walk.place)
    }
}

impl Place {
    /// The first frame of the segment that begins with number `first`.
    fn at_head(folder: &Path, first: u64) -> io::Result<Place> {
        let file = File::open(folder.join(file_name(first)))?;
        let offset = u64::try_from(HEADER_BYTES).unwrap_or_default();
        Ok(Place { file: Arc::new(file), offset, seq: first })
    }
}

/// A walk from frame to frame.
struct Walk<'a> {
    folder: &'a Path,
    place: Place,
    /// Bytes of the file, of which `used` lie before the place.
    buffer: &'a mut Vec<u8>,
    used: usize,
    /// Bytes and numbers of the frame that was read last.
    ahead: (usize, u64),
}

impl<'a> Walk<'a> {
    fn new(folder: &'a Path, place: Place, buffer: &'a mut Vec<u8>) -> Walk<'a> {
        buffer.clear();
        Walk { folder, place, buffer, used: 0, ahead: (0, 0) }
    }

    /// The frame at the place.
    fn frame(&mut self) -> io::Result<Frame<'_>> {
        if self.length().is_none() {
            self.fill()?;
            if self.buffer.is_empty() {
                // The segment is at its end: the next one is named after the number that is due.
                self.place = Place::at_head(self.folder, self.place.seq)?;
                self.fill()?;
            }
        }
        let bytes = self.buffer.get(self.used..).unwrap_or_default();
        match format::frame(bytes, self.place.seq) {
            Ok((frame, length)) => {
                self.ahead = (length, frame.numbers(self.place.seq));
                Ok(frame)
            }
            Err(_) => {
                let Place { seq, offset, .. } = self.place;
                Err(damaged(&format!("no good frame {seq} at byte {offset} of its segment")))
            }
        }
    }

    /// Goes behind the frame that was read.
    fn step(&mut self) {
        let (length, numbers) = std::mem::take(&mut self.ahead);
        self.place.seq = self.place.seq.saturating_add(numbers);
        self.place.offset += u64::try_from(length).unwrap_or_default();
        self.used += length;
    }

    /// The length of the frame behind `used`, if all of it is in the buffer.
    fn length(&self) -> Option<usize> {
        let bytes = self.buffer.get(self.used..)?;
        let header = format::read_frame_header(bytes.first_chunk()?)?;
        let length = FRAME_HEADER_BYTES + header.length;
        (bytes.len() >= length).then_some(length)
    }

    /// Reads on from the place.
    fn fill(&mut self) -> io::Result<()> {
        self.used = 0;
        self.buffer.resize(READ_BYTES, 0);
        let mut filled = 0;
        while let Some(room) = self.buffer.get_mut(filled..).filter(|room| !room.is_empty()) {
            let at = self.place.offset + u64::try_from(filled).unwrap_or_default();
            match self.place.file.read_at(room, at) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.buffer.truncate(filled);
        Ok(())
    }
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
