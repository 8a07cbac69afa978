//! From a file or a pipe to batches: a thread reads ahead, and a batch is what has been read when it is asked for.
//!
//! So a file travels in full batches, and an event that comes alone through a pipe is sent at once. Promises: memory is
//! bounded by one batch and the queue, whatever the length of a line. Refuses to keep what could never be accepted: a
//! line past the limit of an event is named and skipped.

use std::io::{BufRead, BufReader, Read};
use std::sync::mpsc::{Receiver, sync_channel};

use event::limits;

use super::made;

/// Events of one request.
const BATCH_EVENTS: usize = 500;
/// Bytes of one request, after which no further event is added.
const BATCH_BYTES: usize = 4 * 1024 * 1024;
/// Lines that wait to be sent.
const QUEUE_LINES: usize = 64;
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

/// Lines on their way.
#[derive(Debug)]
pub(super) struct Lines {
    queue: Receiver<Result<Found, String>>,
    failed: Option<String>,
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
        let (sender, queue) = sync_channel(QUEUE_LINES);
        std::thread::spawn(move || {
            let mut source = BufReader::new(source);
            let mut number = 0;
            loop {
                let read = match read_line(&mut source, &mut number) {
                    Ok(Some(read)) => Ok(read),
                    Ok(None) => return,
                    Err(error) => Err(error),
                };
                let is_last = read.is_err();
                // A receiver that is gone has no use for more.
                if sender.send(read).is_err() || is_last {
                    return;
                }
            }
        });
        Lines { queue, failed: None }
    }

    /// The lines that are there, at least one; `None` at the end.
    pub(super) fn next_batch(&mut self) -> Option<Result<ReadBatch, String>> {
        if let Some(error) = self.failed.take() {
            return Some(Err(error));
        }
        let mut next = self.queue.recv().ok()?;
        let (mut batch, mut bytes) = (ReadBatch::default(), 0);
        loop {
            match next {
                Ok(Found::Event(line)) => {
                    bytes += line.event.len();
                    batch.lines.push(line);
                }
                Ok(Found::TooLong(number)) => batch.too_long.push(number),
                Err(error) => {
                    // What was read before the failure is sent first; the failure is met at the next call.
                    self.failed = Some(error);
                    return Some(Ok(batch));
                }
            }
            if batch.lines.len() >= BATCH_EVENTS || bytes >= BATCH_BYTES {
                return Some(Ok(batch));
            }
            let Ok(waiting) = self.queue.try_recv() else { return Some(Ok(batch)) };
            next = waiting;
        }
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
