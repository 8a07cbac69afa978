//! The spool between the threads: those that record, the one that syncs, the one that sends.
//!
//! ```text
//! record --append--> spool --(within 50 ms) sync--> sender --answer--> settle --> who waits for room, or for an answer
//! ```
//!
//! Promises: an event is written before `append` returns and synced within 50 ms, together with all that came meanwhile,
//! sooner if somebody waits for its answer; a full spool makes its caller wait, up to the limit it was given, and then
//! fails; whoever waits for a number hears of it exactly once, as a thread or as a task. Refuses to know HTTP.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use event::ids::Seq;

use crate::clock::Deadline;
use crate::error::Error;
use crate::promise::Teller;
use crate::report::Reporter;
use crate::spool::read::Wanted;
use crate::spool::{Delivered, Refusal, Spool};
use crate::trouble::Trouble;
use crate::verdict::Settled;

/// How long writes gather before they are synced together: with the sync itself less than the 50 ms that are promised.
const GATHER: Duration = Duration::from_millis(20);
/// How long the thread that syncs waits when nothing is to be done; it is woken by what there is.
const IDLE: Duration = Duration::from_secs(3600);
/// How often room is looked for that nothing announces, such as space on the disk.
const LOOK: Duration = Duration::from_millis(50);

/// Whether the caller waits for the answer.
#[derive(Debug)]
pub(crate) enum Answer {
    /// Nobody does.
    Left,
    /// A thread does, with `Intake::answer`.
    Awaited,
    /// A task does, until the deadline.
    Promised(Teller<Heard>, Deadline),
}

/// What a task hears: the number and what it came to.
pub(crate) type Heard = Result<(Seq, Settled), Error>;

/// Who waits for a number.
#[derive(Debug)]
enum Waiter {
    Thread(Option<Settled>),
    Task(Teller<Heard>, Deadline),
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
    awaited: BTreeMap<u64, Waiter>,
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
    /// The last event was refused for want of room or for the disk, and nothing was settled since.
    refuses: AtomicBool,
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
        let refuses = AtomicBool::new(false);
        Intake { state: Mutex::new(state), work, progress, refuses, role, report }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for progress, at most for `limit`.
    fn wait<'a>(&self, state: MutexGuard<'a, State>, limit: Duration) -> MutexGuard<'a, State> {
        let waited = self.progress.wait_timeout(state, limit);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Whether the next event is likely to be refused; asked without a lock.
    pub(crate) fn refuses(&self) -> bool {
        self.refuses.load(Ordering::Relaxed)
    }

    /// Writes an event, waiting for room until `deadline`. A task that waits hears of a failure as of an answer.
    pub(crate) fn append(
        &self,
        event: &[u8],
        deadline: Deadline,
        answer: Answer,
    ) -> Result<Seq, Error> {
        let (mut state, appended) = self.append_waiting(event, deadline);
        let seq = match appended {
            Ok(seq) => seq,
            Err(error) => {
                drop(state);
                if let Answer::Promised(teller, _) = answer {
                    teller.tell(Err(error.clone()));
                }
                return Err(error);
            }
        };
        let is_first = state.spool.synced() + 1 == seq.0;
        let waiter = match answer {
            Answer::Left => None,
            Answer::Awaited => Some(Waiter::Thread(None)),
            Answer::Promised(teller, deadline) => Some(Waiter::Task(teller, deadline)),
        };
        let is_awaited = waiter.is_some();
        state.is_urgent |= is_awaited;
        state.awaited.extend(waiter.map(|waiter| (seq.0, waiter)));
        if is_first || is_awaited {
            self.work.notify_one();
        }
        drop(state);
        self.report.count(|counters| counters.recorded += 1);
        Ok(seq)
    }

    /// Writes an event once there is room.
    fn append_waiting(
        &self,
        event: &[u8],
        deadline: Deadline,
    ) -> (MutexGuard<'_, State>, Result<Seq, Error>) {
        let begun = Deadline::after(Duration::ZERO);
        let mut state = self.lock();
        let result = loop {
            if state.phase != Phase::Open {
                break Err(Error::Setup {
                    what: "the audit is closed".to_owned(),
                    hint: "record before `close`, or open another one",
                });
            }
            match state.spool.append(event) {
                Ok(seq) => break Ok(seq),
                Err(Refusal::Disk(why)) => {
                    let folder = state.spool.folder().display().to_string();
                    break Err(Error::SpoolDisk { folder, why });
                }
                Err(Refusal::Full) if deadline.left().is_zero() => {
                    let folder = state.spool.folder().display().to_string();
                    let waited_ms = u64::try_from(begun.passed().as_millis()).unwrap_or(u64::MAX);
                    break Err(Error::SpoolFull { folder, waited_ms });
                }
                Err(Refusal::Full) => state = self.wait(state, LOOK.min(deadline.left())),
            }
        };
        let refused = matches!(result, Err(Error::SpoolDisk { .. } | Error::SpoolFull { .. }));
        self.refuses.store(refused, Ordering::Relaxed);
        (state, result)
    }

    /// Waits for what a number came to that was appended with `Answer::Awaited`.
    pub(crate) fn answer(&self, seq: Seq, limit: Duration) -> Result<Settled, Error> {
        let deadline = Deadline::after(limit);
        let mut state = self.lock();
        loop {
            if let Some(Waiter::Thread(settled)) = state.awaited.get_mut(&seq.0)
                && let Some(settled) = settled.take()
            {
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

    /// Takes nothing any more; what is there is delivered.
    pub(crate) fn begin_close(&self) {
        let mut state = self.lock();
        state.phase = state.phase.max(Phase::Closing);
    }

    /// Ends the threads, and waits for them at most for `limit`.
    pub(crate) fn end(&self, limit: Duration) {
        let deadline = Deadline::after(limit);
        self.stop();
        let mut state = self.lock();
        while state.threads > 0 && !deadline.left().is_zero() {
            state = self.wait(state, deadline.left());
        }
        // Without it the next process would send some events again, which does no harm.
        let _ = state.spool.sync_mark();
    }

    /// Ends the threads unless somebody closes, who does it.
    pub(crate) fn stop_unless_closing(&self) {
        let is_open = self.lock().phase == Phase::Open;
        if is_open {
            self.stop();
        }
    }

    /// Ends the threads. What is not delivered stays in the spool.
    pub(crate) fn stop(&self) {
        let (beside, left) = {
            let mut state = self.lock();
            state.phase = Phase::Stopped;
            let left = state.give_up(|_| true);
            (state.beside.take(), left)
        };
        tell(left);
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

    /// The work of the thread that syncs, until the end. It also tells tasks whose answer did not come in time.
    pub(crate) fn sync_until_stopped(&self) {
        let mut state = self.lock();
        loop {
            let late = state.give_up(|deadline| deadline.left().is_zero());
            if !late.is_empty() {
                drop(state);
                tell(late);
                state = self.lock();
                continue;
            }
            let is_dirty = state.spool.begin_sync().is_some();
            if !is_dirty && state.phase == Phase::Stopped {
                return;
            }
            if !is_dirty {
                let limit = state.next_deadline().map_or(IDLE, Deadline::left);
                let waited = self.work.wait_timeout(state, limit);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
                continue;
            }
            state = self.sync(state);
        }
    }

    /// Syncs what was written, and what others write meanwhile.
    fn sync<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let deadline = Deadline::after(GATHER);
        while !state.is_urgent && state.phase == Phase::Open && !deadline.left().is_zero() {
            let waited = self.work.wait_timeout(state, deadline.left());
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.is_urgent = false;
        let Some(job) = state.spool.begin_sync() else { return state };
        drop(state);
        let result = job.run();
        let mut state = self.lock();
        state.spool.end_sync(&job, &result);
        self.progress.notify_all();
        let folder = state.spool.folder().to_owned();
        drop(state);
        self.report.count(|counters| counters.syncs += 1);
        if let Err(error) = result {
            self.report.trouble(&Trouble::Disk { file: folder, why: error.to_string() });
        }
        self.lock()
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

    /// Waits until the next look for spools to adopt; `false` at the end.
    pub(crate) fn pause_adopting(&self, pause: Duration) -> bool {
        let deadline = Deadline::after(pause);
        let mut state = self.lock();
        while state.phase == Phase::Open && !deadline.left().is_zero() {
            state = self.wait(state, deadline.left());
        }
        state.phase == Phase::Open
    }

    /// Whether it is the end.
    pub(crate) fn is_stopped(&self) -> bool {
        self.lock().phase == Phase::Stopped
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
        let mut told = Vec::new();
        if !state.awaited.is_empty() {
            for (seq, settled) in answers {
                told.extend(state.answered(seq, settled));
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
        self.refuses.store(false, Ordering::Relaxed);
        tell(told);
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

impl State {
    /// Who waits for this number is told; a task by the caller, once the lock is gone.
    fn answered(&mut self, seq: u64, settled: Settled) -> Option<(Teller<Heard>, Heard)> {
        if let Waiter::Thread(place) = self.awaited.get_mut(&seq)? {
            *place = Some(settled);
            return None;
        }
        match self.awaited.remove(&seq)? {
            Waiter::Task(teller, _) => Some((teller, Ok((Seq(seq), settled)))),
            Waiter::Thread(_) => None,
        }
    }

    /// Gives up the tasks whose deadline is chosen.
    fn give_up(&mut self, is_chosen: impl Fn(Deadline) -> bool) -> Vec<(Teller<Heard>, Heard)> {
        let chosen =
            |waiter: &Waiter| matches!(waiter, Waiter::Task(_, deadline) if is_chosen(*deadline));
        let gone = self.awaited.extract_if(.., |_, waiter| chosen(waiter));
        let gone: Vec<Waiter> = gone.map(|(_, waiter)| waiter).collect();
        let tellers = gone.into_iter().filter_map(|waiter| match waiter {
            Waiter::Task(teller, _) => Some(teller),
            Waiter::Thread(_) => None,
        });
        tellers.map(|teller| (teller, Err(undelivered(self)))).collect()
    }

    /// When the first task that waits gives up.
    fn next_deadline(&self) -> Option<Deadline> {
        let deadlines = self.awaited.values().filter_map(|waiter| match waiter {
            Waiter::Task(_, deadline) => Some(*deadline),
            Waiter::Thread(_) => None,
        });
        deadlines.min()
    }
}

/// Tells tasks what they wait for, with no lock held.
fn tell(told: Vec<(Teller<Heard>, Heard)>) {
    for (teller, heard) in told {
        teller.tell(heard);
    }
}

fn undelivered(state: &State) -> Error {
    let events = state.spool.last().saturating_sub(state.spool.delivered().seq);
    let fault = state.spool.fault().map(str::to_owned);
    let why = fault.or_else(|| state.failing.clone());
    Error::Undelivered { events, why: why.unwrap_or_else(|| "no answer yet".to_owned()) }
}
