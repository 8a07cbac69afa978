//! Events as they come: the server-sent events of a tail.
//!
//! Promises: an event is given whole or not at all; [`Tail::last`] is where to go on after the stream has ended; so many
//! bytes are held and no more. Refuses to come back by itself: who reads decides whether to ask for another.

use std::io::{BufRead, BufReader, Read};

use crate::error::Error;
use crate::exchange::Opened;

/// Bytes of the longest line that is read, and of what one event says in several; an event has less than one MiB.
const LINE_BYTES_MAX: usize = 4 << 20;

/// A stream of events.
pub struct Tail {
    lines: BufReader<Opened>,
    last: Option<u64>,
    url: String,
}

/// What a stream says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// An event as JSON.
    Event {
        /// Its position in the ledger.
        index: u64,
        /// As it was sent.
        json: String,
    },
    /// What was asked for is not there any more.
    Gone {
        /// The words of the server, JSON.
        words: String,
    },
    /// The server ends the stream.
    Cut {
        /// The words of the server, JSON with a `reason`.
        words: String,
    },
}

impl std::fmt::Debug for Tail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tail").field("last", &self.last).finish_non_exhaustive()
    }
}

impl Tail {
    pub(crate) fn new(body: Opened, from_index: u64, url: String) -> Tail {
        Tail { lines: BufReader::new(body), last: from_index.checked_sub(1), url }
    }

    /// The last index that needs not be asked for again.
    #[must_use]
    pub fn last(&self) -> Option<u64> {
        self.last
    }

    /// What the stream says next; `None` once it has ended.
    ///
    /// # Errors
    /// `Unreachable` when the connection broke, `Garbled` when what came is no stream of events.
    pub fn next_said(&mut self) -> Result<Option<Said>, Error> {
        let (mut name, mut data, mut id) = (String::new(), String::new(), None);
        while let Some(line) = self.line()? {
            let (field, value) = line.split_once(':').unwrap_or((line.as_str(), ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "event" => value.clone_into(&mut name),
                "data" if data.len() + value.len() > LINE_BYTES_MAX => {
                    return Err(self.garbled("an event that is too large"));
                }
                "data" => data.push_str(value),
                "id" => id = value.parse::<u64>().ok(),
                "" if line.is_empty() => {
                    self.last = id.or(self.last);
                    let words = std::mem::take(&mut data);
                    match (name.as_str(), id) {
                        ("cut", _) => return Ok(Some(Said::Cut { words })),
                        ("gone", _) => return Ok(Some(Said::Gone { words })),
                        (_, Some(index)) if !words.is_empty() => {
                            return Ok(Some(Said::Event { index, json: words }));
                        }
                        _ => (name, id) = (String::new(), None),
                    }
                }
                // A comment, or what a later server may say.
                _ => {}
            }
        }
        Ok(None)
    }

    /// The next line without its end; `None` at the end of the stream.
    fn line(&mut self) -> Result<Option<String>, Error> {
        let mut line = Vec::new();
        // One byte more is the end of the longest line.
        let most = u64::try_from(LINE_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
        let read = (&mut self.lines).take(most).read_until(b'\n', &mut line);
        let broken = |error: std::io::Error| Error::Unreachable {
            url: self.url.clone(),
            why: error.to_string(),
        };
        read.map_err(broken)?;
        if line.pop_if(|last| *last == b'\n').is_none() {
            return match line.len() > LINE_BYTES_MAX {
                true => Err(self.garbled("a line that is too long")),
                // Half of a line is of a stream that broke off.
                false => Ok(None),
            };
        }
        String::from_utf8(line).map(Some).map_err(|_| self.garbled("a line that is not UTF-8"))
    }

    fn garbled(&self, why: &str) -> Error {
        Error::Garbled { url: self.url.clone(), status: 200, why: why.to_owned() }
    }
}
