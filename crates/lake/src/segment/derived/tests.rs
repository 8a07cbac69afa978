//! What a file derives from its rows is that, or is named.

use sha2::{Digest as _, Sha256};

use super::super::tests::{NONE, on_disk, order, sample};
use super::super::write::{by_actor, encode, meta, name_index, whole};
use super::super::{About, Columns, Order, Print, Which, write};
use super::*;
use crate::steps::at_once;

const ROWS: usize = 3_000;

/// A file of the sample whose metadata and name index `forge` may change, and what checking it says.
fn said(level: Level, forge: impl FnOnce(&mut super::super::footer::Meta, &mut Vec<u8>)) -> String {
    let (tenant, batch, _) = sample(ROWS);
    let (counts, none) = (counts(&batch), NONE);
    let order = Order { rollup: &counts, ..order(&tenant, level, &none) };
    let whole = whole(&batch, &order).unwrap();
    let mut meta = meta(&whole, &order).unwrap();
    let sorted = (level == Level::L1).then(|| by_actor(&batch).unwrap());
    let mut index = name_index(&batch, sorted.as_deref()).unwrap();
    forge(&mut meta, &mut index);
    let mut bytes = Vec::new();
    let about = meta.about.clone();
    let print = encode(&mut bytes, (&whole, &at_once), (meta, sorted.as_deref(), &index)).unwrap();
    checked(&bytes, (about, print), &counts)
}

fn counts(batch: &RecordBatch) -> Vec<u8> {
    Rollup::encode(Rollup::of(batch).unwrap().as_ref())
}

fn checked(bytes: &[u8], known: (About, Print), counts: &[u8]) -> String {
    let disk = on_disk(bytes, known);
    let segment = disk.open();
    let checked = || {
        let mut derived = segment.derived()?;
        // Batches that end within a row group and within an actor's rows.
        for batch in segment.reader(&Columns::all(), Which::All, 700)? {
            derived.add(&batch?)?;
        }
        derived.finish(counts)
    };
    checked().map_or_else(|error| error.to_string(), |()| "sound".to_owned())
}

#[test]
fn what_was_written_is_what_its_rows_make() {
    for level in [Level::L0, Level::L1] {
        assert_eq!(said(level, |_, _| {}), "sound");
    }
}

#[test]
fn i2_a_forged_index_range_or_count_is_named() {
    /// The index of the names of all rows but the last.
    fn without_last(_: &mut super::super::footer::Meta, index: &mut Vec<u8>) {
        let (_, batch, _) = sample(ROWS);
        *index = name_index(&batch.slice(0, batch.num_rows() - 1), None).unwrap();
    }
    type Forge = fn(&mut super::super::footer::Meta, &mut Vec<u8>);
    let table: [(Level, Forge, &str); 5] = [
        (Level::L0, without_last, "name index"),
        (Level::L1, without_last, "name index"),
        (Level::L0, |meta, _| meta.about.received_at.1 += 1, "times or counts"),
        (Level::L0, |meta, _| meta.about.occurred_at = None, "times or counts"),
        (Level::L0, |meta, _| meta.rollup = Vec::new(), "its counts"),
    ];
    for (level, forge, words) in table {
        let said = said(level, forge);
        assert!(said.contains(words), "{words}: {said}");
    }
    // A sorted file whose rows are in index order.
    let said = said(Level::L0, |meta, _| meta.about.level = Level::L1);
    assert!(said.contains("not sorted"), "{said}");
}

#[test]
fn i2_a_filter_that_denies_an_id_is_named() {
    let (tenant, batch, _) = sample(ROWS);
    let (counts, none) = (counts(&batch), NONE);
    let order = Order { rollup: &counts, ..order(&tenant, Level::L0, &none) };
    let mut bytes = Vec::new();
    let (about, mut print) = write(&mut bytes, &batch, &order).unwrap();
    let disk = on_disk(&bytes, (about.clone(), print));
    let footer = disk.open().footer().unwrap();
    let group = footer.metadata().metadata().row_group(0);
    let id = group.columns().iter().find(|column| column.column_path().string() == rows::ID);
    let start = usize::try_from(id.unwrap().bloom_filter_offset().unwrap()).unwrap();
    // Behind its short head the filter is bits.
    bytes[start + 64..start + 1_024].fill(0);
    print.sha256 = Sha256::digest(&bytes).into();
    let said = checked(&bytes, (about, print), &counts);
    assert!(said.contains("a filter denies"), "{said}");
}
