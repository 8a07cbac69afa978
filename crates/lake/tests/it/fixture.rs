//! Segments that version 1 has written, committed: every later version reads the same records out of them, byte for byte.
//!
//! `INDELIBLE_WRITE_SEGMENTS=1` makes this test write them anew first. That is for another version of the format, in a
//! folder of its own: what is there must stay as it is, for it stands for the files that people have.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use event::Event;
use event::canonical::{Context, Stamps, parts};
use event::ids::{EventId, Instance, ProducerId, Seq, TenantId, Timestamp};
use event::{record, system};
use lake::archive::{Archive, Flush};
use lake::segment::{Level, Segment, describe};
use lake::store::Store;
use lake::{Cache, Hot, RowsBuilder, Salt, View, lookup, names, rollup};

use crate::events::bench_events;

const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/segment/v1");
/// What lies in lost ranges before the first segment.
const LOST: u64 = 5;
/// Events in a stream, then some outside of one, then the server's own records.
const STREAMED: u64 = 30;
const LOOSE: &[&str] = &[
    r#"{"action":"user.login","actor":"ana"}"#,
    r#"{"id":"01890000-0000-7000-8000-000000000001","action":"a.b","actor":{"id":"bo \"b\" é\u0001","kind":"service"},"outcome":{"status":"failure","code":"E1","reason":"no"},"occurred_at":"2026-01-01T00:00:00.123456789+05:30"}"#,
    r#"{"action":"role.grant","actor":"ana","targets":[{"type":"role","id":"1","name":"Admin"},{"type":"user","id":"7"}],"changes":[{"op":"replace","path":"/a","old":1,"new":null}],"attrs":{"n":18446744073709551615,"f":0.1,"deep":[{"a":[]}]}}"#,
    r#"{"action":"c.d","actor":"cy","origin":{"ip":"2001:db8::1","service":"s"},"correlation":{"operation_id":"o-1"}}"#,
];
/// Records that no row of this version rebuilds: their bytes are kept.
const KEPT: [u64; 3] = [LOST + 3, LOST + 27, LOST + 35];
/// The segments as they are in the end: their indices, their level, how many rows keep their record's bytes.
const SEGMENTS: [(u64, u64, Level, u64); 4] =
    [(5, 15, Level::L1, 1), (15, 25, Level::L0, 0), (25, 35, Level::L0, 1), (35, 46, Level::L1, 1)];
const SECRET: [u8; 32] = [7; 32];

fn names_of() -> (TenantId, ProducerId) {
    (TenantId::parse("acme").unwrap(), ProducerId::parse("billing").unwrap())
}

/// All rows, and the records that they are of.
fn rows() -> (RecordBatch, BTreeMap<u64, Vec<u8>>) {
    let (tenant, producer) = names_of();
    let (mut builder, mut records) = (RowsBuilder::new(), BTreeMap::new());
    let mut push = |event: &Event<'_>, stamps: &Stamps<'_>| {
        let slot = u32::try_from(records.len()).unwrap();
        let salt = Salt { block: 9, slot };
        builder.push(event, stamps, salt);
        let mut payload = Vec::new();
        record::encode(&parts(event, stamps), salt.block, salt.slot, &mut payload);
        records.insert(LOST + u64::from(slot), payload);
    };
    let streamed = bench_events(usize::try_from(STREAMED).unwrap());
    let streamed = streamed.iter().zip(1..).map(|(item, seq)| (item.as_str(), Some(seq)));
    for (item, seq) in streamed.chain(LOOSE.iter().map(|item| (*item, None))) {
        let event = Event::parse(item.as_bytes()).unwrap();
        let context = Context {
            tenant: &tenant,
            producer: &producer,
            mapping: None,
            peer_ip: Some("192.0.2.7"),
            credential: Some("k_1"),
        };
        let stream = seq.map(|seq| (Instance([7; 16]), Seq(seq)));
        let stamps = Stamps::new(&event, &context, stream, || EventId([9; 16]));
        push(&event, &stamps);
    }
    let id = EventId([5; 16]);
    let stream = Some((Instance([3; 16]), Seq(5)));
    let item = system::Item { tenant: &tenant, producer: &producer, stream, id };
    let code = event::code::Code::SchemaUnknown;
    let counts = system::Counts { rejected: 1, duplicate: 2, conflict: 3 };
    let gap = system::Gap {
        producer: &producer,
        instance: Instance([4; 16]),
        from: Seq(6),
        to: Seq(8),
        reason: "spool \"lost\"",
    };
    for record in [
        system::refused(&item, code, "/actor"),
        system::dead_letter(&item, code, "/schema", "{\"a\":\"\\u0001\u{1}\"}"),
        system::gap(&tenant, id, &gap),
        system::loss(&tenant, id, (1, 2), "damaged"),
        system::accounting(&tenant, id, &producer, counts),
        system::key(&tenant, id, "made", "a+b+c"),
        system::system(&tenant, id, "clock_accepted", Vec::new()),
    ] {
        push(&record.event, &record.stamps);
    }
    for index in KEPT {
        records.insert(index, format!("record {index} of another version").into_bytes());
    }
    let received_at = Timestamp(1_767_225_600_000_000_000);
    (builder.finish().place(LOST, received_at).finish().unwrap(), records)
}

/// Writes a data directory, and beside it every record as a line: its index and its bytes in hexadecimal.
fn write(to: &Path) {
    let (batch, records) = rows();
    let tenant = names_of().0;
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path());
    let (archive, _) = Archive::open(&store, &Arc::new(Cache::new(1 << 20))).unwrap();
    archive.lost(&tenant, &(0..LOST), Timestamp(5)).unwrap();
    for (first, end, level, _) in SEGMENTS {
        // A sorted one is made of two.
        let middle = if level == Level::L0 { end } else { (first + end) / 2 };
        let mut made = Vec::new();
        for range in [first..middle, middle..end].into_iter().filter(|range| !range.is_empty()) {
            let [from, count] = [range.start - LOST, range.end - range.start];
            let [from, count] = [from, count].map(|number| usize::try_from(number).unwrap());
            let flush = Flush {
                batch: &batch.slice(from, count),
                truth: &|index, out| {
                    out.extend_from_slice(&records[&index]);
                    Ok(())
                },
                secrets: &|block| (block == 9).then_some(SECRET),
                steps: &lake::steps::at_once,
                now: Timestamp(6),
            };
            made.push(archive.flush(&tenant, &flush).unwrap());
        }
        if level == Level::L1 {
            archive.compact(&tenant, &made, Timestamp(7)).unwrap();
        }
    }
    archive.close().unwrap();
    let mut lines = String::new();
    for (index, record) in records {
        let hex: String = record.iter().map(|byte| format!("{byte:02x}")).collect();
        writeln!(lines, "{index} {hex}").unwrap();
    }
    copy(folder.path(), to);
    fs::write(to.join("records.txt"), lines).unwrap();
}

/// Copies the catalog and the segments.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to.join("lake")).unwrap();
    fs::copy(from.join("catalog.db"), to.join("catalog.db")).unwrap();
    for file in fs::read_dir(from.join("lake")).unwrap() {
        let name = Path::new("lake").join(file.unwrap().file_name());
        fs::copy(from.join(&name), to.join(&name)).unwrap();
    }
}

/// The records as they were committed.
fn committed() -> BTreeMap<u64, Vec<u8>> {
    let text = fs::read_to_string(Path::new(FIXTURE).join("records.txt")).unwrap();
    let record = |line: &str| {
        let (index, hex) = line.split_once(' ').unwrap();
        let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        (index.parse().unwrap(), (0..hex.len()).step_by(2).map(byte).collect())
    };
    text.lines().map(record).collect()
}

#[test]
fn segments_of_version_1_give_the_records_that_were_put_in() {
    if std::env::var_os("INDELIBLE_WRITE_SEGMENTS").is_some() {
        write(Path::new(FIXTURE));
    }
    // Opened in a copy: an archive may write where it lies.
    let folder = tempfile::tempdir().unwrap();
    copy(Path::new(FIXTURE), folder.path());
    let store = Store::new(folder.path());
    let (archive, opened) = Archive::open(&store, &Arc::new(Cache::new(1 << 20))).unwrap();
    assert!(opened.removed.is_empty() && opened.quarantined.is_empty(), "{opened:?}");
    let (tenant, _) = names_of();
    let tiles = archive.tiles(&tenant).unwrap();
    assert_eq!((tiles.watermark, &*tiles.holes), (46, std::slice::from_ref(&(0..LOST))));
    let hot = Hot::new(1 << 20);
    hot.open(&tenant, tiles.segments, tiles.holes);
    let view = hot.view(&tenant);
    let found: Vec<_> = view.segments().iter().map(|segment| shape(segment)).collect();
    assert_eq!(found, SEGMENTS);
    assert_eq!(rollup::archived(&view).unwrap().map(|sum| sum.rows()), Some(41));
    let records = committed();
    assert_eq!(records.keys().copied().collect::<Vec<_>>(), (LOST..46).collect::<Vec<_>>());
    for (index, record) in &records {
        assert_eq!(lookup::payload(&view, *index).unwrap().as_ref(), Some(record), "{index}");
    }
    for segment in view.segments() {
        let mut truth = |index: u64, out: &mut Vec<u8>| {
            out.extend_from_slice(&records[&index]);
            Ok(())
        };
        let differing = lake::segment::compare(segment, &mut truth, &lake::steps::at_once).unwrap();
        assert_eq!(differing, [0; 0], "INVARIANT (I2)");
        assert_eq!(segment.verify().unwrap(), None);
        let described = describe(&store, segment.name()).unwrap();
        assert_eq!((&described.about, &described.print), (segment.about(), segment.print()));
    }
    look_up(&view);
}

fn shape(segment: &Segment) -> (u64, u64, Level, u64) {
    let about = segment.about();
    (about.indices.start, about.indices.end, about.level, about.exact)
}

/// By id, by number, by name, and the secret of the salts.
fn look_up(view: &View) {
    let id = EventId::parse("01890000-0000-7000-8000-000000000001").unwrap();
    assert_eq!(lookup::by_id(view, &id).unwrap(), [LOST + STREAMED + 1]);
    let (_, producer) = names_of();
    let place = (&producer, Instance([7; 16]));
    for seq in 1..=STREAMED {
        assert_eq!(lookup::by_seq(view, place, Seq(seq)).unwrap(), Some(LOST + seq - 1), "{seq}");
    }
    assert_eq!(lookup::by_seq(view, place, Seq(STREAMED + 1)).unwrap(), None);
    let last = &view.segments()[3];
    let ana = last.named(names::actor("ana")).unwrap();
    assert_eq!(ana, [2, 0], "newest first, from index 35");
    assert_eq!(lookup::secret(view, 20, 9).unwrap(), Some(SECRET));
}
