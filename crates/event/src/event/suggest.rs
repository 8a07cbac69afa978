//! What somebody perhaps meant: hints for unknown members and values.
//!
//! Promises: a hint names at most one suggestion, and only one that is near or that other systems call so. Refuses to
//! correct anything: a guess about evidence is worse than a refusal.

use super::Rejection;
use crate::code::Code;
use crate::json;

/// Members that only the server writes.
const STAMPED: &[&str] = &[
    "credential",
    "defaults",
    "geo",
    "index",
    "instance",
    "kind_table",
    "lineage",
    "mapping",
    "peer_ip",
    "producer",
    "received_at",
    "seq",
    "signature",
    "system",
    "tenant",
];

/// What other systems call a member, and where it goes here.
const ALIASES: &[(&str, &str)] = &[
    ("actors", "actor"),
    ("after", "changes"),
    ("before", "changes"),
    ("client_ip", "origin.ip"),
    ("context", "origin"),
    ("data", "attrs"),
    ("details", "attrs"),
    ("event", "action"),
    ("event_id", "id"),
    ("event_type", "action"),
    ("host", "origin.host"),
    ("ip", "origin.ip"),
    ("message", "outcome.reason"),
    ("meta", "attrs"),
    ("metadata", "attrs"),
    ("object", "targets"),
    ("principal", "actor"),
    ("reason", "outcome.reason"),
    ("request_id", "correlation.request_id"),
    ("resource", "targets"),
    ("resources", "targets"),
    ("result", "outcome"),
    ("service", "origin.service"),
    ("session_id", "correlation.session_id"),
    ("source", "origin"),
    ("span_id", "correlation.span_id"),
    ("status", "outcome"),
    ("subject", "actor"),
    ("target", "targets"),
    ("time", "occurred_at"),
    ("timestamp", "occurred_at"),
    ("trace_id", "correlation.trace_id"),
    ("ts", "occurred_at"),
    ("type", "action"),
    ("user", "actor"),
    ("user_agent", "origin.user_agent"),
];

/// The refusal of the member that `field` points to, where `names` are the ones that may stand there.
pub(super) fn unknown_member(field: String, names: &'static [&'static str]) -> Rejection {
    let tokens = json::tokens(&field).unwrap_or_default();
    let name = tokens.last().map_or("", |token| token);
    let is_top = tokens.len() == 1;
    if is_top && STAMPED.contains(&name) {
        return Rejection::new(Code::StampedField, field);
    }
    let alias = ALIASES
        .iter()
        .find(|(alias, _)| is_top && name.eq_ignore_ascii_case(alias))
        .map(|(_, name)| *name);
    let hint = match alias.or_else(|| nearest(name, names)) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => Code::UnknownField.hint().to_owned(),
    };
    Rejection::with_hint(Code::UnknownField, field, hint)
}

/// What to say of a value that is none of `allowed`.
pub(super) fn one_of(value: &str, allowed: &[&str]) -> String {
    let list = allowed.join(", ");
    match nearest(value, allowed) {
        Some(meant) => format!("did you mean `{meant}`? one of: {list}"),
        None => format!("one of: {list}"),
    }
}

/// The one of `names` that differs least from `text`, if it differs little.
pub(crate) fn nearest<'n>(text: &str, names: &[&'n str]) -> Option<&'n str> {
    const CHARS_MAX: usize = 32;
    let text: Vec<char> = text.chars().take(CHARS_MAX + 1).flat_map(char::to_lowercase).collect();
    if text.len() > CHARS_MAX {
        return None;
    }
    let near = |name: &&'n str| {
        let distance = distance(&text, name);
        (distance <= 1 + name.len() / 4).then_some((distance, *name))
    };
    names.iter().filter_map(near).min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}

/// How many characters must be put in, left out, replaced, or swapped with the next one, from `text` to `name`.
pub(crate) fn distance(text: &[char], name: &str) -> usize {
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=text.len()).collect();
    let mut previous = None;
    for (row, letter) in name.chars().enumerate() {
        let mut line = Vec::with_capacity(last.len());
        line.push(row + 1);
        for (column, typed) in text.iter().enumerate() {
            let at =
                |line: &[usize], column: usize| line.get(column).copied().unwrap_or(usize::MAX / 2);
            let replaced = at(&last, column) + usize::from(*typed != letter);
            let mut best = replaced.min(at(&last, column + 1) + 1).min(at(&line, column) + 1);
            let is_swap =
                column > 0 && text.get(column - 1) == Some(&letter) && previous == Some(*typed);
            if is_swap {
                best = best.min(at(&before_last, column - 1) + 1);
            }
            line.push(best);
        }
        before_last = std::mem::replace(&mut last, line);
        previous = Some(letter);
    }
    last.last().copied().unwrap_or(usize::MAX)
}
