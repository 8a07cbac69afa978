//! The archive's watermarks held against a recovered ledger.
//!
//! It promises to find every record that is neither in the log nor archived, and every archived
//! record whose entry is in no pack. It reads nothing but what recovery has read.

use event::ids::TenantId;
use tlog::Index;

use crate::book::Book;
use crate::error::{Damage, Error};
use crate::names::{self, WAL};
use crate::tree::PACK_ENTRIES;
use crate::view::Tenant;

/// Checks the watermarks of all tenants; one that is not named has nothing archived.
pub(super) fn check(book: &Book, watermarks: &[(TenantId, Index)]) -> Result<(), Error> {
    for tenant in book.all() {
        let given = watermarks.iter().find(|(of, _)| *of == tenant.id);
        check_tenant(&tenant, given.map_or(0, |(_, watermark)| watermark.0))?;
    }
    for (tenant, watermark) in watermarks {
        if watermark.0 > 0 && book.find(tenant).is_none() {
            let damage = Damage::new(WAL, 0, "archived records of a ledger that is not there");
            return Err(damage.of(tenant, 0, watermark.0).into());
        }
    }
    Ok(())
}

// INVARIANT (I6): first in the log <= watermark <= packs' end <= size.
fn check_tenant(tenant: &Tenant, watermark: u64) -> Result<(), Error> {
    let view = tenant.view();
    let (first, size) = (view.first_kept(), view.tree.size());
    if first > watermark {
        let damage = Damage::new(WAL, 0, "records that are neither in the log nor archived");
        return Err(damage.of(&tenant.id, watermark, first).into());
    }
    if watermark > size {
        let damage = Damage::new(WAL, 0, "archived records that the ledger does not have");
        return Err(damage.of(&tenant.id, size, watermark).into());
    }
    let packed = view.packed_end();
    if watermark > packed {
        let path = names::pack(&tenant.id, packed / PACK_ENTRIES);
        let damage = Damage::new(&path, 0, "archived records of which no pack holds the entries");
        return Err(damage.of(&tenant.id, packed, watermark).into());
    }
    assert!(packed <= size, "packs hold what exists");
    Ok(())
}
