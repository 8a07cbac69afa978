//! Appending: the compact range of a growing RFC 6962 tree.
//!
//! A compact range holds the roots of the complete subtrees that the set bits of the size stand for, the largest
//! (leftmost) first: at most 64 hashes, from which the root follows.
//!
//! ```text
//! size 6 = 0b110      [ hash of D[0:4], hash of D[4:6] ]
//! ```
//!
//! Promises: `push` allocates nothing once the range has seen its deepest tree, and costs two hashes a leaf on average.
//! Refuses to store nodes: a sink is told of each the moment it is complete, and never again.

use std::fmt;

use crate::hash::{EMPTY_ROOT, Hash, node_hash};

/// The position of an entry: dense, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Index(pub u64);

/// A number of entries: the state of a tree is known by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TreeSize(pub u64);

impl fmt::Display for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for TreeSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A complete subtree: `2^level` leaves, the first of which is `index * 2^level`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node {
    /// 0 is a leaf.
    pub level: u8,
    /// Its place among the complete subtrees of its level, from 0.
    pub index: u64,
}

impl Node {
    /// The node of one leaf.
    #[must_use]
    pub fn leaf(index: u64) -> Node {
        Node { level: 0, index }
    }

    /// The node above.
    #[must_use]
    pub fn parent(self) -> Node {
        Node { level: self.level + 1, index: self.index >> 1 }
    }
}

/// The state that an append needs, and all that it needs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CompactRange {
    size: u64,
    hashes: Vec<Hash>,
}

impl CompactRange {
    /// The empty tree.
    #[must_use]
    pub fn new() -> CompactRange {
        CompactRange::default()
    }

    /// The state with these parts; `None` if `hashes` is not one hash for each set bit of `size`.
    #[must_use]
    pub fn from_parts(size: TreeSize, hashes: Vec<Hash>) -> Option<CompactRange> {
        (hashes.len() == one_bits(size.0)).then_some(CompactRange { size: size.0, hashes })
    }

    /// Appends one leaf hash.
    pub fn push(&mut self, leaf: Hash) {
        self.push_with(leaf, |_, _| {});
    }

    /// Appends one leaf hash and tells `sink` each node that this completes: the leaf, then its finished ancestors.
    pub fn push_with(&mut self, leaf: Hash, mut sink: impl FnMut(Node, Hash)) {
        assert_ne!(self.size, u64::MAX, "no tree grows past u64");
        debug_assert_eq!(self.hashes.len(), one_bits(self.size));
        let (mut node, mut hash) = (Node::leaf(self.size), leaf);
        sink(node, hash);
        let merged = one_bits(self.size & !(self.size + 1));
        let kept = self.hashes.len() - merged;
        for left in self.hashes.drain(kept..).rev() {
            (node, hash) = (node.parent(), node_hash(&left, &hash));
            sink(node, hash);
        }
        self.hashes.push(hash);
        self.size += 1;
        debug_assert_eq!(self.hashes.len(), one_bits(self.size));
    }

    /// Appends many leaf hashes.
    pub fn extend(&mut self, leaves: impl IntoIterator<Item = Hash>) {
        for leaf in leaves {
            self.push(leaf);
        }
    }

    /// How many leaves were appended.
    #[must_use]
    pub fn size(&self) -> TreeSize {
        TreeSize(self.size)
    }

    /// The root of the tree: `MTH(D[0:size])` of RFC 6962 §2.1.
    #[must_use]
    pub fn root(&self) -> Hash {
        assert_eq!(self.hashes.len(), one_bits(self.size), "one hash for each set bit");
        let right_to_left = self.hashes.iter().rev().copied();
        right_to_left.reduce(|right, left| node_hash(&left, &right)).unwrap_or(EMPTY_ROOT)
    }

    /// The roots of the complete subtrees, the largest first.
    #[must_use]
    pub fn hashes(&self) -> &[Hash] {
        &self.hashes
    }
}

/// The complete subtrees that make up `D[first:end]`, left to right; `first` must be where a subtree of at least
/// `end - first` leaves may begin, as in every range that the recursion of RFC 6962 meets.
pub(crate) fn complete_subtrees(first: u64, end: u64) -> impl DoubleEndedIterator<Item = Node> {
    assert!(first <= end);
    let length = end - first;
    debug_assert!(first == 0 || first.is_multiple_of(length.next_power_of_two()));
    let bits = (0..u8::try_from(u64::BITS).unwrap_or(u8::MAX)).rev();
    bits.filter(move |level| length >> level & 1 == 1).map(move |level| {
        // Above this bit lie the larger subtrees to the left of this one.
        let left = if level == 63 { 0 } else { length >> (level + 1) << (level + 1) };
        Node { level, index: (first + left) >> level }
    })
}

/// How many bits of `size` are set.
fn one_bits(size: u64) -> usize {
    usize::try_from(size.count_ones()).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
