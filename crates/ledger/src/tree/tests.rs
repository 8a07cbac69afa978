//! The tree in memory against the plain compact range, before and after packs take over.

use event::entry::EntryKind;
use event::ids::Timestamp;
use tlog::TreeSize;
use tlog::hash::leaf_hash;

use super::*;

fn grown(count: u64) -> (Tree, CompactRange) {
    let (mut tree, mut range) = (Tree::default(), CompactRange::new());
    let mut first = 0;
    while first < count {
        let roots: Vec<_> =
            (first..count.min(first + 1000)).map(|n| leaf_hash(&n.to_be_bytes())).collect();
        let kinds = std::iter::repeat(EntryKind::Event);
        let leaves = grow(&mut range, Timestamp(first), &roots, kinds);
        tree.extend(&leaves);
        first += length_u64(roots.len());
    }
    (tree, range)
}

fn root(tree: &Tree, size: u64) -> Result<Hash, Node> {
    tlog::proof::root(TreeSize(size), &mut |node| tree.get(node).ok_or(node))
}

#[test]
fn every_earlier_root_is_there() {
    let (tree, range) = grown(700);
    assert_eq!(tree.size(), 700);
    assert_eq!(root(&tree, 700), Ok(range.root()));
    for size in [1, 2, 255, 256, 257, 511, 699] {
        assert_eq!(root(&tree, size), Ok(grown(size).1.root()), "{size}");
    }
    assert_eq!(tree.get(Node { level: 0, index: 700 }), None);
    assert_eq!(tree.entries(0, 701), None);
    assert_eq!(tree.entries(3, 5).unwrap().len(), 2 * ENTRY_BYTES);
}

#[test]
fn what_packs_hold_is_let_go_and_the_rest_stays() {
    let count = 2 * PACK_ENTRIES + 10;
    let (mut tree, range) = grown(count);
    tree.forget_below(0);
    assert!(tree.get(Node { level: 0, index: 0 }).is_some(), "nothing was let go");
    tree.forget_below(PACK_ENTRIES);
    assert_eq!(tree.get(Node { level: 7, index: 0 }), None);
    assert_eq!(tree.entries(PACK_ENTRIES - 1, PACK_ENTRIES), None);
    assert!(tree.get(Node { level: 0, index: PACK_ENTRIES }).is_some());
    assert!(tree.get(Node { level: 8, index: 0 }).is_some(), "levels from 8 up are kept");
    assert_eq!(root(&tree, count), Ok(range.root()));
    assert_eq!(tree.entries(PACK_ENTRIES, count).unwrap().len(), ENTRY_BYTES * 65_546);
    let mut longer = range;
    let leaves = grow(
        &mut longer,
        Timestamp(u64::MAX),
        &[leaf_hash(b"more")],
        std::iter::once(EntryKind::Key),
    );
    tree.extend(&leaves);
    assert_eq!(root(&tree, count + 1), Ok(longer.root()), "it grows on behind the packs");
}
