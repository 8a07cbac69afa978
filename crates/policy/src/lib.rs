//! The decisions: who may do what on which events and fields. No IO.
