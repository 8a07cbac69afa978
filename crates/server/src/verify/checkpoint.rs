//! Two checkpoints of one ledger: whether the older tree is the beginning of the newer one.
//!
//! Promises: with the log's tiles or a consistency proof the answer is yes or no; with neither, what can be seen without
//! them is checked, and the answer is that the rest was not. Tiles are not trusted: what they lead to is compared with
//! both roots. Refuses to fetch: the caller gives a closure.

use tlog::checkpoint::Checkpoint;
use tlog::note::VerifierKey;
use tlog::{Hash, proof, tiles};

use super::report::Report;

/// Hashes of a proof that are read; none has more than 65.
pub(crate) const PROOF_BYTES_MAX: u64 = 64 * 1024;

/// What shows that one tree begins the other.
pub(crate) enum Evidence<'e> {
    /// Nothing.
    None,
    /// A consistency proof, one hash a line.
    Proof(&'e str),
    /// The log's tiles.
    Tiles(tiles::Fetch<'e>),
}

/// Checks signatures, sizes and roots of two notes, and what `evidence` shows.
pub(crate) fn check(
    (old_note, new_note): (&str, &str),
    keys: &[VerifierKey],
    evidence: Evidence<'_>,
    report: &mut Report,
) {
    let old = open("older", old_note, keys, report);
    let new = open("newer", new_note, keys, report);
    let (Some(old), Some(new)) = (old, new) else { return };
    if old.origin != new.origin {
        return report
            .failed(format!("they are of two ledgers, `{}` and `{}`", old.origin, new.origin));
    }
    if old.size > new.size {
        return report.failed(format!(
            "the newer one has {} records and the older one {}: records were cut off, unless the files were exchanged",
            new.size, old.size
        ));
    }
    if old.size == new.size && old.root != new.root {
        return report
            .failed(format!("two roots of one size, {}: the ledger was forked", old.size));
    }
    let proof = match evidence {
        Evidence::None => {
            return report
                .unchecked("whether the older tree begins the newer one: give --log or --proof");
        }
        Evidence::Proof(text) => match parse(text) {
            Ok(proof) => proof,
            Err(what) => return report.failed(what),
        },
        Evidence::Tiles(fetch) => match tiles::consistency(&old, &new, fetch) {
            Ok(proof) => proof,
            Err(what) => return report.unchecked(what),
        },
    };
    let verified = proof::verify_consistency((old.size, &old.root), (new.size, &new.root), &proof);
    if let Err(error) = verified {
        report.failed(format!(
            "the tree of {} does not begin that of {}: {error}",
            old.size, new.size
        ));
    }
}

/// The checkpoint of a note; what its signatures come to is found.
fn open(which: &str, note: &str, keys: &[VerifierKey], report: &mut Report) -> Option<Checkpoint> {
    match Checkpoint::open(note, keys) {
        Ok(checkpoint) => return Some(checkpoint),
        Err(error @ tlog::Error::UnknownOrigin { .. }) => {
            report.unchecked(format!("the signature on the {which} checkpoint: {error}"));
        }
        Err(error) => report.failed(format!("the {which} checkpoint: {error}")),
    }
    // What is unsigned is still compared: a missing key never ends the search for a failure.
    Checkpoint::read_unverified(note).ok()
}

fn parse(text: &str) -> Result<Vec<Hash>, String> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.is_empty());
    lines
        .map(|(number, line)| {
            Hash::parse(line).map_err(|error| format!("line {} of the proof: {error}", number + 1))
        })
        .collect()
}
