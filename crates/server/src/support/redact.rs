//! Secrets out of texts.
//!
//! Promises: the secrets that this machine knows are gone wherever they stand; of what only looks like one (our tokens, private
//! keys, words of 32 random bytes, values of names that say so) nothing is left but what finds its owner. Refuses to
//! be clever about what is harmless: a hash too many is no loss.

use std::path::{Path, PathBuf};

/// What stands where a secret stood.
const GONE: &str = "[redacted]";
/// Names whose values are secrets.
const NAMES: &[&str] = &[
    "token",
    "secret",
    "password",
    "passwd",
    "credential",
    "private",
    "api_key",
    "apikey",
    "authorization",
];
/// A word of so many letters, digits and signs of base64, of mixed case, is a key.
const KEY_CHARS_MIN: usize = 40;
/// Bytes of a file that may hold a secret.
const FILE_BYTES_MAX: u64 = 64 << 10;
/// Characters that a known secret has at least: shorter ones would be found in every word.
const KNOWN_CHARS_MIN: usize = 12;

/// What must not leave.
#[derive(Debug, Clone, Default)]
pub(crate) struct Redactor {
    known: Vec<String>,
}

impl Redactor {
    /// A redactor that knows the words of these files and these values.
    pub(crate) fn new(files: &[PathBuf], values: impl Iterator<Item = String>) -> Redactor {
        let texts = files.iter().filter_map(|path| read(path));
        let mut known: Vec<String> = texts.flat_map(|text| secrets(&text)).collect();
        // A value that is given as a secret is one, whatever it looks like.
        let values = values.map(|value| value.trim().to_owned());
        known.extend(values.filter(|value| value.len() >= KNOWN_CHARS_MIN));
        // The longest first, so that none is left of which another is a part.
        known.sort_by_key(|word| std::cmp::Reverse(word.len()));
        known.dedup();
        Redactor { known }
    }

    /// The text without secrets.
    pub(crate) fn apply(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.known {
            text = text.replace(secret.as_str(), GONE);
        }
        let lines: Vec<String> = text.lines().map(line).collect();
        let mut text = lines.join("\n");
        text.push('\n');
        text
    }
}

/// The text of a small file.
fn read(path: &Path) -> Option<String> {
    use std::io::Read;
    let mut text = String::new();
    std::fs::File::open(path).ok()?.take(FILE_BYTES_MAX).read_to_string(&mut text).ok()?;
    Some(text)
}

/// The words of a file of secrets that can be one. A word of small letters alone is a name: `authorization`, `checkpoint_keys`.
fn secrets(text: &str) -> Vec<String> {
    let words = text.split(|c: char| c.is_whitespace() || "\"',:{}[]=".contains(c));
    let is_secret = |word: &&str| {
        let is_drawn = word.contains(|c: char| c.is_ascii_digit() || c.is_ascii_uppercase());
        word.len() >= KNOWN_CHARS_MIN && is_drawn && !word.starts_with('/')
    };
    words.filter(is_secret).map(str::to_owned).collect()
}

/// One line without what looks like a secret.
fn line(line: &str) -> String {
    let mut line = named(line);
    // Scripts and headers say it without a name that ends in a sign.
    for scheme in ["Bearer ", "bearer ", "Basic ", "basic "] {
        if let Some(at) = line.find(scheme) {
            let rest = line.get(at + scheme.len()..).unwrap_or_default();
            let end =
                rest.find(|c: char| c.is_whitespace() || "\"'".contains(c)).unwrap_or(rest.len());
            let after = rest.get(end..).unwrap_or_default().to_owned();
            line.truncate(at + scheme.len());
            line.push_str(GONE);
            line.push_str(&after);
        }
    }
    words(&line)
}

/// The line up to the first name that says that its value is a secret; whatever follows goes.
fn named(line: &str) -> String {
    let lower = line.to_ascii_lowercase();
    let value_of = |name: &str| {
        lower.match_indices(name).find_map(|(at, _)| {
            let rest = lower.get(at..)?;
            // The name may go on (`client_secret_2`), and stand in quotes.
            let is_name = |c: char| c.is_ascii_alphanumeric() || "_-.\"' ".contains(c);
            let sign = rest.find(|c| !is_name(c)).filter(|sign| {
                rest.get(*sign..*sign + 1).is_some_and(|sign| "=:".contains(sign))
            })?;
            Some(at + sign + 1)
        })
    };
    let first = NAMES.iter().filter_map(|name| value_of(name)).min();
    match first.and_then(|at| line.split_at_checked(at)) {
        Some((head, value)) if !value.trim().is_empty() => format!("{head} {GONE}"),
        _ => line.to_owned(),
    }
}

/// Tokens, private keys and words of random bytes.
fn words(line: &str) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || "+/_-=".contains(c);
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(begin) = rest.find(is_word) {
        let (before, from) = rest.split_at(begin);
        let end = from.find(|c| !is_word(c)).unwrap_or(from.len());
        let (word, after) = from.split_at(end);
        out.push_str(before);
        out.push_str(&redacted(word));
        rest = after;
    }
    out.push_str(rest);
    out
}

fn redacted(word: &str) -> String {
    // A token keeps its look-up part, which is no secret and finds its owner.
    if let Some(at) = word.find("ind_")
        && let Some(lookup) = word.get(at + 4..at + 12)
        && word.get(at + 12..at + 13) == Some("_")
    {
        return format!("{}ind_{lookup}_{GONE}", word.get(..at).unwrap_or_default());
    }
    if word.contains("PRIVATE+KEY") {
        return GONE.to_owned();
    }
    // A path has short parts, or parts of one kind of letters; a key has neither.
    let is_drawn = |part: &str| {
        let has = |is: fn(&char) -> bool| part.chars().any(|c| is(&c));
        let is_mixed = has(char::is_ascii_uppercase) && has(char::is_ascii_lowercase);
        part.len() >= KNOWN_CHARS_MIN && is_mixed && has(char::is_ascii_digit)
    };
    let is_key = word.len() >= KEY_CHARS_MIN && word.split('/').any(is_drawn);
    if is_key { GONE.to_owned() } else { word.to_owned() }
}

#[cfg(test)]
mod tests;
