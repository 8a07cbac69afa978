//! Who gives way: threads whose work may take what ingest and look-ups leave of the processors.
//!
//! It promises to lower the calling thread and no other. It cannot raise one again: that takes a right that a server
//! should not have, so work that gives way only now and then runs on a thread of its own each time.

/// By how much, in the words of `nice`: about a tenth of the weight of a thread that does not give way.
const NICENESS: i32 = 10;

/// Does `work` on a thread of its own that gives way, and waits for it.
pub(crate) fn giving_way<T: Send>(name: &str, work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name(name.to_owned());
        let thread = thread.spawn_scoped(scope, || {
            give_way();
            work()
        });
        // Without a thread there is no server either: this panics as `std::thread::spawn` does.
        let thread = thread.expect("the system gives a thread");
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Lets the calling thread give way from now on.
pub(crate) fn give_way() {
    // On Linux this is of the calling thread. Where it is refused the thread only competes as before.
    let _set = rustix::process::setpriority_process(None, NICENESS);
}
