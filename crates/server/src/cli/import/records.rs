//! A file's bytes -> its records, one at a time, in bounded memory.
//!
//! Two layouts: `{"Records":[...]}`, as AWS writes CloudTrail files, and one record a line. A record is handed out as it
//! stands in the file, without the whitespace around it. It promises to hold no more than one record of
//! [`limits::EVENT_BYTES_MAX`] bytes and one buffer; of a longer record it keeps the beginning and says so. It refuses
//! to judge a record: it looks only for where one ends, so a broken record spoils its neighbours only if its brackets
//! or quotes do not match, which is damage of the file.

use event::limits;
use std::io::{self, BufRead};

/// How the records of a file are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// `{"Records":[...]}` if the file begins so, else one record a line.
    RecordsOrLines,
    /// One record a line.
    Lines,
}

/// One record of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    /// Its position among the file's records, from 1; blank lines take no number.
    pub(crate) number: u64,
    /// Its bytes; of one that is too long the first `EVENT_BYTES_MAX + 1`, which no server takes for an event.
    pub(crate) bytes: Vec<u8>,
}

/// What may stand in the file next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Unopened(Layout),
    Elements,
    Lines,
    Ended,
}

/// The records of `input`, in order.
#[derive(Debug)]
pub(crate) struct Records<R> {
    input: R,
    state: State,
    number: u64,
}

impl<R: BufRead> Records<R> {
    /// The records of `input`, which stands at the start of a file.
    pub(crate) fn new(input: R, layout: Layout) -> Self {
        Self { input, state: State::Unopened(layout), number: 0 }
    }

    /// The next record; `None` after the last, when all of the file has been read.
    ///
    /// # Errors
    /// What reading gives, and `InvalidData` where a `Records` array breaks off or goes on with something else.
    pub(crate) fn next(&mut self) -> io::Result<Option<Record>> {
        if let State::Unopened(layout) = self.state {
            self.state = self.open(layout)?;
        }
        let bytes = match self.state {
            State::Elements => self.element()?,
            State::Lines => self.line()?,
            State::Unopened(_) | State::Ended => None,
        };
        let Some(bytes) = bytes else {
            self.state = State::Ended;
            return Ok(None);
        };
        self.number += 1;
        Ok(Some(Record { number: self.number, bytes }))
    }

    /// The input, to be asked what it saw.
    pub(crate) fn into_input(self) -> R {
        self.input
    }

    fn open(&mut self, layout: Layout) -> io::Result<State> {
        if layout == Layout::Lines {
            return Ok(State::Lines);
        }
        // The opening is short and the buffer is not: it is looked at in the first buffer and nowhere else.
        let first = self.input.fill_buf()?;
        match records_opening(first) {
            Some(length) => {
                self.input.consume(length);
                Ok(State::Elements)
            }
            None => Ok(State::Lines),
        }
    }

    fn line(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            let mut kept = Kept::default();
            let mut found_end = false;
            while !found_end {
                let buffer = self.input.fill_buf()?;
                if buffer.is_empty() {
                    break;
                }
                let end = buffer.iter().position(|byte| *byte == b'\n');
                let length = end.map_or(buffer.len(), |position| position + 1);
                kept.add(buffer.get(..length).unwrap_or_default());
                self.input.consume(length);
                found_end = end.is_some();
            }
            let line = event::json::trim(&kept.bytes);
            if !line.is_empty() {
                return Ok(Some(line.to_vec()));
            }
            if !found_end {
                return Ok(None);
            }
        }
    }

    fn element(&mut self) -> io::Result<Option<Vec<u8>>> {
        let expects_comma = self.number > 0;
        let first = match (self.solid()?, expects_comma) {
            (Some(b']'), _) => return self.close(),
            (Some(b','), true) => {
                self.input.consume(1);
                self.solid()?
            }
            (Some(_), true) => return Err(damaged(self.number, "has no comma after it")),
            (first, false) => first,
            (None, true) => None,
        };
        match first {
            None => Err(damaged(self.number, "is the last before the file breaks off")),
            Some(b',' | b']' | b'}') => {
                Err(damaged(self.number, "is followed by a comma and no record"))
            }
            Some(_) => self.value().map(Some),
        }
    }

    /// The bytes of one JSON value, by its brackets and quotes.
    fn value(&mut self) -> io::Result<Vec<u8>> {
        let mut kept = Kept::default();
        let mut extent = Extent::default();
        loop {
            let buffer = self.input.fill_buf()?;
            if buffer.is_empty() {
                return Err(damaged(self.number + 1, "breaks off"));
            }
            let end = buffer.iter().position(|byte| extent.ends_before(*byte));
            let length = end.unwrap_or(buffer.len());
            kept.add(buffer.get(..length).unwrap_or_default());
            self.input.consume(length);
            if end.is_some() {
                return Ok(kept.bytes);
            }
        }
    }

    /// After the last element: the array is closed, the object too, and nothing but its other members may follow.
    fn close(&mut self) -> io::Result<Option<Vec<u8>>> {
        self.input.consume(1);
        let mut last = self.solid()?;
        if !matches!(last, Some(b'}' | b',')) {
            return Err(damaged(self.number, "is the last before the file breaks off"));
        }
        loop {
            let buffer = self.input.fill_buf()?;
            if buffer.is_empty() {
                break;
            }
            last = event::json::trim(buffer).last().copied().or(last);
            let length = buffer.len();
            self.input.consume(length);
        }
        if last == Some(b'}') {
            Ok(None)
        } else {
            Err(damaged(self.number, "is followed by other bytes"))
        }
    }

    /// The next byte that is not whitespace, left in place.
    fn solid(&mut self) -> io::Result<Option<u8>> {
        loop {
            let buffer = self.input.fill_buf()?;
            if buffer.is_empty() {
                return Ok(None);
            }
            let blank = buffer.iter().position(|byte| !is_blank(*byte));
            if let Some(position) = blank {
                let byte = buffer.get(position).copied();
                self.input.consume(position);
                return Ok(byte);
            }
            let length = buffer.len();
            self.input.consume(length);
        }
    }
}

/// How long `{"Records":[` is at the start of `bytes`, whitespace included; `None` if something else stands there.
fn records_opening(bytes: &[u8]) -> Option<usize> {
    let mut rest = bytes;
    for token in [&b"{"[..], b"\"Records\"", b":", b"["] {
        let solid = rest.iter().position(|byte| !is_blank(*byte))?;
        rest = rest.get(solid..)?.strip_prefix(token)?;
    }
    Some(bytes.len() - rest.len())
}

/// Bytes of a record, no more than can matter.
#[derive(Debug, Default)]
struct Kept {
    bytes: Vec<u8>,
}

impl Kept {
    fn add(&mut self, more: &[u8]) {
        let room = (limits::EVENT_BYTES_MAX + 1).saturating_sub(self.bytes.len());
        self.bytes.extend_from_slice(more.get(..room).unwrap_or(more));
    }
}

/// Where a JSON value ends, told byte by byte.
#[derive(Debug, Default)]
struct Extent {
    depth: u64,
    in_text: bool,
    escaped: bool,
    /// The value is complete: whatever comes next is not part of it.
    complete: bool,
    /// A number or a word has begun; it ends where a separator stands.
    in_word: bool,
}

impl Extent {
    /// Whether the value ended before `byte`; if not, `byte` is part of it.
    fn ends_before(&mut self, byte: u8) -> bool {
        if self.complete {
            return true;
        }
        if self.in_text {
            self.in_text = self.escaped || byte != b'"';
            self.escaped = !self.escaped && byte == b'\\';
            self.complete = !self.in_text && self.depth == 0;
            return false;
        }
        if self.in_word && (is_blank(byte) || matches!(byte, b',' | b']' | b'}')) {
            return true;
        }
        match byte {
            b'"' => self.in_text = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                self.complete = self.depth == 0;
            }
            _ => self.in_word = self.depth == 0,
        }
        false
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

fn damaged(number: u64, what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("record {number} {what}"))
}

#[cfg(test)]
mod tests;
