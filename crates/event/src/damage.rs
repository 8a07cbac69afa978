//! What is wrong with stored or received bytes that only an own writer makes.
//!
//! Promises: whoever reads records answers with one of these, never with a panic. Refuses to say whose fault it is:
//! a record on disk is damaged, a receipt may be forged.

use crate::code::Code;

/// Why bytes are not a record, or its parts not an event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// The payload of a record breaks off, goes on or has a value that no writer writes.
    #[error("record is damaged at byte {offset}: {why}")]
    Record {
        /// Where, in bytes from the start of the payload.
        offset: usize,
        /// What was to be there.
        why: &'static str,
    },
    /// A part has no place where it stands: unknown, twice, out of order or after a hole.
    #[error("part {tag}[{ordinal}] is out of place")]
    Place {
        /// Its tag.
        tag: u8,
        /// Its ordinal.
        ordinal: u16,
    },
    /// A part that is needed is not there, or only its digest is.
    #[error("part {tag}[{ordinal}] is missing")]
    Missing {
        /// Its tag.
        tag: u8,
        /// Its ordinal.
        ordinal: u16,
    },
    /// The bytes of a part are not one JSON object in normal form with the members of that part.
    #[error("part {tag}[{ordinal}] is damaged: {code} at `{pointer}`")]
    Part {
        /// Its tag.
        tag: u8,
        /// Its ordinal.
        ordinal: u16,
        /// What rule it breaks.
        code: Code,
        /// Where in it.
        pointer: String,
    },
    /// A pointer of part 6 reaches where it must not, or meets another or part 5.
    #[error("pointer `{pointer}` of part 6[{ordinal}] {why}")]
    Pointer {
        /// The ordinal of the part.
        ordinal: u16,
        /// The pointer.
        pointer: String,
        /// What is wrong with it.
        why: &'static str,
    },
}
