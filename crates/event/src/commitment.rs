//! Hiding commitments to parts: seeds, salts, digests and the event root.
//!
//! ```text
//! seed    HMAC-SHA256(K, "indelible/seed/v1\0" || block secret 32 || slot u32)
//! salt    SHA-256("indelible/salt/v1\0" || seed 32 || tag u8 || ordinal u16)
//! digest  SHA-256("indelible/part/v1\0" || tag u8 || ordinal u16 || salt 32 || bytes)
//! root    SHA-256("indelible/event/v1\0" || n u16 || n times (tag u8 || ordinal u16 || digest 32))
//! ```
//!
//! Promises: integers are big-endian; whoever lacks the salt of a part learns nothing of it from its digest. Refuses to
//! draw secrets: the caller reserves each slot of a block once, before it knows the event.

use std::fmt;

use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
// A root is told on to crates that know no tree.
pub use tlog::hash::Hash;

use crate::canonical::Parts;
use crate::event::PartBytes;
use crate::ids;

const SEED_LABEL: &[u8] = b"indelible/seed/v1\0";
const SALT_LABEL: &[u8; 18] = b"indelible/salt/v1\0";
const PART_LABEL: &[u8; 18] = b"indelible/part/v1\0";
const EVENT_LABEL: &[u8] = b"indelible/event/v1\0";

/// The secret of a ledger: the seeds of every part that belongs to no person.
#[derive(Clone, PartialEq, Eq)]
pub struct LedgerKey(pub [u8; 32]);

impl fmt::Debug for LedgerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LedgerKey(..)")
    }
}

/// The secret of up to [`crate::limits::SALT_BLOCK_SLOTS`] events: whoever drops it can open none of them any more.
#[derive(Clone, PartialEq, Eq)]
pub struct SaltBlock {
    /// Its number in the ledger.
    pub id: u64,
    /// 32 random bytes, never public.
    pub secret: [u8; 32],
}

impl fmt::Debug for SaltBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SaltBlock({}, ..)", self.id)
    }
}

/// A ledger key that is ready to make seeds: its two blocks of HMAC are hashed once.
#[derive(Clone)]
pub struct Sealer {
    mac: Hmac<Sha256>,
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer(..)")
    }
}

impl Sealer {
    /// A sealer under `key`. Keep it: making one costs as much as a seed.
    #[must_use]
    pub fn new(key: &LedgerKey) -> Sealer {
        Sealer { mac: ids::hmac(&key.0).chain_update(SEED_LABEL) }
    }

    /// The seed of the event in `slot` of `block`.
    #[must_use]
    pub fn seed(&self, block: &SaltBlock, slot: u32) -> Seed {
        let mut place = [0; 36];
        let (secret, number) = place.split_at_mut(32);
        secret.copy_from_slice(&block.secret);
        number.copy_from_slice(&slot.to_be_bytes());
        Seed(self.mac.clone().chain_update(place).finalize().into_bytes().into())
    }

    /// The event root of `parts` in `slot` of `block`.
    #[must_use]
    pub fn root(&self, parts: &Parts, block: &SaltBlock, slot: u32) -> Hash {
        let seed = self.seed(block, slot);
        event_root(parts.iter().map(|part| (part.tag, part.ordinal, seed.digest(part))))
    }
}

/// What the salts of one event are made of.
#[derive(Clone, PartialEq, Eq)]
pub struct Seed([u8; 32]);

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(..)")
    }
}

impl Seed {
    /// The salt of one part: to give it away is to open that part, and no other.
    #[must_use]
    pub fn salt(&self, tag: u8, ordinal: u16) -> [u8; 32] {
        let mut block = [0; 18 + 32 + 3];
        let (label, rest) = block.split_at_mut(18);
        let (seed, place) = rest.split_at_mut(32);
        label.copy_from_slice(SALT_LABEL);
        seed.copy_from_slice(&self.0);
        place.copy_from_slice(&place_of(tag, ordinal));
        Sha256::digest(block).into()
    }

    /// The digest of one part under its own salt.
    #[must_use]
    pub fn digest(&self, part: PartBytes<'_>) -> Hash {
        digest(part, &self.salt(part.tag, part.ordinal))
    }
}

/// The digest of one part under a salt.
#[must_use]
pub fn digest(part: PartBytes<'_>, salt: &[u8; 32]) -> Hash {
    let mut head = [0; 18 + 3 + 32];
    let (label, rest) = head.split_at_mut(18);
    let (place, hidden) = rest.split_at_mut(3);
    label.copy_from_slice(PART_LABEL);
    place.copy_from_slice(&place_of(part.tag, part.ordinal));
    hidden.copy_from_slice(salt);
    Hash(Sha256::new().chain_update(head).chain_update(part.bytes).finalize().into())
}

/// The event root over the digests of all parts, ascending by tag and ordinal.
#[must_use]
pub fn event_root(digests: impl ExactSizeIterator<Item = (u8, u16, Hash)>) -> Hash {
    let count =
        u16::try_from(digests.len()).expect("a record has at most `limits::PARTS_MAX` parts");
    let mut hash = Sha256::new().chain_update(EVENT_LABEL).chain_update(count.to_be_bytes());
    for (tag, ordinal, digest) in digests {
        let mut row = [0; 3 + 32];
        let (place, value) = row.split_at_mut(3);
        place.copy_from_slice(&place_of(tag, ordinal));
        value.copy_from_slice(&digest.0);
        hash.update(row);
    }
    Hash(hash.finalize().into())
}

/// Tag and ordinal as they are hashed.
fn place_of(tag: u8, ordinal: u16) -> [u8; 3] {
    let [high, low] = ordinal.to_be_bytes();
    [tag, high, low]
}

#[cfg(test)]
mod tests;
