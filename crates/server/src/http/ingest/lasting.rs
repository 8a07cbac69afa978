//! Work that is done to its end, also when whoever waits for it goes away.
//!
//! As long as somebody waits, the work is polled in place: a task of its own would cost every request a wake-up and a copy.
//! It promises that work which is dropped before its end goes on as a task, and that a panic in it is an error. Refuses to
//! outlive the runtime: a process that ends cuts it off as it does every task.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::runtime::Handle;

/// The work; `None` once it has ended.
pub(super) struct Lasting<F: Future<Output: Send> + Send + 'static>(Option<Pin<Box<F>>>);

/// The work panicked; what it said is in the log of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the work panicked")]
pub(super) struct Panicked;

impl<F: Future<Output: Send> + Send + 'static> Lasting<F> {
    /// Work that begins when it is waited for, or dropped.
    pub(super) fn new(work: F) -> Self {
        Self(Some(Box::pin(work)))
    }
}

impl<F: Future<Output: Send> + Send + 'static> Future for Lasting<F> {
    type Output = Result<F::Output, Panicked>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(mut work) = self.0.take() else { return Poll::Ready(Err(Panicked)) };
        // Nothing is looked at again after a panic: the work is gone with it.
        match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))) {
            Ok(Poll::Ready(done)) => Poll::Ready(Ok(done)),
            Ok(Poll::Pending) => {
                self.0 = Some(work);
                Poll::Pending
            }
            Err(_) => Poll::Ready(Err(Panicked)),
        }
    }
}

impl<F: Future<Output: Send> + Send + 'static> Drop for Lasting<F> {
    fn drop(&mut self) {
        if let (Some(work), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(work);
        }
    }
}

#[cfg(test)]
mod tests;
