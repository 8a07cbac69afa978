//! Partials count every row once, merge exactly, and survive their bytes.

use event::ids::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::rows::testing::rows;

const AT: u64 = 1_700_000_000_000_000_000;

fn batch(first: u64, count: usize) -> RecordBatch {
    rows(first, count).place(first, Timestamp(AT)).finish().unwrap()
}

#[test]
fn every_row_counts_once_by_what_sql_shows() {
    let rollup = Rollup::of(&batch(0, 100)).unwrap().unwrap();
    let cells: Vec<_> = rollup.cells().collect();
    let hour = i64::try_from(AT).unwrap() / HOUR_NS;
    let cell = Cell {
        record: 0,
        hour,
        action: "test.row".into(),
        outcome: "unknown".into(),
        kind: String::new(),
    };
    assert_eq!(cells, [(&cell, 100)]);
    assert_eq!(rollup.rows(), 100);
}

#[test]
fn partials_of_parts_add_up_to_that_of_the_whole() {
    let mut sum = Rollup::of(&batch(0, 60)).unwrap().unwrap();
    sum.merge(&Rollup::of(&batch(60, 40)).unwrap().unwrap());
    assert_eq!(Some(sum), Rollup::of(&batch(0, 100)).unwrap());
}

#[test]
fn no_partial_is_no_bytes() {
    assert_eq!(Rollup::encode(None), Vec::<u8>::new());
    assert_eq!(Rollup::decode(&[]).unwrap(), None);
}

fn cell() -> impl Strategy<Value = Cell> {
    let text = "[a-c]{0,3}";
    (0_u8..12, any::<i64>(), text, text, text).prop_map(|(record, hour, action, outcome, kind)| {
        Cell { record, hour, action, outcome, kind }
    })
}

proptest! {
    #[test]
    fn bytes_and_partials_are_inverse(
        cells in prop::collection::btree_map(cell(), 1..u64::from(u32::MAX), 0..60),
    ) {
        let rollup = Rollup { cells };
        let bytes = Rollup::encode(Some(&rollup));
        prop_assert_eq!(Rollup::decode(&bytes).unwrap(), Some(rollup));
        for cut in 1..bytes.len() {
            prop_assert!(Rollup::decode(&bytes[..cut]).is_err());
        }
    }

    #[test]
    fn hostile_bytes_are_refused_or_encode_to_themselves(
        mut bytes in prop::collection::vec(any::<u8>(), 1..200),
    ) {
        bytes[0] = 1;
        if let Ok(Some(rollup)) = Rollup::decode(&bytes) {
            prop_assert!(Rollup::encode(Some(&rollup)).len() <= bytes.len());
        }
    }
}
