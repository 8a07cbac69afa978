//! Every limit on what a producer may send, by name.
//!
//! Promises: each constant here has a test that meets it and one that passes it, and each is listed in
//! `docs/formats/event.md`. Refuses to be configurable: a limit that differs between two stores would make an event that
//! one accepts and the other cannot take over.

/// Bytes of one event as sent, without the whitespace around it.
pub const EVENT_BYTES_MAX: usize = 256 * 1024;
/// Bytes of `original.text`, unescaped, in an event that a producer sends.
pub const ORIGINAL_TEXT_BYTES_MAX: usize = 192 * 1024;
/// Events in one request.
pub const BATCH_EVENTS_MAX: usize = 10_000;
/// Bytes of one request after decompression.
pub const BATCH_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Bytes of any text or key, unescaped (`original.text` has its own limit).
pub const STRING_BYTES_MAX: usize = 64 * 1024;
/// Arrays and objects inside one another in an event; the event itself is the first.
pub const DEPTH_MAX: u32 = 16;
/// Arrays and objects inside one another in `attrs`; `attrs` itself is the first.
pub const ATTRS_DEPTH_MAX: u32 = 8;
/// Members of `attrs` itself (what is nested below is bounded by the event's size).
pub const ATTRS_KEYS_MAX: usize = 64;
/// Bytes of the id of an actor, of a target and of an owner.
pub const ID_BYTES_MAX: usize = 256;
/// Characters of `action`.
pub const ACTION_CHARS_MAX: usize = 128;
/// Elements of `on_behalf_of`.
pub const ON_BEHALF_OF_MAX: usize = 8;
/// Elements of `targets`.
pub const TARGETS_MAX: usize = 64;
/// Characters of a number token.
pub const NUMBER_CHARS_MAX: usize = 64;
/// Characters of a tenant, producer or store name.
pub const NAME_CHARS_MAX: usize = 63;
/// Fraction digits of a second in `occurred_at`.
pub const FRACTION_DIGITS_MAX: usize = 9;
/// First year of `occurred_at`.
pub const YEAR_MIN: u32 = 1678;
/// Last year of `occurred_at`.
pub const YEAR_MAX: u32 = 2261;
/// Events under one salt block.
pub const SALT_BLOCK_SLOTS: u32 = 4096;
/// Nanoseconds after which a salt block is not used for further events.
pub const SALT_BLOCK_AGE_NS: u64 = 3_600_000_000_000;
/// Bytes of a record's payload that a reader accepts: an event, written out in parts with every character escaped.
pub const RECORD_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Parts of one record that a reader accepts.
pub const PARTS_MAX: usize = 1024;
