//! What can be wrong with a proof or with a text that should hold one.
//!
//! Promises: a reader of a variant knows whose fault it is. `Malformed`, `TooLarge`, `OutsideTree` and `ProofLength`
//! are bytes that were never what they claim; `BadSignature`, `Unsigned` and `RootMismatch` are well-formed and
//! **wrong**; `UnknownOrigin` could not be judged at all. Refuses to carry the bytes themselves.

/// The formats that this crate reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// 32 bytes in base64.
    Hash,
    /// A signed-note verifier key.
    VerifierKey,
    /// A signed-note private key.
    SigningKey,
    /// A signed note.
    Note,
    /// The text of a checkpoint.
    Checkpoint,
    /// A `.tlog-proof` file.
    ProofFile,
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Format::Hash => "hash",
            Format::VerifierKey => "verifier key",
            Format::SigningKey => "private key",
            Format::Note => "signed note",
            Format::Checkpoint => "checkpoint",
            Format::ProofFile => "proof file",
        })
    }
}

/// Why a text or a proof was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The text is not of the format it was read as.
    #[error("not a {format}: {why}")]
    Malformed {
        /// What it was read as.
        format: Format,
        /// The rule that it breaks.
        why: &'static str,
    },
    /// The text is longer than any honest one.
    #[error("{format} of {bytes} bytes: at most {bytes_max} are read")]
    TooLarge {
        /// What it was read as.
        format: Format,
        /// Its length.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// None of the given keys has the name that the note is signed for: it cannot be judged.
    #[error("no key is given for `{origin}`")]
    UnknownOrigin {
        /// The checkpoint's first line, or the name on the note's first signature.
        origin: String,
    },
    /// A key of the right name is given, and the note has no signature by it.
    #[error("no signature by a given key for `{origin}`")]
    Unsigned {
        /// The name that had to sign.
        origin: String,
    },
    /// A given key's signature stands there and is wrong.
    #[error("the signature by `{name}` is wrong")]
    BadSignature {
        /// The key's name.
        name: String,
    },
    /// The indices or the older size do not lie in the tree.
    #[error("`{first}..{end}` is not a range of a tree of {size}")]
    OutsideTree {
        /// The first index, or 0.
        first: u64,
        /// One past the last index, or the older size.
        end: u64,
        /// The size of the tree.
        size: u64,
    },
    /// The proof has too few hashes or too many.
    #[error("the proof has {found} hashes, which is too {much}")]
    ProofLength {
        /// How many it has.
        found: usize,
        /// `few` or `many`.
        much: &'static str,
    },
    /// The proof leads to another root than the one given.
    #[error("the proof does not lead to the root of the tree of {size}")]
    RootMismatch {
        /// The size whose root differs.
        size: u64,
    },
}

impl Error {
    /// A `Malformed`, for the readers.
    pub(crate) fn malformed(format: Format, why: &'static str) -> Error {
        Error::Malformed { format, why }
    }
}
