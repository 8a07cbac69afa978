//! What is wrong with a configuration, and where: `file:line:column error what`, the line with a caret, what to do.
//!
//! Promises: `serve`, `config check` and a reload say the same words of the same mistake; a line that may hold a secret is
//! shown without it. Refuses to stop at the first mistake: whoever reads a configuration gets all of them.

use std::ops::Range;

use super::keys;

/// Whether a mistake is in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Severity {
    /// The configuration is refused.
    Error,
    /// It is taken, and probably not what was meant.
    Warning,
}

/// Where something stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// In a file; lines and columns are counted from 1, columns in characters.
    Text(Span),
    /// A file as a whole.
    File(String),
    /// A variable of the environment.
    Variable(String),
    /// A flag of the command line.
    Flag(String),
    /// Nowhere: it is the default.
    Default,
}

/// A piece of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Span {
    /// The file, as it was named.
    pub(crate) file: String,
    /// Its line.
    pub(crate) line: usize,
    /// Its column.
    pub(crate) column: usize,
    /// Characters of it.
    width: usize,
    /// The whole line, without a secret.
    shown: String,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mistake {
    pub(crate) severity: Severity,
    pub(crate) place: Place,
    /// What is wrong there.
    pub(crate) what: String,
    /// What to do about it.
    pub(crate) hint: String,
}

impl Severity {
    /// As it is printed.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

impl Span {
    /// The piece of `text`, of the file `file`, at these bytes.
    pub(super) fn of(file: &str, text: &str, bytes: Range<usize>) -> Span {
        let start = bytes.start.min(text.len());
        let before = text.get(..start).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let whole = text.lines().nth(line - 1).unwrap_or_default();
        let rest = whole.chars().count().saturating_sub(column - 1);
        let meant = text.get(start..bytes.end).unwrap_or_default();
        let width = meant.lines().next().unwrap_or_default().chars().count().min(rest).max(1);
        // Within a text of several lines nobody can tell whose value it is.
        let is_within = |quotes: &str| before.matches(quotes).count() % 2 == 1;
        let shown = match is_within("\"\"\"") || is_within("'''") {
            true => "***".to_owned(),
            false => without_secret(whole),
        };
        Span { file: file.to_owned(), line, column, width, shown }
    }

    /// The line, and a caret under each character that is meant.
    fn pointed(&self) -> String {
        let number = self.line.to_string();
        let margin = " ".repeat(number.len());
        let indent = " ".repeat(self.column - 1);
        let left = self.shown.chars().count().saturating_sub(self.column - 1);
        let carets = "^".repeat(self.width.min(left).max(1));
        // A tab has no width of its own: as a blank it leaves the carets below what they mean.
        let shown = self.shown.replace('\t', " ");
        format!("  {number} | {shown}\n  {margin} | {indent}{carets}\n")
    }
}

/// `line`, cut behind the `=` of a key that holds a secret.
fn without_secret(line: &str) -> String {
    for name in keys::SECRETS {
        let word = name.rsplit('.').next().unwrap_or(name);
        for (at, _) in line.match_indices(word) {
            let (before, after) = (line.get(..at), line.get(at + word.len()..));
            let (Some(before), Some(after)) = (before, after) else { continue };
            let is_inside = before.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '-');
            let value = after.trim_start_matches(['"', '\'', ' ', '\t']);
            if !is_inside && value.starts_with('=') {
                let equals = line.len() - value.len() + 1;
                return format!("{} ***", line.get(..equals).unwrap_or_default());
            }
        }
    }
    line.to_owned()
}

impl Place {
    /// Who wins: of two places, the greater one.
    pub(super) fn rank(&self) -> (u8, usize) {
        match self {
            Place::Default => (0, 0),
            Place::File(_) => (1, 0),
            Place::Text(span) => (1, span.line),
            Place::Variable(_) => (2, 0),
            Place::Flag(_) => (3, 0),
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Place::Text(Span { file, line, column, .. }) => write!(out, "{file}:{line}:{column}"),
            Place::File(name) | Place::Variable(name) | Place::Flag(name) => out.write_str(name),
            Place::Default => out.write_str("default"),
        }
    }
}

impl std::fmt::Display for Mistake {
    /// All of it, over several lines, without a line end.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(out, "{} {} {}", self.place, self.severity.word(), self.what)?;
        if let Place::Text(span) = &self.place {
            out.write_str(&span.pointed())?;
        }
        write!(out, "  hint: {}", self.hint)
    }
}
