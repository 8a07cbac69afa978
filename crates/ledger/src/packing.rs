//! Packing: entries that are durable in the log go into packs, and out of memory.
//!
//! It runs beside the writer, on a thread that may wait for the disk: a pack takes tens of milliseconds,
//! and no acknowledgement waits for one. It promises that a pack counts only once it is durable and was
//! read back, and that two who ask write one after the other. Until then its entries stay in memory, so
//! that a failure loses nothing: the file is written anew the next time, and nothing is poisoned.

use std::sync::Arc;

use event::ids::TenantId;
use tlog::Index;

use crate::book::{Book, Counts};
use crate::disk::Disk;
use crate::error::Error;
use crate::names::{self, PACKS};
use crate::pack::{self, PackSource};
use crate::reader::Reader;
use crate::tree::PACK_ENTRIES;
use crate::view::Tenant;

impl Reader {
    /// Writes every pack that is full and not written yet. For a thread that may wait for the disk, now and then:
    /// entries that are in no pack stay in memory.
    ///
    /// # Errors
    /// `Disk`. What was not written is written the next time.
    pub fn keep_packs(&self) -> Result<(), Error> {
        write_packs(&self.book)
    }

    /// Makes packs, full ones and the open one, cover everything below `end`. For a thread that may wait for the disk.
    ///
    /// # Errors
    /// `OutOfRange` if the ledger does not have so many records; `Disk`. The call may be made again.
    pub fn pack_to(&self, tenant: &TenantId, end: Index) -> Result<(), Error> {
        let size = self.head(tenant).size;
        if end.0 > size.0 {
            return Err(Error::OutOfRange { tenant: tenant.clone(), size });
        }
        let Some(tenant) = self.book.find(tenant) else { return Ok(()) };
        pack_to(&*self.book.disk, &tenant, end.0).inspect_err(|error| {
            if matches!(error, Error::Disk { source } if source.is_full()) {
                Counts::add(&self.book.counts.keep_refused, 1);
            }
        })
    }
}

/// Writes every pack that is full and not written yet.
pub(crate) fn write_packs(book: &Book) -> Result<(), Error> {
    for tenant in book.all() {
        let _packing = tenant.packing();
        while write_pack(&*book.disk, &tenant)? {}
    }
    Ok(())
}

/// Writes every pack that is due; on a full disk they wait, as their entries are in memory.
pub(crate) fn write_packs_if_room(book: &Book) -> Result<(), Error> {
    match write_packs(book) {
        Err(Error::Disk { source }) if source.is_full() => {
            Counts::add(&book.counts.keep_refused, 1);
            Ok(())
        }
        written => written,
    }
}

/// Writes the tenant's next pack if it is full; answers whether it was.
fn write_pack(disk: &dyn Disk, tenant: &Arc<Tenant>) -> Result<bool, Error> {
    let (first, source) = {
        let view = tenant.view();
        let first = view.packs_end;
        if first + PACK_ENTRIES > view.tree.size() {
            return Ok(false);
        }
        (first, PackSource::take(&view.tree, first, first + PACK_ENTRIES))
    };
    let source = source.expect("what is in no pack is in memory");
    pack::write(disk, &tenant.id, first, &source)?;
    let mut view = tenant.view();
    assert_eq!(view.packs_end, first, "one at a time writes packs");
    view.packs_end = first + PACK_ENTRIES;
    // The pack just written stays in memory too: proofs are asked for while records are new.
    view.tree.forget_below(first);
    assert!(view.packs_end <= view.tree.size(), "packs hold what exists");
    let has_part = std::mem::take(&mut view.part_end) > first;
    drop(view);
    if has_part {
        // The full pack is durable: the open one that it grew out of says nothing more.
        disk.remove(&names::part(&tenant.id, first / PACK_ENTRIES))?;
        disk.sync_dir(PACKS)?;
    }
    Ok(true)
}

/// Makes packs, full ones and the open one, cover everything below `end`, which is durable.
pub(crate) fn pack_to(disk: &dyn Disk, tenant: &Arc<Tenant>, end: u64) -> Result<(), Error> {
    let _packing = tenant.packing();
    while write_pack(disk, tenant)? {}
    let (first, source) = {
        let view = tenant.view();
        assert!(end <= view.tree.size(), "packs hold what exists");
        if end <= view.packed_end() {
            return Ok(());
        }
        (view.packs_end, PackSource::take(&view.tree, view.packs_end, end))
    };
    let source = source.expect("what is in no pack is in memory");
    pack::write(disk, &tenant.id, first, &source)?;
    let mut view = tenant.view();
    assert_eq!(view.packs_end, first, "one at a time writes packs");
    view.part_end = end;
    Ok(())
}
