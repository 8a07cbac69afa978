//! The proofs: RFC 6962 trees, C2SP tiles, notes, checkpoints. No IO.
//!
//! Everything that a stranger needs to check a ledger stands in this crate, and nothing else: bytes come in as
//! arguments, hashes of inner nodes come from a closure, and there is no clock, no file, no socket and no randomness
//! (`clippy.toml` holds that). Formats with byte tables: `docs/formats/tlog.md`.
//!
//! Rooms, upper ones use lower ones:
//!
//! ```text
//! proof_file  tiles          one proof and its checkpoint in one text file; a proof out of a log's tiles
//! proof  checkpoint          inclusion, consistency, ranges; (origin, size, root)
//! tree   tile   note         appending; C2SP paths; signed texts
//! hash   encoding   error    the two hash rules; base64; what can be wrong
//! ```

pub mod proof_file;
pub mod tiles;

pub mod checkpoint;
pub mod proof;

pub mod note;
pub mod tile;
pub mod tree;

pub mod encoding;
mod error;
pub mod hash;

pub use crate::error::{Error, Format};
pub use crate::hash::Hash;
pub use crate::tree::{Index, TreeSize};
