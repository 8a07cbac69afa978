//! The forms of an answer.

use arrow::ipc::reader::StreamReader;
use indelible_query::Format;

use crate::world::{Put, ask, view};

fn rows() -> std::sync::Arc<lake::View> {
    view(&[
        Put::Event(
            r#"{"action":"a.b","actor":"=1+1","attrs":{"q":"say \"hi\", ok"},"occurred_at":"2024-05-01T10:00:00.5Z"}"#,
        ),
        Put::Event(r#"{"action":"a.c","actor":"two\nlines","targets":["t/1"]}"#),
    ])
}

fn written(sql: &str, format: Format) -> String {
    String::from_utf8(ask(&rows(), sql).unwrap().to_bytes(format).unwrap()).unwrap()
}

#[test]
fn json_is_one_array_of_objects() {
    let json = written("SELECT index, actor_id, attrs FROM events", Format::Json);
    let parsed: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(parsed[0]["actor_id"], "=1+1");
    assert_eq!(parsed[1]["attrs"], serde_json::Value::Null);
    assert_eq!(parsed.as_array().unwrap().len(), 2);
    assert_eq!(written("SELECT index FROM events WHERE index > 9", Format::Json), "[]");
}

#[test]
fn json_lines_are_objects() {
    let lines = written("SELECT index, occurred_at FROM events", Format::JsonLines);
    let lines: Vec<&str> = lines.lines().collect();
    assert_eq!(lines[0], r#"{"index":0,"occurred_at":"2024-05-01T10:00:00.500Z"}"#);
    assert_eq!(lines.len(), 2);
}

#[test]
fn csv_is_quoted_and_runs_no_formula() {
    let csv = written(
        "SELECT index, actor_id, attrs, severity, occurred_at, CAST(index AS BIGINT) * -1 AS minus FROM events",
        Format::Csv,
    );
    let expected = [
        "index,actor_id,attrs,severity,occurred_at,minus",
        r#"0,'=1+1,"{""q"":""say \""hi\"", ok""}",,2024-05-01T10:00:00.500Z,0"#,
        "1,\"two\nlines\",,,2024-05-01T12:00:01Z,-1",
        "",
    ];
    assert_eq!(csv, expected.join("\r\n"));
    assert_eq!(written("SELECT '' AS empty, '@x' AS at", Format::Csv), "empty,at\r\n\"\",'@x\r\n");
}

#[test]
fn arrow_reads_back() {
    let answer = ask(&rows(), "SELECT index, targets FROM events").unwrap();
    let bytes = answer.to_bytes(Format::Arrow).unwrap();
    let reader = StreamReader::try_new(bytes.as_slice(), None).unwrap();
    let read: usize = reader.map(|batch| batch.unwrap().num_rows()).sum();
    assert_eq!(read, 2);
    let columns = answer.columns();
    assert_eq!(columns[0].name, "index");
    assert_eq!(columns[0].data_type, "UInt64");
}
