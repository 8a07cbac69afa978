//! A tree that keeps every node, as a ledger does: what the makers of proofs fetch from.

use std::collections::BTreeMap;

use indelible_tlog::Hash;
use indelible_tlog::hash::leaf_hash;
use indelible_tlog::tree::{CompactRange, Node};

/// Why a node could not be fetched.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NoSuchNode(Node);

/// A grown tree, its leaves and its nodes.
#[derive(Debug, Default)]
pub(crate) struct Store {
    pub(crate) tree: CompactRange,
    pub(crate) leaves: Vec<Hash>,
    nodes: BTreeMap<Node, Hash>,
}

impl Store {
    /// The tree over these entries.
    pub(crate) fn of<T: AsRef<[u8]>>(entries: impl IntoIterator<Item = T>) -> Store {
        let mut store = Store::default();
        for entry in entries {
            let leaf = leaf_hash(entry.as_ref());
            store.leaves.push(leaf);
            let nodes = &mut store.nodes;
            store.tree.push_with(leaf, |node, hash| {
                assert_eq!(nodes.insert(node, hash), None, "a node is told once");
            });
        }
        store
    }

    /// A tree of `size` numbered entries.
    pub(crate) fn numbered(size: u64) -> Store {
        Store::of((0..size).map(|index| format!("entry {index}")))
    }

    /// The closure that makers of proofs take.
    pub(crate) fn fetch(&self) -> impl FnMut(Node) -> Result<Hash, NoSuchNode> {
        |node| self.nodes.get(&node).copied().ok_or(NoSuchNode(node))
    }
}
