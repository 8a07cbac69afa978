//! Stored checkpoints held against a recovered tree.
//!
//! It promises to refuse a tree that a checkpoint which was ever given out does not lead to. It
//! looks at no signature.

use std::collections::HashMap;

use event::ids::TenantId;
use tlog::TreeSize;

use crate::book::Book;
use crate::checkpoint;
use crate::error::{Damage, Error};
use crate::names;
use crate::proof;

/// No stored checkpoint may be larger than the tree, or differ from it at its size.
pub(crate) fn compare_checkpoints(
    book: &Book,
    tenants: &[TenantId],
) -> Result<HashMap<TenantId, TreeSize>, Error> {
    let mut sizes = HashMap::new();
    for tenant in tenants {
        let (stored, _) = checkpoint::load(&*book.disk, tenant)?;
        if let Some(damage) = compare_checkpoint(book, tenant, &stored)? {
            return Err(damage.into());
        }
        sizes.insert(tenant.clone(), stored.size);
    }
    Ok(sizes)
}

/// What is wrong with a stored checkpoint, seen from the recovered tree.
pub(crate) fn compare_checkpoint(
    book: &Book,
    tenant: &TenantId,
    stored: &tlog::checkpoint::Checkpoint,
) -> Result<Option<Damage>, Error> {
    let path = names::checkpoint(tenant);
    let shared = book.find(tenant);
    let size = shared.as_ref().map_or(TreeSize(0), |tenant| tenant.view().head().size);
    if stored.origin != tenant.origin(&book.store) {
        return Ok(Some(Damage::new(&path, 0, "a checkpoint of another ledger")));
    }
    // INVARIANT (I4): a checkpoint that was ever given out is consistent with every later tree.
    if stored.size > size {
        let damage = Damage::new(&path, 0, "a checkpoint of more records than the log has");
        return Ok(Some(damage.of(tenant, size.0, stored.size.0)));
    }
    let root = match shared {
        Some(shared) => proof::root(book, &shared, stored.size)?,
        None => tlog::hash::EMPTY_ROOT,
    };
    if root != stored.root {
        let damage = Damage::new(&path, 0, "a checkpoint of another tree than the log leads to");
        return Ok(Some(damage.of(tenant, 0, stored.size.0)));
    }
    Ok(None)
}
