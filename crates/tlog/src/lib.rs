//! The proofs: RFC 6962 trees, C2SP tiles, notes, checkpoints. No IO.
