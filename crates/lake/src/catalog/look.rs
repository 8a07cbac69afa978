//! Reading the catalog: all of it at once, from an open database or from a file that must not be
//! touched.
//!
//! Promises: [`look`] writes nothing into the data directory: what is read is a copy, which is one
//! state of the catalog even while a server writes to it. It refuses values that this binary never
//! writes, and rows that do not tile.

use std::path::Path;

use rusqlite::Connection;

use super::{APPLICATION_ID, FILE, Row, VERSION, row, sqlite, watermarks};
use crate::Error;
use crate::store::{copied, disk};

/// Every row of the catalog in `folder`, or `None` if there is no catalog. `scratch` is a folder for
/// copies that the caller has made and removes.
///
/// # Errors
/// [`Error::Catalog`] when it is damaged or does not tile.
pub fn look(folder: &Path, scratch: &Path) -> Result<Option<Vec<Row>>, Error> {
    let copy = copied(folder, FILE, scratch).map_err(|error| disk("copy", FILE, error))?;
    let Some(copy) = copy else { return Ok(None) };
    let database = Connection::open(copy).map_err(sqlite("open a copy"))?;
    if is_blank(&database)? {
        return Ok(Some(Vec::new()));
    }
    check(&database)?;
    let found = rows(&database)?;
    drop(database);
    Ok(Some(found))
}

/// Whether there is nothing in the database, not even a version: its making was cut short.
pub(super) fn is_blank(database: &Connection) -> Result<bool, Error> {
    let doing = sqlite("read its version");
    let sql = "SELECT count(*) FROM sqlite_schema";
    let tables: i64 = database.query_row(sql, [], |row| row.get(0)).map_err(&doing)?;
    Ok(tables == 0 && number(database, "user_version")? == 0)
}

/// Refuses a database that is not ours, of another version, damaged, or whose rows do not tile.
pub(super) fn check(database: &Connection) -> Result<(), Error> {
    let (application, version) =
        (number(database, "application_id")?, number(database, "user_version")?);
    if application != APPLICATION_ID {
        return Err(Error::Catalog { what: format!("its application id is {application:#x}") });
    }
    if version != VERSION {
        return Err(Error::Catalog { what: format!("its version is {version}, not {VERSION}") });
    }
    let verdict: String = database
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(sqlite("check itself"))?;
    if verdict != "ok" {
        return Err(Error::Catalog { what: verdict });
    }
    watermarks(&rows(database)?).map(drop)
}

/// Every row, by tenant and first index.
pub(super) fn rows(database: &Connection) -> Result<Vec<Row>, Error> {
    let doing = sqlite("read its table");
    let sql = format!("SELECT {} FROM segments ORDER BY tenant, first, end", row::COLUMNS);
    let mut statement = database.prepare(&sql).map_err(&doing)?;
    let mut found = statement.query([]).map_err(&doing)?;
    let mut rows = Vec::new();
    while let Some(next) = found.next().map_err(&doing)? {
        rows.push(row::read(next)?);
    }
    Ok(rows)
}

fn number(database: &Connection, pragma: &str) -> Result<i64, Error> {
    let read = database.pragma_query_value(None, pragma, |row| row.get(0));
    read.map_err(sqlite("read its version"))
}
