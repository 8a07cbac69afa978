//! The configuration file: what it sets, and everything that is wrong with it.
//!
//! Promises: reading goes on behind a mistake, so that one look names them all; what a broken line hides is not called a
//! mistake of its own. Refuses `${VARIABLE}` inside a file: who controls a variable would then control a path.

use std::collections::BTreeMap;
use std::io::Read;
use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::keys::{KEYS, Key, RESERVED, Reserved, SECRETS};
use super::mistake::{Mistake, Place, Severity, Span};
use super::secret::SecretReference;
use super::suggest;
use super::value::{Value, Wrong};

/// Bytes of a configuration file that are read.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// A value that a file sets.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) key: &'static Key,
    pub(super) value: Value,
    pub(super) place: Place,
}

/// The text of the file at `path`.
pub(super) fn text_of(path: &Path) -> Result<String, Box<Mistake>> {
    let refuse = |what: String| {
        let (severity, place) = (Severity::Error, Place::File(path.display().to_string()));
        let hint = "name another file with --config, or leave the option out".to_owned();
        Box::new(Mistake { severity, place, what, hint })
    };
    let mut text = String::new();
    let opened = std::fs::File::open(path);
    let read = opened.and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text));
    match read {
        Ok(bytes) if bytes as u64 > FILE_BYTES_MAX => {
            Err(refuse(format!("is longer than {FILE_BYTES_MAX} bytes")))
        }
        Ok(_) => Ok(text),
        Err(error) => Err(refuse(format!("cannot be read: {error}"))),
    }
}

/// What the `text` of the file `name` sets, and what is wrong with it, in the order of the lines.
pub(super) fn read(
    name: &str,
    text: &str,
    environment: &BTreeMap<String, String>,
) -> (Vec<Found>, Vec<Mistake>) {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut reading = Reading { name, text, environment, found: vec![], mistakes: vec![] };
    reading.walk("", table.get_ref());
    let broken: Vec<Mistake> = errors.iter().map(|error| reading.broken(error)).collect();
    let is_hidden = |mistake: &Mistake| {
        line_of(mistake)
            .is_some_and(|line| broken.iter().any(|broken| hides(text, line_of(broken), line)))
    };
    let Reading { found, mut mistakes, .. } = reading;
    mistakes.retain(|mistake| !is_hidden(mistake));
    mistakes.extend(broken);
    mistakes.sort_by_key(|mistake| match &mistake.place {
        Place::Text(span) => (span.line, span.column),
        _ => (0, 0),
    });
    mistakes.dedup();
    (found, mistakes)
}

/// A file being read.
struct Reading<'a> {
    name: &'a str,
    text: &'a str,
    environment: &'a BTreeMap<String, String>,
    found: Vec<Found>,
    mistakes: Vec<Mistake>,
}

impl Reading<'_> {
    /// Takes over everything in `table`, which stands at `above`.
    fn walk(&mut self, above: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            let path = match above {
                "" => name.get_ref().to_string(),
                above => format!("{above}.{}", name.get_ref()),
            };
            self.take(&path, name.span(), value);
        }
    }

    fn take(&mut self, path: &str, named_at: Range<usize>, value: &Spanned<DeValue<'_>>) {
        if let Some(key) = Key::named(path) {
            let place = self.place(value.span());
            match key.read(value.get_ref()) {
                Ok(value) => self.found.push(Found { key, value, place }),
                Err(wrong) => self.refuse(value.span(), path, wrong),
            }
        } else if let Some(reserved) = Reserved::of(path) {
            if path == reserved.name {
                let hint = reserved.instead.to_owned();
                self.refuse(named_at, path, Wrong { what: reserved.reason.to_owned(), hint });
            }
            self.look_for_secrets(path, value);
        } else if is_table(path) {
            match value.get_ref() {
                DeValue::Table(inner) => self.walk(path, inner),
                _ => self.refuse(
                    named_at,
                    path,
                    Wrong {
                        what: "is a table".to_owned(),
                        hint: format!("write [{path}] on a line of its own, and its keys below it"),
                    },
                ),
            }
        } else {
            let (what, hint) = match value.get_ref() {
                DeValue::Table(_) => (format!("unknown table `{path}`"), table_hint(path)),
                _ => (format!("unknown key `{path}`"), suggest::key(path)),
            };
            let place = self.place(named_at);
            self.mistakes.push(Mistake { severity: Severity::Error, place, what, hint });
        }
    }

    /// Checks the secrets of a name that is reserved: whoever may write them must not learn to write them wrongly.
    fn look_for_secrets(&mut self, path: &str, value: &Spanned<DeValue<'_>>) {
        if SECRETS.contains(&path) {
            let opened = SecretReference::read(value.get_ref()).and_then(|reference| {
                let hint = "see that the service may read it, or refer to another place";
                let refuse = |what| Wrong { what, hint: hint.to_owned() };
                reference.open(self.environment).map(drop).map_err(refuse)
            });
            if let Err(wrong) = opened {
                self.refuse(value.span(), path, wrong);
            }
        } else if let DeValue::Table(inner) = value.get_ref() {
            for (name, value) in inner {
                self.look_for_secrets(&format!("{path}.{}", name.get_ref()), value);
            }
        }
    }

    fn refuse(&mut self, at: Range<usize>, path: &str, Wrong { what, hint }: Wrong) {
        let (severity, place) = (Severity::Error, self.place(at));
        self.mistakes.push(Mistake { severity, place, what: format!("`{path}` {what}"), hint });
    }

    fn place(&self, bytes: Range<usize>) -> Place {
        Place::Text(Span::of(self.name, self.text, bytes))
    }

    /// What the reader of TOML has to say.
    fn broken(&self, error: &toml::de::Error) -> Mistake {
        let bytes = error.span().unwrap_or(0..0);
        let word = self.text.get(bytes.clone()).unwrap_or_default().trim();
        let (what, hint) = match error.message() {
            "duplicate key" => {
                (format!("`{word}` stands here a second time"), "keep one of the two")
            }
            message => {
                (message.to_owned(), "correct the line; a text stands between double quotes")
            }
        };
        let (severity, place) = (Severity::Error, self.place(bytes));
        Mistake { severity, place, what, hint: hint.to_owned() }
    }
}

/// Whether `path` has keys below it.
fn is_table(path: &str) -> bool {
    let is_above = |name: &str| name.strip_prefix(path).is_some_and(|rest| rest.starts_with('.'));
    KEYS.iter().any(|key| is_above(key.name)) || RESERVED.iter().any(|key| is_above(key.name))
}

/// What to do about an unknown table.
fn table_hint(path: &str) -> String {
    let mut tables: Vec<&str> = KEYS.iter().map(|key| key.split().0).collect();
    tables.dedup();
    match suggest::nearest(path, tables.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("there are {}", super::value::one_of(&tables).replace(" or ", " and ")),
    }
}

fn line_of(mistake: &Mistake) -> Option<usize> {
    match &mistake.place {
        Place::Text(span) => Some(span.line),
        _ => None,
    }
}

/// Whether what is said of `line` may only follow from a line that cannot be read: the same one, or the name of the table
/// that `line` is in.
fn hides(text: &str, broken: Option<usize>, line: usize) -> bool {
    let Some(broken) = broken else { return false };
    let is_header = |line: &str| line.trim_start().starts_with('[');
    let mut from = text.lines().skip(broken - 1);
    let begins_table = from.next().is_some_and(is_header);
    let until = from.position(is_header).map_or(usize::MAX, |after| broken + after + 1);
    line == broken || (begins_table && line > broken && line < until)
}
