//! Growth: the same store at a tenth of the events and at all of them; look-ups, ingest and memory at
//! both, and the slope between. Beside it the rival at both.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use crate::ask::{self, Dialect};
use crate::http::Connection;
use crate::lookups::mib;
use crate::names::{self, Piece};
use crate::options::Options;
use crate::postgres::Postgres;
use crate::report::{Latencies, say};
use crate::sheet::{Measured, Sheet};
use crate::store::{self, Store};

/// The small store is this part of the large one.
const PARTS: usize = 10;
/// Seconds of the synthetic clock from one part to the next.
const SECONDS: u64 = 32_000;

/// Runs the scenario; the answer is the report.
pub(crate) fn run(args: &[String]) -> Result<Vec<u8>, String> {
    Options::parse(args, 10_000_000)?.run(measured)
}

fn measured(options: &Options, folder: &Path) -> io::Result<Sheet> {
    let mut sheet = Sheet::new("growth", folder)?;
    if options.wants("postgres") {
        rival(options, folder, &mut sheet)?;
    }
    if options.wants("ours") {
        ours(options, folder, &mut sheet)?;
    }
    Ok(sheet)
}

/// The pieces of the small store, and those that make the large one of it.
fn stages(options: &Options) -> [Vec<Piece>; 2] {
    let small = names::pieces(options.events / PARTS);
    let each: usize = small.iter().map(Piece::events).sum();
    let part = |number: u64| {
        small.iter().map(move |piece| Piece {
            seed: piece.seed + 1_000 * number,
            from: piece.from + number * SECONDS,
            ..*piece
        })
    };
    let more = (1..).take((options.events / each).saturating_sub(1)).flat_map(part).collect();
    [small.clone(), more]
}

/// What was seen at a stage, to be divided by what was seen at the one before.
#[derive(Debug, Default)]
struct Stage {
    events: usize,
    latencies: BTreeMap<&'static str, Latencies>,
    numbers: BTreeMap<&'static str, f64>,
}

fn ours(options: &Options, folder: &Path, sheet: &mut Sheet) -> io::Result<()> {
    say("ours");
    let store = Store::start(options, folder, &[])?;
    let mut stages_seen = Vec::new();
    let mut all = Vec::new();
    for pieces in stages(options) {
        store.running.forget_peak()?;
        let loaded = store.fill(&pieces)?;
        all.extend(pieces);
        let until: usize = all.iter().map(Piece::events).sum();
        let ingest_peak = store.running.peak_bytes()?;
        let (flushed, merged) = store.settle()?;
        let names = names::draw(&all, None)?;
        store.running.forget_peak()?;
        let mut door = Connection::open(store.server())?;
        let latencies = ask::all_timed(&mut door, &ask::ours(&names))?;
        let stored = store::bytes(&store.data().join("lake"))?;
        let numbers = BTreeMap::from([
            ("ingest", loaded.rate()),
            ("peak_memory_of_ingest", mib(ingest_peak)),
            ("peak_memory_of_lookups", mib(store.running.peak_bytes()?)),
            ("last_flush_seconds", flushed.as_secs_f64()),
            ("merged_after_seconds", merged.as_secs_f64()),
            ("segments_bytes_an_event", stored as f64 / until as f64),
        ]);
        stages_seen.push(Stage { events: until, latencies, numbers });
    }
    write(sheet, "ours", &stages_seen);
    store.remove()
}

fn rival(options: &Options, folder: &Path, sheet: &mut Sheet) -> io::Result<()> {
    say("PostgreSQL");
    let postgres = Postgres::start(folder)?;
    let mut stages_seen = Vec::new();
    let mut all: Vec<Piece> = Vec::new();
    for pieces in stages(options) {
        let first = all.is_empty();
        let loaded =
            if first { postgres.fill(&pieces)? } else { postgres.append_pieces(&pieces)? };
        all.extend(pieces);
        let until = all.iter().map(Piece::events).sum();
        postgres.settle()?;
        let names = names::draw(&all, None)?;
        let mut latencies = BTreeMap::new();
        for (name, statements) in ask::rival(&names, &Dialect::POSTGRES) {
            postgres.timed(&statements)?;
            latencies.insert(name, postgres.timed(&statements)?);
        }
        let numbers = BTreeMap::from([("ingest", loaded.rate())]);
        stages_seen.push(Stage { events: until, latencies, numbers });
    }
    write(sheet, "postgres", &stages_seen);
    drop(postgres);
    fs::remove_dir_all(folder.join("postgres"))
}

fn write(sheet: &mut Sheet, system: &str, stages: &[Stage]) {
    for stage in stages {
        let of = Measured { system, events: stage.events };
        for (name, latencies) in &stage.latencies {
            sheet.latency(of, name, latencies);
        }
        for (name, number) in &stage.numbers {
            sheet.number(of, name, *number, "");
        }
    }
    let [small, large] = stages else { return };
    let of = Measured { system, events: large.events };
    for (name, after) in &large.latencies {
        if let Some(before) = small.latencies.get(name) {
            sheet.ratio(of, &format!("{name}_of_small"), (after, before, 50));
        }
    }
    for (name, after) in &large.numbers {
        // Nothing is left to merge where every flush was large.
        if let Some(before) = small.numbers.get(name).filter(|before| **before > 0.0) {
            sheet.number(of, &format!("{name}_of_small"), after / before, "times");
        }
    }
}
