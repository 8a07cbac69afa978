//! From a file or a pipe to batches: a thread reads ahead, and a batch is what has been read when it is asked for.
//!
//! So a file travels in full batches, and an event that comes alone through a pipe is sent at once. Promises: at most one
//! batch waits while another is sent, whatever the length of a line. Refuses to keep what could never be accepted: a line
//! past the limit of an event is named and skipped.

use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use event::limits;

use super::made;

/// Events of one request.
const BATCH_EVENTS: usize = 500;
/// Bytes of one request, after which no further event is added.
const BATCH_BYTES: usize = 4 * 1024 * 1024;
/// Bytes of a line: an event, an id drawn for it, and spare whitespace around.
const LINE_BYTES_MAX: usize = limits::EVENT_BYTES_MAX + 4096;

/// One event with the line that it stood on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// From 1.
    pub(super) number: u64,
    /// The event as it is sent.
    pub(super) event: Vec<u8>,
}

/// What is sent in one request, and what cannot be sent at all.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ReadBatch {
    pub(super) lines: Vec<Line>,
    /// The numbers of lines that no server would take.
    pub(super) too_long: Vec<u64>,
}

/// Lines on their way from the thread that reads them.
#[derive(Debug)]
pub(super) struct Lines {
    waiting: Arc<Waiting>,
}

/// Where the reading thread and the sending one meet.
#[derive(Debug, Default)]
struct Waiting {
    state: Mutex<State>,
    changed: Condvar,
}

/// What has been read and not been sent.
#[derive(Debug, Default)]
struct State {
    batch: ReadBatch,
    bytes: usize,
    /// How the reading ended, once it has.
    end: Option<Result<(), String>>,
}

impl State {
    fn is_full(&self) -> bool {
        let count = self.batch.lines.len() + self.batch.too_long.len();
        count >= BATCH_EVENTS || self.bytes >= BATCH_BYTES
    }

    fn is_empty(&self) -> bool {
        self.batch.lines.is_empty() && self.batch.too_long.is_empty()
    }
}

/// What stood on one line.
#[derive(Debug)]
enum Found {
    Event(Line),
    TooLong(u64),
}

impl Lines {
    /// Starts to read `source`.
    pub(super) fn start(source: impl Read + Send + 'static) -> Lines {
        let waiting = Arc::new(Waiting::default());
        let shared = Arc::clone(&waiting);
        std::thread::spawn(move || {
            let mut source = BufReader::new(source);
            let mut number = 0;
            let end = loop {
                match read_line(&mut source, &mut number) {
                    Ok(Some(found)) => shared.add(found),
                    Ok(None) => break Ok(()),
                    Err(error) => break Err(error),
                }
            };
            shared.lock().end = Some(end);
            shared.changed.notify_all();
        });
        Lines { waiting }
    }

    /// The lines that are there, at least one; `None` at the end. A failure to read comes after what was read before it.
    pub(super) fn next_batch(&mut self) -> Option<Result<ReadBatch, String>> {
        let mut state = self.waiting.lock();
        while state.is_empty() {
            match state.end.take() {
                None => state = self.waiting.wait(state),
                Some(Ok(())) => {
                    state.end = Some(Ok(()));
                    return None;
                }
                Some(Err(error)) => {
                    state.end = Some(Ok(()));
                    return Some(Err(error));
                }
            }
        }
        state.bytes = 0;
        let batch = std::mem::take(&mut state.batch);
        self.waiting.changed.notify_all();
        Some(Ok(batch))
    }
}

impl Waiting {
    /// Adds what was found, once there is room.
    fn add(&self, found: Found) {
        let mut state = self.lock();
        while state.is_full() {
            state = self.wait(state);
        }
        match found {
            Found::Event(line) => {
                state.bytes += line.event.len();
                state.batch.lines.push(line);
            }
            Found::TooLong(number) => state.batch.too_long.push(number),
        }
        self.changed.notify_all();
    }

    /// The state, whatever became of the other thread.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }
}

/// The next line that is not blank, with an id; `None` at the end.
fn read_line(source: &mut impl BufRead, number: &mut u64) -> Result<Option<Found>, String> {
    loop {
        let mut line = Vec::new();
        let limit = u64::try_from(LINE_BYTES_MAX + 1).unwrap_or(u64::MAX);
        let count = source.by_ref().take(limit).read_until(b'\n', &mut line);
        if count.map_err(|error| error.to_string())? == 0 {
            return Ok(None);
        }
        *number += 1;
        if line.len() > LINE_BYTES_MAX && line.last() != Some(&b'\n') {
            skip_line(source).map_err(|error| error.to_string())?;
            return Ok(Some(Found::TooLong(*number)));
        }
        let event = line.trim_ascii();
        if !event.is_empty() {
            let event = made::with_id(event).map_err(|failure| failure.what)?.into_owned();
            return Ok(Some(Found::Event(Line { number: *number, event })));
        }
    }
}

/// Reads on to the end of the line, keeping nothing.
fn skip_line(source: &mut impl BufRead) -> std::io::Result<()> {
    loop {
        let read = source.fill_buf()?;
        if read.is_empty() {
            return Ok(());
        }
        let end = read.iter().position(|byte| *byte == b'\n');
        let count = end.map_or(read.len(), |end| end + 1);
        source.consume(count);
        if end.is_some() {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests;
