//! Events for people, hostile ones too.

use super::*;
use event::json::{Limits, parse};

const EVENT: &str = r#"{"index":7,"received_at":"2026-11-24T14:03:23.5Z","id":"01928f5e-0000-7000-8000-000000000001","occurred_at":"2026-11-24T14:03:22Z","action":"invoice.approve","actor":{"id":"ana@acme"},"outcome":{"status":"denied","reason":"a, \"b\""},"targets":[{"type":"invoice","id":"10021"},{"type":"user","id":"2"}],"origin":{"ip":"10.2.4.9"},"stamps":{"producer":"local"}}"#;

#[test]
fn an_event_is_one_row_and_one_line() {
    let event = parse(EVENT.as_bytes(), Limits::READER).expect("JSON");
    insta::assert_snapshot!(row(&HEAD.map(str::to_owned)), @"TIME (UTC)           ACTION                        ACTOR                     TARGET                        OUTCOME   IP               ID");
    insta::assert_snapshot!(row(&cells(&event)), @"2026-11-24 14:03:22  invoice.approve               ana@acme                  invoice/10021                 denied    10.2.4.9         01928f5e-0000-7000-8000-000000000001");
    insta::assert_snapshot!(csv(&event), @r#"7,01928f5e-0000-7000-8000-000000000001,2026-11-24T14:03:23.5Z,2026-11-24T14:03:22Z,invoice.approve,denied,ana@acme,invoice/10021,10.2.4.9,,"a, ""b""",local"#);
}

#[test]
fn no_cell_steers_a_terminal_or_runs_in_a_spreadsheet() {
    let hostile = EVENT.replace("ana@acme", r"=cmd|\u001b[2J").replace("10.2.4.9", "-1+1");
    let event = parse(hostile.as_bytes(), Limits::READER).expect("JSON");
    assert!(!row(&cells(&event)).contains('\u{1b}'));
    let line = csv(&event);
    assert!(line.contains(",'=cmd|") && line.contains(",'-1+1,"), "{line}");
}
