//! What became of one item, and how that is said on the wire.
//!
//! | status | means | resend? |
//! |---|---|---|
//! | `committed` | on disk at `index` | no |
//! | `duplicate` | was on disk at `index` already, with the same claims | no |
//! | `conflict` | its number or id is taken by other claims, at `index` | never |
//! | `rejected` | breaks the format; nothing of it is kept (in a stream, that it was refused is) | after mending |
//! | `dead_lettered` | obeys the format, failed its schema or a step; kept at `index` | no |
//!
//! INVARIANT (I7): the five are all there are, and an item has exactly one. It refuses to say anything before the ledger
//! has answered: a verdict with an index is made in `batch::settle` only.

use event::code::Code;
use event::event::Rejection;
use event::ids::EventId;
use event::json::{Value, write_cj1};

/// What became of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Durable as a new record.
    Committed {
        /// The event's name: as sent, or drawn for it.
        id: EventId,
        /// The record's position in its tenant's ledger.
        index: u64,
    },
    /// Durable as a record of before, with the same claims.
    Duplicate {
        /// The event's name.
        id: EventId,
        /// The position of the record of before.
        index: u64,
    },
    /// Its number or id was taken by a record with other claims.
    Conflict {
        /// `seq_conflict` or `id_conflict`.
        code: Code,
        /// The position of the record that has it.
        index: u64,
    },
    /// It breaks the format.
    Rejected {
        /// The code, the member and what to do.
        rejection: Rejection,
        /// The position of the `refused` record, which a stream keeps for the number.
        index: Option<u64>,
    },
    /// It is kept, and is no event.
    DeadLettered {
        /// Why.
        code: Code,
        /// The event's name: as sent, or drawn for it.
        id: EventId,
        /// The position of the `dead_letter` record.
        index: u64,
    },
}

/// Whether a second sending of the item would be recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dedup {
    /// By its number or its id.
    Recognised,
    /// It has neither: sent again, it is stored again. The answer says so.
    Impossible,
}

/// One element of `results`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemResult {
    /// What became of the item.
    pub verdict: Verdict,
    /// Whether sending it again is safe.
    pub dedup: Dedup,
}

/// How many items got each verdict; with it I7 is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// New records of events.
    pub committed: u64,
    /// Seen before, equal.
    pub duplicate: u64,
    /// Seen before, different.
    pub conflict: u64,
    /// Refused.
    pub rejected: u64,
    /// Kept as dead letters.
    pub dead_lettered: u64,
}

impl Counts {
    /// The counts of `results`.
    pub fn of(results: &[ItemResult]) -> Self {
        let mut counts = Self::default();
        for result in results {
            let slot = match result.verdict {
                Verdict::Committed { .. } => &mut counts.committed,
                Verdict::Duplicate { .. } => &mut counts.duplicate,
                Verdict::Conflict { .. } => &mut counts.conflict,
                Verdict::Rejected { .. } => &mut counts.rejected,
                Verdict::DeadLettered { .. } => &mut counts.dead_lettered,
            };
            *slot += 1;
        }
        counts
    }

    /// INVARIANT (I7): the items received, which is the sum of all five.
    pub fn received(&self) -> u64 {
        self.committed + self.not_clean() + self.duplicate
    }

    /// Items that are neither committed nor duplicate; above zero, the answer to many is 207.
    pub fn not_clean(&self) -> u64 {
        self.conflict + self.rejected + self.dead_lettered
    }
}

impl ItemResult {
    /// The HTTP status of an answer to this item alone.
    pub fn status_alone(&self) -> u16 {
        match self.verdict {
            Verdict::Committed { .. } | Verdict::Duplicate { .. } => 200,
            Verdict::Conflict { .. } => 409,
            Verdict::Rejected { .. } | Verdict::DeadLettered { .. } => 422,
        }
    }

    /// Appends the result as one JSON object.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        let mut object = Object { out, empty: true };
        object.word("status", self.verdict.status());
        match &self.verdict {
            Verdict::Committed { id, index } | Verdict::Duplicate { id, index } => {
                object.word("id", &id.to_string());
                object.number("index", *index);
            }
            Verdict::Conflict { code, index } => {
                object.word("code", code.as_str());
                object.number("index", *index);
            }
            Verdict::Rejected { rejection, index } => {
                object.word("code", rejection.code.as_str());
                object.text("field", &rejection.field);
                object.text("hint", &rejection.hint);
                if let Some(index) = index {
                    object.number("index", *index);
                }
            }
            Verdict::DeadLettered { code, id, index } => {
                object.word("id", &id.to_string());
                object.number("index", *index);
                object.word("code", code.as_str());
            }
        }
        if self.dedup == Dedup::Impossible {
            object.literal("dedup", "false");
        }
        object.out.push(b'}');
    }
}

impl Verdict {
    /// The word in `status`.
    pub fn status(&self) -> &'static str {
        match self {
            Self::Committed { .. } => "committed",
            Self::Duplicate { .. } => "duplicate",
            Self::Conflict { .. } => "conflict",
            Self::Rejected { .. } => "rejected",
            Self::DeadLettered { .. } => "dead_lettered",
        }
    }

    /// The position of the record that stands for the item, if one does.
    pub fn index(&self) -> Option<u64> {
        match self {
            Self::Committed { index, .. } | Self::Duplicate { index, .. } => Some(*index),
            Self::Conflict { index, .. } | Self::DeadLettered { index, .. } => Some(*index),
            Self::Rejected { index, .. } => *index,
        }
    }
}

/// A JSON object in the making, members in the order in which they are written.
struct Object<'o> {
    out: &'o mut Vec<u8>,
    empty: bool,
}

impl Object<'_> {
    /// A text of our own that needs no escape.
    fn word(&mut self, name: &str, word: &str) {
        self.name(name);
        self.out.push(b'"');
        self.out.extend_from_slice(word.as_bytes());
        self.out.push(b'"');
    }

    /// A text that may hold what the caller sent.
    fn text(&mut self, name: &str, text: &str) {
        self.name(name);
        write_cj1(&Value::text(text), self.out);
    }

    fn number(&mut self, name: &str, number: u64) {
        self.literal(name, &number.to_string());
    }

    fn literal(&mut self, name: &str, literal: &str) {
        self.name(name);
        self.out.extend_from_slice(literal.as_bytes());
    }

    fn name(&mut self, name: &str) {
        self.out.push(if self.empty { b'{' } else { b',' });
        self.empty = false;
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
    }
}

#[cfg(test)]
mod tests;
