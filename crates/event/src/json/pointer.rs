//! Where something is: RFC 6901 pointers, and from a byte offset to one.
//!
//! Promises: `at` answers for any bytes and any offset, broken JSON too, in linear time. Refuses to be exact where there
//! is nothing to be exact about: inside broken syntax it names the nearest value that was begun.

use std::borrow::Cow;

/// Appends one reference token to `pointer`, escaped.
pub fn push_token(pointer: &mut String, token: &str) {
    pointer.push('/');
    for character in token.chars() {
        match character {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            _ => pointer.push(character),
        }
    }
}

/// The reference tokens of `pointer`, unescaped; `None` if it is no RFC 6901 pointer. The whole document is no token.
#[must_use]
pub fn tokens(pointer: &str) -> Option<Vec<Cow<'_, str>>> {
    if pointer.is_empty() {
        return Some(Vec::new());
    }
    pointer.strip_prefix('/')?.split('/').map(token).collect()
}

/// The pointer to the value, or to the member by its key, that `offset` lies in.
#[must_use]
pub fn at(bytes: &[u8], offset: usize) -> String {
    let mut walk = Walk { levels: Vec::new() };
    let mut position = 0;
    while position < bytes.len() && position < offset {
        position = walk.step(bytes, position);
    }
    // A key names its member; a bracket at the very place is still outside or inside, as before it.
    if position == offset && bytes.get(position) == Some(&b'"') {
        walk.step(bytes, position);
    }
    walk.pointer()
}

/// One reference token, unescaped.
fn token(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('~') {
        return Some(Cow::Borrowed(text));
    }
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        plain.push(match character {
            '~' => match characters.next()? {
                '0' => '~',
                '1' => '/',
                _ => return None,
            },
            _ => character,
        });
    }
    Some(Cow::Owned(plain))
}

/// A container that is open, and where in it the walk is.
enum Level {
    Array(usize),
    Object { key: Option<String>, is_key_next: bool },
}

/// A tolerant walk that remembers only what is open.
struct Walk {
    levels: Vec<Level>,
}

impl Walk {
    /// Takes the token at `position`; returns where the next one begins.
    fn step(&mut self, bytes: &[u8], position: usize) -> usize {
        match bytes.get(position) {
            Some(b'"') => return self.text(bytes, position),
            Some(b'{') => self.levels.push(Level::Object { key: None, is_key_next: true }),
            Some(b'[') => self.levels.push(Level::Array(0)),
            Some(b'}' | b']') => {
                self.levels.pop();
            }
            Some(b',') => match self.levels.last_mut() {
                Some(Level::Array(index)) => *index += 1,
                Some(Level::Object { key, is_key_next }) => (*key, *is_key_next) = (None, true),
                None => {}
            },
            _ => {}
        }
        position + 1
    }

    /// Takes the text that begins at `start`, as a key if one is due.
    fn text(&mut self, bytes: &[u8], start: usize) -> usize {
        let end = end_of_text(bytes, start);
        if let Some(Level::Object { key, is_key_next }) = self.levels.last_mut()
            && *is_key_next
        {
            let raw = bytes.get(start..end).unwrap_or_default();
            let parsed = super::parse(raw, super::Limits::READER).ok();
            *key = parsed.and_then(|value| value.as_str().map(str::to_owned));
            *is_key_next = false;
        }
        end
    }

    fn pointer(&self) -> String {
        let mut pointer = String::new();
        for level in &self.levels {
            match level {
                Level::Array(index) => push_token(&mut pointer, &index.to_string()),
                Level::Object { key: Some(key), .. } => push_token(&mut pointer, key),
                Level::Object { key: None, .. } => {}
            }
        }
        pointer
    }
}

/// One past the closing quote of the text that begins at `start`, or the end of the bytes.
fn end_of_text(bytes: &[u8], start: usize) -> usize {
    let mut position = start + 1;
    while let Some(byte) = bytes.get(position) {
        match byte {
            b'"' => return position + 1,
            b'\\' => position += 2,
            _ => position += 1,
        }
    }
    bytes.len()
}
