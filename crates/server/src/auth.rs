//! Who is it: from an `Authorization` header to the principal behind an API key.
//!
//! A token is `ind_<8 base32 look-up>_<43 base64url>`, 256 random bits; what is stored is its SHA-256. Promises: the
//! comparison takes the same time wherever two hashes differ, and a token that was never issued, is ended or is malformed
//! gets one and the same answer. Refuses to log or to return a token.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use event::ids::Timestamp;
use policy::Principal;
use sha2::{Digest, Sha256};

use crate::control::{ApiKey, Control};
use crate::keyring;

/// What every token begins with.
const PREFIX: &str = "ind_";
/// Characters of the look-up part.
const LOOKUP_CHARS: usize = 8;
/// Characters of the secret part: 32 bytes in base64url.
const SECRET_CHARS: usize = 43;

/// A token that was just drawn: shown once, then gone.
pub(crate) struct Drawn {
    /// The token itself.
    pub(crate) token: String,
    /// What is kept of it.
    pub(crate) key: ApiKey,
}

/// Draws a token for `principal`.
pub(crate) fn draw(principal: Principal, now: Timestamp) -> Drawn {
    let lookup = keyring::draw_letters(LOOKUP_CHARS);
    let secret = URL_SAFE_NO_PAD.encode(keyring::random::<32>());
    let token = format!("{PREFIX}{lookup}_{secret}");
    let key = ApiKey { lookup, sha256: hash(&token), principal, created_at: now, revoked_at: None };
    Drawn { token, key }
}

/// The key that an `Authorization` header's value presents, if it is a good one.
pub(crate) fn identify(control: &Control, authorization: Option<&str>) -> Option<ApiKey> {
    let token = authorization?.strip_prefix("Bearer ")?;
    let key = control.key(lookup(token)?)?;
    let is_good = equal(&hash(token), &key.sha256) && key.revoked_at.is_none();
    is_good.then_some(key)
}

/// The look-up part of a token of the right shape.
fn lookup(token: &str) -> Option<&str> {
    let (lookup, secret) = token.strip_prefix(PREFIX)?.split_once('_')?;
    (lookup.len() == LOOKUP_CHARS && secret.len() == SECRET_CHARS).then_some(lookup)
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// Whether two hashes are equal, looking at every byte of both.
fn equal(left: &[u8; 32], right: &[u8; 32]) -> bool {
    let differing = left.iter().zip(right).fold(0, |bits, (a, b)| bits | (a ^ b));
    std::hint::black_box(differing) == 0
}

#[cfg(test)]
mod tests;
