//! Receipts with something changed: none panics, and none that says something else passes.

use proptest::prelude::*;

use crate::json::{self, Limits, Value};
use crate::receipt::build::tests::{self as kit, Made};
use crate::receipt::{Given, Receipt, verify};

const EVENT: &str = r#"{"action":"order.void","actor":{"id":"ana@acme","roles":["ops"],"auth":{"mfa":true}},
    "on_behalf_of":["bo"],"targets":[{"type":"invoice","id":"1","owner":"ana@acme"}],
    "origin":{"ip":"192.0.2.1"},"attrs":{"n":1.50,"list":[{"a":null}]},"outcome":{"status":"denied","reason":"limit"}}"#;

fn full() -> Made {
    Made::new(&[
        (1, 0, r#"{"action":"order.void","outcome":{"status":"denied"}}"#),
        (2, 0, r#"{"auth":{"mfa":true},"id":"ana@acme","roles":["ops"]}"#),
        (2, 1, r#"{"id":"bo"}"#),
        (3, 0, r#"{"id":"1","type":"invoice"}"#),
        (4, 0, r#"{"ip":"192.0.2.1"}"#),
        (5, 0, r#"{"attrs":{"list":[{"a":null}],"n":1.50},"outcome":{}}"#),
        (6, 0, r#"{"/outcome/reason":"limit","/targets/0/owner":"ana@acme"}"#),
        (7, 0, r#"{"credential":"k","geo":{"asn":1},"roles":{"/actor":["dba"]}}"#),
        (
            8,
            0,
            r#"{"defaults":{"/actor/kind":"unknown","/id":"0190a1b2-c3d4-7000-8000-6b7c8d9e0f1a","/kind":"other","/on_behalf_of/0/kind":"unknown","/schema":"indelible.event@1"},"kind_table":"kinds/1","producer":"p","tenant":"default"}"#,
        ),
    ])
}

fn code(file: &[u8]) -> u8 {
    let keys = kit::pinned();
    let given = Given { event: Some(EVENT.as_bytes()), keys: &keys, stream: None };
    verify(file, &given).conclusion.code()
}

/// Every way to change one node of `value`, applied at every node.
fn mutants(value: &Value<'static>) -> Vec<Value<'static>> {
    let mut all = vec![
        Value::Null,
        Value::Bool(true),
        Value::integer(1),
        Value::text("x"),
        Value::Array(Vec::new()),
        Value::Object(Vec::new()),
    ];
    match value {
        Value::String(text) => {
            for (position, character) in text.char_indices() {
                let (before, after) = text.split_at(position);
                let rest = &after[character.len_utf8()..];
                let other = if character == 'A' { 'B' } else { 'A' };
                all.push(Value::text(format!("{before}{other}{rest}")));
                all.push(Value::text(format!("{before}{rest}")));
                all.push(Value::text(format!("{before}{character}{after}")));
            }
            all.push(Value::text(format!("{text}\n")));
        }
        Value::Number(token) => {
            for other in [
                format!("{token}.0"),
                format!("-{token}"),
                format!("{token}0"),
                format!("{token}e0"),
            ] {
                all.push(Value::Number(other.into()));
            }
            all.push(Value::integer(value.as_u64().unwrap_or(0) + 1));
            all.push(Value::text(token.clone()));
        }
        Value::Array(elements) => {
            for position in 0..elements.len() {
                let mut fewer = elements.clone();
                let one = fewer.remove(position);
                all.push(Value::Array(fewer));
                let mut more = elements.clone();
                more.insert(position, one);
                all.push(Value::Array(more));
                all.extend(mutants(&elements[position]).into_iter().map(|mutant| {
                    let mut changed = elements.clone();
                    changed[position] = mutant;
                    Value::Array(changed)
                }));
            }
        }
        Value::Object(members) => {
            let mut more = members.clone();
            more.push(("zz".into(), Value::Null));
            all.push(Value::Object(more));
            for position in 0..members.len() {
                let mut fewer = members.clone();
                fewer.remove(position);
                all.push(Value::Object(fewer));
                all.extend(mutants(&members[position].1).into_iter().map(|mutant| {
                    let mut changed = members.clone();
                    changed[position].1 = mutant;
                    Value::Object(changed)
                }));
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
    all
}

#[test]
fn no_structured_mutant_passes() {
    let text = kit::receipt(&[full()]).to_json();
    assert_eq!(code(text.as_bytes()), 0);
    let original = Receipt::parse(text.as_bytes()).unwrap();
    let value = json::parse(text.as_bytes(), Limits::READER).unwrap().into_owned();
    let mut tried = 0;
    for mutant in mutants(&value) {
        let mut bytes = Vec::new();
        json::write_cj1(&mutant, &mut bytes);
        if Receipt::parse(&bytes).is_ok_and(|parsed| parsed == original) {
            continue;
        }
        tried += 1;
        assert_eq!(code(&bytes), 10, "{}", String::from_utf8_lossy(&bytes));
    }
    assert!(tried > 4_000, "{tried}");
}

#[test]
fn what_a_verifier_need_not_trust_may_differ() {
    let receipt = kit::receipt(&[full().withhold(7, 0)]);
    assert_eq!(code(receipt.to_json().as_bytes()), 0);
    let by = receipt.to_json().replacen("\"digest\":", "\"by\":9,\"digest\":", 1);
    assert_eq!(code(by.as_bytes()), 0);
    let mut signed = receipt;
    let line = format!("\u{2014} stranger {}\n", tlog::encoding::base64(&[5; 68]));
    signed.checkpoint.to_mut().push_str(&line);
    assert_eq!(code(signed.to_json().as_bytes()), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn no_bytes_panic_and_no_edit_of_a_proof_file_passes(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0_u8..3), 1..4),
        as_json in any::<bool>(),
    ) {
        let receipt = kit::receipt(&[full()]);
        let text = if as_json { receipt.to_json() } else { receipt.to_proof_file().unwrap() };
        let mut bytes = text.into_bytes();
        for (place, byte, how) in edits {
            let place = place.index(bytes.len());
            match how {
                0 => bytes[place] = byte,
                1 => bytes.insert(place, byte),
                _ => drop(bytes.remove(place)),
            }
        }
        let is_same = Receipt::parse(&bytes).is_ok_and(|parsed| parsed == receipt);
        prop_assert!(is_same || code(&bytes) != 0);
    }

    #[test]
    fn no_part_panics(
        text in r#"[\[\]{}",:0-9a-z/~\\]{0,40}"#,
        tag in 1_u8..9,
    ) {
        let record = full().with(tag, 0, &format!("{{{text}}}"));
        let code = kit::exit(record, Some(EVENT));
        prop_assert!(code != 2);
    }

    #[test]
    fn no_event_panics(text in r#"[\[\]{}",:0-9a-z\n\\]{0,60}"#) {
        let code = kit::exit(full(), Some(&text));
        prop_assert!(code != 0);
    }
}
