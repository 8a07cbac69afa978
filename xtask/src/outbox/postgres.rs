//! A PostgreSQL of its own below a temporary folder, on loopback, that can be crashed and comes back.
//!
//! It promises the durability that is installed (`fsync` is on), with one thing set against what is tested:
//! `synchronous_commit` is off, so that what must be synced has to see to it. It refuses to run as root, so it is started as the
//! user `postgres`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const USER: &str = "postgres";
const LIBRARY: &str = "/usr/lib/postgresql";

/// A cluster; dropping it stops it.
#[derive(Debug)]
pub(crate) struct Postgres {
    programs: PathBuf,
    folder: PathBuf,
    port: u16,
    is_running: bool,
}

impl Postgres {
    /// Makes a cluster below `root` and starts it.
    pub(crate) fn start(root: &Path) -> Result<Postgres, String> {
        let folder = root.join("postgres");
        fs::create_dir_all(&folder).map_err(|error| format!("no place for a database: {error}"))?;
        let owned = Command::new("chown").arg(format!("{USER}:{USER}")).arg(&folder).status();
        if !owned.is_ok_and(|status| status.success()) {
            return Err("the folder could not be given to the user postgres: run as root".into());
        }
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .map_err(|error| format!("no free port: {error}"))?
            .port();
        let mut postgres = Postgres { programs: programs()?, folder, port, is_running: false };
        let data = postgres.data();
        postgres
            .run("initdb", &["-D", &data, "-A", "trust", "-U", USER, "-E", "UTF8", "--locale=C"])?;
        postgres.revive()?;
        Ok(postgres)
    }

    /// Starts it unless it runs.
    pub(crate) fn revive(&mut self) -> Result<(), String> {
        if self.is_running {
            return Ok(());
        }
        let options = format!(
            "-p {} -c listen_addresses=127.0.0.1 -k {} -c synchronous_commit=off",
            self.port,
            self.folder.display()
        );
        let log = self.folder.join("log").display().to_string();
        self.run("pg_ctl", &["-D", &self.data(), "-w", "-l", &log, "-o", &options, "start"])?;
        self.is_running = true;
        Ok(())
    }

    /// Ends it as a crash does: nothing is finished, and the next start recovers.
    pub(crate) fn kill(&mut self) -> Result<(), String> {
        self.is_running = false;
        self.run("pg_ctl", &["-D", &self.data(), "-m", "immediate", "-w", "stop"])
    }

    /// Where clients find it.
    pub(crate) fn url(&self) -> String {
        format!("postgres://{USER}@127.0.0.1:{}/{USER}", self.port)
    }

    /// The rows that a statement gives, one a line.
    pub(crate) fn ask(&self, sql: &str) -> Result<String, String> {
        let output = Command::new(self.programs.join("psql"))
            .args(["-qAt", "-v", "ON_ERROR_STOP=1", "-c", sql, &self.url()])
            .output()
            .map_err(|error| format!("psql does not start: {error}"))?;
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }

    fn data(&self) -> String {
        self.folder.join("data").display().to_string()
    }

    /// A program of the server as the user `postgres`, to its end.
    fn run(&self, program: &str, words: &[&str]) -> Result<(), String> {
        let said = self.folder.join(format!("{program}.err"));
        let failed = |error: std::io::Error| format!("{program}: {error}");
        let status = Command::new("setpriv")
            .args(["--reuid", USER, "--regid", USER, "--clear-groups"])
            .arg(self.programs.join(program))
            .args(words)
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(&said).map_err(failed)?)
            .status()
            .map_err(failed)?;
        if status.success() {
            return Ok(());
        }
        let said = fs::read_to_string(&said).unwrap_or_default();
        Err(format!("{program} ended with {status}: {said}"))
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if self.is_running {
            let _ = self.kill();
        }
    }
}

/// Where the server's programs are: the newest version installed.
fn programs() -> Result<PathBuf, String> {
    let versions = fs::read_dir(LIBRARY)
        .map_err(|_| "PostgreSQL is missing: `apt-get install postgresql`".to_owned())?;
    let programs = versions.filter_map(|entry| entry.ok().map(|entry| entry.path().join("bin")));
    let programs = programs.filter(|programs| programs.join("postgres").is_file()).max();
    programs.ok_or_else(|| "no PostgreSQL server is installed".to_owned())
}
