//! A row of the catalog: a range of a tenant's indices, and the file that covers it if there is one.
//!
//! It knows the columns and their order, and judges nothing but whether they are there.

use std::ops::Range;

use event::ids::{TenantId, Timestamp};
use rusqlite::types::FromSql;
use rusqlite::{Connection, params};

use super::{signed, sqlite, unsigned};
use crate::Error;

/// What is true of a range of indices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// A file has its rows.
    Live,
    /// A retention record says that the rows are gone.
    Expired,
    /// A loss record says that the rows are gone.
    Lost,
    /// Another row has taken over the range; the file goes when nobody reads it any more.
    Replaced,
}

impl State {
    /// Every state and its name.
    const NAMES: [(State, &str); 4] = [
        (State::Live, "live"),
        (State::Expired, "expired"),
        (State::Lost, "lost"),
        (State::Replaced, "replaced"),
    ];

    /// The name in the table.
    pub fn name(self) -> &'static str {
        match self {
            State::Live => "live",
            State::Expired => "expired",
            State::Lost => "lost",
            State::Replaced => "replaced",
        }
    }

    fn of(name: &str) -> Option<State> {
        State::NAMES.into_iter().find(|(_, known)| *known == name).map(|(state, _)| state)
    }
}

/// A range of a tenant's indices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Whose.
    pub tenant: TenantId,
    /// Which indices.
    pub indices: Range<u64>,
    /// 0 = in index order, as flushed; 1 = sorted by actor.
    pub level: u8,
    /// What is true of them.
    pub state: State,
    /// The retention class of all of them.
    pub class: String,
    /// When the row was made.
    pub created_at: Timestamp,
    /// The file, unless there is none any more.
    pub file: Option<FileRow>,
}

/// A segment file as the catalog knows it: the server opens no other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRow {
    /// Its name below the data directory.
    pub path: String,
    /// Its length.
    pub bytes: u64,
    /// SHA-256 of all of it.
    pub sha256: [u8; 32],
    /// Length of its footer.
    pub footer_bytes: u64,
    /// SHA-256 of its footer.
    pub footer_sha256: [u8; 32],
    /// How many rows it has.
    pub rows: u64,
    /// How many of them keep their record's bytes, because they do not rebuild them.
    pub exact: u64,
    /// How many of them are outside a stream.
    pub loose: u64,
    /// About the bytes that its rows take in memory.
    pub memory_bytes: u64,
    /// The first and the last time of receipt, ns.
    pub received_at: (i64, i64),
    /// The first and the last time at which something happened, as claimed, ns.
    pub occurred_at: Option<(i64, i64)>,
    /// Its rollup partial, encoded.
    pub rollup: Vec<u8>,
}

/// The columns of the table, in the order in which [`insert`] gives them.
pub(super) const COLUMNS: &str = "tenant, first, end, level, state, class, created_at, path, bytes,
    sha256, footer_bytes, footer_sha256, rows, exact, loose, memory_bytes, received_min, received_max,
    occurred_min, occurred_max, rollup";

/// Adds a row to the table.
pub(super) fn insert(database: &Connection, row: &Row) -> Result<(), Error> {
    let file = row.file.as_ref();
    let number = |of: fn(&FileRow) -> u64| file.map(|file| signed(of(file)));
    let occurred = file.and_then(|file| file.occurred_at);
    let values = params![
        row.tenant.as_str(),
        signed(row.indices.start),
        signed(row.indices.end),
        row.level,
        row.state.name(),
        row.class,
        signed(row.created_at.0),
        file.map(|file| &file.path),
        number(|file| file.bytes),
        file.map(|file| file.sha256),
        number(|file| file.footer_bytes),
        file.map(|file| file.footer_sha256),
        number(|file| file.rows),
        number(|file| file.exact),
        number(|file| file.loose),
        number(|file| file.memory_bytes),
        file.map(|file| file.received_at.0),
        file.map(|file| file.received_at.1),
        occurred.map(|times| times.0),
        occurred.map(|times| times.1),
        file.map(|file| &file.rollup),
    ];
    let sql = format!(
        "INSERT INTO segments ({COLUMNS}) VALUES
        (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21)"
    );
    database.execute(&sql, values).map(drop).map_err(sqlite("add a row"))
}

/// The row that SQLite has found.
pub(super) fn read(row: &rusqlite::Row<'_>) -> Result<Row, Error> {
    let tenant: String = value(row, "tenant")?;
    let state: String = value(row, "state")?;
    let unknown = |what: String| Error::Catalog { what };
    let known = State::of(&state).ok_or_else(|| unknown(format!("`{state}` is no state")))?;
    let path: Option<String> = value(row, "path")?;
    Ok(Row {
        tenant: TenantId::parse(&tenant).map_err(|error| unknown(error.to_string()))?,
        indices: number(row, "first")?..number(row, "end")?,
        level: value(row, "level")?,
        state: known,
        class: value(row, "class")?,
        created_at: Timestamp(number(row, "created_at")?),
        file: path.map(|path| read_file(row, path)).transpose()?,
    })
}

fn read_file(row: &rusqlite::Row<'_>, path: String) -> Result<FileRow, Error> {
    let occurred: Option<i64> = value(row, "occurred_min")?;
    let occurred_max: Option<i64> = value(row, "occurred_max")?;
    Ok(FileRow {
        path,
        bytes: number(row, "bytes")?,
        sha256: value(row, "sha256")?,
        footer_bytes: number(row, "footer_bytes")?,
        footer_sha256: value(row, "footer_sha256")?,
        rows: number(row, "rows")?,
        exact: number(row, "exact")?,
        loose: number(row, "loose")?,
        memory_bytes: number(row, "memory_bytes")?,
        received_at: (value(row, "received_min")?, value(row, "received_max")?),
        occurred_at: occurred.zip(occurred_max),
        rollup: value(row, "rollup")?,
    })
}

fn number(row: &rusqlite::Row<'_>, column: &str) -> Result<u64, Error> {
    value(row, column).map(unsigned)
}

/// A value of the type that this binary writes; any other is damage.
fn value<T: FromSql>(row: &rusqlite::Row<'_>, column: &str) -> Result<T, Error> {
    row.get(column).map_err(|source| match source {
        rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::InvalidColumnType(..)
        | rusqlite::Error::IntegralValueOutOfRange(..)
        | rusqlite::Error::InvalidColumnName(..) => Error::Catalog { what: source.to_string() },
        _ => sqlite("read its table")(source),
    })
}
