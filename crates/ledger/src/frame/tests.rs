//! Frames: written and read again, and no changed byte passes for what was written.

use event::entry::EntryKind;
use event::ids::{Instance, ProducerId, Seq, TenantId, Timestamp};
use proptest::prelude::*;
use tlog::hash::Hash;

use super::*;
use crate::request::{Item, KeyBlob, Source, StreamId};

fn section(payloads: &[Vec<u8>], source: Source) -> Section {
    let item = |payload: &Vec<u8>| Item {
        kind: EntryKind::Event,
        root: tlog::hash::leaf_hash(payload),
        payload: payload.clone(),
        id: None,
    };
    let items: Vec<_> = payloads.iter().map(item).collect();
    let payload = area::payload(items.iter());
    let roots: Vec<u8> = items.iter().flat_map(|item| item.root.0).collect();
    let ids = match source {
        Source::Loose { .. } => area::ids(items.iter()),
        _ => Vec::new(),
    };
    let keys = area::keys(&[KeyBlob { kind: 1, id: 2, bytes: vec![3; 60] }]);
    let sums = AreaSums {
        roots: area::sum(&roots),
        ids: area::sum(&ids),
        payload: area::sum(&payload),
        keys: area::sum(&keys),
    };
    let head = SectionHead {
        tenant: TenantId::parse("acme").unwrap(),
        source,
        first: 17,
        count: length_u32(items.len()),
        received_at: Timestamp(99),
        root_after: Hash([5; 32]),
        codec: Codec::Raw,
        raw_bytes: length_u32(payload.len()),
        sums,
        runs: vec![(EntryKind::Event, length_u32(items.len()))],
    };
    Section { head, roots, ids, payload, keys }
}

fn link() -> Link {
    Link { seq: 3, epoch: 1, boot: [4; 16], previous: [5; 32] }
}

fn sources() -> [Source; 3] {
    let producer = ProducerId::parse("spool").unwrap();
    let stream = StreamId { producer, instance: Instance([8; 16]) };
    [
        Source::Loose { producer: None },
        Source::Stream { stream: stream.clone(), first: Seq(4) },
        Source::Gap { stream, from: Seq(4), to: Seq(9) },
    ]
}

fn small_frame() -> Vec<u8> {
    let sections = sources().map(|source| section(&[b"opaque".to_vec()], source));
    let mut out = Vec::new();
    encode_append(link(), &sections, &mut out);
    out
}

#[test]
fn a_frame_is_read_as_it_was_written() {
    let sections = sources().map(|source| section(&[b"opaque".to_vec()], source));
    let mut bytes = Vec::new();
    let hash = encode_append(link(), &sections, &mut bytes);
    let length = bytes.len();
    bytes.extend_from_slice(&[0; 100]);
    let frame = parse(&bytes).unwrap();
    assert_eq!((frame.bytes, frame.hash, frame.flaws.len()), (length, hash, 0));
    assert_eq!(frame.headers(), bytes[..size(frame.head.headers_bytes)]);
    let Body::Append(views) = frame.body else { panic!() };
    for (view, section) in views.iter().zip(&sections) {
        assert_eq!(view.head, section.head);
        let areas = [(view.roots, &section.roots), (view.ids, &section.ids)];
        assert!(areas.iter().all(|(read, written)| read == written));
        assert_eq!((view.payload, view.keys), (&section.payload[..], &section.keys[..]));
    }
}

#[test]
fn owner_and_stop_are_read_as_they_were_written() {
    let store = StoreName::parse("a.store").unwrap();
    let mut bytes = Vec::new();
    let hash = encode_owner(link(), &store, 7, &mut bytes);
    let frame = parse(&bytes).unwrap();
    assert_eq!((frame.hash, frame.flaws.len()), (hash, 0));
    assert!(matches!(frame.body, Body::Owner { store: ref read, shard: 7 } if *read == store));
    encode_stop(link(), &mut bytes);
    assert_eq!(bytes.len(), EMPTY_FRAME_BYTES);
    assert!(matches!(parse(&bytes).unwrap().body, Body::Stop));
}

#[test]
fn every_flipped_bit_is_a_flaw_or_unreadable() {
    let mut bytes = small_frame();
    for bit in 0..bytes.len() * 8 {
        bytes[bit / 8] ^= 0x80 >> (bit % 8);
        let flawless = parse(&bytes).is_ok_and(|frame| frame.flaws.is_empty());
        assert!(!flawless, "bit {bit}");
        bytes[bit / 8] ^= 0x80 >> (bit % 8);
    }
}

#[test]
fn every_cut_is_a_flaw_or_unreadable() {
    let bytes = small_frame();
    for length in 0..bytes.len() {
        assert!(parse(&bytes[..length]).is_err(), "cut off at {length}");
        let mut zeroed = bytes.clone();
        zeroed[length..].fill(0);
        let flawless = parse(&zeroed).is_ok_and(|frame| frame.flaws.is_empty());
        assert!(!flawless, "zero from {length}");
    }
}

#[test]
fn either_header_copy_is_enough() {
    let bytes = small_frame();
    let headers = size(parse(&bytes).unwrap().head.headers_bytes);
    let mut first = bytes.clone();
    first[..headers].fill(0xaa);
    let frame = parse(&first).unwrap();
    assert_eq!(frame.flaws, [Flaw::FirstCopy]);
    assert_eq!(frame.headers(), bytes[..headers]);
    let mut second = bytes.clone();
    let at = bytes.len() - headers - TRAILER_BYTES;
    second[at..].fill(0xaa);
    assert_eq!(parse(&second).unwrap().flaws, [Flaw::SecondCopy]);
    second[..headers].fill(0xaa);
    assert!(parse(&second).is_err(), "neither copy");
}

proptest! {
    #[test]
    fn any_payloads_survive(payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 1..20)) {
        let sections = [section(&payloads, Source::Loose { producer: None })];
        let mut bytes = Vec::new();
        encode_append(link(), &sections, &mut bytes);
        let frame = parse(&bytes).unwrap();
        prop_assert!(frame.flaws.is_empty());
        let Body::Append(views) = frame.body else { panic!() };
        let raw = area::unpack(views[0].payload, Codec::Raw, views[0].head.raw_bytes).unwrap();
        let places = area::split(&raw, views[0].head.count).unwrap();
        let read: Vec<_> = places.into_iter().map(|place| raw[place].to_vec()).collect();
        prop_assert_eq!(read, payloads);
    }

    #[test]
    fn senseless_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        prop_assert!(parse(&bytes).is_err());
        let mut behind_magic = FRAME_MAGIC.to_vec();
        behind_magic.extend_from_slice(&bytes);
        prop_assert!(parse(&behind_magic).is_err());
    }

    #[test]
    fn edits_never_pass(edits in prop::collection::vec((any::<u16>(), any::<u8>()), 1..6)) {
        let good = small_frame();
        let mut bytes = good.clone();
        for (place, value) in edits {
            let place = usize::from(place) % bytes.len();
            bytes[place] = value;
        }
        let flawless = parse(&bytes).is_ok_and(|frame| frame.flaws.is_empty());
        prop_assert_eq!(flawless, bytes == good);
    }
}

/// Bytes as the format's page prints them.
fn printed(bytes: &[u8]) -> String {
    let line = |chunk: &[u8]| chunk.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    bytes.chunks(32).map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_page_of_the_format_prints_these_bytes() {
    let page = include_str!("../../../../docs/formats/wal.md");
    let mut stop = Vec::new();
    let hash = encode_stop(link(), &mut stop);
    let slot = crate::wal::Acked { seq: 3, hash }.encode();
    let store = StoreName::parse("a.store").unwrap();
    let first = Link { seq: 0, epoch: 1, boot: [4; 16], previous: [0; 32] };
    let mut owner = Vec::new();
    encode_owner(first, &store, 0, &mut owner);
    for bytes in [stop, slot, owner] {
        let text = printed(&bytes);
        assert!(page.contains(&text), "not in docs/formats/wal.md:\n{text}");
    }
}
