//! The sums, the line, and that notes are bounded.

use super::{NOTES_MAX, Summary};
use indelible_client::wire::ItemResult;
use std::path::Path;

fn every_result() -> Vec<ItemResult> {
    let id = || "293ba626-3be5-4a26-ab1b-0f4c54f49959".to_owned();
    let code = || "seq_conflict".to_owned();
    vec![
        ItemResult::Committed { id: id(), index: 0, dedup: true },
        ItemResult::Duplicate { id: id(), index: 0 },
        ItemResult::Conflict { code: code(), index: 0 },
        ItemResult::Rejected {
            code: code(),
            field: String::new(),
            hint: String::new(),
            index: None,
        },
        ItemResult::DeadLettered { id: id(), index: 0, code: code() },
    ]
}

#[test]
fn i7_the_counts_add_up() {
    let mut summary = Summary { files: 1, ..Summary::default() };
    summary.counts.records = 7;
    summary.counts.known = 1;
    for result in every_result() {
        summary.counts.add(&result);
    }
    assert_eq!(summary.counts.answered(), 6);
    assert_eq!(summary.counts.not_clean(), 3);
    assert_eq!(
        summary.line(),
        "7 records from 1 file: 1 new, 1 duplicates, 1 known, 1 conflicts, 1 rejected, 1 dead-lettered, 1 not sent"
    );
    let json = summary.json();
    assert_eq!((json["committed"].as_u64(), json["unsent"].as_u64()), (Some(1), Some(1)));
}

#[test]
fn notes_are_bounded_and_say_how_many_are_left_out() {
    let mut summary = Summary::default();
    for number in 0..NOTES_MAX + 3 {
        let number = u64::try_from(number).unwrap();
        summary.note(Path::new("f"), number, ["rejected", "too_deep", "/attrs", "nest less"]);
    }
    let words = summary.words();
    assert_eq!(words.len(), NOTES_MAX + 1);
    assert_eq!(words[0], "record 0 of `f`: rejected, too_deep at `/attrs`: nest less");
    assert_eq!(words[NOTES_MAX], "and 3 more");
}
