//! Bytes to tokens and values, one pass, with limits.
//!
//! Promises: every text it hands out is valid UTF-8 and borrowed unless it had an escape; work is linear, but for the
//! sort of each free object's keys. Refuses to backtrack: only a refusal is looked at twice, to say where it is.

use std::borrow::Cow;

use super::{Error, Limits, Value};
use crate::code::Code;

/// A position in a JSON text.
pub(crate) struct Lexer<'a> {
    text: &'a str,
    at: usize,
    depth: u32,
    limits: Limits,
}

/// One high bit per byte of a word.
const HIGH: u64 = 0x8080_8080_8080_8080;
/// One low bit per byte of a word.
const LOW: u64 = 0x0101_0101_0101_0101;

impl<'a> Lexer<'a> {
    /// A lexer at the start of `bytes`.
    pub(crate) fn new(bytes: &'a [u8], limits: Limits) -> Result<Lexer<'a>, Error> {
        let text = std::str::from_utf8(bytes)
            .map_err(|error| Error { code: Code::NotUtf8, offset: error.valid_up_to() })?;
        Ok(Lexer { text, at: 0, depth: 0, limits })
    }

    /// Where the next token begins, past whitespace.
    pub(crate) fn offset(&mut self) -> usize {
        self.skip_whitespace();
        self.at
    }

    /// The first byte of the next token; `None` at the end.
    pub(crate) fn peek(&mut self) -> Option<u8> {
        self.skip_whitespace();
        self.byte()
    }

    /// Nothing but whitespace is left.
    pub(crate) fn end(&mut self) -> Result<(), Error> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.error(Code::MalformedJson)),
        }
    }

    /// An error at the position of the lexer.
    pub(crate) fn error(&self, code: Code) -> Error {
        Error { code, offset: self.at }
    }

    /// Takes `{` or `[` and goes one level down.
    pub(crate) fn open(&mut self, bracket: u8) -> Result<(), Error> {
        if self.peek() != Some(bracket) {
            return Err(self.error(Code::MalformedJson));
        }
        if self.depth >= self.limits.depth {
            return Err(self.error(Code::TooDeep));
        }
        self.at += 1;
        self.depth += 1;
        Ok(())
    }

    /// After `{` or a member: the key of the next member with its offset, its colon taken; `None` after `}`.
    pub(crate) fn next_key(
        &mut self,
        place: &mut Place,
    ) -> Result<Option<(Cow<'a, str>, usize)>, Error> {
        if !self.next_item(place, b'}')? {
            return Ok(None);
        }
        if self.peek() != Some(b'"') {
            return Err(self.error(Code::MalformedJson));
        }
        let offset = self.at;
        let key = self.string(self.limits.string_bytes)?;
        // Only an escape can have brought it in: as a byte it is a control character.
        if matches!(&key, Cow::Owned(key) if key.contains('\0')) {
            return Err(Error { code: Code::InvalidValue, offset });
        }
        if self.peek() != Some(b':') {
            return Err(self.error(Code::MalformedJson));
        }
        self.at += 1;
        Ok(Some((key, offset)))
    }

    /// After `[` or an element: whether another element follows; `false` after `]`.
    pub(crate) fn next_element(&mut self, place: &mut Place) -> Result<bool, Error> {
        self.next_item(place, b']')
    }

    /// The next text, at most `bytes_max` long, at its opening quote.
    pub(crate) fn string(&mut self, bytes_max: usize) -> Result<Cow<'a, str>, Error> {
        let opening = self.at;
        let start = opening + 1;
        self.at = start;
        self.skip_plain();
        let text = if self.byte() == Some(b'"') {
            Cow::Borrowed(self.slice(start, self.at))
        } else {
            Cow::Owned(self.escaped(start)?)
        };
        self.at += 1;
        if text.len() > bytes_max {
            return Err(Error { code: Code::TooLong, offset: opening });
        }
        Ok(text)
    }

    /// The next text under the common limit, or `WrongType` if the next value is none.
    pub(crate) fn text(&mut self) -> Result<Cow<'a, str>, Error> {
        self.text_up_to(self.limits.string_bytes)
    }

    /// The next text, or `WrongType` if the next value is none.
    pub(crate) fn text_up_to(&mut self, bytes_max: usize) -> Result<Cow<'a, str>, Error> {
        match self.peek() {
            Some(b'"') => self.string(bytes_max),
            _ => Err(self.wrong_type()),
        }
    }

    /// The next value, if it is `true` or `false`, else `WrongType`.
    pub(crate) fn boolean(&mut self) -> Result<bool, Error> {
        match self.peek() {
            Some(b't') => self.word("true").map(|()| true),
            Some(b'f') => self.word("false").map(|()| false),
            _ => Err(self.wrong_type()),
        }
    }

    /// Takes `null` if it is next.
    pub(crate) fn null(&mut self) -> Result<bool, Error> {
        if self.peek() != Some(b'n') {
            return Ok(false);
        }
        self.word("null")?;
        Ok(true)
    }

    /// The next value, whatever it is, objects sorted.
    pub(crate) fn value(&mut self) -> Result<Value<'a>, Error> {
        match self.peek() {
            Some(b'"') => Ok(Value::String(self.string(self.limits.string_bytes)?)),
            Some(b'{') => self.object(),
            Some(b'[') => self.array(),
            Some(b'-' | b'0'..=b'9') => Ok(Value::Number(Cow::Borrowed(self.number()?))),
            Some(b't') => self.word("true").map(|()| Value::Bool(true)),
            Some(b'f') => self.word("false").map(|()| Value::Bool(false)),
            Some(b'n') => self.word("null").map(|()| Value::Null),
            _ => Err(self.error(Code::MalformedJson)),
        }
    }

    /// What to say of a value that is not of the type that its place asks for: `wrong_type` if it is a value at all.
    pub(crate) fn wrong_type(&mut self) -> Error {
        let offset = self.offset();
        match self.value() {
            Ok(_) => Error { code: Code::WrongType, offset },
            Err(error) => error,
        }
    }

    fn object(&mut self) -> Result<Value<'a>, Error> {
        self.open(b'{')?;
        let start = self.at;
        let mut members = Vec::new();
        let mut place = Place::First;
        while let Some((key, _)) = self.next_key(&mut place)? {
            members.push((key, self.value()?));
        }
        members.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        let twice = members.iter().zip(members.iter().skip(1)).find(|(a, b)| a.0 == b.0);
        if let Some(((key, _), _)) = twice {
            let key = key.to_string();
            return Err(self.second(start, &key));
        }
        Ok(Value::Object(members))
    }

    fn array(&mut self) -> Result<Value<'a>, Error> {
        self.open(b'[')?;
        let mut elements = Vec::new();
        let mut place = Place::First;
        while self.next_element(&mut place)? {
            elements.push(self.value()?);
        }
        Ok(Value::Array(elements))
    }

    /// `duplicate_key` at the second `key` of the object whose members begin at `start`.
    fn second(&self, start: usize, key: &str) -> Error {
        let mut again = Lexer { text: self.text, at: start, depth: 1, limits: Limits::READER };
        let (mut place, mut seen) = (Place::First, 0);
        while let Ok(Some((name, offset))) = again.next_key(&mut place) {
            seen += usize::from(name == key);
            if seen == 2 {
                return Error { code: Code::DuplicateKey, offset };
            }
            if again.value().is_err() {
                break;
            }
        }
        Error { code: Code::DuplicateKey, offset: start }
    }

    fn next_item(&mut self, place: &mut Place, closing: u8) -> Result<bool, Error> {
        let byte = self.peek();
        if byte == Some(closing) {
            self.at += 1;
            self.depth -= 1;
            return Ok(false);
        }
        match *place {
            Place::First => *place = Place::Later,
            Place::Later if byte == Some(b',') => {
                self.at += 1;
                // A closing bracket here would be taken for the end by the next call's first test.
                if self.peek() == Some(closing) {
                    return Err(self.error(Code::MalformedJson));
                }
            }
            Place::Later => return Err(self.error(Code::MalformedJson)),
        }
        Ok(true)
    }

    /// The number token here (RFC 8259: no leading zero, digits on both sides of the point).
    fn number(&mut self) -> Result<&'a str, Error> {
        let start = self.at;
        self.at += usize::from(self.byte() == Some(b'-'));
        if self.byte() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.byte(), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.byte(), Some(b'+' | b'-')));
            self.digits()?;
        }
        if matches!(self.byte(), Some(b'0'..=b'9')) {
            return Err(self.error(Code::MalformedJson));
        }
        if self.at - start > self.limits.number_chars {
            return Err(Error { code: Code::TooLong, offset: start });
        }
        Ok(self.slice(start, self.at))
    }

    /// One or more digits.
    fn digits(&mut self) -> Result<(), Error> {
        let start = self.at;
        while matches!(self.byte(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start { Err(self.error(Code::MalformedJson)) } else { Ok(()) }
    }

    fn word(&mut self, word: &str) -> Result<(), Error> {
        match self.rest().strip_prefix(word.as_bytes()) {
            Some(_) => {
                self.at += word.len();
                Ok(())
            }
            None => Err(self.error(Code::MalformedJson)),
        }
    }

    /// The rest of a text that has an escape (or an error) here; leaves the lexer at the closing quote.
    #[cold]
    fn escaped(&mut self, start: usize) -> Result<String, Error> {
        let mut text = String::from(self.slice(start, self.at));
        loop {
            match self.byte() {
                Some(b'"') => return Ok(text),
                Some(b'\\') => text.push(self.escape()?),
                _ => return Err(self.error(Code::MalformedJson)),
            }
            let plain = self.at;
            self.skip_plain();
            text.push_str(self.slice(plain, self.at));
        }
    }

    /// The character that the escape here stands for.
    fn escape(&mut self) -> Result<char, Error> {
        let offset = self.at;
        self.at += 1;
        let Some(letter) = self.byte() else { return Err(self.error(Code::MalformedJson)) };
        let character = match letter {
            b'"' | b'\\' | b'/' => char::from(letter),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode_escape(offset),
            _ => return Err(Error { code: Code::MalformedJson, offset }),
        };
        self.at += 1;
        Ok(character)
    }

    /// `\uXXXX`, or the pair of them that a character beyond U+FFFF takes.
    fn unicode_escape(&mut self, offset: usize) -> Result<char, Error> {
        self.at += 1;
        let lone = Error { code: Code::LoneSurrogate, offset };
        let first = self.hex4()?;
        if !(0xd800..0xdc00).contains(&first) {
            return char::from_u32(first).ok_or(lone);
        }
        if !self.rest().starts_with(b"\\u") {
            return Err(lone);
        }
        self.at += 2;
        let second = self.hex4()?;
        if !(0xdc00..0xe000).contains(&second) {
            return Err(lone);
        }
        char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)).ok_or(lone)
    }

    /// Four hexadecimal digits.
    fn hex4(&mut self) -> Result<u32, Error> {
        let mut value = 0;
        for _ in 0..4 {
            let digit = self.byte().and_then(|byte| char::from(byte).to_digit(16));
            value = value << 4 | digit.ok_or(self.error(Code::MalformedJson))?;
            self.at += 1;
        }
        Ok(value)
    }

    /// Goes on to the next quote, backslash or control character, or to the end.
    fn skip_plain(&mut self) {
        self.at += plain_prefix(self.rest());
    }

    fn skip_whitespace(&mut self) {
        while matches!(self.byte(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    /// The text between two positions of ASCII bytes.
    fn slice(&self, from: usize, to: usize) -> &'a str {
        self.text.get(from..to).expect("both ends stand at an ASCII byte or the end")
    }
}

/// Whether a comma is due before the next member or element.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    /// Right after the opening bracket.
    First,
    /// After a member or element.
    Later,
}

/// How many bytes at the start of `bytes` stand for themselves in a JSON text.
pub(super) fn plain_prefix(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let stops = stops(u64::from_le_bytes(*chunk));
        if stops != 0 {
            return at + stops.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let is_plain = |byte: &&u8| **byte >= 0x20 && **byte != b'"' && **byte != b'\\';
    at + bytes.get(at..).unwrap_or_default().iter().take_while(is_plain).count()
}

/// The high bit of (at least) the first byte of `word` that is a quote, a backslash or below 0x20.
fn stops(word: u64) -> u64 {
    let is_zero = |word: u64| word.wrapping_sub(LOW) & !word & HIGH;
    let control = word.wrapping_sub(LOW * 0x20) & !word & HIGH;
    is_zero(word ^ (LOW * 0x22)) | is_zero(word ^ (LOW * 0x5c)) | control
}
