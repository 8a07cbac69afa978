//! Long work in steps: whoever asks for it says where each step is done.
//!
//! It promises that a step was done when the call that was given it has returned, and that each takes some tens of
//! milliseconds at most. It refuses to know why: that a step is done on a thread that gives way is the caller's affair.

/// Does one step, here or on another thread, and returns when it is done.
pub type Steps<'a> = dyn Fn(&mut (dyn FnMut() + Send)) + 'a;

/// The steps of somebody who has nothing to put in between.
pub fn at_once(work: &mut (dyn FnMut() + Send)) {
    work();
}

/// Has `work` done as one step.
pub(crate) fn step<T: Send>(steps: &Steps<'_>, work: impl FnOnce() -> T + Send) -> T {
    let (mut work, mut done) = (Some(work), None);
    steps(&mut || {
        if let Some(work) = work.take() {
            done = Some(work());
        }
    });
    done.expect("a step was done when the call has returned")
}

#[cfg(test)]
mod tests;
