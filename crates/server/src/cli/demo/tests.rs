//! The sample is what `testdata` holds, and what happens at the sample tenants is valid.

use std::collections::BTreeSet;

use event::Event;
use event::ids::Timestamp;
use serde_json::Value;

use super::make::SAMPLE;
use super::story::{self, Dice, SHOP, TENANTS, THEFT};

#[test]
fn the_sample_is_the_records_of_testdata() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/cloudtrail");
    let mut expected = Vec::new();
    let mut names: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    for path in names.iter().filter(|path| path.extension().is_some_and(|end| end == "json")) {
        let file: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        expected.extend(file["Records"].as_array().unwrap().iter().cloned());
    }
    let text = String::from_utf8(zstd::decode_all(SAMPLE).unwrap()).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    assert_eq!(expected.len(), 2_900);
    assert!(
        lines.eq(expected),
        "made by: jq -c '.Records[]' testdata/cloudtrail/*.json | zstd -19"
    );
}

#[test]
fn what_happens_is_valid_in_order_and_the_same_for_everybody() {
    let now = Timestamp(1_790_000_000_000_000_000);
    let told = story::history(&mut Dice::new(7), 2_000, now);
    assert_eq!(told, story::history(&mut Dice::new(7), 2_000, now), "one seed is one story");
    assert_ne!(told, story::history(&mut Dice::new(8), 2_000, now));
    for (_, event) in &told {
        if let Err(error) = Event::parse(event.to_string().as_bytes()) {
            panic!("{event}: {error:?}");
        }
    }
    let tenants: BTreeSet<_> = told.iter().map(|(tenant, _)| *tenant).collect();
    assert_eq!(tenants, BTreeSet::from([SHOP, TENANTS[0], TENANTS[1]]));
    let shop: Vec<_> =
        told.iter().filter(|(tenant, _)| *tenant == SHOP).map(|(_, event)| event).collect();
    let time =
        |event: &&Value| event["occurred_at"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let usual = shop.iter().filter(|event| event["actor"]["id"] != story::INTRUDER);
    assert!(usual.map(time).is_sorted(), "a log is told in the order of its times");
    let kinds: BTreeSet<_> =
        shop.iter().filter_map(|event| event["actor"]["kind"].as_str()).collect();
    assert_eq!(kinds, BTreeSet::from(["agent", "human", "service"]));
    let is_agent = |event: &&&Value| event["actor"]["kind"] == "agent";
    assert!(shop.iter().filter(is_agent).all(|event| event["on_behalf_of"][0]["kind"] == "human"));
    assert_eq!(shop.iter().filter(|event| event["action"] == THEFT).count(), 1);
}
