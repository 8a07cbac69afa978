//! The entry's bytes, one by one.

use tlog::hash::Hash;

use super::{ENTRY_BYTES, Entry, EntryKind};
use crate::ids::Timestamp;

#[test]
fn an_entry_survives_its_bytes() {
    for kind in [EntryKind::Event, EntryKind::Key] {
        let entry =
            Entry { kind, received_at: Timestamp(0x0102_0304_0506_0708), root: Hash([7; 32]) };
        let bytes = entry.encode();
        assert_eq!(bytes[..10], [1, kind.byte(), 1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(bytes[10..], [7; 32]);
        assert_eq!(Entry::decode(&bytes), Some(entry));
    }
}

#[test]
fn other_bytes_are_damage() {
    let good =
        Entry { kind: EntryKind::Event, received_at: Timestamp(1), root: Hash([0; 32]) }.encode();
    for (offset, value) in [(0, 0), (0, 2), (1, 0), (1, 3), (1, 255)] {
        let mut bytes = good;
        bytes[offset] = value;
        assert_eq!(Entry::decode(&bytes), None, "byte {offset} = {value}");
    }
    assert_eq!(Entry::decode(&good[..ENTRY_BYTES - 1]), None);
    assert_eq!(Entry::decode(&[good.as_slice(), &[0]].concat()), None);
    assert_eq!(Entry::decode(&[]), None);
}
