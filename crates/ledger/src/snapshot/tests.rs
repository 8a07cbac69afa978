//! Snapshots: written, read, and refused with any bit changed.

use proptest::prelude::*;

use super::*;
use crate::ledger::tests::{stream, tenant};

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
}

proptest! {
    #[test]
    fn senseless_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut signed = MAGIC.to_vec();
        signed.extend_from_slice(&[0, 1, 0, 0]);
        signed.extend_from_slice(&bytes);
        put_crc(&mut signed, 0);
        let decoded = Snapshot::decode(&signed);
        prop_assert!(decoded.is_err() || decoded.unwrap().encode() == signed);
    }
}
