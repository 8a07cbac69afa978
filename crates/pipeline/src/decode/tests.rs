//! Splitting: which requests have items at all, and how many.

use super::{Media, Refusal, Shape, split};
use crate::process::Steps;
use event::code::Code;
use event::event::Event;
use event::json::{self, Value};
use event::limits;
use std::path::Path;

fn items(media: Media, body: &str) -> Result<(Shape, Vec<String>), (Code, u16)> {
    match split(media, body.as_bytes()) {
        Ok(body) => {
            let text = |item: &&[u8]| String::from_utf8(item.to_vec()).unwrap();
            Ok((body.shape, body.items.iter().map(text).collect()))
        }
        Err(Refusal { code, status, .. }) => Err((code, status)),
    }
}

fn of(shape: Shape, texts: &[&str]) -> Result<(Shape, Vec<String>), (Code, u16)> {
    Ok((shape, texts.iter().map(|text| (*text).to_owned()).collect()))
}

#[test]
fn a_request_is_one_many_or_refused() {
    use Media::{Json, Ndjson};
    use Shape::{Many, One};
    let malformed = Err((Code::MalformedJson, 400));
    let cases = [
        (Json, " {\"a\":1}\n", of(One, &["{\"a\":1}"])),
        // What begins as an object is one item, whatever it turns out to be: its verdict is the item's.
        (Json, "{\"a\":", of(One, &["{\"a\":"])),
        (Json, "{}{}", of(One, &["{}{}"])),
        (Json, "[]", of(Many, &[])),
        (Json, "[ {} , 5,[1 ] ]", of(Many, &["{}", "5", "[1 ]"])),
        (Json, "[{}", malformed.clone()),
        (Json, "[{},]", malformed.clone()),
        (Json, "[{}] x", malformed.clone()),
        (Json, "\u{feff}[{}]", malformed.clone()),
        (Json, "\u{feff}{}", malformed.clone()),
        (Json, "", malformed.clone()),
        (Json, "hello", malformed),
        (Json, "5", Err((Code::WrongType, 400))),
        (Json, "\"text\"", Err((Code::WrongType, 400))),
        (Ndjson, "{}\n\n \t\r\n{\"a\":1}\r\n", of(Many, &["{}", "{\"a\":1}"])),
        (Ndjson, "[{}]", of(Many, &["[{}]"])),
        (Ndjson, "", of(Many, &[])),
        (Ndjson, "{}", of(Many, &["{}"])),
        (Ndjson, "{\nx\n{}", of(Many, &["{", "x", "{}"])),
    ];
    for (media, body, want) in cases {
        assert_eq!(items(media, body), want, "{media:?} {body:?}");
    }
}

#[test]
fn a_request_of_other_bytes_than_utf8_keeps_its_neighbours_apart() {
    let body = split(Media::Json, b"[{\"a\":\"\xff\"},{}]").unwrap();
    assert_eq!(body.items, [&b"{\"a\":\"\xff\"}"[..], b"{}"]);
    assert_eq!(split(Media::Json, b"[\xff]").unwrap_err().code, Code::MalformedJson);
}

#[test]
fn a_request_has_its_limits() {
    let at = "{},".repeat(limits::BATCH_EVENTS_MAX - 1) + "{}";
    let past = format!("[{at},{{}}]");
    assert_eq!(
        split(Media::Json, format!("[{at}]").as_bytes()).unwrap().items.len(),
        limits::BATCH_EVENTS_MAX
    );
    let refusal = split(Media::Json, past.as_bytes()).unwrap_err();
    assert_eq!((refusal.code, refusal.status), (Code::TooManyItems, 413));
    let lines = "{}\n".repeat(limits::BATCH_EVENTS_MAX);
    assert_eq!(
        split(Media::Ndjson, lines.as_bytes()).unwrap().items.len(),
        limits::BATCH_EVENTS_MAX
    );
    assert_eq!(
        split(Media::Ndjson, (lines + "{}").as_bytes()).unwrap_err().code,
        Code::TooManyItems
    );
    let mut body = vec![b' '; limits::BATCH_BYTES_MAX - 2];
    body.extend_from_slice(b"{}");
    assert_eq!(split(Media::Json, &body).unwrap().shape, Shape::One);
    body.push(b' ');
    let refusal = split(Media::Json, &body).unwrap_err();
    assert_eq!((refusal.code, refusal.status), (Code::TooLarge, 413));
}

#[test]
fn the_media_type_is_read_without_its_parameters() {
    for (value, want) in [
        ("application/json", Some(Media::Json)),
        ("Application/JSON; charset=utf-8", Some(Media::Json)),
        ("application/x-ndjson", Some(Media::Ndjson)),
        ("application/x-www-form-urlencoded", None),
        ("text/plain", None),
        ("", None),
    ] {
        assert_eq!(Media::from_content_type(value), want, "{value}");
    }
}

/// One line of `testdata/hostile/items.jsonl`: an item that is no event, and the answer that it gets.
#[derive(Debug)]
struct Hostile {
    name: String,
    item: Vec<u8>,
    code: Code,
    field: Option<String>,
}

#[expect(clippy::disallowed_methods, reason = "a test reads its table from the file system")]
fn hostile_items() -> Vec<Hostile> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/hostile/items.jsonl");
    let table = std::fs::read_to_string(path).unwrap();
    table.lines().map(hostile_item).collect()
}

fn hostile_item(line: &str) -> Hostile {
    let case = json::parse(line.as_bytes(), json::Limits::READER).unwrap();
    let text = |name| case.member(name).and_then(Value::as_str).map(str::to_owned);
    let item = match (case.member("item"), case.member("item_hex"), case.member("repeat")) {
        (Some(_), None, None) => text("item").unwrap().into_bytes(),
        (None, Some(_), None) => hex(&text("item_hex").unwrap()),
        (None, None, Some(repeat)) => {
            let part = |name| repeat.member(name).and_then(Value::as_str).unwrap();
            let times = repeat.member("times").and_then(Value::as_u64).unwrap();
            let middle = part("text").repeat(usize::try_from(times).unwrap());
            [part("before"), &middle, part("after")].concat().into_bytes()
        }
        _ => panic!("one of `item`, `item_hex`, `repeat` in {line}"),
    };
    let code = Code::parse(&text("code").unwrap()).unwrap();
    Hostile { name: text("name").unwrap(), item, code, field: text("field") }
}

fn hex(digits: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    (0..digits.len()).step_by(2).map(byte).collect()
}

#[test]
fn every_hostile_item_gets_its_answer() {
    let mut wrong = Vec::new();
    for Hostile { name, item, code, field } in hostile_items() {
        let answer = match Event::parse(&item) {
            Ok(event) => Steps::default()
                .run(&event)
                .map_err(|failed| (failed.code, failed.field.to_owned())),
            Err(rejection) => Err((rejection.code, rejection.field)),
        };
        let matches = answer.as_ref().is_err_and(|(found, at)| {
            *found == code && field.as_ref().is_none_or(|field| field == at)
        });
        if !matches {
            wrong.push(format!("{name}: {answer:?} instead of {code} at {field:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
