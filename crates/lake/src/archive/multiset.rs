//! A sum over rows that does not depend on their order: two sets of rows with the same sum and count
//! are, for all that hashing is worth, the same.
//!
//! It is the proof of a compaction that no row was lost, added, doubled or changed. Each row counts
//! with its index, its time of receipt and the bytes of its record.

use sha2::{Digest as _, Sha256};

/// Domain of a row's hash.
const ROW: &[u8] = b"indelible/row/v1\0";

/// The sum and the count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Multiset {
    sum: [u64; 4],
    rows: u64,
}

impl Multiset {
    /// Counts a row.
    pub(super) fn add(&mut self, index: u64, received_at: i64, record: &[u8]) {
        let mut hash = Sha256::new_with_prefix(ROW);
        hash.update(index.to_be_bytes());
        hash.update(received_at.to_be_bytes());
        hash.update(record);
        let digest: [u8; 32] = hash.finalize().into();
        let (words, _) = digest.as_chunks::<8>();
        for (sum, word) in self.sum.iter_mut().zip(words) {
            *sum = sum.wrapping_add(u64::from_be_bytes(*word));
        }
        self.rows += 1;
    }

    /// How many rows were counted.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }
}
