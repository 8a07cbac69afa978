//! What a person reads.

use event::json::{Limits, parse};

use super::*;

#[test]
fn numbers_and_order_stay_and_depth_is_seen() {
    let text = r#"{"a":[],"b":{"x":1e2,"y":[0.10,null]},"c":"ä"}"#;
    let expected = "{\n  \"a\": [],\n  \"b\": {\n    \"x\": 1e2,\n    \"y\": [\n      0.10,\n      null\n    ]\n  },\n  \"c\": \"ä\"\n}";
    assert_eq!(pretty(&parse(text.as_bytes(), Limits::READER).unwrap()), expected);
}

#[test]
fn no_event_steers_a_terminal() {
    let hostile = "red\u{1b}[31m\u{9b}0m\u{202e}gpj\u{7}";
    for shown in [
        printable(hostile),
        compact(&Value::text(hostile)),
        columns(&["a"], &[vec![hostile.into()]], 99),
    ] {
        assert!(!shown.trim_end().contains(['\u{1b}', '\u{9b}', '\u{202e}', '\u{7}']), "{shown:?}");
        assert!(shown.contains("31m"));
    }
    assert_eq!(printable("Zoë 🙂"), "Zoë 🙂");
    assert_eq!(printable("a\nb"), "a\\u{a}b", "no cell becomes two rows");
    assert_eq!(printable_lines("a\nb\u{7}"), "a\nb\\u{7}");
}

#[test]
fn columns_are_as_wide_as_needed_and_no_wider() {
    let rows = [
        vec!["1".to_owned(), "short".to_owned()],
        vec!["22".to_owned(), "far too long".to_owned()],
    ];
    assert_eq!(columns(&["n", "text"], &rows, 7), "n   text\n1   short\n22  far too…\n");
    assert_eq!(columns(&["only"], &[], 7), "only\n");
}
