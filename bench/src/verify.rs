//! Offline verification on one core: `verify store` over segments, packs and what is left of the log.
//! Beside it the rival reads and hashes every row on one core, which proves nothing, but is the work
//! that any check has to do at least.

use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::clock;
use crate::names;
use crate::options::Options;
use crate::postgres::Postgres;
use crate::report::say;
use crate::sheet::{Measured, Sheet};
use crate::store::Store;

/// How often each is measured; the best counts, since other work only ever adds.
const ROUNDS: usize = 3;

/// Runs the scenario; the answer is the report.
pub(crate) fn run(args: &[String]) -> Result<Vec<u8>, String> {
    Options::parse(args, 1_000_000)?.run(measured)
}

fn measured(options: &Options, folder: &Path) -> io::Result<Sheet> {
    let mut sheet = Sheet::new("verify", folder)?;
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
    // What is still in the log is read there, too: with a short log next to nothing is.
    let short = [
        ("INDELIBLE__LEDGER__WAL_FILE_BYTES", "1048576".to_owned()),
        ("INDELIBLE__LEDGER__WAL_BYTES_MAX", "8388608".to_owned()),
    ];
    let store = Store::start(options, folder, &short)?;
    let loaded = store.fill(&names::pieces(options.events))?;
    store.settle()?;
    // The log goes up to the watermark before the last: a second flush lets go of it.
    store.settle()?;
    let (binary, data, keys) = (store.binary().to_owned(), store.data(), store.keys());
    store.stop()?;
    let mut best = f64::MAX;
    for _ in 0..ROUNDS {
        let began = clock::now();
        let output = Command::new("taskset")
            .args(["-c", "0"])
            .arg(&binary)
            .args(["verify", "store", "--data-dir"])
            .arg(&data)
            .arg("--key-dir")
            .arg(&keys)
            .stdin(Stdio::null())
            .output()?;
        best = best.min(began.elapsed().as_secs_f64());
        if !output.status.success() {
            let said = [output.stdout, output.stderr].concat();
            let said = String::from_utf8_lossy(&said).into_owned();
            return Err(io::Error::other(format!("`verify store` ended badly: {said}")));
        }
    }
    let of = Measured { system: "ours", events: loaded.events };
    sheet.number(of, "verified_on_one_core", loaded.events as f64 / best, "events/s");
    fs::remove_dir_all(folder.join("ours"))
}

fn rival(options: &Options, folder: &Path, sheet: &mut Sheet) -> io::Result<()> {
    say("PostgreSQL");
    let postgres = Postgres::start(folder)?;
    let loaded = postgres.fill(&names::pieces(options.events))?;
    postgres.settle()?;
    let alone = "SET max_parallel_workers_per_gather = 0".to_owned();
    let hashed = "SELECT count(sha256(convert_to(event::text, 'UTF8'))) FROM audit".to_owned();
    let mut best = f64::MAX;
    for _ in 0..ROUNDS {
        let took = postgres.timed(&[alone.clone(), hashed.clone()])?;
        best = best.min(took.percentile_ms(100).unwrap_or(f64::MAX) / 1e3);
    }
    let of = Measured { system: "postgres", events: loaded.events };
    sheet.number(of, "read_and_hashed_on_one_core", loaded.events as f64 / best, "events/s");
    drop(postgres);
    fs::remove_dir_all(folder.join("postgres"))
}
