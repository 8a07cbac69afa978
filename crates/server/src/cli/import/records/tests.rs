//! Where records begin and end, whatever the buffer boundaries are.

use super::{Layout, Records};
use event::limits;
use std::io::BufReader;

fn records(input: &str, layout: Layout, buffer: usize) -> Result<Vec<String>, String> {
    let mut records = Records::new(BufReader::with_capacity(buffer, input.as_bytes()), layout);
    let mut found = Vec::new();
    loop {
        match records.next() {
            Ok(Some(record)) => {
                found.push(String::from_utf8(record.bytes).unwrap());
                assert_eq!(record.number, u64::try_from(found.len()).unwrap());
            }
            Ok(None) => return Ok(found),
            Err(error) => return Err(error.to_string()),
        }
    }
}

#[test]
fn records_stand_as_they_are_in_the_file() {
    use Layout::{Lines, RecordsOrLines};
    let cases: &[(Layout, &str, &[&str])] = &[
        (RecordsOrLines, "{\"Records\":[]}", &[]),
        (RecordsOrLines, "{\"Records\":[{}]}\n", &["{}"]),
        (
            RecordsOrLines,
            " {\n \"Records\" : [ {\"a\": [1, {}]} ,\n{\"b\":\"}]\\\"{\\\\\"} , 5,\"x\",null,[[]]] } \n",
            &["{\"a\": [1, {}]}", "{\"b\":\"}]\\\"{\\\\\"}", "5", "\"x\"", "null", "[[]]"],
        ),
        (
            RecordsOrLines,
            "{\"Records\":[1,{\"Records\":[2]}],\"n\":{}}",
            &["1", "{\"Records\":[2]}"],
        ),
        (RecordsOrLines, "{\"a\":1}\r\n\n \t\n{\"b\":2}", &["{\"a\":1}", "{\"b\":2}"]),
        (RecordsOrLines, "", &[]),
        (Lines, "{\"Records\":[1]}\nbroken {\n", &["{\"Records\":[1]}", "broken {"]),
        (Lines, "\n\n", &[]),
    ];
    for (layout, input, want) in cases {
        // The opening is looked for in the first buffer alone, so a buffer is never smaller than it.
        for buffer in 17..input.len().max(18) + 1 {
            let found = records(input, *layout, buffer).unwrap();
            assert_eq!(&found, want, "{input:?} with {buffer} bytes at once");
        }
    }
}

#[test]
fn a_file_that_breaks_off_is_damaged_and_says_where() {
    let whole = "{\"Records\":[{\"a\":\"x\"},{\"b\":[2]}]}";
    for cut in 13..whole.len() {
        let error = records(&whole[..cut], Layout::RecordsOrLines, 64).unwrap_err();
        assert!(error.starts_with("record "), "{cut}: {error}");
    }
    for input in
        ["{\"Records\":[1 2]}", "{\"Records\":[1,]}", "{\"Records\":[,1]}", "{\"Records\":[1]} x"]
    {
        assert!(records(input, Layout::RecordsOrLines, 64).is_err(), "{input}");
    }
}

#[test]
fn a_record_that_is_too_long_is_kept_in_part_and_its_neighbours_whole() {
    let long = format!("\"{}\"", "x".repeat(limits::EVENT_BYTES_MAX * 2));
    for (layout, input) in [
        (Layout::RecordsOrLines, format!("{{\"Records\":[{{}},{long},5]}}")),
        (Layout::Lines, format!("{{}}\n{long}\n5\n")),
    ] {
        let found = records(&input, layout, 4096).unwrap();
        assert_eq!(found.len(), 3);
        assert_eq!((found[0].as_str(), found[2].as_str()), ("{}", "5"));
        assert_eq!(found[1].len(), limits::EVENT_BYTES_MAX + 1);
    }
}
