//! The compact range by table; what it must equal stands in `tests/it/model.rs`.

use super::*;
use crate::hash::leaf_hash;

fn grown(size: u64) -> (CompactRange, Vec<(Node, Hash)>) {
    let (mut tree, mut nodes) = (CompactRange::new(), Vec::new());
    for index in 0..size {
        tree.push_with(leaf_hash(&index.to_be_bytes()), |node, hash| nodes.push((node, hash)));
    }
    (tree, nodes)
}

#[test]
fn the_sink_hears_of_every_complete_subtree_once() {
    let (tree, nodes) = grown(11);
    let places: Vec<_> = nodes.iter().map(|(node, _)| (node.level, node.index)).collect();
    let expected = [
        [(0, 0)].as_slice(),
        &[(0, 1), (1, 0)],
        &[(0, 2)],
        &[(0, 3), (1, 1), (2, 0)],
        &[(0, 4)],
        &[(0, 5), (1, 2)],
        &[(0, 6)],
        &[(0, 7), (1, 3), (2, 1), (3, 0)],
        &[(0, 8)],
        &[(0, 9), (1, 4)],
        &[(0, 10)],
    ];
    assert_eq!(places, expected.concat());
    let kept: Vec<Hash> = complete_subtrees(0, 11)
        .map(|wanted| nodes.iter().find(|(node, _)| *node == wanted).expect("was sunk").1)
        .collect();
    assert_eq!(tree.hashes(), kept);
}

#[test]
fn parts_come_back_and_only_fitting_ones() {
    let (tree, _) = grown(7);
    let parts = (tree.size(), tree.hashes().to_vec());
    assert_eq!(CompactRange::from_parts(parts.0, parts.1.clone()), Some(tree));
    for size in [0, 1, 3, 8, 15] {
        assert_eq!(CompactRange::from_parts(TreeSize(size), parts.1.clone()), None, "size {size}");
    }
    assert_eq!(
        CompactRange::from_parts(TreeSize(0), Vec::new()).map(|t| t.root()),
        Some(EMPTY_ROOT)
    );
}

#[test]
fn subtrees_of_a_range_are_those_of_its_bits() {
    let node = |level, index| Node { level, index };
    let cases = [
        (0, 0, vec![]),
        (0, 6, vec![node(2, 0), node(1, 2)]),
        (4, 7, vec![node(1, 2), node(0, 6)]),
        (1 << 63, u64::MAX, (0..63).rev().map(|l| node(l, (u64::MAX >> l) - 1)).collect()),
    ];
    for (first, end, nodes) in cases {
        assert_eq!(complete_subtrees(first, end).collect::<Vec<_>>(), nodes, "{first}..{end}");
    }
}
