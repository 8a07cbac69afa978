//! A value that one thread makes and one task waits for, with no runtime in between.
//!
//! Promises: the task is woken once the value is there; the lock is held for a few instructions and never over a write, a
//! sync or a request, so that to poll it never blocks. Refuses a second value: the first one stays.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

/// Where the value will be.
struct Slot<T> {
    value: Option<T>,
    waker: Option<Waker>,
}

/// The end that waits.
pub(crate) struct Promise<T>(Arc<Mutex<Slot<T>>>);

/// The end that tells.
pub(crate) struct Teller<T>(Arc<Mutex<Slot<T>>>);

/// Both ends.
pub(crate) fn promise<T>() -> (Teller<T>, Promise<T>) {
    let slot = Arc::new(Mutex::new(Slot { value: None, waker: None }));
    (Teller(Arc::clone(&slot)), Promise(slot))
}

impl<T> Teller<T> {
    /// Gives the value and wakes who waits.
    pub(crate) fn tell(self, value: T) {
        let waker = {
            let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            slot.value = Some(value);
            slot.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<T> Future for Promise<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match slot.value.take() {
            Some(value) => Poll::Ready(value),
            None => {
                slot.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl<T> fmt::Debug for Promise<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Promise").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Teller<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Teller").finish_non_exhaustive()
    }
}
