//! JSON objects in CJ1, written member by member in the order of their keys.
//!
//! Promises: what is written is CJ1 if the caller gives keys in code-point order; a nested object or list without members
//! leaves no trace. Refuses to sort: the order stands in the code, where a reader can check it.

use crate::event::Text;
use crate::ids::{self, EventId};
use crate::json::{self, Value};

/// An object that is being written.
pub(super) struct Writer<'b> {
    out: &'b mut Vec<u8>,
    members: usize,
}

impl Writer<'_> {
    /// Appends one object; returns how many members it has.
    pub(super) fn object(out: &mut Vec<u8>, fill: impl FnOnce(&mut Writer<'_>)) -> usize {
        out.push(b'{');
        let mut writer = Writer { out, members: 0 };
        fill(&mut writer);
        let members = writer.members;
        out.push(b'}');
        members
    }

    pub(super) fn text(&mut self, key: &str, text: &str) {
        self.key(key);
        json::write_string(text, self.out);
    }

    pub(super) fn maybe(&mut self, key: &str, text: Option<&Text<'_>>) {
        if let Some(text) = text {
            self.text(key, text);
        }
    }

    /// A member whose value is this JSON already.
    pub(super) fn raw(&mut self, key: &str, json: &str) {
        self.key(key);
        self.out.extend_from_slice(json.as_bytes());
    }

    pub(super) fn id(&mut self, key: &str, id: EventId) {
        let mut text = [0; 38];
        let [open, inner @ .., close] = &mut text;
        (*open, *close) = (b'"', b'"');
        ids::write_uuid(id.0, inner);
        self.key(key);
        self.out.extend_from_slice(&text);
    }

    /// A member with a free value.
    pub(super) fn value(&mut self, key: &str, value: &Value<'_>) {
        self.key(key);
        json::write_cj1(value, self.out);
    }

    /// A member of a free object.
    pub(super) fn free(&mut self, key: &str, value: &Value<'_>) {
        if self.members > 0 {
            self.out.push(b',');
        }
        self.members += 1;
        json::write_string(key, self.out);
        self.out.push(b':');
        json::write_cj1(value, self.out);
    }

    /// A plain integer.
    pub(super) fn integer(&mut self, key: &str, number: u64) {
        self.key(key);
        json::write_integer(number, self.out);
    }

    /// 16 bytes as 32 lower-case hexadecimal digits.
    pub(super) fn hex(&mut self, key: &str, bytes: [u8; 16]) {
        let mut text = [b'"'; 34];
        let [_, inner @ .., _] = &mut text;
        *inner = ids::digits(bytes);
        self.key(key);
        self.out.extend_from_slice(&text);
    }

    /// An object, unless it gets no members.
    pub(super) fn nested(&mut self, key: &str, fill: impl FnOnce(&mut Writer<'_>)) {
        let before = (self.out.len(), self.members);
        self.key(key);
        if Writer::object(self.out, fill) == 0 {
            self.out.truncate(before.0);
            self.members = before.1;
        }
    }

    /// A list of objects, unless it is empty.
    pub(super) fn list<T>(
        &mut self,
        key: &str,
        elements: &[T],
        fill: impl Fn(&T, &mut Writer<'_>),
    ) {
        self.elements(key, elements, |element, out| {
            Writer::object(out, |writer| fill(element, writer));
        });
    }

    /// A list of texts, unless it is empty.
    pub(super) fn texts(&mut self, key: &str, texts: &[Text<'_>]) {
        self.elements(key, texts, |text, out| json::write_string(text, out));
    }

    fn elements<T>(&mut self, key: &str, elements: &[T], write: impl Fn(&T, &mut Vec<u8>)) {
        for (position, element) in elements.iter().enumerate() {
            if position == 0 {
                self.key(key);
                self.out.push(b'[');
            } else {
                self.out.push(b',');
            }
            write(element, self.out);
        }
        if !elements.is_empty() {
            self.out.push(b']');
        }
    }

    /// A key that has nothing to escape: all but the free ones.
    fn key(&mut self, key: &str) {
        self.out.extend_from_slice(if self.members > 0 { b",\"" } else { b"\"" });
        self.members += 1;
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
    }
}
