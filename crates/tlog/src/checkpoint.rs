//! C2SP tlog-checkpoint: a tree's name, size and root, as the text of a signed note.
//!
//! ```text
//! <origin>
//! <size, decimal>
//! <root, base64>
//! ```
//!
//! INVARIANT (I4): a checkpoint is signed only after its size and root are durable; that is its caller's part, and why
//! nothing here signs by itself.
//!
//! Promises: `parse` of `body` is the same checkpoint. Refuses extension lines (a fourth line), a size with leading
//! zeros or a sign, and an empty tree with any root but its own.

use crate::error::{Error, Format};
use crate::hash::{EMPTY_ROOT, Hash};
use crate::note::{self, Note, SigningKey, VerifierKey};
use crate::tree::TreeSize;

/// A statement about a tree; once signed, a promise about every later one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The ledger's name, which is also the name of its keys.
    pub origin: String,
    /// How many entries.
    pub size: TreeSize,
    /// The root of those entries.
    pub root: Hash,
}

impl Checkpoint {
    /// The three lines.
    #[must_use]
    pub fn body(&self) -> String {
        assert!(!self.origin.is_empty() && !self.origin.contains('\n'));
        format!("{}\n{}\n{}\n", self.origin, self.size, self.root)
    }

    /// The checkpoint that a note's text is.
    ///
    /// # Errors
    /// `Malformed`.
    pub fn parse(text: &str) -> Result<Checkpoint, Error> {
        let refuse = |why| Error::malformed(Format::Checkpoint, why);
        let lines = text.strip_suffix('\n').ok_or(refuse("its last line has no end"))?;
        let lines: Vec<&str> = lines.splitn(4, '\n').collect();
        let [origin, size, root] = lines.as_slice() else {
            return Err(refuse("not exactly three lines"));
        };
        if origin.is_empty() {
            return Err(refuse("no origin"));
        }
        let size = parse_decimal(size).ok_or(refuse("the size is not a plain number"))?;
        let root = Hash::parse(root).map_err(|_| refuse("the root is not 32 bytes in base64"))?;
        if size == 0 && root != EMPTY_ROOT {
            return Err(refuse("an empty tree with another root than its own"));
        }
        let checkpoint = Checkpoint { origin: (*origin).to_owned(), size: TreeSize(size), root };
        debug_assert_eq!(checkpoint.body(), text);
        Ok(checkpoint)
    }

    /// The signed note.
    ///
    /// # Panics
    /// Unless the key's name is the origin.
    #[must_use]
    pub fn sign(&self, key: &SigningKey) -> String {
        assert_eq!(key.name(), self.origin, "a ledger signs with its own key");
        note::sign(&self.body(), &[key])
    }

    /// The checkpoint of a signed note, if a given key of its origin signed it and no given key's signature is wrong.
    ///
    /// # Errors
    /// `UnknownOrigin` if no given key has the origin's name (it could not be checked); `Unsigned` and `BadSignature`
    /// if it was and failed; `Malformed` and `TooLarge`.
    pub fn open(signed: &str, keys: &[VerifierKey]) -> Result<Checkpoint, Error> {
        let note = Note::parse(signed)?;
        let checkpoint = Checkpoint::parse(note.text())?;
        let origin = checkpoint.origin.clone();
        match note.verify(keys) {
            Err(Error::BadSignature { name }) => return Err(Error::BadSignature { name }),
            _ if !keys.iter().any(|key| key.name() == origin) => {
                return Err(Error::UnknownOrigin { origin });
            }
            Ok(signers) if signers.contains(&origin.as_str()) => {}
            _ => return Err(Error::Unsigned { origin }),
        }
        assert!(keys.iter().any(|key| key.name() == checkpoint.origin));
        Ok(checkpoint)
    }

    /// The checkpoint of a signed note, without a look at its signatures.
    ///
    /// # Errors
    /// `Malformed` and `TooLarge`.
    pub fn read_unverified(signed: &str) -> Result<Checkpoint, Error> {
        Checkpoint::parse(Note::parse(signed)?.text())
    }
}

/// A number as `Display` writes it.
pub(crate) fn parse_decimal(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number: &u64| number.to_string() == text)
}

#[cfg(test)]
mod tests;
