//! Tests of single values: JSON, addresses, paths of changes.
//!
//! Promises: these are the meanings that the document gives, once, for SQL functions, row filters and alerts alike. Refuses
//! to know a row.

use std::borrow::Cow;

use super::fields::Field;
use super::number::Decimal;
use super::times;
use super::tree::{Node, PathPattern, Pattern, Search, Term, Test};
use super::{Addresses, parse};
use crate::ids::Timestamp;
use crate::json::{self, Value};

impl Test {
    /// Whether a JSON value, or an element of an array, passes.
    #[must_use]
    pub fn matches_json(&self, value: &Value<'_>) -> bool {
        if let Value::Array(elements) = value {
            return match self {
                Test::Present => true,
                _ => elements.iter().any(|element| self.matches_json(element)),
            };
        }
        match self {
            Test::Present => *value != Value::Null,
            Test::Text(pattern) => value.as_str().is_some_and(|text| pattern.matches(text)),
            Test::Scalar(token) => is_scalar(value, token),
            Test::Number(numbers) => match value {
                Value::Number(token) => {
                    Decimal::parse(token).is_some_and(|number| numbers.contains(&number))
                }
                _ => false,
            },
            Test::Time(span) => {
                value.as_str().and_then(times::of_text).is_some_and(|time| span.contains(time))
            }
            _ => false,
        }
    }

    /// Whether a text passes: of a text test its form, of an address test the address that it is.
    #[must_use]
    pub fn matches_text(&self, text: &str) -> bool {
        match self {
            Test::Present => true,
            Test::Text(pattern) => pattern.matches(text),
            Test::Addresses(addresses) => addresses.contains(text),
            Test::Path(path) => json::tokens(text).is_some_and(|keys| path.matches(&keys)),
            _ => false,
        }
    }
}

/// Whether a JSON value at `path` passes one of `tests`. Arrays on the way are looked through.
#[must_use]
pub fn json_at(value: &Value<'_>, path: &[String], tests: &[Test]) -> bool {
    let Some((key, rest)) = path.split_first() else {
        return tests.iter().any(|test| test.matches_json(value));
    };
    match value {
        Value::Array(elements) => elements.iter().any(|element| json_at(element, path, tests)),
        object => object.member(key).is_some_and(|member| json_at(member, rest, tests)),
    }
}

/// The tests that a text behind `attrs.x:` is: what the SQL function `json_is` takes.
#[must_use]
pub fn json_tests(text: &str) -> Option<Vec<Test>> {
    tests_of("attrs.x", text)
}

/// The tests that a text behind `ip:` is: what the SQL function `ip_in` takes.
#[must_use]
pub fn address_tests(text: &str) -> Option<Vec<Addresses>> {
    let tests = tests_of("ip", text)?;
    let address = |test| match test {
        Test::Addresses(addresses) => Some(addresses),
        _ => None,
    };
    tests.into_iter().map(address).collect()
}

/// The path that a text behind `changed:` is: what the SQL function `change_at` takes.
#[must_use]
pub fn change_path(text: &str) -> Option<PathPattern> {
    match tests_of("changed", text)?.pop()? {
        Test::Path(path) => Some(path),
        _ => None,
    }
}

/// A pattern of free text as it is found in the text of a JSON column: signs are escaped there.
#[must_use]
pub fn json_text(pattern: &Pattern) -> Pattern {
    let escaped = |piece: &String| {
        let mut bytes = Vec::new();
        json::write_string(piece, &mut bytes);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        inner.unwrap_or_default().to_owned()
    };
    Pattern::new(pattern.pieces.iter().map(escaped).collect(), pattern.case)
}

/// One term's tests, if the text is one term.
fn tests_of(field: &str, text: &str) -> Option<Vec<Test>> {
    let Search { root, .. } = parse(&format!("{field}:{text}"), Timestamp(0)).ok()?;
    match root {
        Node::Term(Term::Field { tests, field: Field::Attrs(_) | Field::Ip | Field::Changed }) => {
            Some(tests)
        }
        _ => None,
    }
}

fn is_scalar(value: &Value<'_>, token: &str) -> bool {
    match value {
        Value::Null => token == "null",
        Value::Bool(truth) => token == if *truth { "true" } else { "false" },
        Value::String(text) => *text == Cow::Borrowed(token),
        Value::Number(number) => match (Decimal::parse(number), Decimal::parse(token)) {
            (Some(number), Some(token)) => number == token,
            _ => false,
        },
        Value::Array(_) | Value::Object(_) => false,
    }
}
