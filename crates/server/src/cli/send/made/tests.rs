//! Flags to events, and ids for those that have none.

use clap::Parser;

use super::*;
use crate::cli::{Cli, Command};

/// The arguments of a `send` command line.
fn args(line: &[&str]) -> Args {
    let cli = Cli::try_parse_from(["indelible", "send"].iter().chain(line)).expect("parses");
    let Command::Send(args) = cli.command else { panic!("not `send`") };
    args
}

/// The event with its id taken out, which is checked to be a version 7.
fn without_id(event: &[u8]) -> String {
    let Ok(Value::Object(mut members)) = parse(event, Limits::EVENT) else { panic!("no object") };
    let at = members.iter().position(|(key, _)| key == "id").expect("an id");
    let (_, id) = members.remove(at);
    let id = id.as_str().expect("text");
    assert!(event::ids::EventId::parse(id).is_ok() && id.as_bytes().get(14) == Some(&b'7'), "{id}");
    let mut bytes = Vec::new();
    write_cj1(&Value::Object(members), &mut bytes);
    String::from_utf8(bytes).expect("UTF-8")
}

#[test]
fn flags_make_one_event() {
    let cases: [(&[&str], &str); 3] = [
        (&["a.b", "--actor", "ana"], r#"{"action":"a.b","actor":"ana"}"#),
        (
            &[
                "a.b",
                "--actor",
                "\"q\"",
                "--target",
                "x/1",
                "--target",
                "y/2/3",
                "--outcome",
                "denied",
            ],
            r#"{"action":"a.b","actor":"\"q\"","outcome":"denied","targets":["x/1","y/2/3"]}"#,
        ),
        (
            &[
                "a.b", "--actor", "a", "--set", "z=0.10", "--set", "b=true", "--set", "t=\"1\"",
                "--set", "e=", "--set", "n=null", "--set", "q=a=b", "--set", "s=1 2",
            ],
            r#"{"action":"a.b","actor":"a","attrs":{"b":true,"e":"","n":"null","q":"a=b","s":"1 2","t":"\"1\"","z":0.10}}"#,
        ),
    ];
    for (line, expected) in cases {
        assert_eq!(without_id(&event(&args(line)).unwrap()), expected);
    }
    let twice = args(&["a.b", "--actor", "a", "--set", "k=1", "--set", "k=2"]);
    assert_eq!(event(&twice).unwrap_err().exit, Exit::Usage);
}

#[test]
fn an_event_keeps_its_id_and_its_bytes() {
    let kept = [
        r#"{ "id" : "x", "n":1.0 }"#,
        r#"{"id":7}"#,
        "[]",
        "{",
        "\"id\"",
        "",
        r#"{"a":1,"a":2}"#,
        "\u{feff}{}",
    ];
    for event in kept {
        assert_eq!(with_id(event.as_bytes()).unwrap(), event.as_bytes(), "{event}");
    }
}

#[test]
fn an_event_without_id_gets_one_and_keeps_the_rest() {
    let cases = [
        (r#"{ "z":1.0, "a":[1e2]}"#, r#"{"a":[1e2],"z":1.0}"#),
        (r#"{"id":null,"z":1.0}"#, r#"{"z":1.0}"#),
        ("{}", "{}"),
        ("{ }", "{}"),
        (r#"  {"attrs":{"id":"inner"}}"#, r#"{"attrs":{"id":"inner"}}"#),
    ];
    for (event, rest) in cases {
        assert_eq!(without_id(&with_id(event.as_bytes()).unwrap()), rest, "{event}");
    }
    let spliced = with_id(br#"{ "z":1.0 }"#).unwrap().into_owned();
    assert!(spliced.ends_with(br#", "z":1.0 }"#), "the bytes behind the id are those that came");
    let (one, two) = (with_id(b"{}").unwrap(), with_id(b"{}").unwrap());
    assert_ne!(one, two);
    assert_eq!(id_of(br#"{"id":"x"}"#), "x");
    assert_eq!(id_of(b"{"), "");
}
