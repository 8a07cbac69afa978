//! Every row gives its record back, byte for byte.

use super::*;
use crate::segment::world::World;
use event::canonical::{Inferred, Stamps};
use event::event::Event;
use event::ids::{EventId, Instance, Seq};
use proptest::prelude::*;

// The generator of the event crate's own tests: whatever a producer may send.
#[path = "../../../event/tests/it/arbitrary.rs"]
mod arbitrary;

/// Rebuilds every row; returns the rows that do not give their record.
fn unfaithful(world: World) -> Vec<usize> {
    let tenant = world.tenant.clone();
    let (batch, records) = world.finish();
    let rebuild = Rebuild::new(&tenant, &batch).unwrap();
    let mut made = Vec::new();
    let differs = |(row, record): &(usize, &Vec<u8>)| {
        made.clear();
        rebuild.payload(*row, &mut made) != Ok(()) || made != **record
    };
    records.iter().enumerate().filter(differs).map(|(row, _)| row).collect()
}

fn stamps() -> impl Strategy<Value = (u8, Option<u64>)> {
    (any::<u8>(), prop::option::of(1_u64..1 << 53))
}

/// Stamps with members that nothing writes yet, too.
fn stamp<'a>(world: &World, event: &Event<'_>, (which, seq): (u8, Option<u64>)) -> Stamps<'a> {
    let has = |bit: u8| which >> bit & 1 == 1;
    let object = |text: &'static str| parse(text).unwrap();
    let id = event.id.is_none().then_some(EventId([which; 16]));
    let table = if has(0) { "acme/7" } else { KIND_TABLE };
    let kind = Inferred { kind: "other".into(), table: table.into() };
    Stamps {
        tenant: world.tenant.to_string().into(),
        producer: Some(world.producer.to_string().into()),
        stream: seq.map(|seq| (Instance([which; 16]), Seq(seq))),
        id,
        kind: event.kind.is_none().then_some(kind),
        mapping: has(1).then(|| "cloudtrail/1".into()),
        peer_ip: has(2).then(|| "192.0.2.9".into()),
        credential: has(3).then(|| "k_1".into()),
        geo: has(4).then(|| object(r#"{"as":64500,"country":"CH"}"#)),
        roles: has(5).then(|| object(r#"{"/actor":["admin"]}"#)),
        lineage: has(6).then(|| object(r#"[{"changed":[[5,0]],"step":"mask","version":"1"}]"#)),
        ..Stamps::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn arbitrary_events_under_arbitrary_stamps_rebuild(
        sent in prop::collection::vec((arbitrary::any_event(), stamps()), 1..6),
    ) {
        let mut world = World::new();
        for (value, which) in &sent {
            let mut bytes = Vec::new();
            write_cj1(value, &mut bytes);
            let event = Event::parse(&bytes).unwrap();
            let stamps = stamp(&world, &event, *which);
            world.push(&event, &stamps);
        }
        prop_assert_eq!(unfaithful(world), Vec::<usize>::new());
    }
}

#[test]
fn every_vector_rebuilds() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata");
    let mut world = World::new();
    let lines = std::fs::read_to_string(root.join("event/events.jsonl")).unwrap();
    for line in lines.lines().skip(1) {
        let line = parse(line).unwrap();
        let Some(item) = line.member("item").and_then(Value::as_str) else { continue };
        world.send(item.as_bytes(), Some(12));
        world.send(item.as_bytes(), None);
    }
    for entry in std::fs::read_dir(root.join("vectors/events")).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        if Event::parse(&bytes).is_ok() {
            world.send(&bytes, None);
        }
    }
    assert!(world.records.len() >= 40, "{}", world.records.len());
    assert_eq!(unfaithful(world), Vec::<usize>::new());
}

#[test]
fn real_records_rebuild() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/cloudtrail");
    let mut world = World::new();
    for entry in std::fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let text = std::fs::read_to_string(path).unwrap();
        let file = parse(&text).unwrap();
        let Some(Value::Array(records)) = file.member("Records") else { continue };
        for record in records {
            let mut original = Vec::new();
            write_cj1(record, &mut original);
            let original = String::from_utf8(original).unwrap();
            let text =
                |key| record.member(key).and_then(Value::as_str).unwrap_or("none").to_owned();
            let event = Value::object(vec![
                ("action".into(), Value::text(format!("aws.{}", text("eventName")))),
                ("actor".into(), Value::text(text("eventSource"))),
                ("occurred_at".into(), Value::text(text("eventTime"))),
                (
                    "original".into(),
                    Value::object(vec![
                        ("media_type".into(), Value::text("application/json")),
                        ("text".into(), Value::text(original)),
                    ]),
                ),
                (
                    "attrs".into(),
                    Value::object(vec![("region".into(), Value::text(text("awsRegion")))]),
                ),
            ]);
            let mut bytes = Vec::new();
            write_cj1(&event, &mut bytes);
            world.send(&bytes, Some(1));
        }
    }
    assert_eq!(world.records.len(), 2_900);
    assert_eq!(unfaithful(world), Vec::<usize>::new());
}

#[test]
fn records_of_the_server_rebuild() {
    let mut world = World::new();
    world.systems();
    assert_eq!(unfaithful(world), Vec::<usize>::new());
}

#[test]
fn what_rows_cannot_say_is_seen() {
    let mut world = World::new();
    let item = br#"{"action":"a.b","actor":"x","original":{"text":"raw"}}"#;
    world.send(item, Some(1));
    // The same event, whose stored parts another writer had put elsewhere.
    let last = world.records.last_mut().unwrap();
    let place = last.windows(4).position(|four| four == b"/ori").unwrap();
    last[place] = b'~';
    assert_eq!(unfaithful(world), [0]);
}

#[test]
fn a_row_that_is_not_whole_is_an_error_and_leaves_nothing() {
    let mut world = World::new();
    world.send(br#"{"action":"a.b","actor":{"id":"x","roles":["r"]}}"#, Some(1));
    let tenant = world.tenant.clone();
    let (batch, _) = world.finish();
    let mut columns = batch.columns().to_vec();
    let place = batch.schema().index_of("rest").unwrap();
    columns[place] = std::sync::Arc::new(arrow::array::StringArray::from(vec!["{\"actor\":"]));
    let broken = RecordBatch::try_new(batch.schema(), columns).unwrap();
    let rebuild = Rebuild::new(&tenant, &broken).unwrap();
    let mut out = b"before".to_vec();
    assert_eq!(rebuild.payload(0, &mut out), Err(Unfaithful { column: "rest" }));
    assert_eq!(rebuild.payload(1, &mut out).map_err(|error| error.column), Err("targets"));
    assert_eq!(out, b"before");
}
