//! Tests of `wal/acked`.
