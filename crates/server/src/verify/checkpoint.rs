//! Two checkpoints of one ledger: whether the older tree is the beginning of the newer one.
//!
//! Promises: with the log's tiles or a consistency proof the answer is yes or no; with neither, what can be seen without
//! them is checked, and the answer is that the rest was not. Tiles are not trusted: what they lead to is compared with
//! both roots. Refuses to fetch: the caller gives a closure.

use std::collections::BTreeMap;

use tlog::checkpoint::Checkpoint;
use tlog::note::VerifierKey;
use tlog::proof::{self, Node};
use tlog::tile::{TILE_HEIGHT, TILE_WIDTH, TilePath};
use tlog::{Hash, TreeSize};

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
    Tiles(&'e mut dyn FnMut(TilePath) -> Result<Option<Vec<u8>>, String>),
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
        Evidence::Tiles(fetch) => match from_tiles((&old, &new), fetch) {
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

/// The proof that follows from the tiles of the newer tree.
fn from_tiles(
    (old, new): (&Checkpoint, &Checkpoint),
    fetch: &mut dyn FnMut(TilePath) -> Result<Option<Vec<u8>>, String>,
) -> Result<Vec<Hash>, String> {
    let mut tiles = Tiles { size: new.size, fetch, read: BTreeMap::new() };
    proof::consistency(old.size, new.size, &mut |node| tiles.node(node))
}

/// The tiles of a tree, each fetched once.
struct Tiles<'f> {
    size: TreeSize,
    fetch: &'f mut dyn FnMut(TilePath) -> Result<Option<Vec<u8>>, String>,
    read: BTreeMap<(u8, u64), Vec<u8>>,
}

impl Tiles<'_> {
    /// The hash of a complete subtree.
    fn node(&mut self, node: Node) -> Result<Hash, String> {
        let (level, inside) = (node.level / TILE_HEIGHT, node.level % TILE_HEIGHT);
        let first = node.index << inside;
        let (tile, place) = (first / u64::from(TILE_WIDTH), first % u64::from(TILE_WIDTH));
        let bytes = self.tile(level, tile)?;
        let start = usize::try_from(place).unwrap_or(usize::MAX);
        let hashes = bytes.chunks_exact(32).skip(start).take(1 << inside);
        let mut tree = tlog::tree::CompactRange::new();
        for hash in hashes {
            tree.push(Hash(hash.try_into().map_err(|_| "a tile is cut off".to_owned())?));
        }
        if tree.size().0 != 1 << inside {
            return Err(format!("tile {level}/{tile} of the log is too short"));
        }
        Ok(tree.root())
    }

    fn tile(&mut self, level: u8, index: u64) -> Result<&[u8], String> {
        if !self.read.contains_key(&(level, index)) {
            let bytes = self.fetch_tile(level, index)?;
            self.read.insert((level, index), bytes);
        }
        Ok(self.read.get(&(level, index)).map_or(&[][..], Vec::as_slice))
    }

    /// The tile as wide as the tree has it; a log that has grown may serve only the full one.
    fn fetch_tile(&mut self, level: u8, index: u64) -> Result<Vec<u8>, String> {
        let nodes = self.size.0.checked_shr(u32::from(level * TILE_HEIGHT)).unwrap_or(0);
        let width = nodes.saturating_sub(index * u64::from(TILE_WIDTH)).min(u64::from(TILE_WIDTH));
        let width = u16::try_from(width).unwrap_or(TILE_WIDTH).max(1);
        let path = TilePath::Hashes { level, index, width };
        if let Some(bytes) = (self.fetch)(path)? {
            return Ok(bytes);
        }
        let full = TilePath::Hashes { level, index, width: TILE_WIDTH };
        (self.fetch)(full)?.ok_or_else(|| format!("the log has no `{path}`"))
    }
}
