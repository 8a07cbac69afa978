//! The tree in memory: hashes of complete subtrees, and the entries that are in no pack yet.
//!
//! Of all levels from 8 up everything is kept (a quarter of a byte for each record and level 8);
//! of the levels below only what lies above the packs and the last pack, the rest is derived from
//! packs. It promises that a hash it gives was computed from entries of this ledger. It never
//! hashes anything itself and refuses to guess a node that it does not hold.

use event::entry::{ENTRY_BYTES, Entry, EntryKind};
use event::ids::Timestamp;
use tlog::TreeSize;
use tlog::hash::{Hash, leaf_hash};
use tlog::tree::{CompactRange, Node};

use crate::cursor::length_u64;

/// Entries in one pack.
pub(crate) const PACK_ENTRIES: u64 = 65_536;
/// Levels below this one are derived from packs.
pub(crate) const KEPT_LEVEL: u8 = 8;

/// What an append adds to the tree, computed ahead of its being durable.
#[derive(Debug, Default)]
pub(crate) struct Leaves {
    /// The finished nodes in the order in which they became complete.
    pub(crate) nodes: Vec<(Node, Hash)>,
    /// The entries, one behind the other.
    pub(crate) entries: Vec<u8>,
}

/// Appends entries to a compact range; answers what a store of nodes needs to follow.
pub(crate) fn grow(
    range: &mut CompactRange,
    received_at: Timestamp,
    roots: &[Hash],
    kinds: impl Iterator<Item = EntryKind>,
) -> Leaves {
    let before = range.size().0;
    let mut leaves = Leaves {
        nodes: Vec::with_capacity(2 * roots.len() + 1),
        entries: Vec::with_capacity(ENTRY_BYTES * roots.len()),
    };
    for (root, kind) in roots.iter().zip(kinds) {
        let entry = Entry { kind, received_at, root: *root }.encode();
        leaves.entries.extend_from_slice(&entry);
        range.push_with(leaf_hash(&entry), |node, hash| leaves.nodes.push((node, hash)));
    }
    assert_eq!(range.size().0 - before, length_u64(roots.len()), "a kind for every root");
    leaves
}

/// Appends encoded entries to a compact range, as [`grow`] does.
pub(crate) fn grow_entries(range: &mut CompactRange, entries: &[u8]) -> Leaves {
    let mut leaves = Leaves { nodes: Vec::new(), entries: entries.to_vec() };
    for entry in entries.chunks(ENTRY_BYTES) {
        range.push_with(leaf_hash(entry), |node, hash| leaves.nodes.push((node, hash)));
    }
    leaves
}

/// Hashes by level, and the entries above the packs.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    levels: Vec<Level>,
    /// Entries from `entries_first` on.
    entries: Vec<u8>,
    entries_first: u64,
    size: u64,
}

#[derive(Debug, Default)]
struct Level {
    first: u64,
    hashes: Vec<Hash>,
}

impl Tree {
    /// The tree of whole packs whose nodes of level 8 are `nodes`, none of their entries in memory,
    /// and the range of that size.
    pub(crate) fn of_packs(nodes: &[Hash]) -> (Self, CompactRange) {
        let size = length_u64(nodes.len()) << KEPT_LEVEL;
        assert!(size.is_multiple_of(PACK_ENTRIES), "only whole packs come as nodes");
        let mut tree = Self { entries_first: size, size, ..Self::default() };
        // Nodes of level 8 grow a tree of their own, eight levels up.
        let mut range = CompactRange::new();
        for hash in nodes {
            let up = |node: Node| Node { level: node.level + KEPT_LEVEL, ..node };
            range.push_with(*hash, |node, hash| tree.put(up(node), hash));
        }
        let hashes = range.hashes().to_vec();
        let range = CompactRange::from_parts(TreeSize(size), hashes);
        (tree, range.expect("a size in packs has the set bits of its number of nodes"))
    }

    /// How many entries the tree has.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Follows an append.
    pub(crate) fn extend(&mut self, leaves: &Leaves) {
        let (entries, rest) = leaves.entries.as_chunks::<ENTRY_BYTES>();
        assert!(rest.is_empty(), "only whole entries are appended");
        for (node, hash) in &leaves.nodes {
            self.put(*node, *hash);
        }
        self.entries.extend_from_slice(&leaves.entries);
        self.size += length_u64(entries.len());
        let held = self.levels.first().map_or(0, Level::end);
        assert_eq!(held, self.size, "a leaf for every entry");
    }

    fn put(&mut self, node: Node, hash: Hash) {
        let level = usize::from(node.level);
        while self.levels.len() <= level {
            let height = self.levels.len();
            let first =
                if height < usize::from(KEPT_LEVEL) { self.entries_first >> height } else { 0 };
            self.levels.push(Level { first, hashes: Vec::new() });
        }
        if let Some(level) = self.levels.get_mut(level) {
            assert_eq!(level.end(), node.index, "nodes of a level come in order");
            level.hashes.push(hash);
        }
    }

    /// The hash of a complete subtree, if it is held here.
    pub(crate) fn get(&self, node: Node) -> Option<Hash> {
        let level = self.levels.get(usize::from(node.level))?;
        let place = usize::try_from(node.index.checked_sub(level.first)?).ok()?;
        level.hashes.get(place).copied()
    }

    /// The entries `first..end` one behind the other, if they are held here.
    pub(crate) fn entries(&self, first: u64, end: u64) -> Option<&[u8]> {
        let place = |index: u64| {
            let from_first = usize::try_from(index.checked_sub(self.entries_first)?).ok()?;
            from_first.checked_mul(ENTRY_BYTES)
        };
        self.entries.get(place(first)?..place(end)?)
    }

    /// Lets go of entries and low levels below `index`, which packs now hold.
    pub(crate) fn forget_below(&mut self, index: u64) {
        assert!(index.is_multiple_of(PACK_ENTRIES), "only whole packs are let go");
        assert!(index <= self.size, "only what exists is let go");
        if index <= self.entries_first {
            return;
        }
        let entries = usize::try_from(index - self.entries_first).unwrap_or(usize::MAX);
        self.entries.drain(..entries.saturating_mul(ENTRY_BYTES).min(self.entries.len()));
        self.entries.shrink_to(2 * self.entries.len());
        for (height, level) in self.levels.iter_mut().enumerate().take(usize::from(KEPT_LEVEL)) {
            level.forget_below(index >> height);
        }
        self.entries_first = index;
    }
}

impl Level {
    fn end(&self) -> u64 {
        self.first + length_u64(self.hashes.len())
    }

    fn forget_below(&mut self, index: u64) {
        let gone = usize::try_from(index.saturating_sub(self.first)).unwrap_or(usize::MAX);
        self.hashes.drain(..gone.min(self.hashes.len()));
        self.hashes.shrink_to(2 * self.hashes.len());
        self.first = self.first.max(index);
    }
}

#[cfg(test)]
mod tests;
