//! What the writer is asked and what it answers: plain values, no behaviour.
//!
//! A request is one section of the write-ahead log and is never split. The payloads are opaque
//! bytes: this crate never decodes a record. A request holds everything that the writer needs, the
//! time apart, so that one list of requests and one [`Now`] give one outcome on every machine.

use event::entry::EntryKind;
use event::ids::{EventId, Instance, ProducerId, Seq, TenantId, Timestamp};
use tlog::hash::Hash;
use tlog::{Index, TreeSize};

/// The time at which a turn happens, read by the caller: this crate reads no clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// The wall clock: nanoseconds since 1970-01-01T00:00:00Z.
    pub wall: Timestamp,
    /// A clock that never jumps, nanoseconds since any fixed point of this process.
    pub monotonic_ns: u64,
}

/// A stream within a tenant: all events of one spool, numbered from 1 without a hole.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    /// The producer that the credential names.
    pub producer: ProducerId,
    /// 128 random bits, drawn when the spool was made.
    pub instance: Instance,
}

/// One append: the records of one request of one tenant.
#[derive(Debug, Clone)]
pub struct Append {
    /// Whose ledger. A tenant's first append makes its ledger.
    pub tenant: TenantId,
    /// Where the records come from, which decides how repeats are known.
    pub source: Source,
    /// The records in order: 1 to [`event::limits::BATCH_EVENTS_MAX`]; exactly one for a gap.
    pub items: Vec<Item>,
    /// The compressed payload area, made by [`crate::frame::pack`] from exactly these items; the
    /// writer uses it if no item has to be left out. Absent: stored as it is, or packed if large.
    pub packed: Option<Packed>,
    /// Keys and salt blocks that the records need. Give them with every request that uses them:
    /// the writer leaves out what an earlier durable frame holds.
    pub keys: Vec<KeyBlob>,
    /// Who asks; only the server's own records may use the reserved space.
    pub class: Class,
    /// Outside a stream: the caller has asked the archive for the items' ids among all records
    /// below this index, and left out those that it found. 0 if nothing is archived.
    pub looked_below: Index,
}

/// Where the records of a request come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Part of a stream: item `n` has number `first + n`.
    Stream {
        /// The stream.
        stream: StreamId,
        /// The first item's number, from 1.
        first: Seq,
    },
    /// A gap that the producer declares: one record stands for the numbers `from..=to`.
    Gap {
        /// The stream.
        stream: StreamId,
        /// The first lost number; must be the stream's next one.
        from: Seq,
        /// The last lost number.
        to: Seq,
    },
    /// Outside any stream: items are known again by their id, where they have one.
    Loose {
        /// The producer whose ids these are; absent for the server's own records.
        producer: Option<ProducerId>,
    },
}

/// One record to append.
#[derive(Debug, Clone)]
pub struct Item {
    /// What the entry says the record is.
    pub kind: EntryKind,
    /// The event root: goes into the entry, whose hash is the leaf.
    pub root: Hash,
    /// The record's bytes, opaque here.
    pub payload: Vec<u8>,
    /// Outside a stream: the id by which a repeat is known. Ignored in a stream.
    pub id: Option<EventId>,
}

/// A payload area compressed ahead, outside the writer.
#[derive(Debug, Clone)]
pub struct Packed {
    /// One zstd frame.
    pub bytes: Vec<u8>,
    /// How many bytes it unpacks to.
    pub raw_bytes: u32,
}

/// A wrapped key or a salt block as it is kept beside the records; opaque here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyBlob {
    /// Which sort of key; the meaning is the server's.
    pub kind: u8,
    /// Which one of that sort.
    pub id: u64,
    /// Its bytes, at most [`crate::frame::KEY_BYTES_MAX`].
    pub bytes: Vec<u8>,
}

/// Who asks for an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// A producer's events.
    Ordinary,
    /// Self-audit, administration, recovery: may use the space that is kept in reserve.
    System,
}

/// What became of one append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Everything in it is durable, now or from before.
    Done(Done),
    /// The stream's next number is lower than the request's first. Nothing was stored.
    SequenceGap {
        /// The number that would have been accepted.
        expected: Seq,
    },
    /// Nothing was stored; the reason says whether trying again can help.
    Refused(Refusal),
    /// The disk failed and this writer will never write again. What became of the request is
    /// unknown; recovery decides.
    Poisoned,
}

/// An append of which every record is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// One for each item, in order.
    pub items: Vec<ItemAnswer>,
    /// The stamp that the records appended here carry.
    pub received_at: Timestamp,
    /// The tenant's tree size after this append.
    pub size: TreeSize,
}

/// What became of one item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemAnswer {
    /// Appended by this request.
    Committed {
        /// Its place in the tenant's ledger.
        index: Index,
    },
    /// Its number, or its id, was there already; nothing was appended for it.
    Seen {
        /// Where it was stored the first time.
        index: Index,
    },
    /// Its number was stored in a record that is no longer in the log: the archive knows where.
    /// Nothing was appended for it.
    Archived {
        /// The number.
        seq: Seq,
    },
}

/// Why an append was refused with nothing stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// No space could be reserved. May go away.
    DiskFull,
    /// The wall clock makes no sense. May go away, or `Writer::accept_clock`.
    ClockUnsane,
    /// Memory holds as many streams as it may, and none of them may leave it yet. Streams that are
    /// new or come back only.
    StreamsFull,
    /// Ids of records at or above `Append::looked_below` are no longer held here: look for the
    /// items' ids in the archive as it is now, and ask again.
    LookAgain,
    /// The writer is stopping.
    Stopping,
    /// The request breaks a rule of this file or a limit; never acceptable as it is.
    Invalid,
}

/// The kinds of [`KeyBlob`] that this crate tells apart: some stand in every snapshot.
pub mod key_kind {
    /// The tenant's ledger key, wrapped.
    pub const LEDGER: u8 = 1;
    /// The tenant's durable key-encryption key, wrapped by the root key.
    pub const DURABLE_KEK: u8 = 2;
    /// A salt block's secret.
    pub const SALT_BLOCK: u8 = 16;
}

/// Whether keys of this kind stand in every snapshot, beside the section that brought them: there
/// are few of them, and without them nothing of the tenant can be opened.
pub(crate) fn is_standing_key(kind: u8) -> bool {
    matches!(kind, key_kind::LEDGER | key_kind::DURABLE_KEK)
}
