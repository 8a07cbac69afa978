//! The rival: a PostgreSQL of its own in a temporary folder, on loopback, thrown away afterwards.
//!
//! The server's own binaries are run, never a wrapper. It refuses to run as root, so it is started
//! as the user `postgres` through `setpriv`. Durable as installed: `fsync` and `synchronous_commit`
//! are on.

mod trial;

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::clock;
use crate::generate::Generator;
use crate::names::{BATCH, CONNECTIONS, Piece, generator};
use crate::report::{Latencies, Run};

const USER: &str = "postgres";
const LIBRARY: &str = "/usr/lib/postgresql";
const TABLE: &str = "
CREATE TABLE audit (id uuid, received_at timestamptz NOT NULL DEFAULT now(),
  occurred_at timestamptz NOT NULL, action text NOT NULL, actor text NOT NULL, target text NOT NULL,
  event jsonb NOT NULL);
CREATE UNIQUE INDEX ON audit (id);
CREATE INDEX ON audit (occurred_at);
CREATE INDEX ON audit (actor, occurred_at);
CREATE INDEX ON audit (target, occurred_at);
CREATE INDEX ON audit (action, occurred_at);
";

/// A running PostgreSQL; dropping it stops it.
#[derive(Debug)]
pub(crate) struct Postgres {
    programs: PathBuf,
    folder: PathBuf,
    port: String,
}

/// What a COPY run does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Copy {
    pub(crate) seed: u64,
    /// Seconds after the first day that the events begin at.
    pub(crate) from: u64,
    pub(crate) writers: usize,
    pub(crate) commits: usize,
    pub(crate) batch: usize,
    /// How long a writer waits after each commit.
    pub(crate) pause: Duration,
}

impl Postgres {
    /// Makes a cluster below `folder` and starts it.
    pub(crate) fn start(folder: &Path) -> io::Result<Self> {
        let folder = folder.join("postgres");
        fs::create_dir_all(&folder)?;
        own(&folder)?;
        let port = free_port()?.to_string();
        let postgres = Self { programs: programs()?, folder, port };
        let data = postgres.data();
        postgres
            .run("initdb", &["-D", &data, "-A", "trust", "-U", USER, "-E", "UTF8", "--locale=C"])?;
        postgres.launch()?;
        Ok(postgres)
    }

    /// Starts the server on its cluster and waits until it takes connections.
    fn launch(&self) -> io::Result<()> {
        let options = format!(
            "-p {} -c listen_addresses=127.0.0.1 -k {} -c shared_buffers=512MB -c max_wal_size=4GB",
            self.port,
            self.folder.display()
        );
        let log = self.folder.join("log").display().to_string();
        self.run("pg_ctl", &["-D", &self.data(), "-w", "-l", &log, "-o", &options, "start"])
    }

    /// COPY of `batch` rows a commit by several `psql` at once into a fresh table.
    pub(crate) fn copy(&self, copy: &Copy) -> io::Result<Run> {
        self.fresh_table()?;
        let run = self.append(copy)?;
        self.expect_rows(run.events)?;
        Ok(run)
    }

    /// COPY of all pieces into a fresh table, as one run.
    pub(crate) fn fill(&self, pieces: &[Piece]) -> io::Result<Run> {
        self.fresh_table()?;
        let whole = self.append_pieces(pieces)?;
        self.expect_rows(whole.events)?;
        Ok(whole)
    }

    /// COPY of all pieces into the table that is there.
    pub(crate) fn append_pieces(&self, pieces: &[Piece]) -> io::Result<Run> {
        let mut whole = Run { events: 0, seconds: 0.0, latencies: Latencies::default() };
        for piece in pieces {
            let run = self.append(&Copy {
                seed: piece.seed,
                from: piece.from,
                writers: CONNECTIONS,
                commits: piece.requests,
                batch: BATCH,
                pause: Duration::ZERO,
            })?;
            whole.events += run.events;
            whole.seconds += run.seconds;
        }
        Ok(whole)
    }

    /// COPY by several `psql` at once into the table that is there.
    pub(crate) fn append(&self, copy: &Copy) -> io::Result<Run> {
        let mut scripts = Vec::new();
        for writer in 0..copy.writers {
            let path = self.folder.join(format!("copy-{writer}.sql"));
            copy_script(&path, copy, writer)?;
            scripts.push(path);
        }
        let began = clock::now();
        let writers: io::Result<Vec<_>> = scripts
            .iter()
            .map(|script| {
                let input = fs::File::open(script)?;
                self.client("psql", &["-q", "-v", "ON_ERROR_STOP=1"]).stdin(input).spawn()
            })
            .collect();
        for mut writer in writers? {
            let status = writer.wait()?;
            if !status.success() {
                return Err(io::Error::other(format!("psql ended with {status}")));
            }
        }
        let seconds = began.elapsed().as_secs_f64();
        let events = copy.writers * copy.commits * copy.batch;
        for script in scripts {
            fs::remove_file(script)?;
        }
        Ok(Run { events, seconds, latencies: Latencies::default() })
    }

    /// One INSERT a commit from `clients` clients of `pgbench` into a fresh table.
    pub(crate) fn inserts(&self, clients: usize, each: usize) -> io::Result<Run> {
        self.fresh_table()?;
        let script = self.folder.join("insert.sql");
        fs::write(&script, insert_script())?;
        let (clients_word, each_word) = (clients.to_string(), each.to_string());
        let script = script.display().to_string();
        let output = self
            .client("pgbench", &["-n", "-M", "prepared", "-j", "2", "-c", &clients_word])
            .args(["-t", &each_word, "-f", &script, USER])
            .output()?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(io::Error::other(format!("pgbench ended with {}: {said}", output.status)));
        }
        let events = clients * each;
        self.expect_rows(events)?;
        let seconds = seconds_of(&String::from_utf8_lossy(&output.stdout), events);
        let seconds = seconds.ok_or_else(|| io::Error::other("pgbench said no tps"))?;
        Ok(Run { events, seconds, latencies: Latencies::default() })
    }

    /// Bytes of the table with its indexes.
    pub(crate) fn table_bytes(&self) -> io::Result<u64> {
        let bytes = self.ask("SELECT pg_total_relation_size('audit')")?;
        bytes.trim().parse().map_err(io::Error::other)
    }

    /// Makes statistics and settles the table, as its own upkeep would after a while.
    pub(crate) fn settle(&self) -> io::Result<()> {
        self.ask("VACUUM (FREEZE, ANALYZE) audit").map(drop)
    }

    /// How long each of `statements` takes on one connection, by the client's own figure.
    pub(crate) fn timed(&self, statements: &[String]) -> io::Result<Latencies> {
        let path = self.folder.join("timed.sql");
        let mut script = "\\timing on\n\\o /dev/null\n".to_owned();
        for statement in statements {
            script.push_str(statement);
            script.push_str(";\n");
        }
        fs::write(&path, script)?;
        let input = fs::File::open(&path)?;
        let output =
            self.client("psql", &["-qAt", "-v", "ON_ERROR_STOP=1"]).stdin(input).output()?;
        let said = String::from_utf8_lossy(&output.stdout);
        let mut latencies = Latencies::default();
        let times = said.lines().filter_map(|line| line.strip_prefix("Time: "));
        for time in times.filter_map(|line| line.split(' ').next()?.parse::<f64>().ok()) {
            latencies.push(Duration::from_secs_f64(time / 1e3));
        }
        if latencies.len() == statements.len() {
            Ok(latencies)
        } else {
            let error = String::from_utf8_lossy(&output.stderr);
            Err(io::Error::other(format!("psql timed {} statements: {error}", latencies.len())))
        }
    }

    fn fresh_table(&self) -> io::Result<()> {
        self.ask(&format!("DROP TABLE IF EXISTS audit; {TABLE} CHECKPOINT;")).map(drop)
    }

    /// A rival that lost rows would be no rival.
    fn expect_rows(&self, events: usize) -> io::Result<()> {
        let count = self.ask("SELECT count(*) FROM audit")?;
        if count.trim() == events.to_string() {
            Ok(())
        } else {
            Err(io::Error::other(format!("PostgreSQL has {} of {events} rows", count.trim())))
        }
    }

    fn ask(&self, sql: &str) -> io::Result<String> {
        let output = self.client("psql", &["-qAt", "-v", "ON_ERROR_STOP=1", "-c", sql]).output()?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        } else {
            Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()))
        }
    }

    /// A client program over TCP on loopback, as our own clients have it.
    fn client(&self, program: &str, words: &[&str]) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command
            .env("PGHOST", "127.0.0.1")
            .env("PGPORT", &self.port)
            .env("PGUSER", USER)
            .env("PGDATABASE", USER)
            .args(words);
        command
    }

    fn data(&self) -> String {
        self.folder.join("data").display().to_string()
    }

    /// A server program as the user `postgres`, to its end.
    fn run(&self, program: &str, words: &[&str]) -> io::Result<()> {
        let output = Command::new("setpriv")
            .args(["--reuid", USER, "--regid", USER, "--clear-groups"])
            .arg(self.programs.join(program))
            .args(words)
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(self.folder.join(format!("{program}.err")))?)
            .status()?;
        if output.success() {
            return Ok(());
        }
        let said = fs::read_to_string(self.folder.join(format!("{program}.err")))?;
        Err(io::Error::other(format!("{program} ended with {output}: {said}")))
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // The folder goes next; a server that would not stop is told so by its missing files.
        let _ = self.run("pg_ctl", &["-D", &self.data(), "-m", "immediate", "-w", "stop"]);
    }
}

/// Where the server's programs are: the newest version installed.
fn programs() -> io::Result<PathBuf> {
    let mut versions: Vec<PathBuf> = fs::read_dir(LIBRARY)
        .map_err(|_| io::Error::other("PostgreSQL is missing: `apt-get install postgresql`"))?
        .filter_map(|entry| entry.ok().map(|entry| entry.path().join("bin")))
        .filter(|programs| programs.join("postgres").is_file())
        .collect();
    versions.sort();
    versions.pop().ok_or_else(|| io::Error::other("no PostgreSQL server is installed"))
}

/// Gives a folder, and the right to pass through its parents, to the user `postgres`.
fn own(folder: &Path) -> io::Result<()> {
    let status = Command::new("chown").arg(format!("{USER}:{USER}")).arg(folder).status()?;
    let parent = folder.parent().unwrap_or(folder);
    let opened = Command::new("chmod").arg("a+rx").arg(parent).status()?;
    if status.success() && opened.success() {
        Ok(())
    } else {
        Err(io::Error::other("the folder could not be given to the user postgres: run as root"))
    }
}

fn free_port() -> io::Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// A file of COPY statements with their rows; each is a transaction of its own.
fn copy_script(path: &Path, copy: &Copy, writer: usize) -> io::Result<()> {
    let mut generator = generator(copy.seed, writer, copy.from);
    let mut out = io::BufWriter::new(fs::File::create(path)?);
    for _ in 0..copy.commits {
        writeln!(out, "COPY audit (id, occurred_at, action, actor, target, event) FROM STDIN;")?;
        for _ in 0..copy.batch {
            let made = generator.event();
            let (id, at, action) = (made.id, made.occurred_at, made.action);
            writeln!(out, "{id}\t{at}\t{action}\t{}\t{}\t{}", made.actor, made.target, made.json)?;
        }
        writeln!(out, "\\.")?;
        if !copy.pause.is_zero() {
            writeln!(out, "SELECT pg_sleep({}) \\g /dev/null", copy.pause.as_secs_f64())?;
        }
    }
    out.flush()
}

/// How long the transactions took by the rival's own figure, which leaves connecting out.
fn seconds_of(said: &str, events: usize) -> Option<f64> {
    let line = said.lines().find_map(|line| line.strip_prefix("tps = "))?;
    let rate: f64 = line.split(' ').next()?.parse().ok()?;
    Some(f64::from(u32::try_from(events).ok()?) / rate)
}

/// One event a transaction, as large as ours, with a fresh id.
fn insert_script() -> String {
    let made = Generator::new(99).event();
    let json = made.json.replace(&made.id, "'||:id||'");
    format!(
        "\\set id random(1, 1000000000)\n\
         INSERT INTO audit (id, occurred_at, action, actor, target, event) VALUES \
         (gen_random_uuid(), now(), '{}', 'user-'||:id, '{}', ('{json}')::jsonb);\n",
        made.action, made.target
    )
}
