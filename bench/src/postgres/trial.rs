//! What is done to the rival besides loading it: clients that scan, a crash, a look at its memory.

use std::fs;
use std::io::{self, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::Postgres;
use crate::clock;

/// Statements that a client of the background has: more than it gets done.
const STATEMENTS: usize = 10_000;

/// Clients that go on until they are dropped.
#[derive(Debug)]
pub(crate) struct Clients(Vec<Child>);

impl Drop for Clients {
    fn drop(&mut self) {
        for client in &mut self.0 {
            // One that has ended already is as good.
            let _ = client.kill();
            let _ = client.wait();
        }
    }
}

impl Postgres {
    /// So many clients, each asking one statement over and over.
    pub(crate) fn clients(&self, count: usize, statement: &str) -> io::Result<Clients> {
        let path = self.folder.join("background.sql");
        let mut script = io::BufWriter::new(fs::File::create(&path)?);
        for _ in 0..STATEMENTS {
            writeln!(script, "{statement};")?;
        }
        script.flush()?;
        let mut clients = Clients(Vec::new());
        for _ in 0..count {
            let mut command = self.client("psql", &["-qAt"]);
            let input = fs::File::open(&path)?;
            command.stdin(input).stdout(Stdio::null()).stderr(Stdio::null());
            clients.0.push(command.spawn()?);
        }
        Ok(clients)
    }

    /// Bytes of write-ahead log written since this cluster was made.
    pub(crate) fn log_bytes(&self) -> io::Result<u64> {
        let bytes = self.ask("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint")?;
        bytes.trim().parse().map_err(io::Error::other)
    }

    /// Stops without a checkpoint, as a crash does, and starts: how long the start took.
    pub(crate) fn crash_and_start(&self) -> io::Result<Duration> {
        self.run("pg_ctl", &["-D", &self.data(), "-m", "immediate", "-w", "stop"])?;
        let began = clock::now();
        self.launch()?;
        Ok(began.elapsed())
    }

    /// Memory of the server and its children now: what each has for itself, and its share of the rest.
    pub(crate) fn memory_bytes(&self) -> io::Result<u64> {
        let text = fs::read_to_string(self.folder.join("data/postmaster.pid"))?;
        let parent = text.lines().next().unwrap_or_default().to_owned();
        let children = Command::new("pgrep").args(["-P", &parent]).output()?;
        let children = String::from_utf8_lossy(&children.stdout).into_owned();
        let mut sum = 0;
        for process in children.split_whitespace().chain([parent.as_str()]) {
            // A child may have ended since it was listed.
            let Ok(text) = fs::read_to_string(format!("/proc/{process}/smaps_rollup")) else {
                continue;
            };
            let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
            sum += line
                .and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok())
                .unwrap_or(0);
        }
        Ok(sum << 10)
    }
}
