//! What holds for every event, every mutation of one, and every payload.

use crate::arbitrary::any_event;
use event::Event;
use event::canonical::{Context, Stamps, claim_parts, event_bytes, parts};
use event::commitment::{LedgerKey, SaltBlock, Sealer};
use event::ids::{EventId, Instance, ProducerId, Seq, TenantId};
use event::json::{Value, write_cj1};
use event::record::{self, Content, Record, same_claims};
use proptest::prelude::*;

fn bytes_of(value: &Value<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_cj1(value, &mut bytes);
    bytes
}

fn stamps_of<'a>(event: &Event<'_>, tenant: &'a TenantId, producer: &'a ProducerId) -> Stamps<'a> {
    let context = Context {
        tenant,
        producer,
        mapping: None,
        peer_ip: Some("192.0.2.7"),
        credential: Some("k_1"),
    };
    Stamps::new(event, &context, Some((Instance([1; 16]), Seq(7))), || EventId([0; 16]))
}

fn payload_of(event: &Event<'_>) -> Vec<u8> {
    let (tenant, producer) =
        (TenantId::parse("default").unwrap(), ProducerId::parse("billing-api").unwrap());
    let mut payload = Vec::new();
    record::encode(&parts(event, &stamps_of(event, &tenant, &producer)), 9, 3, &mut payload);
    payload
}

proptest! {
    #[test]
    fn an_event_survives_its_parts_and_its_normal_form(value in any_event()) {
        let bytes = bytes_of(&value);
        let event = Event::parse(&bytes).unwrap();
        prop_assert_eq!(&Event::as_sent(&bytes).unwrap(), &event);

        let normal = event_bytes(&event);
        prop_assert_eq!(&Event::in_normal_form(&normal).unwrap(), &event);
        prop_assert_eq!(event_bytes(&Event::parse(&normal).unwrap()), normal.clone());
        prop_assert_eq!(bytes_of(&event::json::parse(&normal, event::json::Limits::READER).unwrap()), normal);

        let claims = claim_parts(&event);
        prop_assert!(claims.iter().map(|part| (part.tag, part.ordinal)).is_sorted_by(|a, b| a < b));
        for part in claims.iter() {
            let value = event::json::parse(part.bytes, event::json::Limits::READER).unwrap();
            prop_assert_eq!(bytes_of(&value), part.bytes);
        }
        prop_assert_eq!(&Event::from_parts(claims.iter()).unwrap(), &event);
        prop_assert_eq!(&event.clone().into_owned(), &event);
    }

    #[test]
    fn a_record_survives_its_bytes(value in any_event()) {
        let bytes = bytes_of(&value);
        let event = Event::parse(&bytes).unwrap();
        let (tenant, producer) = (TenantId::parse("default").unwrap(), ProducerId::parse("billing-api").unwrap());
        let stamps = stamps_of(&event, &tenant, &producer);
        let payload = payload_of(&event);
        let record = Record::decode(&payload).unwrap();
        prop_assert_eq!(record.event().unwrap(), event.clone());
        prop_assert_eq!(record.stamps().unwrap(), stamps.clone());
        let (key, block) = (LedgerKey([5; 32]), SaltBlock { id: 9, secret: [6; 32] });
        let root = Sealer::new(&key).root(&parts(&event, &stamps), &block, 3);
        prop_assert_eq!(record.root(&key, &block), root);
        prop_assert!(same_claims(&record, &record));
    }

    #[test]
    fn mutated_items_are_events_or_refusals(value in any_event(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = bytes_of(&value);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(event) = Event::parse(&bytes) {
            let claims = claim_parts(&event);
            prop_assert_eq!(&Event::from_parts(claims.iter()).unwrap(), &event);
        }
        bytes.truncate(at);
        prop_assert!(Event::parse(&bytes).is_err());
    }

    #[test]
    fn mutated_records_are_read_or_damage(value in any_event(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let bytes = bytes_of(&value);
        let event = Event::parse(&bytes).unwrap();
        let good = payload_of(&event);
        let mut payload = good.clone();
        let at = at.index(payload.len());
        payload[at] = byte;
        let key = (LedgerKey([5; 32]), SaltBlock { id: 9, secret: [6; 32] });
        if let Ok(record) = Record::decode(&payload) {
            let _ = (record.event(), record.stamps());
            // INVARIANT (I2): whatever is read of changed bytes has another root, the block's number apart.
            let root = Record::decode(&good).unwrap().root(&key.0, &key.1);
            let is_outside = (1..9).contains(&at) || payload == good || is_key_reference(&good, at);
            prop_assert!(is_outside || record.root(&key.0, &key.1) != root);
        }
        payload.truncate(at);
        prop_assert!(Record::decode(&payload).is_err());
        payload.extend_from_slice(&good);
        let _ = Record::decode(&payload);
    }

    #[test]
    fn any_bytes_are_a_record_or_damage(bytes in prop::collection::vec(any::<u8>(), 0..120), count in 0_u8..4) {
        let _ = Record::decode(&bytes);
        let mut payload = vec![1; 13];
        payload.extend_from_slice(&[0, count]);
        payload.extend_from_slice(&bytes);
        if let Ok(record) = Record::decode(&payload) {
            let _ = (record.event(), record.stamps());
        }
    }
}

/// Whether `at` lies in the key reference of a part, which no root covers.
fn is_key_reference(payload: &[u8], at: usize) -> bool {
    let record = Record::decode(payload).unwrap();
    let mut offset = record::HEADER_BYTES;
    for part in record.parts() {
        if (offset + 3..offset + 7).contains(&at) {
            return true;
        }
        let Content::Bytes(bytes) = part.content else { panic!("all parts are there") };
        offset += record::PART_HEADER_BYTES + bytes.len();
    }
    false
}
