//! Tests of `seen`.
