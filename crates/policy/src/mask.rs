//! Field masks: which fields a caller does not see, or sees as a pseudonym.
//!
//! A pseudonym is a keyed hash: the same value gives the same pseudonym under one key, and without the key nobody can try
//! values (a bare hash of an e-mail address falls in a second). A mask covers the field that it names. `original` is the
//! record as its source wrote it and repeats them all, so any mask hides it too.

use std::collections::BTreeMap;
use std::fmt;

use crate::Field;

/// What becomes of a field's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mask {
    /// A pseudonym in its place.
    Hashed,
    /// Nothing, as if it had not been sent.
    Hidden,
}

/// The key of pseudonyms. It prints nothing of itself.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct MaskKey(pub [u8; 32]);

impl fmt::Debug for MaskKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MaskKey(..)")
    }
}

/// The masked fields of a view, never none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Masks {
    key: MaskKey,
    fields: BTreeMap<Field, Mask>,
}

impl Masks {
    /// Masks for these fields, with pseudonyms under `key`; none if there is no field.
    pub fn new(key: MaskKey, fields: BTreeMap<Field, Mask>) -> Option<Self> {
        let mut fields = fields;
        if fields.is_empty() {
            return None;
        }
        fields.insert(Field::Original, Mask::Hidden);
        Some(Self { key, fields })
    }

    /// What becomes of a field, if anything.
    pub fn of(&self, field: Field) -> Option<Mask> {
        self.fields.get(&field).copied()
    }

    /// All masked fields.
    pub fn fields(&self) -> impl Iterator<Item = (Field, Mask)> {
        self.fields.iter().map(|(field, mask)| (*field, *mask))
    }

    /// The key of pseudonyms.
    pub fn key(&self) -> &MaskKey {
        &self.key
    }

    /// Both together: of two masks of a field, the one that shows less.
    #[must_use]
    pub(crate) fn and(mut self, other: Self) -> Self {
        for (field, mask) in other.fields {
            let mine = self.fields.entry(field).or_insert(mask);
            *mine = mask.max(*mine);
        }
        self
    }
}

#[cfg(test)]
mod tests;
