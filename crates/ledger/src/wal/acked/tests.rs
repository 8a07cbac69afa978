//! The slot: written, read, and no information with any bit changed.

use super::*;
use crate::ledger::tests::MemoryDisk;

#[test]
fn a_slot_is_read_as_it_was_written() {
    let disk = MemoryDisk::default();
    assert_eq!(load(&disk).unwrap(), Slot::Missing);
    let acked = Acked { seq: 77, hash: [1; 32] };
    acked.write_durably(&disk).unwrap();
    assert_eq!(load(&disk).unwrap(), Slot::Names(acked));
    for bit in 0..SLOT_BYTES * 8 {
        disk.edit(ACKED, |bytes| bytes[bit / 8] ^= 0x80 >> (bit % 8));
        assert_eq!(load(&disk).unwrap(), Slot::Unreadable, "bit {bit}");
        disk.edit(ACKED, |bytes| bytes[bit / 8] ^= 0x80 >> (bit % 8));
    }
    disk.edit(ACKED, |bytes| bytes.push(0));
    assert_eq!(load(&disk).unwrap(), Slot::Unreadable, "a byte past the end");
    disk.edit(ACKED, |bytes| bytes.resize(5000, 0));
    assert_eq!(load(&disk).unwrap(), Slot::Unreadable, "far past the end");
}
