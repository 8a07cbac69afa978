//! That every record becomes one line with its number, mapped or not.

use super::{Format, item};
use crate::cli::import::records::Record;
use event::code::Code;
use event::ids::{EventId, ImportKey};

const KEY: ImportKey = ImportKey([3; 32]);

#[test]
fn a_record_becomes_one_line_under_its_number() {
    let id = "293ba626-3be5-4a26-ab1b-0f4c54f49959";
    let mapped = format!("{{\n\"eventSource\":\"s3\",\n\"eventName\":\"X\",\"eventID\":\"{id}\"}}");
    let own = format!(r#"{{"id":"{id}","action":"a.b","actor":"ana"}}"#);
    let long = format!("\"{}\"", "\n".repeat(event::limits::EVENT_BYTES_MAX));
    let cases = [
        (Format::Cloudtrail, mapped.as_str(), Some(id), None),
        (Format::Cloudtrail, "{\n}", None, Some(Code::MissingField)),
        (Format::Cloudtrail, "{\"a\n", None, Some(Code::MalformedJson)),
        (Format::Cloudtrail, long.as_str(), None, Some(Code::TooLarge)),
        (Format::Jsonl, own.as_str(), Some(id), None),
        // What is no event is sent all the same: it is the server that judges it.
        (Format::Jsonl, "{}", None, None),
    ];
    for (format, bytes, id, code) in cases {
        let item = item(format, Record { number: 7, bytes: bytes.as_bytes().to_vec() }, &KEY);
        assert_eq!(item.number, 7);
        assert!(!item.bytes.contains(&b'\n'), "{format:?}");
        assert_eq!(item.id, id.map(|id| EventId::parse(id).unwrap()));
        assert_eq!(item.unmapped.map(|rejection| rejection.code), code);
    }
}
