//! JSON objects in CJ1, member by member into one buffer: what rows keep as text, and what records
//! are put together of again.
//!
//! It sorts nothing: callers name keys in code-point order, where a reader can check it. An object
//! that gets no members leaves no trace.

use event::ids;
use event::json::{Value, write_cj1, write_integer, write_string};

/// An object that is being written.
#[derive(Debug)]
pub(crate) struct Object<'b> {
    out: &'b mut Vec<u8>,
    members: usize,
}

impl Object<'_> {
    /// Appends the object that `fill` writes; says how many members it has. One without members is
    /// `{}`.
    pub(crate) fn write(out: &mut Vec<u8>, fill: impl FnOnce(&mut Object<'_>)) -> usize {
        out.push(b'{');
        let mut object = Object { out, members: 0 };
        fill(&mut object);
        let members = object.members;
        out.push(b'}');
        members
    }

    /// A key; its value is appended to what this gives. The key has nothing to escape.
    #[inline]
    pub(crate) fn key(&mut self, key: &str) -> &mut Vec<u8> {
        self.out.extend_from_slice(if self.members > 0 { b",\"" } else { b"\"" });
        self.members += 1;
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out
    }

    /// A text.
    #[inline]
    pub(crate) fn text(&mut self, key: &str, text: &str) {
        write_string(text, self.key(key));
    }

    /// A text, if it is there.
    #[inline]
    pub(crate) fn maybe(&mut self, key: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(key, text);
        }
    }

    /// A value that is JSON already, if it is there.
    #[inline]
    pub(crate) fn raw(&mut self, key: &str, json: Option<&[u8]>) {
        if let Some(json) = json {
            self.key(key).extend_from_slice(json);
        }
    }

    /// Any value, if it is there.
    pub(crate) fn value(&mut self, key: &str, value: Option<&Value<'_>>) {
        if let Some(value) = value {
            write_cj1(value, self.key(key));
        }
    }

    /// Sixteen bytes as 8-4-4-4-12 digits, if they are there.
    pub(crate) fn id(&mut self, key: &str, id: Option<[u8; 16]>) {
        if let Some(id) = id {
            let mut text = [b'"'; 38];
            let [_, inner @ .., _] = &mut text;
            ids::write_uuid(id, inner);
            self.key(key).extend_from_slice(&text);
        }
    }

    /// Sixteen bytes as 32 digits, if they are there.
    pub(crate) fn hex(&mut self, key: &str, bytes: Option<[u8; 16]>) {
        if let Some(bytes) = bytes {
            let mut text = [b'"'; 34];
            let [_, inner @ .., _] = &mut text;
            *inner = ids::digits(bytes);
            self.key(key).extend_from_slice(&text);
        }
    }

    /// A plain integer, if it is there.
    pub(crate) fn number(&mut self, key: &str, number: Option<u64>) {
        if let Some(number) = number {
            write_integer(number, self.key(key));
        }
    }

    /// An object, unless it gets no members.
    #[inline]
    pub(crate) fn nested(&mut self, key: &str, fill: impl FnOnce(&mut Object<'_>)) {
        let before = (self.out.len(), self.members);
        if Object::write(self.key(key), fill) == 0 {
            self.out.truncate(before.0);
            self.members = before.1;
        }
    }
}
