//! Packs: written, read, and refused with any byte changed.

use event::entry::EntryKind;
use event::ids::Timestamp;

use super::*;
use crate::ledger::tests::{MemoryDisk, tenant};
use crate::tree::grow;

fn source() -> PackSource {
    let (mut tree, mut range) = (Tree::default(), CompactRange::new());
    let roots: Vec<_> = (0..PACK_ENTRIES).map(|n| leaf_hash(&n.to_be_bytes())).collect();
    let leaves = grow(&mut range, Timestamp(5), &roots, std::iter::repeat(EntryKind::Event));
    tree.extend(&leaves);
    PackSource::take(&tree, 0, PACK_ENTRIES).unwrap()
}

#[test]
fn a_pack_is_read_as_it_was_written_and_is_small() {
    let (disk, acme, source) = (MemoryDisk::default(), tenant("acme"), source());
    write(&disk, &acme, 0, &source).unwrap();
    let bytes = disk.bytes(&names::pack(&acme, 0));
    assert!(bytes.len() < 36 * 65_536, "at most 36 bytes an event: {}", bytes.len());
    let cache = PackCache::default();
    let node = Node { level: 8, index: 3 };
    let below = [6, 7].map(|index| cache.node(&disk, &acme, Node { level: 7, index }).unwrap());
    let above = tlog::hash::node_hash(&below[0], &below[1]);
    assert_eq!(above, source.nodes[usize::try_from(node.index).unwrap()]);
    assert_eq!(cache.entries(&disk, &acme, 256..512).unwrap(), source.entries[256 * 42..512 * 42]);
    assert!(read(&disk, &acme, PACK_ENTRIES).is_err(), "no such pack");
    disk.rename(&names::pack(&acme, 0), &names::pack(&tenant("beta"), 0)).unwrap();
    assert!(read(&disk, &tenant("beta"), 0).is_err(), "another tenant's pack");
}

#[test]
fn no_changed_byte_passes() {
    let mut bytes = encode(&tenant("acme"), 0, &source()).unwrap();
    let length = bytes.len();
    let header = decode_head(&bytes).unwrap().header_bytes;
    let places = (0..header).step_by(211).chain((header..length).step_by(length / 5));
    for place in (0..48).chain(places).chain([header - 1, length - 1]) {
        bytes[place] ^= 4;
        assert!(decode(&bytes).is_err(), "byte {place}");
        bytes[place] ^= 4;
    }
    assert!(decode(&bytes[..length - 1]).is_err());
    bytes.push(0);
    assert!(decode(&bytes).is_err(), "a byte past the end");
    bytes.pop();
    assert!(decode(&bytes).is_ok());
}
