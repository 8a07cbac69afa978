//! What the vectors do not show: stamps read back, kinds, and who owns what.

use super::{Stamps, Subject, System, infer, parts};
use crate::damage::Damage;
use crate::event::{Event, PartBytes};
use crate::ids::TenantId;

#[test]
fn kinds_are_inferred_by_the_first_word_of_the_last_segment() {
    let cases = [
        ("user.login", "login"),
        ("user.sign_in", "login"),
        ("signin.ConsoleLogin", "login"),
        ("user.logout", "logout"),
        ("invoice.approve", "grant"),
        ("iam.AttachRolePolicy", "grant"),
        ("iam.DetachRolePolicy", "revoke"),
        ("invoice.create", "create"),
        ("ec2.RunInstances", "execute"),
        ("s3.GetObject", "read"),
        ("s3.getter", "other"),
        ("doc.read_all", "read"),
        ("doc.reader", "other"),
        ("a.b.list-items", "read"),
        ("read.thing", "other"),
        ("invoice.void", "delete"),
        ("x.DELETE", "delete"),
        ("x.9", "other"),
    ];
    for (action, kind) in cases {
        assert_eq!(infer(action), kind, "{action}");
        assert!(crate::event::KINDS.contains(&kind), "{action}");
    }
}

#[test]
fn the_first_person_is_the_nearest() {
    let cases = [
        (r#"{"action":"a.b","actor":"ana","on_behalf_of":["bo"]}"#, Some(("user", "ana"))),
        (
            r#"{"action":"a.b","actor":{"id":"cron","kind":"service"},"on_behalf_of":["bo"]}"#,
            Some(("user", "bo")),
        ),
        (r#"{"action":"a.b","actor":{"id":"x","kind":"anonymous"}}"#, Some(("user", "x"))),
        (
            r#"{"action":"a.b","actor":{"id":"cron","kind":"agent"},"targets":["invoice/1","patient/7"]}"#,
            Some(("patient", "7")),
        ),
        (r#"{"action":"a.b","actor":{"id":"cron","kind":"device"},"targets":["invoice/1"]}"#, None),
    ];
    for (item, expected) in cases {
        let event = Event::parse(item.as_bytes()).unwrap();
        let subject = match Subject::first_of(&event) {
            Subject::Person { namespace, id } => Some((namespace, id)),
            Subject::Unassigned => None,
        };
        assert_eq!(subject, expected, "{item}");
    }
}

#[test]
fn stamps_that_no_writer_writes_are_damage() {
    let cases: &[(u8, &str)] = &[
        (8, "[]"),
        (8, "{"),
        (8, r#"{"tenant":5}"#),
        (8, r#"{"tenant":"t","seq":1}"#),
        (8, r#"{"tenant":"t","instance":"xy"}"#),
        (8, r#"{"tenant":"t","instance":"00112233445566778899aabbccddeeff","seq":1.0}"#),
        (8, r#"{"tenant":"t","kind_table":"x/1"}"#),
        (8, r#"{"tenant":"t","defaults":[]}"#),
        (8, r#"{"tenant":"t","defaults":{"/id":"ana"}}"#),
        (8, r#"{"tenant":"t","defaults":{"/kind":5}}"#),
        (8, r#"{"tenant":"t","system":false}"#),
        (8, r#"{"tenant":"t","note":"x"}"#),
        (7, r#"{"peer_ip":5}"#),
        (7, r#"{"note":"x"}"#),
    ];
    for (tag, bytes) in cases {
        let part = PartBytes { tag: *tag, ordinal: 0, bytes: bytes.as_bytes() };
        assert!(matches!(Stamps::from_parts([part]), Err(Damage::Part { .. })), "{bytes}");
    }
    assert_eq!(Stamps::from_parts([]), Err(Damage::Missing { tag: 8, ordinal: 0 }));
}

#[test]
fn reserved_stamps_survive_their_bytes() {
    let tenant = TenantId::parse("acme").unwrap();
    let value = |text: &'static str| {
        crate::json::parse(text.as_bytes(), crate::json::Limits::READER).unwrap()
    };
    let event = Event::parse(br#"{"action":"a.b","kind":"other","actor":"x"}"#).unwrap();
    let stamps = Stamps {
        geo: Some(value(r#"{"asn":64512,"country":"CH"}"#)),
        roles: Some(value(r#"{"/actor":["dba"]}"#)),
        lineage: Some(value(r#"[{"changed":[[2,0]],"step":"mask","version":"1"}]"#)),
        ..Stamps::of_system(&tenant, None)
    };
    let written = parts(&event, &stamps);
    assert_eq!(Stamps::from_parts(written.iter()).unwrap(), stamps);
    assert_eq!(stamps.system, System::Yes);
}
