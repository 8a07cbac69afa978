//! Statements and their answers in `sql/*.slt`, read when the test runs: a case is added by adding
//! lines. A case is `query [PARAMETERS]`, a statement, `----` and its rows as JSON lines; or
//! `error CODE`, a statement, `----` and words of the error and hint; cases end at an empty line.
//! The tenant asked is `sql/tenant.jsonl`: one event a line, or `dead_letter ...`, `refused`,
//! `lost`.

use std::path::{Path, PathBuf};

use event::json::{Limits as Json, Value, parse};
use indelible_query::{Format, Limits, Parameter};

use crate::world::{Put, ask_with, view};

struct Case {
    head: String,
    sql: String,
    expected: String,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/sql")
}

fn cases(text: &str) -> Vec<Case> {
    let plain: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let blocks = plain.split(|line| line.trim().is_empty()).filter(|block| !block.is_empty());
    let case = |block: &[&str]| {
        let cut = block.iter().position(|line| *line == "----").expect("a case has a ---- line");
        Case {
            head: block[0].to_owned(),
            sql: block[1..cut].join("\n"),
            expected: block[cut + 1..].join("\n"),
        }
    };
    blocks.map(case).collect()
}

fn puts(text: &str) -> Vec<Put<'_>> {
    let put = |line| match line {
        "refused" => Put::Refused,
        "lost" => Put::Lost,
        other => match str::strip_prefix(other, "dead_letter ") {
            Some(raw) => Put::DeadLetter(raw),
            None => Put::Event(other),
        },
    };
    text.lines().map(put).collect()
}

fn parameters(json: &str) -> Vec<Parameter> {
    if json.is_empty() {
        return Vec::new();
    }
    let Ok(Value::Array(values)) = parse(json.as_bytes(), Json::READER) else {
        panic!("parameters are a JSON array: {json}");
    };
    let parameter = |value: &Value<'_>| match value {
        Value::Null => Parameter::Null,
        Value::Bool(value) => Parameter::Boolean(*value),
        Value::Number(token) => match token.parse() {
            Ok(whole) => Parameter::Integer(whole),
            Err(_) => Parameter::Float(token.parse().unwrap()),
        },
        Value::String(text) => Parameter::Text(text.to_string()),
        other => panic!("no parameter: {other:?}"),
    };
    values.iter().map(parameter).collect()
}

/// What is wrong with a case, if anything.
fn check(rows: &std::sync::Arc<lake::View>, case: &Case) -> Option<String> {
    let (kind, rest) = case.head.split_once(' ').unwrap_or((&case.head, ""));
    let given = if kind == "query" { parameters(rest) } else { Vec::new() };
    match (kind, ask_with(rows, &case.sql, &given, &Limits::default())) {
        ("query", Ok(answer)) => {
            let lines = String::from_utf8(answer.to_bytes(Format::JsonLines).unwrap()).unwrap();
            (lines.trim_end() != case.expected).then(|| lines.trim_end().to_owned())
        }
        ("error", Err(error)) => {
            let said = format!("{error} / {}", error.hint());
            let right =
                error.code().as_str() == rest && case.expected.lines().all(|w| said.contains(w));
            (!right).then(|| format!("{}: {said}", error.code()))
        }
        (_, Ok(answer)) => Some(format!("an answer of {} rows", answer.rows())),
        (_, Err(error)) => Some(format!("{}: {error} / {}", error.code(), error.hint())),
    }
}

#[test]
fn statements_are_answered_as_the_files_say() {
    let tenant = std::fs::read_to_string(folder().join("tenant.jsonl")).unwrap();
    let rows = view(&puts(&tenant));
    let mut files: Vec<_> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "slt"))
        .collect();
    files.sort();
    let (mut count, mut wrong) = (0, String::new());
    for file in files {
        for case in cases(&std::fs::read_to_string(&file).unwrap()) {
            count += 1;
            if let Some(got) = check(&rows, &case) {
                let name = file.file_name().unwrap().to_string_lossy().into_owned();
                wrong += &format!("{name}: {}\n{}\n---- got\n{got}\n\n", case.head, case.sql);
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(count >= 80, "only {count} cases");
}

#[test]
fn a_wrong_answer_is_noticed() {
    let rows = view(&[Put::Event(r#"{"action":"a.b","actor":"x"}"#)]);
    let [right, wrong, no_error] = [
        "query\nSELECT 1 AS n\n----\n{\"n\":1}",
        "query\nSELECT 1 AS n\n----\n{\"n\":2}",
        "error query_invalid\nSELECT 1 AS n\n----",
    ]
    .map(|text| check(&rows, &cases(text)[0]));
    assert_eq!((right, wrong.is_some(), no_error.is_some()), (None, true, true));
}
