//! From text to tokens: brackets, operators, filters and words.
//!
//! Promises: linear time; every span lies on character boundaries; whether `x:y` is a filter is decided here and nowhere
//! else, by its shape alone. Refuses what looks like another language.

use std::ops::Range;

use super::error::{Error, Reason};
use super::limits;
use super::values::Compare;

/// A token and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) span: Range<usize>,
    pub(super) what: What,
}

/// What a token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    /// `(`
    Open,
    /// `)`
    Close,
    /// `-` before a term or group.
    Minus,
    /// `AND`
    And,
    /// `OR`
    Or,
    /// `NOT`
    Not,
    /// `field:value`
    Filter(Filter),
    /// A word or phrase.
    Text(Raw),
}

/// `field:value,value`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Filter {
    /// The field as it is written.
    pub(super) name: Range<usize>,
    /// Its segments, unquoted.
    pub(super) segments: Vec<String>,
    /// The comparison, if there is one.
    pub(super) compare: Option<Compare>,
    /// The values; at least one.
    pub(super) values: Vec<Raw>,
}

/// A value or word as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Raw {
    pub(super) span: Range<usize>,
    /// As written, without the quotes.
    pub(super) text: String,
    /// Unescaped, cut at stars that are neither quoted nor escaped.
    pub(super) pieces: Vec<String>,
    pub(super) quoted: Quoted,
}

/// Whether a value stands in quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quoted {
    Yes,
    No,
}

/// All tokens of `text`.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, Error> {
    let mut lexer = Lexer { text, at: 0 };
    let mut tokens = Vec::new();
    while let Some(token) = lexer.token()? {
        tokens.push(token);
    }
    Ok(tokens)
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn second(&self) -> Option<char> {
        self.rest().chars().nth(1)
    }

    fn bump(&mut self) -> Option<char> {
        let character = self.peek()?;
        self.at += character.len_utf8();
        Some(character)
    }

    fn take(&mut self, prefix: &str) -> bool {
        let is_there = self.rest().starts_with(prefix);
        if is_there {
            self.at += prefix.len();
        }
        is_there
    }

    fn token(&mut self) -> Result<Option<Token>, Error> {
        while self.peek().is_some_and(char::is_whitespace) {
            self.bump();
        }
        let start = self.at;
        let what = match self.peek() {
            None => return Ok(None),
            Some('(') => self.sign(What::Open),
            Some(')') => self.sign(What::Close),
            Some('-') if self.second().is_some_and(|next| !next.is_whitespace()) => {
                self.sign(What::Minus)
            }
            Some('!') if self.second().is_some_and(|next| !next.is_whitespace()) => {
                let hint =
                    "write - before what is not wanted; a text that begins with ! goes into quotes";
                let error = Error::new(Reason::Foreign, start..start + 1, "not is written -", hint);
                return Err(error.instead("-"));
            }
            Some('"') => {
                let raw = self.quoted()?;
                if self.peek() != Some('(') && !self.is_at_end_of_value() {
                    return Err(self.stray_quote(raw.span.end - 1));
                }
                What::Text(raw)
            }
            Some(_) => self.word()?,
        };
        let ends_word = matches!(what, What::Filter(_) | What::Text(_));
        if ends_word && self.peek() == Some('(') {
            return Err(Error::new(
                Reason::Group,
                self.at..self.at + 1,
                "a bracket inside a word",
                "put the value into quotes, or a space before the group; several values are written field:a,b",
            ));
        }
        Ok(Some(Token { span: start..self.at, what }))
    }

    fn sign(&mut self, what: What) -> What {
        self.bump();
        what
    }

    /// An operator, a filter, or a word of text.
    fn word(&mut self) -> Result<What, Error> {
        let start = self.at;
        if let Some(found) = self.filter()? {
            return Ok(What::Filter(found));
        }
        self.at = start;
        let raw = self.bare(Commas::Kept)?;
        let error = |message: &str, hint: &str| {
            Error::new(Reason::Foreign, raw.span.clone(), message, hint)
        };
        match raw.text.as_str() {
            "AND" => Ok(What::And),
            "OR" => Ok(What::Or),
            "NOT" => Ok(What::Not),
            "&&" | "&" => {
                Err(error("and is written AND, or just a space", "write AND").instead("AND"))
            }
            "||" | "|" => Err(error("or is written OR", "write OR").instead("OR")),
            "-" => Err(Error::new(
                Reason::Operator,
                raw.span.clone(),
                "a - with nothing behind it",
                "write it directly before what is not wanted, or put it into quotes",
            )
            .instead("\"-\"")),
            _ => Ok(What::Text(raw)),
        }
    }

    /// `segment{.segment}:` and values, if that is what stands here and it is no text that merely looks so.
    fn filter(&mut self) -> Result<Option<Filter>, Error> {
        let start = self.at;
        let Some(segments) = self.segments() else { return Ok(None) };
        let name = start..self.at;
        if !self.take(":") || is_text(&segments, self.rest()) {
            return Ok(None);
        }
        if segments.len() > limits::PATH_SEGMENTS_MAX {
            return Err(Error::new(
                Reason::Limit,
                name,
                format!("a path of more than {} segments", limits::PATH_SEGMENTS_MAX),
                "ask for a part of it",
            ));
        }
        let compare = self.compare();
        let mut values = vec![self.value(&name)?];
        while self.take(",") {
            values.push(self.value(&name)?);
        }
        Ok(Some(Filter { name, segments, compare, values }))
    }

    /// The segments of a field, up to its colon.
    fn segments(&mut self) -> Option<Vec<String>> {
        let mut segments = Vec::new();
        loop {
            let quoted = self.peek() == Some('"') && !segments.is_empty();
            let segment = if quoted { self.quoted().ok()?.pieces.concat() } else { self.ident()? };
            segments.push(segment);
            if !self.take(".") {
                break;
            }
        }
        (self.peek() == Some(':')).then_some(segments)
    }

    fn ident(&mut self) -> Option<String> {
        let start = self.at;
        let is_ident = |next: char| next.is_alphanumeric() || matches!(next, '_' | '-' | '@' | '$');
        while self.peek().is_some_and(is_ident) {
            self.bump();
        }
        self.text.get(start..self.at).filter(|ident| !ident.is_empty()).map(str::to_owned)
    }

    fn compare(&mut self) -> Option<Compare> {
        let signs = [
            (">=", Compare::AtLeast),
            (">", Compare::Above),
            ("<=", Compare::AtMost),
            ("<", Compare::Below),
            ("=", Compare::Equal),
        ];
        signs.into_iter().find(|(sign, _)| self.take(sign)).map(|(_, compare)| compare)
    }

    fn value(&mut self, name: &Range<usize>) -> Result<Raw, Error> {
        let raw = match self.peek() {
            Some('"') => {
                let raw = self.quoted()?;
                if !self.is_at_end_of_value() {
                    return Err(self.stray_quote(raw.span.end - 1));
                }
                raw
            }
            Some('(') => {
                return Err(Error::new(
                    Reason::Foreign,
                    self.at..self.at + 1,
                    "a field has no group of values",
                    "write several values with commas: field:a,b",
                ));
            }
            _ => self.bare(Commas::Separate)?,
        };
        if raw.span.is_empty() {
            let field = self.text.get(name.clone()).unwrap_or("");
            return Err(Error::new(
                Reason::MissingValue,
                name.start..self.at,
                format!("`{field}:` has no value"),
                "write the value directly behind the colon; if this is text, put it into quotes",
            ));
        }
        Ok(raw)
    }

    fn is_at_end_of_value(&self) -> bool {
        self.peek().is_none_or(|next| next.is_whitespace() || matches!(next, '(' | ')' | ','))
    }

    /// A text in quotes; `\"` and `\\` are escapes.
    fn quoted(&mut self) -> Result<Raw, Error> {
        let start = self.at;
        self.bump();
        let mut plain = String::new();
        loop {
            match self.bump() {
                Some('"') => break,
                Some('\\') if matches!(self.peek(), Some('"' | '\\')) => plain.extend(self.bump()),
                Some(other) => plain.push(other),
                None => {
                    let error = Error::new(
                        Reason::Quote,
                        start..start + 1,
                        "a quote that is not closed",
                        "close it; a quote that is part of a text is written \\\"",
                    );
                    return Err(error);
                }
            }
        }
        let text = self.text.get(start + 1..self.at - 1).unwrap_or("").to_owned();
        Ok(Raw { span: start..self.at, text, pieces: vec![plain], quoted: Quoted::Yes })
    }

    /// A text without quotes; `\` before a sign makes it a letter like others.
    fn bare(&mut self, commas: Commas) -> Result<Raw, Error> {
        let start = self.at;
        let (mut pieces, mut piece) = (Vec::new(), String::new());
        while let Some(next) = self.peek() {
            match next {
                '(' | ')' => break,
                ',' if commas == Commas::Separate => break,
                '"' => return Err(self.stray_quote(self.at)),
                '*' => {
                    pieces.push(std::mem::take(&mut piece));
                    self.bump();
                }
                '\\' if self.second().is_some_and(|sign| !sign.is_alphanumeric()) => {
                    self.bump();
                    piece.extend(self.bump());
                }
                _ if next.is_whitespace() => break,
                _ => piece.extend(self.bump()),
            }
        }
        pieces.push(piece);
        let span = start..self.at;
        if pieces.len() > limits::STARS_MAX + 1 {
            let message = format!("more than {} stars in one value", limits::STARS_MAX);
            return Err(Error::new(Reason::Limit, span, message, "use fewer stars"));
        }
        let text = self.text.get(span.clone()).unwrap_or("").to_owned();
        Ok(Raw { span, text, pieces, quoted: Quoted::No })
    }

    fn stray_quote(&self, at: usize) -> Error {
        Error::new(
            Reason::Quote,
            at..at + 1,
            "a quote inside a word",
            "put all of the value into quotes; a quote that is part of a text is written \\\"",
        )
    }
}

/// Whether a comma ends a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Commas {
    Kept,
    Separate,
}

/// Whether `segments:rest` is a text that has a colon in it: a URL, a clock time, an address with a port, a URN.
fn is_text(segments: &[String], rest: &str) -> bool {
    let is_number = |segment: &String| segment.bytes().all(|byte| byte.is_ascii_digit());
    let is_urn =
        |name: &String| ["arn", "urn", "mailto"].iter().any(|urn| name.eq_ignore_ascii_case(urn));
    rest.starts_with("//")
        || segments.iter().all(is_number)
        || matches!(segments, [only] if is_urn(only))
}
