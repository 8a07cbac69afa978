//! Cursors: where a search goes on.
//!
//! Promises: a cursor is taken only from whom it was made for, for the search that it came from, and unchanged: it is
//! authenticated under a key that lives as long as the process. Refuses to say why one is not taken.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use event::ids::Timestamp;
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::keyring;

/// Bytes of what a cursor says: the moment that its search counts from, and the index that its next page ends at.
const PLACE_BYTES: usize = 16;
/// Bytes of the tag.
const TAG_BYTES: usize = 32;

/// The key of this process's cursors.
pub(crate) struct Cursors {
    key: [u8; 32],
}

impl std::fmt::Debug for Cursors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cursors(..)")
    }
}

/// Where a search goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// What `24h` is counted from, on every page the same.
    pub(super) now: Timestamp,
    /// One past the newest index of the next page.
    pub(super) end: u64,
}

impl Cursors {
    /// Draws a key.
    pub(crate) fn draw() -> Cursors {
        Cursors { key: keyring::random() }
    }

    /// The cursor of a place in `question`.
    pub(super) fn seal(&self, place: Place, question: &[u8]) -> String {
        let mut bytes = Vec::with_capacity(PLACE_BYTES + TAG_BYTES);
        bytes.extend_from_slice(&place.now.0.to_be_bytes());
        bytes.extend_from_slice(&place.end.to_be_bytes());
        let tag = self.mac(&bytes, question).finalize().into_bytes();
        bytes.extend_from_slice(&tag);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The place in `question` that a cursor is.
    pub(super) fn open(&self, cursor: &str, question: &[u8]) -> Option<Place> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (place, tag) = bytes.split_at_checked(PLACE_BYTES)?;
        self.mac(place, question).verify_slice(tag).ok()?;
        let (now, end) = place.split_first_chunk::<8>()?;
        let end = u64::from_be_bytes(end.try_into().ok()?);
        Some(Place { now: Timestamp(u64::from_be_bytes(*now)), end })
    }

    fn mac(&self, place: &[u8], question: &[u8]) -> Hmac<Sha256> {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes a key of any length");
        mac.update(place);
        mac.update(question);
        mac
    }
}

#[cfg(test)]
mod tests;
