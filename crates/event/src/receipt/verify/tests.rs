//! The exit rules, one row each: parts as given, the event as held, the code that follows from the text.

use crate::entry::EntryKind;
use crate::ids::{EventId, Instance, ProducerId, Seq, TenantId};
use crate::receipt::build::tests::{self as kit, Made};
use crate::receipt::{Given, Verdict, verify};
use crate::system::{self, SystemKind};

const LEAN: &str = r#"{"action":"user.login","actor":"ana"}"#;
const STAMP: &str = r#"{"defaults":{"/actor/kind":"unknown","/id":"0190a1b2-c3d4-7000-8000-6b7c8d9e0f1a","/kind":"other","/outcome/status":"unknown","/schema":"indelible.event@1"},"kind_table":"kinds/1","producer":"p","tenant":"default"}"#;
const INSTANCE: Instance = Instance([3; 16]);

fn lean() -> Made {
    Made::new(&[(1, 0, r#"{"action":"user.login"}"#), (2, 0, r#"{"id":"ana"}"#), (8, 0, STAMP)])
}

/// The lean event as number `seq` of a stream.
fn numbered(seq: u64) -> Made {
    let id = EventId::of_stream(&ProducerId::parse("p").unwrap(), INSTANCE, Seq(seq));
    let stamp = STAMP
        .replace("0190a1b2-c3d4-7000-8000-6b7c8d9e0f1a", &id.to_string())
        .replace("\"tenant\"", &format!("\"instance\":\"{INSTANCE}\",\"seq\":{seq},\"tenant\""));
    lean().with(8, 0, &stamp)
}

fn stepped(record: Made, changed: &str) -> Made {
    let lineage = format!(
        "\"lineage\":[{{\"changed\":{changed},\"step\":\"mask\",\"version\":\"2\"}}],\"producer\""
    );
    let stamp =
        record.parts.iter().find(|part| part.0 == 8).unwrap().2.replace("\"producer\"", &lineage);
    record.with(8, 0, &stamp)
}

/// A record of the server's own.
fn own(kind: SystemKind, original: &str) -> Made {
    let what = format!("{{\"action\":\"{}\",\"schema\":\"{}\"}}", kind.action(), kind.schema());
    let mut made = Made::new(&[
        (1, 0, &what),
        (2, 0, r#"{"id":"indelible","kind":"system"}"#),
        (5, 0, r#"{"attrs":{"code":"schema_unknown"}}"#),
        (8, 0, r#"{"system":true,"tenant":"default"}"#),
    ]);
    made.kind = kind.entry_kind();
    if original.is_empty() { made } else { made.with(6, 0, original) }
}

fn letter(item: &str) -> String {
    let mut bytes = Vec::new();
    crate::json::write_string(item, &mut bytes);
    format!("{{\"/original\":{{\"text\":{}}}}}", String::from_utf8(bytes).unwrap())
}

/// What a row says: its name, the record, the event, the exit code.
type Row = (&'static str, Made, Option<&'static str>, u8);

fn check_rows(rows: Vec<Row>) {
    for (name, record, event, due) in rows {
        let report = kit::check(&[record], event);
        assert_eq!(report.conclusion.code(), due, "{name}\n{}", report.lines().join("\n"));
    }
}

const ATTRS: &str = r#"{"action":"user.login","actor":"ana","attrs":{"a":{"b":"x","c":1}}}"#;
/// What stays in detail when `/attrs/a/b` is personal.
const REST: &str = r#"{"attrs":{"a":{"c":1}}}"#;
const B: &str = r#"{"/attrs/a/b":"x"}"#;

fn with_attrs(detail: &str, personal: &str) -> Made {
    lean().with(5, 0, detail).with(6, 0, personal)
}

#[test]
fn an_event_is_used_or_not() {
    check_rows(vec![
        ("as sent", lean(), Some(LEAN), 0),
        ("no event", lean(), None, 11),
        (
            "other order",
            lean(),
            Some(" {\"actor\":{\"id\":\"ana\"},\n\"action\":\"user.login\"}\n"),
            0,
        ),
        ("another action", lean(), Some(r#"{"action":"user.logout","actor":"ana"}"#), 10),
        ("an event too many", lean(), Some("[{},{}]"), 2),
        ("not an event", lean(), Some("{}"), 2),
        ("twice a key", lean(), Some(r#"{"action":"a.b","action":"a.b","actor":"ana"}"#), 2),
        (
            "grammar is not judged",
            lean().with(1, 0, r#"{"action":"no segments"}"#),
            Some(r#"{"action":"no segments","actor":"ana"}"#),
            0,
        ),
    ]);
}

#[test]
fn parts_are_in_normal_form() {
    check_rows(vec![
        (
            "id in upper case",
            lean().with(1, 0, r#"{"action":"a.b","id":"0190A1B2-C3D4-4E5F-8A6B-7C8D9E0F1A2B"}"#),
            None,
            10,
        ),
        (
            "id of another form",
            stepped(lean(), "[[1,0]]").with(1, 0, r#"{"action":"user.login","id":"***"}"#),
            Some(LEAN),
            6,
        ),
        (
            "time not in normal form",
            lean().with(1, 0, r#"{"action":"a.b","occurred_at":"2026-01-01T00:00:00.0Z"}"#),
            None,
            10,
        ),
        ("an empty part", lean().with(4, 0, "{}"), None, 10),
        ("an empty detail", lean().with(5, 0, "{}"), None, 10),
        ("an empty personal part", lean().with(6, 0, "{}"), None, 10),
        ("an empty list", lean().with(2, 0, r#"{"id":"ana","roles":[]}"#), None, 10),
        ("an empty object", lean().with(2, 0, r#"{"auth":{},"id":"ana"}"#), None, 10),
        ("a shorthand", lean().with(2, 0, r#""ana""#), None, 10),
        ("a key twice", lean().with(2, 0, r#"{"id":"ana","id":"ana"}"#), None, 10),
        (
            "required members of parts are not judged",
            lean().with(2, 0, r#"{"name":"ana"}"#),
            None,
            11,
        ),
    ]);
}

#[test]
fn personal_values_are_compared() {
    check_rows(vec![
        ("lifted", with_attrs(REST, B), Some(ATTRS), 0),
        (
            "lifted whole",
            lean().with(6, 4, r#"{"/attrs/a":{"b":"x","c":1}}"#).with(5, 0, r#"{"attrs":{}}"#),
            Some(ATTRS),
            0,
        ),
        (
            "lifted by step",
            stepped(with_attrs(REST, r#"{"/attrs/a/b":"***"}"#), "[[6,0]]"),
            Some(ATTRS),
            6,
        ),
        ("lifted, detail withheld", with_attrs(REST, B).withhold(5, 0), Some(ATTRS), 11),
        (
            "lifted, other value, detail withheld",
            with_attrs(REST, r#"{"/attrs/a/b":"y"}"#).withhold(5, 0),
            Some(ATTRS),
            10,
        ),
        ("missing in a withheld part", with_attrs(REST, B).withhold(6, 0), Some(ATTRS), 11),
        (
            "nothing left for a withheld part",
            lean()
                .with(5, 0, r#"{"attrs":{"a":{"b":"x","c":1}}}"#)
                .with(6, 0, r#"{"/attrs/z":"x"}"#)
                .withhold(6, 0),
            Some(ATTRS),
            10,
        ),
        (
            "nothing at all for a withheld part",
            lean().with(6, 0, r#"{"/attrs":{"z":1}}"#).withhold(6, 0),
            Some(LEAN),
            10,
        ),
        (
            "nothing left for a withheld detail",
            lean()
                .with(6, 0, r#"{"/attrs":{"a":{"b":"x","c":1}}}"#)
                .with(5, 0, r#"{"outcome":{}}"#)
                .withhold(5, 0),
            Some(ATTRS),
            10,
        ),
    ]);
}

#[test]
fn pointers_reach_what_a_person_may_own() {
    check_rows(vec![
        (
            "an element is no member",
            with_attrs(r#"{"attrs":{"a":[]}}"#, r#"{"/attrs/a/0":"x"}"#),
            None,
            10,
        ),
        (
            "an element is no member, detail withheld",
            lean().with(5, 0, r#"{"attrs":{"q":1}}"#).withhold(5, 0).with(
                6,
                0,
                r#"{"/changes/0":{"op":"add","path":"/x"}}"#,
            ),
            None,
            10,
        ),
        (
            "a pointer that is none",
            with_attrs(r#"{"attrs":{"q":1}}"#, r#"{"/attrs/~2":"x"}"#),
            None,
            10,
        ),
        (
            "a leading zero",
            lean().with(3, 0, r#"{"id":"1","type":"t"}"#).with(
                6,
                0,
                r#"{"/targets/00/owner":"x"}"#,
            ),
            None,
            10,
        ),
        ("an owner of no target", lean().with(6, 0, r#"{"/targets/0/owner":"x"}"#), None, 10),
    ]);
}

#[test]
fn steps_excuse_what_they_are_named_for() {
    check_rows(vec![
        ("a step for nothing", stepped(lean(), "[]"), Some(LEAN), 0),
        ("a step for a claim", stepped(lean(), "[[2,0]]"), Some(LEAN), 6),
        ("a step for the stamp", stepped(lean(), "[[8,0]]"), Some(LEAN), 0),
        ("a step for a part that cannot be", stepped(lean(), "[[1,1]]"), Some(LEAN), 10),
        ("changed and withheld", stepped(lean(), "[[2,0]]").withhold(2, 0), Some(LEAN), 11),
        (
            "a hole, the stamp withheld",
            lean().with(2, 2, r#"{"id":"bo"}"#).withhold(8, 0),
            None,
            11,
        ),
    ]);
}

#[test]
fn each_sort_of_record_has_its_rule() {
    check_rows(vec![
        ("refused", own(SystemKind::Refused, ""), Some("whatever"), 6),
        ("refused, no event", own(SystemKind::Refused, ""), None, 11),
        ("refused, detail withheld", own(SystemKind::Refused, "").withhold(5, 0), Some("{"), 6),
        (
            "refused or what, schema withheld",
            own(SystemKind::Refused, "").withhold(1, 0),
            Some("{"),
            11,
        ),
        (
            "refused or what, stamp withheld",
            own(SystemKind::Refused, "").withhold(8, 0),
            Some("{"),
            11,
        ),
        ("dead letter", own(SystemKind::DeadLetter, &letter("{ }")), Some(" { }\n"), 6),
        (
            "dead letter of another item",
            own(SystemKind::DeadLetter, &letter("{ }")),
            Some("{}"),
            10,
        ),
        (
            "dead letter, item withheld",
            own(SystemKind::DeadLetter, &letter("{ }")).withhold(6, 0),
            Some("{ }"),
            11,
        ),
        ("dead letter without item", own(SystemKind::DeadLetter, ""), None, 10),
        ("dead letter, no event", own(SystemKind::DeadLetter, &letter("{ }")), None, 11),
        ("a gap is not what was sent", own(SystemKind::Gap, ""), Some(LEAN), 10),
        ("a key record", own(SystemKind::Key, ""), None, 11),
        (
            "system with a producer",
            own(SystemKind::Gap, "").with(
                8,
                0,
                r#"{"producer":"p","system":true,"tenant":"default"}"#,
            ),
            None,
            10,
        ),
        (
            "system with empty defaults",
            own(SystemKind::Gap, "").with(
                8,
                0,
                r#"{"defaults":{},"system":true,"tenant":"default"}"#,
            ),
            None,
            10,
        ),
        (
            "system by stamp alone",
            lean().with(8, 0, r#"{"system":true,"tenant":"default"}"#),
            None,
            10,
        ),
        ("system by schema alone", own(SystemKind::Gap, "").with(8, 0, STAMP), None, 10),
        (
            "tenant of another origin",
            lean().with(8, 0, &STAMP.replace("\"default\"", "\"other\"")),
            None,
            10,
        ),
    ]);
}

#[test]
fn the_kind_of_an_entry_is_that_of_its_schema() {
    for kind in SystemKind::ALL {
        let mut record = own(*kind, &letter("{}"));
        record.kind = match record.kind {
            EntryKind::Event => EntryKind::Key,
            EntryKind::Key => EntryKind::Event,
        };
        assert_eq!(kit::exit(record, None), 10, "{kind:?}");
    }
    let mut record = lean().withhold(1, 0);
    record.kind = EntryKind::Key;
    assert_eq!(kit::exit(record, None), 10);
}

#[test]
fn a_batch_of_all_sorts() {
    let records = [
        numbered(4),
        own(SystemKind::Refused, "").with(
            8,
            0,
            &format!(
                "{{\"instance\":\"{INSTANCE}\",\"seq\":5,\"system\":true,\"tenant\":\"default\"}}"
            ),
        ),
        numbered(6),
    ];
    let event = format!("{LEAN}\n{{\"nonsense\n\n{LEAN}\n");
    let report = kit::check(&records, Some(&event));
    assert_eq!(report.conclusion.code(), 6, "{}", report.lines().join("\n"));
    let verdicts: Vec<_> = report.events.iter().map(|event| event.verdict).collect();
    assert_eq!(verdicts, [Verdict::AsSent, Verdict::RefusedNotKept, Verdict::AsSent]);
    assert_eq!(report.remarks, Vec::<String>::new());

    let keys = kit::pinned();
    let code = |records: &[Made], instance, seq| {
        let given = Given {
            event: Some(event.as_bytes()),
            keys: &keys,
            stream: Some((instance, Seq(seq))),
        };
        verify(kit::receipt(records).to_json().as_bytes(), &given).conclusion.code()
    };
    assert_eq!(code(&records, INSTANCE, 4), 6);
    assert_eq!(code(&records, INSTANCE, 5), 10);
    assert_eq!(code(&records, Instance([4; 16]), 4), 10);
    let swapped = [records[0].clone(), records[1].clone(), numbered(7)];
    assert_eq!(code(&swapped, INSTANCE, 4), 10);
    assert_eq!(kit::check(&swapped, Some(&event)).remarks.len(), 1);

    let mut earlier = records;
    earlier[2].received_at = 49;
    assert_eq!(kit::check(&earlier, Some(&event)).conclusion.code(), 10);
}

#[test]
fn keys_and_signatures() {
    let receipt = kit::receipt(&[lean()]).to_json();
    let other = tlog::note::SigningKey::new("store-2/default", [8; 32]).unwrap();
    let twin = tlog::note::SigningKey::new(kit::ORIGIN, [9; 32]).unwrap();
    let [right, other_key, twin_key] =
        [kit::key().verifier().clone(), other.verifier().clone(), twin.verifier().clone()];
    let mut note = kit::receipt(&[lean()]);
    let body = note.checkpoint.split("\n\n").next().unwrap().to_owned() + "\n";
    note.checkpoint = tlog::note::sign(&body, &[&other]).into();
    let by_other = note.to_json();
    note.checkpoint = tlog::note::sign(&body, &[&kit::key(), &twin]).into();
    let by_both = note.to_json();
    let rows: Vec<(&str, &str, Vec<_>, u8)> = vec![
        ("the key", &receipt, vec![right.clone()], 0),
        ("no key", &receipt, vec![], 11),
        ("a key of another name", &receipt, vec![other_key.clone()], 11),
        ("another key of the name", &receipt, vec![twin_key.clone()], 10),
        ("two keys of the name", &receipt, vec![twin_key.clone(), right.clone()], 0),
        ("signed by another name", &by_other, vec![right.clone()], 10),
        ("signed by another name that is given", &by_other, vec![other_key.clone()], 11),
        ("signed by both", &by_both, vec![right.clone(), twin_key], 0),
    ];
    for (name, receipt, keys, due) in rows {
        let given = Given { event: Some(LEAN.as_bytes()), keys: &keys, stream: None };
        let report = verify(receipt.as_bytes(), &given);
        assert_eq!(report.conclusion.code(), due, "{name}\n{}", report.lines().join("\n"));
    }
    // A wrong signature by a given key of another name spoils the note; one by a stranger does not.
    let signed = tlog::note::sign(&body, &[&kit::key(), &other]);
    let (start, last) = signed.trim_end().rsplit_once(' ').unwrap();
    let mut bytes = tlog::encoding::from_base64(last).unwrap();
    bytes[40] ^= 1;
    note.checkpoint = format!("{start} {}\n", tlog::encoding::base64(&bytes)).into();
    for (keys, due) in [(vec![right.clone(), other_key], 10), (vec![right], 0)] {
        let given = Given { event: Some(LEAN.as_bytes()), keys: &keys, stream: None };
        assert_eq!(verify(note.to_json().as_bytes(), &given).conclusion.code(), due);
    }
}

#[test]
fn what_is_said_leaves_out_claims_and_control_characters() {
    let secret = "s3cret-value";
    let event = format!(r#"{{"action":"user.login","actor":"{secret}"}}"#);
    let record = lean().with(2, 0, &format!("{{\"id\":\"{secret}\"}}")).with(
        7,
        0,
        r#"{"credential":"\u001b[31mred"}"#,
    );
    let report = kit::check(&[record], Some(&event));
    assert_eq!(report.conclusion.code(), 0);
    let said = report.lines().join("\n") + &report.to_json();
    assert!(!said.contains(secret) && !said.contains('\u{1b}'), "{said}");
    assert!(said.contains("logged as sent") && said.contains("added by the server"));
    assert!(said.contains("changed by a named step: nothing"));
}

#[test]
fn system_records_of_our_own_are_no_damage() {
    let (tenant, producer) = (TenantId::parse("default").unwrap(), ProducerId::parse("p").unwrap());
    let item = system::Item {
        tenant: &tenant,
        producer: &producer,
        stream: Some((INSTANCE, Seq(1))),
        id: EventId([1; 16]),
    };
    let records = [
        (system::refused(&item, crate::code::Code::WrongType, "/actor"), 6),
        (system::dead_letter(&item, crate::code::Code::SchemaUnknown, "/schema", LEAN), 6),
        (system::loss(&tenant, EventId([2; 16]), (3, 4), "a disk fault"), 10),
    ];
    for (record, due) in records {
        let parts = record.parts();
        let parts: Vec<_> = parts
            .iter()
            .map(|part| (part.tag, part.ordinal, std::str::from_utf8(part.bytes).unwrap()))
            .collect();
        let mut made = Made::new(&parts);
        made.kind = record.entry_kind();
        assert_eq!(kit::exit(made.clone(), Some(LEAN)), due, "{:?}", record.kind);
        assert_eq!(kit::exit(made, None), 11, "{:?}", record.kind);
    }
}
