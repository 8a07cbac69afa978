//! What a test of JSON means for the text of a column: one meaning for searches and for the SQL that they are shown as.
//!
//! The meanings of single values are those of `event::search`. What is no JSON passes no test.

use event::json::{Limits, Value, parse, tokens};
use event::search::{PathPattern, Test, json_at};

/// Which value of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Side {
    /// The one before.
    Old,
    /// The one after.
    New,
}

impl Side {
    /// The key that it stands under.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Old => "old",
            Self::New => "new",
        }
    }
}

/// Whether a value at `path` passes one of the tests.
pub(crate) fn has_value(json: &str, path: &[String], tests: &[Test]) -> bool {
    read(json).is_some_and(|value| json_at(&value, path, tests))
}

/// Whether one of `changes` has such a path.
pub(crate) fn has_change(changes: &str, path: &PathPattern) -> bool {
    any_change(changes, |keys, _| path.matches(keys))
}

/// Whether one of `changes` has, on that side, a value at `path` that passes one of the tests: a change of something
/// above the path has its value inside its own.
pub(crate) fn has_changed_value(
    changes: &str,
    side: Side,
    path: &[String],
    tests: &[Test],
) -> bool {
    any_change(changes, |keys, change| {
        let is_above = keys.iter().zip(path).all(|(one, other)| one == other);
        match (change.member(side.key()), path.get(keys.len()..)) {
            (Some(value), Some(rest)) if is_above => json_at(value, rest, tests),
            _ => false,
        }
    })
}

fn any_change(changes: &str, holds: impl Fn(&[String], &Value<'_>) -> bool) -> bool {
    let Some(Value::Array(changes)) = read(changes) else { return false };
    changes.iter().any(|change| {
        let path = change.member("path").and_then(Value::as_str).and_then(tokens);
        path.is_some_and(|keys| {
            let keys: Vec<String> = keys.into_iter().map(Into::into).collect();
            holds(&keys, change)
        })
    })
}

fn read(json: &str) -> Option<Value<'_>> {
    parse(json.as_bytes(), Limits::READER).ok()
}
