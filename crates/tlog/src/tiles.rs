//! A tree read through its tiles: hashes of nodes, and from them the proof that one tree begins another.
//!
//! Promises: each tile is fetched once; what a tile says is not trusted, since a proof made of it is compared with the
//! roots of both trees. Refuses to fetch: the caller gives a closure.

use std::collections::BTreeMap;

use crate::checkpoint::Checkpoint;
use crate::hash::Hash;
use crate::proof::{self, Node, PROOF_HASHES_MAX};
use crate::tile::{TILE_HEIGHT, TILE_WIDTH, TilePath};
use crate::tree::{CompactRange, TreeSize};

/// How a tile is fetched: `None` if the log has none there.
pub type Fetch<'f> = &'f mut dyn FnMut(TilePath) -> Result<Option<Vec<u8>>, String>;

/// The proof that the tree of `old` begins that of `new`, made of the tiles of the newer one. It is to be verified.
///
/// # Errors
/// What `fetch` says, and which tile is missing or too short.
///
/// # Panics
/// Unless `old` is not the larger one, which the caller has checked.
pub fn consistency(
    old: &Checkpoint,
    new: &Checkpoint,
    fetch: Fetch<'_>,
) -> Result<Vec<Hash>, String> {
    assert!(old.size <= new.size, "the older tree is the smaller one");
    let mut tiles = Tiles { size: new.size, fetch, read: BTreeMap::new() };
    let proof = proof::consistency(old.size, new.size, &mut |node| tiles.node(node))?;
    assert!(proof.len() <= PROOF_HASHES_MAX);
    Ok(proof)
}

/// The tiles of a tree, each fetched once.
struct Tiles<'f> {
    size: TreeSize,
    fetch: Fetch<'f>,
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
        let mut tree = CompactRange::new();
        for hash in hashes {
            tree.push(Hash(hash.try_into().map_err(|_| "a tile is cut off".to_owned())?));
        }
        assert!(tree.size().0 <= 1 << inside, "no more than was asked for");
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

#[cfg(test)]
mod tests;
