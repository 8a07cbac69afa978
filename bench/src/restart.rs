//! Ready after a crash: our server with a log of one GiB, most of it archived already, and the rival
//! with as much of its own to replay.
//!
//! Ours keeps a log that long only while something holds it back: a tenant with one event that is never
//! flushed. What the log really held at the kill is a figure of the report.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use crate::http::{Connection, Server};
use crate::lookups::mib;
use crate::names::{self, Piece};
use crate::options::Options;
use crate::postgres::Postgres;
use crate::report::say;
use crate::sheet::{Measured, Sheet};
use crate::store::{self, Store};

/// The log that the issue asks for.
const LOG_BYTES: u64 = 1 << 30;
/// Restarts that are measured.
const RESTARTS: usize = 3;

/// Runs the scenario; the answer is the report. It ends at so many events, whatever the log holds.
pub(crate) fn run(args: &[String]) -> Result<Vec<u8>, String> {
    Options::parse(args, 12_000_000)?.run(measured)
}

fn measured(options: &Options, folder: &Path) -> io::Result<Sheet> {
    let mut sheet = Sheet::new("restart", folder)?;
    if options.wants("postgres") {
        rival(options, folder, &mut sheet)?;
    }
    if options.wants("ours") {
        ours(options, folder, &mut sheet)?;
    }
    Ok(sheet)
}

fn ours(options: &Options, folder: &Path, sheet: &mut Sheet) -> io::Result<()> {
    say("ours");
    // Only rows and memory flush, and the log may be as long as it likes.
    let settings = [
        ("INDELIBLE__LEDGER__WAL_BYTES_MAX", (4 * LOG_BYTES).to_string()),
        ("INDELIBLE__LAKE__FLUSH_AFTER_MS", "86400000".to_owned()),
    ];
    let mut store = Store::start(options, folder, &settings)?;
    hold_back(&store)?;
    let log = store.data().join("ledger/wal");
    let mut events = 0;
    for piece in halves(options.events) {
        events += store.fill(&[piece])?.events;
        if store::bytes(&log)? >= LOG_BYTES {
            break;
        }
    }
    let of = Measured { system: "ours", events };
    sheet.number(of, "log", mib(store::bytes(&log)?), "MiB");
    for number in 1..=RESTARTS {
        let took;
        (store, took) = store.kill_and_start()?;
        sheet.number(of, &format!("ready_after_kill_{number}"), took.as_secs_f64(), "s");
    }
    store.remove()
}

/// The pieces, cut finer: the log is looked at after each.
fn halves(events: usize) -> impl Iterator<Item = Piece> {
    names::pieces(events).into_iter().flat_map(|piece| {
        let requests = (piece.requests / 4).max(1);
        let part = move |number| Piece { seed: piece.seed * 10 + number, requests, ..piece };
        (0..4).map(part)
    })
}

/// A tenant whose one event is never old or large enough to be flushed.
fn hold_back(store: &Store) -> io::Result<()> {
    tell(store, &["tenant", "create", "held"])?;
    let made = tell(
        store,
        &["key", "create", "--tenant", "held", "--producer", "bench", "--scope", "write", "--json"],
    )?;
    let made: serde_json::Value = serde_json::from_str(&made)?;
    let token = made.get("token").and_then(serde_json::Value::as_str);
    let token = token.ok_or_else(|| io::Error::other("`key create` named no token"))?.to_owned();
    let server = Server { host: store.server().host.clone(), token };
    let mut door = Connection::open(&server)?;
    let event = br#"{"action":"log.held","actor":"bench"}"#;
    door.send("/v1/events", "content-type: application/json\r\n", event)?;
    match door.reply()?.status {
        200 => Ok(()),
        other => Err(io::Error::other(format!("the event that holds back was answered {other}"))),
    }
}

fn tell(store: &Store, words: &[&str]) -> io::Result<String> {
    let output = Command::new(store.binary())
        .args(words)
        .arg("--data-dir")
        .arg(store.data())
        .arg("--key-dir")
        .arg(store.keys())
        .output()?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(io::Error::other(format!("{words:?} ended with {}: {said}", output.status)))
}

fn rival(options: &Options, folder: &Path, sheet: &mut Sheet) -> io::Result<()> {
    say("PostgreSQL");
    let postgres = Postgres::start(folder)?;
    let mut pieces = halves(options.events);
    let first: Vec<Piece> = pieces.by_ref().take(1).collect();
    let before = postgres.log_bytes()?;
    let mut events = postgres.fill(&first)?.events;
    for piece in pieces {
        if postgres.log_bytes()? - before >= LOG_BYTES {
            break;
        }
        events += postgres.append_pieces(&[piece])?.events;
    }
    let of = Measured { system: "postgres", events };
    sheet.number(of, "log", mib(postgres.log_bytes()? - before), "MiB");
    let took = postgres.crash_and_start()?;
    sheet.number(of, "ready_after_kill_1", took.as_secs_f64(), "s");
    drop(postgres);
    fs::remove_dir_all(folder.join("postgres"))
}
