//! What the server runs on: the clock, the address, the limit of open files.

use std::net::{TcpListener, ToSocketAddrs};
use std::path::Path;
use std::time::UNIX_EPOCH;

use rustix::process::{Resource, getrlimit};

use super::{Finding, Known, data};
use crate::config;

/// The first moment of 2026, in seconds: an earlier clock was never set.
const FIRST_S: u64 = 1_767_225_600;
/// By how many seconds a file may be younger than now.
const AHEAD_S: u64 = 5;
/// Open files that a busy server takes: connections, log files, segments.
const OPEN_FILES: u64 = 8_192;
/// Fewer than this and connections are refused before `connections_max`.
const OPEN_FILES_BAD: u64 = 1_024;
/// What systemd's time service leaves once it has set the clock.
const SYNCHRONISED: &str = "/run/systemd/timesync/synchronized";

/// Whether the clock can be believed: it never was set, or it is behind what the store has been written at.
pub(super) fn clock(subject: &Known) -> Finding {
    const CHECK: &str = "clock";
    let now_s = subject.clock.wall().0 / 1_000_000_000;
    let now = subject.clock.wall().to_string();
    let fix = "set the clock (`timedatectl set-ntp true`); if it is right, start once with --accept-clock";
    if now_s < FIRST_S {
        return Finding::bad(CHECK, format!("it is {now}: the clock was never set"), fix);
    }
    let newest = ["ledger/wal", "ledger/checkpoint", "ledger/state"]
        .iter()
        .filter_map(|folder| newest_s(&subject.config.data_dir.join(folder)))
        .max();
    match newest {
        Some(newest) if newest > now_s + AHEAD_S => {
            let behind = newest - now_s;
            Finding::bad(
                CHECK,
                format!("it is {now}: {behind} s behind the newest file of the log"),
                fix,
            )
        }
        Some(_) => Finding::good(CHECK, format!("it is {now}, and no file of the log is younger")),
        None => Finding::good(CHECK, format!("it is {now}")),
    }
}

/// When the newest file of a folder was written.
fn newest_s(folder: &Path) -> Option<u64> {
    let entries = std::fs::read_dir(folder).ok()?.flatten();
    let written = entries.filter_map(|entry| entry.metadata().ok()?.modified().ok());
    written.filter_map(|at| at.duration_since(UNIX_EPOCH).ok()).map(|at| at.as_secs()).max()
}

/// Whether something keeps the clock right.
pub(super) fn synchronised(_subject: &Known) -> Finding {
    const CHECK: &str = "time service";
    match Path::new(SYNCHRONISED).exists() {
        true => Finding::good(CHECK, "systemd-timesyncd has set the clock"),
        false => Finding::unknown(
            CHECK,
            "nothing says whether a time service sets the clock",
            "look with `timedatectl` or `chronyc tracking`",
        ),
    }
}

/// Whether a server could listen.
pub(super) fn address(subject: &Known) -> Finding {
    const CHECK: &str = "address";
    let listen = &subject.config.listen;
    let address = match config::allowed(listen, subject.config.plaintext) {
        Ok(address) => address,
        Err(error) => return Finding::bad(CHECK, error.to_string(), error.hint()),
    };
    if let Some(owner) = data::owner_of(&subject.config.data_dir)
        && owner.address.strip_prefix("http://").is_some_and(|at| is_same(at, listen))
    {
        return Finding::good(CHECK, format!("`{listen}` is taken by this store's own server"));
    }
    match TcpListener::bind(address) {
        Ok(_) => Finding::good(CHECK, format!("`{listen}` is free")),
        Err(error) => Finding::bad(
            CHECK,
            format!("`{listen}` cannot be listened on: {error}"),
            format!(
                "find out who listens there (`ss -ltnp 'sport = :{}'`), or take another port with --listen",
                address.port()
            ),
        ),
    }
}

fn is_same(left: &str, right: &str) -> bool {
    let of = |text: &str| text.to_socket_addrs().ok().and_then(|mut all| all.next());
    of(left).is_some() && of(left) == of(right)
}

/// How many files a server may open.
pub(super) fn open_files(_subject: &Known) -> Finding {
    const CHECK: &str = "open files";
    let limit = getrlimit(Resource::Nofile).current;
    let fix = "raise it: `ulimit -n 65536`, or `LimitNOFILE=65536` in a systemd unit";
    match limit {
        None => Finding::good(CHECK, "there is no limit"),
        Some(limit) if limit < OPEN_FILES_BAD => {
            Finding::bad(CHECK, format!("{limit} at once"), fix)
        }
        Some(limit) if limit < OPEN_FILES => {
            Finding::warning(CHECK, format!("{limit} at once"), fix)
        }
        Some(limit) => Finding::good(CHECK, format!("{limit} at once")),
    }
}
