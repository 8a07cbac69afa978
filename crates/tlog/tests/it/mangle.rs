//! Negative controls: whatever of a proof is changed, it fails, and no change makes it panic.

use indelible_tlog::proof::{verify_consistency, verify_range};
use indelible_tlog::tree::TreeSize;
use indelible_tlog::{Hash, proof};
use proptest::prelude::*;

use crate::model::mth;
use crate::store::Store;

/// `hash` with one bit flipped.
fn flipped(hash: &Hash, bit: u8) -> Hash {
    let mut bytes = hash.0;
    bytes[usize::from(bit) / 8] ^= 1 << (bit % 8);
    Hash(bytes)
}

/// `proof` without one hash, with one twice, and with one bit flipped, at each place.
fn mangled(proof: &[Hash], bit: u8) -> Vec<Vec<Hash>> {
    let mut all = vec![[proof, &[Hash([bit; 32])]].concat()];
    for at in 0..proof.len() {
        let mut without = proof.to_vec();
        let taken = without.remove(at);
        let mut twice = proof.to_vec();
        twice.insert(at, taken);
        let mut wrong = proof.to_vec();
        wrong[at] = flipped(&taken, bit);
        all.extend([without, twice, wrong]);
    }
    for at in 1..proof.len() {
        let mut swapped = proof.to_vec();
        swapped.swap(at - 1, at);
        all.push(swapped);
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_changed_range_verifies(size in 1_usize..200, at in any::<(u16, u16)>(), bit: u8) {
        let store = Store::numbered(size as u64);
        let (a, b) = (usize::from(at.0) % size, usize::from(at.1) % size);
        let (first, end) = (a.min(b), a.max(b) + 1);
        let (whole, root) = (TreeSize(size as u64), store.tree.root());
        let leaves = &store.leaves[first..end];
        let made = proof::range(first as u64, end as u64, whole, &mut store.fetch()).unwrap();
        prop_assert_eq!(verify_range(first as u64, leaves, &made, (whole, &root)), Ok(()));
        for wrong in mangled(&made, bit) {
            prop_assert!(verify_range(first as u64, leaves, &wrong, (whole, &root)).is_err());
        }
        let other_root = flipped(&root, bit);
        prop_assert!(verify_range(first as u64, leaves, &made, (whole, &other_root)).is_err());
        let mut other = leaves.to_vec();
        let changed = usize::from(bit) % other.len();
        other[changed] = flipped(&other[changed], bit);
        prop_assert!(verify_range(first as u64, &other, &made, (whole, &root)).is_err());
        for moved in [first.wrapping_sub(1), first + 1, first + size, usize::MAX] {
            prop_assert!(verify_range(moved as u64, leaves, &made, (whole, &root)).is_err());
        }
    }

    #[test]
    fn no_changed_consistency_verifies(sizes in (1_usize..200, 1_usize..200), bit: u8) {
        let (old, new) = (sizes.0.min(sizes.1), sizes.0.max(sizes.1));
        let store = Store::numbered(new as u64);
        let (old_root, new_root) = (mth(&store.leaves[..old]), mth(&store.leaves));
        let (old, new) = (TreeSize(old as u64), TreeSize(new as u64));
        let made = proof::consistency(old, new, &mut store.fetch()).unwrap();
        prop_assert_eq!(verify_consistency((old, &old_root), (new, &new_root), &made), Ok(()));
        for wrong in mangled(&made, bit) {
            prop_assert!(verify_consistency((old, &old_root), (new, &new_root), &wrong).is_err());
        }
        let (other_old, other_new) = (flipped(&old_root, bit), flipped(&new_root, bit));
        prop_assert!(verify_consistency((old, &other_old), (new, &new_root), &made).is_err());
        prop_assert!(verify_consistency((old, &old_root), (new, &other_new), &made).is_err());
    }

    #[test]
    fn no_input_makes_a_checker_panic(
        first: u64, size: u64, count in 0_usize..9, proof in prop::collection::vec(any::<[u8; 32]>(), 0..70),
    ) {
        let hashes: Vec<Hash> = proof.into_iter().map(Hash).collect();
        let root = Hash([0; 32]);
        let leaves = vec![root; count];
        for (first, size) in [(first, size), (first % 70, size % 70), (size.wrapping_sub(1), size)] {
            prop_assert!(verify_range(first, &leaves, &hashes, (TreeSize(size), &root)).is_err());
            let (older, newer) = (TreeSize(first), TreeSize(size));
            let other = Hash([1; 32]);
            prop_assert!(verify_consistency((older, &root), (newer, &other), &hashes).is_err());
        }
    }
}
