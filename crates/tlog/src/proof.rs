//! Proofs: that a range of entries is in a tree, and that a tree is a prefix of another.
//!
//! One piece of recursion makes and checks them all. With `m` = `lo` + the largest power of two below `hi - lo`:
//!
//! ```text
//! RANGE(a, b, D[lo:hi])  empty if a <= lo and hi <= b
//!                        RANGE(left) || RANGE(right)     if D[lo:m] and D[m:hi] both hold some of [a, b)
//!                        RANGE(that half) || MTH(other)  if one does
//! ```
//!
//! With `b = a + 1` this is `PATH` of RFC 6962 §2.1.1; consistency is §2.1.2. An older root follows from `root`.
//!
//! Promises: a maker asks its closure only for complete subtrees, at most 2 x 64 of them beside those of the range; a
//! checker's work is bounded by the leaves and hashes it is given. Refuses to fetch, to cache and to trust: what the
//! closure returns is not checked here.

use crate::error::Error;
use crate::hash::{EMPTY_ROOT, Hash, node_hash};
use crate::tree::{CompactRange, TreeSize, complete_subtrees};

pub use crate::tree::Node;

/// Hashes of the longest inclusion or consistency proof of a tree of `u64` size.
pub const PROOF_HASHES_MAX: usize = 65;

/// The proof that the entries `[first, end)` stand in the tree of `size`.
///
/// # Errors
/// Those of `fetch`.
///
/// # Panics
/// Unless `first < end <= size`, which the caller has checked.
pub fn range<E>(
    first: u64,
    end: u64,
    size: TreeSize,
    fetch: &mut impl FnMut(Node) -> Result<Hash, E>,
) -> Result<Vec<Hash>, E> {
    assert!(first < end, "a range holds something");
    assert!(end <= size.0, "a range lies in its tree");
    let mut proof = Vec::new();
    prove_range(Range { first, end }, Range { first: 0, end: size.0 }, fetch, &mut proof)?;
    Ok(proof)
}

/// The proof that the entry `index` stands in the tree of `size`: `PATH` of RFC 6962.
///
/// # Errors
/// Those of `fetch`.
///
/// # Panics
/// Unless `index < size`, which the caller has checked.
pub fn inclusion<E>(
    index: u64,
    size: TreeSize,
    fetch: &mut impl FnMut(Node) -> Result<Hash, E>,
) -> Result<Vec<Hash>, E> {
    assert!(index < size.0, "an entry lies in its tree");
    let proof = range(index, index + 1, size, fetch)?;
    assert!(proof.len() < PROOF_HASHES_MAX);
    Ok(proof)
}

/// The proof that the tree of `old` is a prefix of that of `new`; empty if they are equal or `old` is 0.
///
/// # Errors
/// Those of `fetch`.
///
/// # Panics
/// Unless `old <= new`, which the caller has checked.
pub fn consistency<E>(
    old: TreeSize,
    new: TreeSize,
    fetch: &mut impl FnMut(Node) -> Result<Hash, E>,
) -> Result<Vec<Hash>, E> {
    assert!(old <= new, "the older tree is the smaller one");
    let mut proof = Vec::new();
    if old.0 == 0 {
        return Ok(proof);
    }
    // From the root down to where the older tree's edge is a subtree's edge, noting what lies beside the way.
    let (mut here, mut beside) = (Range { first: 0, end: new.0 }, Vec::new());
    let mut old_root_is_known = true;
    while here.end != old.0 {
        let (left, right) = here.halves();
        let went_left = old.0 <= left.end;
        beside.push(if went_left { right } else { left });
        here = if went_left { left } else { right };
        old_root_is_known &= went_left;
    }
    if !old_root_is_known {
        proof.push(subtree_root(here, fetch)?);
    }
    for other in beside.into_iter().rev() {
        proof.push(subtree_root(other, fetch)?);
    }
    assert!(proof.len() <= PROOF_HASHES_MAX);
    Ok(proof)
}

/// The root of the tree at `size`, now or earlier.
///
/// # Errors
/// Those of `fetch`.
pub fn root<E>(size: TreeSize, fetch: &mut impl FnMut(Node) -> Result<Hash, E>) -> Result<Hash, E> {
    if size.0 == 0 {
        return Ok(EMPTY_ROOT);
    }
    subtree_root(Range { first: 0, end: size.0 }, fetch)
}

/// The root that follows if the entries from `first` on have these leaf hashes, the tree `size`, and `proof` is theirs.
///
/// # Errors
/// `OutsideTree` if no such range exists (an empty one never does), `ProofLength` if `proof` has another length than
/// the one proof there can be.
pub fn root_of_range(
    first: u64,
    leaves: &[Hash],
    size: TreeSize,
    proof: &[Hash],
) -> Result<Hash, Error> {
    let count = u64::try_from(leaves.len()).unwrap_or(u64::MAX);
    let end = first.saturating_add(count);
    if count == 0 || end > size.0 || end - first != count {
        return Err(Error::OutsideTree { first, end, size: size.0 });
    }
    let mut rest = proof.iter();
    let mut walk = Walk { wanted: Range { first, end }, leaves: leaves.iter(), proof: &mut rest };
    let root = walk.root(Range { first: 0, end: size.0 });
    assert!(root.is_none() || walk.leaves.next().is_none(), "every leaf was used");
    match (root, rest.next()) {
        (Some(root), None) => Ok(root),
        (None, _) => Err(Error::ProofLength { found: proof.len(), much: "few" }),
        (Some(_), Some(_)) => Err(Error::ProofLength { found: proof.len(), much: "many" }),
    }
}

/// Checks that the entries from `first` on have these leaf hashes in the tree with `size` and `root`.
///
/// # Errors
/// Those of [`root_of_range`], and `RootMismatch`.
pub fn verify_range(
    first: u64,
    leaves: &[Hash],
    proof: &[Hash],
    tree: (TreeSize, &Hash),
) -> Result<(), Error> {
    let (size, root) = tree;
    let computed = root_of_range(first, leaves, size, proof)?;
    if computed == *root { Ok(()) } else { Err(Error::RootMismatch { size: size.0 }) }
}

/// Checks that the tree with `old` (size and root) is a prefix of the one with `new`.
///
/// # Errors
/// `OutsideTree` if the old one is the larger, `ProofLength`, and `RootMismatch` with the size whose root is not met.
pub fn verify_consistency(
    old: (TreeSize, &Hash),
    new: (TreeSize, &Hash),
    proof: &[Hash],
) -> Result<(), Error> {
    let ((old_size, old_root), (new_size, new_root)) = (old, new);
    if old_size > new_size {
        return Err(Error::OutsideTree { first: 0, end: old_size.0, size: new_size.0 });
    }
    let (old_computed, new_computed) = consistency_roots(old, new, proof)?;
    if old_computed != *old_root {
        return Err(Error::RootMismatch { size: old_size.0 });
    }
    if new_computed != *new_root {
        return Err(Error::RootMismatch { size: new_size.0 });
    }
    Ok(())
}

/// The two roots that a consistency proof leads to.
fn consistency_roots(
    (old_size, old_root): (TreeSize, &Hash),
    (new_size, new_root): (TreeSize, &Hash),
    proof: &[Hash],
) -> Result<(Hash, Hash), Error> {
    let many = Error::ProofLength { found: proof.len(), much: "many" };
    let few = Error::ProofLength { found: proof.len(), much: "few" };
    if old_size.0 == 0 {
        // Every tree begins with the empty one; its root is the one thing to compare.
        return if proof.is_empty() { Ok((EMPTY_ROOT, *new_root)) } else { Err(many) };
    }
    let (mut here, mut beside) = (Range { first: 0, end: new_size.0 }, Vec::new());
    while here.end != old_size.0 {
        let (left, right) = here.halves();
        let went_left = old_size.0 <= left.end;
        beside.push(went_left);
        here = if went_left { left } else { right };
    }
    let mut rest = proof.iter();
    // Where the way never went right, the subtree met is the older tree itself.
    let start =
        if beside.iter().all(|went_left| *went_left) { Some(old_root) } else { rest.next() };
    let start = *start.ok_or_else(|| few.clone())?;
    let (mut old_hash, mut new_hash) = (start, start);
    for went_left in beside.iter().rev() {
        let other = rest.next().ok_or_else(|| few.clone())?;
        if *went_left {
            new_hash = node_hash(&new_hash, other);
        } else {
            (old_hash, new_hash) = (node_hash(other, &old_hash), node_hash(other, &new_hash));
        }
    }
    if rest.next().is_some() { Err(many) } else { Ok((old_hash, new_hash)) }
}

/// `D[first:end]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Range {
    first: u64,
    end: u64,
}

impl Range {
    /// Cut at the largest power of two below the length, counted from `first`.
    fn halves(self) -> (Range, Range) {
        let length = self.end - self.first;
        assert!(length > 1, "a leaf has no halves");
        let cut = self.first + (1 << (length - 1).ilog2());
        assert!(self.first < cut && cut < self.end);
        (Range { first: self.first, end: cut }, Range { first: cut, end: self.end })
    }

    fn is_within(self, other: Range) -> bool {
        other.first <= self.first && self.end <= other.end
    }

    fn meets(self, other: Range) -> bool {
        self.first < other.end && other.first < self.end
    }
}

/// RANGE of the file's head, with `here` = `D[lo:hi]`, which holds some of `wanted`.
fn prove_range<E>(
    wanted: Range,
    here: Range,
    fetch: &mut impl FnMut(Node) -> Result<Hash, E>,
    proof: &mut Vec<Hash>,
) -> Result<(), E> {
    debug_assert!(here.meets(wanted));
    if here.is_within(wanted) {
        return Ok(());
    }
    let (left, right) = here.halves();
    match (left.meets(wanted), right.meets(wanted)) {
        (true, true) => {
            prove_range(wanted, left, fetch, proof)?;
            prove_range(wanted, right, fetch, proof)
        }
        (true, false) => {
            prove_range(wanted, left, fetch, proof)?;
            proof.push(subtree_root(right, fetch)?);
            Ok(())
        }
        (false, _) => {
            prove_range(wanted, right, fetch, proof)?;
            proof.push(subtree_root(left, fetch)?);
            Ok(())
        }
    }
}

/// `MTH(D[first:end])` from complete subtrees; the range is one that the recursion meets, and not empty.
fn subtree_root<E>(
    range: Range,
    fetch: &mut impl FnMut(Node) -> Result<Hash, E>,
) -> Result<Hash, E> {
    assert!(range.first < range.end);
    let mut root: Option<Hash> = None;
    for node in complete_subtrees(range.first, range.end).rev() {
        let left = fetch(node)?;
        root = Some(root.map_or(left, |right| node_hash(&left, &right)));
    }
    Ok(root.unwrap_or(EMPTY_ROOT))
}

/// A checker on its way through the tree: it takes leaves and proof hashes in the order in which the maker left them.
struct Walk<'a, 'p> {
    wanted: Range,
    leaves: std::slice::Iter<'a, Hash>,
    proof: &'p mut std::slice::Iter<'a, Hash>,
}

impl Walk<'_, '_> {
    /// The root of `here`, which holds some of what is wanted; `None` when the proof ends too early.
    fn root(&mut self, here: Range) -> Option<Hash> {
        debug_assert!(here.meets(self.wanted));
        if here.is_within(self.wanted) {
            return self.root_of_leaves(here);
        }
        let (left, right) = here.halves();
        let (left, right) = match (left.meets(self.wanted), right.meets(self.wanted)) {
            (true, true) => (self.root(left)?, self.root(right)?),
            (true, false) => (self.root(left)?, *self.proof.next()?),
            (false, _) => {
                let right = self.root(right)?;
                (*self.proof.next()?, right)
            }
        };
        Some(node_hash(&left, &right))
    }

    /// The root of `here`, all of whose leaves are given.
    fn root_of_leaves(&mut self, here: Range) -> Option<Hash> {
        let count = usize::try_from(here.end - here.first).ok()?;
        let mut tree = CompactRange::new();
        tree.extend(self.leaves.by_ref().take(count).copied());
        assert_eq!(tree.size().0, here.end - here.first, "the caller gave every leaf");
        Some(tree.root())
    }
}

#[cfg(test)]
mod tests;
