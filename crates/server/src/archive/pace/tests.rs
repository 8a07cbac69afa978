//! A step gives way exactly as long as there is room, and is done at either pace.

use super::*;

#[test]
fn hot_rows_that_run_out_of_room_press() {
    for (asked, used_bytes, pace) in [
        (Pace::Patient, 0, Pace::Patient),
        (Pace::Patient, 50, Pace::Patient),
        (Pace::Patient, 51, Pace::Pressed),
        (Pace::Patient, 100, Pace::Pressed),
        (Pace::Pressed, 0, Pace::Pressed),
        (Pace::Pressed, 100, Pace::Pressed),
    ] {
        assert_eq!(asked.at(used_bytes, 100), pace, "{asked:?} at {used_bytes} of 100");
    }
}

#[test]
fn a_patient_step_gives_way_and_whoever_asked_for_it_does_not() {
    let niceness = || rustix::process::getpriority_process(None).expect("our own");
    let own = niceness();
    for (pace, given) in [(Pace::Pressed, 0), (Pace::Patient, 10), (Pace::Pressed, 0)] {
        let mut during = None;
        pace.step(&mut || during = Some(niceness()));
        assert_eq!(during, Some((own + given).min(19).max(own)), "{pace:?}");
        assert_eq!(niceness(), own, "the asker's own after {pace:?}");
    }
}
