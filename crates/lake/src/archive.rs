//! The archive: from hot rows to segment files and a catalog that names them.
//!
//! ```text
//! flush    draft -> sync -> name -> folder synced -> re-read and compared -> catalog (one transaction)
//! compact  the same, compared with what it replaces; the old files go when nobody reads them any more
//! ```
//!
//! Promises: a segment is in the catalog only after its file is durable and was read back and found
//! to be what the ledger holds (I2); a crash between any two steps leaves files that the next
//! [`Archive::open`] removes, if they are unfinished or replaced, or moves to `quarantine/`, and never
//! a row too many or too few (I6). A step that fails changes nothing that a reader sees, and the same
//! call may be made again; a full disk is its own error.
//!
//! It starts no thread and reads no clock. What readers see is swapped by the caller
//! ([`crate::Hot::archive`], [`crate::Hot::compacted`]) after a call has returned.

pub mod compact; // segments to fewer, sorted ones
pub mod flush; // hot rows to a segment
mod multiset; // the same rows, in whatever order
mod start; // what lies on disk against the catalog

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use arrow::array::RecordBatch;
use event::ids::{TenantId, Timestamp};

use crate::Error;
use crate::cache::Cache;
use crate::catalog::{Catalog, FileRow, Row, State};
use crate::columns::heap_bytes;
use crate::segment::{self, About, Level, Order, Print, Segment};
use crate::steps::Steps;
use crate::store::{Draft, LAKE, Store};
pub use compact::{Candidates, Merge};
pub use flush::Flush;
pub use start::Opened;

/// The retention class of everything until there are more.
pub const CLASS: &str = "default";

/// Everything that is archived of a tenant, in index order: together it tiles `[0, watermark)`.
#[derive(Debug, Default)]
pub struct Tiles {
    /// The files.
    pub segments: Vec<Arc<Segment>>,
    /// Ranges whose rows are gone.
    pub holes: Vec<Range<u64>>,
    /// The end of the last.
    pub watermark: u64,
}

/// The open archive. Calls for different tenants, and a flush and a compaction of one, may be made
/// side by side.
#[derive(Debug)]
pub struct Archive {
    store: Store,
    catalog: Catalog,
    cache: Arc<Cache>,
    replaced: Mutex<Vec<Replaced>>,
}

/// A file that another has taken the place of, while somebody may still read it.
#[derive(Debug)]
struct Replaced {
    tenant: TenantId,
    path: String,
    readers: Weak<Segment>,
}

impl Archive {
    /// Opens the archive of a data directory, and makes it if there is none.
    ///
    /// # Errors
    /// [`Error::Catalog`] and [`Error::Segment`] name damage; no file was moved or removed then.
    pub fn open(store: &Store, cache: &Arc<Cache>) -> Result<(Archive, Opened), Error> {
        let catalog = Catalog::open(store)?;
        store.create_dir(LAKE)?;
        let opened = start::settle(store, &catalog)?;
        let (store, cache) = (store.clone(), Arc::clone(cache));
        Ok((Archive { store, catalog, cache, replaced: Mutex::default() }, opened))
    }

    /// Everything that is archived of a tenant.
    ///
    /// # Errors
    /// [`Error::Segment`] when a file is not the one that the catalog names.
    pub fn tiles(&self, tenant: &TenantId) -> Result<Tiles, Error> {
        let mut tiles = Tiles::default();
        for row in self.catalog.rows()?.into_iter().filter(|row| row.tenant == *tenant) {
            match (row.state, &row.file) {
                (State::Replaced, _) => continue,
                (State::Live, Some(_)) => tiles.segments.push(self.reopen(&row)?),
                _ => tiles.holes.push(row.indices.clone()),
            }
            tiles.watermark = row.indices.end;
        }
        Ok(tiles)
    }

    /// Where each tenant's archive ends.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn watermarks(&self) -> Result<BTreeMap<TenantId, u64>, Error> {
        crate::catalog::watermarks(&self.catalog.rows()?)
    }

    /// Where a tenant's archive ends.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn watermark(&self, tenant: &TenantId) -> Result<u64, Error> {
        self.catalog.watermark(tenant)
    }

    /// Every row of the catalog.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn rows(&self) -> Result<Vec<Row>, Error> {
        self.catalog.rows()
    }

    /// Puts down that the records at the watermark are lost, as a loss record says.
    ///
    /// # Errors
    /// [`Error::OutOfOrder`] when the range does not begin at the watermark.
    pub fn lost(&self, tenant: &TenantId, range: &Range<u64>, now: Timestamp) -> Result<(), Error> {
        self.catalog.add(&Row {
            tenant: tenant.clone(),
            indices: range.clone(),
            level: Level::L0.number(),
            state: State::Lost,
            class: CLASS.to_owned(),
            created_at: now,
            file: None,
        })
    }

    /// Removes files that were replaced and that nobody reads any more; returns how many are left.
    /// To be called after a view was swapped, and now and then: a query may take its time.
    ///
    /// # Errors
    /// When the disk refuses; then they are removed later.
    pub fn sweep(&self) -> Result<usize, Error> {
        let mut replaced = self.replaced.lock().unwrap_or_else(PoisonError::into_inner);
        let is_read = |old: &Replaced| old.readers.strong_count() > 0;
        while let Some(at) = replaced.iter().position(|old| !is_read(old)) {
            if let Some(old) = replaced.get(at) {
                start::remove(&self.store, &self.catalog, (&old.tenant, &old.path))?;
            }
            replaced.swap_remove(at);
        }
        Ok(replaced.len())
    }

    /// Closes the catalog so that one file is left of it. Files that were replaced and are still
    /// read are removed at the next start.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn close(self) -> Result<(), Error> {
        self.sweep()?;
        self.catalog.close()
    }

    /// Writes a file under another name, and what the catalog will say of it. Nothing is durable yet.
    fn draft(
        &self,
        (batch, steps): (&RecordBatch, &Steps<'_>),
        order: &Order<'_>,
        indices: &Range<u64>,
    ) -> Result<(Draft, About, Print), Error> {
        let name = segment::file_name(order.tenant, indices, order.level);
        let mut draft = self.store.draft(&name)?;
        // A writer of Parquet hides what the disk said.
        let written = segment::write_in(&mut draft, (batch, steps), order);
        let (about, print) = written.map_err(|error| draft.failure().unwrap_or(error))?;
        assert_eq!(about.indices, *indices, "INVARIANT (I6): a file covers what its name says");
        Ok((draft, about, print))
    }

    /// The file as anybody would open it: from disk, by its hashes.
    fn reopen(&self, row: &Row) -> Result<Arc<Segment>, Error> {
        open_row(&self.store, row, &self.cache).map(Arc::new)
    }

    /// Takes back a file that the catalog does not name, after an error that leaves no doubt about
    /// that. What cannot be removed is moved to quarantine at the next start.
    fn take_back(&self, row: &Row, error: &Error) {
        let is_sure = matches!(error, Error::DiskFull { .. } | Error::Segment { .. });
        if let Some(file) = row.file.as_ref().filter(|_| is_sure) {
            let _left = self.store.remove(&file.path);
        }
    }
}

/// The file of a live row, opened by its hashes: for whoever checks a store without opening it.
///
/// # Errors
/// [`Error::Catalog`] when the row has no file, else as [`Segment::open`].
pub fn open_row(store: &Store, row: &Row, cache: &Arc<Cache>) -> Result<Segment, Error> {
    let without = || Error::Catalog { what: "a row without a file".to_owned() };
    let file = row.file.as_ref().ok_or_else(without)?;
    Segment::open(store, &file.path, known(row, file)?, cache)
}

/// What the catalog says of a file, as the file says it.
fn known(row: &Row, file: &FileRow) -> Result<(About, Print), Error> {
    let unknown = || Error::Catalog { what: format!("`{}` has level {}", file.path, row.level) };
    let about = About {
        tenant: row.tenant.clone(),
        indices: row.indices.clone(),
        level: Level::of(row.level).ok_or_else(unknown)?,
        class: row.class.clone(),
        rows: file.rows,
        exact: file.exact,
        loose: file.loose,
        received_at: file.received_at,
        occurred_at: file.occurred_at,
    };
    let print = Print {
        bytes: file.bytes,
        sha256: file.sha256,
        footer_bytes: file.footer_bytes,
        footer_sha256: file.footer_sha256,
    };
    Ok((about, print))
}

/// What the catalog will say of a file.
pub(crate) fn live_row(
    (about, print): (&About, &Print),
    rollup: Vec<u8>,
    memory_bytes: u64,
) -> Row {
    let file = FileRow {
        path: segment::file_name(&about.tenant, &about.indices, about.level),
        bytes: print.bytes,
        sha256: print.sha256,
        footer_bytes: print.footer_bytes,
        footer_sha256: print.footer_sha256,
        rows: about.rows,
        exact: about.exact,
        loose: about.loose,
        memory_bytes,
        received_at: about.received_at,
        occurred_at: about.occurred_at,
        rollup,
    };
    Row {
        tenant: about.tenant.clone(),
        indices: about.indices.clone(),
        level: about.level.number(),
        state: State::Live,
        class: about.class.clone(),
        created_at: Timestamp(0),
        file: Some(file),
    }
}

fn memory_bytes(batch: &RecordBatch) -> u64 {
    heap_bytes(batch.columns())
}

#[cfg(test)]
mod tests;
