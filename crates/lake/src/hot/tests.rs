//! The budget counts exactly, small chunks become large ones, and rows keep their order.

use super::*;
use crate::rows::testing::rows;

fn tenant(name: &str) -> TenantId {
    TenantId::parse(name).unwrap()
}

fn placed(first: u64, count: usize) -> Placed {
    rows(first, count).place(first, event::ids::Timestamp(1_700_000_000_000_000_000 + first))
}

#[test]
fn the_budget_is_the_bytes_of_views_and_rooms() {
    let hot = Hot::new(1 << 30);
    let (a, b) = (tenant("a"), tenant("b"));
    let mut next = [0, 0];
    for round in 0_usize..200 {
        let count = [1, 3, 64, 500][round % 4];
        let batch = rows(next[round % 2], count);
        let room = hot.reserve(batch.bytes()).unwrap();
        let held = hot.view(&a).hot_bytes() + hot.view(&b).hot_bytes() + room.bytes();
        assert_eq!(hot.used(), held, "round {round}");
        let batch = batch.place(next[round % 2], event::ids::Timestamp(1));
        hot.append([&a, &b][round % 2], vec![batch], vec![room]).unwrap();
        next[round % 2] += u64::try_from(count).unwrap();
        assert_eq!(
            hot.used(),
            hot.view(&a).hot_bytes() + hot.view(&b).hot_bytes(),
            "round {round}"
        );
    }
    assert_eq!(hot.view(&a).hot_rows() + hot.view(&b).hot_rows(), next[0] + next[1]);
}

#[test]
fn intake_is_refused_at_the_byte_and_recovery_never() {
    let hot = Hot::new(1_000);
    let first = hot.reserve(900).unwrap();
    let full = hot.reserve(101).unwrap_err();
    assert!(matches!(full, Error::HotFull { used_bytes: 900, max_bytes: 1_000 }), "{full}");
    let second = hot.reserve(100).unwrap();
    drop(first);
    drop(second);
    assert_eq!(hot.used(), 0);
    hot.append(&tenant("a"), vec![placed(0, 500)], Vec::new()).unwrap();
    assert!(hot.used() > 1_000);
    assert!(hot.reserve(1).is_err());
}

#[test]
fn single_rows_are_merged_and_stay_in_order() {
    let hot = Hot::new(1 << 30);
    let a = tenant("a");
    for index in 0..5_000 {
        hot.append(&a, vec![placed(index, 1)], Vec::new()).unwrap();
    }
    let view = hot.view(&a);
    assert!(view.hot_chunks().len() < 40, "{} chunks", view.hot_chunks().len());
    let mut expected = 0;
    for chunk in view.hot_chunks() {
        assert_eq!(chunk.indices().start, expected);
        let indices = chunk.batch().column_by_name(crate::rows::INDEX).unwrap();
        let indices = arrow::array::AsArray::as_primitive::<arrow::datatypes::UInt64Type>(indices);
        for index in indices.values() {
            assert_eq!(*index, expected);
            expected += 1;
        }
    }
    assert_eq!(expected, 5_000);
    let newest: Vec<u64> = view.hot_newest_first().take(3).map(|row| row.index).collect();
    assert_eq!(newest, [4_999, 4_998, 4_997]);
}

#[test]
fn runs_of_one_append_become_one_chunk() {
    let hot = Hot::new(1 << 30);
    let a = tenant("a");
    hot.append(&a, (0..64).map(|index| placed(index, 1)).collect(), Vec::new()).unwrap();
    assert_eq!(hot.view(&a).hot_chunks().len(), 1);
}

#[test]
fn chunks_are_never_merged_past_their_limits() {
    let hot = Hot::new(1 << 30);
    let a = tenant("a");
    for round in 0..20 {
        hot.append(&a, vec![placed(round * 4_000, 4_000)], Vec::new()).unwrap();
    }
    let view = hot.view(&a);
    assert!(view.hot_chunks().iter().all(|chunk| chunk.batch().num_rows() <= CHUNK_ROWS_MAX));
    assert_eq!(view.hot_rows(), 80_000);
}

#[test]
fn rows_that_do_not_follow_are_refused_and_change_nothing() {
    let hot = Hot::new(1 << 30);
    let a = tenant("a");
    hot.append(&a, vec![placed(0, 10)], Vec::new()).unwrap();
    let used = hot.used();
    for first in [0, 9, 11] {
        let refusal = hot.append(&a, vec![placed(first, 1)], Vec::new()).unwrap_err();
        assert!(matches!(refusal, Error::OutOfOrder { expected: 10, .. }), "{refusal}");
    }
    assert_eq!((hot.used(), hot.view(&a).to()), (used, 10));
}

#[test]
fn a_hole_is_said_and_rows_go_on_behind_it() {
    let hot = Hot::new(1 << 30);
    let a = tenant("a");
    hot.append(&a, vec![placed(0, 10)], Vec::new()).unwrap();
    hot.skip(&a, 15);
    hot.append(&a, vec![placed(15, 5)], Vec::new()).unwrap();
    let view = hot.view(&a);
    assert_eq!((view.from(), view.to(), view.hot_rows()), (0, 20, 15));
    assert_eq!(view.holes(), std::slice::from_ref(&(10..15)));
    let there = [0, 9, 10, 14, 15, 19, 20].map(|index| view.hot_row(index).map(|row| row.row));
    assert_eq!(there, [Some(0), Some(9), None, None, Some(0), Some(4), None]);
}

#[test]
fn ids_are_found_in_every_chunk_lowest_index_first() {
    let hot = Hot::new(1 << 30);
    let a = tenant("a");
    hot.append(&a, vec![placed(0, 600)], Vec::new()).unwrap();
    let again = rows(7, 1).place(600, event::ids::Timestamp(2));
    hot.append(&a, vec![again], Vec::new()).unwrap();
    let view = hot.view(&a);
    let id = |number: u64| event::ids::EventId(u128::from(number).to_be_bytes());
    assert_eq!(view.hot_find_id(&id(7)), [7, 600]);
    assert_eq!(view.hot_find_id(&id(599)), [599]);
    assert_eq!(view.hot_find_id(&id(9_999)), Vec::<u64>::new());
}

#[test]
fn readers_keep_the_view_they_took() {
    let hot = Hot::new(1 << 30);
    let a = tenant("a");
    hot.append(&a, vec![placed(0, 1)], Vec::new()).unwrap();
    let before = hot.view(&a);
    for index in 1..100 {
        hot.append(&a, vec![placed(index, 1)], Vec::new()).unwrap();
    }
    assert_eq!((before.to(), before.hot_rows(), hot.view(&a).to()), (1, 1, 100));
}
