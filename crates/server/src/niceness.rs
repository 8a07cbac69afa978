//! Who gives way: threads whose work may take what ingest and look-ups leave of the processors.
//!
//! It promises to lower the calling thread and no other. It cannot raise one again: that takes a right that a server
//! should not have, so work that gives way only now and then has two threads.

/// By how much, in the words of `nice`: about a tenth of the weight of a thread that does not give way.
const NICENESS: i32 = 10;

/// Lets the calling thread give way from now on.
pub(crate) fn give_way() {
    // On Linux this is of the calling thread. Where it is refused the thread only competes as before.
    let _set = rustix::process::setpriority_process(None, NICENESS);
}
