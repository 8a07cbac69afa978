//! Whoever waits or goes away, the work is done once.

use tokio::sync::oneshot;

use super::*;

#[tokio::test]
async fn work_goes_on_when_whoever_waited_for_it_has_gone() {
    for polls in [0, 1, 2] {
        let (go, gone) = oneshot::channel::<()>();
        let (done, outcome) = oneshot::channel();
        let mut work = Box::pin(Lasting::new(async move {
            let _told = gone.await;
            let _heard = done.send("done");
        }));
        for _ in 0..polls {
            assert!(futures_now(&mut work).is_none(), "it waits");
        }
        drop(work);
        go.send(()).expect("the work is still there");
        assert_eq!(outcome.await, Ok("done"), "after {polls} polls");
    }
}

#[tokio::test]
async fn a_panic_is_an_error_and_the_work_is_not_begun_again() {
    let mut work = Box::pin(Lasting::new(async { assert!(polls_are_over(), "planted") }));
    assert_eq!(work.as_mut().await, Err(Panicked));
    assert_eq!(work.as_mut().await, Err(Panicked), "asked once more");
    assert_eq!(Lasting::new(async { 7 }).await, Ok(7));
}

/// What a future gives at once.
fn futures_now<F: Future>(work: &mut Pin<Box<F>>) -> Option<F::Output> {
    let mut context = Context::from_waker(std::task::Waker::noop());
    match work.as_mut().poll(&mut context) {
        Poll::Ready(done) => Some(done),
        Poll::Pending => None,
    }
}

fn polls_are_over() -> bool {
    false
}
