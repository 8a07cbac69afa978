//! One server process on a store of its own: started, waited for, killed. It promises that a
//! process is ready when it says so on its standard output, that every wait has a deadline, and
//! that no process outlives its value.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use super::http::Door;
use super::now;

/// Far above what any start or stop takes on a loaded machine.
const DEADLINE: Duration = Duration::from_secs(120);

/// A data folder, a key folder, and the binary that uses them. Removed when dropped, unless a
/// promise was broken on it.
#[derive(Debug)]
pub(crate) struct Home {
    binary: PathBuf,
    root: PathBuf,
    /// Settings beyond the defaults, as variables.
    settings: Vec<(&'static str, &'static str)>,
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    lines: Receiver<String>,
    pub(crate) door: Door,
    /// From the start of the process until it said that it is ready.
    pub(crate) start_time: Duration,
}

impl Home {
    /// A new, empty place below the system's temporary folder.
    pub(crate) fn new(binary: &Path, seed: u64) -> Result<Self, String> {
        let name = format!("indelible-crash-{}-{seed:016x}", std::process::id());
        let root = std::env::temp_dir().join(name);
        fs::create_dir_all(&root).map_err(|error| format!("no place for a store: {error}"))?;
        Ok(Self { binary: binary.to_path_buf(), root, settings: Vec::new() })
    }

    /// The same place with other settings.
    pub(crate) fn with(mut self, settings: &[(&'static str, &'static str)]) -> Self {
        self.settings = settings.to_vec();
        self
    }

    /// Where the data directory is.
    pub(crate) fn data(&self) -> PathBuf {
        self.root.join("indelible-data")
    }

    /// Where the store and its logs are.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Removes everything. Called only when nothing was found: a broken store is evidence.
    pub(crate) fn remove(self) {
        let _ = fs::remove_dir_all(&self.root);
    }

    /// The binary with these words, on this store and no other.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        self.prepare(&mut command, words);
        command
    }

    /// The binary under another program (`strace ...`).
    pub(crate) fn command_under(&self, program: &str, before: &[&str], words: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(before).arg(&self.binary);
        self.prepare(&mut command, words);
        command
    }

    fn prepare(&self, command: &mut Command, words: &[&str]) {
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("INDELIBLE_")) {
            command.env_remove(name);
        }
        command
            .args(words)
            .current_dir(&self.root)
            .env("INDELIBLE_KEY_DIR", self.root.join("keys"))
            .env("INDELIBLE__LAKE__HOT_BYTES_MAX", "1073741824")
            .envs(self.settings.iter().copied())
            .stdin(Stdio::null());
    }

    /// Starts a server and waits until it is ready.
    pub(crate) fn serve(&self) -> Result<Server, String> {
        self.start(self.command(SERVE))
    }

    /// Starts `command`, which must come to a `serve`, and waits until it is ready.
    pub(crate) fn start(&self, mut command: Command) -> Result<Server, String> {
        let log = self.root.join("serve.stderr");
        let open = fs::OpenOptions::new().create(true).append(true).open(&log);
        let stderr = open.map_err(|error| format!("no place for a log: {error}"))?;
        let started = now();
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .map_err(|error| format!("cannot start the server: {error}"))?;
        let lines = read_lines(&mut child);
        loop {
            match lines.recv_timeout(DEADLINE) {
                Ok(line) if line.starts_with("ready") => break,
                Ok(_) => {}
                Err(why) => {
                    let _ = child.kill();
                    let ended = child.wait().map(|status| status.to_string());
                    let end = fs::read_to_string(&log).unwrap_or_default();
                    let last = end.lines().rev().take(5).collect::<Vec<_>>().join("\n");
                    return Err(format!(
                        "I12: the server did not get ready ({why}, {ended:?}):\n{last}"
                    ));
                }
            }
        }
        let start_time = started.elapsed();
        Ok(Server { child, lines, door: self.door()?, start_time })
    }

    fn door(&self) -> Result<Door, String> {
        let path = self.data().join("client.json");
        let text = fs::read_to_string(&path).map_err(|error| format!("client.json: {error}"))?;
        let file: serde_json::Value =
            serde_json::from_str(&text).map_err(|error| format!("client.json: {error}"))?;
        let field = |name: &str| {
            let found = file.get(name).and_then(serde_json::Value::as_str);
            found.map(str::to_owned).ok_or_else(|| format!("client.json has no `{name}`"))
        };
        let url = field("url")?;
        let host = url.strip_prefix("http://").unwrap_or(&url).trim_end_matches('/').to_owned();
        Ok(Door { host, token: field("token")? })
    }
}

/// The words that start a server on the store in the current folder.
pub(crate) const SERVE: &[&str] = &["serve", "--listen", "127.0.0.1:0"];

impl Server {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL, and wait until the process is gone.
    pub(crate) fn kill(mut self) -> Result<(), String> {
        self.child.kill().map_err(|error| format!("cannot kill the server: {error}"))?;
        let _ = self.child.wait();
        Ok(())
    }

    /// SIGTERM, and wait for the end.
    pub(crate) fn stop(self) -> Result<ExitStatus, String> {
        let pid = self.pid().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status();
        sent.map_err(|error| format!("cannot send SIGTERM: {error}"))?;
        self.wait()
    }

    /// Waits for the end of the process: its standard output closes.
    pub(crate) fn wait(mut self) -> Result<ExitStatus, String> {
        loop {
            match self.lines.recv_timeout(DEADLINE) {
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => return Err("the server did not end".into()),
            }
        }
        self.child.wait().map_err(|error| format!("the server was lost: {error}"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has ended already unless something went wrong before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The lines of a child's standard output; closed when the child closes it.
fn read_lines(child: &mut Child) -> Receiver<String> {
    let (sender, receiver) = sync_channel(64);
    if let Some(out) = child.stdout.take() {
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
    }
    receiver
}
