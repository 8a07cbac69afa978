//! A store in a folder of its own, and servers on it: started, spoken to, stopped, killed.
//!
//! Promises: every store has its own data and key directories below one temporary folder; every server takes a free
//! port; waiting is for something that happens (a line on stdout, the end of a process), with a deadline. A server that
//! a test leaves behind is killed.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use tempfile::TempDir;

/// Every wait for a process ends here; far above what any step takes on a loaded machine.
const DEADLINE: Duration = Duration::from_secs(120);

/// The folder of one store: `indelible-data`, `keys`, and whatever a test puts beside them.
#[derive(Debug)]
pub(crate) struct Store {
    root: TempDir,
}

/// A command that ended.
#[derive(Debug)]
pub(crate) struct Ran {
    /// Its exit code; none when a signal ended it.
    pub(crate) code: Option<i32>,
    /// What it wrote to stdout.
    pub(crate) stdout: String,
    /// What it wrote to stderr.
    pub(crate) stderr: String,
}

impl Store {
    pub(crate) fn new() -> Store {
        Store { root: tempfile::tempdir().expect("a temporary folder") }
    }

    /// The folder that commands run in.
    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.root().join("indelible-data")
    }

    pub(crate) fn key_dir(&self) -> PathBuf {
        self.root().join("keys")
    }

    /// The binary with `args`, in this store's folder, with its key directory in the environment and no other
    /// `INDELIBLE_*` variable.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_indelible"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("INDELIBLE_")) {
            command.env_remove(name);
        }
        command.env("INDELIBLE_KEY_DIR", self.key_dir()).current_dir(self.root()).args(args);
        command
    }

    /// Runs a command to its end.
    pub(crate) fn cli(&self, args: &[&str]) -> Ran {
        let output = self.command(args).stdin(Stdio::null()).output().expect("the binary starts");
        Ran {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Starts a server that must become ready.
    pub(crate) fn serve(&self) -> Server {
        self.serve_with(&[])
    }

    /// Starts a server with more arguments; it must become ready.
    pub(crate) fn serve_with(&self, args: &[&str]) -> Server {
        self.try_serve(args).unwrap_or_else(|ran| panic!("the server did not start: {ran:?}"))
    }

    /// Starts a server and waits until it is ready or has ended.
    pub(crate) fn try_serve(&self, args: &[&str]) -> Result<Server, Ran> {
        let mut all = vec!["serve", "--listen", "127.0.0.1:0"];
        all.extend(args);
        self.start(self.command(&all))
    }

    /// Starts `command`, which must be a `serve`, and waits until it is ready or has ended.
    pub(crate) fn start(&self, mut command: Command) -> Result<Server, Ran> {
        let stderr = self.root().join("serve.stderr");
        let log = std::fs::OpenOptions::new().create(true).append(true).open(&stderr);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log.expect("a log file"));
        let mut child = command.spawn().expect("the binary starts");
        let lines = read_lines(&mut child);
        let mut stdout = String::new();
        loop {
            match lines.recv_timeout(DEADLINE) {
                Ok(line) if line.starts_with("ready") => break,
                Ok(line) => stdout = stdout + &line + "\n",
                Err(mpsc::RecvTimeoutError::Disconnected) => {
                    let code = child.wait().expect("the child can be waited for").code();
                    let ran = Ran { code, stdout, stderr: text_of(&stderr) };
                    assert_eq!(strange(&ran.stderr), [""; 0], "a server that did not start");
                    return Err(ran);
                }
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    child.kill().expect("the child can be killed");
                    panic!("not ready in time: {stdout}\n{}", text_of(&stderr));
                }
            }
        }
        let client = Connection::read(&self.data_dir().join("client.json"));
        Ok(Server { child, lines, stderr, stdout, client })
    }

    /// The connection of the administrator, from the key directory.
    pub(crate) fn admin(&self) -> Connection {
        let stores = std::fs::read_dir(self.key_dir()).expect("a key directory");
        let paths: Vec<_> = stores.map(|entry| entry.expect("an entry").path()).collect();
        let [only] = &paths[..] else { panic!("one store, not {paths:?}") };
        Connection::read(&only.join("admin.json"))
    }
}

/// What `client.json` and `admin.json` hold.
#[derive(Debug, Clone, serde::Deserialize)]
pub(crate) struct Connection {
    pub(crate) url: String,
    pub(crate) token: String,
    pub(crate) tenant: String,
    pub(crate) checkpoint_keys: Vec<String>,
}

impl Connection {
    fn read(path: &Path) -> Connection {
        serde_json::from_str(&text_of(path)).expect("a connection file")
    }
}

/// A running server, ready.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    lines: mpsc::Receiver<String>,
    stderr: PathBuf,
    /// What it printed before it was ready.
    pub(crate) stdout: String,
    /// What `client.json` holds.
    pub(crate) client: Connection,
}

impl Server {
    /// One request as the local producer; a body is JSON.
    pub(crate) fn call(&self, method: &str, path: &str, body: &str) -> Reply {
        let call = Call::new(method, path).token(&self.client.token).body(body);
        let call =
            if body.is_empty() { call } else { call.header("content-type", "application/json") };
        call.send(&self.client.url)
    }

    pub(crate) fn get(&self, path: &str) -> Reply {
        self.call("GET", path, "")
    }

    pub(crate) fn post(&self, path: &str, body: &str) -> Reply {
        self.call("POST", path, body)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has logged until now (and what servers before it on the same store logged).
    pub(crate) fn log(&self) -> String {
        text_of(&self.stderr)
    }

    /// Sends SIGTERM.
    pub(crate) fn terminate(&self) {
        let sent = Command::new("kill").args(["-TERM", &self.pid().to_string()]).status();
        assert!(sent.expect("`kill` starts").success());
    }

    /// Waits for the end of the process: its stdout closes.
    pub(crate) fn wait(mut self) -> Ran {
        loop {
            match self.lines.recv_timeout(DEADLINE) {
                Ok(line) => self.stdout = format!("{}{line}\n", self.stdout),
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(mpsc::RecvTimeoutError::Timeout) => panic!("no end in time: {}", self.log()),
            }
        }
        let code = self.child.wait().expect("the child can be waited for").code();
        Ran { code, stdout: std::mem::take(&mut self.stdout), stderr: self.log() }
    }

    /// Stops it gracefully; it must end with 0.
    pub(crate) fn stop(self) -> Ran {
        self.terminate();
        let ran = self.wait();
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        ran
    }

    /// Kills it (SIGKILL) and waits for its end.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("the child can be killed");
        self.child.wait().expect("the child can be waited for");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Already ended after `wait` and `kill`; then both calls do nothing.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
        // A test that removed the log has seen to it; one that failed has said why.
        let log = std::fs::read_to_string(&self.stderr).unwrap_or_default();
        if !std::thread::panicking() {
            assert_eq!(strange(&log), [""; 0], "lines that are not in docs/reference/logs.md");
        }
    }
}

/// The page that lists every warning and error.
const LOGS: &str = include_str!("../../../../docs/reference/logs.md");

/// The lines of a log that no server may write: warnings and errors that are not listed under their id and level, and what
/// a thread says that panics.
pub(crate) fn strange(log: &str) -> Vec<&str> {
    let is_listed = |line: &str| {
        ["warn", "error"].iter().any(|level| {
            let is_level = line.contains(&format!(" level={level} "))
                || line.contains(&format!("\"level\":\"{level}\""));
            is_level && {
                let rows = LOGS.lines().filter_map(|row| row.strip_prefix("| `"));
                rows.filter_map(|row| row.split_once("` | ")).any(|(id, rest)| {
                    let ids = [format!(" id={id} "), format!("\"id\":\"{id}\"")];
                    rest.starts_with(level) && ids.iter().any(|id| line.contains(id))
                })
            }
        })
    };
    let is_grave = |line: &&str| {
        let levels = [" level=warn ", " level=error ", "\"level\":\"warn\"", "\"level\":\"error\""];
        levels.iter().any(|level| line.contains(level)) || line.contains("panicked at")
    };
    log.lines().filter(is_grave).filter(|line| !is_listed(line)).collect()
}

/// One HTTP request.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Call {
    pub(crate) fn new(method: &str, path: &str) -> Call {
        Call { method: method.into(), path: path.into(), headers: Vec::new(), body: Vec::new() }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Call {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub(crate) fn token(self, token: &str) -> Call {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Call {
        self.body = body.into();
        self
    }

    /// Sends it to a server that must answer.
    /// Sends the request, which must be answered.
    pub(crate) fn send(self, url: &str) -> Reply {
        let what = format!("{} {}", self.method, self.path);
        self.try_send(url).unwrap_or_else(|error| panic!("{what}: {error}"))
    }

    /// Sends the request; an error is a connection that brought no answer.
    pub(crate) fn try_send(self, url: &str) -> Result<Reply, ureq::Error> {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(DEADLINE))
            .build();
        let agent: ureq::Agent = config.into();
        let mut request = ureq::http::Request::builder()
            .method(self.method.as_str())
            .uri(format!("{url}{}", self.path));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let mut response = if self.body.is_empty() && self.method != "POST" {
            agent.run(request.body(()).expect("a request"))?
        } else {
            agent.run(request.body(self.body).expect("a request"))?
        };
        let headers = response.headers().iter();
        let headers = headers.map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        });
        let headers = headers.collect();
        let body = response.body_mut().with_config().limit(1 << 30).read_to_vec()?;
        Ok(Reply { status: response.status().as_u16(), headers, body })
    }
}

/// One HTTP answer.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let named = self.headers.iter().find(|(known, _)| known == name);
        named.map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}

/// The child's stdout, line by line; disconnected when it closes.
fn read_lines(child: &mut Child) -> mpsc::Receiver<String> {
    let stdout = child.stdout.take().expect("a piped stdout");
    let (sender, receiver) = mpsc::sync_channel(1024);
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}

fn text_of(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
