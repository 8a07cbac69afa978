//! C2SP signed notes: a text and the signatures under it.
//!
//! ```text
//! text, one or more lines, each ending in a line feed
//! (empty line)
//! — <key name> <base64 of: key id (4 bytes) || signature>        one or more lines, the dash is U+2014
//! ```
//!
//! Keys are Ed25519 (type 1): id = the first 4 bytes of SHA-256(name || 0x0A || 0x01 || public key).
//!
//! Promises: a signature counts only if name **and** id are those of a given key and it verifies (RFC 8032, S < L, no
//! cofactor, R compared as bytes); one wrong signature by a given key spoils the note; lines of other keys are skipped.
//! A key whose id is not the one recomputed from it is refused. Refuses other key types, and to decide which name had
//! to sign: that is `checkpoint`.

use std::fmt;

use ed25519_dalek::{Signature, Signer as _, Verifier as _};
use sha2::{Digest, Sha256};

use crate::encoding::{base64, from_base64};
use crate::error::{Error, Format};

/// Bytes of the longest note that is read.
pub const NOTE_BYTES_MAX: usize = 256 * 1024;
/// Signature lines of a note that are read; C2SP asks for 16 at least.
pub const SIGNATURES_MAX: usize = 64;
/// Bytes of the longest key name; ML-DSA cosigners allow no longer one either.
pub const NAME_BYTES_MAX: usize = 255;

const ED25519: u8 = 1;
const KEY_ID_BYTES: usize = 4;
const SIGNATURE_START: &str = "\u{2014} ";
const PRIVATE_KEY_START: &str = "PRIVATE+KEY+";

/// What a signature is checked with: `<name>+<id, 8 hex digits>+<base64 of 0x01 || public key>`.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    id: [u8; KEY_ID_BYTES],
    key: ed25519_dalek::VerifyingKey,
}

impl VerifierKey {
    /// The key that `text` is; whitespace around it is not part of it and refused.
    ///
    /// # Errors
    /// `Malformed` if it is no key, one of another type, or one whose id is not its own.
    pub fn parse(text: &str) -> Result<VerifierKey, Error> {
        let refuse = |why| Error::malformed(Format::VerifierKey, why);
        let (name, id, bytes) = split_key(text).ok_or(refuse("not `name+id+base64`"))?;
        let public: &[u8; 32] = match bytes.split_first() {
            Some((&ED25519, public)) => public.try_into().map_err(|_| refuse("not 32 bytes"))?,
            _ => return Err(refuse("not an Ed25519 key (type 1)")),
        };
        let key = ed25519_dalek::VerifyingKey::from_bytes(public)
            .ok()
            .filter(|key| key.to_edwards().compress().to_bytes() == *public)
            .ok_or(refuse("not a point of the curve in its one spelling"))?;
        let key = VerifierKey::of(name, key).ok_or(refuse("not a key name"))?;
        if key.id == id { Ok(key) } else { Err(refuse("the id is not that of this name and key")) }
    }

    /// The key of this name.
    fn of(name: &str, key: ed25519_dalek::VerifyingKey) -> Option<VerifierKey> {
        let id = key_id(name, key.as_bytes());
        is_key_name(name).then(|| VerifierKey { name: name.to_owned(), id, key })
    }

    /// The key's name: for a ledger's own key, its origin.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The 32 bytes of the public key.
    #[must_use]
    pub fn public_key(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    /// Whether `line` claims to be by this key.
    fn made(&self, line: &SignatureLine<'_>) -> bool {
        self.name == line.name && self.id == line.id
    }

    /// Whether `signature` is this key's over `text`.
    fn verifies(&self, text: &str, signature: &[u8]) -> bool {
        let Ok(signature) = Signature::from_slice(signature) else { return false };
        self.key.verify(text.as_bytes(), &signature).is_ok()
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_key(f, &self.name, self.id, self.key.as_bytes())
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifierKey({self})")
    }
}

impl std::str::FromStr for VerifierKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<VerifierKey, Error> {
        VerifierKey::parse(text)
    }
}

/// What signs. Its secret is wiped from memory when it goes, and never printed but by `to_secret_text`.
pub struct SigningKey {
    verifier: VerifierKey,
    secret: ed25519_dalek::SigningKey,
}

impl SigningKey {
    /// The key of this name and 32-byte seed, which the caller drew at random.
    ///
    /// # Errors
    /// `Malformed` if `name` is no key name (empty, too long, or with whitespace, characters below U+0020 or `+`).
    pub fn new(name: &str, seed: [u8; 32]) -> Result<SigningKey, Error> {
        let secret = ed25519_dalek::SigningKey::from_bytes(&seed);
        let verifier = VerifierKey::of(name, secret.verifying_key())
            .ok_or(Error::malformed(Format::SigningKey, "not a key name"))?;
        Ok(SigningKey { verifier, secret })
    }

    /// The key that `text` (`PRIVATE+KEY+<name>+<id>+<base64 of 0x01 || seed>`) is.
    ///
    /// # Errors
    /// `Malformed` if it is no key, one of another type, or one whose id is not its own.
    pub fn parse(text: &str) -> Result<SigningKey, Error> {
        let refuse = |why| Error::malformed(Format::SigningKey, why);
        let key = text.strip_prefix(PRIVATE_KEY_START).ok_or(refuse("no `PRIVATE+KEY+`"))?;
        let (name, id, bytes) = split_key(key).ok_or(refuse("not `name+id+base64`"))?;
        let seed: [u8; 32] = match bytes.split_first() {
            Some((&ED25519, seed)) => seed.try_into().map_err(|_| refuse("not 32 bytes"))?,
            _ => return Err(refuse("not an Ed25519 key (type 1)")),
        };
        let key = SigningKey::new(name, seed)?;
        let is_own = key.verifier.id == id;
        if is_own { Ok(key) } else { Err(refuse("the id is not that of this name and key")) }
    }

    /// The key as `parse` reads it: a secret.
    #[must_use]
    pub fn to_secret_text(&self) -> String {
        let typed: Vec<u8> = [ED25519].into_iter().chain(self.secret.to_bytes()).collect();
        let id = u32::from_be_bytes(self.verifier.id);
        format!("{PRIVATE_KEY_START}{}+{id:08x}+{}", self.verifier.name, base64(&typed))
    }

    /// The key's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.verifier.name()
    }

    /// The public half.
    #[must_use]
    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// This key's signature line over `text`, with its line feed.
    fn signature_line(&self, text: &str) -> String {
        let signature = self.secret.sign(text.as_bytes());
        debug_assert!(self.verifier.verifies(text, &signature.to_bytes()));
        let bytes: Vec<u8> = self.verifier.id.into_iter().chain(signature.to_bytes()).collect();
        format!("{SIGNATURE_START}{} {}\n", self.verifier.name, base64(&bytes))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, ..)", self.verifier)
    }
}

/// The note of `text` signed by `keys`, in their order.
///
/// # Panics
/// Unless `text` ends in a line feed and holds no other control character, and there is a key.
#[must_use]
pub fn sign(text: &str, keys: &[&SigningKey]) -> String {
    assert!(is_note_text(text), "a note's text is whole lines");
    assert!(!keys.is_empty() && keys.len() <= SIGNATURES_MAX);
    let mut note = format!("{text}\n");
    for key in keys {
        note.push_str(&key.signature_line(text));
    }
    assert!(note.len() <= NOTE_BYTES_MAX);
    note
}

/// A note as it came: well-formed, nothing verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note<'a> {
    text: &'a str,
    signatures: Vec<SignatureLine<'a>>,
}

/// One signature line.
#[derive(Debug, Clone, PartialEq, Eq)]
struct SignatureLine<'a> {
    name: &'a str,
    id: [u8; KEY_ID_BYTES],
    signature: Vec<u8>,
}

impl<'a> Note<'a> {
    /// The note that `note` is.
    ///
    /// # Errors
    /// `TooLarge` and `Malformed`.
    pub fn parse(note: &'a str) -> Result<Note<'a>, Error> {
        let refuse = |why| Error::malformed(Format::Note, why);
        if note.len() > NOTE_BYTES_MAX {
            let (bytes, bytes_max) = (note.len(), NOTE_BYTES_MAX);
            return Err(Error::TooLarge { format: Format::Note, bytes, bytes_max });
        }
        let text_end = note.rfind("\n\n").ok_or(refuse("no empty line before signatures"))? + 1;
        let (text, rest) = note.split_at(text_end);
        if !is_note_text(text) {
            return Err(refuse("a control character in the text"));
        }
        let lines = rest.strip_prefix('\n').and_then(|lines| lines.strip_suffix('\n'));
        let lines = lines.ok_or(refuse("no signature line, or one without its line feed"))?;
        if lines.split('\n').nth(SIGNATURES_MAX).is_some() {
            return Err(refuse("too many signature lines"));
        }
        let signatures: Option<Vec<_>> = lines.split('\n').map(SignatureLine::parse).collect();
        let signatures = signatures.ok_or(refuse("a signature line that is none"))?;
        assert!(!signatures.is_empty() && text.ends_with('\n'));
        Ok(Note { text, signatures })
    }

    /// What is signed, with its last line feed.
    #[must_use]
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// The names of all signature lines, in order, verified or not.
    pub fn names(&self) -> impl Iterator<Item = &'a str> {
        self.signatures.iter().map(|line| line.name)
    }

    /// The names of the given keys that signed the note, in the note's order; never empty.
    ///
    /// # Errors
    /// `BadSignature` if any line by a given key is wrong; `Unsigned` if there is no line by a given key.
    pub fn verify(&self, keys: &[VerifierKey]) -> Result<Vec<&'a str>, Error> {
        let mut signers = Vec::new();
        for line in &self.signatures {
            let mut by_given = keys.iter().filter(|key| key.made(line)).peekable();
            if by_given.peek().is_none() {
                continue;
            }
            if !by_given.any(|key| key.verifies(self.text, &line.signature)) {
                return Err(Error::BadSignature { name: line.name.to_owned() });
            }
            signers.push(line.name);
        }
        if signers.is_empty() {
            let origin = self.names().next().unwrap_or_default().to_owned();
            return Err(Error::Unsigned { origin });
        }
        assert!(signers.len() <= self.signatures.len());
        Ok(signers)
    }
}

impl<'a> SignatureLine<'a> {
    /// The line without its line feed; `None` if it is none.
    fn parse(line: &'a str) -> Option<SignatureLine<'a>> {
        let (name, encoded) = line.strip_prefix(SIGNATURE_START)?.split_once(' ')?;
        let bytes = from_base64(encoded)?;
        let (id, signature) = bytes.split_first_chunk::<KEY_ID_BYTES>()?;
        let is_line = is_key_name(name) && !signature.is_empty();
        is_line.then(|| SignatureLine { name, id: *id, signature: signature.to_vec() })
    }
}

/// Whole lines without other control characters.
fn is_note_text(text: &str) -> bool {
    text.ends_with('\n') && !text.chars().any(|c| c < ' ' && c != '\n')
}

/// A name that C2SP allows, within our length. (DEL and C1 controls are allowed there, so whoever prints a name escapes.)
fn is_key_name(name: &str) -> bool {
    let is_plain = |c: char| !c.is_whitespace() && c >= ' ' && c != '+';
    !name.is_empty() && name.len() <= NAME_BYTES_MAX && name.chars().all(is_plain)
}

/// The first 4 bytes of SHA-256(name || 0x0A || 0x01 || public key).
fn key_id(name: &str, public: &[u8; 32]) -> [u8; KEY_ID_BYTES] {
    let hash = Sha256::new().chain_update(name).chain_update([b'\n', ED25519]).chain_update(public);
    let [a, b, c, d, ..] = <[u8; 32]>::from(hash.finalize());
    [a, b, c, d]
}

/// `name+id+base64` as name, id and bytes.
fn split_key(text: &str) -> Option<(&str, [u8; KEY_ID_BYTES], Vec<u8>)> {
    let (name, rest) = text.split_once('+')?;
    let (id, encoded) = rest.split_once('+')?;
    let is_hex = id.len() == 2 * KEY_ID_BYTES && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let id = u32::from_str_radix(id, 16).ok().filter(|_| is_hex)?;
    Some((name, id.to_be_bytes(), from_base64(encoded)?))
}

/// `name+id+base64` of a typed key.
fn write_key(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    id: [u8; KEY_ID_BYTES],
    key: &[u8; 32],
) -> fmt::Result {
    let typed: Vec<u8> = [ED25519].into_iter().chain(*key).collect();
    write!(f, "{name}+{:08x}+{}", u32::from_be_bytes(id), base64(&typed))
}

#[cfg(test)]
mod tests;
