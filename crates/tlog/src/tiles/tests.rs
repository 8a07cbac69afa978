//! Proofs out of tiles, at sizes where tiles begin and end.

use super::*;
use crate::hash::leaf_hash;
use crate::proof::verify_consistency;

/// A tree with all of its tiles.
struct Log {
    leaves: Vec<Hash>,
}

impl Log {
    fn new(size: u64, fork: u64) -> Log {
        let leaf = |index: u64| {
            let words = if index >= fork { "forked" } else { "leaf" };
            leaf_hash(format!("{words} {index}").as_bytes())
        };
        Log { leaves: (0..size).map(leaf).collect() }
    }

    fn root(&self, of: std::ops::Range<usize>) -> Hash {
        let mut tree = CompactRange::new();
        tree.extend(self.leaves[of].iter().copied());
        tree.root()
    }

    fn checkpoint(&self) -> Checkpoint {
        let size = TreeSize(u64::try_from(self.leaves.len()).unwrap());
        Checkpoint { origin: "log".to_owned(), size, root: self.root(0..self.leaves.len()) }
    }

    fn tile(&self, path: TilePath) -> Option<Vec<u8>> {
        let TilePath::Hashes { level, index, width } = path else { return None };
        let leaves = 1_usize << (level * TILE_HEIGHT);
        let first = usize::try_from(index).unwrap() * usize::from(TILE_WIDTH);
        let nodes = first..first + usize::from(width);
        let mut bytes = Vec::new();
        for node in nodes {
            let of = node * leaves..(node + 1) * leaves;
            if of.end > self.leaves.len() {
                return None;
            }
            bytes.extend_from_slice(&self.root(of).0);
        }
        Some(bytes)
    }
}

#[test]
fn a_tree_begins_the_later_one_unless_it_was_forked() {
    let sizes = [1, 2, 3, 255, 256, 257, 300, 511, 512, 700];
    for old_size in sizes {
        let old = Log::new(old_size, u64::MAX).checkpoint();
        for new_size in sizes.into_iter().filter(|size| *size >= old_size) {
            for fork in [u64::MAX, old_size - 1, 0] {
                let log = Log::new(new_size, fork);
                let new = log.checkpoint();
                let proof = consistency(&old, &new, &mut |path| Ok(log.tile(path))).unwrap();
                let verified =
                    verify_consistency((old.size, &old.root), (new.size, &new.root), &proof);
                assert_eq!(verified.is_ok(), fork == u64::MAX, "{old_size} {new_size} {fork}");
            }
        }
    }
}

#[test]
fn tiles_that_are_missing_or_cut_off_are_named() {
    let (log, old) = (Log::new(700, u64::MAX), Log::new(300, u64::MAX).checkpoint());
    let new = log.checkpoint();
    let none = consistency(&old, &new, &mut |_| Ok(None)).unwrap_err();
    assert!(none.starts_with("the log has no `tile/"), "{none}");
    let short = consistency(&old, &new, &mut |_| Ok(Some(vec![0; 31]))).unwrap_err();
    assert!(short.ends_with("is too short"), "{short}");
    let failed = consistency(&old, &new, &mut |_| Err("no answer".to_owned())).unwrap_err();
    assert_eq!(failed, "no answer");
    // A log that has grown serves the full tile alone.
    let full = Log::new(1024, u64::MAX);
    let proof = consistency(&old, &new, &mut |path| {
        let is_cut = matches!(path, TilePath::Hashes { level: 0, width: 1..TILE_WIDTH, .. });
        Ok(if is_cut { None } else { full.tile(path) })
    });
    let proof = proof.unwrap();
    verify_consistency((old.size, &old.root), (new.size, &new.root), &proof).unwrap();
}
