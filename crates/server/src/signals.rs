//! The signals, and a caller's word: what ends the server, and what has it read its configuration again.
//!
//! Promises: a reload that is refused leaves everything as it is and says why; a key that cannot change while the server
//! runs is named. A second signal to end ends the process at once. Refuses to do anything inside a signal handler.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::cli::exit::Exit;
use crate::config::{Live, Mistake, Severity};
use crate::logs;
use crate::run::Reason;

/// The signals that the server listens to.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangups: Signal,
}

/// Takes SIGHUP from now on: unheard, it would end the process.
pub(crate) fn hangups() -> std::io::Result<Signal> {
    signal(SignalKind::hangup())
}

impl Signals {
    pub(crate) fn new(hangups: Signal) -> std::io::Result<Signals> {
        let terminate = signal(SignalKind::terminate())?;
        Ok(Signals { terminate, interrupt: signal(SignalKind::interrupt())?, hangups })
    }

    async fn end(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// Waits for the end, by a signal, a fault or a caller's word, and calls `reload` at each hangup.
    pub(crate) async fn wait(
        &mut self,
        mut fault: watch::Receiver<bool>,
        told: Option<watch::Receiver<bool>>,
        reload: impl Fn(),
    ) -> Reason {
        let mut told = std::pin::pin!(is_told(told));
        loop {
            tokio::select! {
                () = &mut told => return Reason::Signal,
                _ = self.terminate.recv() => return Reason::Signal,
                _ = self.interrupt.recv() => return Reason::Signal,
                _ = fault.wait_for(|fault| *fault) => return Reason::DiskFault,
                _ = self.hangups.recv() => reload(),
            }
        }
    }

    /// A second signal ends the process at once; the next start recovers.
    pub(crate) async fn exit_on_next(mut self) {
        self.end().await;
        std::process::exit(i32::from(Exit::Failed as u8));
    }
}

/// Ends when a caller says stop, or has gone.
async fn is_told(told: Option<watch::Receiver<bool>>) {
    match told {
        Some(mut told) => drop(told.wait_for(|stop| *stop).await),
        None => std::future::pending().await,
    }
}

/// Reads the configuration again and says what came of it.
pub(crate) fn reload(live: &Live, filter: &logs::Filter) {
    match live.reload() {
        Ok(reloaded) => {
            filter.replace(&live.now().log);
            for key in &reloaded.waiting {
                tracing::warn!(key, "a key needs a restart to change, the running value stays");
            }
            reloaded.warnings.iter().for_each(tell);
            let changed = reloaded.changed.join(",");
            tracing::info!(%changed, "the configuration was read again");
        }
        Err(refused) => {
            refused.mistakes.iter().for_each(tell);
            let mistakes = refused.mistakes.len();
            tracing::error!(
                mistakes,
                "the configuration is wrong and was not taken: the running one stays"
            );
        }
    }
}

/// Says one mistake in the log.
pub(crate) fn tell(mistake: &Mistake) {
    let Mistake { severity, place, what, hint } = mistake;
    match severity {
        Severity::Error => {
            tracing::error!(%place, what, hint, "the configuration has a mistake");
        }
        Severity::Warning => {
            tracing::warn!(%place, what, hint, "the configuration is probably not what was meant");
        }
    }
}
