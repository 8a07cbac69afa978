//! The words: events, limits, canonical parts, commitments, receipts. No IO.
//!
//! Promises: what a producer sent has one normal form and one set of bytes, whoever reads it; everything here is a pure
//! function of its arguments. Refuses to open a file, to read a clock, to draw a random number and to read JSON with
//! anything but its own reader.
//!
//! Upper rooms use lower ones: search | system | record | commitment | canonical | event | normal damage | json | entry ids code limits.

pub mod receipt;
pub mod search;
pub mod system;

pub mod record;

pub mod commitment;

pub mod canonical;

pub mod event;

pub mod damage;
pub mod normal;

pub mod json;

pub mod code;
pub mod entry;
pub mod ids;
pub mod limits;

pub use damage::Damage;
pub use event::{Event, PartBytes, Rejection};
