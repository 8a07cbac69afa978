//! Checkpoints: signing them on demand, and keeping the newest of each tenant on disk.
//!
//! A stored checkpoint is the signed note as it was given out, one file for each tenant, replaced
//! whole. It promises that a tenant's checkpoint of one size is signed at most once while the
//! process lives, and never before size and root are durable. It refuses to sign without the key
//! that bears the ledger's origin.

use std::sync::Arc;

use event::ids::{StoreName, TenantId};
use tlog::TreeSize;
use tlog::checkpoint::Checkpoint;
use tlog::hash::Hash;
use tlog::note::{NOTE_BYTES_MAX, SigningKey};

use crate::cursor::length_u64;
use crate::disk::{self, Disk};
use crate::error::Error;
use crate::names;
use crate::view::Tenant;

/// A checkpoint and its signed note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCheckpoint {
    /// How many records it covers.
    pub size: TreeSize,
    /// The root over them.
    pub root: Hash,
    /// The signed note, as it is published.
    pub note: Arc<str>,
}

/// The newest checkpoint of a tenant: the one signed before if the ledger has not grown since.
pub(crate) fn sign(store: &StoreName, tenant: &Tenant) -> Result<SignedCheckpoint, Error> {
    // The signing lock is taken first and held, so that two askers cannot sign one size twice and
    // sizes are signed in order.
    let mut signing = tenant.signing();
    let head = tenant.view().head();
    if let Some(newest) = &signing.newest
        && newest.size == head.size
    {
        assert_eq!(newest.root, head.root, "one size has one root");
        return Ok(newest.clone());
    }
    let key: Arc<SigningKey> = match &signing.key {
        Some(key) => Arc::clone(key),
        None => return Err(Error::NoSigner { tenant: tenant.id.clone() }),
    };
    // INVARIANT (I4): a view only ever holds what a sync covers, so (size, root) is durable here.
    let newest = signing.newest.as_ref().map_or(TreeSize(0), |newest| newest.size);
    assert!(newest <= head.size, "a ledger never shrinks");
    let origin = tenant.id.origin(store);
    let note = Checkpoint { origin, size: head.size, root: head.root }.sign(&key);
    let signed = SignedCheckpoint { size: head.size, root: head.root, note: note.into() };
    signing.newest = Some(signed.clone());
    Ok(signed)
}

/// Puts a checkpoint durably into the tenant's file.
pub(crate) fn store(
    disk: &dyn Disk,
    tenant: &TenantId,
    signed: &SignedCheckpoint,
) -> Result<(), Error> {
    let path = names::checkpoint(tenant);
    disk::replace(disk, &path, signed.note.as_bytes())?;
    let (stored, _) = load(disk, tenant)?;
    assert_eq!(stored.size, signed.size, "what is read back is what was written");
    assert_eq!(stored.root, signed.root, "what is read back is what was written");
    Ok(())
}

/// A tenant's stored checkpoint, its signatures not looked at, and the note.
pub(crate) fn load(disk: &dyn Disk, tenant: &TenantId) -> Result<(Checkpoint, String), Error> {
    let path = names::checkpoint(tenant);
    let bytes = disk::read(disk, &path, length_u64(NOTE_BYTES_MAX))?;
    let unreadable = |_| Error::damaged(&path, 0, "not a signed checkpoint");
    let note = String::from_utf8(bytes).map_err(|_| Error::damaged(&path, 0, "not UTF-8"))?;
    let checkpoint = Checkpoint::read_unverified(&note).map_err(unreadable)?;
    Ok((checkpoint, note))
}
