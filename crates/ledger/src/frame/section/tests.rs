//! Tests of `frame/section`.
