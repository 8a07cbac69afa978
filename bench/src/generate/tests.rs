//! The events are what they are said to be.

use super::*;

#[test]
fn events_are_valid_and_456_bytes_long() {
    let mut generator = Generator::new(1);
    let mut bytes = 0;
    for _ in 0..2_000 {
        let made = generator.event();
        event::Event::parse(made.json.as_bytes()).unwrap();
        bytes += made.json.len();
    }
    let mean = bytes / 2_000;
    assert!((EVENT_BYTES - 4..=EVENT_BYTES + 4).contains(&mean), "{mean} bytes");
}

#[test]
fn one_seed_is_one_sequence() {
    let body = |seed| Generator::new(seed).ndjson(50);
    assert_eq!(body(7), body(7));
    assert_ne!(body(7), body(8));
}

#[test]
fn few_actors_do_most() {
    let mut generator = Generator::new(3);
    let first = (0..10_000).filter(|_| generator.event().actor == "user-00000").count();
    assert!((700..1_500).contains(&first), "the first actor has {first} of 10,000");
}

#[test]
fn every_action_is_met() {
    let mut generator = Generator::new(4);
    let actions: std::collections::BTreeSet<_> =
        (0..1_000).map(|_| generator.event().action).collect();
    assert_eq!(actions.len(), ACTIONS.len());
}
