//! From bytes to batches, with readers that are slow, long and broken.

use std::io::Cursor;

use super::*;

/// All batches of `source` put together: events as text by line, the lines too long, the failure.
fn read(source: impl Read + Send + 'static) -> (Vec<(u64, String)>, Vec<u64>, Option<String>) {
    let (mut lines, mut events, mut long) = (Lines::start(source), Vec::new(), Vec::new());
    while let Some(batch) = lines.next_batch() {
        match batch {
            Ok(batch) => {
                let size: usize = batch.lines.iter().map(|line| line.event.len()).sum();
                assert!(batch.lines.len() <= BATCH_EVENTS && size < BATCH_BYTES + LINE_BYTES_MAX);
                for line in batch.lines {
                    events.push((line.number, String::from_utf8(line.event).unwrap()));
                }
                long.extend(batch.too_long);
            }
            Err(error) => return (events, long, Some(error)),
        }
    }
    (events, long, None)
}

#[test]
fn blank_lines_are_skipped_and_counted() {
    let text = "\n{\"id\":\"1\"}\r\n \t \n{\"id\":\"2\"}";
    let (events, long, failure) = read(Cursor::new(text));
    let expected = [(2, "{\"id\":\"1\"}".to_owned()), (4, "{\"id\":\"2\"}".to_owned())];
    assert_eq!(
        (events.as_slice(), long.as_slice(), failure),
        (expected.as_slice(), [].as_slice(), None)
    );
    assert_eq!(read(Cursor::new("")).0, []);
}

#[test]
fn a_line_that_no_server_takes_is_named_and_its_neighbours_go_on() {
    let event = |bytes: usize| format!("{{\"id\":\"{}\"}}", "x".repeat(bytes - 9));
    let at = event(LINE_BYTES_MAX);
    let past = event(LINE_BYTES_MAX + 1);
    let huge = event(3 * LINE_BYTES_MAX);
    let text = format!("{at}\n{past}\n{{\"id\":\"a\"}}\n{huge}\n{{\"id\":\"b\"}}\n{huge}");
    let (events, long, failure) = read(Cursor::new(text));
    let numbers: Vec<u64> = events.iter().map(|(number, _)| *number).collect();
    assert_eq!((numbers, long, failure), (vec![1, 3, 5], vec![2, 4, 6], None));
}

#[test]
fn many_lines_are_split_into_requests() {
    let text: String = (0..2 * BATCH_EVENTS + 1).map(|n| format!("{{\"id\":\"{n}\"}}\n")).collect();
    let (events, ..) = read(Cursor::new(text));
    assert_eq!(events.len(), 2 * BATCH_EVENTS + 1);
    let large: String =
        (0..40).map(|n| format!("{{\"id\":\"{n}{}\"}}\n", "x".repeat(200_000))).collect();
    assert_eq!(read(Cursor::new(large)).0.len(), 40);
}

#[test]
fn what_came_before_a_failure_is_kept() {
    /// Two events, then an error.
    struct Broken(Cursor<&'static str>);
    impl Read for Broken {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            match self.0.read(buffer)? {
                0 => Err(std::io::Error::other("the pipe burst")),
                count => Ok(count),
            }
        }
    }
    let (events, _, failure) = read(Broken(Cursor::new("{\"id\":\"1\"}\n{\"id\":\"2\"}\n")));
    assert_eq!(events.len(), 2);
    assert_eq!(failure.as_deref(), Some("the pipe burst"));
}

#[test]
fn an_event_that_comes_alone_is_not_kept_waiting() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let mut lines = Lines::start(reader);
    for number in 1..4_u64 {
        std::io::Write::write_all(&mut writer, b"{\"id\":\"x\"}\n").unwrap();
        let batch = lines.next_batch().unwrap().unwrap();
        let numbers: Vec<u64> = batch.lines.iter().map(|line| line.number).collect();
        assert_eq!(numbers, [number]);
    }
    drop(writer);
    assert!(lines.next_batch().is_none());
}
