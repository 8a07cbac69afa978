//! What the vectors do not show: hints, the laxer readers, and damage in parts.

use super::{Event, FIELD_CHARS_MAX, PartBytes, Rejection};
use crate::canonical::claim_parts;
use crate::code::Code;
use crate::damage::Damage;

#[test]
fn hints_name_what_was_perhaps_meant() {
    let cases = [
        (r#"{"acton":"a.b","actor":"x"}"#, "did you mean `action`?"),
        (r#"{"action":"a.b","actor":"x","Targets":[]}"#, "did you mean `targets`?"),
        (r#"{"action":"a.b","actor":"x","timestamp":"x"}"#, "did you mean `occurred_at`?"),
        (r#"{"action":"a.b","actor":"x","user":"x"}"#, "did you mean `actor`?"),
        (r#"{"action":"a.b","actor":"x","ip":"x"}"#, "did you mean `origin.ip`?"),
        (r#"{"action":"a.b","actor":"x","meta":{}}"#, "did you mean `attrs`?"),
        (r#"{"action":"a.b","actor":{"id":"x","emial":"y"}}"#, "did you mean `email`?"),
        (r#"{"action":"a.b","actor":{"id":"x","user":"y"}}"#, Code::UnknownField.hint()),
        (r#"{"action":"a.b","actor":"x","zzzzzz":1}"#, Code::UnknownField.hint()),
        (
            r#"{"action":"a.b","actor":"x","outcome":"sucess"}"#,
            "did you mean `success`? one of: success, failure, denied, partial, unknown",
        ),
        (
            r#"{"action":"a.b","actor":"x","severity":"!"}"#,
            "one of: info, notice, warning, error, critical",
        ),
        ("\u{feff}{}", "send UTF-8 without a byte order mark"),
    ];
    for (item, hint) in cases {
        assert_eq!(Event::parse(item.as_bytes()).unwrap_err().hint, hint, "{item}");
    }
}

#[test]
fn a_field_is_cut_before_it_fills_an_answer() {
    let key = "é".repeat(30_000);
    let item = format!(r#"{{"action":"a.b","actor":"x","{key}":1}}"#);
    let refused = Event::parse(item.as_bytes()).unwrap_err();
    assert_eq!(
        (refused.code, refused.field.chars().count()),
        (Code::UnknownField, FIELD_CHARS_MAX)
    );
    let whole = Rejection::new(Code::WrongType, "x".repeat(FIELD_CHARS_MAX));
    assert_eq!(whole.field.len(), FIELD_CHARS_MAX);
}

#[test]
fn a_verifier_judges_no_grammar_enumeration_or_limit() {
    let items = [
        r#"{"action":"no grammar","actor":"x"}"#,
        r#"{"action":"a.b","actor":{"id":"","kind":"robot"},"kind":"x","severity":"x","delivery":"x"}"#,
        r#"{"action":"a.b","actor":"x","schema":"indelible.system.refused@1"}"#,
        r#"{"action":"a.b","actor":"x","correlation":{"trace_id":"X"},"changes":[{"path":"x","op":""}]}"#,
        &format!(r#"{{"action":"a.b","actor":"{}"}}"#, "x".repeat(300_000)),
        &format!(
            r#"{{"action":"a.b","actor":"x","attrs":{{"a":{}{}}}}}"#,
            "[".repeat(60),
            "]".repeat(60)
        ),
    ];
    for item in items {
        assert!(Event::parse(item.as_bytes()).is_err());
        assert!(Event::as_sent(item.as_bytes()).is_ok(), "{item:.80}");
    }
    let refused = [
        r#"{"action":"a.b"}"#,
        r#"{"action":"a.b","actor":"x","note":1}"#,
        r#"{"action":"a.b","actor":"x","id":"x"}"#,
        r#"{"action":"a.b","actor":"x","occurred_at":"2026-11-24T10:00:00"}"#,
        r#"{"action":"a.b","actor":"x","origin":{"ip":"x"}}"#,
        r#"{"action":"a.b","actor":"x","attrs":{"a":1,"a":1}}"#,
    ];
    for item in refused {
        assert!(Event::as_sent(item.as_bytes()).is_err(), "{item}");
    }
}

#[test]
fn normal_form_is_told_from_what_it_changes() {
    let normal = br#"{ "actor": {"id":"x"}, "action":"a.b", "id":"0190a1b2-c3d4-4e5f-8a6b-7c8d9e0f1a2b", "attrs":{"a":null}, "occurred_at":"2026-11-24T10:00:00.5Z" }"#;
    assert!(Event::in_normal_form(normal).is_ok());
    let others = [
        r#"{"action":"a.b","actor":"x"}"#,
        r#"{"action":"a.b","actor":{"id":"x"},"targets":["a/b"]}"#,
        r#"{"action":"a.b","actor":{"id":"x"},"outcome":"denied"}"#,
        r#"{"action":"a.b","actor":{"id":"x"},"kind":null}"#,
        r#"{"action":"a.b","actor":{"id":"x"},"targets":[]}"#,
        r#"{"action":"a.b","actor":{"id":"x"},"attrs":{}}"#,
        r#"{"action":"a.b","actor":{"id":"x"},"origin":{}}"#,
        r#"{"action":"a.b","actor":{"id":"x","auth":{}}}"#,
        r#"{"action":"a.b","actor":{"id":"x","roles":[]}}"#,
        r#"{"action":"a.b","actor":{"id":"x"},"original":{}}"#,
        r#"{"action":"a.b","actor":{"id":"x"},"id":"0190A1b2-c3d4-4e5f-8a6b-7c8d9e0f1a2b"}"#,
        r#"{"action":"a.b","actor":{"id":"x"},"occurred_at":"2026-11-24T10:00:00.50Z"}"#,
        r#"{"action":"a.b","actor":{"id":"x"},"occurred_at":"2026-11-24T10:00:00\u007a"}"#,
    ];
    for item in others {
        assert!(Event::as_sent(item.as_bytes()).is_ok(), "{item}");
        assert!(Event::in_normal_form(item.as_bytes()).is_err(), "{item}");
    }
}

fn part(tag: u8, ordinal: u16, json: &str) -> PartBytes<'_> {
    PartBytes { tag, ordinal, bytes: json.as_bytes() }
}

const WHAT: PartBytes<'static> = PartBytes { tag: 1, ordinal: 0, bytes: br#"{"action":"a.b"}"# };
const WHO: PartBytes<'static> = PartBytes { tag: 2, ordinal: 0, bytes: br#"{"id":"x"}"# };

#[test]
fn personal_members_are_put_back() {
    let detail = r#"{"attrs":{"deep":{},"list":[1,{}]},"changes":[{"op":"x","path":""}],"justification":{},"outcome":{}}"#;
    let parts = [
        WHAT,
        WHO,
        part(3, 0, r#"{"id":"1","type":"t"}"#),
        part(5, 0, detail),
        part(
            6,
            0,
            r#"{"/attrs/deep/phone":"+41","/attrs/email":{"a":[null]},"/outcome/reason":"why"}"#,
        ),
        part(
            6,
            4,
            r#"{"/attrs/list/1/k~1":5,"/changes/0/new":null,"/correlation":{"session_id":"s"},"/justification/text":"t","/targets/0/owner":"bo"}"#,
        ),
        part(6, 5, r#"{"/original":{"text":"raw"}}"#),
        part(8, 0, r#"{"tenant":"t"}"#),
    ];
    let event = Event::from_parts(parts).unwrap();
    let item = r#"{"action":"a.b","actor":"x","targets":[{"type":"t","id":"1","owner":"bo"}],"outcome":{"reason":"why"},
        "attrs":{"deep":{"phone":"+41"},"email":{"a":[null]},"list":[1,{"k/":5}]},"changes":[{"path":"","op":"x","new":null}],
        "correlation":{"session_id":"s"},"justification":{"text":"t"},"original":{"text":"raw"}}"#;
    assert_eq!(event, Event::parse(item.as_bytes()).unwrap());
    // All of detail can be personal.
    let parts = [WHAT, WHO, part(6, 0, r#"{"/attrs":{"a":1}}"#)];
    assert_eq!(Event::from_parts(parts).unwrap().attrs.len(), 1);
}

#[test]
fn parts_that_no_writer_writes_are_damage() {
    let place = |tag, ordinal| Damage::Place { tag, ordinal };
    let missing = |tag| Damage::Missing { tag, ordinal: 0 };
    let cases: Vec<(Vec<PartBytes<'_>>, Damage)> = vec![
        (vec![], missing(1)),
        (vec![WHAT], missing(2)),
        (vec![WHO], missing(1)),
        (vec![WHO, WHAT], place(1, 0)),
        (vec![WHAT, WHAT], place(1, 0)),
        (vec![part(1, 1, "{}")], place(1, 1)),
        (vec![WHAT, WHO, part(2, 2, r#"{"id":"y"}"#)], place(2, 2)),
        (vec![WHAT, part(2, 1, r#"{"id":"y"}"#)], place(2, 1)),
        (vec![WHAT, WHO, part(3, 1, r#"{"id":"y","type":"t"}"#)], place(3, 1)),
        (vec![WHAT, WHO, part(4, 1, r#"{"host":"y"}"#)], place(4, 1)),
        (vec![WHAT, WHO, part(9, 0, "{}")], place(9, 0)),
        (vec![part(0, 0, "{}")], place(0, 0)),
    ];
    for (parts, damage) in cases {
        assert_eq!(Event::from_parts(parts.iter().copied()), Err(damage), "{parts:?}");
    }
}

#[test]
fn bytes_of_parts_that_are_not_in_normal_form_are_damage() {
    let cases = [
        (1, r#"{"action":"a.b","kind":null}"#),
        (1, r#"{"action":"a.b","actor":{"id":"x"}}"#),
        (1, r#"{"action":"a.b","outcome":{"reason":"x"}}"#),
        (1, r#"{"action":"a.b","outcome":"denied"}"#),
        (1, r#"{"action":"a.b"} "x""#),
        (1, "[]"),
        (1, "{}"),
        (1, r#"{"action":"a.b","id":"0190A1b2-c3d4-4e5f-8a6b-7c8d9e0f1a2b"}"#),
        (2, r#"{"id":"x","auth":{}}"#),
        (2, r#""x""#),
        (2, r#"{"kind":"human"}"#),
        (3, r#"{"id":"x","type":"t","owner":"y"}"#),
        (3, r#"{"id":"x"}"#),
        (3, r#""t/x""#),
        (4, r#"{"ip":"x"}"#),
        (4, "{}"),
        (5, r#"{"attrs":{}}"#),
        (5, r#"{"attrs":{"a":1,"a":1}}"#),
        (5, r#"{"outcome":{"status":"denied"}}"#),
        (5, r#"{"targets":[]}"#),
        (6, "{}"),
        (6, "5"),
        (6, "\u{0}"),
    ];
    for (tag, bytes) in cases {
        let mut parts: Vec<_> = [WHAT, WHO].into_iter().filter(|other| other.tag != tag).collect();
        parts.push(part(tag, 0, bytes));
        parts.sort_by_key(|part| part.tag);
        let found = Event::from_parts(parts);
        assert!(
            matches!(found, Err(Damage::Part { tag: found, .. }) if found == tag),
            "{tag} {bytes}: {found:?}"
        );
    }
}

#[test]
fn pointers_that_meet_or_lead_nowhere_are_damage() {
    let detail = r#"{"attrs":{"a":{"b":1},"l":[1,{"c":2}],"t":"x"}}"#;
    let personal = [
        r#"{"":1}"#,
        r#"{"attrs":1}"#,
        r#"{"/attrs":{"z":1}}"#,
        r#"{"/attrs/a":1}"#,
        r#"{"/attrs/a/b":1}"#,
        r#"{"/attrs/z/y":1}"#,
        r#"{"/attrs/t/y":1}"#,
        r#"{"/attrs/l/0":1}"#,
        r#"{"/attrs/l/2/c":1}"#,
        r#"{"/attrs/l/01/d":1}"#,
        r#"{"/attrs/l/-/d":1}"#,
        r#"{"/attrs/l/1/c":1}"#,
        r#"{"/attrs/z":{},"/attrs/z/y":1}"#,
        r#"{"/attrs/z~2":1}"#,
        r#"{"/action":"a.b"}"#,
        r#"{"/actor/name":"x"}"#,
        r#"{"/targets/0/name":"x"}"#,
        r#"{"/targets/1/owner":"x"}"#,
        r#"{"/targets/00/owner":"x"}"#,
        r#"{"/targets/0/owner":5}"#,
        r#"{"/original/text":"x"}"#,
        r#"{"/original":"x"}"#,
        r#"{"/original":{"media_type":"x"}}"#,
        r#"{"/original":{"text":"x","note":"y"}}"#,
        r#"{"/justification/text":"x"}"#,
        r#"{"/justification":{}}"#,
        r#"{"/correlation":{"note":"x"}}"#,
        r#"{"/outcome":{"status":"denied"}}"#,
    ];
    for bytes in personal {
        let parts = [
            WHAT,
            WHO,
            part(3, 0, r#"{"id":"1","type":"t"}"#),
            part(5, 0, detail),
            part(6, 0, bytes),
        ];
        let found = Event::from_parts(parts);
        assert!(
            matches!(found, Err(Damage::Pointer { .. } | Damage::Part { tag: 5, .. })),
            "{bytes}: {found:?}"
        );
    }
    for twice in
        [r#"{"/attrs/z":1}"#, r#"{"/targets/0/owner":"x"}"#, r#"{"/original":{"text":"x"}}"#]
    {
        let parts = [
            WHAT,
            WHO,
            part(3, 0, r#"{"id":"1","type":"t"}"#),
            part(5, 0, detail),
            part(6, 0, twice),
            part(6, 1, twice),
        ];
        assert!(
            matches!(Event::from_parts(parts), Err(Damage::Pointer { ordinal: 1, .. })),
            "{twice}"
        );
    }
}

#[test]
fn claims_without_members_make_no_part() {
    let event = Event::parse(
        br#"{"action":"a.b","actor":"x","origin":{"ip":null},"attrs":{},"outcome":{}}"#,
    )
    .unwrap();
    let parts: Vec<_> = claim_parts(&event).iter().map(|part| (part.tag, part.ordinal)).collect();
    assert_eq!(parts, [(1, 0), (2, 0)]);
}
