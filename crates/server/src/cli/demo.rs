//! `indelible demo`: a store with sample tenants and live traffic, a copy of it that was tampered with, and a tour.
//!
//! ```text
//! make      once: a store under another name -> history, sample, archive -> a clean stop -> a copy with one word changed
//!           -> the store gets its name
//! serve     the server itself, as `serve` runs it
//! traffic   events of three tenants, over HTTP, until the server ends
//! tour      five commands for another terminal, each of which works as pasted
//! ```
//!
//! Promises: everything goes through the server and the client that everybody uses; a making that broke off is begun again.
//! Refuses a data directory with a store that the demo did not make: samples never get into somebody's log.

mod forgery; // the copy with one word changed
mod make; // the store, before anybody looks
mod server; // a server in this process
mod story; // what happens at three tenants
mod tour; // what to try
mod traffic; // what goes on

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::exit::{Exit, Failure};
use super::settings::Settings;
use super::{print, serve};
use crate::clock::Clock;
use crate::config::{Config, Place, Setting, Sources};
use crate::{control, failures};
use server::{Running, Stage};

/// What is appended to the data directory's name for the copy that was tampered with.
const TAMPERED: &str = "-tampered";
/// What is appended while the store is made.
const DRAFT: &str = ".draft";
/// What is appended while its copy is made.
const COPY: &str = ".copy";
/// Settings of a demo where nobody has said otherwise.
const DEFAULTS: [(&str, &str); 2] =
    [("telemetry.log", "warn"), ("ledger.wal_file_bytes", "8388608")];

/// Options of `demo`: those of `serve`, and how much goes on.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    settings: Settings,
    /// Events a second of all tenants together; 0 for silence
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(0..=1000))]
    rate: u32,
}

/// The folders of a demo.
#[derive(Debug)]
struct Folders {
    data: PathBuf,
    draft: PathBuf,
    tampered: PathBuf,
    /// The tampered copy while it is made.
    copy: PathBuf,
}

/// The folder with that name and something behind it.
fn beside(folder: &Path, end: &str) -> PathBuf {
    let mut name = folder.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

impl Folders {
    fn of(config: &Config) -> Folders {
        let data = config.data_dir.clone();
        Folders {
            draft: beside(&data, DRAFT),
            tampered: beside(&data, TAMPERED),
            copy: beside(&data, COPY),
            data,
        }
    }
}

/// Makes what is not there yet, serves it, and lets things happen until it is told to stop.
pub(crate) fn run(args: Args) -> Result<Exit, Failure> {
    let clock = Clock::start();
    let sources = quiet(args.settings.sources());
    let (live, log) = serve::begin(sources.clone(), clock)?;
    let stage = Stage { clock, log: Arc::new(log) };
    let folders = Folders::of(&live.now());
    if is_made(&folders)? {
        print::words("the sample store is there: going on with it");
    } else {
        make::run(&sources, &folders, &stage)?;
    }
    let running = Running::start(live, &stage)?;
    let Some(url) = running.ready() else { return running.end() };
    let scene = traffic::Scene::open(&running.config, &folders, &url)?;
    tour::print(&scene, &running.config, &folders)?;
    print::data("ready")?;
    scene.play(args.rate, clock, &running);
    running.end()
}

/// Settings of a demo where nobody has said otherwise: a person reads the tour, so what goes well is not logged, and a
/// sample store stays small.
fn quiet(mut sources: Sources) -> Sources {
    let settings = sources.load().settings;
    for (name, value) in DEFAULTS {
        let is_open =
            |setting: &&Setting| setting.key.name == name && setting.origin == Place::Default;
        if settings.iter().any(|setting| is_open(&setting)) {
            let variable = format!("INDELIBLE__{}", name.replace('.', "__").to_uppercase());
            sources.environment.insert(variable, value.to_owned());
        }
    }
    sources
}

/// Whether the data directory holds a store of the demo.
fn is_made(folders: &Folders) -> Result<bool, Failure> {
    let found = control::look::look(&folders.data).map_err(|error| failures::control(&error))?;
    let Some(content) = found else { return is_free(&folders.data).map(|()| false) };
    let has = |name: &str| content.tenants.iter().any(|tenant| tenant.name.as_str() == name);
    match story::TENANTS.iter().all(|tenant| has(tenant)) {
        true => Ok(true),
        false => Err(taken(&folders.data)),
    }
}

/// A folder that is missing or empty.
fn is_free(folder: &Path) -> Result<(), Failure> {
    match std::fs::read_dir(folder).map(|mut entries| entries.next()) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Ok(None) => Ok(()),
        Ok(Some(_)) => Err(taken(folder)),
        Err(error) => Err(failures::file(&folder.display().to_string(), &error)),
    }
}

fn taken(folder: &Path) -> Failure {
    let what = format!("`{}` holds something that is not a sample store", folder.display());
    Failure::new(
        Exit::Usage,
        what,
        "name a folder of its own: indelible demo --data-dir ./indelible-demo",
    )
}

#[cfg(test)]
mod tests;
