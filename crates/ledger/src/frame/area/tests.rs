//! Tests of `frame/area`.
