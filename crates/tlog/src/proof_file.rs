//! C2SP `.tlog-proof`: one entry's inclusion proof and the signed checkpoint it leads to, in one text file.
//!
//! ```text
//! c2sp.org/tlog-proof@v1
//! extra <base64>              optional
//! index <decimal>
//! <base64 of 32 bytes>        the proof, leaf to root, no, one or many lines
//! (empty line)
//! <the signed checkpoint, verbatim>
//! ```
//!
//! Promises: `parse` of `Display` is the same file, byte for byte. Refuses to verify: the entry is not in the file, so
//! its reader computes the leaf hash and calls `verify`.

use std::fmt;

use crate::checkpoint::{Checkpoint, parse_decimal};
use crate::encoding::{base64, from_base64};
use crate::error::{Error, Format};
use crate::hash::Hash;
use crate::note::{Note, VerifierKey};
use crate::proof::{self, PROOF_HASHES_MAX};
use crate::tree::Index;

/// Bytes of the longest proof file that is read: the extra line holds a receipt's openings.
pub const PROOF_FILE_BYTES_MAX: usize = 4 * 1024 * 1024;

const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";

/// The parts of a `.tlog-proof` file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProofFile {
    /// Bytes that the format carries and does not read; in ours, the receipt's openings as JSON.
    pub extra: Option<Vec<u8>>,
    /// The entry's index.
    pub index: Index,
    /// The inclusion proof, leaf to root.
    pub hashes: Vec<Hash>,
    /// The signed checkpoint, as it was served.
    pub checkpoint: String,
}

impl ProofFile {
    /// The file that `text` is.
    ///
    /// # Errors
    /// `TooLarge`, and `Malformed`, also if the checkpoint's note is.
    pub fn parse(text: &str) -> Result<ProofFile, Error> {
        let refuse = |why| Error::malformed(Format::ProofFile, why);
        if text.len() > PROOF_FILE_BYTES_MAX {
            let (bytes, bytes_max) = (text.len(), PROOF_FILE_BYTES_MAX);
            return Err(Error::TooLarge { format: Format::ProofFile, bytes, bytes_max });
        }
        let (head, checkpoint) = text.split_once("\n\n").ok_or(refuse("no empty line"))?;
        let mut lines = head.split('\n').peekable();
        if lines.next() != Some(FIRST_LINE) {
            return Err(refuse("its first line is not `c2sp.org/tlog-proof@v1`"));
        }
        let extra = match lines.next_if(|line| line.starts_with("extra ")) {
            Some(line) => Some(parse_extra(line).ok_or(refuse("the extra line is not base64"))?),
            None => None,
        };
        let index = lines.next().and_then(|line| parse_decimal(line.strip_prefix("index ")?));
        let index = Index(index.ok_or(refuse("no index line"))?);
        let hashes: Vec<Hash> = lines.map(Hash::parse).collect::<Result<_, _>>()?;
        if hashes.len() > PROOF_HASHES_MAX {
            return Err(refuse("more hashes than any proof has"));
        }
        Checkpoint::parse(Note::parse(checkpoint)?.text())?;
        let file = ProofFile { extra, index, hashes, checkpoint: checkpoint.to_owned() };
        debug_assert_eq!(file.to_string(), text);
        Ok(file)
    }

    /// Checks that the entry with this leaf hash is where the file says, under a checkpoint that a given key signed.
    ///
    /// # Errors
    /// Those of [`Checkpoint::open`] and [`proof::verify_range`].
    pub fn verify(&self, leaf: Hash, keys: &[VerifierKey]) -> Result<Checkpoint, Error> {
        let checkpoint = Checkpoint::open(&self.checkpoint, keys)?;
        let tree = (checkpoint.size, &checkpoint.root);
        proof::verify_range(self.index.0, &[leaf], &self.hashes, tree)?;
        assert!(
            self.index.0 < checkpoint.size.0,
            "a proof that verifies is of an entry in the tree"
        );
        Ok(checkpoint)
    }
}

impl fmt::Display for ProofFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{FIRST_LINE}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", base64(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        for hash in &self.hashes {
            writeln!(f, "{hash}")?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}

/// The bytes of an extra line.
fn parse_extra(line: &str) -> Option<Vec<u8>> {
    from_base64(line.strip_prefix("extra ")?)
}

#[cfg(test)]
mod tests;
