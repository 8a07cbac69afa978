//! Texts that a person types and texts that a person reads.
//!
//! Promises: what is printed for a person holds no control character, so that no event can steer a terminal; number
//! tokens stay as they are. Refuses to be read by a program: for that there is `--json`.

use std::path::Path;

use event::ids::{EventId, ProducerId, TenantId};
use event::json::Value;

/// A path as a shell takes it.
pub(crate) fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,:@%".contains(c);
    match text.chars().all(is_plain) {
        true => text,
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

/// An event id on the command line.
pub(crate) fn event_id(text: &str) -> Result<EventId, String> {
    EventId::parse(text).map_err(|error| error.rule.to_owned())
}

/// A tenant's name on the command line.
pub(crate) fn tenant(text: &str) -> Result<TenantId, String> {
    TenantId::parse(text).map_err(|error| error.rule.to_owned())
}

/// A producer's name on the command line.
pub(crate) fn producer(text: &str) -> Result<ProducerId, String> {
    ProducerId::parse(text).map_err(|error| error.rule.to_owned())
}

/// `value` with one member or element a line.
pub(crate) fn pretty(value: &Value<'_>) -> String {
    let mut out = String::new();
    write_pretty(value, 0, &mut out);
    out
}

fn write_pretty(value: &Value<'_>, depth: usize, out: &mut String) {
    let inside = |out: &mut String| {
        out.push('\n');
        out.push_str(&"  ".repeat(depth + 1));
    };
    match value {
        Value::Array(elements) if !elements.is_empty() => {
            for (position, element) in elements.iter().enumerate() {
                out.push(if position == 0 { '[' } else { ',' });
                inside(out);
                write_pretty(element, depth + 1, out);
            }
            out.push_str(&format!("\n{}]", "  ".repeat(depth)));
        }
        Value::Object(members) if !members.is_empty() => {
            for (position, (key, member)) in members.iter().enumerate() {
                out.push(if position == 0 { '{' } else { ',' });
                inside(out);
                out.push_str(&compact(&Value::text(key.as_ref())));
                out.push_str(": ");
                write_pretty(member, depth + 1, out);
            }
            out.push_str(&format!("\n{}}}", "  ".repeat(depth)));
        }
        leaf => out.push_str(&compact(leaf)),
    }
}

/// `value` on one line, as JSON without control characters.
pub(crate) fn compact(value: &Value<'_>) -> String {
    let mut bytes = Vec::new();
    event::json::write_cj1(value, &mut bytes);
    printable(&String::from_utf8_lossy(&bytes))
}

/// [`printable`], line by line: for words of ours that may have several lines.
pub(crate) fn printable_lines(text: &str) -> String {
    text.split('\n').map(printable).collect::<Vec<_>>().join("\n")
}

/// `text` on one line, with every control character (C1 and direction marks too) as `\u{..}`.
pub(crate) fn printable(text: &str) -> String {
    let is_steering = |c: char| {
        c.is_control()
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
    };
    if !text.contains(is_steering) {
        return text.to_owned();
    }
    text.chars()
        .map(|c| if is_steering(c) { c.escape_unicode().to_string() } else { c.to_string() })
        .collect()
}

/// Lines of columns: each as wide as its widest cell, at most `cell_chars_max`, two spaces between.
pub(crate) fn columns(head: &[&str], rows: &[Vec<String>], cell_chars_max: usize) -> String {
    let shorten = |cell: &str| shortened(&printable(cell), cell_chars_max);
    let mut lines: Vec<Vec<String>> = vec![head.iter().map(|cell| shorten(cell)).collect()];
    lines.extend(rows.iter().map(|row| row.iter().map(|cell| shorten(cell)).collect()));
    let width = |column: usize| {
        lines.iter().filter_map(|line| Some(line.get(column)?.chars().count())).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let mut out = String::new();
    for line in &lines {
        let cells = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        let joined = cells.collect::<Vec<_>>().join("  ");
        out.push_str(joined.trim_end());
        out.push('\n');
    }
    out
}

/// The first characters of `text`, with a mark where it was cut.
pub(super) fn shortened(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        Some((cut, _)) => format!("{}\u{2026}", text.get(..cut).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
