//! What may be written at a place in a search.
//!
//! Promises: answers for any text, also one that cannot be read yet; what it offers is from the table of fields. Refuses
//! to know values of events: whoever has rows adds them where `field` says which.

use std::ops::Range;

use super::fields::{self, Kind, Known};
use super::limits;

/// What may stand at a place.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Completion {
    /// The bytes of the text that a suggestion replaces.
    pub span: Range<usize>,
    /// What may stand there, best first.
    pub suggestions: Vec<Suggestion>,
    /// The field whose values are asked for, if the place is behind a colon.
    pub field: Option<&'static str>,
}

/// Something that may be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    /// The text, with a colon behind it if it is a field.
    pub text: String,
    /// What it means.
    pub meaning: String,
}

/// What may stand at byte `position` of `text`.
#[must_use]
pub fn complete(text: &str, position: usize) -> Completion {
    let before = (0..=position.min(text.len())).rev().find_map(|end| text.get(..end)).unwrap_or("");
    let starts_word = |next: char| next.is_whitespace() || matches!(next, '(' | ')');
    let start = before.rfind(starts_word).map_or(0, |at| {
        at + before.get(at..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8)
    });
    let word = before.get(start..).unwrap_or("");
    let minus = word.len() - word.trim_start_matches('-').len();
    let (start, word) = (start + minus, word.get(minus..).unwrap_or(""));
    if before.matches('"').count() % 2 == 1 {
        return Completion { span: before.len()..before.len(), ..Completion::default() };
    }
    match word.split_once(':') {
        None => of_names(start, word),
        Some((name, values)) => of_values(start + name.len() + 1, name, values),
    }
}

fn of_names(start: usize, word: &str) -> Completion {
    let typed = word.to_lowercase();
    let of_fields = fields::SPECS.iter().map(|spec| (spec.name, spec.meaning, spec.aliases));
    let sugar = fields::SUGAR.iter().map(|(name, meaning)| (*name, *meaning, &[] as &[&str]));
    let mut ranked: Vec<(usize, &str, &str)> = Vec::new();
    for (name, meaning, aliases) in of_fields.chain(sugar) {
        let rank = if name.starts_with(&typed) {
            0
        } else if aliases.iter().any(|alias| alias.starts_with(&typed)) {
            1
        } else if !typed.is_empty() && name.contains(&typed) {
            2
        } else {
            continue;
        };
        ranked.push((rank, name, meaning));
    }
    ranked.sort_by_key(|(rank, _, _)| *rank);
    let suggestions = ranked.into_iter().take(limits::SUGGESTIONS_MAX).map(|(_, name, meaning)| {
        let sign = if matches!(name, "attrs" | "old" | "new") { '.' } else { ':' };
        Suggestion { text: format!("{name}{sign}"), meaning: meaning.to_owned() }
    });
    Completion { span: start..start + word.len(), suggestions: suggestions.collect(), field: None }
}

fn of_values(start: usize, name: &str, values: &str) -> Completion {
    let segments: Vec<String> = name.split('.').map(str::to_owned).collect();
    let skipped = values.rfind([',', '>', '<', '=']).map_or(0, |at| at + 1);
    let typed = values.get(skipped..).unwrap_or("");
    let span = start + skipped..start + values.len();
    let (allowed, field): (Vec<(&str, String)>, _) = match fields::find(&segments) {
        Some(Known::Field(spec, _)) => (of_kind(spec.kind), Some(spec.name)),
        Some(Known::Is) => {
            let meaning = |(word, field, values): &(&'static str, fields::Field, &[&str])| {
                let name = if *field == fields::Field::Record {
                    "a record of the ledger's own"
                } else {
                    field.name()
                };
                (*word, format!("{name}: {}", values.join(", ")))
            };
            (fields::IS.iter().map(meaning).collect(), None)
        }
        Some(Known::Has) => {
            let optional =
                fields::SPECS.iter().filter(|spec| spec.filled == fields::Filled::Sometimes);
            (optional.map(|spec| (spec.name, spec.meaning.to_owned())).collect(), None)
        }
        Some(Known::Since | Known::Until) => (of_kind(Kind::Time), None),
        None => (Vec::new(), None),
    };
    let fitting = allowed.into_iter().filter(|(value, _)| value.starts_with(typed));
    let suggestions = fitting
        .take(limits::SUGGESTIONS_MAX)
        .map(|(value, meaning)| Suggestion { text: value.to_owned(), meaning });
    Completion { span, suggestions: suggestions.collect(), field }
}

/// Values that are known without looking at rows.
fn of_kind(kind: Kind) -> Vec<(&'static str, String)> {
    match kind {
        Kind::Choice(values) | Kind::Rank(values) => {
            values.iter().map(|value| (*value, String::new())).collect()
        }
        Kind::Time => [
            ("1h", "the last hour"),
            ("24h", "the last 24 hours"),
            ("7d", "the last seven days"),
            ("today", "since midnight UTC"),
            ("yesterday", "the day before, UTC"),
            ("now-15m", "a quarter of an hour ago"),
        ]
        .map(|(value, meaning)| (value, meaning.to_owned()))
        .to_vec(),
        _ => Vec::new(),
    }
}
