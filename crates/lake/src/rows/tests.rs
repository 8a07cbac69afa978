//! The two ways to a row give the same row, and every column has what was sent.

use super::*;
use arrow::array::{Array as _, AsArray as _};
use arrow::datatypes::{Int16Type, TimestampNanosecondType, UInt8Type, UInt32Type, UInt64Type};
use event::canonical::{self, Context};
use event::ids::{EventId, Instance, ProducerId, Seq, TenantId};
use event::system;

const FULL: &str = r#"{
    "id": "018F3A6E-0000-7000-8000-000000000001", "schema": "indelible.event@1",
    "occurred_at": "2024-05-01T12:00:00.50+02:00", "action": "invoice.approve", "kind": "update",
    "outcome": {"status": "denied", "code": "E1", "reason": "over the limit"},
    "actor": {"kind": "human", "id": "ana", "name": "Ana", "email": "ana@acme.test",
              "roles": ["clerk"], "auth": {"method": "oidc", "mfa": true}},
    "on_behalf_of": [{"id": "boss"}],
    "targets": [{"type": "invoice", "id": "10021", "name": "May", "owner": "eve"}, "order/7"],
    "origin": {"service": "billing", "host": "h1", "ip": "10.0.0.1", "user_agent": "curl"},
    "decision": {"effect": "deny", "policy": "p1"}, "severity": "warning", "delivery": "spool",
    "correlation": {"request_id": "r1", "session_id": "s1", "operation_id": "o1",
                    "trace_id": "0123456789abcdef0123456789abcdef"},
    "changes": [{"path": "/total", "op": "replace", "old": null, "new": 1.50}],
    "attrs": {"b": {"x": [1, 2]}, "a": "text"},
    "original": {"media_type": "text/plain", "text": "raw"}
}"#;

const SALT: Salt = Salt { block: 1, slot: 2 };

fn tenant() -> TenantId {
    TenantId::parse("acme").unwrap()
}

fn stamped<'a>(event: &Event<'_>, names: &'a (TenantId, ProducerId), seq: u64) -> Stamps<'a> {
    let context = Context {
        tenant: &names.0,
        producer: &names.1,
        mapping: Some("cloudtrail/1"),
        peer_ip: Some("192.0.2.7"),
        credential: Some("k1"),
    };
    let stream = (seq > 0).then_some((Instance([7; 16]), Seq(seq)));
    Stamps::new(event, &context, stream, || EventId([9; 16]))
}

fn names() -> (TenantId, ProducerId) {
    (tenant(), ProducerId::parse("billing").unwrap())
}

/// The batch by way of the parsed event and by way of the stored record.
fn both_ways(items: &[Vec<u8>]) -> (RecordBatch, RecordBatch) {
    let names = names();
    let (mut parsed, mut stored) = (RowsBuilder::new(), RowsBuilder::new());
    for (item, seq) in items.iter().zip(0..) {
        let event = Event::parse(item).unwrap();
        let stamps = stamped(&event, &names, seq);
        parsed.push(&event, &stamps, SALT);
        let mut payload = Vec::new();
        event::record::encode(&canonical::parts(&event, &stamps), 1, 2, &mut payload);
        stored.push_record(&Record::decode(&payload).unwrap()).unwrap();
    }
    let at = Timestamp(1_700_000_000_000_000_000);
    let batch = |builder: RowsBuilder| builder.finish().place(40, at).finish().unwrap();
    (batch(parsed), batch(stored))
}

/// Every event of the vectors that are shared with the second implementation, and of the real
/// records, as plain events.
fn samples() -> Vec<Vec<u8>> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata");
    let mut files: Vec<_> = std::fs::read_dir(root.join("vectors/events"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    assert!(files.len() >= 10, "{files:?}");
    let mut items = Vec::new();
    for file in files {
        let bytes = std::fs::read(&file).unwrap();
        let mut parts: Vec<Vec<u8>> = match event::json::parse(&bytes, event::json::Limits::READER)
        {
            Ok(event::json::Value::Array(elements)) => elements.iter().map(written).collect(),
            _ => vec![bytes],
        };
        items.append(&mut parts);
    }
    items.retain(|item| Event::parse(item).is_ok());
    assert!(items.len() >= 10, "only {} of the vectors are events", items.len());
    items.extend(cloudtrail(&root));
    items.push(FULL.as_bytes().to_vec());
    items
}

fn written(value: &event::json::Value<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    event::json::write_cj1(value, &mut bytes);
    bytes
}

/// The real records as events whose attributes are scalars of the record and whose original is it.
fn cloudtrail(root: &std::path::Path) -> Vec<Vec<u8>> {
    use event::json::Value;
    let mut items = Vec::new();
    for entry in std::fs::read_dir(root.join("cloudtrail")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let bytes = std::fs::read(path).unwrap();
        let file = event::json::parse(&bytes, event::json::Limits::READER).unwrap();
        let Some(Value::Array(records)) = file.member("Records") else { continue };
        for record in records {
            let text =
                |key| record.member(key).and_then(Value::as_str).unwrap_or("none").to_owned();
            let original = String::from_utf8(written(record)).unwrap();
            let event = Value::object(vec![
                ("action".into(), Value::text(format!("aws.{}", text("eventName")))),
                ("actor".into(), Value::text(text("eventSource"))),
                ("occurred_at".into(), Value::text(text("eventTime"))),
                ("original".into(), Value::object(vec![("text".into(), Value::text(original))])),
                (
                    "attrs".into(),
                    Value::object(vec![("region".into(), Value::text(text("awsRegion")))]),
                ),
            ]);
            items.push(written(&event));
        }
    }
    assert_eq!(items.len(), 2_900);
    items
}

#[test]
fn parsed_and_stored_give_identical_batches() {
    let (parsed, stored) = both_ways(&samples());
    assert!(parsed.num_rows() > 2_900);
    assert_eq!(parsed, stored);
}

#[test]
fn every_column_has_what_was_sent_or_stamped() {
    let (batch, _) =
        both_ways(&[br#"{"action":"a.b","actor":"x"}"#.to_vec(), FULL.as_bytes().to_vec()]);
    let text = |name: &str, row: usize| {
        let column = batch.column_by_name(name).unwrap().as_string::<i32>();
        column.is_valid(row).then(|| column.value(row).to_owned())
    };
    for (name, bare, full) in [
        ("schema", None, Some("indelible.event@1")),
        ("action", Some("a.b"), Some("invoice.approve")),
        ("kind", None, Some("update")),
        ("kind_inferred", Some("other"), None),
        ("outcome", None, Some("denied")),
        ("outcome_code", None, Some("E1")),
        ("reason", None, Some("over the limit")),
        ("severity", None, Some("warning")),
        ("delivery", None, Some("spool")),
        ("actor_id", Some("x"), Some("ana")),
        ("actor_kind", None, Some("human")),
        ("actor_name", None, Some("Ana")),
        ("actor_email", None, Some("ana@acme.test")),
        ("on_behalf_of", None, Some(r#"[{"id":"boss"}]"#)),
        ("service", None, Some("billing")),
        ("host", None, Some("h1")),
        ("ip_claimed", None, Some("10.0.0.1")),
        ("ip_peer", Some("192.0.2.7"), Some("192.0.2.7")),
        ("user_agent", None, Some("curl")),
        ("session_id", None, Some("s1")),
        ("request_id", None, Some("r1")),
        ("trace_id", None, Some("0123456789abcdef0123456789abcdef")),
        ("operation_id", None, Some("o1")),
        ("decision", None, Some(r#"{"effect":"deny","policy":"p1"}"#)),
        ("producer", Some("billing"), Some("billing")),
        ("changes", None, Some(r#"[{"new":1.50,"old":null,"op":"replace","path":"/total"}]"#)),
        ("attrs", None, Some(r#"{"a":"text","b":{"x":[1,2]}}"#)),
        ("original", None, Some("raw")),
        ("code", None, None),
        ("field", None, None),
        ("credential", Some("k1"), Some("k1")),
        (
            "rest",
            Some(r#"{"mapping":"cloudtrail/1"}"#),
            Some(
                r#"{"actor":{"auth":{"method":"oidc","mfa":true},"roles":["clerk"]},"mapping":"cloudtrail/1","media_type":"text/plain"}"#,
            ),
        ),
    ] {
        assert_eq!(text(name, 0).as_deref(), bare, "{name}");
        assert_eq!(text(name, 1).as_deref(), full, "{name}");
    }
    let time = batch.column_by_name(OCCURRED_AT).unwrap().as_primitive::<TimestampNanosecondType>();
    assert!(time.is_null(0));
    assert_eq!(time.value(1), 1_714_557_600_500_000_000);
    let offset = batch.column_by_name(OCCURRED_OFFSET_MIN).unwrap().as_primitive::<Int16Type>();
    assert_eq!((offset.is_null(0), offset.value(1)), (true, 120));
    let seq = batch.column_by_name(SEQ).unwrap().as_primitive::<UInt64Type>();
    assert_eq!((seq.is_null(0), seq.value(1)), (true, 1));
    let index = batch.column_by_name(INDEX).unwrap().as_primitive::<UInt64Type>();
    assert_eq!(index.values(), &[40, 41]);
    let stamped = batch.column_by_name(ID_STAMPED).unwrap().as_primitive::<UInt8Type>();
    assert_eq!((stamped.value(0), stamped.is_null(1)), (1, true));
    let salt = (
        batch.column_by_name(SALT_BLOCK).unwrap().as_primitive::<UInt64Type>(),
        batch.column_by_name(SALT_SLOT).unwrap().as_primitive::<UInt32Type>(),
    );
    assert_eq!((salt.0.value(1), salt.1.value(1)), (1, 2));
    let id = batch.column_by_name(ID).unwrap().as_fixed_size_binary();
    assert_eq!(id.value(0), [9; 16], "outside a stream the drawn id");
    assert_eq!(id.value(1)[..2], [0x01, 0x8f]);
}

#[test]
fn targets_are_lists_in_the_order_sent() {
    let (batch, _) =
        both_ways(&[br#"{"action":"a.b","actor":"x"}"#.to_vec(), FULL.as_bytes().to_vec()]);
    let lists = batch.column_by_name(TARGETS).unwrap().as_list::<i32>();
    assert_eq!((lists.value_length(0), lists.value_length(1)), (0, 2));
    let elements = lists.value(1);
    let member = |name: &str| {
        let column = elements.as_struct().column_by_name(name).unwrap();
        let texts = column.as_string::<i32>();
        texts.iter().map(|text| text.map(ToOwned::to_owned)).collect::<Vec<_>>()
    };
    assert_eq!(member("type"), [Some("invoice".into()), Some("order".into())]);
    assert_eq!(member("id"), [Some("10021".into()), Some("7".into())]);
    assert_eq!(member("name"), [Some("May".into()), None]);
    assert_eq!(member("owner"), [Some("eve".into()), None]);
}

#[test]
fn system_records_say_what_they_are_about() {
    let (tenant, producer) = names();
    let item = system::Item {
        tenant: &tenant,
        producer: &producer,
        stream: Some((Instance([3; 16]), Seq(5))),
        id: EventId([1; 16]),
    };
    let gap = system::Gap {
        producer: &producer,
        instance: Instance([4; 16]),
        from: Seq(6),
        to: Seq(8),
        reason: "spool lost",
    };
    let records = [
        system::refused(&item, event::code::Code::MissingField, "/actor"),
        system::dead_letter(&item, event::code::Code::SchemaUnknown, "/schema", "{}"),
        system::gap(&tenant, EventId([2; 16]), &gap),
    ];
    let mut builder = RowsBuilder::new();
    for record in &records {
        builder.push(&record.event, &record.stamps, SALT);
    }
    let batch = builder.finish().place(0, Timestamp(1)).finish().unwrap();
    let kinds = batch.column_by_name(RECORD).unwrap().as_primitive::<UInt8Type>();
    let kinds: Vec<_> = kinds.values().iter().map(|code| RecordKind::from_code(*code)).collect();
    let expected = records.iter().map(|record| Some(RecordKind::System(record.kind)));
    assert_eq!(kinds, expected.collect::<Vec<_>>());
    let texts = |name: &str| {
        let column = batch.column_by_name(name).unwrap().as_string::<i32>();
        column.iter().map(|text| text.unwrap_or("-").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(texts("producer"), ["billing", "billing", "billing"]);
    assert_eq!(texts("code"), ["missing_field", "schema_unknown", "-"]);
    assert_eq!(texts("field"), ["/actor", "/schema", "-"]);
    assert_eq!(texts("reason"), ["-", "-", "spool lost"]);
    assert_eq!(texts("original"), ["-", "{}", "-"]);
    let instances = batch.column_by_name(INSTANCE).unwrap().as_fixed_size_binary();
    assert_eq!([instances.value(0)[0], instances.value(2)[0]], [3, 4]);
}

#[test]
fn kept_rows_take_the_places_of_the_ones_left_out() {
    let items: Vec<Vec<u8>> = ["a", "b", "c"]
        .map(|id| format!(r#"{{"action":"a.b","actor":"{id}","targets":["t/{id}"]}}"#).into_bytes())
        .into();
    let names = names();
    let rows = |items: &[Vec<u8>]| {
        let mut builder = RowsBuilder::new();
        for item in items {
            let event = Event::parse(item).unwrap();
            builder.push(&event, &stamped(&event, &names, 0), SALT);
        }
        builder.finish()
    };
    let at = Timestamp(1);
    let kept = rows(&items).keep(&[true, false, true]).place(5, at).finish().unwrap();
    let alone = rows(&[items[0].clone(), items[2].clone()]).place(5, at).finish().unwrap();
    assert_eq!(kept, alone);
    assert!(rows(&items).keep(&[false, false, false]).is_empty());
}

#[test]
fn an_estimate_is_near_what_the_tail_takes() {
    let names = names();
    let mut builder = RowsBuilder::new();
    for seq in 0..500 {
        let event = Event::parse(FULL.as_bytes()).unwrap();
        builder.push(&event, &stamped(&event, &names, seq), SALT);
    }
    let rows = builder.finish();
    let estimate = rows.bytes();
    let batch = rows.place(0, Timestamp(1)).finish().unwrap();
    let real = crate::columns::heap_bytes(batch.columns());
    assert!(estimate * 10 >= real * 9 && estimate <= real * 12 / 10, "{estimate} for {real}");
}
