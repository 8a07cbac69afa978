//! No slot twice, across blocks, threads and the age of a block.

use std::collections::BTreeSet;

use super::*;

fn tenant() -> TenantId {
    TenantId::parse("t").expect("a tenant name")
}

fn taken(reserved: &Reserved) -> Vec<(u64, u32)> {
    let runs = reserved.slots();
    runs.iter().flat_map(|run| run.slots.clone().map(|slot| (run.block.id, slot))).collect()
}

#[test]
fn slots_are_given_out_once_and_blocks_travel_along() {
    let salts = Salts::default();
    let mut seen = BTreeSet::new();
    for count in [1, 4_095, 1, 10_000, 500] {
        let reserved = salts.reserve(&tenant(), count, 0);
        let slots = taken(&reserved);
        assert_eq!(slots.len(), count);
        let blobs: BTreeSet<u64> = reserved.blobs().map(|blob| blob.id).collect();
        for (block, slot) in slots {
            assert!(slot < SALT_BLOCK_SLOTS);
            assert!(blobs.contains(&block));
            assert!(seen.insert((block, slot)), "slot {slot} of block {block} twice");
        }
    }
}

#[test]
fn a_block_is_not_used_after_an_hour() {
    let salts = Salts::default();
    let first = taken(&salts.reserve(&tenant(), 1, 0));
    let same = taken(&salts.reserve(&tenant(), 1, SALT_BLOCK_AGE_NS - 1));
    let next = taken(&salts.reserve(&tenant(), 1, SALT_BLOCK_AGE_NS));
    assert_eq!(first[0].0, same[0].0);
    assert_ne!(first[0].0, next[0].0);
}

#[test]
fn threads_do_not_share_a_slot() {
    let salts = Salts::default();
    let all: Vec<(u64, u32)> = std::thread::scope(|scope| {
        let reserve = || (0..200).flat_map(|_| taken(&salts.reserve(&tenant(), 37, 0))).collect();
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(reserve)).collect();
        let joined =
            threads.into_iter().flat_map(|thread| -> Vec<_> { thread.join().expect("joined") });
        joined.collect()
    });
    let distinct: BTreeSet<_> = all.iter().collect();
    assert_eq!(distinct.len(), all.len());
    assert_eq!(all.len(), 4 * 200 * 37);
}
