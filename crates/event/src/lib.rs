//! The words: events, limits, canonical parts, commitments, receipts. No IO.
