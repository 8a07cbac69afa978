//! Planted damage: every changed byte is seen, and no reader panics or gives other rows.

use super::tests::{Disk, on_disk, order, sample, truth};
use super::*;
use crate::steps::at_once;
use proptest::prelude::*;

/// A small file that has everything, its bytes and its rows' records.
struct Sound {
    disk: Disk,
    bytes: Vec<u8>,
    records: Vec<Vec<u8>>,
    batch: arrow::array::RecordBatch,
}

fn sound(level: Level) -> Sound {
    let (tenant, batch, mut records) = sample(12);
    records[5].reverse();
    let exact = BTreeMap::from([(world::FIRST + 5, records[5].clone())]);
    let mut bytes = Vec::new();
    let known = write(&mut bytes, &batch, &order(&tenant, level, &exact)).unwrap();
    Sound { disk: on_disk(&bytes, known), bytes, records, batch }
}

impl Sound {
    /// Whether a file of these bytes, vouched for by nobody but itself, gives the rows of the sound
    /// one; an error or a difference that `compare` or `verify` sees is fine, other rows are not.
    fn is_seen_or_harmless(&self, bytes: &[u8]) -> bool {
        let known = self.disk.known.clone();
        let damaged = on_disk(bytes, known);
        let Ok(described) = describe(&damaged.store, &damaged.name) else { return true };
        let cache = Arc::new(Cache::new(1 << 20));
        let print = described.print;
        let opened = Segment::open(&damaged.store, &damaged.name, (described.about, print), &cache);
        let Ok(segment) = opened else { return true };
        let compared = compare(&segment, &mut truth(&self.records), &at_once);
        if compared.is_err() || compared.is_ok_and(|found| !found.is_empty()) {
            return true;
        }
        if segment.verify().map_or(true, |found| found.is_some()) {
            return true;
        }
        segment.batch(&Columns::all()).unwrap() == self.batch
    }

    fn footer(&self) -> usize {
        self.bytes.len() - usize::try_from(self.disk.known.1.footer_bytes).unwrap()
    }
}

#[test]
fn every_flipped_byte_is_seen_by_the_hash_of_the_file() {
    let sound = sound(Level::L1);
    assert_eq!(sound.disk.open().verify().unwrap(), None);
    for place in 0..sound.bytes.len() {
        let mut bytes = sound.bytes.clone();
        bytes[place] ^= 1 << (place % 8);
        let damaged = on_disk(&bytes, sound.disk.known.clone());
        assert_eq!(damaged.open().verify().unwrap(), Some(Difference::File), "byte {place}");
    }
}

#[test]
fn every_flipped_byte_of_a_footer_is_refused_before_it_is_parsed() {
    let sound = sound(Level::L0);
    assert!(sound.disk.open().footer().is_ok());
    for place in sound.footer()..sound.bytes.len() {
        let mut bytes = sound.bytes.clone();
        bytes[place] ^= 1 << (place % 8);
        let refused = on_disk(&bytes, sound.disk.known.clone()).open().footer().unwrap_err();
        assert!(refused.to_string().contains("not the one that is known of it"), "{refused}");
    }
}

#[test]
fn a_flipped_byte_before_the_footer_never_gives_other_rows() {
    // Where even the catalog was made to vouch for the damaged file.
    for level in [Level::L0, Level::L1] {
        let sound = sound(level);
        assert!(sound.is_seen_or_harmless(&sound.bytes));
        for place in (0..sound.footer()).step_by(11) {
            let mut bytes = sound.bytes.clone();
            bytes[place] ^= 1 << (place % 8);
            assert!(sound.is_seen_or_harmless(&bytes), "byte {place}");
        }
    }
}

#[test]
fn a_file_of_another_length_and_a_missing_one_are_refused() {
    let sound = sound(Level::L0);
    let mut longer = sound.bytes.clone();
    longer.push(0);
    for bytes in [&longer[..], &sound.bytes[1..], &[]] {
        let damaged = on_disk(bytes, sound.disk.known.clone());
        let cache = Arc::new(Cache::new(1 << 20));
        let known = damaged.known.clone();
        assert!(Segment::open(&damaged.store, &damaged.name, known, &cache).is_err());
        assert!(describe(&damaged.store, &damaged.name).is_err());
    }
    let disk = &sound.disk;
    let cache = Arc::new(Cache::new(1 << 20));
    assert!(Segment::open(&disk.store, "lake/none", disk.known.clone(), &cache).is_err());
}

#[test]
fn a_file_in_the_place_of_another_is_refused() {
    let sound = sound(Level::L0);
    let mut known = sound.disk.known.clone();
    known.0.class = "other".to_owned();
    let refused = on_disk(&sound.bytes, known).open().footer();
    assert!(refused.unwrap_err().to_string().contains("not what the catalog says"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn bytes_changed_before_the_footer_never_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
    ) {
        let sound = sound(Level::L0);
        let mut bytes = sound.bytes.clone();
        for (place, byte) in changes {
            let place = place.index(sound.footer());
            bytes[place] = byte;
        }
        prop_assert!(sound.is_seen_or_harmless(&bytes));
    }
}
