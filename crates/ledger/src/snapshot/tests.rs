//! Snapshots: written, read, and refused with any bit changed.

use proptest::prelude::*;

use super::*;
use crate::ledger::tests::{stream, tenant};

fn file(level: u8, number: u64) -> Listed {
    Listed { number, level, count: 3, sha256: [5; 32] }
}

fn sample() -> Snapshot {
    let state = |name: &str, size: u64| TenantState {
        tenant: tenant(name),
        size,
        received_at: Timestamp(7),
        packs_end: 0,
        hashes: vec![Hash([6; 32]); size.count_ones() as usize],
        keys: vec![KeyBlob { kind: 1, id: 1, bytes: vec![2; 61] }],
        streams: vec![(stream("p", 1), 4, Timestamp(6)), (stream("p", 2), 9, Timestamp(7))],
    };
    Snapshot {
        store: StoreName::parse("a-store").unwrap(),
        shard: 0,
        seq: 12,
        hash: [3; 32],
        idle: vec![file(1, 7), file(0, 4), file(0, 9)],
        tenants: vec![state("acme", 5), state("beta", 1)],
    }
}

#[test]
fn no_flipped_bit_and_no_cut_passes() {
    let good = sample();
    let mut bytes = good.encode();
    assert_eq!(Snapshot::decode(&bytes), Ok(good));
    for bit in 0..bytes.len() * 8 {
        bytes[bit / 8] ^= 0x80 >> (bit % 8);
        assert_eq!(Snapshot::decode(&bytes), Err(Short), "bit {bit}");
        bytes[bit / 8] ^= 0x80 >> (bit % 8);
    }
    for length in 0..bytes.len() {
        assert_eq!(Snapshot::decode(&bytes[..length]), Err(Short), "cut at {length}");
    }
}

#[test]
fn contradictions_are_refused_under_a_good_crc() {
    let mut twice = sample();
    twice.tenants[1] = twice.tenants[0].clone();
    assert_eq!(Snapshot::decode(&twice.encode()), Err(Short), "a tenant twice");
    let mut few = sample();
    few.tenants[0].hashes.pop();
    assert_eq!(Snapshot::decode(&few.encode()), Err(Short), "too few hashes for the size");
    let mut ahead = sample();
    ahead.tenants[0].packs_end = 6;
    assert_eq!(Snapshot::decode(&ahead.encode()), Err(Short), "packs beyond the tree");
    let mut streams = sample();
    streams.tenants[0].streams.swap(0, 1);
    assert_eq!(Snapshot::decode(&streams.encode()), Err(Short), "streams out of order");
    let mut unnumbered = sample();
    unnumbered.tenants[0].streams[0].1 = 0;
    assert_eq!(Snapshot::decode(&unnumbered.encode()), Err(Short), "numbers begin at 1");
    for (files, what) in [
        (vec![file(0, 4), file(0, 4)], "a file twice"),
        (vec![file(0, 9), file(0, 4)], "newer content before older"),
        (vec![file(0, 4), file(1, 7)], "a merged file behind one that is not"),
    ] {
        let snapshot = Snapshot { idle: files, ..sample() };
        assert_eq!(Snapshot::decode(&snapshot.encode()), Err(Short), "{what}");
    }
}

/// A store of the last version before streams could go idle starts.
#[test]
fn version_1_is_read_as_one_without_files() {
    let bare = Snapshot { idle: Vec::new(), ..sample() };
    let mut bytes = bare.encode();
    bytes[9] = 1;
    let count_at = 8 + 4 + 4 + 1 + bare.store.as_str().len() + 8 + 32;
    bytes.drain(count_at..count_at + 4);
    bytes.truncate(bytes.len() - 4);
    put_crc(&mut bytes, 0);
    assert_eq!(Snapshot::decode(&bytes), Ok(bare));
    bytes.truncate(bytes.len() - 4);
    bytes[9] = 3;
    put_crc(&mut bytes, 0);
    assert_eq!(Snapshot::decode(&bytes), Err(Short), "a version that is not known");
}

proptest! {
    #[test]
    fn senseless_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut signed = MAGIC.to_vec();
        signed.extend_from_slice(&[0, 2, 0, 0]);
        signed.extend_from_slice(&bytes);
        put_crc(&mut signed, 0);
        let decoded = Snapshot::decode(&signed);
        prop_assert!(decoded.is_err() || decoded.unwrap().encode() == signed);
    }
}
