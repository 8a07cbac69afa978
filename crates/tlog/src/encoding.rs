//! Base64 as every text of this crate has it: standard alphabet, padded, canonical.
//!
//! Promises: one byte string has one spelling, so that nothing that is compared as text can differ and mean the same.
//! Refuses unpadded text, other alphabets, whitespace, and spare bits that are not zero.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The base64 of `bytes`.
#[must_use]
pub fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The bytes whose one spelling is `text`; `None` is any other text.
#[must_use]
pub fn from_base64(text: &str) -> Option<Vec<u8>> {
    let bytes = STANDARD.decode(text).ok()?;
    // The engine already refuses spare bits; encoding again keeps the promise apart from its settings.
    (base64(&bytes) == text).then_some(bytes)
}

#[cfg(test)]
mod tests;
