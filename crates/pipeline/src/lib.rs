//! The way in: wire bytes -> items -> events -> records, one verdict an item. No IO.
//!
//! The server splits a request ([`decode::split`]), seals its items into records ([`batch::seal`]), has the ledger append
//! them, and settles each item's verdict by the ledger's answer ([`batch::Sealed::settle`]). Everything here is a function
//! of its arguments: salts, ids and the stored bytes of records seen before are passed in.
//!
//! INVARIANT (I7): every item of a request ends in exactly one verdict, in the order sent.
//!
//! Rooms: `batch` | `process`, `decode` | `verdict`; upper ones use lower ones.

pub mod verdict; // what became of an item, and how that is said on the wire

pub mod decode; // bytes -> items -> events
pub mod process; // event -> event, or the reason for a dead letter

pub mod batch; // items -> records -> verdicts
