//! Our server as a child process: a release binary, a fresh store, a clean stop.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::clock;
use crate::http::{Connection, Server};

/// How long a start or stop may take.
const PATIENCE: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(10);

/// A running server; dropping it kills it.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    /// Where to send to.
    pub(crate) server: Server,
}

/// The binary: as given, or the one beside this program.
pub(crate) fn binary(given: Option<&Path>) -> io::Result<PathBuf> {
    if let Some(path) = given {
        return Ok(path.to_owned());
    }
    let beside = std::env::current_exe()?.with_file_name("indelible");
    if beside.is_file() {
        return Ok(beside);
    }
    let why = format!("no `{}`: build it with `cargo build --release`", beside.display());
    Err(io::Error::new(io::ErrorKind::NotFound, why))
}

impl Running {
    /// Starts a server with a fresh store in `folder` and waits until it is ready.
    pub(crate) fn start(binary: &Path, folder: &Path) -> io::Result<Self> {
        Self::start_with(binary, folder, &[])
    }

    /// Starts a server with further settings, as environment, on the store in `folder`, which is made
    /// if there is none, and waits until it is ready.
    pub(crate) fn start_with(
        binary: &Path,
        folder: &Path,
        settings: &[(&'static str, String)],
    ) -> io::Result<Self> {
        let data = folder.join("data");
        let log = fs::File::create(folder.join("server.log"))?;
        let child = Command::new(binary)
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(&data)
            .arg("--key-dir")
            .arg(folder.join("keys"))
            .envs(settings.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()?;
        let server = Server { host: String::new(), token: String::new() };
        let mut running = Self { child, server };
        let deadline = clock::now().after(PATIENCE);
        while !running.is_ready(&data) {
            if running.child.try_wait()?.is_some() || deadline.until().is_zero() {
                let log = fs::read_to_string(folder.join("server.log")).unwrap_or_default();
                return Err(io::Error::other(format!("the server did not start: {log}")));
            }
            std::thread::sleep(POLL);
        }
        Ok(running)
    }

    fn is_ready(&mut self, data: &Path) -> bool {
        let Some(server) = client_file(&data.join("client.json")) else { return false };
        self.server = server;
        let ready = Connection::open(&self.server).and_then(|mut door| door.get("/readyz"));
        ready.is_ok_and(|reply| reply.status == 200)
    }

    /// The most memory that it has had since the start or the last call of `forget_peak`, by the
    /// kernel's count.
    pub(crate) fn peak_bytes(&self) -> io::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok());
        kib.map(|kib| kib << 10).ok_or_else(|| io::Error::other("no VmHWM"))
    }

    /// Lets the peak begin anew at what is held now.
    pub(crate) fn forget_peak(&self) -> io::Result<()> {
        fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5")
    }

    /// Kills it without a warning and waits until it is gone.
    pub(crate) fn kill(mut self) -> io::Result<()> {
        self.child.kill()?;
        self.child.wait().map(drop)
    }

    /// Stops it as an operator would.
    pub(crate) fn stop(mut self) -> io::Result<()> {
        Command::new("kill").arg(self.child.id().to_string()).status()?;
        let deadline = clock::now().after(PATIENCE);
        while !deadline.until().is_zero() {
            if let Some(status) = self.child.try_wait()? {
                return if status.success() {
                    Ok(())
                } else {
                    Err(io::Error::other(format!("the server ended with {status}")))
                };
            }
            std::thread::sleep(POLL);
        }
        Err(io::Error::other("the server did not stop"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already after a clean stop; then neither call does anything.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Address and token from `client.json`.
fn client_file(path: &Path) -> Option<Server> {
    let file: serde_json::Value = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    let host = file.get("url")?.as_str()?.strip_prefix("http://")?.trim_end_matches('/');
    Some(Server { host: host.to_owned(), token: file.get("token")?.as_str()?.to_owned() })
}
