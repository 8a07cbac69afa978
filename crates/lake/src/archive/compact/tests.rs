//! What is worth a compaction: large pieces are sorted once, small ones merged a few times.

use super::*;

const MERGE: Merge = Merge { rows_max: 1_000, bytes_max: 100_000, fan_in: 4 };

/// Pieces of so many rows, one behind the other, at these levels.
fn pieces(sizes: &[(u64, Level)]) -> Vec<Piece> {
    let mut end = 0;
    let piece = |(rows, level): &(u64, Level)| {
        let indices = end..end + rows;
        end += rows;
        Piece {
            indices,
            level: *level,
            class: "default".into(),
            rows: *rows,
            bytes: rows * 10,
            is_resting: false,
        }
    };
    sizes.iter().map(piece).collect()
}

#[test]
fn a_large_segment_is_sorted_by_itself_and_only_once() {
    assert_eq!(choose(&pieces(&[(1_000, Level::L1), (600, Level::L0)]), &MERGE), Some(1..2));
    assert_eq!(choose(&pieces(&[(1_000, Level::L1), (600, Level::L1)]), &MERGE), None);
}

#[test]
fn small_neighbours_wait_until_they_are_worth_it() {
    let few = [(10, Level::L0); 3];
    assert_eq!(choose(&pieces(&few), &MERGE), None);
    assert_eq!(choose(&pieces(&[(10, Level::L0); 5]), &MERGE), Some(0..4));
    // Together they make up a large one.
    assert_eq!(
        choose(&pieces(&[(300, Level::L0), (20, Level::L0), (250, Level::L1)]), &MERGE),
        Some(0..3)
    );
}

#[test]
fn nothing_is_merged_over_a_hole_a_class_or_a_limit() {
    let mut apart = pieces(&[(10, Level::L0); 4]);
    apart[2].indices = 100..110;
    apart[3].indices = 110..120;
    assert_eq!(choose(&apart, &MERGE), None);
    let mut classes = pieces(&[(10, Level::L0); 4]);
    classes[2].class = "short".into();
    assert_eq!(choose(&classes, &MERGE), None);
    let mut heavy = pieces(&[(10, Level::L0); 4]);
    for piece in &mut heavy {
        piece.bytes = 45_000;
    }
    // Two make up a large one; a third would not fit.
    assert_eq!(choose(&heavy, &MERGE), Some(0..2));
}

#[test]
fn one_that_rests_is_left_out_and_the_others_are_merged() {
    let cases = [
        // (how many pieces of one size, which rests, what is chosen)
        (5, 0, Some(1..5)),
        (5, 2, None),
        (7, 2, Some(3..7)),
        (5, 4, Some(0..4)),
    ];
    for (count, resting, expected) in cases {
        let mut some = pieces(&vec![(10, Level::L0); count]);
        some[resting].is_resting = true;
        assert_eq!(choose(&some, &MERGE), expected, "{resting} of {count}");
    }
    let mut large = pieces(&[(600, Level::L0), (700, Level::L0)]);
    large[0].is_resting = true;
    assert_eq!(choose(&large, &MERGE), Some(1..2));
}

/// However small the flushes are, a row is rewritten a few times, and compaction comes to an end.
#[test]
fn a_row_is_rewritten_a_few_times() {
    let (mut sizes, mut written, mut total) = (Vec::new(), 0, 0);
    for _ in 0..2_000 {
        sizes.push((5, Level::L0));
        total += 5;
        while let Some(chosen) = choose(&pieces(&sizes), &MERGE) {
            let rows: u64 = sizes[chosen.clone()].iter().map(|(rows, _)| rows).sum();
            assert!(rows <= MERGE.rows_max);
            written += rows;
            sizes.splice(chosen, [(rows, Level::L1)]);
        }
    }
    assert_eq!(sizes.iter().map(|(rows, _)| rows).sum::<u64>(), total);
    assert!(written <= 6 * total, "{written} rows were written for {total}");
    assert!(sizes.len() < 40, "{} pieces", sizes.len());
}
