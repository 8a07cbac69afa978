//! A few rows of a file are those that all of its rows have, whichever row groups they stand in.

use std::collections::BTreeMap;

use arrow::array::{ArrayRef, RecordBatch, UInt32Array, UInt64Array};
use arrow::compute::{concat_batches, take_record_batch};

use super::*;
use crate::rows;
use crate::segment::tests::{on_disk, order, sample};
use crate::segment::world::FIRST;
use crate::segment::{Columns, GROUP_ROWS, Level, write};

/// The same rows again and again under indices of their own, as many as fill more than one row group.
fn groups() -> (event::ids::TenantId, RecordBatch) {
    let (tenant, batch, _) = sample(2_000);
    let times = GROUP_ROWS / batch.num_rows() + 1;
    let all = concat_batches(&batch.schema(), std::iter::repeat_n(&batch, times)).unwrap();
    let end = FIRST + u64::try_from(all.num_rows()).unwrap();
    let index: ArrayRef = Arc::new(UInt64Array::from_iter_values(FIRST..end));
    let place = all.schema().index_of(rows::INDEX).unwrap();
    let mut columns = all.columns().to_vec();
    columns[place] = index;
    (tenant, RecordBatch::try_new(all.schema(), columns).unwrap())
}

#[test]
fn rows_of_any_groups_are_those_of_the_whole_file() {
    let (tenant, batch) = groups();
    let last = u32::try_from(batch.num_rows()).unwrap() - 1;
    let group = u32::try_from(GROUP_ROWS).unwrap();
    let cases: [(&str, Vec<u32>); 6] = [
        ("the first", vec![0]),
        ("the last of a group", vec![group - 1]),
        ("the first of the next", vec![group]),
        ("the very last", vec![last]),
        ("some of both, in no order", vec![last, 5, group, 4_097, group - 1]),
        ("neighbours over the end of a group", (group - 3..group + 3).collect()),
    ];
    for level in [Level::L0, Level::L1] {
        let mut bytes = Vec::new();
        let known = write(&mut bytes, &batch, &order(&tenant, level, &BTreeMap::new())).unwrap();
        let disk = on_disk(&bytes, known);
        let segment = disk.open();
        for columns in [Columns::all(), Columns::of(&[rows::INDEX, rows::TARGETS])] {
            for (what, offsets) in &cases {
                let places = segment.rows_of(offsets).unwrap();
                let found = segment.take(&columns, &places).unwrap();
                let expected = take_record_batch(&batch, &UInt32Array::from(offsets.clone()));
                let expected = narrow(&expected.unwrap(), &columns);
                assert_eq!(found, expected, "{level:?}: {what}");
            }
        }
    }
}

fn narrow(batch: &RecordBatch, columns: &Columns) -> RecordBatch {
    let schema = columns.schema();
    let place = |name: &String| batch.schema().index_of(name).unwrap();
    let places: Vec<usize> = schema.fields().iter().map(|field| place(field.name())).collect();
    batch.project(&places).unwrap()
}

#[test]
fn only_groups_with_rows_are_opened() {
    let (tenant, batch) = groups();
    let mut bytes = Vec::new();
    let none = BTreeMap::new();
    let known = write(&mut bytes, &batch, &order(&tenant, Level::L0, &none)).unwrap();
    let disk = on_disk(&bytes, known);
    let footer = disk.open().footer().unwrap();
    let group = GROUP_ROWS;
    let (skip, select) = (RowSelector::skip, RowSelector::select);
    let cases: [(Vec<RowSelector>, &[usize], Vec<RowSelector>); 5] = [
        (vec![skip(7), select(1)], &[0], vec![skip(7), select(1)]),
        (vec![skip(group + 7), select(1)], &[1], vec![skip(7), select(1)]),
        (vec![select(group)], &[0], vec![select(group)]),
        (vec![select(1), skip(group), select(1)], &[0, 1], vec![select(1), skip(group), select(1)]),
        (vec![skip(group)], &[], vec![]),
    ];
    for (selected, groups, kept) in cases {
        let found = narrowed(footer.metadata().metadata(), selected.clone().into());
        assert_eq!(found, (groups.to_vec(), kept.into()), "{selected:?}");
    }
}

#[test]
fn bytes_that_do_not_unpack_are_an_error() {
    let unpacker = Unpacker::default();
    let packed = zstd::bulk::compress(&[7; 300], 3).unwrap();
    let whole = [&[1, 2], packed.as_slice()].concat();
    let good = unpacker.bytes(&whole.clone().into(), 2).unwrap();
    assert_eq!(good.as_ref(), [&[1, 2][..], &[7; 300]].concat());
    assert_eq!(unpacker.bytes(&Bytes::from_static(b"ab"), 2).unwrap().as_ref(), b"ab");
    let cases: [(&str, Vec<u8>, usize); 4] = [
        ("more levels than bytes", whole.clone(), whole.len() + 1),
        ("no frame", b"abcdefgh".to_vec(), 2),
        ("a frame that ends early", whole[..whole.len() - 1].to_vec(), 2),
        ("a frame that begins late", whole.clone(), 3),
    ];
    for (what, bytes, plain) in cases {
        assert!(unpacker.bytes(&bytes.into(), plain).is_err(), "{what}");
    }
    // What failed is no burden to what comes next.
    assert_eq!(unpacker.bytes(&whole.into(), 2).unwrap(), good);
}
