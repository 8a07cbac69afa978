//! A segment: neighbouring rows of one tenant in one Parquet file, and all that is needed to rebuild
//! their records.
//!
//! `docs/formats/segment.md` is the format. What goes on and on over neighbouring rows is in run
//! tables in the metadata, an index of names lies before the footer, and a row that does not rebuild
//! its record keeps the record's bytes. Promises: what is read is what was written, or a typed error;
//! a footer is parsed only after its hash was found to be the one that the catalog has, since a made
//! up one can exhaust memory. A file never changes; level 1 is a new file.
//!
//! It refuses to sync, rename or remove: that order is the archive's.

mod check; // files against hashes and themselves
mod compare; // files against the ledger
mod derived; // ranges, indexes and counts against the rows
mod footer; // metadata <-> bytes
mod forms; // smaller forms of columns
mod hash; // the rows' own hash
mod read; // rows out of a file
mod shape; // columns and encodings of a file
mod write; // rows into a file

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use event::ids::TenantId;

use crate::Error;
use crate::cache::{Cache, What};
use crate::names::is_actor;
use crate::store::{LAKE, Store};
pub use check::{Described, Difference, describe};
pub use compare::{Truth, compare};
pub use derived::Derived;
pub use footer::Footer;
pub use read::{Columns, Reader, Which};
pub use shape::EXACT;
pub(crate) use write::write_in;
pub use write::{Order, write};

/// Rows of a segment at most.
pub const ROWS_MAX: usize = 131_072;
/// Rows of a row group.
pub const GROUP_ROWS: usize = 32_768;
/// Bytes of a footer that is read at all.
pub const FOOTER_BYTES_MAX: u64 = 64 << 20;

/// How the rows of a file are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// By index: a small flush.
    L0,
    /// By actor, and by index within one: a large flush, or what was merged.
    L1,
}

impl Level {
    /// The level's number.
    pub fn number(self) -> u8 {
        match self {
            Level::L0 => 0,
            Level::L1 => 1,
        }
    }

    /// The level of a number.
    pub fn of(number: u8) -> Option<Level> {
        [Level::L0, Level::L1].into_iter().find(|level| level.number() == number)
    }
}

/// What a segment covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// Whose rows they are.
    pub tenant: TenantId,
    /// Which indices; there is a row for each.
    pub indices: Range<u64>,
    /// How they are sorted.
    pub level: Level,
    /// The retention class of all of them.
    pub class: String,
    /// How many rows there are.
    pub rows: u64,
    /// How many of them keep their record's bytes.
    pub exact: u64,
    /// How many of them are outside a stream.
    pub loose: u64,
    /// The first and the last time of receipt, ns.
    pub received_at: (i64, i64),
    /// The first and the last time at which something happened, as claimed, ns.
    pub occurred_at: Option<(i64, i64)>,
}

/// By what a file is known again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Print {
    /// Its length.
    pub bytes: u64,
    /// SHA-256 of all of it.
    pub sha256: [u8; 32],
    /// Length of its footer: page indexes and metadata, up to the end.
    pub footer_bytes: u64,
    /// SHA-256 of its footer.
    pub footer_sha256: [u8; 32],
}

/// The name, below the data directory, of the file of these indices.
pub fn file_name(tenant: &TenantId, indices: &Range<u64>, level: Level) -> String {
    let (first, end, level) = (indices.start, indices.end, level.number());
    format!("{LAKE}/{tenant}.{first:020}-{end:020}.l{level}.parquet")
}

/// A segment file that is open to be read. Its footer is read at the first question and kept in the
/// cache as long as there is room.
pub struct Segment {
    store: Store,
    name: String,
    about: About,
    print: Print,
    cache: Arc<Cache>,
    /// Its name in the cache.
    number: u64,
}

impl Drop for Segment {
    /// Nobody asks a file that was replaced: what is kept of it would only push out what is asked for.
    fn drop(&mut self) {
        self.cache.forget(self.number);
    }
}

impl fmt::Debug for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Segment").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Segment {
    /// The segment file `name`, which the catalog says is `about` and `print`.
    ///
    /// # Errors
    /// When the file is not there or has another length. Whether it is the right one is seen when its
    /// footer is read.
    pub fn open(
        store: &Store,
        name: &str,
        (about, print): (About, Print),
        cache: &Arc<Cache>,
    ) -> Result<Segment, Error> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let (store, cache) = (store.clone(), Arc::clone(cache));
        let segment = Segment { store, name: name.to_owned(), about, print, cache, number };
        match segment.store.length(name)? {
            Some(bytes) if bytes == print.bytes => Ok(segment),
            Some(bytes) => Err(segment.damaged(format!("{bytes} bytes, not {}", print.bytes))),
            None => Err(segment.damaged("the file is missing".to_owned())),
        }
    }

    /// What it covers.
    pub fn about(&self) -> &About {
        &self.about
    }

    /// By what its file is known again.
    pub fn print(&self) -> &Print {
        &self.print
    }

    /// The name of its file below the data directory.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The indices that it covers.
    pub fn indices(&self) -> Range<u64> {
        self.about.indices.clone()
    }

    /// How many rows it has.
    pub fn rows(&self) -> u32 {
        u32::try_from(self.about.rows).unwrap_or(u32::MAX)
    }

    /// The footer, from the cache or the file.
    ///
    /// # Errors
    /// When the file cannot be read or its footer is not the one that the catalog knows.
    pub fn footer(&self) -> Result<Arc<Footer>, Error> {
        self.cache.get((self.number, What::Footer), || {
            let footer = Footer::read(&self.store, &self.name, &self.print)?;
            if *footer.about() != self.about {
                return Err(self.damaged("it is not what the catalog says it is".to_owned()));
            }
            let bytes = footer.heap_bytes();
            Ok((footer, bytes))
        })
    }

    /// The secret of a salt block that its rows use.
    ///
    /// # Errors
    /// As [`Segment::footer`].
    pub fn secret(&self, block: u64) -> Result<Option<[u8; 32]>, Error> {
        Ok(self.footer()?.secret(block))
    }

    /// The offsets (from the first index) of rows with a name of this hash, newest first. A hash may
    /// be that of another name, so rows must be compared.
    ///
    /// # Errors
    /// When the file cannot be read or its index of names is damaged.
    pub fn named(&self, hash: u32) -> Result<Vec<u32>, Error> {
        let footer = self.footer()?;
        let Some((number, range)) = footer.names().place(hash) else { return Ok(Vec::new()) };
        let bytes = footer.read_names(range).map_err(|error| self.unread(error))?;
        let found = footer.names().look_up(number, &bytes, (hash, self.rows()));
        let damaged = || self.damaged("a block of the name index is damaged".to_owned());
        let found = found.ok_or_else(damaged)?;
        if self.about.level == Level::L0 || !is_actor(hash) {
            return Ok(found);
        }
        // A sorted file has an actor's rows next to each other, and the index names those rows.
        let mut offsets = self.offsets_of(&found)?;
        offsets.sort_unstable_by(|a, b| b.cmp(a));
        Ok(offsets)
    }

    /// The records' bytes that rows keep because they do not rebuild them, by index.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn exact(&self) -> Result<BTreeMap<u64, Vec<u8>>, Error> {
        if self.about.exact == 0 { Ok(BTreeMap::new()) } else { self.read_exact() }
    }

    fn damaged(&self, what: String) -> Error {
        Error::Segment { path: self.name.clone(), what }
    }

    fn unread(&self, error: std::io::Error) -> Error {
        crate::store::disk("read", &self.name, error)
    }
}

#[cfg(test)]
#[path = "segment/damage/tests.rs"]
mod damage; // planted
#[cfg(test)]
mod tests;
#[cfg(test)]
#[path = "segment/world/tests.rs"]
pub(crate) mod world; // rows with their records
