//! The exact parts of the server's own records.

use super::{
    Counts, Gap, Item, SystemKind, accounting, dead_letter, gap, key, loss, refused, system,
};
use crate::canonical::Parts;
use crate::code::Code;
use crate::entry::EntryKind;
use crate::event::Event;
use crate::ids::{EventId, Instance, ProducerId, Seq, TenantId};

fn shown(parts: &Parts) -> Vec<String> {
    parts
        .iter()
        .map(|part| {
            format!("{}.{} {}", part.tag, part.ordinal, std::str::from_utf8(part.bytes).unwrap())
        })
        .collect()
}

fn names() -> (TenantId, ProducerId) {
    (TenantId::parse("acme").unwrap(), ProducerId::parse("billing").unwrap())
}

const ID: EventId = EventId([0x11; 16]);
const WHO: &str = r#"2.0 {"id":"indelible","kind":"system"}"#;

#[test]
fn a_refused_number_keeps_code_and_field() {
    let (tenant, producer) = names();
    let item = Item {
        tenant: &tenant,
        producer: &producer,
        stream: Some((Instance([2; 16]), Seq(9))),
        id: ID,
    };
    let record = refused(&item, Code::WrongType, "/actor/id");
    let expected = [
        r#"1.0 {"action":"ledger.refused","id":"11111111-1111-1111-1111-111111111111","schema":"indelible.system.refused@1"}"#,
        WHO,
        r#"5.0 {"attrs":{"code":"wrong_type","field":"/actor/id","producer":"billing"}}"#,
        r#"8.0 {"instance":"02020202020202020202020202020202","seq":9,"system":true,"tenant":"acme"}"#,
    ];
    assert_eq!(shown(&record.parts()), expected);
}

#[test]
fn a_dead_letter_keeps_its_item() {
    let (tenant, producer) = names();
    let item = Item { tenant: &tenant, producer: &producer, stream: None, id: ID };
    let raw = "{ \"action\":\"a.b\",\"actor\":\"x\",\"schema\":\"acme@1\" }";
    let record = dead_letter(&item, Code::SchemaUnknown, "/schema", raw);
    let expected = [
        r#"1.0 {"action":"ledger.dead_letter","id":"11111111-1111-1111-1111-111111111111","schema":"indelible.system.dead_letter@1"}"#,
        WHO,
        r#"5.0 {"attrs":{"code":"schema_unknown","field":"/schema","producer":"billing"}}"#,
        r#"6.0 {"/original":{"media_type":"application/json","text":"{ \"action\":\"a.b\",\"actor\":\"x\",\"schema\":\"acme@1\" }"}}"#,
        r#"8.0 {"system":true,"tenant":"acme"}"#,
    ];
    assert_eq!(shown(&record.parts()), expected);
}

#[test]
fn other_records_say_what_happened() {
    let (tenant, producer) = names();
    let gap_of = Gap {
        producer: &producer,
        instance: Instance([2; 16]),
        from: Seq(3),
        to: Seq(5),
        reason: "disk lost",
    };
    let counts = Counts { rejected: 1, duplicate: 2, conflict: 3 };
    let cases = [
        (
            gap(&tenant, ID, &gap_of),
            r#"5.0 {"attrs":{"from":3,"instance":"02020202020202020202020202020202","producer":"billing","reason":"disk lost","to":5}}"#,
        ),
        (
            loss(&tenant, ID, (7, 8), "payload damaged"),
            r#"5.0 {"attrs":{"from":7,"reason":"payload damaged","to":8}}"#,
        ),
        (
            accounting(&tenant, ID, &producer, counts),
            r#"5.0 {"attrs":{"conflict":3,"duplicate":2,"producer":"billing","rejected":1}}"#,
        ),
        (
            key(&tenant, ID, "made", "s/acme+01020304+AAAA"),
            r#"5.0 {"attrs":{"change":"made","vkey":"s/acme+01020304+AAAA"}}"#,
        ),
        (system(&tenant, ID, "accept_clock", vec![]), r#"5.0 {"attrs":{"act":"accept_clock"}}"#),
    ];
    for (record, detail) in cases {
        let parts = record.parts();
        assert_eq!(shown(&parts)[2], detail);
        assert_eq!(shown(&parts)[3], r#"8.0 {"system":true,"tenant":"acme"}"#);
        assert_eq!(Event::from_parts(parts.iter()).unwrap(), record.event);
        assert_eq!(record.event.schema.as_deref(), Some(&*record.kind.schema()));
        assert_eq!(record.entry_kind() == EntryKind::Key, record.kind == SystemKind::Key);
    }
}

#[test]
fn schemas_name_their_kind() {
    for kind in SystemKind::ALL {
        assert_eq!(SystemKind::of_schema(&kind.schema()), Some(*kind));
        assert_eq!(kind.action(), format!("ledger.{}", kind.as_str()));
    }
    for schema in [
        "indelible.event@1",
        "indelible.system.refused@2",
        "indelible.system.@1",
        "system.refused@1",
        "",
    ] {
        assert_eq!(SystemKind::of_schema(schema), None, "{schema}");
    }
}
