//! The budget holds, and what was asked for last stays.

use super::*;

fn load(value: u32, bytes: usize) -> Result<(u32, usize), Error> {
    Ok((value, bytes))
}

#[test]
fn the_least_recently_asked_for_goes_first() {
    let cache = Cache::new(100);
    for number in 0..3 {
        assert_eq!(*cache.get((number, What::Footer), || load(7, 40)).unwrap(), 7);
        assert_eq!(*cache.get((0, What::Footer), || load(8, 40)).unwrap(), 7, "0 stays");
        assert!(cache.bytes() <= 100);
    }
    assert_eq!(*cache.get((1, What::Footer), || load(9, 40)).unwrap(), 9, "1 went");
    cache.forget(1);
    assert!(cache.bytes() <= 40);
}

#[test]
fn what_is_larger_than_the_budget_is_given_and_not_kept() {
    let cache = Cache::new(10);
    assert_eq!(*cache.get((0, What::Order), || load(1, 11)).unwrap(), 1);
    assert_eq!(cache.bytes(), 0);
    let refused = cache.get::<u32>((0, What::Order), || {
        Err(Error::Segment { path: "x".into(), what: "y".into() })
    });
    assert!(refused.is_err());
}
