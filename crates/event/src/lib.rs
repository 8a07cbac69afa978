//! The words: events, limits, canonical parts, commitments, receipts. No IO.

pub mod code;
pub mod entry;
pub mod ids;
pub mod json;
pub mod limits;
