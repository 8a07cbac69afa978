//! The promise: write-ahead log, sequencing, tree, packs, checkpoints, recovery.

pub mod disk;
