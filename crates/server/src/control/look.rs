//! Reading `control.db`: all of it at once, from an open database or from a file that must not be touched.
//!
//! Promises: [`look`] writes nothing into the data directory: after a clean stop the file is opened as immutable, else a
//! private copy of it and its write-ahead log is read, which is one state of the database even while a server writes to
//! it. Refuses values that this binary never writes.

use std::path::Path;

use event::ids::{ProducerId, StoreName, TenantId, Timestamp};
use policy::{Principal, Scopes};
use rusqlite::types::FromSql;
use rusqlite::{Connection, OpenFlags, Row};

use super::{ApiKey, ControlError, DRAFT, State, TenantRow, VERSION, sqlite};
use crate::scratch::Scratch;

/// Everything in `control.db` but the import keys.
#[derive(Debug)]
pub(crate) struct Content {
    /// The store's name.
    pub(crate) store: StoreName,
    /// How far its making has come.
    pub(crate) state: State,
    /// Every tenant, by name.
    pub(crate) tenants: Vec<TenantRow>,
    /// Every API key.
    pub(crate) keys: Vec<ApiKey>,
}

/// Bytes of the head of a write-ahead log; it has other salts each time the log begins anew.
const WAL_HEAD_BYTES: usize = 32;
/// How often a copy is made of a database whose log begins anew meanwhile.
const COPIES_MAX: usize = 8;

/// The content of `control.db` in `folder`, or `None` if there is none.
///
/// # Errors
/// When the file is there and cannot be read.
pub(crate) fn look(folder: &Path) -> Result<Option<Content>, ControlError> {
    let path = folder.join("control.db");
    if !path.exists() {
        return Ok(None);
    }
    let wal = folder.join("control.db-wal");
    if !wal.exists() {
        return read(&open_immutable(&path)?).map(Some);
    }
    let failed = |source| ControlError::Io { path: path.clone(), source };
    let copy = copied(&path, &wal).map_err(failed)?;
    let database =
        Connection::open(copy.path().join("control.db")).map_err(sqlite("open a copy"))?;
    let content = read(&database);
    drop(database);
    content.map(Some)
}

/// The content of a `control.db` that was written and has not got its name; `None` unless it is whole.
pub(crate) fn draft(folder: &Path) -> Option<Content> {
    let path = folder.join(DRAFT);
    let has_journal = folder.join(format!("{DRAFT}-journal")).exists();
    if has_journal || !path.exists() {
        return None;
    }
    open_immutable(&path).and_then(|database| read(&database)).ok()
}

/// The content of an open database.
pub(super) fn read(database: &Connection) -> Result<Content, ControlError> {
    let doing = sqlite("read its tables");
    let version: i64 =
        database.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(&doing)?;
    if version != VERSION {
        return Err(unreadable(format!("its version is {version}")));
    }
    let (name, state): (String, String) = database
        .query_row("SELECT name, state FROM store", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .map_err(&doing)?;
    let state = match state.as_str() {
        "new" => State::New,
        "opened" => State::Opened,
        other => return Err(unreadable(format!("its state is `{other}`"))),
    };
    let store = StoreName::parse(&name).map_err(|error| unreadable(error.to_string()))?;
    let tenants = rows(database, "SELECT * FROM tenants ORDER BY name", tenant)?;
    let keys = rows(database, "SELECT * FROM api_keys ORDER BY created_at, lookup", api_key)?;
    Ok(Content { store, state, tenants, keys })
}

/// Opens a database whose file nobody writes, without a lock or a file beside it.
fn open_immutable(path: &Path) -> Result<Connection, ControlError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' => {
                uri.push(char::from(*byte));
            }
            other => uri.push_str(&format!("%{other:02x}")),
        }
    }
    uri.push_str("?immutable=1");
    Connection::open_with_flags(uri, flags).map_err(sqlite("open as immutable"))
}

/// Copies a database and its write-ahead log. Pages come into the database from the log alone: as long as the log that is
/// copied last is the one that was there before, it makes the copy whole, however far they had come.
fn copied(path: &Path, wal: &Path) -> std::io::Result<Scratch> {
    let scratch = Scratch::new()?;
    for _ in 0..COPIES_MAX {
        let before = head(&std::fs::read(wal)?);
        std::fs::copy(path, scratch.path().join("control.db"))?;
        let log = std::fs::read(wal)?;
        if head(&log) == before {
            std::fs::write(scratch.path().join("control.db-wal"), log)?;
            return Ok(scratch);
        }
    }
    Err(std::io::Error::new(std::io::ErrorKind::ResourceBusy, "it is written to all the time"))
}

/// The head of a write-ahead log; of one that has none yet, all of it.
fn head(log: &[u8]) -> Vec<u8> {
    log.iter().take(WAL_HEAD_BYTES).copied().collect()
}

fn rows<T>(
    database: &Connection,
    sql: &str,
    of: fn(&Row<'_>) -> Result<T, ControlError>,
) -> Result<Vec<T>, ControlError> {
    let doing = sqlite("read its tables");
    let mut statement = database.prepare(sql).map_err(&doing)?;
    let mut found = statement.query([]).map_err(&doing)?;
    let mut rows = Vec::new();
    while let Some(row) = found.next().map_err(&doing)? {
        rows.push(of(row)?);
    }
    Ok(rows)
}

fn tenant(row: &Row<'_>) -> Result<TenantRow, ControlError> {
    let name: String = value(row, "name")?;
    Ok(TenantRow {
        name: TenantId::parse(&name).map_err(|error| unreadable(error.to_string()))?,
        created_at: time(value(row, "created_at")?),
        wrapped_kek: value(row, "wrapped_kek")?,
        wrapped_ledger_key: value(row, "wrapped_ledger_key")?,
    })
}

fn api_key(row: &Row<'_>) -> Result<ApiKey, ControlError> {
    let tenant: String = value(row, "tenant")?;
    let producer: Option<String> = value(row, "producer")?;
    let scopes: String = value(row, "scopes")?;
    let producer = producer.map(|name| ProducerId::parse(&name)).transpose();
    let scopes = match scopes.as_str() {
        "" => Ok(Scopes::NONE),
        list => list.parse::<Scopes>(),
    };
    Ok(ApiKey {
        lookup: value(row, "lookup")?,
        sha256: value(row, "sha256")?,
        principal: Principal {
            tenant: TenantId::parse(&tenant).map_err(|error| unreadable(error.to_string()))?,
            producer: producer.map_err(|error| unreadable(error.to_string()))?,
            scopes: scopes.map_err(|error| unreadable(error.to_string()))?,
        },
        created_at: time(value(row, "created_at")?),
        revoked_at: value::<Option<i64>>(row, "revoked_at")?.map(time),
    })
}

fn value<T: FromSql>(row: &Row<'_>, column: &str) -> Result<T, ControlError> {
    row.get(column).map_err(sqlite("read its tables"))
}

fn time(ns: i64) -> Timestamp {
    Timestamp(u64::try_from(ns).unwrap_or(0))
}

fn unreadable(what: String) -> ControlError {
    ControlError::Unreadable { what }
}
