//! The normal form of a search.
//!
//! Promises: what is printed is read as the same tree, whatever the time is then; names are those of the table, times
//! absolute, lists as short as they can be. Refuses to keep how it was written.

use super::fields::{Field, Kind};
use super::merge;
use super::number::{Bound, End, Numbers};
use super::times::Style;
use super::tree::{Begins, Case, Node, PathPattern, Pattern, Search, Term, Test};
use super::values::is_scalar;

impl Search {
    /// The normal form; of a search for everything, the empty text.
    #[must_use]
    pub fn to_text(&self) -> String {
        match &self.root {
            Node::And(nodes) if nodes.is_empty() => String::new(),
            root => node(root),
        }
    }
}

fn node(node: &Node) -> String {
    match node {
        Node::And(nodes) if nodes.is_empty() => "*".to_owned(),
        Node::And(nodes) => {
            let would_merge = nodes.iter().enumerate().any(|(position, a)| {
                nodes.iter().skip(position + 1).any(|b| merge::are_same(a, b))
            });
            let texts: Vec<String> = nodes.iter().map(in_group).collect();
            texts.join(if would_merge { " AND " } else { " " })
        }
        Node::Or(nodes) => nodes.iter().map(in_group).collect::<Vec<_>>().join(" OR "),
        Node::Not(inner) => format!("-{}", in_group(inner)),
        Node::Term(Term::Text(pattern)) => free(pattern),
        Node::Term(Term::Field { field, tests }) => filter(field, tests),
    }
}

fn in_group(inner: &Node) -> String {
    match inner {
        Node::And(nodes) if nodes.is_empty() => node(inner),
        Node::And(_) | Node::Or(_) => format!("({})", node(inner)),
        _ => node(inner),
    }
}

/// A word or phrase.
fn free(pattern: &Pattern) -> String {
    let inner = pattern.pieces.get(1..pattern.pieces.len().saturating_sub(1)).unwrap_or_default();
    let [only] = inner else {
        return starred(inner, Place::Text);
    };
    let is_operator = matches!(only.as_str(), "AND" | "OR" | "NOT" | "&&" | "&" | "||" | "|");
    if is_operator || escaped(only, Place::Text) != *only { quoted(only) } else { only.clone() }
}

fn filter(field: &Field, tests: &[Test]) -> String {
    if *field == Field::Record {
        return format!("is:{}", list(tests, record_word));
    }
    let kind = field.spec().map_or(Kind::Word, |spec| spec.kind);
    let mut name = field.name().to_owned();
    for key in field.path() {
        name.push('.');
        let is_plain = !key.is_empty()
            && key
                .chars()
                .all(|next| next.is_alphanumeric() || matches!(next, '_' | '-' | '@' | '$'));
        name.push_str(&if is_plain { key.clone() } else { quoted(key) });
    }
    format!("{name}:{}", values(kind, tests))
}

/// What stands behind the colon.
pub(super) fn values(kind: Kind, tests: &[Test]) -> String {
    if let [only] = tests {
        return alone(kind, only);
    }
    let sign = if is_exact(kind, tests) { "=" } else { "" };
    format!("{sign}{}", list(tests, |test| listed(kind, test)))
}

fn list(tests: &[Test], text: impl Fn(&Test) -> String) -> String {
    tests.iter().map(text).collect::<Vec<_>>().join(",")
}

fn record_word(test: &Test) -> String {
    match test {
        Test::Text(pattern) if pattern.whole() == Some("loss") => "lost".to_owned(),
        Test::Text(pattern) => pattern.pieces.concat(),
        _ => String::new(),
    }
}

/// Whether the texts are those of a sign `=` that makes a difference.
fn is_exact(kind: Kind, tests: &[Test]) -> bool {
    let folds = matches!(kind, Kind::Name | Kind::Prose);
    folds
        && tests
            .iter()
            .any(|test| matches!(test, Test::Text(pattern) if pattern.case == Case::Exact))
}

/// The only value of a filter.
fn alone(kind: Kind, test: &Test) -> String {
    match test {
        Test::Whole { min, max: u64::MAX } if *min != u64::MAX => format!(">={min}"),
        Test::Whole { min: 0, max } if *max != 0 => format!("<={max}"),
        Test::Time(span) => match kind {
            Kind::Json => span.to_text(Style::Compared),
            _ => span.to_text(Style::Alone),
        },
        Test::Number(numbers) => compared(numbers),
        test if is_exact(kind, std::slice::from_ref(test)) => format!("={}", listed(kind, test)),
        test => listed(kind, test),
    }
}

/// One of several values.
fn listed(kind: Kind, test: &Test) -> String {
    match test {
        Test::Present => "*".to_owned(),
        Test::Text(pattern) if kind == Kind::Prose => prose(pattern),
        Test::Text(pattern) => {
            let is_other = kind == Kind::Json && pattern.whole().is_some_and(is_scalar);
            if is_other { quoted(&pattern.pieces.concat()) } else { form(&pattern.pieces) }
        }
        Test::Scalar(text) => escaped(text, Place::Value),
        Test::Id(id) if kind == Kind::Uuid => crate::ids::EventId(*id).to_string(),
        Test::Id(id) => crate::ids::Instance(*id).to_string(),
        Test::Whole { min, max } if min == max => min.to_string(),
        Test::Whole { min, max: u64::MAX } => format!("{min}.."),
        Test::Whole { min, max } => format!("{min}..{max}"),
        Test::Time(span) => {
            span.to_text(if kind == Kind::Json { Style::Range } else { Style::Listed })
        }
        Test::Number(numbers) => range(numbers),
        Test::Addresses(addresses) => addresses.to_text(),
        Test::Target { kind, id } => target(kind, id),
        Test::Path(path) => path_text(path),
    }
}

fn prose(pattern: &Pattern) -> String {
    match pattern.pieces.as_slice() {
        [first, only, last] if first.is_empty() && last.is_empty() => {
            form(std::slice::from_ref(only))
        }
        pieces => form(pieces),
    }
}

fn target(kind: &Pattern, id: &Pattern) -> String {
    let is_any = |pattern: &Pattern| pattern.pieces.iter().all(String::is_empty);
    if is_any(kind) && !is_any(id) && !id.pieces.iter().any(|piece| piece.contains('/')) {
        return form(&id.pieces);
    }
    let mut pieces = kind.pieces.clone();
    let mut rest = id.pieces.iter();
    if let (Some(last), Some(first)) = (pieces.last_mut(), rest.next()) {
        last.push('/');
        last.push_str(first);
    }
    pieces.extend(rest.cloned());
    form(&pieces)
}

fn path_text(path: &PathPattern) -> String {
    let key = |pattern: &Pattern| {
        let pieces = pattern.pieces.iter().map(|piece| match path.begins {
            Begins::AtRoot => escaped(&piece.replace('~', "~0").replace('/', "~1"), Place::Value),
            Begins::Anywhere => escaped(piece, Place::Value),
        });
        pieces.collect::<Vec<_>>().join("*")
    };
    let keys: Vec<String> = path.keys.iter().map(key).collect();
    match path.begins {
        Begins::AtRoot => format!("/{}", keys.join("/")),
        Begins::Anywhere => keys.join("."),
    }
}

fn compared(numbers: &Numbers) -> String {
    match (&numbers.min, &numbers.max) {
        (Some(Bound { value, end: End::Included }), None) => format!(">={value}"),
        (Some(Bound { value, end: End::Excluded }), None) => format!(">{value}"),
        (None, Some(Bound { value, end: End::Included })) => format!("<={value}"),
        (None, Some(Bound { value, end: End::Excluded })) => format!("<{value}"),
        _ => range(numbers),
    }
}

fn range(numbers: &Numbers) -> String {
    let end = |bound: &Option<Bound>| {
        bound.as_ref().map_or(String::new(), |bound| bound.value.to_string())
    };
    format!("{}..{}", end(&numbers.min), end(&numbers.max))
}

/// Pieces with stars between them.
fn form(pieces: &[String]) -> String {
    match pieces {
        [only] if escaped(only, Place::Value) == *only && !only.is_empty() => only.clone(),
        [only] => quoted(only),
        pieces => starred(pieces, Place::Value),
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Pieces with stars between them, and signs escaped.
fn starred(pieces: &[String], place: Place) -> String {
    let piece = |(position, piece): (usize, &String)| {
        let inner = if place == Place::Text { Place::InnerText } else { Place::InnerValue };
        escaped(piece, if position == 0 { place } else { inner })
    };
    pieces.iter().enumerate().map(piece).collect::<Vec<_>>().join("*")
}

/// Where a word stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// By itself.
    Text,
    /// Behind a field.
    Value,
    /// By itself, behind a star.
    InnerText,
    /// Behind a field and a star.
    InnerValue,
}

/// The text with `\` before every sign that would mean something.
fn escaped(text: &str, place: Place) -> String {
    let mut out = String::with_capacity(text.len());
    let has_range = text.contains("..");
    let is_text = matches!(place, Place::Text | Place::InnerText);
    let is_first = matches!(place, Place::Text | Place::Value);
    for (position, next) in text.char_indices() {
        let begins = is_first && position == 0;
        let means = match next {
            '(' | ')' | '"' | '*' | '\\' => true,
            ',' | '.' if is_text => false,
            ',' => true,
            '.' => has_range,
            ':' | '&' | '|' => is_text,
            '-' => begins && is_text,
            '!' | '@' | '/' => begins,
            '>' | '<' | '=' => begins && !is_text,
            next => next.is_whitespace(),
        };
        if means {
            out.push('\\');
        }
        out.push(next);
    }
    out
}
