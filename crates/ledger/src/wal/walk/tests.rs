//! Tests of `wal/walk`.
