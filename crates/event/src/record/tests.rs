//! The payload's bytes: what is refused, what may become of a part, and when two records claim the same.

use tlog::hash::Hash;

use super::{Content, Record, encode, same_claims};
use crate::canonical::{Context, Stamps, parts};
use crate::commitment::{LedgerKey, SaltBlock};
use crate::damage::Damage;
use crate::event::Event;
use crate::ids::{EventId, Instance, ProducerId, Seq, TenantId};
use crate::limits;

fn payload(item: &str, seq: u64) -> Vec<u8> {
    let (tenant, producer) = (TenantId::parse("default").unwrap(), ProducerId::parse("p").unwrap());
    let context = Context {
        tenant: &tenant,
        producer: &producer,
        mapping: None,
        peer_ip: None,
        credential: None,
    };
    let event = Event::parse(item.as_bytes()).unwrap();
    let stamps =
        Stamps::new(&event, &context, Some((Instance([1; 16]), Seq(seq))), || EventId([0; 16]));
    let mut payload = Vec::new();
    encode(&parts(&event, &stamps), 0x0102, 0x0304, &mut payload);
    payload
}

/// The payload with its part number `index` replaced by a digest.
fn withhold(payload: &[u8], index: usize, digest: Hash) -> Vec<u8> {
    let mut bytes = payload[..super::HEADER_BYTES].to_vec();
    for (position, part) in Record::decode(payload).unwrap().parts().iter().enumerate() {
        let Content::Bytes(content) = part.content else { panic!("all parts are there") };
        bytes.push(part.tag);
        bytes.extend_from_slice(&part.ordinal.to_be_bytes());
        bytes.extend_from_slice(&part.key_ref.to_be_bytes());
        if position == index {
            bytes.extend_from_slice(&u32::MAX.to_be_bytes());
            bytes.extend_from_slice(&digest.0);
        } else {
            bytes.extend_from_slice(&u32::try_from(content.len()).unwrap().to_be_bytes());
            bytes.extend_from_slice(content);
        }
    }
    bytes
}

#[test]
fn the_bytes_are_as_the_table_says() {
    let bytes = payload(r#"{"action":"a.b","actor":"x"}"#, 1);
    assert_eq!(bytes[..15], [1, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 3, 4, 0, 3]);
    assert_eq!(bytes[15..26], [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 16]);
    assert_eq!(&bytes[26..42], br#"{"action":"a.b"}"#);
    assert_eq!(bytes[42..53], [2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10]);
}

#[test]
fn what_no_writer_writes_is_damage() {
    let good = payload(r#"{"action":"a.b","actor":"x"}"#, 1);
    assert!(Record::decode(&good).is_ok());
    let changed = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("nothing", vec![]),
        ("version 0", changed(0, 0)),
        ("version 2", changed(0, 2)),
        ("a part more", changed(14, 4)),
        ("a part less", changed(14, 2)),
        ("tag 0", changed(15, 0)),
        ("tag 9", changed(15, 9)),
        ("parts that descend", changed(15, 3)),
        ("a part twice", changed(15, 2)),
        ("a longer part", changed(25, 17)),
        ("a part of 4 GiB", changed(22, 0xfe)),
        ("a byte more", [good.as_slice(), b"x"].concat()),
        ("a byte less", good[..good.len() - 1].to_vec()),
    ];
    for (name, bytes) in cases {
        assert!(
            matches!(Record::decode(&bytes), Err(Damage::Record { .. } | Damage::Place { .. })),
            "{name}"
        );
    }
}

#[test]
fn limits_at_and_past() {
    let part = |ordinal: u16| {
        let mut bytes = vec![3];
        bytes.extend_from_slice(&ordinal.to_be_bytes());
        bytes.extend_from_slice(&[0; 8]);
        bytes
    };
    let record = |count: u16| {
        let mut bytes = vec![1; 13];
        bytes.extend_from_slice(&count.to_be_bytes());
        bytes.extend((0..count).flat_map(part));
        bytes
    };
    let max = u16::try_from(limits::PARTS_MAX).unwrap();
    assert!(Record::decode(&record(max)).is_ok());
    assert!(Record::decode(&record(max + 1)).is_err());

    let sized = |length: usize| {
        let mut bytes = vec![1; 13];
        bytes.extend_from_slice(&[0, 1, 1, 0, 0, 0, 0, 0, 0]);
        let content = length - super::HEADER_BYTES - super::PART_HEADER_BYTES;
        bytes.extend_from_slice(&u32::try_from(content).unwrap().to_be_bytes());
        bytes.resize(length, b' ');
        bytes
    };
    assert!(Record::decode(&sized(limits::RECORD_BYTES_MAX)).is_ok());
    assert!(Record::decode(&sized(limits::RECORD_BYTES_MAX + 1)).is_err());
}

#[test]
fn a_withheld_part_keeps_the_root_and_is_missing_from_the_event() {
    let good = payload(r#"{"action":"a.b","actor":"x","origin":{"host":"h"}}"#, 1);
    let (key, block) = (LedgerKey([1; 32]), SaltBlock { id: 0x0102, secret: [2; 32] });
    let record = Record::decode(&good).unwrap();
    let seed = crate::commitment::Sealer::new(&key).seed(&block, record.slot);
    let withheld = withhold(&good, 2, record.parts()[2].digest(&seed));
    let less = Record::decode(&withheld).unwrap();
    assert_eq!(less.root(&key, &block), record.root(&key, &block));
    assert_eq!(less.event(), Err(Damage::Missing { tag: 4, ordinal: 0 }));
    assert_eq!(less.opened().count(), 3);
    assert_eq!(less.stamps(), record.stamps());
    assert!(same_claims(&less, &record) && same_claims(&record, &less));
}

#[test]
fn claims_are_compared_and_stamps_are_not() {
    let base = payload(r#"{"action":"a.b","actor":"x"}"#, 1);
    let same = [
        payload(r#" { "actor" : {"id":"x","roles":[]}, "action":"a.b", "kind": null } "#, 1),
        payload(r#"{"action":"a.b","actor":"x"}"#, 2),
    ];
    let other = [
        payload(r#"{"action":"a.c","actor":"x"}"#, 1),
        payload(r#"{"action":"a.b","actor":"y"}"#, 1),
        payload(r#"{"action":"a.b","actor":"x","kind":"other"}"#, 1),
        payload(r#"{"action":"a.b","actor":"x","attrs":{"a":1}}"#, 1),
        payload(r#"{"action":"a.b","actor":"x","on_behalf_of":["x"]}"#, 1),
        payload(r#"{"action":"a.b","actor":"x","original":{"text":"x"}}"#, 1),
    ];
    let record = Record::decode(&base).unwrap();
    for bytes in &same {
        assert!(same_claims(&record, &Record::decode(bytes).unwrap()));
    }
    for bytes in &other {
        assert!(!same_claims(&record, &Record::decode(bytes).unwrap()));
        assert!(!same_claims(&Record::decode(bytes).unwrap(), &record));
    }
}
