//! The spool between the threads: those that record, the one that syncs, the one that sends.
//!
//! ```text
//! record --append--> spool --(within 50 ms) sync--> sender --answer--> settle --> who waits for room, or for an answer
//! ```
//!
//! Promises: an event is written before `append` returns and synced within 50 ms, together with all that came meanwhile,
//! sooner if somebody waits for its answer; a full spool makes its caller wait, up to the limit it was given, and then
//! fails; whoever waits for a number hears of it exactly once. Refuses to know HTTP.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use event::ids::{EventId, Seq};

use crate::clock::Deadline;
use crate::error::Error;
use crate::report::Reporter;
use crate::spool::read::Wanted;
use crate::spool::{Delivered, Refusal, Spool};
use crate::trouble::Trouble;

/// How long writes gather before they are synced together: with the sync itself less than the 50 ms that are promised.
const GATHER: Duration = Duration::from_millis(20);
/// How often room is looked for that nothing announces, such as space on the disk.
const LOOK: Duration = Duration::from_millis(50);

/// What a number came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Settled {
    /// It is in the ledger.
    Stored { id: EventId, index: u64 },
    /// The server took the number, and not as an event.
    NotKept(String),
}

/// Whether the caller waits for the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Awaited,
    Left,
}

/// How far the end has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Open,
    /// Nothing is taken any more; what is there is delivered.
    Closing,
    /// The threads go.
    Stopped,
}

#[derive(Debug)]
struct State {
    spool: Spool,
    phase: Phase,
    /// Somebody waits: sync at once.
    is_urgent: bool,
    /// The numbers that somebody waits for.
    awaited: BTreeMap<u64, Option<Settled>>,
    /// What the last try came to, while it is not made good.
    failing: Option<String>,
    /// Counts the calls of `hurry`: a pause begun before one is cut short.
    hurries: u64,
    threads: u32,
    /// The adopted spool that is being sent beside this one, and ends with it.
    beside: Option<Arc<Intake>>,
}

/// One spool that threads share.
#[derive(Debug)]
pub(crate) struct Intake {
    state: Mutex<State>,
    /// For the thread that syncs.
    work: Condvar,
    /// For all others.
    progress: Condvar,
    pub(crate) role: Role,
    pub(crate) report: Arc<Reporter>,
}

/// Whose spool it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// This process writes to it.
    Own,
    /// A process that ended left it; it is only emptied.
    Adopted,
}

impl Intake {
    /// Nothing runs yet.
    pub(crate) fn new(spool: Spool, role: Role, report: Arc<Reporter>) -> Intake {
        let state = State {
            spool,
            phase: Phase::Open,
            is_urgent: false,
            awaited: BTreeMap::new(),
            failing: None,
            hurries: 0,
            threads: 0,
            beside: None,
        };
        let (work, progress) = (Condvar::new(), Condvar::new());
        Intake { state: Mutex::new(state), work, progress, role, report }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for progress, at most for `limit`.
    fn wait<'a>(&self, state: MutexGuard<'a, State>, limit: Duration) -> MutexGuard<'a, State> {
        let waited = self.progress.wait_timeout(state, limit);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Writes an event, waiting for room at most for `limit`.
    pub(crate) fn append(
        &self,
        event: &[u8],
        limit: Duration,
        answer: Answer,
    ) -> Result<Seq, Error> {
        let deadline = Deadline::after(limit);
        let mut state = self.lock();
        loop {
            if state.phase != Phase::Open {
                return Err(Error::Setup {
                    what: "the audit is closed".to_owned(),
                    hint: "record before `close`, or open another one",
                });
            }
            match state.spool.append(event) {
                Ok(seq) => {
                    let is_first = state.spool.synced() + 1 == seq.0;
                    if answer == Answer::Awaited {
                        state.awaited.insert(seq.0, None);
                        state.is_urgent = true;
                    }
                    if is_first || answer == Answer::Awaited {
                        self.work.notify_one();
                    }
                    drop(state);
                    self.report.count(|counters| counters.recorded += 1);
                    return Ok(seq);
                }
                Err(Refusal::Disk(why)) => {
                    let folder = state.spool.folder().display().to_string();
                    return Err(Error::SpoolDisk { folder, why });
                }
                Err(Refusal::Full) if deadline.left().is_zero() => {
                    let folder = state.spool.folder().display().to_string();
                    let waited_ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
                    return Err(Error::SpoolFull { folder, waited_ms });
                }
                Err(Refusal::Full) => state = self.wait(state, LOOK.min(deadline.left())),
            }
        }
    }

    /// Waits for what a number came to that was appended with `Answer::Awaited`.
    pub(crate) fn answer(&self, seq: Seq, limit: Duration) -> Result<Settled, Error> {
        let deadline = Deadline::after(limit);
        let mut state = self.lock();
        loop {
            if let Some(settled) = state.awaited.get_mut(&seq.0).and_then(Option::take) {
                state.awaited.remove(&seq.0);
                return Ok(settled);
            }
            if deadline.left().is_zero() || state.phase == Phase::Stopped {
                state.awaited.remove(&seq.0);
                return Err(undelivered(&state));
            }
            state = self.wait(state, deadline.left());
        }
    }

    /// Waits until everything that is in the spool now is delivered. A delivery that stands is tried once more.
    pub(crate) fn flush(&self, limit: Duration) -> Result<(), Error> {
        let deadline = Deadline::after(limit);
        let mut state = self.lock();
        let last = state.spool.last();
        state.is_urgent = true;
        state.hurries += 1;
        self.work.notify_one();
        self.progress.notify_all();
        while state.spool.delivered().seq < last {
            if deadline.left().is_zero() || state.spool.fault().is_some() {
                return Err(undelivered(&state));
            }
            state = self.wait(state, deadline.left());
        }
        Ok(())
    }

    /// Takes nothing any more, delivers what is there, and ends the threads; all of it until `limit`.
    pub(crate) fn close(&self, limit: Duration) -> Result<(), Error> {
        let deadline = Deadline::after(limit);
        {
            let mut state = self.lock();
            state.phase = state.phase.max(Phase::Closing);
        }
        let flushed = self.flush(limit);
        self.stop();
        let mut state = self.lock();
        while state.threads > 0 && !deadline.left().is_zero() {
            state = self.wait(state, deadline.left());
        }
        // Without it the next process would send some events again, which does no harm.
        let _ = state.spool.sync_mark();
        flushed
    }

    /// Ends the threads. What is not delivered stays in the spool.
    pub(crate) fn stop(&self) {
        let beside = {
            let mut state = self.lock();
            state.phase = Phase::Stopped;
            state.beside.take()
        };
        self.work.notify_all();
        self.progress.notify_all();
        if let Some(beside) = beside {
            beside.stop();
        }
    }

    /// Which adopted spool is being sent beside this one.
    pub(crate) fn beside(&self, adopted: Option<Arc<Intake>>) {
        let mut state = self.lock();
        if state.phase == Phase::Stopped {
            drop(state);
            adopted.iter().for_each(|adopted| adopted.stop());
            return;
        }
        state.beside = adopted;
    }

    /// The work of the thread that syncs, until the end.
    pub(crate) fn sync_until_stopped(&self) {
        let mut state = self.lock();
        loop {
            let is_dirty = state.spool.begin_sync().is_some();
            if !is_dirty && (state.phase == Phase::Stopped || state.spool.fault().is_some()) {
                return;
            }
            if !is_dirty {
                state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            // Others may write meanwhile, and are synced with it.
            let deadline = Deadline::after(GATHER);
            while !state.is_urgent && state.phase == Phase::Open && !deadline.left().is_zero() {
                let waited = self.work.wait_timeout(state, deadline.left());
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
            state.is_urgent = false;
            let Some(job) = state.spool.begin_sync() else { continue };
            drop(state);
            let result = job.run();
            state = self.lock();
            state.spool.end_sync(&job, &result);
            self.progress.notify_all();
            let folder = state.spool.folder().to_owned();
            drop(state);
            self.report.count(|counters| counters.syncs += 1);
            if let Err(error) = result {
                self.report.trouble(&Trouble::Disk { file: folder, why: error.to_string() });
            }
            state = self.lock();
        }
    }

    /// What is to be sent; waits for it. `None` at the end, which for an adopted spool is when it is empty.
    pub(crate) fn wanted(&self) -> Option<Wanted> {
        let mut state = self.lock();
        loop {
            if state.phase == Phase::Stopped {
                return None;
            }
            match (state.spool.wanted(), self.role) {
                (Some(wanted), _) => return Some(wanted),
                (None, Role::Adopted) => return None,
                (None, Role::Own) => {
                    let waited = self.progress.wait(state);
                    state = waited.unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }

    /// Waits before the next try, unless somebody is in a hurry, or it is the end.
    pub(crate) fn pause(&self, pause: Duration) {
        let deadline = Deadline::after(pause);
        let mut state = self.lock();
        let hurries = state.hurries;
        while state.phase != Phase::Stopped
            && state.hurries == hurries
            && !deadline.left().is_zero()
        {
            state = self.wait(state, deadline.left());
        }
    }

    /// The last try came to nothing.
    pub(crate) fn failing(&self, why: String) {
        self.lock().failing = Some(why);
    }

    /// Everything up to `delivered` is settled; `answers` is what for whom somebody may wait.
    pub(crate) fn settle(
        &self,
        delivered: Delivered,
        answers: impl IntoIterator<Item = (u64, Settled)>,
    ) -> io::Result<()> {
        let mut state = self.lock();
        state.spool.settle(delivered)?;
        state.failing = None;
        if !state.awaited.is_empty() {
            for (seq, settled) in answers {
                if let Some(place) = state.awaited.get_mut(&seq) {
                    *place = Some(settled);
                }
            }
        }
        if self.role == Role::Own {
            // Under the lock: who finds it settled finds it in the numbers.
            let (pending, bytes) = (state.spool.last() - delivered.seq, state.spool.bytes());
            self.report.count(|counters| {
                (counters.pending, counters.spool_bytes) = (pending, bytes);
            });
        }
        drop(state);
        self.progress.notify_all();
        Ok(())
    }

    /// Looks at the spool.
    pub(crate) fn look<T>(&self, at: impl FnOnce(&Spool) -> T) -> T {
        at(&self.lock().spool)
    }

    /// A thread works here; it says so again when it goes.
    pub(crate) fn enter(&self) {
        self.lock().threads += 1;
    }

    /// A thread goes.
    pub(crate) fn leave(&self) {
        self.lock().threads -= 1;
        self.progress.notify_all();
    }
}

fn undelivered(state: &State) -> Error {
    let events = state.spool.last().saturating_sub(state.spool.delivered().seq);
    let fault = state.spool.fault().map(str::to_owned);
    let why = fault.or_else(|| state.failing.clone());
    Error::Undelivered { events, why: why.unwrap_or_else(|| "no answer yet".to_owned()) }
}
