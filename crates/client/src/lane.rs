//! A thread of its own for what blocks, so that a caller on an async runtime never does.
//!
//! ```text
//! task --offer or push--> queue --> thread: a write to the spool, or a receipt that is fetched --> promise --> task
//! ```
//!
//! Promises: work is done in the order in which it was taken; the queue is bounded by number and by weight, and who finds
//! no room waits for it as a task, or is told so at once; the lock is never held while work is done. Refuses to drop what
//! it took: a lane that is closed does the rest first.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

use crate::clock::Deadline;

/// Works that wait at most.
const WORKS_MAX: usize = 4096;
/// Bytes that they have at most; one that is larger is taken when nothing else waits.
const BYTES_MAX: usize = 16 * 1024 * 1024;

type Job = Box<dyn FnOnce() + Send>;

/// Something to do, and the bytes that it holds on to.
pub(crate) struct Work {
    bytes: usize,
    job: Job,
}

impl Work {
    pub(crate) fn new(bytes: usize, job: impl FnOnce() + Send + 'static) -> Work {
        Work { bytes, job: Box::new(job) }
    }
}

#[derive(Default)]
struct State {
    queue: VecDeque<Work>,
    bytes: usize,
    /// Works that were taken and are not done, the one that is being done too.
    open: usize,
    /// Tasks that wait for room.
    waiting: Vec<Waker>,
    is_closed: bool,
}

impl State {
    /// Takes work if there is room.
    fn take(&mut self, work: Work) -> Result<(), Work> {
        let fits = self.queue.is_empty()
            || (self.queue.len() < WORKS_MAX && self.bytes.saturating_add(work.bytes) <= BYTES_MAX);
        if !fits || self.is_closed {
            return Err(work);
        }
        self.bytes += work.bytes;
        self.open += 1;
        self.queue.push_back(work);
        Ok(())
    }
}

/// The queue in front of one thread.
#[derive(Default)]
pub(crate) struct Lane {
    state: Mutex<State>,
    /// For the thread.
    work: Condvar,
    /// For who waits until all is done.
    done: Condvar,
}

impl fmt::Debug for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lane").finish_non_exhaustive()
    }
}

impl Lane {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes work if there is room now.
    pub(crate) fn offer(&self, work: Work) -> Result<(), Work> {
        self.lock().take(work)?;
        self.work.notify_one();
        Ok(())
    }

    /// Takes work once there is room; gives it back if the lane is closed.
    pub(crate) async fn push(&self, work: Work) -> Result<(), Work> {
        let mut held = Some(work);
        poll_fn(|context| {
            let Some(work) = held.take() else { return Poll::Ready(Ok(())) };
            let mut state = self.lock();
            match state.take(work) {
                Ok(()) => {
                    drop(state);
                    self.work.notify_one();
                    Poll::Ready(Ok(()))
                }
                Err(work) if state.is_closed => Poll::Ready(Err(work)),
                Err(work) => {
                    held = Some(work);
                    if !state.waiting.iter().any(|known| known.will_wake(context.waker())) {
                        state.waiting.push(context.waker().clone());
                    }
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// The work of the thread: until the lane is closed and all is done.
    pub(crate) fn run(&self) {
        let mut state = self.lock();
        loop {
            let Some(work) = state.queue.pop_front() else {
                if state.is_closed {
                    return;
                }
                state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            state.bytes -= work.bytes;
            let waiting = std::mem::take(&mut state.waiting);
            drop(state);
            waiting.into_iter().for_each(Waker::wake);
            (work.job)();
            state = self.lock();
            state.open -= 1;
            if state.open == 0 {
                self.done.notify_all();
            }
        }
    }

    /// Waits until nothing is left to do.
    pub(crate) fn drain(&self, limit: Duration) {
        let deadline = Deadline::after(limit);
        let mut state = self.lock();
        while state.open > 0 && !deadline.left().is_zero() {
            let waited = self.done.wait_timeout(state, deadline.left());
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Takes nothing any more.
    pub(crate) fn close(&self) {
        let waiting = {
            let mut state = self.lock();
            state.is_closed = true;
            std::mem::take(&mut state.waiting)
        };
        self.work.notify_all();
        waiting.into_iter().for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests;
