//! The copy for the reader to find: one word of one event changed, and everything that a file vouches for itself by mended.
//!
//! This is what somebody with access to the disk and to this program's own writer can do. Page checksums, the file's own hash
//! and its row in the catalog fit again; what they cannot mend is what the ledger has proven. Promises: nothing but the copy
//! is touched. Refuses to give the copy a token, and to replace a folder that is not a store.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::record_batch::RecordBatch;
use lake::archive::open_row;
use lake::cache::Cache;
use lake::catalog::{self, Row, State};
use lake::rollup::Rollup;
use lake::segment::{self, Columns, Order};
use lake::store::Store;

use super::story::{INTRUDER, SHOP, THEFT};
use crate::manifest;

/// Memory for reading one segment.
const CACHE_BYTES: usize = 1 << 20;
/// What a copy of a stopped store does without: the lock, what opens the running store, and the list of files, which only
/// the store's own key could sign again.
const LEFT_OUT: [&str; 4] = ["lock", "client.json", "auth-header", manifest::FILE];
/// What the outcome of the theft becomes.
const LIE: &str = "denied";

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
pub(super) enum ForgeryError {
    /// Files.
    #[error("the copy cannot be written: {0}")]
    Io(#[from] io::Error),
    /// The archive.
    #[error("the archive of the copy: {0}")]
    Lake(#[from] lake::Error),
    /// Columns.
    #[error("the rows of the copy: {0}")]
    Rows(#[from] arrow::error::ArrowError),
    /// The catalog.
    #[error("the catalog of the copy: {0}")]
    Catalog(#[from] rusqlite::Error),
    /// The event is not there.
    #[error("no archived event is the one to change")]
    Missing,
}

/// Copies the stopped store in `from` to `to`, and changes it.
pub(super) fn run(from: &Path, to: &Path) -> Result<(), ForgeryError> {
    copy(from, to, &LEFT_OUT)?;
    let scratch = crate::scratch::Scratch::new()?;
    let rows = catalog::look(to, scratch.path())?.unwrap_or_default();
    let is_shop = |row: &&Row| row.state == State::Live && row.tenant.as_str() == SHOP;
    for row in rows.iter().filter(is_shop) {
        if rewrite(to, row)? {
            return Ok(());
        }
    }
    Err(ForgeryError::Missing)
}

fn copy(from: &Path, to: &Path, left_out: &[&str]) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let is_spare = entry.file_name().as_encoded_bytes().starts_with(b"spare-");
        if is_spare || left_out.iter().any(|name| entry.file_name() == *name) {
            continue;
        }
        let target = to.join(entry.file_name());
        match entry.file_type()?.is_dir() {
            true => copy(&entry.path(), &target, &[])?,
            false => fs::copy(entry.path(), target).map(drop)?,
        }
    }
    Ok(())
}

/// Changes the event if it stands in this segment; answers whether it did.
fn rewrite(folder: &Path, row: &Row) -> Result<bool, ForgeryError> {
    let files = Store::new(folder);
    let segment = open_row(&files, row, &Arc::new(Cache::new(CACHE_BYTES)))?;
    let batch = segment.batch(&Columns::all())?;
    let Some(place) = find(&batch) else { return Ok(false) };
    let batch = with_lie(&batch, place)?;
    let (footer, exact) = (segment.footer()?, segment.exact()?);
    let rollup = Rollup::encode(Rollup::of(&batch)?.as_ref());
    let order = Order {
        tenant: &row.tenant,
        level: segment.about().level,
        class: &row.class,
        rollup: &rollup,
        exact: &exact,
        secrets: &|block| footer.secret(block),
    };
    let mut bytes = Vec::new();
    let (about, print) = segment::write(&mut bytes, &batch, &order)?;
    let path = row.file.as_ref().map(|file| file.path.clone()).ok_or(ForgeryError::Missing)?;
    fs::write(folder.join(&path), &bytes)?;
    let database = rusqlite::Connection::open(folder.join(catalog::FILE))?;
    database.execute(
        "UPDATE segments SET bytes = ?1, sha256 = ?2, footer_bytes = ?3, footer_sha256 = ?4, received_min = ?5,
            received_max = ?6, rollup = ?7 WHERE path = ?8",
        rusqlite::params![
            print.bytes.cast_signed(),
            &print.sha256[..],
            print.footer_bytes.cast_signed(),
            &print.footer_sha256[..],
            about.received_at.0,
            about.received_at.1,
            rollup,
            path,
        ],
    )?;
    Ok(true)
}

/// The row of the theft.
fn find(batch: &RecordBatch) -> Option<usize> {
    let column = |name: &str| batch.column_by_name(name)?.as_string_opt::<i32>();
    let (actions, actors) = (column("action")?, column("actor_id")?);
    let is_it = |row: &usize| {
        actions.is_valid(*row)
            && actors.is_valid(*row)
            && actions.value(*row) == THEFT
            && actors.value(*row) == INTRUDER
    };
    (0..batch.num_rows()).find(is_it)
}

/// The rows with another outcome at `place`.
fn with_lie(batch: &RecordBatch, place: usize) -> Result<RecordBatch, ForgeryError> {
    let column = batch.schema().index_of("outcome")?;
    let whole = batch.column(column);
    let lie = StringArray::from(vec![LIE]);
    let behind = place + 1;
    let parts: [&dyn Array; 3] =
        [&*whole.slice(0, place), &lie, &*whole.slice(behind, whole.len() - behind)];
    let mut columns: Vec<ArrayRef> = batch.columns().to_vec();
    if let Some(outcomes) = columns.get_mut(column) {
        *outcomes = arrow::compute::concat(&parts)?;
    }
    Ok(RecordBatch::try_new(batch.schema(), columns)?)
}
