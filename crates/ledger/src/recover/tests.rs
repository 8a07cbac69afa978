//! Tests of `recover`.
