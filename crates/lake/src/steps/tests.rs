//! A step gives what its work gave, and one that was not done is seen.

use super::*;

#[test]
fn a_step_is_done_once_wherever_it_is_done() {
    let elsewhere = |work: &mut (dyn FnMut() + Send)| {
        std::thread::scope(|scope| {
            scope.spawn(work);
        });
    };
    let twice = |work: &mut (dyn FnMut() + Send)| {
        work();
        work();
    };
    let ways: [&Steps<'_>; 3] = [&at_once, &elsewhere, &twice];
    for steps in ways {
        let mut done = 0;
        let number = step(steps, || {
            done += 1;
            7
        });
        assert_eq!((number, done), (7, 1));
    }
}

#[test]
fn a_step_that_was_left_undone_is_a_fault() {
    let undone = std::panic::catch_unwind(|| step(&|_| {}, || 7));
    assert!(undone.is_err(), "{undone:?}");
}
