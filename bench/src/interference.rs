//! Interference in both directions. Readers while ingest runs at 80 % of its rate; ingest while eight
//! clients scan everything and a ninth asks what exceeds its memory. Beside it the rival under the same.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crate::ask::{self, Asked, Dialect};
use crate::freshness::{beside, paced, rival_beside, rival_paced};
use crate::http::{Connection, Server};
use crate::load;
use crate::names::{self, Names, Piece};
use crate::options::Options;
use crate::postgres::Postgres;
use crate::report::say;
use crate::sheet::{Measured, Sheet};
use crate::store::Store;

/// Clients that scan.
const SCANNERS: usize = 8;
/// The questions of the readers.
const READ: [&str; 3] = ["by_id", "by_actor", "by_target"];
/// A run of ingest: 400,000 events.
const REQUESTS: usize = 100;

const SCAN: &str = "SELECT actor_id, count(*) AS n FROM events WHERE user_agent LIKE '%Linux%' \
    AND trace_id <> 'none' GROUP BY actor_id ORDER BY n DESC LIMIT 10";
/// Builds a table of everything in memory, which nobody may.
const TOO_LARGE: &str = "SELECT max(a.attrs) AS a, max(a.trace_id) AS b, max(a.user_agent) AS c, \
    max(b.attrs) AS d, max(b.user_agent) AS e FROM events a JOIN events b ON a.request_id = b.request_id";
const RIVAL_SCAN: &str = "SELECT actor, count(*) AS n FROM audit \
    WHERE event->'origin'->>'user_agent' LIKE '%Linux%' GROUP BY actor ORDER BY n DESC LIMIT 10";
const RIVAL_TOO_LARGE: &str = "SELECT max(a.event->>'id'), max(b.event->>'outcome') FROM audit a \
    JOIN audit b ON a.event->'correlation'->>'request_id' = b.event->'correlation'->>'request_id'";

/// Runs the scenario; the answer is the report.
pub(crate) fn run(args: &[String]) -> Result<Vec<u8>, String> {
    Options::parse(args, 1_000_000)?.run(measured)
}

fn measured(options: &Options, folder: &Path) -> io::Result<Sheet> {
    let mut sheet = Sheet::new("interference", folder)?;
    let pieces = names::pieces(options.events);
    let names = names::draw(&pieces, None)?;
    if options.wants("postgres") {
        rival(folder, &pieces, &names, &mut sheet)?;
    }
    if options.wants("ours") {
        ours(options, folder, &names, &mut sheet)?;
    }
    Ok(sheet)
}

/// A run of ingest with ids of its own.
fn piece(number: u64) -> Piece {
    Piece { seed: 800 + number, from: 400_000 + number * 20_000, requests: REQUESTS }
}

/// A longer run: a short one leaves part of its flushes and merges to whatever comes after it, and its rate is not one
/// that can be kept up.
fn long_piece() -> Piece {
    Piece { requests: 4 * REQUESTS, ..piece(0) }
}

fn ours(options: &Options, folder: &Path, names: &Names, sheet: &mut Sheet) -> io::Result<()> {
    say("ours");
    let store = Store::start(options, folder, &[])?;
    let loaded = store.fill(&names::pieces(options.events))?;
    store.settle()?;
    let of = Measured { system: "ours", events: loaded.events };
    let mut lists = ask::ours(names);
    lists.retain(|name, _| READ.contains(name));
    let mut door = Connection::open(store.server())?;
    let idle = ask::all_timed(&mut door, &lists)?;
    let alone = load::run(store.server(), &long_piece().load())?;
    sheet.number(of, "ingest_alone", alone.rate(), "events/s");
    sheet.latency(of, "acknowledged_alone", &alone.latencies);

    say("  readers beside ingest at 80 %");
    for (number, (name, idle)) in (0..).zip(&idle) {
        sheet.latency(of, &format!("{name}_alone"), idle);
        let Some(list) = lists.get_key_value(name) else { continue };
        let list = BTreeMap::from([(*list.0, list.1.clone())]);
        // A load for each list, so that none ends before the questions do.
        let load = load::Load { seed: 900 + number, ..paced(alone.rate() * 0.8) };
        let busy = beside(store.server(), &load, || {
            // The server closes a connection that says nothing for some seconds.
            ask::all_timed(&mut Connection::open(store.server())?, &list)
        })?;
        let Some(busy) = busy.get(name) else { continue };
        sheet.latency(of, &format!("{name}_beside_ingest"), busy);
        sheet.ratio(of, &format!("{name}_slower"), (busy, idle, 50));
    }

    say("  ingest beside scans");
    let again = load::run(store.server(), &piece(1).load())?;
    let scans = Scans::default();
    let beside = scans.beside(store.server(), || load::run(store.server(), &piece(2).load()))?;
    sheet.number(of, "ingest_alone_again", again.rate(), "events/s");
    sheet.number(of, "ingest_beside_scans", beside.rate(), "events/s");
    sheet.latency(of, "acknowledged_beside_scans", &beside.latencies);
    sheet.number(of, "ingest_share", beside.rate() / again.rate() * 100.0, "percent");
    sheet.ratio(of, "acknowledged_slower_p99", (&beside.latencies, &again.latencies, 99));
    sheet.number(of, "scans_done", scans.done(), "queries");
    sheet.number(of, "refused_by_memory", scans.refused(), "queries");
    store.remove()
}

/// What a client of the background asks.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Scans,
    AsksTooMuch,
}

/// Queries that run beside something else, and what came of them.
#[derive(Debug, Default)]
struct Scans {
    stop: AtomicBool,
    done: AtomicUsize,
    refused: AtomicUsize,
}

impl Scans {
    /// Does `work` while eight clients scan and one asks too much; each has had an answer before the
    /// work begins.
    fn beside<T>(&self, server: &Server, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        std::thread::scope(|scope| {
            let scanners: Vec<_> = (0..=SCANNERS)
                .map(|number| if number == SCANNERS { Kind::AsksTooMuch } else { Kind::Scans })
                .map(|kind| scope.spawn(move || self.client(server, kind)))
                .collect();
            while (self.refused.load(Ordering::Relaxed) == 0
                || self.done.load(Ordering::Relaxed) == 0)
                && !scanners.iter().any(|one| one.is_finished())
            {
                std::thread::sleep(Duration::from_millis(10));
            }
            let done = work();
            self.stop.store(true, Ordering::Relaxed);
            for scanner in scanners {
                scanner.join().map_err(|_| io::Error::other("a scanner panicked"))??;
            }
            done
        })
    }

    fn client(&self, server: &Server, kind: Kind) -> io::Result<()> {
        let mut door = Connection::open(server)?;
        let (asked, due, count) = match kind {
            Kind::Scans => (Asked::Sql(SCAN), 200, &self.done),
            Kind::AsksTooMuch => (Asked::Sql(TOO_LARGE), 422, &self.refused),
        };
        while !self.stop.load(Ordering::Relaxed) {
            let reply = asked.send(&mut door)?;
            if reply.status == 429 || reply.status == 503 {
                // Asked to come later, which is how a server may defend itself.
                std::thread::sleep(Duration::from_millis(50));
            } else if reply.status == due {
                count.fetch_add(1, Ordering::Relaxed);
            } else {
                let said = String::from_utf8_lossy(&reply.body).into_owned();
                let why = format!("{asked:?} was answered {}: {said}", reply.status);
                return Err(io::Error::other(why));
            }
        }
        Ok(())
    }

    fn done(&self) -> f64 {
        count(&self.done)
    }

    fn refused(&self) -> f64 {
        count(&self.refused)
    }
}

fn count(of: &AtomicUsize) -> f64 {
    f64::from(u32::try_from(of.load(Ordering::Relaxed)).unwrap_or(u32::MAX))
}

fn rival(folder: &Path, pieces: &[Piece], names: &Names, sheet: &mut Sheet) -> io::Result<()> {
    say("PostgreSQL");
    let postgres = Postgres::start(folder)?;
    let loaded = postgres.fill(pieces)?;
    postgres.settle()?;
    let of = Measured { system: "postgres", events: loaded.events };
    let mut lists = ask::rival(names, &Dialect::POSTGRES);
    lists.retain(|name, _| READ.contains(name));
    let all = || {
        let mut measured = Vec::new();
        for (name, statements) in &lists {
            postgres.timed(statements)?;
            measured.push((*name, postgres.timed(statements)?));
        }
        io::Result::Ok(measured)
    };
    let idle = all()?;
    let alone = postgres.append_pieces(&[long_piece()])?;
    sheet.number(of, "ingest_alone", alone.rate(), "events/s");
    let busy = rival_beside(&postgres, &rival_paced(alone.rate() * 0.8), all)?;
    for ((name, idle), (_, busy)) in idle.iter().zip(&busy) {
        sheet.latency(of, &format!("{name}_alone"), idle);
        sheet.latency(of, &format!("{name}_beside_ingest"), busy);
        sheet.ratio(of, &format!("{name}_slower"), (busy, idle, 50));
    }
    let scans = postgres.clients(SCANNERS, RIVAL_SCAN)?;
    let large = postgres.clients(1, RIVAL_TOO_LARGE)?;
    let beside = postgres.append_pieces(&[piece(2)])?;
    drop((scans, large));
    sheet.number(of, "ingest_beside_scans", beside.rate(), "events/s");
    sheet.number(of, "ingest_share", beside.rate() / alone.rate() * 100.0, "percent");
    drop(postgres);
    fs::remove_dir_all(folder.join("postgres"))
}
