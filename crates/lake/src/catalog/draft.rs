//! A whole catalog made at once under another name, for repair.
//!
//! Promises: what gets the catalog's name is durable, closed and tiles.

use rusqlite::Connection;

use super::{FILE, Row, TABLES, look, row, sqlite};
use crate::Error;
use crate::store::{Store, UNFINISHED};

/// Makes a catalog of these rows, durable under another name.
pub(crate) fn draft(store: &Store, rows: &[Row]) -> Result<(), Error> {
    let name = name();
    store.remove(&name)?;
    store.remove(&format!("{name}-journal"))?;
    let doing = sqlite("make a catalog again");
    let mut database = Connection::open(store.path(&name)).map_err(&doing)?;
    let change = database.transaction().map_err(&doing)?;
    change.execute_batch(TABLES).map_err(&doing)?;
    for row in rows {
        row::insert(&change, row)?;
    }
    change.commit().map_err(&doing)?;
    look::check(&database)?;
    database.close().map_err(|(_, source)| doing(source))?;
    store.sync_file(&name)
}

/// Gives it the catalog's name, which must be free, durably.
pub(crate) fn publish(store: &Store) -> Result<(), Error> {
    assert!(!matches!(store.length(FILE), Ok(Some(_))), "the old catalog is out of the way");
    store.rename(&name(), FILE)?;
    store.sync_dir("")
}

fn name() -> String {
    format!("{FILE}{UNFINISHED}")
}
