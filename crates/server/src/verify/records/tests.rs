//! What no root binds is compared all the same: sources, slots, withheld parts, the keys beside a first record.

use event::canonical::{self, Context, Stamps};
use event::entry::EntryKind;
use event::event::Event;
use event::ids::{EventId, Instance, ProducerId, Timestamp};
use event::record::{self, HEADER_BYTES, PART_HEADER_BYTES};
use ledger::{KeyBlob, StreamId};
use tlog::Index;
use tlog::hash::Hash;

use super::*;

const INSTANCE: Instance = Instance([7; 16]);

fn producer(name: &str) -> ProducerId {
    ProducerId::parse(name).unwrap()
}

/// The payload of a record of `billing`'s stream with this number, sealed in this slot of block 1.
fn payload(seq: u64, slot: u32) -> Vec<u8> {
    let event = Event::parse(br#"{"action":"user.login","actor":"ana"}"#).unwrap();
    let tenant = TenantId::parse("acme").unwrap();
    let sender = producer("billing");
    let context = Context {
        tenant: &tenant,
        producer: &sender,
        mapping: None,
        peer_ip: None,
        credential: None,
    };
    let place = Some((INSTANCE, Seq(seq)));
    let stamps = Stamps::new(&event, &context, place, || EventId([0; 16]));
    let mut payload = Vec::new();
    record::encode(&canonical::parts(&event, &stamps), 1, slot, &mut payload);
    payload
}

/// The same payload with its first part replaced by a digest.
fn withheld(payload: &[u8]) -> Vec<u8> {
    let at = HEADER_BYTES + PART_HEADER_BYTES;
    let length = u32::from_be_bytes(payload[at - 4..at].try_into().unwrap());
    let behind = at + usize::try_from(length).unwrap();
    [&payload[..at - 4], &[0xff; 4], &[9; 32], &payload[behind..]].concat()
}

fn stream(name: &str, first: u64) -> Source {
    let stream = StreamId { producer: producer(name), instance: INSTANCE };
    Source::Stream { stream, first: Seq(first) }
}

/// What is found in one section of these payloads; nothing is opened, for no key is given.
fn found(payloads: Vec<Vec<u8>>, source: &Source, keys: &[u8]) -> Vec<String> {
    let tenant = TenantId::parse("acme").unwrap();
    let entry = Entry { kind: EntryKind::Event, received_at: Timestamp(1), root: Hash([0; 32]) };
    let blob = |kind: &u8| KeyBlob { kind: *kind, id: 0, bytes: vec![1; 60] };
    let section = SectionRecords {
        tenant: &tenant,
        first: Index(0),
        count: u32::try_from(payloads.len()).unwrap(),
        received_at: Timestamp(1),
        source,
        entries: Some(vec![entry; payloads.len()]),
        payloads: Some(payloads),
        keys: Some(keys.iter().map(blob).collect()),
        file: "ledger/wal/0.log",
        offset: 0,
    };
    let mut records = Records::new(None, None);
    records.section(&section);
    assert!(records.findings.iter().all(|finding| finding.weight == Weight::Failed));
    records.findings.into_iter().map(|finding| finding.what).collect()
}

/// Words of the one finding there must be (none if empty), the payloads, their source, the kinds of keys beside them.
type Case<'a> = (&'a str, Vec<Vec<u8>>, Source, &'a [u8]);

#[test]
fn what_no_root_binds_is_compared() {
    let both = [key_kind::DURABLE_KEK, key_kind::LEDGER];
    let good = || vec![payload(5, 0), payload(6, 1)];
    let loose = Source::Loose { producer: Some(producer("billing")) };
    let of_gap = StreamId { producer: producer("billing"), instance: INSTANCE };
    let gap = Source::Gap { stream: of_gap, from: Seq(5), to: Seq(6) };
    let cases: Vec<Case<'_>> = vec![
        ("", good(), stream("billing", 5), &both),
        ("are not those of its section", good(), stream("billing", 4), &both),
        ("are not those of its section", good(), loose, &both),
        ("its producer is not", good(), stream("payroll", 5), &both),
        ("the declared gap is not", good(), gap, &both),
        (
            "belongs to another record",
            vec![payload(5, 3), payload(6, 3)],
            stream("billing", 5),
            &both,
        ),
        ("belongs to another record", vec![payload(5, 4096)], stream("billing", 5), &both),
        ("a part is withheld", vec![withheld(&payload(5, 0))], stream("billing", 5), &both),
        ("no keys beside its first record", good(), stream("billing", 5), &both[..1]),
    ];
    for (expected, payloads, source, keys) in cases {
        let found = found(payloads, &source, keys);
        let as_expected = match expected {
            "" => found.is_empty(),
            words => found.len() == 1 && found[0].contains(words),
        };
        assert!(as_expected, "`{expected}`: {found:?}");
    }
}
