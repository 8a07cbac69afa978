//! Every name is found with all its rows; bytes that are no index are refused.

use super::*;
use crate::segment::world::{World, bench_events};
use arrow::datatypes::Schema;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

fn build(entries: &[(u32, u32)]) -> Vec<u8> {
    let mut builder = Builder::default();
    entries.iter().for_each(|(hash, offset)| builder.add(*hash, *offset));
    builder.finish()
}

/// What an index says of a hash; `None` if it is damaged.
fn ask(index: &[u8], hash: u32, rows: u32) -> Option<Vec<u32>> {
    let length = Directory::bytes(index.get(..HEAD_BYTES)?, u64::from(rows) * 65)?;
    let directory = Directory::decode(index.get(..length)?, index.len())?;
    match directory.place(hash) {
        Some((number, range)) => directory.look_up(number, index.get(range)?, (hash, rows)),
        None => Some(Vec::new()),
    }
}

fn entries() -> impl Strategy<Value = Vec<(u32, u32)>> {
    let hash = prop_oneof![any::<u32>(), 0_u32..50, u32::MAX - 5..=u32::MAX];
    prop::collection::vec((hash, 0_u32..5_000), 0..2_000)
}

proptest! {
    #[test]
    fn every_name_is_found_with_its_rows_newest_first(entries in entries()) {
        let index = build(&entries);
        // What is left of hashes: names that are alike in it are found together.
        let kept = |hash: u32| hash >> index[1];
        let mut due: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
        for (hash, offset) in &entries {
            due.entry(kept(*hash)).or_default().insert(*offset);
        }
        for (hash, _) in &entries {
            let found = ask(&index, *hash, 5_000).unwrap();
            let offsets = &due[&kept(*hash)];
            prop_assert_eq!(found, offsets.iter().rev().copied().collect::<Vec<_>>());
            let next = hash.wrapping_add(1 << index[1]);
            if !due.contains_key(&kept(next)) {
                prop_assert_eq!(ask(&index, next, 5_000), Some(Vec::new()));
            }
        }
    }

    #[test]
    fn a_flipped_bit_is_refused_or_changes_nothing(
        entries in entries(), place in any::<prop::sample::Index>(), bit in 0_u8..8,
    ) {
        let mut index = build(&entries);
        let sound = index.clone();
        let place = place.index(index.len());
        index[place] ^= 1 << bit;
        for (hash, _) in entries.iter().take(200) {
            let (before, after) = (ask(&sound, *hash, 5_000), ask(&index, *hash, 5_000));
            // The directory is under the footer's hash in a file; alone it may only be refused or
            // point elsewhere, where the check of the block tells.
            if place >= Directory::bytes(&sound, u64::MAX).unwrap() {
                prop_assert!(after.is_none() || after == before);
            }
        }
    }

    #[test]
    fn any_bytes_are_taken_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), hash: u32) {
        let _ = ask(&bytes, hash, 100);
        let _ = look_up(0, &bytes, hash, 100);
    }
}

#[test]
fn hashes_never_change() {
    assert_eq!(actor("ana@acme"), 0x364e_b8d9);
    assert_eq!(target("invoice", "10021"), 0xdde7_d120);
    assert_ne!(target("a", "bc"), target("ab", "c"));
    assert_ne!(actor("a"), target("a", ""));
}

#[test]
fn the_index_of_rows_in_memory_has_every_name_with_its_rows() {
    let mut world = World::new();
    for (item, seq) in bench_events(300).iter().zip(1..) {
        world.send(item.as_bytes(), Some(seq));
    }
    let (batch, _) = world.finish();
    let index = Index::of(&batch).unwrap();
    let mut due: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
    each(&batch, |hash, row| {
        due.entry(hash).or_default().insert(row);
    })
    .unwrap();
    assert!(due.len() > 100 && due.values().any(|rows| rows.len() > 1));
    for (hash, rows) in &due {
        assert!(index.rows(*hash).eq(rows.iter().copied()), "{hash}");
        assert!(due.contains_key(&(hash ^ 1)) || index.rows(hash ^ 1).next().is_none());
    }
    assert!(Index::of(&RecordBatch::new_empty(Arc::new(Schema::empty()))).is_none());
}
