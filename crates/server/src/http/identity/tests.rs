//! Headers of callers, good and bad.

use super::*;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(*name, HeaderValue::from_str(value).expect("a value"));
    }
    headers
}

#[test]
fn a_good_traceparent_is_gone_on_with_and_any_other_passed_over() {
    let good = format!("00-{TRACE}-{PARENT}-01");
    // (header, whether its trace is taken)
    let cases = [
        (good.clone(), true),
        (format!("00-{TRACE}-{PARENT}-00"), true),
        (format!("cc-{TRACE}-{PARENT}-01-what-the-future-brings"), true),
        (format!("00-{TRACE}-{PARENT}-01-more"), false),
        (format!("ff-{TRACE}-{PARENT}-01"), false),
        (format!("00-{}-{PARENT}-01", "0".repeat(32)), false),
        (format!("00-{TRACE}-{}-01", "0".repeat(16)), false),
        (format!("00-{}-{PARENT}-01", TRACE.to_uppercase()), false),
        (format!("00-{TRACE}-{PARENT}"), false),
        (format!("00-{}-{PARENT}-01", "4".repeat(31)), false),
        (String::new(), false),
    ];
    for (header, is_taken) in cases {
        let identity = Identity::of(&headers(&[("traceparent", &header)]));
        assert_eq!(identity.trace_id == TRACE, is_taken, "{header}");
        assert_eq!(identity.parent_id.as_deref(), is_taken.then_some(PARENT), "{header}");
        assert!(identity.trace_id.len() == 32 && identity.request_id.len() == 16, "{identity:?}");
    }
    let twice = Identity::of(&headers(&[("traceparent", &good), ("traceparent", &good)]));
    assert_ne!(twice.trace_id, TRACE, "two are as good as none");
}

#[test]
fn a_callers_id_is_taken_if_it_can_stand_in_a_line() {
    let long = "a".repeat(REQUEST_ID_CHARS_MAX);
    for id in ["a", "req-01.x_Y", &long] {
        assert_eq!(Identity::of(&headers(&[("x-request-id", id)])).request_id, id);
    }
    for id in ["", "a b", "a=b", "\"", &format!("{long}a")] {
        let drawn = Identity::of(&headers(&[("x-request-id", id)])).request_id;
        assert!(drawn != id && drawn.len() == 16, "{id}: {drawn}");
    }
    let draw = || Identity::of(&HeaderMap::new());
    assert_ne!(draw(), draw());
}
