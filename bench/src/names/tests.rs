//! Pieces cover every event once, and names are drawn from them.

use super::*;

#[test]
fn pieces_are_whole_requests_with_a_seed_each() {
    let sum = |events| pieces(events).iter().map(Piece::events).sum::<usize>();
    assert_eq!(sum(1), CONNECTIONS * BATCH);
    assert_eq!(sum(10_000_000), 10_000_000);
    let seeds: Vec<u64> = pieces(3_000_000).iter().map(|piece| piece.seed).collect();
    assert_eq!(seeds, [7, 8, 9]);
}

#[test]
fn names_are_of_the_events() {
    let pieces = pieces(8_000);
    let names = draw(&pieces, None).unwrap();
    assert_eq!((names.ids.len(), names.actors.len(), names.targets.len()), (200, 200, 200));
    assert!(is_hot(&names.hottest_target.1), "{names:?}");
    assert_eq!(names.ids[0], pieces[0].generator(0).event().id);
}
