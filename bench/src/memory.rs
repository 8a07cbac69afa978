//! Memory at full ingest: the most that our server has had, by the kernel's count, and the most that
//! the rival's processes had together, looked at ten times a second.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::lookups::mib;
use crate::names;
use crate::options::Options;
use crate::postgres::Postgres;
use crate::report::say;
use crate::sheet::{Measured, Sheet};
use crate::store::Store;

const LOOK: Duration = Duration::from_millis(100);

/// Runs the scenario; the answer is the report.
pub(crate) fn run(args: &[String]) -> Result<Vec<u8>, String> {
    Options::parse(args, 2_000_000)?.run(measured)
}

fn measured(options: &Options, folder: &Path) -> io::Result<Sheet> {
    let mut sheet = Sheet::new("memory", folder)?;
    let pieces = names::pieces(options.events);
    if options.wants("postgres") {
        say("PostgreSQL");
        let postgres = Postgres::start(folder)?;
        let done = AtomicBool::new(false);
        let (loaded, peak) = std::thread::scope(|scope| {
            let looking = scope.spawn(|| most(&postgres, &done));
            let loaded = postgres.fill(&pieces);
            done.store(true, Ordering::Relaxed);
            let peak = looking.join().map_err(|_| io::Error::other("the look panicked"))?;
            io::Result::Ok((loaded?, peak?))
        })?;
        let of = Measured { system: "postgres", events: loaded.events };
        sheet.number(of, "ingest", loaded.rate(), "events/s");
        sheet.number(of, "peak_memory", mib(peak), "MiB");
        drop(postgres);
        fs::remove_dir_all(folder.join("postgres"))?;
    }
    if options.wants("ours") {
        say("ours");
        let store = Store::start(options, folder, &[])?;
        let loaded = store.fill(&pieces)?;
        let of = Measured { system: "ours", events: loaded.events };
        sheet.number(of, "ingest", loaded.rate(), "events/s");
        sheet.number(of, "peak_memory", mib(store.running.peak_bytes()?), "MiB");
        store.remove()?;
    }
    Ok(sheet)
}

fn most(postgres: &Postgres, done: &AtomicBool) -> io::Result<u64> {
    let mut most = 0;
    while !done.load(Ordering::Relaxed) {
        most = most.max(postgres.memory_bytes()?);
        std::thread::sleep(LOOK);
    }
    Ok(most)
}
