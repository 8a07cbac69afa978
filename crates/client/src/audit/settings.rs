//! Where the spool lies and how long callers wait.
//!
//! Promises: every setting has a default that a service can run with; a name that would make two services share a spool
//! by accident is refused. Refuses to be changed once an audit is open.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use event::ids::ProducerId;

use crate::error::Error;
use crate::report::{Counters, Reporter};
use crate::retry::Patience;
use crate::trouble::Trouble;

/// Bytes of a spool unless another limit is set.
const SPOOL_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// The smallest limit: room for the largest event several times.
const SPOOL_BYTES_LEAST: u64 = 1024 * 1024;
/// How long `send` waits for room.
const ROOM_WAIT: Duration = Duration::from_secs(1);
/// How often the ledger is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// How long `commit` waits for the ledger.
const COMMIT_WAIT: Duration = Duration::from_secs(10);

/// The settings of an audit.
pub struct Settings {
    pub(super) spool_dir: PathBuf,
    pub(super) spool_bytes_max: u64,
    pub(super) room_wait: Duration,
    pub(super) commit_wait: Duration,
    pub(super) look_every: Duration,
    pub(super) patience: Patience,
    pub(super) keys: Vec<String>,
    reporter: Reporter,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Settings");
        shown.field("spool_dir", &self.spool_dir).field("spool_bytes_max", &self.spool_bytes_max);
        shown.field("room_wait", &self.room_wait).field("commit_wait", &self.commit_wait);
        shown.finish_non_exhaustive()
    }
}

impl Settings {
    /// The defaults, with the spool of one service in `spool_dir`.
    #[must_use]
    pub fn new(spool_dir: &Path) -> Settings {
        Settings {
            spool_dir: spool_dir.to_owned(),
            spool_bytes_max: SPOOL_BYTES_MAX,
            room_wait: ROOM_WAIT,
            commit_wait: COMMIT_WAIT,
            look_every: LOOK_EVERY,
            patience: Patience::SEND,
            keys: Vec::new(),
            reporter: Reporter::default(),
        }
    }

    /// The defaults, with the spool where the environment has it.
    ///
    /// # Errors
    /// `Setup` if `name` is no name of a service, or the environment names no place.
    pub fn from_env(name: &str) -> Result<Settings, Error> {
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let spool = |folder: std::ffi::OsString| PathBuf::from(folder).join("indelible/spool");
        let named = variable("INDELIBLE_SPOOL_DIR").map(PathBuf::from);
        let state = || variable("XDG_STATE_HOME").map(spool);
        let home = || {
            let home = variable("HOME").map(PathBuf::from)?;
            Some(spool(home.join(".local/state").into_os_string()))
        };
        let root = named.or_else(state).or_else(home).ok_or_else(|| Error::Setup {
            what: "there is no place for the spool".to_owned(),
            hint: "set INDELIBLE_SPOOL_DIR to a folder on a disk of this machine",
        })?;
        Ok(Settings::new(&root.join(service(name)?)))
    }

    /// The most bytes that the spool may have on the disk; at least 1 MiB.
    #[must_use]
    pub fn spool_bytes_max(self, spool_bytes_max: u64) -> Settings {
        Settings { spool_bytes_max, ..self }
    }

    /// How long `send` and `commit` wait for room in a full spool before they fail.
    #[must_use]
    pub fn room_wait(self, room_wait: Duration) -> Settings {
        Settings { room_wait, ..self }
    }

    /// How long `commit` waits for the ledger before it fails.
    #[must_use]
    pub fn commit_wait(self, commit_wait: Duration) -> Settings {
        Settings { commit_wait, ..self }
    }

    /// How often the ledger's newest checkpoint is compared with the one that was seen before, and the spools beside are
    /// looked at for what processes that ended have left; a minute unless it is set.
    #[must_use]
    pub fn look_every(self, look_every: Duration) -> Settings {
        Settings { look_every, ..self }
    }

    /// How long one request may take (`try_ms`) and the pause that doubles (`pause_ms`); events have no deadline.
    #[must_use]
    pub fn patience(self, patience: Patience) -> Settings {
        Settings { patience, ..self }
    }

    /// The verifier keys that the checkpoints of receipts must be signed by, instead of those of the connection.
    #[must_use]
    pub fn pinned_keys(self, keys: Vec<String>) -> Settings {
        Settings { keys, ..self }
    }

    /// Calls `told` with the numbers after each answer of the server, on the thread that sends.
    #[must_use]
    pub fn on_counters(mut self, told: impl Fn(&Counters) + Send + Sync + 'static) -> Settings {
        self.reporter.on_counters = Some(Box::new(told));
        self
    }

    /// Calls `told` with whatever a person should hear of.
    #[must_use]
    pub fn on_trouble(mut self, told: impl Fn(&Trouble) + Send + Sync + 'static) -> Settings {
        self.reporter.on_trouble = Some(Box::new(told));
        self
    }

    /// The settings if they can be used, and who is told.
    pub(super) fn checked(mut self) -> Result<(Settings, Reporter), Error> {
        if self.spool_bytes_max < SPOOL_BYTES_LEAST {
            return Err(Error::Setup {
                what: format!("a spool of {} bytes is too small", self.spool_bytes_max),
                hint: "give the spool at least 1 MiB",
            });
        }
        let reporter = std::mem::take(&mut self.reporter);
        Ok((self, reporter))
    }
}

/// The name of a service: what can be a folder's name everywhere.
pub(super) fn service(name: &str) -> Result<String, Error> {
    let parsed = ProducerId::parse(name).map(|name| name.to_string());
    parsed.map_err(|error| Error::Setup {
        what: format!("`{name}` is not the name of a service: {}", error.rule),
        hint: "name the service as its deployment does, such as billing-api",
    })
}
