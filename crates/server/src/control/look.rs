//! Reading `control.db`: all of it at once, from an open database or from a file that must not be touched.
//!
//! Promises: [`look`] writes nothing into the data directory: what is read is a private copy, which is one state of the
//! database even while a server writes to it. Refuses values that this binary never writes.

use std::path::Path;

use event::ids::{ProducerId, StoreName, TenantId, Timestamp};
use policy::{Principal, Scopes};
use rusqlite::types::FromSql;
use rusqlite::{Connection, Row};

use super::{ApiKey, ControlError, DRAFT, FILE, State, TenantRow, VERSION, sqlite};
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

/// The content of `control.db` in `folder`, or `None` if there is none.
///
/// # Errors
/// When the file is there and cannot be read.
pub(crate) fn look(folder: &Path) -> Result<Option<Content>, ControlError> {
    copy(folder, FILE)
}

/// The content of a `control.db` that was written and has not got its name; `None` unless it is whole.
pub(crate) fn draft(folder: &Path) -> Option<Content> {
    let has_journal = folder.join(format!("{DRAFT}-journal")).exists();
    if has_journal { None } else { copy(folder, DRAFT).ok()? }
}

/// The content of a copy of this database.
fn copy(folder: &Path, name: &str) -> Result<Option<Content>, ControlError> {
    let failed = |source| ControlError::Io { path: folder.join(name), source };
    let scratch = Scratch::new().map_err(failed)?;
    let copy = lake::store::copied(folder, name, scratch.path()).map_err(failed)?;
    let Some(copy) = copy else { return Ok(None) };
    let database = Connection::open(copy).map_err(sqlite("open a copy"))?;
    read(&database).map(Some)
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
