//! What the reader takes and refuses, where it says so, and that writing is the inverse of reading.

use proptest::prelude::*;

use super::{Limits, Value, array, lines, parse, pointer_at, push_token, tokens, trim, write_cj1};
use crate::code::Code;

fn cj1(value: &Value<'_>) -> String {
    let mut out = Vec::new();
    write_cj1(value, &mut out);
    String::from_utf8(out).unwrap()
}

/// Source, canonical form.
const TAKEN: &[(&str, &str)] = &[
    ("null", "null"),
    (" \t\r\n true \n", "true"),
    ("false", "false"),
    ("0", "0"),
    ("-0", "-0"),
    ("-0.0E+00", "-0.0E+00"),
    ("1e2", "1e2"),
    ("0.10", "0.10"),
    ("123456789012345678901234567890", "123456789012345678901234567890"),
    ("\"\"", "\"\""),
    (r#""\"\\\/\b\f\n\r\t""#, r#""\"\\/\b\f\n\r\t""#),
    (r#""\u0000\u001F\u007f\u0041""#, "\"\\u0000\\u001f\u{7f}A\""),
    (r#""\ud83d\uDE00""#, "\"😀\""),
    ("\"e\u{301}\"", "\"e\u{301}\""),
    ("\"\u{feff}\u{2028}\u{2029}\"", "\"\u{feff}\u{2028}\u{2029}\""),
    ("[]", "[]"),
    ("[ 1 , [ ] , { } ]", "[1,[],{}]"),
    (r#"{"b":1,"a":2,"":3,"a ":4}"#, r#"{"":3,"a":2,"a ":4,"b":1}"#),
    // Code points, not UTF-16 units: U+FFFF sorts before U+10000, though its unit sorts after a surrogate.
    ("{\"\u{10000}\":1,\"\u{ffff}\":2}", "{\"\u{ffff}\":2,\"\u{10000}\":1}"),
    (r#"{"\u0061b":null}"#, r#"{"ab":null}"#),
];

#[test]
fn values_are_read_and_written() {
    for (source, canonical) in TAKEN {
        let value = parse(source.as_bytes(), Limits::EVENT).unwrap();
        assert_eq!(cj1(&value), *canonical, "{source}");
        assert_eq!(parse(canonical.as_bytes(), Limits::EVENT).unwrap(), value, "{source}");
    }
}

/// Source, code, offset, pointer.
const REFUSED: &[(&[u8], Code, usize, &str)] = &[
    (b"", Code::MalformedJson, 0, ""),
    (b"  ", Code::MalformedJson, 2, ""),
    (b"\xef\xbb\xbf{}", Code::MalformedJson, 0, ""),
    (b"\xff\xfe", Code::NotUtf8, 0, ""),
    (b"{\"a\":\"\xc3\x28\"}", Code::NotUtf8, 6, "/a"),
    (b"{\"a\":\"\xed\xa0\x80\"}", Code::NotUtf8, 6, "/a"),
    (b"{} {}", Code::MalformedJson, 3, ""),
    (b"{}x", Code::MalformedJson, 2, ""),
    (b"{}\0", Code::MalformedJson, 2, ""),
    (b"{", Code::MalformedJson, 1, ""),
    (b"[1,", Code::MalformedJson, 3, "/1"),
    (b"[1,]", Code::MalformedJson, 3, "/1"),
    (b"[1 2]", Code::MalformedJson, 3, "/0"),
    (b"[1}", Code::MalformedJson, 2, "/0"),
    (b"{\"a\":1,}", Code::MalformedJson, 7, ""),
    (b"{\"a\" 1}", Code::MalformedJson, 5, "/a"),
    (b"{\"a\"}", Code::MalformedJson, 4, "/a"),
    (b"{a:1}", Code::MalformedJson, 1, ""),
    (b"{'a':1}", Code::MalformedJson, 1, ""),
    (b"{1:1}", Code::MalformedJson, 1, ""),
    (b"{\"a\":}", Code::MalformedJson, 5, "/a"),
    (b"01", Code::MalformedJson, 1, ""),
    (b"-01", Code::MalformedJson, 2, ""),
    (b"+1", Code::MalformedJson, 0, ""),
    (b".5", Code::MalformedJson, 0, ""),
    (b"1.", Code::MalformedJson, 2, ""),
    (b"1.e1", Code::MalformedJson, 2, ""),
    (b"1e", Code::MalformedJson, 2, ""),
    (b"1e+", Code::MalformedJson, 3, ""),
    (b"-", Code::MalformedJson, 1, ""),
    (b"0x10", Code::MalformedJson, 1, ""),
    (b"NaN", Code::MalformedJson, 0, ""),
    (b"Infinity", Code::MalformedJson, 0, ""),
    (b"nul", Code::MalformedJson, 0, ""),
    (b"True", Code::MalformedJson, 0, ""),
    (b"// c\n1", Code::MalformedJson, 0, ""),
    (b"\"a", Code::MalformedJson, 2, ""),
    (b"\"a\nb\"", Code::MalformedJson, 2, ""),
    (b"\"a\tb\"", Code::MalformedJson, 2, ""),
    (b"\"12345678\x1f\"", Code::MalformedJson, 9, ""),
    (b"\"\\x41\"", Code::MalformedJson, 1, ""),
    (b"\"\\u12g4\"", Code::MalformedJson, 5, ""),
    (b"\"\\u123", Code::MalformedJson, 6, ""),
    (b"\"\\", Code::MalformedJson, 2, ""),
    (b"\"\\ud800\"", Code::LoneSurrogate, 1, ""),
    (b"\"\\udc00\"", Code::LoneSurrogate, 1, ""),
    (b"\"\\ud800x\"", Code::LoneSurrogate, 1, ""),
    (b"\"\\ud800\\u0041\"", Code::LoneSurrogate, 1, ""),
    (b"\"\\udc00\\ud800\"", Code::LoneSurrogate, 1, ""),
    (b"{\"\\ud800\":1}", Code::LoneSurrogate, 2, ""),
    (b"{\"a\":1,\"a\":1}", Code::DuplicateKey, 7, "/a"),
    (b"{\"a\":1,\"\\u0061\":2}", Code::DuplicateKey, 7, "/a"),
    (b"{\"x\":[{\"a\":{},\"b\":1,\"a\":2}]}", Code::DuplicateKey, 20, "/x/0/a"),
    (b"{\"\":1,\"\":2}", Code::DuplicateKey, 6, "/"),
    (b"{\"a\\u0000\":1}", Code::InvalidValue, 1, "/a\0"),
];

#[test]
fn refusals_have_a_code_and_a_place() {
    for (source, code, offset, pointer) in REFUSED {
        let shown = String::from_utf8_lossy(source);
        let error = parse(source, Limits::EVENT).unwrap_err();
        assert_eq!((error.code, error.offset), (*code, *offset), "{shown}");
        assert_eq!(pointer_at(source, error.offset), *pointer, "{shown}");
    }
}

#[test]
fn limits_at_and_past() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    let cases = [
        (nested(16), nested(17), Code::TooDeep, 16),
        (
            format!("\"{}\"", "é".repeat(32_768)),
            format!("\"{}x\"", "é".repeat(32_768)),
            Code::TooLong,
            0,
        ),
        (
            format!("\"\\n{}\"", "x".repeat(65_535)),
            format!("\"\\n{}\"", "x".repeat(65_536)),
            Code::TooLong,
            0,
        ),
        ("1".repeat(64), "1".repeat(65), Code::TooLong, 0),
        (
            format!("{{\"{}\":1}}", "k".repeat(65_536)),
            format!("{{\"{}\":1}}", "k".repeat(65_537)),
            Code::TooLong,
            1,
        ),
    ];
    for (at, past, code, offset) in cases {
        assert!(parse(at.as_bytes(), Limits::EVENT).is_ok());
        let error = parse(past.as_bytes(), Limits::EVENT).unwrap_err();
        assert_eq!((error.code, error.offset), (code, offset));
    }
    let deep = nested(100_000);
    assert_eq!(parse(deep.as_bytes(), Limits::READER).unwrap_err().code, Code::TooDeep);
}

#[test]
fn a_wide_object_is_read_without_comparing_all_pairs() {
    let member = |number: usize| format!("\"k{number}\":{number}");
    let wide: Vec<_> = (0..20_000).map(member).collect();
    let source = format!("{{{}}}", wide.join(","));
    let Value::Object(members) = parse(source.as_bytes(), Limits::EVENT).unwrap() else {
        panic!("an object")
    };
    assert_eq!(members.len(), 20_000);
    assert!(members.is_sorted_by(|a, b| a.0 < b.0));
    let twice = format!("{{{},\"k7\":0}}", wide.join(","));
    let error = parse(twice.as_bytes(), Limits::EVENT).unwrap_err();
    assert_eq!((error.code, error.offset), (Code::DuplicateKey, source.len()));
}

#[test]
fn lines_are_split_and_blank_ones_skipped() {
    let body = b"\n {\"a\":1} \r\n\r\n\t\n[2\n\"\xff\"\n  x";
    let items = lines(body, 4).unwrap();
    assert_eq!(items, [b"{\"a\":1}".as_slice(), b"[2", b"\"\xff\"", b"x"]);
    let error = lines(body, 3).unwrap_err();
    assert_eq!((error.code, error.offset), (Code::TooManyItems, 23));
    assert!(lines(b"", 0).unwrap().is_empty());
    assert_eq!(trim(b" \t\r\n"), b"");
}

#[test]
fn arrays_are_split_whole_or_not_at_all() {
    let body =
        b" [ {\"a\":[1,{\"b\":\"]\\\"\"}]} ,\n2 , \"\xff\\ud800\", {\"a\":1,\"a\":1},[],{} ] \n";
    let items = array(body, 6).unwrap();
    let expected: [&[u8]; 6] = [
        b"{\"a\":[1,{\"b\":\"]\\\"\"}]}",
        b"2",
        b"\"\xff\\ud800\"",
        b"{\"a\":1,\"a\":1}",
        b"[]",
        b"{}",
    ];
    assert_eq!(items, expected);
    assert_eq!(array(body, 5).unwrap_err().code, Code::TooManyItems);
    assert!(array(b"[]", 0).unwrap().is_empty());
    let deep = [b"[".repeat(1_000_000), b"]".repeat(1_000_000)].concat();
    assert_eq!(array(&deep, 1).unwrap().len(), 1);
    let broken: &[(&[u8], usize)] = &[
        (b"", 0),
        (b"{}", 0),
        (b"\xef\xbb\xbf[]", 0),
        (b"[", 1),
        (b"[1,]", 3),
        (b"[,1]", 1),
        (b"[1] x", 4),
        (b"[1][2]", 3),
        (b"[{\"a\":1},{\"a\" 2}]", 14),
        (b"[{\"a\":1,}]", 8),
        (b"[{a:1}]", 2),
        (b"[{\"a\":[1,2}]", 10),
        (b"[01]", 2),
        (b"[1.]", 3),
        (b"[tru]", 1),
        (b"[\"\\x\"]", 2),
        (b"[\"\\u12\"]", 6),
        (b"[\"\n\"]", 2),
        (b"[{\"a\":1}", 8),
    ];
    for (body, offset) in broken {
        let error = array(body, 10).unwrap_err();
        let shown = String::from_utf8_lossy(body);
        assert_eq!((error.code, error.offset), (Code::MalformedJson, *offset), "{shown}");
    }
}

#[test]
fn pointers_are_escaped_and_read_back() {
    let mut pointer = String::new();
    for token in ["a/b", "m~n", "", "~1"] {
        push_token(&mut pointer, token);
    }
    assert_eq!(pointer, "/a~1b/m~0n//~01");
    assert_eq!(tokens(&pointer).unwrap(), ["a/b", "m~n", "", "~1"]);
    assert_eq!(tokens("").unwrap(), [""; 0]);
    for wrong in ["a", "/~", "/~2", "#/a"] {
        assert_eq!(tokens(wrong), None, "{wrong}");
    }
}

/// Any value of modest depth.
fn any_value() -> impl Strategy<Value = Value<'static>> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        "-?(0|[1-9][0-9]{0,9})(\\.[0-9]{1,9})?([eE][+-]?[0-9]{1,3})?"
            .prop_map(|token| Value::Number(token.into())),
        any::<String>().prop_map(Value::text),
    ];
    leaf.prop_recursive(6, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::Array),
            prop::collection::btree_map("[^\0]{0,6}", inner, 0..8).prop_map(|members| {
                Value::object(members.into_iter().map(|(key, value)| (key.into(), value)).collect())
            }),
        ]
    })
}

proptest! {
    #[test]
    fn any_bytes_are_a_value_or_an_error_within_them(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Err(error) = parse(&bytes, Limits::EVENT) {
            prop_assert!(error.offset <= bytes.len());
            let _ = pointer_at(&bytes, error.offset);
        }
        let _ = array(&bytes, 10);
        let _ = lines(&bytes, 10);
    }

    #[test]
    fn json_like_bytes_are_a_value_or_an_error_within_them(text in "[\\[\\]{}:,\"\\\\u0019a \ntruefalsn.eE+-]{0,60}") {
        let bytes = text.as_bytes();
        match parse(bytes, Limits::EVENT) {
            Err(error) => prop_assert!(error.offset <= bytes.len()),
            // The splitter takes every item that the parser takes.
            Ok(_) => prop_assert_eq!(array(format!("[{text}]").as_bytes(), 2).map(|items| items.len()), Ok(1)),
        }
    }

    #[test]
    fn writing_is_the_inverse_of_reading(value in any_value()) {
        let bytes = cj1(&value);
        let again = parse(bytes.as_bytes(), Limits::EVENT).unwrap();
        prop_assert_eq!(&cj1(&again), &bytes);
        prop_assert_eq!(again, value);
    }

    #[test]
    fn the_reader_agrees_with_serde_json(text in "[\\[\\]{}:,\"ab019 .eE-]{0,24}") {
        let ours = parse(text.as_bytes(), Limits::EVENT);
        let theirs = serde_json::from_str::<serde::de::IgnoredAny>(&text);
        match ours {
            Ok(_) => prop_assert!(theirs.is_ok()),
            // Theirs has no opinion on keys twice.
            Err(error) => prop_assert!(theirs.is_err() || error.code == Code::DuplicateKey || error.code == Code::TooDeep),
        }
    }
}
