//! `catalog.db`: which file covers which indices of which tenant. SQLite.
//!
//! INVARIANT (I6): the rows of a tenant tile `[0, watermark)` without gap or overlap, each live,
//! expired or lost; what compaction replaced is a row outside the tiling until its file is gone.
//! This holds inside every transaction before it is made durable, and is checked again at open.
//!
//! Promises: one transaction a change; what a call changed is durable when it returns (WAL mode,
//! `synchronous=FULL`, both read back at open); after [`Catalog::close`] one file is left. There is
//! no statistic of a personal column in it. It refuses to start from nothing beside files that it
//! ought to know, and after a commit that failed for any reason but a full disk it refuses every
//! further change: whether that one is durable, only a new start can say.

mod draft; // a whole one at once
mod look; // reading it, also without touching it
mod row; // what a row says

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use event::ids::TenantId;
use rusqlite::{
    Connection, ErrorCode, OpenFlags, OptionalExtension as _, Transaction, TransactionBehavior,
    params,
};

use crate::Error;
use crate::rollup::Rollup;
use crate::store::{LAKE, Step, Store, UNFINISHED, disk};
pub(crate) use draft::{draft, publish};
pub use look::look;
pub use row::{FileRow, Row, State};

/// The catalog's file.
pub const FILE: &str = "catalog.db";
/// `PRAGMA application_id`: "IDLC".
pub const APPLICATION_ID: i64 = 0x4944_4c43;
/// The version of the table below (`PRAGMA user_version`).
pub const VERSION: i64 = 1;
/// How long a change waits for another process that reads or, against the rules, writes.
const BUSY: Duration = Duration::from_secs(5);

const TABLES: &str = "
    CREATE TABLE segments (
        tenant TEXT NOT NULL, first INTEGER NOT NULL, end INTEGER NOT NULL, level INTEGER NOT NULL,
        state TEXT NOT NULL, class TEXT NOT NULL, created_at INTEGER NOT NULL,
        path TEXT UNIQUE, bytes INTEGER, sha256 BLOB, footer_bytes INTEGER, footer_sha256 BLOB,
        rows INTEGER, exact INTEGER, loose INTEGER, memory_bytes INTEGER, received_min INTEGER, received_max INTEGER,
        occurred_min INTEGER, occurred_max INTEGER, rollup BLOB,
        CHECK (first >= 0 AND first < end),
        CHECK (state IN ('live', 'expired', 'lost', 'replaced')),
        CHECK ((path IS NULL) = (state IN ('expired', 'lost')))
    ) STRICT;
    CREATE UNIQUE INDEX tiles ON segments (tenant, first) WHERE state <> 'replaced';
    PRAGMA application_id = 0x49444c43;
    PRAGMA user_version = 1;
";

/// The open catalog.
#[derive(Debug)]
pub struct Catalog {
    database: Mutex<Connection>,
    store: Store,
    is_poisoned: AtomicBool,
}

impl Catalog {
    /// Opens the catalog of a data directory, and makes it if there is none.
    ///
    /// # Errors
    /// [`Error::Catalog`] when it is damaged, of another version, or does not tile; the rest when
    /// the disk refuses.
    pub fn open(store: &Store) -> Result<Catalog, Error> {
        let doing = sqlite("open");
        let is_new = store.length(FILE)?.is_none();
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let mut database = Connection::open_with_flags(store.path(FILE), flags).map_err(&doing)?;
        database.busy_timeout(BUSY).map_err(&doing)?;
        make_durable(&database)?;
        if look::is_blank(&database)? {
            refuse_to_forget(store)?;
            let change = database.transaction().map_err(&doing)?;
            change.execute_batch(TABLES).map_err(sqlite("make its table"))?;
            change.commit().map_err(sqlite("make its table"))?;
        }
        if is_new {
            store.sync_dir("")?;
        }
        look::check(&database)?;
        let (database, store) = (Mutex::new(database), store.clone());
        Ok(Catalog { database, store, is_poisoned: AtomicBool::new(false) })
    }

    /// Every row of every tenant, by tenant and first index; replaced ones, too.
    ///
    /// # Errors
    /// When SQLite refuses or a row is not one of ours.
    pub fn rows(&self) -> Result<Vec<Row>, Error> {
        look::rows(&self.database())
    }

    /// About the bytes in memory of each live file's rows of a tenant, by the file's name.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn memory_bytes(&self, tenant: &TenantId) -> Result<BTreeMap<String, u64>, Error> {
        let doing = sqlite("read its table");
        let sql = "SELECT path, memory_bytes FROM segments
            WHERE tenant = ?1 AND state = 'live' AND path IS NOT NULL";
        let database = self.database();
        let mut statement = database.prepare(sql).map_err(&doing)?;
        let file = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, unsigned(row.get(1)?)));
        let files = statement.query_map([tenant.as_str()], file).map_err(&doing)?;
        files.collect::<Result<_, _>>().map_err(doing)
    }

    /// The rollup partial of a file; `None` if it has none, or is not known.
    ///
    /// # Errors
    /// When SQLite refuses or the partial is damaged.
    pub fn rollup(&self, path: &str) -> Result<Option<Rollup>, Error> {
        let sql = "SELECT rollup FROM segments WHERE path = ?1";
        let found = self.database().query_row(sql, [path], |row| row.get(0)).optional();
        let bytes: Option<Vec<u8>> = found.map_err(sqlite("read its table"))?.flatten();
        Rollup::decode(&bytes.unwrap_or_default())
    }

    /// Where a tenant's archive ends: everything below is covered.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn watermark(&self, tenant: &TenantId) -> Result<u64, Error> {
        watermark(&self.database(), tenant)
    }

    /// Adds a row that begins at the watermark of its tenant.
    ///
    /// # Errors
    /// [`Error::OutOfOrder`] when it begins elsewhere; then nothing was changed.
    pub fn add(&self, row: &Row) -> Result<(), Error> {
        self.change(&row.tenant, |change| {
            let expected = watermark(change, &row.tenant)?;
            if row.indices.start != expected {
                return Err(Error::OutOfOrder { expected, first: row.indices.start });
            }
            row::insert(change, row)
        })
    }

    /// Puts `new` in the place of all live rows within its range, which stay as replaced ones.
    ///
    /// # Errors
    /// [`Error::Catalog`] when the rows there do not make up exactly its range, or its number of
    /// rows is not theirs; then nothing was changed.
    pub fn replace(&self, new: &Row) -> Result<(), Error> {
        self.change(&new.tenant, |change| {
            let doing = sqlite("replace rows");
            let within =
                params![new.tenant.as_str(), signed(new.indices.start), signed(new.indices.end)];
            let sql = "SELECT coalesce(sum(rows), 0) FROM segments
                WHERE tenant = ?1 AND first >= ?2 AND end <= ?3 AND state = 'live'";
            let rows = change.query_row(sql, within, |row| row.get(0)).map_err(&doing)?;
            let (rows, due) = (unsigned(rows), new.file.as_ref().map_or(0, |file| file.rows));
            if rows != due {
                let what = format!("{due} rows were to replace {rows}");
                return Err(Error::Catalog { what });
            }
            let sql = "UPDATE segments SET state = 'replaced'
                WHERE tenant = ?1 AND first >= ?2 AND end <= ?3 AND state = 'live'";
            change.execute(sql, within).map_err(&doing)?;
            row::insert(change, new)
        })
    }

    /// Forgets a replaced row whose file is gone.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn forget(&self, tenant: &TenantId, path: &str) -> Result<(), Error> {
        self.change(tenant, |change| {
            let sql = "DELETE FROM segments WHERE path = ?1 AND state = 'replaced'";
            let forgotten = change.execute(sql, [path]).map_err(sqlite("forget a file"))?;
            assert!(forgotten <= 1, "a path is there once");
            Ok(())
        })
    }

    /// Writes back what SQLite keeps beside the database and closes it, so that one file is left.
    ///
    /// # Errors
    /// When SQLite refuses, or somebody else has the database open.
    pub fn close(self) -> Result<(), Error> {
        let doing = sqlite("close");
        let database = self.database.into_inner().unwrap_or_else(PoisonError::into_inner);
        let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
        let is_busy: i64 = database.query_row(checkpoint, [], |row| row.get(0)).map_err(&doing)?;
        database.close().map_err(|(_, source)| doing(source))?;
        if is_busy != 0 || self.store.length(&format!("{FILE}-wal"))?.is_some() {
            let source = std::io::ErrorKind::ResourceBusy.into();
            return Err(disk("close", FILE, source));
        }
        self.store.sync_dir("")
    }

    /// One transaction. INVARIANT (I6): the tenant's rows tile before it is made durable.
    fn change(
        &self,
        tenant: &TenantId,
        make: impl FnOnce(&Transaction<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        if self.is_poisoned.load(Ordering::Acquire) {
            let source = std::io::Error::other("an earlier change may or may not be durable");
            return Err(disk("change", FILE, source));
        }
        self.store.pass(Step::Commit).map_err(|error| disk("change", FILE, error))?;
        let doing = sqlite("begin a change");
        let mut database = self.database();
        let immediate = TransactionBehavior::Immediate;
        let change = database.transaction_with_behavior(immediate).map_err(doing)?;
        make(&change)?;
        watermark(&change, tenant)?;
        change.commit().map_err(sqlite("make a change durable")).inspect_err(|error| {
            let is_full = matches!(error, Error::DiskFull { .. });
            self.is_poisoned.fetch_or(!is_full, Ordering::AcqRel);
        })?;
        self.store.pass(Step::Committed).map_err(|error| disk("change", FILE, error))
    }

    fn database(&self) -> MutexGuard<'_, Connection> {
        self.database.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A catalog is made before the first segment file is. INVARIANT (I12): where there are files and no
/// catalog, one that knows none of them would be no recovery.
fn refuse_to_forget(store: &Store) -> Result<(), Error> {
    let has_folder = store.has_folder(LAKE);
    let names = if has_folder { store.list(LAKE)? } else { Vec::new() };
    match names.into_iter().find(|name| !name.ends_with(UNFINISHED)) {
        Some(name) => {
            Err(Error::Catalog { what: format!("it is empty, and `{LAKE}/{name}` is there") })
        }
        None => Ok(()),
    }
}

/// Turns on what makes a commit durable. INVARIANT (I1): without these two a power cut could take
/// back a flush after which the ledger was trimmed.
fn make_durable(database: &Connection) -> Result<(), Error> {
    let doing = sqlite("use its write-ahead log");
    let mode: String =
        database.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).map_err(&doing)?;
    // The planted fault: a commit returns before it is durable.
    let level = if cfg!(planted = "sqlite_normal") { "NORMAL" } else { "FULL" };
    database.pragma_update(None, "synchronous", level).map_err(&doing)?;
    let synchronous: i64 =
        database.pragma_query_value(None, "synchronous", |row| row.get(0)).map_err(&doing)?;
    if mode != "wal" || (synchronous != 2 && !cfg!(planted = "sqlite_normal")) {
        let what = format!("journal_mode is {mode} and synchronous is {synchronous}");
        return Err(Error::Catalog { what });
    }
    Ok(())
}

/// The end of a tenant's rows, which must tile.
fn watermark(database: &Connection, tenant: &TenantId) -> Result<u64, Error> {
    let doing = sqlite("read its table");
    let sql = "SELECT first, end FROM segments
        WHERE tenant = ?1 AND state <> 'replaced' ORDER BY first";
    let mut statement = database.prepare(sql).map_err(&doing)?;
    let ranges = statement
        .query_map([tenant.as_str()], |row| Ok(unsigned(row.get(0)?)..unsigned(row.get(1)?)))
        .map_err(&doing)?;
    let mut end = 0;
    for range in ranges {
        end = follow(tenant, end, &range.map_err(&doing)?)?;
    }
    Ok(end)
}

/// The end of `next`, which must begin where the rows before it end.
fn follow(tenant: &TenantId, end: u64, next: &Range<u64>) -> Result<u64, Error> {
    if next.start == end && next.end > end {
        return Ok(next.end);
    }
    let what = match next.start > end {
        true => format!("tenant `{tenant}`: nothing covers {end} to {}", next.start),
        false => format!("tenant `{tenant}`: {} to {end} is covered twice", next.start),
    };
    Err(Error::Catalog { what })
}

/// The watermark of every tenant of `rows`, which are by tenant and first index and must tile.
///
/// # Errors
/// [`Error::Catalog`] names the first gap or overlap.
pub fn watermarks(rows: &[Row]) -> Result<BTreeMap<TenantId, u64>, Error> {
    let mut ends = BTreeMap::new();
    for row in rows.iter().filter(|row| row.state != State::Replaced) {
        let end = ends.entry(row.tenant.clone()).or_insert(0);
        *end = follow(&row.tenant, *end, &row.indices)?;
    }
    Ok(ends)
}

/// A number as SQLite holds it. Indices, lengths and times until the year 2262 fit.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// An error of SQLite while `doing` something, by whose fault it is.
fn sqlite(doing: &'static str) -> impl Fn(rusqlite::Error) -> Error {
    move |source| match source.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => Error::DiskFull { doing, path: FILE.to_owned() },
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            Error::Catalog { what: source.to_string() }
        }
        _ => Error::Sqlite { doing, source },
    }
}

#[cfg(test)]
mod tests;
