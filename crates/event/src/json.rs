//! JSON as audit events need it: strict, borrowed, number tokens as sent.
//!
//! Promises: `parse` takes exactly RFC 8259 texts whose objects have no key twice, whose escapes have no lone surrogate,
//! whose keys have no U+0000, and which keep the given limits; whatever it refuses it names by a [`Code`] and a byte
//! offset. No input makes it panic, recurse past its depth limit or do more than n log n work. Refuses to turn numbers
//! into numbers, to normalise Unicode and to keep a key twice: two readers must never see two events in the same bytes.
//!
//! Rooms: `value` (the tree), `lexer` (bytes to tokens), `write` (the canonical form CJ1), `split` (a request's items),
//! `pointer` (a byte offset to an RFC 6901 pointer).

mod lexer;
mod pointer;
mod split;
mod value;
mod write;

use crate::code::Code;
use crate::limits;

pub(crate) use lexer::{Lexer, Place};
pub use pointer::{at as pointer_at, push_token, tokens};
pub use split::{Items, array, lines, trim};
pub use value::Value;
pub use write::{integer as write_integer, string as write_string, write as write_cj1};

/// What a text may be at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Arrays and objects inside one another.
    pub depth: u32,
    /// Bytes of a text or key, unescaped.
    pub string_bytes: usize,
    /// Characters of a number token.
    pub number_chars: usize,
}

impl Limits {
    /// The limits of an event as a producer sends it.
    pub const EVENT: Limits = Limits {
        depth: limits::DEPTH_MAX,
        string_bytes: limits::STRING_BYTES_MAX,
        number_chars: limits::NUMBER_CHARS_MAX,
    };

    /// Only what keeps a reader safe: for bytes that an own writer made, and for a verifier, which judges no limit.
    pub const READER: Limits =
        Limits { depth: 128, string_bytes: usize::MAX, number_chars: usize::MAX };
}

/// Why bytes are not a JSON text that we take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{code} at byte {offset}")]
pub struct Error {
    /// What is wrong.
    pub code: Code,
    /// Where, in bytes from the start of the input.
    pub offset: usize,
}

/// The value that `bytes` are, borrowing from them whatever has no escape.
///
/// # Errors
/// With `malformed_json`, `not_utf8`, `lone_surrogate`, `duplicate_key`, `too_deep`, `too_long`, or `invalid_value` for
/// U+0000 in a key.
pub fn parse(bytes: &[u8], limits: Limits) -> Result<Value<'_>, Error> {
    let mut lexer = Lexer::new(bytes, limits)?;
    let value = lexer.value()?;
    lexer.end()?;
    Ok(value)
}

#[cfg(test)]
mod tests;
