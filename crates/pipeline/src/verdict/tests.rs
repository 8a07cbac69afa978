//! The wire words of every verdict, their statuses, and the sum that must come out.

use super::{Counts, Dedup, ItemResult, Verdict};
use event::code::Code;
use event::event::Rejection;
use event::ids::EventId;

fn every_verdict() -> Vec<(Verdict, &'static str, u16)> {
    let id = EventId([0xab; 16]);
    let rejection = Rejection {
        code: Code::UnknownField,
        field: "/a\"b".to_owned(),
        hint: "drop \u{7}it".to_owned(),
    };
    let name = "abababab-abab-abab-abab-abababababab";
    let leak = |text: String| -> &'static str { Box::leak(text.into_boxed_str()) };
    vec![
        (
            Verdict::Committed { id, index: 7 },
            leak(format!(r#"{{"status":"committed","id":"{name}","index":7}}"#)),
            200,
        ),
        (
            Verdict::Duplicate { id, index: 0 },
            leak(format!(r#"{{"status":"duplicate","id":"{name}","index":0}}"#)),
            200,
        ),
        (
            Verdict::Conflict { code: Code::SeqConflict, index: u64::MAX },
            r#"{"status":"conflict","code":"seq_conflict","index":18446744073709551615}"#,
            409,
        ),
        (
            Verdict::Rejected { rejection: rejection.clone(), index: None },
            r#"{"status":"rejected","code":"unknown_field","field":"/a\"b","hint":"drop \u0007it"}"#,
            422,
        ),
        (
            Verdict::Rejected { rejection, index: Some(3) },
            r#"{"status":"rejected","code":"unknown_field","field":"/a\"b","hint":"drop \u0007it","index":3}"#,
            422,
        ),
        (
            Verdict::DeadLettered { code: Code::SchemaUnknown, id, index: 9 },
            leak(format!(
                r#"{{"status":"dead_lettered","id":"{name}","index":9,"code":"schema_unknown"}}"#
            )),
            422,
        ),
    ]
}

#[test]
fn a_result_is_written_as_the_contract_says() {
    for (verdict, json, status) in every_verdict() {
        let result = ItemResult { verdict, dedup: Dedup::Recognised };
        let mut out = Vec::new();
        result.write_json(&mut out);
        assert_eq!(String::from_utf8(out).unwrap(), json);
        assert_eq!(result.status_alone(), status);
    }
}

#[test]
fn a_result_says_when_a_second_sending_would_not_be_recognised() {
    let verdict = Verdict::Committed { id: EventId([0; 16]), index: 0 };
    let mut out = Vec::new();
    ItemResult { verdict, dedup: Dedup::Impossible }.write_json(&mut out);
    assert!(String::from_utf8(out).unwrap().ends_with(r#""index":0,"dedup":false}"#));
}

#[test]
fn i7_the_counts_add_up() {
    let results: Vec<_> = every_verdict()
        .into_iter()
        .map(|(verdict, ..)| ItemResult { verdict, dedup: Dedup::Recognised })
        .collect();
    let counts = Counts::of(&results);
    assert_eq!(
        counts,
        Counts { committed: 1, duplicate: 1, conflict: 1, rejected: 2, dead_lettered: 1 }
    );
    assert_eq!(counts.received(), u64::try_from(results.len()).unwrap());
    assert_eq!(counts.not_clean(), 4);
}
