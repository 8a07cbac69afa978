//! Checking what a store or a log says, offline: `verify store` and `verify checkpoint` without their command line.
//!
//! Promises: nothing is written; whatever is wrong is named with tenant, records, file and byte; what could not be checked
//! is said with the reason, and never passed off as checked; damage goes before everything else. Refuses to trust the
//! store: keys come from its user or from the key directory, and a key taken from the store proves only that it agrees
//! with itself.
//!
//! Rooms, upper ones use lower ones:
//!
//! ```text
//! store                     the order of the checks
//! segments                  what is archived, row by row
//! records  files  receipts  roots from payloads; MANIFEST and control.db; receipts against the tree
//! checkpoint                two checkpoints of one ledger
//! keys  report              whom to trust; what is said
//! ```

pub(crate) mod checkpoint;
pub(crate) mod files;
pub(crate) mod keys;
pub(crate) mod receipts;
pub(crate) mod records;
pub(crate) mod report;
pub(crate) mod segments;
pub(crate) mod store;
