//! What a stream says, and what is no stream.

use indelible_client::wire::TailQuestion;
use indelible_client::{Error, Said, Tail};

use crate::fake::{Act, Fake, json};

/// Bytes of the longest line.
const LINE_BYTES_MAX: usize = 4 << 20;

/// A stream of these bytes, which then ends.
fn stream(text: &str) -> Tail {
    let ticket = json("201 Created", "", r#"{"url":"/v1/tail/x","from_index":5}"#);
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
    let fake = Fake::start(vec![ticket, Act::Answer(format!("{head}{text}"))]);
    fake.client().tail(&TailQuestion::default()).unwrap()
}

#[test]
fn events_come_whole_and_what_was_looked_at_is_remembered() {
    let mut tail = stream(
        ": from index 5\nretry: 1000\n\nid: 6\ndata: {}\n\nid: 8\n\nevent: cut\ndata: {}\n\nid: 9\n",
    );
    assert_eq!(tail.last(), Some(4));
    let event = Said::Event { index: 6, json: "{}".to_owned() };
    assert_eq!((tail.next_said(), tail.last()), (Ok(Some(event)), Some(6)));
    assert_eq!(tail.next_said(), Ok(Some(Said::Cut { words: "{}".to_owned() })));
    assert_eq!(
        (tail.next_said(), tail.last()),
        (Ok(None), Some(8)),
        "half of what comes is nothing"
    );
}

/// INVARIANT (I10): a server that is none of ours does not fill the memory, and is not asked again for ever.
#[test]
fn i10_a_line_or_an_event_that_is_too_large_is_no_stream_of_ours() {
    let longest = |more: usize| "x".repeat(LINE_BYTES_MAX - "data: ".len() + more);
    let mut tail = stream(&format!("id: 6\ndata: {}\n\n", longest(0)));
    assert_eq!(
        tail.next_said(),
        Ok(Some(Said::Event { index: 6, json: longest(0) })),
        "at the limit"
    );
    let (half, rest) = ("x".repeat(LINE_BYTES_MAX / 2), "x".repeat(LINE_BYTES_MAX / 2 + 1));
    for (text, why) in [
        (format!("id: 6\ndata: {}\n\n", longest(1)), "a line that is too long"),
        (format!("id: 6\ndata: {half}\ndata: {rest}\n\n"), "an event that is too large"),
    ] {
        let mut tail = stream(&text);
        let error = tail.next_said().unwrap_err();
        assert!(matches!(&error, Error::Garbled { why: said, .. } if said == why), "{error}");
        assert!(!error.retryable() && tail.last() == Some(4));
    }
}
