//! Receipts against the vectors of the second implementation, and against everything that must not pass.

mod vectors;
