//! How long after its acknowledgement an event is found: one event, then a search for it until it is
//! there; on an idle server and at half of the rate that it takes. Beside it the rival's commit and the
//! look-up after it.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::ask::Asked;
use crate::clock;
use crate::http::{Connection, Server};
use crate::load::{self, Load};
use crate::names::{self, BATCH, CONNECTIONS, Piece};
use crate::options::Options;
use crate::postgres::{Copy, Postgres};
use crate::report::{Latencies, say};
use crate::sheet::{Measured, Sheet};
use crate::store::Store;

/// Events that are looked for.
const PROBES: usize = 200;
/// A probe that is not found in this time ends the run.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the load of a rate is.
const LOAD_SECONDS: f64 = 30.0;

/// Runs the scenario; the answer is the report.
pub(crate) fn run(args: &[String]) -> Result<Vec<u8>, String> {
    Options::parse(args, 200_000)?.run(measured)
}

fn measured(options: &Options, folder: &Path) -> io::Result<Sheet> {
    let mut sheet = Sheet::new("freshness", folder)?;
    let pieces = names::pieces(options.events);
    if options.wants("postgres") {
        rival(folder, &pieces, &mut sheet)?;
    }
    if options.wants("ours") {
        ours(options, folder, &pieces, &mut sheet)?;
    }
    Ok(sheet)
}

fn ours(options: &Options, folder: &Path, pieces: &[Piece], sheet: &mut Sheet) -> io::Result<()> {
    say("ours");
    let store = Store::start(options, folder, &[])?;
    let loaded = store.fill(pieces)?;
    let of = Measured { system: "ours", events: loaded.events };
    sheet.number(of, "ingest", loaded.rate(), "events/s");
    sheet.latency(of, "found_after_acknowledgement", &probes(store.server(), "idle")?);
    let load = paced(loaded.rate() / 2.0);
    let busy = beside(store.server(), &load, || probes(store.server(), "busy"))?;
    sheet.latency(of, "found_after_acknowledgement_at_half_load", &busy);
    store.remove()
}

/// A load of so many events a second for a while, of ids of its own.
pub(crate) fn paced(rate: f64) -> Load {
    let a_round = f64::from(u32::try_from(BATCH * CONNECTIONS).unwrap_or(u32::MAX));
    let every = Duration::from_secs_f64(a_round / rate);
    let rounds = Duration::from_secs_f64(LOAD_SECONDS).as_micros() / every.as_micros().max(1);
    let requests = usize::try_from(rounds).unwrap_or(1).max(1);
    let piece = Piece { seed: 900, from: 500_000, requests };
    Load { shape: load::Shape::Paced(every), ..piece.load() }
}

/// Does `work` while the load runs; an error if the load ended before it.
pub(crate) fn beside<T>(
    server: &Server,
    load: &Load,
    work: impl FnOnce() -> io::Result<T>,
) -> io::Result<T> {
    let runs = AtomicBool::new(true);
    std::thread::scope(|scope| {
        let loading = scope.spawn(|| {
            let run = load::run(server, load);
            runs.store(false, Ordering::SeqCst);
            run
        });
        let done = work();
        if !runs.load(Ordering::SeqCst) {
            say("THE LOAD ENDED BEFORE THE WORK BESIDE IT: the figures are of less than it");
        }
        loading.join().map_err(|_| io::Error::other("the load panicked"))??;
        done
    })
}

fn probes(server: &Server, word: &str) -> io::Result<Latencies> {
    let mut door = Connection::open(server)?;
    let mut latencies = Latencies::default();
    for number in 0..PROBES {
        latencies.push(probe(&mut door, &format!("{word}-{number}"))?);
    }
    Ok(latencies)
}

/// Time from the acknowledgement of one event to the end of the answer that holds it.
fn probe(door: &mut Connection, name: &str) -> io::Result<Duration> {
    let event = format!(r#"{{"action":"probe.sent","actor":"probe-{name}","outcome":"success"}}"#);
    door.send("/v1/events", "content-type: application/json\r\n", event.as_bytes())?;
    let reply = door.reply()?;
    if reply.status != 200 {
        return Err(io::Error::other(format!("a probe was answered {}", reply.status)));
    }
    let acknowledged = clock::now();
    let asked = Asked::Search(format!("actor:probe-{name}"));
    while acknowledged.elapsed() < PATIENCE {
        let reply = asked.send(door)?;
        if reply.status != 200 {
            let said = String::from_utf8_lossy(&reply.body).into_owned();
            return Err(io::Error::other(format!(
                "{asked:?} was answered {}: {said}",
                reply.status
            )));
        }
        let answer: serde_json::Value = serde_json::from_slice(&reply.body)?;
        let events = answer.get("events").and_then(serde_json::Value::as_array);
        if events.is_some_and(|events| !events.is_empty()) {
            return Ok(acknowledged.elapsed());
        }
    }
    Err(io::Error::other(format!("probe-{name} was not found in {PATIENCE:?}")))
}

fn rival(folder: &Path, pieces: &[Piece], sheet: &mut Sheet) -> io::Result<()> {
    say("PostgreSQL");
    let postgres = Postgres::start(folder)?;
    let loaded = postgres.fill(pieces)?;
    let of = Measured { system: "postgres", events: loaded.events };
    sheet.number(of, "ingest", loaded.rate(), "events/s");
    let statements = |word: &str| -> Vec<String> {
        let pair = |number: usize| {
            [
                format!(
                    "INSERT INTO audit (occurred_at, action, actor, target, event) \
                     VALUES (now(), 'probe.sent', 'probe-{word}-{number}', '', '{{}}')"
                ),
                format!("SELECT event FROM audit WHERE actor = 'probe-{word}-{number}'"),
            ]
        };
        (0..PROBES).flat_map(pair).collect()
    };
    let idle = postgres.timed(&statements("idle"))?;
    sheet.latency(of, "found_after_acknowledgement", &idle.every_second());
    let copy = rival_paced(loaded.rate() / 2.0);
    let busy = rival_beside(&postgres, &copy, || postgres.timed(&statements("busy")))?;
    sheet.latency(of, "found_after_acknowledgement_at_half_load", &busy.every_second());
    drop(postgres);
    fs::remove_dir_all(folder.join("postgres"))
}

/// A COPY of about so many events a second for a while: a pause after each commit, as if the commit
/// itself took no time, so that the rate is rather lower.
pub(crate) fn rival_paced(rate: f64) -> Copy {
    let load = paced(rate);
    let load::Shape::Paced(pause) = load.shape else { unreachable!("a paced load has a pace") };
    let Load { seed, from, connections, requests, batch, .. } = load;
    Copy { seed, from, writers: connections, commits: requests, batch, pause }
}

/// Does `work` while the COPY runs.
pub(crate) fn rival_beside<T>(
    postgres: &Postgres,
    copy: &Copy,
    work: impl FnOnce() -> io::Result<T>,
) -> io::Result<T> {
    std::thread::scope(|scope| {
        let loading = scope.spawn(|| postgres.append(copy));
        // The script is written first; a moment later the writers are at work.
        std::thread::sleep(Duration::from_secs(5));
        let done = work();
        loading.join().map_err(|_| io::Error::other("the COPY panicked"))??;
        done
    })
}
