//! A request's bytes to the raw bytes of its items, before any of them is judged.
//!
//! Promises: an item's bytes are those sent, without the whitespace around them; an array is split only if all of it is
//! JSON syntax, so that no half of a broken request is stored; NDJSON is split line by line, whatever the lines hold.
//! Nesting is followed without recursion. Refuses to judge an item: depth, texts, keys and encoding are `Event::parse`'s.

use super::Error;
use crate::code::Code;

/// The items of a request, in order, trimmed.
pub type Items<'a> = Vec<&'a [u8]>;

/// The non-blank lines of an NDJSON body.
///
/// # Errors
/// With `too_many_items` at the first line past `items_max`.
pub fn lines(body: &[u8], items_max: usize) -> Result<Items<'_>, Error> {
    let mut items = Vec::new();
    let mut offset = 0;
    for line in body.split(|byte| *byte == b'\n') {
        let item = trim(line);
        if !item.is_empty() {
            if items.len() == items_max {
                return Err(Error { code: Code::TooManyItems, offset });
            }
            items.push(item);
        }
        offset += line.len() + 1;
    }
    Ok(items)
}

/// The elements of a JSON array.
///
/// # Errors
/// With `malformed_json` where the body stops being one JSON array, with `too_many_items` at the first element past
/// `items_max`.
pub fn array(body: &[u8], items_max: usize) -> Result<Items<'_>, Error> {
    let mut scan = Scan { bytes: body, at: 0 };
    scan.skip_whitespace();
    scan.take(b'[')?;
    scan.skip_whitespace();
    let mut items = Vec::new();
    if !scan.take_if(b']') {
        loop {
            scan.skip_whitespace();
            let start = scan.at;
            if items.len() == items_max {
                return Err(scan.error(Code::TooManyItems));
            }
            scan.value()?;
            items.push(body.get(start..scan.at).unwrap_or_default());
            scan.skip_whitespace();
            if scan.take_if(b']') {
                break;
            }
            scan.take(b',')?;
        }
    }
    scan.skip_whitespace();
    if scan.at < body.len() { Err(scan.error(Code::MalformedJson)) } else { Ok(items) }
}

/// `bytes` without the JSON whitespace around them.
#[must_use]
pub fn trim(bytes: &[u8]) -> &[u8] {
    let is_solid = |byte: &u8| !is_whitespace(*byte);
    let Some(start) = bytes.iter().position(is_solid) else { return &[] };
    let end = bytes.iter().rposition(is_solid).map_or(start, |last| last + 1);
    bytes.get(start..end).unwrap_or_default()
}

/// A walk over JSON syntax that looks at no more than it must to find where a value ends and whether it is one.
struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Scan<'_> {
    /// Goes past one value of any depth. `open` holds the closing bracket of each open container.
    fn value(&mut self) -> Result<(), Error> {
        let mut open: Vec<u8> = Vec::new();
        loop {
            self.skip_whitespace();
            match self.byte() {
                Some(b'{') => {
                    self.at += 1;
                    self.skip_whitespace();
                    if !self.take_if(b'}') {
                        self.key()?;
                        open.push(b'}');
                        continue;
                    }
                }
                Some(b'[') => {
                    self.at += 1;
                    self.skip_whitespace();
                    if !self.take_if(b']') {
                        open.push(b']');
                        continue;
                    }
                }
                _ => self.leaf()?,
            }
            if self.close(&mut open)? {
                return Ok(());
            }
        }
    }

    /// After a value: closes containers that end here, else takes the comma (and the key). Whether all are closed.
    fn close(&mut self, open: &mut Vec<u8>) -> Result<bool, Error> {
        while let Some(closing) = open.last().copied() {
            self.skip_whitespace();
            if self.take_if(closing) {
                open.pop();
                continue;
            }
            self.take(b',')?;
            if closing == b'}' {
                self.skip_whitespace();
                self.key()?;
            }
            return Ok(false);
        }
        Ok(true)
    }

    fn key(&mut self) -> Result<(), Error> {
        self.string()?;
        self.skip_whitespace();
        self.take(b':')
    }

    fn leaf(&mut self) -> Result<(), Error> {
        match self.byte() {
            Some(b'"') => self.string(),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word(b"true"),
            Some(b'f') => self.word(b"false"),
            Some(b'n') => self.word(b"null"),
            _ => Err(self.error(Code::MalformedJson)),
        }
    }

    fn string(&mut self) -> Result<(), Error> {
        self.take(b'"')?;
        loop {
            match self.byte() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => self.escape()?,
                Some(byte) if byte >= 0x20 => self.at += 1,
                _ => return Err(self.error(Code::MalformedJson)),
            }
        }
    }

    fn escape(&mut self) -> Result<(), Error> {
        let offset = self.at;
        self.at += 1;
        match self.byte() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
            Some(b'u') => {
                self.at += 1;
                for _ in 0..4 {
                    if !self.byte().is_some_and(|byte| byte.is_ascii_hexdigit()) {
                        return Err(self.error(Code::MalformedJson));
                    }
                    self.at += 1;
                }
            }
            _ => return Err(Error { code: Code::MalformedJson, offset }),
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), Error> {
        let _ = self.take_if(b'-');
        if !self.take_if(b'0') {
            self.digits()?;
        } else if self.byte().is_some_and(|byte| byte.is_ascii_digit()) {
            return Err(self.error(Code::MalformedJson));
        }
        if self.take_if(b'.') {
            self.digits()?;
        }
        if self.take_if(b'e') || self.take_if(b'E') {
            let _ = self.take_if(b'+') || self.take_if(b'-');
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Error> {
        let start = self.at;
        while self.byte().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start { Err(self.error(Code::MalformedJson)) } else { Ok(()) }
    }

    fn word(&mut self, word: &[u8]) -> Result<(), Error> {
        if !self.bytes.get(self.at..).unwrap_or_default().starts_with(word) {
            return Err(self.error(Code::MalformedJson));
        }
        self.at += word.len();
        Ok(())
    }

    fn take(&mut self, byte: u8) -> Result<(), Error> {
        if self.take_if(byte) { Ok(()) } else { Err(self.error(Code::MalformedJson)) }
    }

    fn take_if(&mut self, byte: u8) -> bool {
        let is_next = self.byte() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn skip_whitespace(&mut self) {
        while self.byte().is_some_and(is_whitespace) {
            self.at += 1;
        }
    }

    fn byte(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn error(&self, code: Code) -> Error {
        Error { code, offset: self.at }
    }
}

/// The four characters that RFC 8259 calls whitespace.
fn is_whitespace(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}
