//! Which requests are worth a line, and how many lines there are.

use super::*;

#[test]
fn a_line_is_worth_what_somebody_would_do_about_it() {
    for (status, took_ms, expected) in [
        (200, 999, Worth::Answered),
        (200, 1_000, Worth::Slow),
        (404, 5, Worth::Answered),
        (422, 1_500, Worth::Slow),
        (401, 0, Worth::Refused),
        (403, 2_000, Worth::Refused),
        (429, 0, Worth::Refused),
        (500, 0, Worth::Refused),
        (503, 0, Worth::Refused),
    ] {
        let ended = Ended { method: &Method::GET, path: "/", status, code: None, took_ms };
        assert_eq!(ended.worth(), expected, "{status} in {took_ms} ms");
    }
}

#[test]
fn a_flood_of_refusals_is_counted_and_not_written() {
    let lines = Lines::default();
    let said = (0..1_000).filter(|_| lines.place(7).is_some()).count();
    assert_eq!(said, usize::try_from(LINES_A_SECOND).expect("few"));
    assert_eq!(lines.place(8), Some(1_000 - LINES_A_SECOND), "the next line says how many");
    assert_eq!(lines.place(8), Some(0));
}
