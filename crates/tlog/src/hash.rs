//! The two hash rules of RFC 6962 §2.1, over SHA-256.
//!
//! ```text
//! leaf   SHA-256(0x00 || entry)
//! node   SHA-256(0x01 || left || right)
//! empty  SHA-256()
//! ```
//!
//! Promises: a leaf and a node never share an input, so that no inner node can pass for an entry. Refuses any other
//! hash: agility would have to be a new format.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::encoding::{base64, from_base64};
use crate::error::{Error, Format};

const LEAF_PREFIX: u8 = 0;
const NODE_PREFIX: u8 = 1;

/// The root of a tree without entries: SHA-256 of nothing.
pub const EMPTY_ROOT: Hash = Hash([
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9,
    0x24, //
    0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
]);

/// Bytes of a hash.
pub const HASH_BYTES: usize = 32;

/// A SHA-256 value: of a leaf, of a node, or a root.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; HASH_BYTES]);

impl Hash {
    /// The hash that `text` (canonical base64 of 32 bytes) stands for.
    ///
    /// # Errors
    /// `Malformed` for any other text.
    pub fn parse(text: &str) -> Result<Hash, Error> {
        let bytes =
            from_base64(text).ok_or(Error::malformed(Format::Hash, "not canonical base64"))?;
        let bytes = bytes.try_into().map_err(|_| Error::malformed(Format::Hash, "not 32 bytes"))?;
        Ok(Hash(bytes))
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; HASH_BYTES] {
        &self.0
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base64(&self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

impl std::str::FromStr for Hash {
    type Err = Error;

    fn from_str(text: &str) -> Result<Hash, Error> {
        Hash::parse(text)
    }
}

/// The leaf hash of an entry.
#[must_use]
pub fn leaf_hash(entry: &[u8]) -> Hash {
    Hash(Sha256::new().chain_update([LEAF_PREFIX]).chain_update(entry).finalize().into())
}

/// The hash of the node over `left` and `right`.
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let inner = Sha256::new().chain_update([NODE_PREFIX]);
    Hash(inner.chain_update(left.0).chain_update(right.0).finalize().into())
}

#[cfg(test)]
mod tests;
