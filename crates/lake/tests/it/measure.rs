//! What a segment costs. Run by hand for the figures of `docs/formats/segment.md`:
//! `cargo test --release -p indelible-lake --test it measure -- --nocapture`; a debug build only
//! sees that all of it works.

#![expect(clippy::disallowed_methods, reason = "measuring time is what it is for")]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Instant;

use arrow::array::RecordBatch;
use arrow::datatypes::UInt64Type;
use event::Event;
use event::canonical::{Context, Stamps, parts};
use event::ids::{EventId, Instance, ProducerId, Seq, TenantId, Timestamp};
use event::record;
use lake::segment::{self, Columns, Level, Order, Segment, compare};
use lake::store::Store;
use lake::{Cache, RowsBuilder, Salt, names, rebuild};

use crate::events::bench_events;

/// Events of one request.
const REQUEST: usize = 500;

/// Rows of `count` events and their records, as requests of 500 bring them.
fn rows(count: usize) -> (RecordBatch, Vec<Vec<u8>>) {
    let (tenant, producer) = names_of();
    let mut records = Vec::with_capacity(count);
    let mut batches = Vec::new();
    let items = bench_events(count);
    for (request, items) in items.chunks(REQUEST).enumerate() {
        let mut builder = RowsBuilder::new();
        let first = u64::try_from(request * REQUEST).unwrap();
        for (item, number) in items.iter().zip(first..) {
            let event = Event::parse(item.as_bytes()).unwrap();
            let context = Context {
                tenant: &tenant,
                producer: &producer,
                mapping: None,
                peer_ip: Some("192.0.2.7"),
                credential: Some("0123456789abcdef"),
            };
            let stream = Some((Instance([7; 16]), Seq(number + 1)));
            let stamps = Stamps::new(&event, &context, stream, || EventId([0; 16]));
            let slot = u32::try_from(number % 4_096).unwrap();
            let salt = Salt { block: number / 4_096, slot };
            builder.push(&event, &stamps, salt);
            let mut payload = Vec::new();
            record::encode(&parts(&event, &stamps), salt.block, salt.slot, &mut payload);
            records.push(payload);
        }
        let at = Timestamp(1_767_225_600_000_000_000 + first * 7_919_123);
        batches.push(builder.finish().place(first, at).finish().unwrap());
    }
    let batch = arrow::compute::concat_batches(&lake::rows::schema(), &batches).unwrap();
    (batch, records)
}

fn names_of() -> (TenantId, ProducerId) {
    (TenantId::parse("default").unwrap(), ProducerId::parse("bench").unwrap())
}

/// Says something to whoever runs this by hand.
fn line(text: &str) {
    let mut out = std::io::stderr().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n")).unwrap();
}

/// Says what `rows` of something took.
fn say(what: &str, rows: usize, since: Instant) {
    let each = since.elapsed().as_secs_f64() * 1e9 / f64::from(u32::try_from(rows).unwrap());
    line(&format!("{what}: {each:.0} ns a row"));
}

#[test]
fn measure_a_segment() {
    let count = if cfg!(debug_assertions) { 1_000 } else { 131_072 };
    let (batch, records) = rows(count);
    let (tenant, _) = names_of();
    let memory: usize = batch.get_array_memory_size() / count;
    let record: usize = records.iter().map(Vec::len).sum::<usize>() / count;
    line(&format!("arrow {memory} B, record {record} B a row"));
    measure_rebuild(&tenant, &batch, &records);
    for level in [Level::L0, Level::L1] {
        let none = BTreeMap::new();
        let secrets = |block: u64| {
            // Nothing that compresses.
            let mixed = |byte: u64| (block * 32 + byte).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let mut bytes = [0; 32];
            bytes.iter_mut().zip(0..).for_each(|(slot, byte)| *slot = mixed(byte).to_be_bytes()[0]);
            Some(bytes)
        };
        let order = Order {
            tenant: &tenant,
            level,
            class: "standard",
            rollup: &[],
            exact: &none,
            secrets: &secrets,
        };
        let mut bytes = Vec::new();
        let started = Instant::now();
        let known = segment::write(&mut bytes, &batch, &order).unwrap();
        say(&format!("{level:?} write"), count, started);
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("lake")).unwrap();
        let name = segment::file_name(&tenant, &known.0.indices, level);
        std::fs::write(folder.path().join(&name), &bytes).unwrap();
        let cache = Arc::new(Cache::new(64 << 20));
        let store = Store::new(folder.path());
        let segment = Segment::open(&store, &name, known, &cache).unwrap();
        look(&segment, (&batch, &records), bytes.len());
    }
}

fn measure_rebuild(tenant: &TenantId, batch: &RecordBatch, records: &[Vec<u8>]) {
    let started = Instant::now();
    let rebuild = rebuild::Rebuild::new(tenant, batch).unwrap();
    let mut made = Vec::new();
    for (row, record) in records.iter().enumerate() {
        made.clear();
        rebuild.payload(row, &mut made).unwrap();
        assert_eq!(made, *record);
    }
    say("rebuild and compare in memory", records.len(), started);
}

fn look(segment: &Segment, (batch, records): (&RecordBatch, &[Vec<u8>]), bytes: usize) {
    let count = records.len();
    let footer = segment.footer().unwrap();
    let each = |bytes: usize| {
        f64::from(u32::try_from(bytes).unwrap()) / f64::from(u32::try_from(count).unwrap())
    };
    line(&format!(
        "  {:.2} B a row, footer {:.2}",
        each(bytes),
        each(usize::try_from(segment.print().footer_bytes).unwrap())
    ));
    let mut sizes: BTreeMap<String, i64> = BTreeMap::new();
    for group in footer.metadata().metadata().row_groups() {
        for column in group.columns() {
            *sizes.entry(column.column_path().string()).or_default() += column.compressed_size();
            *sizes.entry("(bloom)".into()).or_default() +=
                i64::from(column.bloom_filter_length().unwrap_or(0));
        }
    }
    for (name, size) in
        sizes.iter().filter(|(_, size)| usize::try_from(**size).unwrap() * 20 > count)
    {
        line(&format!("    {name} {:.2}", each(usize::try_from(*size).unwrap())));
    }
    let all: i64 = sizes.values().sum();
    line(&format!("    columns and blooms {:.2}", each(usize::try_from(all).unwrap())));
    let started = Instant::now();
    let mut truth = |index: u64, out: &mut Vec<u8>| {
        out.extend_from_slice(&records[usize::try_from(index).unwrap()]);
        Ok(())
    };
    assert_eq!(compare(segment, &mut truth, &lake::steps::at_once).unwrap(), Vec::<u64>::new());
    say("  read, rebuild, compare", count, started);
    let started = Instant::now();
    assert_eq!(segment.batch(&Columns::all()).unwrap(), *batch);
    say("  read whole in index order", count, started);
    let started = Instant::now();
    assert_eq!(segment.verify().unwrap(), None);
    say("  verify", count, started);
    let started = Instant::now();
    let found = segment.named(names::actor("user-00000")).unwrap();
    let newest: Vec<u32> = found.iter().take(20).copied().collect();
    let places = segment.rows_of(&newest).unwrap();
    let taken = segment.take(&Columns::all(), &places).unwrap();
    say("  newest 20 of the first actor, cold", 1, started);
    let started = Instant::now();
    let again = segment.take(&Columns::all(), &places).unwrap();
    say("  newest 20 of the first actor, warm", 1, started);
    assert_eq!(taken, again);
    let index = taken.column_by_name("index").unwrap();
    let index = arrow::array::AsArray::as_primitive::<UInt64Type>(index.as_ref());
    assert!(index.values().iter().zip(newest).all(|(index, offset)| *index == u64::from(offset)));
}
