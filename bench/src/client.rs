//! The producer's own cost: an event made, an event spooled, an event spooled from a task, and the way through client,
//! network and server; beside a file of JSON lines that is synced as often as the spool is.
//!
//! The rival does the least that keeps an event over a killed process: one `write` of the same bytes and an `fdatasync`
//! every 50 ms. It neither checks an event, nor numbers it, nor sends it.

use std::fs::{self, File};
use std::future::Future;
use std::io::{self, Write as _};
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

use indelible_client::{Audit, Connection, Record, Settings};

use crate::clock;
use crate::http::Server;
use crate::load;
use crate::names::{BATCH, Piece};
use crate::options::Options;
use crate::report::{Latencies, Run, say};
use crate::server::{self, Running};
use crate::sheet::{Measured, Sheet};

/// Threads that record at once where there are several.
const THREADS: usize = 4;
/// Recorded by one thread at this pace, as a service that works between its events does.
const PACE: Duration = Duration::from_micros(200);
/// Events of a paced run, and of one by tasks: each waits for a thread.
const PACED: usize = 20_000;
/// The rival's syncs, and the spool's promise.
const SYNC: Duration = Duration::from_millis(50);
/// No answer takes longer.
const LIMIT: Duration = Duration::from_secs(300);
/// An address where nobody listens: the spool alone is measured.
const NOBODY: &str = "http://127.0.0.1:1";

/// Runs the scenario; the answer is the report.
pub(crate) fn run(args: &[String]) -> Result<Vec<u8>, String> {
    Options::parse(args, 400_000)?.run(measured)
}

fn measured(options: &Options, folder: &Path) -> io::Result<Sheet> {
    let mut sheet = Sheet::new("client", folder)?;
    if options.wants("rival") {
        rival(folder, options.events, &mut sheet)?;
    }
    if options.wants("ours") {
        made(options.events, &mut sheet)?;
        spooled(folder, options.events, &mut sheet)?;
        by_tasks(folder, &mut sheet)?;
        through(options, folder, &mut sheet)?;
    }
    Ok(sheet)
}

/// One event as a service has it, about as large as the synthetic ones.
fn event(audit: &Audit, number: usize) -> Record {
    let target = format!("{number:08}");
    audit
        .record("invoice.approve")
        .actor("ana.ruiz@example.com")
        .actor_kind("human")
        .target("invoice", &target)
        .denied()
        .reason("over the limit of the approver")
        .request_id("5f1c2a9e-8f0b-4f44-a9b6-3fcdd5b0a111")
        .trace("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")
        .attr("amount", 48_200)
        .attr("currency", "EUR")
}

fn failed(error: indelible_client::Error) -> io::Error {
    io::Error::other(error)
}

/// Several percentiles, in microseconds.
fn percentiles(sheet: &mut Sheet, of: Measured<'_>, figure: &str, latencies: &Latencies) {
    for (per_mille, name) in [(500, "p50"), (990, "p99"), (999, "p99.9"), (1000, "max")] {
        let us = latencies.per_mille_ms(per_mille).unwrap_or_default() * 1e3;
        sheet.number(of, &format!("{figure}_{name}"), us, "us");
    }
}

/// JSON lines in a file, synced every 50 ms.
fn rival(folder: &Path, events: usize, sheet: &mut Sheet) -> io::Result<()> {
    say("rival: JSON lines");
    let of = Measured { system: "json_lines", events };
    let audit = Audit::elsewhere("bench").map_err(failed)?;
    let lines: Result<Vec<Vec<u8>>, _> = (0..events)
        .map(|number| {
            let (_, mut line) = event(&audit, number).into_json()?;
            line.push(b'\n');
            Ok(line)
        })
        .collect();
    let lines = lines.map_err(failed)?;
    let bytes: usize = lines.iter().map(Vec::len).sum();
    let path = folder.join("lines");
    let file = File::options().append(true).create_new(true).open(&path)?;
    let ended = AtomicBool::new(false);
    let (run, paced) = std::thread::scope(|scope| {
        let syncing = scope.spawn(|| {
            while !ended.load(Ordering::Relaxed) {
                std::thread::sleep(SYNC);
                file.sync_data()?;
            }
            Ok::<_, io::Error>(())
        });
        let write = |number: usize| (&file).write_all(lines.get(number).map_or(&[], Vec::as_slice));
        let outcome = closed_loop(events, write).and_then(|run| Ok((run, paced_loop(write)?)));
        ended.store(true, Ordering::Relaxed);
        syncing.join().map_err(|_| io::Error::other("the syncs panicked"))??;
        outcome
    })?;
    fs::remove_file(path)?;
    let count = f64::from(u32::try_from(events).unwrap_or(u32::MAX));
    sheet.number(
        of,
        "event_bytes",
        f64::from(u32::try_from(bytes).unwrap_or(u32::MAX)) / count,
        "bytes",
    );
    sheet.number(of, "write_rate", run.rate(), "events/s");
    percentiles(sheet, of, "write", &run.latencies);
    percentiles(sheet, of, "write_paced", &paced);
    Ok(())
}

/// One after the other, as fast as it goes.
fn closed_loop(events: usize, mut each: impl FnMut(usize) -> io::Result<()>) -> io::Result<Run> {
    let mut latencies = Latencies::default();
    let began = clock::now();
    for number in 0..events {
        let begun = clock::now();
        each(number)?;
        latencies.push(begun.elapsed());
    }
    Ok(Run { events, seconds: began.elapsed().as_secs_f64(), latencies })
}

/// One every so often.
fn paced_loop(mut each: impl FnMut(usize) -> io::Result<()>) -> io::Result<Latencies> {
    let mut latencies = Latencies::default();
    let mut due = clock::now();
    for number in 0..PACED {
        due = due.after(PACE);
        // The service works meanwhile; a sleep would be longer than the pace.
        while !due.until().is_zero() {
            std::hint::spin_loop();
        }
        let begun = clock::now();
        each(number)?;
        latencies.push(begun.elapsed());
    }
    Ok(latencies)
}

/// The spool left out: an event is made, checked and written as JSON.
fn made(events: usize, sheet: &mut Sheet) -> io::Result<()> {
    say("ours: events made");
    let audit = Audit::elsewhere("bench").map_err(failed)?;
    let run =
        closed_loop(events, |number| event(&audit, number).into_json().map(drop).map_err(failed))?;
    let of = Measured { system: "ours", events };
    sheet.number(of, "spool_off_rate", run.rate(), "events/s");
    percentiles(sheet, of, "spool_off", &run.latencies);
    Ok(())
}

/// An audit with a spool of its own and a server at `connection`.
fn audit(folder: &Path, connection: &Connection) -> io::Result<Audit> {
    let settings = Settings::new(folder).spool_bytes_max(8 << 30).room_wait(LIMIT);
    Audit::open("bench", connection, settings).map_err(failed)
}

fn nobody() -> Connection {
    Connection {
        url: NOBODY.to_owned(),
        token: "none".to_owned(),
        tenant: String::new(),
        checkpoint_keys: Vec::new(),
    }
}

/// The spool alone: nobody takes what is in it.
fn spooled(folder: &Path, events: usize, sheet: &mut Sheet) -> io::Result<()> {
    say("ours: events spooled");
    let of = Measured { system: "ours", events };
    let (one, paced) = (folder.join("spool-one"), folder.join("spool-paced"));
    let audit_one = audit(&one, &nobody())?;
    let send = |audit: &Audit, number| event(audit, number).send().map(drop).map_err(failed);
    let run = closed_loop(events, |number| send(&audit_one, number))?;
    sheet.number(of, "spool_on_rate", run.rate(), "events/s");
    percentiles(sheet, of, "spool_on", &run.latencies);
    drop(audit_one);
    let audit_paced = audit(&paced, &nobody())?;
    let latencies = paced_loop(|number| send(&audit_paced, number))?;
    percentiles(sheet, of, "spool_on_paced", &latencies);
    drop(audit_paced);
    let many = folder.join("spool-many");
    let audit_many = audit(&many, &nobody())?;
    let run = by_threads(events, |number| send(&audit_many, number))?;
    sheet.number(of, &format!("spool_on_rate_{THREADS}_threads"), run.rate(), "events/s");
    percentiles(sheet, of, &format!("spool_on_{THREADS}_threads"), &run.latencies);
    Ok(())
}

/// Several threads at once.
fn by_threads(events: usize, each: impl Fn(usize) -> io::Result<()> + Sync) -> io::Result<Run> {
    let began = clock::now();
    let runs: io::Result<Vec<Run>> = std::thread::scope(|scope| {
        let start = |_| scope.spawn(|| closed_loop(events / THREADS, &each));
        let threads: Vec<_> = (0..THREADS).map(start).collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, io::Result<Run>>| {
            thread.join().map_err(|_| io::Error::other("a thread panicked"))?
        };
        threads.into_iter().map(join).collect()
    });
    let seconds = began.elapsed().as_secs_f64();
    let mut latencies = Latencies::default();
    runs?.into_iter().for_each(|run| latencies.append(run.latencies));
    Ok(Run { events: latencies.len(), seconds, latencies })
}

/// Wakes a thread for the future that it drives.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// How long tasks wait for the spool, and for how long they hold their thread meanwhile.
fn by_tasks(folder: &Path, sheet: &mut Sheet) -> io::Result<()> {
    say("ours: events spooled by tasks");
    let of = Measured { system: "ours", events: PACED };
    let audit = audit(&folder.join("spool-tasks"), &nobody())?;
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    let (mut awaited, mut held) = (Latencies::default(), Latencies::default());
    for number in 0..PACED {
        let begun = clock::now();
        let mut sent = pin!(event(&audit, number).send_async());
        loop {
            let polled = clock::now();
            let poll = sent.as_mut().poll(&mut context);
            held.push(polled.elapsed());
            match poll {
                Poll::Ready(sent) => break sent.map(drop).map_err(failed)?,
                Poll::Pending => std::thread::park(),
            }
        }
        awaited.push(begun.elapsed());
    }
    percentiles(sheet, of, "send_async", &awaited);
    percentiles(sheet, of, "send_async_poll", &held);
    Ok(())
}

/// Through client, network and server: from the first event to the last answer.
fn through(options: &Options, folder: &Path, sheet: &mut Sheet) -> io::Result<()> {
    say("ours: through client, network and server");
    let binary = server::binary(options.server.as_deref())?;
    let of = Measured { system: "ours", events: options.events };
    let bare = folder.join("bare");
    fs::create_dir_all(&bare)?;
    let running = Running::start(&binary, &bare)?;
    let piece = Piece { seed: 5, from: 0, requests: options.events / BATCH };
    let one = load::Load { connections: 1, ..piece.load() };
    let raw = load::run(&running.server, &one)?;
    sheet.number(of, "http_alone_1_connection", raw.rate(), "events/s");
    running.stop()?;
    for audits in [1, THREADS] {
        let store = folder.join(format!("through-{audits}"));
        fs::create_dir_all(&store)?;
        let running = Running::start(&binary, &store)?;
        let run = deliver(&running.server, &store, options.events, audits)?;
        let figure = format!("end_to_end_{audits}_spools");
        sheet.number(of, &figure, run.rate(), "events/s");
        percentiles(sheet, of, &format!("{figure}_send"), &run.latencies);
        if audits == 1 {
            sheet.number(of, "end_to_end_of_http_alone", run.rate() / raw.rate(), "times");
        }
        running.stop()?;
    }
    Ok(())
}

/// Records with so many spools at once, a thread each, and waits until the ledger has everything.
fn deliver(server: &Server, folder: &Path, events: usize, audits: usize) -> io::Result<Run> {
    let connection = Connection {
        url: format!("http://{}", server.host),
        token: server.token.clone(),
        tenant: "default".to_owned(),
        checkpoint_keys: Vec::new(),
    };
    let audits: io::Result<Vec<Audit>> =
        (0..audits).map(|_| audit(&folder.join("spools"), &connection)).collect();
    let audits = audits?;
    let each = events / audits.len();
    let began = clock::now();
    let runs: io::Result<Vec<Latencies>> = std::thread::scope(|scope| {
        let record = |audit: &Audit| {
            let run =
                closed_loop(each, |number| event(audit, number).send().map(drop).map_err(failed))?;
            audit.flush(LIMIT).map_err(failed)?;
            Ok(run.latencies)
        };
        let threads: Vec<_> =
            audits.iter().map(|audit| scope.spawn(move || record(audit))).collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, io::Result<Latencies>>| {
            thread.join().map_err(|_| io::Error::other("a thread panicked"))?
        };
        threads.into_iter().map(join).collect()
    });
    let seconds = began.elapsed().as_secs_f64();
    let mut latencies = Latencies::default();
    runs?.into_iter().for_each(|one| latencies.append(one));
    let counted: u64 = audits.iter().map(|audit| audit.counters().committed).sum();
    if counted != u64::try_from(latencies.len()).unwrap_or(u64::MAX) {
        return Err(io::Error::other(format!("{counted} of {} were committed", latencies.len())));
    }
    Ok(Run { events: latencies.len(), seconds, latencies })
}
