//! What the service manager is told, by datagrams to `$NOTIFY_SOCKET` (`sd_notify(3)`); without that variable, nothing.
//!
//! ```text
//! recovering   EXTEND_TIMEOUT_USEC, STATUS     every few seconds, so that a long recovery is not taken for a hanging one
//! open         READY, STATUS                   once requests are served
//! SIGHUP       RELOADING, then READY
//! WATCHDOG     as long as the ledger thread takes turns, three times within what $WATCHDOG_USEC allows
//! stop         STOPPING, STATUS
//! ```
//!
//! Promises: a server whose ledger thread hangs is not called alive, however well it still answers. Refuses to wait for the
//! manager, or to end because of it.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::time::Duration;

use crate::app::App;
use crate::http::Gate;

/// Time between two signs of life of a recovery.
const RECOVERY_TICK: Duration = Duration::from_secs(5);
/// How much longer each of them asks for.
const RECOVERY_MORE: Duration = Duration::from_secs(60);
/// Signs of life within the time after which the manager would end the process.
const PINGS: u32 = 3;

/// The way to the service manager.
#[derive(Debug)]
pub(crate) struct Manager {
    socket: Option<(UnixDatagram, SocketAddr)>,
    /// Time between two signs of life, if the manager wants them.
    ping_every: Option<Duration>,
}

impl Manager {
    /// The manager that started this process, if there is one that listens.
    pub(crate) fn of_environment() -> Manager {
        let text = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
        let number = |name: &str| text(name).and_then(|text| text.parse::<u64>().ok());
        let is_ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
        let limit = number("WATCHDOG_USEC").filter(|limit| *limit > 0 && is_ours);
        Manager {
            socket: text("NOTIFY_SOCKET").and_then(|name| open(&name).ok()),
            ping_every: limit.map(|limit| Duration::from_micros(limit) / PINGS),
        }
    }

    /// Says that the server recovers, until the future is dropped.
    pub(crate) async fn recovering(self: Arc<Manager>, gate: Arc<Gate>) {
        if self.socket.is_none() {
            return;
        }
        let mut ticks = tokio::time::interval(RECOVERY_TICK);
        loop {
            ticks.tick().await;
            let (phase, share) = gate.progress();
            let (more, part) = (RECOVERY_MORE.as_micros(), share * 100.0);
            self.say(&format!(
                "EXTEND_TIMEOUT_USEC={more}\nSTATUS=recovering: {phase} {part:.0} %"
            ));
        }
    }

    /// Says that requests are served.
    pub(crate) fn ready(&self, url: &str) {
        self.say(&format!("READY=1\nSTATUS=serving at {url}"));
    }

    /// Says that the configuration is read again, has that done, and says that it is over, whatever came of it.
    pub(crate) fn reloading(&self, reload: impl FnOnce()) {
        self.say("RELOADING=1");
        reload();
        self.say("READY=1");
    }

    /// Says that the server stops.
    pub(crate) fn stopping(&self) {
        self.say("STOPPING=1\nSTATUS=stopping: requests in flight, then the ledger");
    }

    /// Gives signs of life until the ledger thread ends.
    pub(crate) async fn watch(self: Arc<Manager>, app: Arc<App>) {
        let Some(every) = self.ping_every.filter(|_| self.socket.is_some()) else { return };
        let mut ticks = tokio::time::interval(every.max(Duration::from_millis(1)));
        loop {
            ticks.tick().await;
            let intake = app.intake.clone();
            let turned =
                tokio::task::spawn_blocking(move || intake.between_turns(|_writer, _now| ())).await;
            match turned {
                Ok(Ok(())) => self.say("WATCHDOG=1"),
                _ => return,
            }
        }
    }

    fn say(&self, lines: &str) {
        if let Some((socket, address)) = &self.socket {
            // A manager that does not listen is not our failure, and one that is slow is not waited for.
            let _heard = socket.send_to_addr(lines.as_bytes(), address);
        }
    }
}

/// The socket of this name; `@` begins an abstract one.
fn open(name: &str) -> std::io::Result<(UnixDatagram, SocketAddr)> {
    let address = match name.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(name)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    Ok((socket, address))
}
