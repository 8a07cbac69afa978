//! Look-ups and bytes of what is archived: the same events in our store, in PostgreSQL and in
//! ClickHouse, the same questions to each, one after the other on a warm connection.
//!
//! Ours goes over HTTP, PostgreSQL over TCP, ClickHouse is in process. Every list is asked twice, the
//! second time counts. It refuses to count an answer that is not the one expected.

use std::fs;
use std::io;
use std::path::Path;

use crate::ask::{self, Dialect};
use crate::clickhouse;
use crate::http::Connection;
use crate::names::{self, Names, Piece};
use crate::options::Options;
use crate::postgres::Postgres;
use crate::report::say;
use crate::sheet::{Measured, Sheet};
use crate::store::{self, Store};

/// Runs the scenario; the answer is the report.
pub(crate) fn run(args: &[String]) -> Result<Vec<u8>, String> {
    Options::parse(args, 1_000_000)?.run(measured)
}

fn measured(options: &Options, folder: &Path) -> io::Result<Sheet> {
    let mut sheet = Sheet::new("lookups", folder)?;
    let pieces = names::pieces(options.events);
    let ndjson = folder.join("events.ndjson");
    let names = names::draw(&pieces, options.wants("clickhouse").then_some(&ndjson))?;
    if options.wants("postgres") {
        postgres(folder, &pieces, &names, &mut sheet)?;
    }
    if options.wants("clickhouse") {
        in_process(options, folder, &names, &mut sheet)?;
        fs::remove_file(&ndjson)?;
    }
    if options.wants("ours") {
        ours(options, folder, &names, &mut sheet)?;
    }
    Ok(sheet)
}

fn postgres(folder: &Path, pieces: &[Piece], names: &Names, sheet: &mut Sheet) -> io::Result<()> {
    say("PostgreSQL");
    let postgres = Postgres::start(folder)?;
    let loaded = postgres.fill(pieces)?;
    postgres.settle()?;
    let of = Measured { system: "postgres", events: loaded.events };
    sheet.number(of, "ingest", loaded.rate(), "events/s");
    sheet.number(of, "stored", each(postgres.table_bytes()?, loaded.events), "bytes/event");
    for (name, statements) in ask::rival(names, &Dialect::POSTGRES) {
        postgres.timed(&statements)?;
        sheet.latency(of, name, &postgres.timed(&statements)?);
    }
    drop(postgres);
    fs::remove_dir_all(folder.join("postgres"))
}

fn in_process(
    options: &Options,
    folder: &Path,
    names: &Names,
    sheet: &mut Sheet,
) -> io::Result<()> {
    say("ClickHouse");
    let questions = ask::rival(names, &Dialect::CLICKHOUSE);
    // Asked twice, the second time counts.
    let twice = questions.iter().map(|(name, list)| (*name, [&list[..], &list[..]].concat()));
    let place = folder.join("clickhouse");
    let ndjson = folder.join("events.ndjson");
    let Some(measured) = clickhouse::run(&options.python, &place, &ndjson, &twice.collect())?
    else {
        say("CLICKHOUSE WAS NOT MEASURED: the Python named has no `chdb-core`");
        return Ok(());
    };
    fs::remove_dir_all(&place)?;
    let events = measured.rows;
    let of = Measured { system: "clickhouse", events };
    sheet.number(of, "stored", each(measured.bytes, events), "bytes/event");
    for (name, latencies) in measured.latencies {
        sheet.latency(of, &name, &latencies.second_half());
    }
    Ok(())
}

fn ours(options: &Options, folder: &Path, names: &Names, sheet: &mut Sheet) -> io::Result<()> {
    say("ours");
    let store = Store::start(options, folder, &[])?;
    let loaded = store.fill(&names::pieces(options.events))?;
    let (flushed, merged) = store.settle()?;
    let of = Measured { system: "ours", events: loaded.events };
    sheet.number(of, "ingest", loaded.rate(), "events/s");
    sheet.number(of, "peak_memory_of_ingest", mib(store.running.peak_bytes()?), "MiB");
    sheet.number(of, "last_flush", flushed.as_secs_f64(), "s");
    sheet.number(of, "merged_after", merged.as_secs_f64(), "s");
    for (name, place) in [("segments", "lake"), ("packs", "ledger/packs"), ("log", "ledger/wal")] {
        let bytes = store::bytes(&store.data().join(place))?;
        sheet.number(of, name, each(bytes, loaded.events), "bytes/event");
    }
    let mut door = Connection::open(store.server())?;
    for (name, latencies) in ask::all_timed(&mut door, &ask::ours(names))? {
        sheet.latency(of, name, &latencies);
    }
    sheet.number(of, "peak_memory", mib(store.running.peak_bytes()?), "MiB");
    store.remove()
}

fn each(bytes: u64, events: usize) -> f64 {
    bytes as f64 / events as f64
}

/// Bytes as MiB.
pub(crate) fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
