//! Section headers: fields that contradict each other are refused even under a good CRC.

use event::ids::{Instance, ProducerId, Seq, TenantId, Timestamp};
use tlog::hash::Hash;

use super::*;

fn head(source: Source) -> SectionHead {
    let area = |bytes| AreaSum { bytes, crc: bytes + 1 };
    SectionHead {
        tenant: TenantId::parse("acme").unwrap(),
        source,
        first: 1 << 40,
        count: 5,
        received_at: Timestamp(7),
        root_after: Hash([9; 32]),
        codec: Codec::Zstd,
        raw_bytes: 100,
        sums: AreaSums { roots: area(160), ids: area(0), payload: area(60), keys: area(0) },
        runs: vec![(EntryKind::Event, 2), (EntryKind::Key, 1), (EntryKind::Event, 2)],
    }
}

fn stream() -> StreamId {
    StreamId { producer: ProducerId::parse("p").unwrap(), instance: Instance([3; 16]) }
}

fn encoded(head: &SectionHead) -> Vec<u8> {
    let mut out = Vec::new();
    head.encode(&mut out);
    out
}

/// The header with some bytes changed and a good CRC over them.
fn edited(head: &SectionHead, at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut out = encoded(head);
    out[at..at + bytes.len()].copy_from_slice(bytes);
    out.truncate(out.len() - 4);
    put_crc(&mut out, 0);
    out
}

#[test]
fn a_header_is_read_as_it_was_written() {
    let producer = ProducerId::parse("p").ok();
    let sources = [
        Source::Loose { producer: None },
        Source::Loose { producer },
        Source::Stream { stream: stream(), first: Seq(1) },
    ];
    for source in sources {
        let head = head(source);
        let bytes = encoded(&head);
        assert_eq!(bytes.len(), head.encoded_bytes());
        assert_eq!(SectionHead::decode(&bytes), Ok((head, bytes.len())));
    }
}

#[test]
fn fields_that_contradict_each_other_are_refused() {
    let loose = head(Source::Loose { producer: None });
    let in_stream = head(Source::Stream { stream: stream(), first: Seq(10) });
    let cases: &[(&str, &SectionHead, usize, &[u8])] = &[
        ("another version", &loose, 4, &[2]),
        ("an unknown source", &loose, 5, &[3]),
        ("a stream without a producer", &loose, 5, &[1]),
        ("an unknown codec", &loose, 6, &[2]),
        ("a byte that must be zero", &loose, 7, &[1]),
        ("no records", &loose, 16, &[0; 4]),
        ("more records than a batch has", &loose, 16, &10_001_u32.to_be_bytes()),
        ("more runs than records", &loose, 20, &[0xff; 4]),
        ("a size that does not follow", &loose, 32, &[0; 8]),
        ("an unknown key version", &loose, 72, &[1; 4]),
        ("an instance outside a stream", &loose, 80, &[1]),
        ("a number outside a stream", &loose, 103, &[1]),
        ("number zero", &in_stream, 96, &[0; 8]),
        ("a last number that does not follow", &in_stream, 104, &[0; 8]),
        ("a gap of several records", &in_stream, 5, &[2]),
        ("roots that are not one a record", &loose, 112, &[0; 4]),
        ("a nonce", &loose, 132, &[1]),
    ];
    for (what, head, at, bytes) in cases {
        assert_eq!(SectionHead::decode(&edited(head, *at, bytes)), Err(Short), "{what}");
    }
    assert!(SectionHead::decode(&edited(&loose, 24, &[1])).is_ok(), "the edits keep the CRC good");
}

#[test]
fn runs_are_as_long_as_can_be() {
    let runs = runs_of([EntryKind::Event, EntryKind::Event, EntryKind::Key]);
    assert_eq!(runs, [(EntryKind::Event, 2), (EntryKind::Key, 1)]);
    assert_eq!(expand(&runs).count(), 3);
    let mut split = head(Source::Loose { producer: None });
    split.runs = vec![(EntryKind::Event, 2), (EntryKind::Event, 3)];
    assert_eq!(SectionHead::decode(&encoded(&split)), Err(Short), "two runs of one kind");
    split.runs = vec![(EntryKind::Event, 4)];
    assert_eq!(SectionHead::decode(&encoded(&split)), Err(Short), "fewer kinds than records");
}
