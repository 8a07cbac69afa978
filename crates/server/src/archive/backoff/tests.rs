//! How long what failed rests.

use super::*;

#[test]
fn each_failure_doubles_the_rest_up_to_the_longest() {
    let mut backoff = Backoff::new(10, 60);
    let mut now_ns = 1_000;
    for rest_ns in [10, 20, 40, 60, 60] {
        assert!(!backoff.rests("a", now_ns), "it is tried at {now_ns}");
        backoff.failed("a".to_owned(), now_ns);
        assert!(backoff.rests("a", now_ns + rest_ns - 1), "{rest_ns}");
        now_ns += rest_ns;
    }
    assert!(!backoff.rests("b", 1_000), "one rests, another does not");
    backoff.succeeded("a");
    backoff.failed("a".to_owned(), now_ns);
    assert!(!backoff.rests("a", now_ns + 10), "a success forgets the failures before it");
}
