//! Proofs at their edges; the rest is held against a model in `tests/it`.

use super::*;
use crate::hash::leaf_hash;

type Fetched = Result<Hash, Error>;

fn leaves(count: u64) -> Vec<Hash> {
    (0..count).map(|index| leaf_hash(&index.to_be_bytes())).collect()
}

/// The hash of a complete subtree over `leaves`.
fn node(leaves: &[Hash], node: Node) -> Fetched {
    let first = usize::try_from(node.index << node.level).unwrap();
    let mut tree = CompactRange::new();
    tree.extend(leaves[first..first + (1 << node.level)].iter().copied());
    Ok(tree.root())
}

#[test]
fn what_is_no_range_is_refused() {
    let all = leaves(7);
    let cases =
        [(0, 0, 7), (7, 1, 7), (6, 2, 7), (u64::MAX, 1, 7), (u64::MAX - 1, 2, 7), (0, 1, 0)];
    for (first, count, size) in cases {
        let answer = root_of_range(first, &all[..count], TreeSize(size), &[]);
        assert!(matches!(answer, Err(Error::OutsideTree { .. })), "{first} {count} {size}");
    }
}

#[test]
fn a_range_proof_of_a_batch_is_as_the_format_says() {
    // D[0:7] and [2, 5): of D[0:4] the left half, of D[4:7] leaf 5, then leaf 6.
    let all = leaves(7);
    let proof = range(2, 5, TreeSize(7), &mut |n| node(&all, n)).unwrap();
    assert_eq!(proof, [node(&all, Node { level: 1, index: 0 }).unwrap(), all[5], all[6]]);
    let whole = range(0, 7, TreeSize(7), &mut |n| node(&all, n)).unwrap();
    assert_eq!(whole, []);
    assert_eq!(
        root_of_range(0, &all, TreeSize(7), &[]).unwrap(),
        root(TreeSize(7), &mut |n| node(&all, n)).unwrap()
    );
}

#[test]
fn a_failed_fetch_comes_back() {
    let no_node = |_: Node| -> Result<Hash, &str> { Err("no node") };
    assert_eq!(range(0, 1, TreeSize(2), &mut { no_node }), Err("no node"));
    assert_eq!(consistency(TreeSize(1), TreeSize(2), &mut { no_node }), Err("no node"));
    assert_eq!(root(TreeSize(3), &mut { no_node }), Err("no node"));
    assert_eq!(root(TreeSize(0), &mut { no_node }), Ok(EMPTY_ROOT));
}

#[test]
fn consistency_at_its_edges() {
    let all = leaves(6);
    let root_at = |size| root(TreeSize(size), &mut |n| node(&all, n)).unwrap();
    let check = |old: u64, new: u64, proof: &[Hash]| {
        verify_consistency((TreeSize(old), &root_at(old)), (TreeSize(new), &root_at(new)), proof)
    };
    assert_eq!(check(0, 6, &[]), Ok(()));
    assert_eq!(check(0, 6, &[all[0]]), Err(Error::ProofLength { found: 1, much: "many" }));
    assert_eq!(check(6, 6, &[]), Ok(()));
    assert_eq!(check(6, 6, &[all[0]]), Err(Error::ProofLength { found: 1, much: "many" }));
    assert_eq!(check(6, 5, &[]), Err(Error::OutsideTree { first: 0, end: 6, size: 5 }));
    assert_eq!(check(5, 6, &[]), Err(Error::ProofLength { found: 0, much: "few" }));
    let forked = verify_consistency((TreeSize(6), &root_at(6)), (TreeSize(6), &root_at(5)), &[]);
    assert_eq!(forked, Err(Error::RootMismatch { size: 6 }));
    let not_empty = verify_consistency((TreeSize(0), &root_at(1)), (TreeSize(6), &root_at(6)), &[]);
    assert_eq!(not_empty, Err(Error::RootMismatch { size: 0 }));
}

#[test]
fn the_largest_trees_are_walked() {
    let size = TreeSize(u64::MAX);
    let mut fetched = 0;
    let mut any = |_| -> Fetched {
        fetched += 1;
        Ok(EMPTY_ROOT)
    };
    for index in [0, 1 << 63, u64::MAX - 1] {
        let proof = inclusion(index, size, &mut any).unwrap();
        assert!(root_of_range(index, &[EMPTY_ROOT], size, &proof).is_ok());
    }
    let old = TreeSize(u64::MAX - 1);
    assert!(consistency(old, size, &mut any).unwrap().len() <= PROOF_HASHES_MAX);
    assert!(fetched <= 4 * 2 * 64, "{fetched} nodes were asked for");
}
