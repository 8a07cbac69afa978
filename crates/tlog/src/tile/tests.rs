//! Tests of `tile`.
