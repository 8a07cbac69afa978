//! Areas: every decoder refuses what its encoder does not write.

use event::entry::EntryKind;
use proptest::prelude::*;
use tlog::hash::leaf_hash;

use super::*;

fn items(payloads: &[Vec<u8>]) -> Vec<Item> {
    let item = |payload: &Vec<u8>| Item {
        kind: EntryKind::Event,
        root: leaf_hash(payload),
        payload: payload.clone(),
        id: None,
    };
    payloads.iter().map(item).collect()
}

#[test]
fn small_areas_are_not_packed_and_large_ones_are() {
    let small = items(&[vec![b'a'; PACK_BYTES_MIN - 5]]);
    assert!(pack(&small).is_none(), "one byte below the limit, its length counted in");
    let large = items(&[vec![b'a'; PACK_BYTES_MIN - 4]]);
    let packed = pack(&large).unwrap();
    let raw = unpack(&packed.bytes, Codec::Zstd, packed.raw_bytes).unwrap();
    assert_eq!(raw, payload(large.iter()));
    for wrong in [packed.raw_bytes - 1, packed.raw_bytes + 1, u32::MAX] {
        assert_eq!(unpack(&packed.bytes, Codec::Zstd, wrong), Err(Short), "{wrong}");
    }
}

#[test]
fn padding_and_leftovers_are_refused() {
    let some = ids_area([Some(EventId([1; 16])), None].into_iter());
    assert_eq!(decode_ids(&some, 2).unwrap(), [Some(EventId([1; 16])), None]);
    assert_eq!(decode_ids(&some, 9), Err(Short), "more records than bits");
    let mut padded = some.clone();
    padded[0] |= 1;
    padded.extend_from_slice(&[0; 16]);
    assert_eq!(decode_ids(&padded, 2), Err(Short), "a bit behind the last record");
    let blob = |length| KeyBlob { kind: 1, id: 2, bytes: vec![0; length] };
    assert!(decode_keys(&keys(&[blob(KEY_BYTES_MAX)])).is_ok());
    assert_eq!(decode_keys(&keys(&[blob(KEY_BYTES_MAX + 1)])), Err(Short));
    assert!(decode_keys(&keys(&vec![blob(1); KEYS_MAX])).is_ok());
    assert_eq!(decode_keys(&keys(&vec![blob(1); KEYS_MAX + 1])), Err(Short));
    assert!(decode_roots(&[0; 33]).is_err());
}

proptest! {
    #[test]
    fn any_ids_survive(ids in prop::collection::vec(any::<Option<[u8; 16]>>(), 0..40)) {
        let ids: Vec<_> = ids.into_iter().map(|id| id.map(EventId)).collect();
        let area = ids_area(ids.iter().copied());
        prop_assert_eq!(decode_ids(&area, length_u32(ids.len())), Ok(ids));
    }

    #[test]
    fn senseless_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), count in 0_u32..50) {
        let ids = decode_ids(&bytes, count);
        prop_assert!(ids.is_err() || ids_area(ids.unwrap().into_iter()) == bytes);
        let blobs = decode_keys(&bytes);
        prop_assert!(blobs.is_err() || keys(&blobs.unwrap()) == bytes);
        if let Ok(places) = split(&bytes, count) {
            prop_assert_eq!(places.last().map_or(0, |place| place.end), bytes.len());
        }
        prop_assert!(unpack(&bytes, Codec::Zstd, 100).is_ok_and(|raw| raw.len() == 100) || bytes.len() < 200);
    }
}
