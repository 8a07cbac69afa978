//! What is under way, for whoever interrupts: SIGINT ends the import and says what is unknown.
//!
//! It promises that an interrupted import names the batch that was sent and not answered, if there is one, and exits
//! with 6. It refuses to wait for the answer: the same command, run again, finds out what became of the batch.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::super::exit::Exit;
use super::super::print;

/// What is under way, shared with the thread that waits for the interrupt.
#[derive(Debug, Clone, Default)]
pub(crate) struct Flight(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// Records that were answered, over all files.
    answered: u64,
    /// The batch that was sent and is not answered.
    open: Option<String>,
}

impl Flight {
    /// A flight that SIGINT ends.
    pub(crate) fn watched() -> Flight {
        let flight = Flight::default();
        let watched = flight.clone();
        let started = std::thread::Builder::new().name("interrupt".to_owned()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            if runtime.is_ok_and(|runtime| runtime.block_on(tokio::signal::ctrl_c()).is_ok()) {
                print::words(&watched.report());
                std::process::exit(i32::from(Exit::Partly as u8));
            }
        });
        // Without the thread SIGINT ends the process as it does by default: nothing is lost but the report.
        drop(started);
        flight
    }

    /// A batch leaves.
    pub(crate) fn sent(&self, path: &Path, numbers: (u64, u64)) {
        let (from, to) = numbers;
        self.state().open = Some(format!("records {from} to {to} of `{}`", path.display()));
    }

    /// The batch that left is answered.
    pub(crate) fn answered(&self, records: u64) {
        let mut state = self.state();
        state.answered += records;
        state.open = None;
    }

    fn report(&self) -> String {
        let state = self.state();
        let unknown = match &state.open {
            Some(batch) => {
                format!("{batch} were sent and not answered: what became of them is unknown")
            }
            None => "nothing that was sent is unknown".to_owned(),
        };
        format!(
            "interrupted after {} records; {unknown}\nhint: run the same command again: what is stored is not stored twice",
            state.answered
        )
    }

    /// The state; a thread that panicked with it left it whole.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
