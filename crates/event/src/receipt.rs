//! The receipt `indelible.receipt/v1`: what a producer checks offline, and the check.
//!
//! A receipt holds consecutive records of one ledger: their entries, their parts (opened, or only their digests), the
//! proof that the entries stand in a tree, and the signed checkpoint of that tree. `docs/formats/receipt.md` is the
//! normative text; a stranger can write this module from it.
//!
//! INVARIANT (I14): with its own event, the receipt and a pinned key a producer shows offline that what was logged is what
//! it sent, or which named step changed which part. [`verify`] says so only when every claim was compared.
//!
//! Promises: [`Receipt::parse`] takes exactly the members of the format, and `to_json` of what it gave parses to the same
//! receipt; `verify` hashes the bytes that it is given and canonicalises nothing. Refuses to trust: a receipt is hostile
//! until its root, its proof and its signature agree.
//!
//! Rooms, upper ones use lower ones:
//!
//! ```text
//! verify                      the order of the checks and the conclusion
//! compare  report             E against the parts; what is said to people
//! record                      one record alone: entry, parts, stamp
//! personal  stamp  items      pointers of part 6; parts 7 and 8; E cut into items
//! table  build                members of every part; from a stored record to its receipt
//! read  write                 JSON and `.tlog-proof`
//! ```

mod build;
mod compare;
mod items;
mod personal;
mod read;
mod record;
mod report;
mod stamp;
mod table;
mod verify;
mod write;

use std::borrow::Cow;

use tlog::hash::Hash;
use tlog::tree::Index;

use crate::entry::ENTRY_BYTES;

pub use build::{Disclosure, show};
pub use report::{
    Added, ByStep, Conclusion, EventReport, Finding, Report, Signed, Verdict, Withheld,
};
pub use verify::{Given, verify};

/// The value of `format`.
pub const FORMAT: &str = "indelible.receipt/v1";
/// Numbers in a receipt are below this, so that every JSON reader keeps them exact.
pub const NUMBER_END: u64 = 1 << 53;
/// Bytes of the longest receipt that is read: a request's 10,000 events and 16 MiB, opened and escaped, with room.
pub const RECEIPT_BYTES_MAX: usize = 256 * 1024 * 1024;

/// A receipt as it came or as it will go: well-formed, nothing verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt<'a> {
    /// The ledger's name.
    pub origin: Cow<'a, str>,
    /// The index of the first event.
    pub index: Index,
    /// RANGE(index, index + n, D[0:size]).
    pub proof: Vec<Hash>,
    /// The signed note.
    pub checkpoint: Cow<'a, str>,
    /// The records, in index order, without a hole.
    pub events: Vec<Shown<'a>>,
}

/// One record as a receipt shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown<'a> {
    /// The bytes that the leaf hash is taken of.
    pub entry: [u8; ENTRY_BYTES],
    /// Its parts, ascending by tag and ordinal, all of them.
    pub parts: Vec<ShownPart<'a>>,
}

/// One part as a receipt shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownPart<'a> {
    /// Which kind of part, 1 to 8.
    pub tag: u8,
    /// Its number among those of the kind.
    pub ordinal: u16,
    /// What is shown of it.
    pub content: Content<'a>,
}

/// What is shown of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content<'a> {
    /// Everything: the digest follows.
    Opened {
        /// 32 bytes that keep the digest from being guessed at.
        salt: [u8; 32],
        /// The part's bytes.
        json: Cow<'a, str>,
    },
    /// That it exists.
    Withheld {
        /// Its digest.
        digest: Hash,
        /// The index of the record that allows it, as the server says.
        by: Option<u64>,
    },
}

impl<'a> Receipt<'a> {
    /// The receipt in `file`: JSON, or a `.tlog-proof`.
    ///
    /// # Errors
    /// With what is wrong with it: any member missing, unknown, twice or of another type, an unknown tag, a number that
    /// is no plain integer below 2^53, base64 that is not canonical, parts out of order.
    pub fn parse(file: &'a [u8]) -> Result<Receipt<'a>, Finding> {
        read::file(file)
    }

    /// The receipt as JSON, on one line with a line feed.
    #[must_use]
    pub fn to_json(&self) -> String {
        write::json(self)
    }

    /// The receipt as a `.tlog-proof`, which holds one event: `None` for a batch, or if the checkpoint is no signed note.
    #[must_use]
    pub fn to_proof_file(&self) -> Option<String> {
        write::proof_file(self)
    }

    /// The same receipt, borrowing nothing.
    #[must_use]
    pub fn into_owned(self) -> Receipt<'static> {
        Receipt {
            origin: Cow::Owned(self.origin.into_owned()),
            index: self.index,
            proof: self.proof,
            checkpoint: Cow::Owned(self.checkpoint.into_owned()),
            events: self.events.into_iter().map(Shown::into_owned).collect(),
        }
    }
}

impl Shown<'_> {
    /// The same record, borrowing nothing.
    #[must_use]
    pub fn into_owned(self) -> Shown<'static> {
        let parts = self.parts.into_iter().map(|part| ShownPart {
            tag: part.tag,
            ordinal: part.ordinal,
            content: match part.content {
                Content::Opened { salt, json } => {
                    Content::Opened { salt, json: Cow::Owned(json.into_owned()) }
                }
                Content::Withheld { digest, by } => Content::Withheld { digest, by },
            },
        });
        Shown { entry: self.entry, parts: parts.collect() }
    }
}

/// Whether a part of this tag may have an ordinal above 0.
fn is_numbered(tag: u8) -> bool {
    matches!(tag, 2 | 3 | 6)
}

/// The name of a part for people: `2[0]`.
fn part_name(tag: u8, ordinal: u16) -> String {
    let name = match tag {
        1 => "what",
        2 => "who",
        3 => "target",
        4 => "origin",
        5 => "detail",
        6 => "personal",
        7 => "observed",
        _ => "stamp",
    };
    if is_numbered(tag) { format!("{name}[{ordinal}]") } else { name.to_owned() }
}

#[cfg(test)]
mod tests;
