//! Wire bytes -> items, and an item's bytes -> [`Event`]: where hostile input ends.
//!
//! A request is first split into items without judging any of them ([`split`]); then each item gets a verdict of its own,
//! so that one bad item never costs its neighbours. Only a request that cannot be split, or is too large to be taken in
//! at all, is refused whole.
//!
//! It is built on `event::json` and `Event::parse`: there is one JSON parser and one reading of an event. It refuses to
//! guess: neither the media type from the bytes nor an event from something that resembles one.

use event::code::Code;
use event::json;
use event::limits;

pub mod cloudtrail; // one CloudTrail record -> the JSON of one event, for the importer

/// How a request's body holds its items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Media {
    /// `application/json`: one object, or an array.
    Json,
    /// `application/x-ndjson`: one item a line; blank lines take no number.
    Ndjson,
}

impl Media {
    /// The media type that a `Content-Type` value names, parameters aside; `None` is `unsupported_media_type`.
    pub fn from_content_type(value: &str) -> Option<Self> {
        let name = value.split(';').next().unwrap_or_default().trim();
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        if is("application/json") {
            Some(Self::Json)
        } else if is("application/x-ndjson") || is("application/ndjson") || is("application/jsonl")
        {
            Some(Self::Ndjson)
        } else {
            None
        }
    }
}

/// Whether the caller sent one event or many; it decides the status of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A single JSON object.
    One,
    /// Any array or NDJSON, be it of one item or none.
    Many,
}

/// A request's items: the bytes of each, in order, without the whitespace around them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body<'a> {
    /// One or many.
    pub shape: Shape,
    /// At most [`limits::BATCH_EVENTS_MAX`] items.
    pub items: Vec<&'a [u8]>,
}

/// Why a request was refused whole; none of it was looked at further.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {detail}")]
pub struct Refusal {
    /// What is wrong with it.
    pub code: Code,
    /// The HTTP status: 413 for a request that is too large, 400 for one that cannot be split.
    pub status: u16,
    /// Where, or by how much.
    pub detail: String,
}

/// The items of `body`.
///
/// # Errors
/// When the request is over a limit, or is neither a JSON object, nor an array of which every byte is JSON, nor NDJSON.
pub fn split(media: Media, body: &[u8]) -> Result<Body<'_>, Refusal> {
    if body.len() > limits::BATCH_BYTES_MAX {
        let detail =
            format!("the body has {} bytes, the limit is {}", body.len(), limits::BATCH_BYTES_MAX);
        return Err(Refusal { code: Code::TooLarge, status: 413, detail });
    }
    let body_of = |shape, items| Ok(Body { shape, items });
    let trimmed = json::trim(body);
    match (media, trimmed.first()) {
        (Media::Ndjson, _) => {
            body_of(Shape::Many, json::lines(body, limits::BATCH_EVENTS_MAX).map_err(refuse)?)
        }
        (Media::Json, Some(b'{')) => body_of(Shape::One, vec![trimmed]),
        (Media::Json, Some(b'[')) => {
            body_of(Shape::Many, json::array(body, limits::BATCH_EVENTS_MAX).map_err(refuse)?)
        }
        (Media::Json, _) => Err(match json::parse(trimmed, json::Limits::EVENT) {
            Ok(_) => Refusal {
                code: Code::WrongType,
                status: 400,
                detail: "the body is neither an object nor an array".to_owned(),
            },
            Err(error) => refuse(error),
        }),
    }
}

fn refuse(error: json::Error) -> Refusal {
    let json::Error { code, offset } = error;
    if code == Code::TooManyItems {
        let detail = format!("the request has more than {} items", limits::BATCH_EVENTS_MAX);
        return Refusal { code, status: 413, detail };
    }
    Refusal { code, status: 400, detail: format!("at byte {offset} of the body") }
}

#[cfg(test)]
mod tests;
