//! What is asked, in two halves: the question with its literals taken out, and the literals.
//!
//! Literals can be personal data, so they are recorded apart from the question and can be withheld or erased without it.
//! Promises: a literal never stands in the template, also not one in a comment or in a text that is not closed; the same
//! question gives the same two halves. Refuses to understand more of SQL than where its literals begin and end.

use std::iter::Peekable;
use std::str::CharIndices;

/// Through which door something is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Surface {
    /// `POST /v1/query`.
    Query,
    /// `POST /v1/search`.
    Search,
    /// `POST /v1/search/histogram`.
    Histogram,
    /// `POST /v1/search/suggest`.
    Suggest,
    /// `POST /v1/tail`.
    Tail,
    /// `GET /v1/events/{id}`.
    Event,
    /// `GET /v1/events/{id}/proof`.
    Proof,
    /// `GET /v1/receipts/{id}`.
    Receipt,
    /// `GET /v1/streams/{producer}/{instance}/{seq}` of another producer.
    Stream,
    /// `GET /v1/producers`.
    Producers,
}

impl Surface {
    /// The word in the record.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Surface::Query => "query",
            Surface::Search => "search",
            Surface::Histogram => "histogram",
            Surface::Suggest => "suggest",
            Surface::Tail => "tail",
            Surface::Event => "event",
            Surface::Proof => "proof",
            Surface::Receipt => "receipt",
            Surface::Stream => "stream",
            Surface::Producers => "producers",
        }
    }
}

/// A question, ready to be put on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    /// Through which door.
    pub(crate) surface: Surface,
    /// The question without its literals.
    pub(crate) template: String,
    /// The literals in order.
    pub(crate) literals: Vec<String>,
    /// What the caller says it is for.
    pub(crate) purpose: Option<String>,
}

impl Asked {
    /// A question for one thing by its name.
    pub(crate) fn one(surface: Surface, template: &str, name: &str) -> Asked {
        let literals = vec![name.to_owned()];
        Asked { surface, template: template.to_owned(), literals, purpose: None }
    }

    /// A SQL statement with its parameters.
    pub(crate) fn sql(statement: &str, parameters: &[serde_json::Value]) -> Asked {
        let (template, mut literals) = template(statement);
        literals.extend(parameters.iter().map(ToString::to_string));
        Asked { surface: Surface::Query, template, literals, purpose: None }
    }

    /// The literals as one JSON array.
    pub(crate) fn literals_text(&self) -> String {
        serde_json::Value::from(self.literals.clone()).to_string()
    }

    /// The same question with what the caller says it is for.
    pub(crate) fn purpose(mut self, purpose: Option<String>) -> Asked {
        self.purpose = purpose;
        self
    }
}

/// A statement with `?` for each literal and comment and one space for each run of whitespace, and what was taken out.
fn template(statement: &str) -> (String, Vec<String>) {
    let mut halves = Halves {
        statement,
        rest: statement.char_indices().peekable(),
        template: String::with_capacity(statement.len()),
        literals: Vec::new(),
    };
    while let Some((at, first)) = halves.rest.next() {
        halves.step(at, first);
    }
    (halves.template.trim().to_owned(), halves.literals)
}

/// Both halves while they are made.
struct Halves<'a> {
    statement: &'a str,
    rest: Peekable<CharIndices<'a>>,
    template: String,
    literals: Vec<String>,
}

/// What a backslash means in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Backslash {
    /// Itself.
    Plain,
    /// The character behind it has no meaning of its own.
    Escapes,
}

impl Halves<'_> {
    fn step(&mut self, at: usize, first: char) {
        let next = self.peek();
        match first {
            '\'' => self.text(Backslash::Plain),
            '"' => self.identifier(first),
            '-' if next == Some('-') => self.until(at, "\n"),
            '/' if next == Some('*') => self.until(at, "*/"),
            '$' if !next.is_some_and(|c| c.is_ascii_digit()) => self.dollar(at),
            '$' => {
                self.template.push('$');
                self.word();
            }
            '0'..='9' => {
                self.skip(|c| c.is_alphanumeric() || c == '.' || c == '_');
                let end = self.position();
                self.literal(at, end);
            }
            c if c.is_whitespace() => {
                self.skip(char::is_whitespace);
                self.template.push(' ');
            }
            c if c.is_alphabetic() || c == '_' => self.named(c),
            c => self.template.push(c),
        }
    }

    /// A word, or the text that it is the prefix of.
    fn named(&mut self, first: char) {
        let is_escaped = matches!(first, 'e' | 'E') && self.peek() == Some('\'');
        self.template.push(first);
        if is_escaped {
            self.rest.next();
            self.text(Backslash::Escapes);
        } else {
            self.word();
        }
    }

    /// The rest of a word.
    fn word(&mut self) {
        let from = self.position();
        self.skip(|c| c.is_alphanumeric() || c == '_');
        let end = self.position();
        self.template.push_str(self.statement.get(from..end).unwrap_or_default());
    }

    /// A text behind its opening quote; a doubled quote is one within it.
    fn text(&mut self, backslash: Backslash) {
        let mut text = String::new();
        while let Some((_, c)) = self.rest.next() {
            let is_doubled = c == '\'' && self.peek() == Some('\'');
            let is_escaped = c == '\\' && backslash == Backslash::Escapes;
            if c == '\'' && !is_doubled {
                break;
            }
            text.push(c);
            if is_doubled {
                self.rest.next();
            } else if is_escaped {
                text.extend(self.rest.next().map(|(_, c)| c));
            }
        }
        self.template.push('?');
        self.literals.push(text);
    }

    /// A quoted name behind its opening quote. Names of columns are no literals.
    fn identifier(&mut self, quote: char) {
        self.template.push(quote);
        for (_, c) in self.rest.by_ref() {
            self.template.push(c);
            if c == quote {
                break;
            }
        }
    }

    /// A text between `$tag$` and `$tag$`.
    fn dollar(&mut self, at: usize) {
        self.skip(|c| c.is_alphanumeric() || c == '_');
        if self.peek() != Some('$') {
            // No tag: whatever it is, it does not stand in the template.
            let end = self.position();
            return self.literal(at, end);
        }
        self.rest.next();
        let tag = self.statement.get(at..self.position()).unwrap_or_default().to_owned();
        self.until(at, &tag);
    }

    /// Everything up to and with the next `end`.
    fn until(&mut self, at: usize, end: &str) {
        let from = self.position();
        let rest = self.statement.get(from..).unwrap_or_default();
        let stop = rest.find(end).map_or(self.statement.len(), |found| from + found + end.len());
        while self.rest.next_if(|(at, _)| *at < stop).is_some() {}
        self.literal(at, stop);
    }

    fn literal(&mut self, from: usize, to: usize) {
        self.template.push('?');
        self.literals.push(self.statement.get(from..to).unwrap_or_default().to_owned());
    }

    fn skip(&mut self, is_part: impl Fn(char) -> bool) {
        while self.rest.next_if(|(_, c)| is_part(*c)).is_some() {}
    }

    fn peek(&mut self) -> Option<char> {
        self.rest.peek().map(|(_, c)| *c)
    }

    /// Where the next character begins.
    fn position(&mut self) -> usize {
        self.rest.peek().map_or(self.statement.len(), |(at, _)| *at)
    }
}

#[cfg(test)]
mod tests;
