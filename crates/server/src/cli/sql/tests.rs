//! Rows for people and rows for programs.

use super::*;

#[test]
fn an_array_keeps_every_byte_of_its_lines() {
    let cases: [(&[u8], &[u8]); 3] = [
        (b"", b"[]\n"),
        (b"{\"n\":0.10}\n", b"[\n{\"n\":0.10}\n]\n"),
        (b"{\"a\":1}\n{\"a\":2}\n", b"[\n{\"a\":1},\n{\"a\":2}\n]\n"),
    ];
    for (lines, array) in cases {
        assert_eq!(array_of_lines(lines), array);
        assert!(serde_json::from_slice::<Vec<serde_json::Value>>(array).is_ok());
    }
}

#[test]
fn a_table_shows_nulls_as_nothing_and_long_cells_cut() {
    let long = "x".repeat(CELL_CHARS_MAX + 1);
    let answer = format!(
        r#"{{"columns":["n","text"],"rows":[[1,null],[null,"{long}"],[2.5,["a"]]],
            "coverage":{{"from_index":0,"to_index":3,"as_of":4,"complete":false}}}}"#
    );
    let (table, coverage) = table(answer.as_bytes()).unwrap();
    let cut = "x".repeat(CELL_CHARS_MAX);
    assert_eq!(table, format!("n    text\n1\n     {cut}…\n2.5  [\"a\"]\n"));
    assert_eq!(sentence(coverage), "coverage: records 0 to 3 of 4, not all of them");
    assert!(super::table(b"<html>").is_err());
}

#[test]
fn rows_of_csv_end_in_one_byte_and_cells_keep_theirs() {
    let cases: [(&[u8], &[u8]); 4] = [
        (b"", b""),
        (b"a,b\r\n1,2\r\n", b"a,b\n1,2\n"),
        (b"a\r\n\"x\r\ny\"\r\n", b"a\n\"x\r\ny\"\n"),
        (b"a\r\n\"say \"\"no\"\"\r\n\"\r\n\r", b"a\n\"say \"\"no\"\"\r\n\"\n\r"),
    ];
    for (csv, lines) in cases {
        assert_eq!(unix_lines(csv), lines);
    }
}
