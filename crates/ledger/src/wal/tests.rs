//! Tests of `wal`.
