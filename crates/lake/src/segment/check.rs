//! A file held against its hashes and against itself.

use std::io;

use arrow::array::{ArrayRef, RecordBatch};
use sha2::{Digest as _, Sha256};

use super::{About, Columns, Footer, Print, Segment, footer, hash};
use crate::Error;
use crate::rows;
use crate::rows::read::U64s;
use crate::store::{Store, Stored, disk};

/// Bytes of a file that are hashed at a time.
const HASHED: usize = 1 << 20;

/// What a file says about itself, when nobody vouches for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// What it covers.
    pub about: About,
    /// By what it is known again.
    pub print: Print,
    /// Its rollup partial, encoded.
    pub rollup: Vec<u8>,
    /// The hash of the rows that it says to have.
    pub rows_sha256: [u8; 32],
}

/// The first way in which a file is not what it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Difference {
    /// The bytes of the file.
    File,
    /// The values of its rows.
    Rows,
}

impl Segment {
    /// Whether the file is, byte for byte, the one that the catalog knows, and its rows have the hash
    /// that it says; `None` if so.
    ///
    /// # Errors
    /// When the file cannot be read, or not as a segment.
    pub fn verify(&self) -> Result<Option<Difference>, Error> {
        if !self.is_its_file()? {
            return Ok(Some(Difference::File));
        }
        let footer = self.footer()?;
        let found = self.rows_hash()?;
        Ok((found != Some(footer.rows_sha256())).then_some(Difference::Rows))
    }

    /// Whether the file is, byte for byte, the one that the catalog knows. Enough for whoever holds every row against the
    /// ledger, which says more than the hash of the rows.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn is_its_file(&self) -> Result<bool, Error> {
        let file = self.store.open(&self.name)?;
        let sha256 = hash_file(&file).map_err(|error| self.unread(error))?;
        Ok(file.bytes() == self.print.bytes && sha256 == self.print.sha256)
    }

    fn rows_hash(&self) -> Result<Option<[u8; 32]>, Error> {
        let rows = self.batch(&Columns::all())?;
        let exact = self.exact()?;
        let index = U64s::of(&rows, rows::INDEX);
        let kept = |row| index.as_ref().and_then(|index| exact.get(&index.get(row)?));
        let exact: arrow::array::BinaryArray = (0..rows.num_rows()).map(kept).collect();
        let mut fields = rows.schema().fields().to_vec();
        fields.extend(super::shape::schema().fields().last().cloned());
        let schema = std::sync::Arc::new(arrow::datatypes::Schema::new(fields));
        let exact: ArrayRef = std::sync::Arc::new(exact);
        let columns = rows.columns().iter().cloned().chain([exact]).collect();
        let whole = RecordBatch::try_new(schema, columns);
        Ok(hash::rows(&whole.map_err(|source| Error::Arrow { source })?))
    }
}

/// What a file that no catalog knows says about itself. Metadata that nobody vouches for can exhaust
/// memory: call this in a process with limits.
///
/// # Errors
/// When it cannot be read, or is no segment.
pub fn describe(store: &Store, name: &str) -> Result<Described, Error> {
    let damaged = |what: String| Error::Segment { path: name.to_owned(), what };
    let unread = |error: io::Error| disk("read", name, error);
    let file = store.open(name)?;
    let sha256 = hash_file(&file).map_err(unread)?;
    let footer_bytes = footer::length(&file).map_err(damaged)?;
    let length = usize::try_from(footer_bytes).unwrap_or(usize::MAX);
    let bytes = file.read(file.bytes() - footer_bytes, length).map_err(unread)?;
    let footer_sha256 = Sha256::digest(&bytes).into();
    let print = Print { bytes: file.bytes(), sha256, footer_bytes, footer_sha256 };
    let footer = Footer::parse(file, &bytes.into()).map_err(damaged)?;
    let rollup = footer::rollup(footer.metadata().metadata()).map_err(damaged)?;
    let (about, rows_sha256) = (footer.about().clone(), footer.rows_sha256());
    Ok(Described { about, print, rollup, rows_sha256 })
}

fn hash_file(file: &Stored) -> io::Result<[u8; 32]> {
    let mut hasher = Sha256::new();
    let mut at = 0_u64;
    while at < file.bytes() {
        let left = usize::try_from(file.bytes() - at).unwrap_or(usize::MAX);
        let piece = file.read(at, left.min(HASHED))?;
        hasher.update(&piece);
        at += u64::try_from(piece.len()).unwrap_or(u64::MAX);
    }
    Ok(hasher.finalize().into())
}
