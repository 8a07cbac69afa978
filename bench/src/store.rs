//! A store of ours in a folder of its own, filled with events, archived and merged: what the look-ups
//! and queries of the scenarios meet.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::clock;
use crate::http::{Connection, Server};
use crate::load;
use crate::names::Piece;
use crate::options::Options;
use crate::report::Run;
use crate::server::{self, Running};

/// How long a flush and its merges may take.
const PATIENCE: Duration = Duration::from_secs(1_800);
/// Segments are merged when none came or went for so long.
const QUIET: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(200);

/// A store and its server.
#[derive(Debug)]
pub(crate) struct Store {
    binary: PathBuf,
    folder: PathBuf,
    settings: Vec<(&'static str, String)>,
    pub(crate) running: Running,
}

impl Store {
    /// A new store below `folder`, with further settings as environment.
    pub(crate) fn start(
        options: &Options,
        folder: &Path,
        settings: &[(&'static str, String)],
    ) -> io::Result<Self> {
        let (folder, settings) = (folder.join("ours"), settings.to_vec());
        fs::create_dir_all(&folder)?;
        let binary = server::binary(options.server.as_deref())?;
        let running = Running::start_with(&binary, &folder, &settings)?;
        Ok(Self { binary, folder, settings, running })
    }

    /// Where to send to.
    pub(crate) fn server(&self) -> &Server {
        &self.running.server
    }

    /// The binary, for its other commands.
    pub(crate) fn binary(&self) -> &Path {
        &self.binary
    }

    /// The data folder.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// The key folder.
    pub(crate) fn keys(&self) -> PathBuf {
        self.folder.join("keys")
    }

    /// Sends the pieces one after the other; all of them as one run.
    pub(crate) fn fill(&self, pieces: &[Piece]) -> io::Result<Run> {
        let mut whole = Run { events: 0, seconds: 0.0, latencies: Default::default() };
        for piece in pieces {
            let run = load::run(self.server(), &piece.load())?;
            whole.events += run.events;
            whole.seconds += run.seconds;
            whole.latencies.append(run.latencies);
        }
        Ok(whole)
    }

    /// Archives everything and waits until no segment comes or goes any more. Returns how long the
    /// flush took, and how long it was until the last change after it.
    pub(crate) fn settle(&self) -> io::Result<(Duration, Duration)> {
        let mut door = Connection::open(self.server())?;
        let began = clock::now();
        door.send("/v1/segments/flush", "", b"")?;
        let reply = door.reply()?;
        if reply.status != 200 {
            let said = String::from_utf8_lossy(&reply.body).into_owned();
            return Err(io::Error::other(format!(
                "the flush was answered {}: {said}",
                reply.status
            )));
        }
        let (flushed, flushed_at) = (began.elapsed(), clock::now());
        let mut seen = files(&self.data().join("lake"))?;
        let (mut merged, mut quiet_since) = (Duration::ZERO, clock::now());
        let deadline = clock::now().after(PATIENCE);
        while quiet_since.elapsed() < QUIET {
            if deadline.until().is_zero() {
                return Err(io::Error::other("the segments were not merged in time"));
            }
            std::thread::sleep(POLL);
            let now = files(&self.data().join("lake"))?;
            if now != seen {
                (seen, merged, quiet_since) = (now, flushed_at.elapsed(), clock::now());
            }
        }
        Ok((flushed, merged))
    }

    /// Kills the server without a warning and starts it again; how long it took to be ready.
    pub(crate) fn kill_and_start(self) -> io::Result<(Self, Duration)> {
        let Self { binary, folder, settings, running } = self;
        running.kill()?;
        let began = clock::now();
        let running = Running::start_with(&binary, &folder, &settings)?;
        Ok((Self { binary, folder, settings, running }, began.elapsed()))
    }

    /// Stops the server as an operator would; the store stays.
    pub(crate) fn stop(self) -> io::Result<()> {
        self.running.stop()
    }

    /// Stops the server and removes the store.
    pub(crate) fn remove(self) -> io::Result<()> {
        let folder = self.folder.clone();
        self.stop()?;
        fs::remove_dir_all(folder)
    }
}

/// Names and sizes of the files in a folder; none where there is no folder.
pub(crate) fn files(folder: &Path) -> io::Result<BTreeMap<String, u64>> {
    let mut files = BTreeMap::new();
    let Ok(entries) = fs::read_dir(folder) else { return Ok(files) };
    for entry in entries {
        let entry = entry?;
        // A file that goes while we look is one that is not there.
        if let Ok(about) = entry.metadata() {
            files.insert(entry.file_name().to_string_lossy().into_owned(), about.len());
        }
    }
    Ok(files)
}

/// Bytes of the files in a folder.
pub(crate) fn bytes(folder: &Path) -> io::Result<u64> {
    Ok(files(folder)?.values().sum())
}
