//! How far the server is: recovering, open or stopping, and what is answered meanwhile.
//!
//! Promises: `/livez` answers 200 from the first moment to the last; while the server recovers everything else is 503 with
//! `{phase, done}`. Refuses to open twice.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use event::code::Code;
use tokio::sync::watch;

use super::problem::Problem;
use super::requests::Lines;
use crate::app::App;

/// Seconds after which a recovering server is worth asking again.
const RETRY_AFTER_S: u64 = 1;

/// The state of the server as its handlers see it.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    app: OnceLock<Arc<App>>,
    stopping: watch::Sender<bool>,
    phase: Mutex<&'static str>,
    done: AtomicU64,
    due: AtomicU64,
    /// What was logged about requests.
    pub(super) lines: Lines,
}

impl Gate {
    /// Names the phase of recovery that begins, and how much there is to do in it.
    pub(crate) fn phase(&self, phase: &'static str, due: u64) {
        *self.phase.lock().unwrap_or_else(PoisonError::into_inner) = phase;
        self.done.store(0, Ordering::Relaxed);
        self.due.store(due, Ordering::Relaxed);
        tracing::info!(phase, due, "recovering");
    }

    /// Says how much of the phase is done.
    pub(crate) fn done(&self, done: u64) {
        self.done.store(done, Ordering::Relaxed);
    }

    /// Opens: from now on requests are served.
    pub(crate) fn open(&self, app: Arc<App>) {
        assert!(self.app.set(app).is_ok(), "a server opens once");
    }

    /// Closes intake; what is in flight goes on.
    pub(crate) fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Whether intake is closed.
    pub(crate) fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// Waits until intake is closed.
    pub(crate) async fn stopped(&self) {
        let mut stopping = self.stopping.subscribe();
        // The sender lives as long as the gate, so the wait ends only when it is told.
        let _told = stopping.wait_for(|stopping| *stopping).await;
    }

    /// The opened server.
    ///
    /// # Errors
    /// `recovering` until it is open.
    pub(crate) fn app(&self) -> Result<&Arc<App>, Problem> {
        self.app.get().ok_or_else(|| self.recovering())
    }

    /// The phase of recovery, and how much of it is done, from 0 to 1.
    pub(crate) fn progress(&self) -> (&'static str, f64) {
        let phase = *self.phase.lock().unwrap_or_else(PoisonError::into_inner);
        let (done, due) = (self.done.load(Ordering::Relaxed), self.due.load(Ordering::Relaxed));
        (phase, share(done, due))
    }

    fn recovering(&self) -> Problem {
        let (phase, share) = self.progress();
        Problem::new(Code::Recovering, "the server is recovering")
            .with("phase", phase)
            .with("done", share)
            .with("retry_after_s", RETRY_AFTER_S)
    }
}

/// `done` of `due` as a number from 0 to 1, in thousandths.
fn share(done: u64, due: u64) -> f64 {
    let thousandths = done.min(due) * 1000 / due.max(1);
    f64::from(u32::try_from(thousandths).unwrap_or(1000)) / 1000.0
}
