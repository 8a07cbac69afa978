//! Order, limits and the end of a lane, without a runtime.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::task::{Context, Poll, Wake, Waker};

use super::*;
use crate::promise::promise;

const LIMIT: Duration = Duration::from_secs(30);

/// Counts how often a task was woken.
#[derive(Default)]
struct Woken(Mutex<u32>);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        *self.0.lock().unwrap() += 1;
    }
}

/// A work that says it has begun and waits until it may end.
fn held() -> (Work, Receiver<()>, SyncSender<()>) {
    let (begun, has_begun) = sync_channel(1);
    let (end, may_end) = sync_channel(1);
    let work = Work::new(0, move || {
        begun.send(()).unwrap();
        may_end.recv().unwrap();
    });
    (work, has_begun, end)
}

#[test]
fn work_is_done_in_order_and_a_closed_lane_does_the_rest() {
    let lane = Lane::default();
    let done = Arc::new(Mutex::new(Vec::new()));
    for number in 0..100 {
        let done = Arc::clone(&done);
        assert!(lane.offer(Work::new(1, move || done.lock().unwrap().push(number))).is_ok());
    }
    lane.close();
    assert!(lane.offer(Work::new(1, || {})).is_err());
    lane.run();
    assert!(done.lock().unwrap().iter().copied().eq(0..100));
}

#[test]
fn who_finds_no_room_waits_as_a_task_and_is_woken() {
    // (bytes of each work, works that fit behind the one that is being done)
    for (bytes, fit) in [(0, WORKS_MAX), (BYTES_MAX / 4, 4), (BYTES_MAX * 2, 1)] {
        let lane = Arc::new(Lane::default());
        let (first, has_begun, end) = held();
        assert!(lane.offer(first).is_ok());
        let running = Arc::clone(&lane);
        let thread = std::thread::spawn(move || running.run());
        has_begun.recv().unwrap();
        let taken = (0..).take_while(|_| lane.offer(Work::new(bytes, || {})).is_ok()).count();
        assert_eq!(taken, fit, "{bytes}");
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        let mut context = Context::from_waker(&waker);
        let mut waiting = pin!(lane.push(Work::new(bytes, || {})));
        assert!(waiting.as_mut().poll(&mut context).is_pending());
        assert_eq!(*woken.0.lock().unwrap(), 0);
        end.send(()).unwrap();
        lane.drain(LIMIT);
        assert!(*woken.0.lock().unwrap() > 0, "{bytes}");
        assert!(matches!(waiting.as_mut().poll(&mut context), Poll::Ready(Ok(()))));
        lane.close();
        thread.join().unwrap();
    }
}

#[test]
fn a_task_that_waits_for_a_closed_lane_hears_of_it() {
    let lane = Lane::default();
    assert!(lane.offer(Work::new(BYTES_MAX, || {})).is_ok());
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    let mut context = Context::from_waker(&waker);
    let mut waiting = pin!(lane.push(Work::new(1, || {})));
    assert!(waiting.as_mut().poll(&mut context).is_pending());
    lane.close();
    assert_eq!(*woken.0.lock().unwrap(), 1);
    assert!(matches!(waiting.as_mut().poll(&mut context), Poll::Ready(Err(_))));
}

#[test]
fn a_promise_wakes_its_task() {
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    let mut context = Context::from_waker(&waker);
    let (teller, promise) = promise();
    let mut promise = pin!(promise);
    assert!(promise.as_mut().poll(&mut context).is_pending());
    std::thread::scope(|scope| {
        scope.spawn(move || teller.tell(7));
    });
    assert_eq!(*woken.0.lock().unwrap(), 1);
    assert_eq!(promise.as_mut().poll(&mut context), Poll::Ready(7));
}
