//! One record of a file -> the item that is sent for it.
//!
//! Every record takes its number in the stream, so for each of them something is sent: the mapped event, or, of a record
//! that cannot be mapped, its own bytes, which the server refuses under that number. It promises that an item has no
//! line end in it, and it refuses to repair a record.

use event::event::{Event, Rejection};
use event::ids::{EventId, ImportKey};
use event::limits;
use pipeline::decode::cloudtrail;

use super::records::{Layout, Record};

/// What the files hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// AWS CloudTrail records.
    Cloudtrail,
    /// Events in our own shape.
    Jsonl,
}

impl Format {
    /// How the records of a file are laid out.
    pub(crate) fn layout(self) -> Layout {
        match self {
            Format::Cloudtrail => Layout::RecordsOrLines,
            Format::Jsonl => Layout::Lines,
        }
    }

    /// What the server is told to have mapped the records.
    pub(crate) fn mapping(self) -> Option<&'static str> {
        match self {
            Format::Cloudtrail => Some(cloudtrail::MAPPING),
            Format::Jsonl => None,
        }
    }
}

/// What is sent for one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    /// The record's number, which is its number in the stream.
    pub(crate) number: u64,
    /// The bytes to send, on one line.
    pub(crate) bytes: Vec<u8>,
    /// The event's id, if the record gives it one.
    pub(crate) id: Option<EventId>,
    /// Why the record could not be mapped. The server will refuse it, too, for its own reason.
    pub(crate) unmapped: Option<Rejection>,
}

/// The item for `record`.
pub(crate) fn item(format: Format, record: Record, key: &ImportKey) -> Item {
    let Record { number, bytes } = record;
    let mapped = match format {
        Format::Cloudtrail if bytes.len() > limits::EVENT_BYTES_MAX => {
            Err(Rejection::new(event::code::Code::TooLarge, ""))
        }
        Format::Cloudtrail => cloudtrail::map(&bytes, key),
        Format::Jsonl => Ok(bytes.clone()),
    };
    match mapped {
        Ok(bytes) => {
            let id = Event::parse(&bytes).ok().and_then(|event| event.id);
            Item { number, bytes, id, unmapped: None }
        }
        Err(rejection) => {
            Item { number, bytes: on_one_line(bytes), id: None, unmapped: Some(rejection) }
        }
    }
}

/// `bytes` without line ends: between the tokens of JSON a space means the same.
fn on_one_line(mut bytes: Vec<u8>) -> Vec<u8> {
    for byte in &mut bytes {
        if matches!(*byte, b'\n' | b'\r') {
            *byte = b' ';
        }
    }
    bytes
}

#[cfg(test)]
mod tests;
