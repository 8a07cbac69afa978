//! Every proof against the definitions of RFC 6962 §2.1 and of RANGE, written down as naively as they read.

use indelible_tlog::hash::{EMPTY_ROOT, Hash, node_hash};
use indelible_tlog::tree::TreeSize;
use indelible_tlog::{proof, tree};
use proptest::prelude::*;

use crate::store::Store;

/// `MTH(D[n])`.
pub(crate) fn mth(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => EMPTY_ROOT,
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(cut(leaves.len()));
            node_hash(&mth(left), &mth(right))
        }
    }
}

/// `PATH(m, D[n])`.
fn path(m: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let k = cut(leaves.len());
    let (left, right) = leaves.split_at(k);
    let (mut below, beside) =
        if m < k { (path(m, left), mth(right)) } else { (path(m - k, right), mth(left)) };
    below.push(beside);
    below
}

/// `SUBPROOF(m, D[n], b)`; `PROOF(m, D[n])` is the one with `b` true.
fn subproof(m: usize, leaves: &[Hash], is_whole: Whole) -> Vec<Hash> {
    if m == leaves.len() {
        return if is_whole == Whole::Yes { Vec::new() } else { vec![mth(leaves)] };
    }
    let k = cut(leaves.len());
    let (left, right) = leaves.split_at(k);
    let (mut below, beside) = if m <= k {
        (subproof(m, left, is_whole), mth(right))
    } else {
        (subproof(m - k, right, Whole::No), mth(left))
    };
    below.push(beside);
    below
}

/// The flag `b` of SUBPROOF.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whole {
    Yes,
    No,
}

/// `RANGE(a, b, D[lo:hi])` of the formats.
fn range(a: usize, b: usize, lo: usize, leaves: &[Hash]) -> Vec<Hash> {
    let hi = lo + leaves.len();
    if a <= lo && hi <= b {
        return Vec::new();
    }
    let m = lo + cut(leaves.len());
    let (left, right) = leaves.split_at(m - lo);
    match (a < m, m < b) {
        (true, true) => [range(a, b, lo, left), range(a, b, m, right)].concat(),
        (true, false) => [range(a, b, lo, left), vec![mth(right)]].concat(),
        (false, _) => [range(a, b, m, right), vec![mth(left)]].concat(),
    }
}

/// The largest power of two below `n`.
fn cut(n: usize) -> usize {
    let mut k = 1;
    while k * 2 < n {
        k *= 2;
    }
    k
}

#[test]
fn every_small_tree_is_as_the_text_says() {
    for size in 0..=40_usize {
        let store = Store::numbered(size as u64);
        let whole = TreeSize(size as u64);
        assert_eq!(store.tree.root(), mth(&store.leaves));
        for old in 0..=size {
            let old_size = TreeSize(old as u64);
            let old_root = proof::root(old_size, &mut store.fetch()).unwrap();
            assert_eq!(old_root, mth(&store.leaves[..old]), "root of {old} in {size}");
            let consistency = proof::consistency(old_size, whole, &mut store.fetch()).unwrap();
            let expected =
                if old == 0 { Vec::new() } else { subproof(old, &store.leaves, Whole::Yes) };
            assert_eq!(consistency, expected, "{old} to {size}");
            let (older, newer) = ((old_size, &old_root), (whole, &store.tree.root()));
            assert_eq!(proof::verify_consistency(older, newer, &consistency), Ok(()));
        }
        for first in 0..size {
            let inclusion = proof::inclusion(first as u64, whole, &mut store.fetch()).unwrap();
            assert_eq!(inclusion, path(first, &store.leaves), "{first} in {size}");
            for end in first + 1..=size {
                check_range(&store, first, end);
            }
        }
    }
}

/// Makes the proof of a range, compares it with the model's, and checks it.
fn check_range(store: &Store, first: usize, end: usize) {
    let size = store.tree.size();
    let made = proof::range(first as u64, end as u64, size, &mut store.fetch()).unwrap();
    assert_eq!(made, range(first, end, 0, &store.leaves), "{first}..{end} of {size}");
    let tree = (size, &store.tree.root());
    let leaves = &store.leaves[first..end];
    assert_eq!(proof::verify_range(first as u64, leaves, &made, tree), Ok(()));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn larger_trees_are_as_the_text_says(size in 1_usize..1_200, at in any::<(u16, u16)>()) {
        let store = Store::numbered(size as u64);
        let (a, b) = (usize::from(at.0) % size, usize::from(at.1) % size);
        let (first, last) = (a.min(b), a.max(b));
        check_range(&store, first, last + 1);
        prop_assert_eq!(store.tree.root(), mth(&store.leaves));
        let (old, new) = (TreeSize(first as u64), TreeSize(last as u64 + 1));
        let made = proof::consistency(old, new, &mut store.fetch()).unwrap();
        let (old_root, new_root) = (mth(&store.leaves[..first]), mth(&store.leaves[..=last]));
        prop_assert_eq!(proof::verify_consistency((old, &old_root), (new, &new_root), &made), Ok(()));
    }

    #[test]
    fn a_range_that_was_put_away_grows_on(sizes in (0_u64..300, 0_u64..300)) {
        let (before, more) = sizes;
        let whole = Store::numbered(before + more);
        let first = Store::numbered(before).tree;
        let mut again = tree::CompactRange::from_parts(first.size(), first.hashes().to_vec()).unwrap();
        again.extend(whole.leaves[usize::try_from(before).unwrap()..].iter().copied());
        prop_assert_eq!(again, whole.tree);
    }
}
