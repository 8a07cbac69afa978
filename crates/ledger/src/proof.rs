//! Proofs and tiles at any size that the ledger has passed.
//!
//! Hashes come from memory where the tree holds them and from packs where it does not. It promises
//! that a proof is about durable entries only. It refuses sizes and tiles beyond the durable tree.

use event::entry::ENTRY_BYTES;
use event::ids::TenantId;
use tlog::hash::Hash;
use tlog::proof::{self, Node};
use tlog::tile::{TilePath, append_entry};
use tlog::{Index, TreeSize};

use crate::book::Book;
use crate::entries;
use crate::error::Error;
use crate::view::Tenant;

/// The hash of a complete subtree of durable entries.
fn node(book: &Book, tenant: &Tenant, node: Node) -> Result<Hash, Error> {
    let held = tenant.view().tree.get(node);
    match held {
        Some(hash) => Ok(hash),
        None => book.packs.node(&*book.disk, &tenant.id, node),
    }
}

/// The proof that the records `first..end` are in the tree of `size`.
pub(crate) fn range(
    book: &Book,
    tenant: &Tenant,
    (first, end): (Index, Index),
    size: TreeSize,
) -> Result<Vec<Hash>, Error> {
    check(tenant, size)?;
    if first >= end || end.0 > size.0 {
        return Err(out_of_range(tenant));
    }
    proof::range(first.0, end.0, size, &mut |place| node(book, tenant, place))
}

/// The proof that the tree of `old` is a prefix of that of `new`.
pub(crate) fn consistency(
    book: &Book,
    tenant: &Tenant,
    old: TreeSize,
    new: TreeSize,
) -> Result<Vec<Hash>, Error> {
    check(tenant, new)?;
    if old > new {
        return Err(out_of_range(tenant));
    }
    proof::consistency(old, new, &mut |place| node(book, tenant, place))
}

/// The root that the tree had at `size`.
pub(crate) fn root(book: &Book, tenant: &Tenant, size: TreeSize) -> Result<Hash, Error> {
    check(tenant, size)?;
    proof::root(size, &mut |place| node(book, tenant, place))
}

/// The bytes of a tile or an entry bundle; `None` if the durable tree does not have it.
pub(crate) fn tile(book: &Book, tenant: &Tenant, path: TilePath) -> Result<Option<Vec<u8>>, Error> {
    let size = tenant.view().head().size;
    if !path.is_within(size) {
        return Ok(None);
    }
    match path {
        TilePath::Hashes { .. } => {
            let mut out = Vec::with_capacity(path.nodes().len() * 32);
            for place in path.nodes() {
                out.extend_from_slice(&node(book, tenant, place)?.0);
            }
            assert_eq!(out.len(), path.nodes().len() * 32, "a hash for every node");
            Ok(Some(out))
        }
        TilePath::Entries { index, width } => {
            let first = index * 256;
            bundle(book, tenant, first..first + u64::from(width)).map(Some)
        }
    }
}

/// Entries of one bundle, each behind its length.
fn bundle(book: &Book, tenant: &Tenant, range: std::ops::Range<u64>) -> Result<Vec<u8>, Error> {
    let bytes = entries::bytes(book, tenant, range)?;
    let mut out = Vec::with_capacity(bytes.len() + bytes.len() / ENTRY_BYTES * 2);
    for entry in bytes.chunks(ENTRY_BYTES) {
        append_entry(&mut out, entry).expect("an entry has 42 bytes");
    }
    Ok(out)
}

fn check(tenant: &Tenant, size: TreeSize) -> Result<(), Error> {
    if size > tenant.view().head().size { Err(out_of_range(tenant)) } else { Ok(()) }
}

fn out_of_range(tenant: &Tenant) -> Error {
    let id: TenantId = tenant.id.clone();
    Error::OutOfRange { tenant: id, size: tenant.view().head().size }
}
