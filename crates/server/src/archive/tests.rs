//! The way to the thread: what is asked for by many is asked for once, and a flush finds its place.

use super::*;

/// A way to a thread that does nothing yet.
fn way() -> (Archivist, mpsc::Receiver<Order>) {
    let (orders, queue) = mpsc::sync_channel(QUEUE);
    let is_called = Arc::new(AtomicBool::new(false));
    (Archivist { orders, is_called, freed: Arc::new(Notify::new()) }, queue)
}

fn tenant() -> TenantId {
    TenantId::parse("acme").expect("a name")
}

#[tokio::test]
async fn many_looks_leave_a_place_for_a_flush() {
    let (archivist, queue) = way();
    (0..10 * QUEUE).for_each(|_| archivist.look());
    let tenant = tenant();
    let waiting = archivist.flush(&tenant);
    let thread = std::thread::spawn(move || {
        assert!(matches!(queue.recv(), Ok(Order::Look)), "the looks are one");
        let Ok(Order::Flush(of, asker)) = queue.recv() else { panic!("no flush came") };
        asker.send(Ok(Flushed { segments: 1, rows: 2, watermark: 3 })).expect("it waits");
        of
    });
    assert_eq!(waiting.await.expect("a place").watermark, 3);
    assert_eq!(thread.join().expect("no panic"), tenant);
}

#[tokio::test]
async fn a_flush_too_many_is_told_to_wait_and_one_after_the_end_that_it_ended() {
    let (archivist, queue) = way();
    for _ in 0..QUEUE {
        let (asker, _) = oneshot::channel();
        archivist.orders.try_send(Order::Flush(tenant(), asker)).expect("a place");
    }
    assert!(matches!(archivist.flush(&tenant()).await, Err(FlushError::Busy)));
    drop(queue);
    assert!(matches!(archivist.flush(&tenant()).await, Err(FlushError::Stopping)));
}
