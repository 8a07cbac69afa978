//! How many wait, for how long, and how often one is good.

use super::{GOOD_FOR_NS, TICKETS_MAX, Tickets};

#[test]
fn i10_so_many_wait_and_the_old_make_room() {
    let tickets = Tickets::default();
    let first = tickets.give(0, 0).expect("the first");
    for number in 1..TICKETS_MAX {
        assert!(tickets.give(number, 1).is_some(), "{number}, of {TICKETS_MAX}");
    }
    for now_ns in [1, GOOD_FOR_NS - 1] {
        assert_eq!(tickets.give(TICKETS_MAX, now_ns), None, "past the limit at {now_ns} ns");
    }
    // The first is a minute old, the others are not.
    assert!(tickets.give(TICKETS_MAX, GOOD_FOR_NS).is_some(), "in the place of the first");
    assert_eq!(tickets.give(TICKETS_MAX, GOOD_FOR_NS), None, "one place only");
    assert_eq!(tickets.take(&first, GOOD_FOR_NS), None);
}

#[test]
fn one_is_good_once_and_for_a_minute() {
    let given_ns = 7;
    for (age_ns, is_good) in
        [(0, true), (GOOD_FOR_NS - 1, true), (GOOD_FOR_NS, false), (u64::MAX - given_ns, false)]
    {
        let tickets = Tickets::default();
        let name = tickets.give("a", given_ns).expect("room");
        let taken = tickets.take(&name, given_ns + age_ns);
        assert_eq!(taken, is_good.then_some("a"), "{age_ns} ns old");
        assert_eq!(tickets.take(&name, given_ns), None, "it is gone, used or too old");
    }
}
