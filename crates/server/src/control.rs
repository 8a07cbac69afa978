//! `control.db`: the store's name, its tenants and their wrapped keys, API keys, import keys. SQLite.
//!
//! Promises: what a call wrote is durable when it returns (WAL mode, `synchronous=FULL`, both read back at open); a secret
//! is never in it: API keys are there as their SHA-256, other keys wrapped. What is asked on every request is answered
//! from memory. Refuses to delete: a revoked key stays, a tenant's name is never re-used.

pub(crate) mod look; // reading it without touching it

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, RwLock};

use event::ids::{ProducerId, StoreName, TenantId, Timestamp};
use policy::{Principal, Scopes};
use rusqlite::{Connection, OptionalExtension, params};
use tokio::sync::Notify;

/// The database's file.
const FILE: &str = "control.db";
/// Its name while it is made.
const DRAFT: &str = "control.db.tmp";
/// The version of the tables below (`PRAGMA user_version`).
pub(crate) const VERSION: i64 = 1;

const TABLES: &str = "
    CREATE TABLE store (name TEXT NOT NULL, state TEXT NOT NULL) STRICT;
    CREATE TABLE tenants (
        name TEXT PRIMARY KEY, created_at INTEGER NOT NULL, wrapped_kek BLOB NOT NULL, wrapped_ledger_key BLOB NOT NULL
    ) STRICT;
    CREATE TABLE api_keys (
        lookup TEXT PRIMARY KEY, sha256 BLOB NOT NULL, tenant TEXT NOT NULL, producer TEXT, scopes TEXT NOT NULL,
        created_at INTEGER NOT NULL, revoked_at INTEGER
    ) STRICT;
    CREATE TABLE import_keys (
        tenant TEXT NOT NULL, producer TEXT NOT NULL, wrapped BLOB NOT NULL, PRIMARY KEY (tenant, producer)
    ) STRICT;
    PRAGMA user_version = 1;
";

/// How far the making of the store has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// The ledger was never opened: a missing ledger is no damage.
    New,
    /// The ledger was opened: from now on a missing ledger is damage.
    Opened,
}

/// A tenant's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TenantRow {
    /// Its name.
    pub(crate) name: TenantId,
    /// When it was made.
    pub(crate) created_at: Timestamp,
    /// Its durable KEK, wrapped by the root key.
    pub(crate) wrapped_kek: Vec<u8>,
    /// Its ledger key, wrapped by the durable KEK; a copy of what the ledger holds.
    pub(crate) wrapped_ledger_key: Vec<u8>,
}

/// An API key as stored: never the token itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiKey {
    /// The eight characters by which it is found.
    pub(crate) lookup: String,
    /// SHA-256 of the whole token.
    pub(crate) sha256: [u8; 32],
    /// Whom it stands for.
    pub(crate) principal: Principal,
    /// When it was made.
    pub(crate) created_at: Timestamp,
    /// When it was ended.
    pub(crate) revoked_at: Option<Timestamp>,
}

/// Why `control.db` could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ControlError {
    /// SQLite refused.
    #[error("`control.db` refused to {doing}")]
    Sqlite {
        /// What was being done.
        doing: &'static str,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// It holds something that this binary never writes.
    #[error("`control.db` is damaged or of another version: {what}")]
    Unreadable {
        /// What was found.
        what: String,
    },
    /// The operating system refused.
    #[error("`{path}` cannot be read or written", path = path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What it said.
        source: std::io::Error,
    },
}

/// What is asked on every request.
#[derive(Debug, Default)]
struct Memory {
    tenants: BTreeMap<TenantId, TenantRow>,
    keys: HashMap<String, ApiKey>,
}

/// The open database and what it holds, in memory.
#[derive(Debug)]
pub(crate) struct Control {
    store: StoreName,
    database: Mutex<Connection>,
    memory: RwLock<Memory>,
    /// Told when a key was ended.
    revocations: Notify,
}

impl Control {
    /// Writes what will be `control.db` in `folder`, with a first set of tenants and keys, durably and under another name;
    /// [`Control::publish`] gives it its own, so that it is there whole or not at all.
    pub(crate) fn draft(
        folder: &Path,
        store: &StoreName,
        tenants: &[TenantRow],
        keys: &[ApiKey],
    ) -> Result<(), ControlError> {
        let temporary = folder.join(DRAFT);
        let io = |source| ControlError::Io { path: temporary.clone(), source };
        match std::fs::remove_file(&temporary) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(io(error)),
            _ => {}
        }
        let doing = sqlite("make its tables");
        let mut database = Connection::open(&temporary).map_err(&doing)?;
        let change = database.transaction().map_err(&doing)?;
        change.execute_batch(TABLES).map_err(&doing)?;
        let named = change.execute("INSERT INTO store VALUES (?1, 'new')", [store.as_str()]);
        named.map_err(&doing)?;
        for tenant in tenants {
            insert_tenant(&change, tenant)?;
        }
        for key in keys {
            insert_key(&change, key)?;
        }
        change.commit().map_err(&doing)?;
        database.close().map_err(|(_, source)| doing(source))?;
        // The folder, too: SQLite's journal of the draft must not come back after a power cut.
        let durable = File::open(&temporary)
            .and_then(|file| file.sync_all())
            .and_then(|()| File::open(folder)?.sync_all());
        durable.map_err(io)
    }

    /// Gives a draft its name, durably.
    pub(crate) fn publish(folder: &Path) -> Result<(), ControlError> {
        let path = folder.join(FILE);
        let named = std::fs::rename(folder.join(DRAFT), &path)
            .and_then(|()| File::open(folder)?.sync_all());
        named.map_err(|source| ControlError::Io { path, source })
    }

    /// Opens `control.db` in `folder`.
    pub(crate) fn open(folder: &Path) -> Result<Control, ControlError> {
        let doing = sqlite("open");
        let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE;
        let database = Connection::open_with_flags(folder.join(FILE), flags).map_err(&doing)?;
        let mode: String = database
            .query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))
            .map_err(sqlite("use its write-ahead log"))?;
        database.pragma_update(None, "synchronous", "FULL").map_err(&doing)?;
        let synchronous: i64 =
            database.pragma_query_value(None, "synchronous", |row| row.get(0)).map_err(&doing)?;
        // INVARIANT (I1): without these two a power cut could take back what was answered.
        if mode != "wal" || synchronous != 2 {
            let what = format!("journal_mode is {mode} and synchronous is {synchronous}");
            return Err(ControlError::Unreadable { what });
        }
        let content = look::read(&database)?;
        let keys = content.keys.into_iter().map(|key| (key.lookup.clone(), key)).collect();
        let tenants = content.tenants.into_iter().map(|row| (row.name.clone(), row)).collect();
        Ok(Control {
            store: content.store,
            database: Mutex::new(database),
            memory: RwLock::new(Memory { tenants, keys }),
            revocations: Notify::new(),
        })
    }

    /// Writes back what SQLite keeps beside the database and closes it, so that one file is left.
    pub(crate) fn close(&self) -> Result<(), ControlError> {
        let closed = Connection::open_in_memory().map_err(sqlite("close"))?;
        let database = {
            let mut held = self.database.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *held, closed)
        };
        database.close().map_err(|(_, source)| sqlite("close")(source))
    }

    /// The store's name.
    pub(crate) fn store(&self) -> &StoreName {
        &self.store
    }

    /// Says that the ledger was opened.
    pub(crate) fn mark_opened(&self) -> Result<(), ControlError> {
        self.write("say that the ledger was opened", |database| {
            database.execute("UPDATE store SET state = 'opened'", [])
        })
    }

    /// Every tenant, by name.
    pub(crate) fn tenants(&self) -> Vec<TenantRow> {
        self.remembered(|memory| memory.tenants.values().cloned().collect())
    }

    /// One tenant.
    pub(crate) fn tenant(&self, name: &TenantId) -> Option<TenantRow> {
        self.remembered(|memory| memory.tenants.get(name).cloned())
    }

    /// Takes in a new tenant.
    pub(crate) fn add_tenant(&self, row: &TenantRow) -> Result<(), ControlError> {
        {
            let database = self.database.lock().unwrap_or_else(PoisonError::into_inner);
            insert_tenant(&database, row)?;
        }
        self.remember(|memory| drop(memory.tenants.insert(row.name.clone(), row.clone())));
        Ok(())
    }

    /// Every API key, oldest first.
    pub(crate) fn keys(&self) -> Vec<ApiKey> {
        let mut keys: Vec<ApiKey> =
            self.remembered(|memory| memory.keys.values().cloned().collect());
        keys.sort_by(|a, b| (a.created_at, &a.lookup).cmp(&(b.created_at, &b.lookup)));
        keys
    }

    /// The API key with these eight look-up characters.
    pub(crate) fn key(&self, lookup: &str) -> Option<ApiKey> {
        self.remembered(|memory| memory.keys.get(lookup).cloned())
    }

    /// Takes in a new API key.
    pub(crate) fn add_key(&self, key: &ApiKey) -> Result<(), ControlError> {
        {
            let database = self.database.lock().unwrap_or_else(PoisonError::into_inner);
            insert_key(&database, key)?;
        }
        self.remember(|memory| drop(memory.keys.insert(key.lookup.clone(), key.clone())));
        Ok(())
    }

    /// Ends an API key: durable first, and from then on refused.
    pub(crate) fn revoke(&self, lookup: &str, at: Timestamp) -> Result<(), ControlError> {
        let ns = number(at);
        self.write("end a key", |database| {
            let sql =
                "UPDATE api_keys SET revoked_at = ?2 WHERE lookup = ?1 AND revoked_at IS NULL";
            database.execute(sql, params![lookup, ns])
        })?;
        self.remember(|memory| {
            if let Some(key) = memory.keys.get_mut(lookup) {
                key.revoked_at.get_or_insert(at);
            }
        });
        self.revocations.notify_waiters();
        Ok(())
    }

    /// Whether the API key with these look-up characters is still good.
    pub(crate) fn is_good(&self, lookup: &str) -> bool {
        self.remembered(|memory| {
            memory.keys.get(lookup).is_some_and(|key| key.revoked_at.is_none())
        })
    }

    /// Waits until the API key with these look-up characters is good no more.
    pub(crate) async fn revoked(&self, lookup: &str) {
        loop {
            let revoked = self.revocations.notified();
            if !self.is_good(lookup) {
                return;
            }
            revoked.await;
        }
    }

    /// The wrapped import key of a producer: the stored one, or `drawn` taken in as its first.
    pub(crate) fn import_key(
        &self,
        tenant: &TenantId,
        producer: &ProducerId,
        drawn: impl FnOnce() -> Vec<u8>,
    ) -> Result<Vec<u8>, ControlError> {
        let doing = sqlite("look up an import key");
        let database = self.database.lock().unwrap_or_else(PoisonError::into_inner);
        let sql = "SELECT wrapped FROM import_keys WHERE tenant = ?1 AND producer = ?2";
        let named = params![tenant.as_str(), producer.as_str()];
        let found = database.query_row(sql, named, |row| row.get(0)).optional().map_err(&doing)?;
        if let Some(wrapped) = found {
            return Ok(wrapped);
        }
        let wrapped = drawn();
        let named = params![tenant.as_str(), producer.as_str(), wrapped];
        database.execute("INSERT INTO import_keys VALUES (?1, ?2, ?3)", named).map_err(doing)?;
        Ok(wrapped)
    }

    fn write(
        &self,
        doing: &'static str,
        change: impl FnOnce(&Connection) -> rusqlite::Result<usize>,
    ) -> Result<(), ControlError> {
        let database = self.database.lock().unwrap_or_else(PoisonError::into_inner);
        change(&database).map(drop).map_err(sqlite(doing))
    }

    fn remembered<T>(&self, ask: impl FnOnce(&Memory) -> T) -> T {
        ask(&self.memory.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn remember(&self, change: impl FnOnce(&mut Memory)) {
        change(&mut self.memory.write().unwrap_or_else(PoisonError::into_inner));
    }
}

fn insert_tenant(database: &Connection, row: &TenantRow) -> Result<(), ControlError> {
    let values =
        params![row.name.as_str(), number(row.created_at), row.wrapped_kek, row.wrapped_ledger_key];
    let inserted = database.execute("INSERT INTO tenants VALUES (?1, ?2, ?3, ?4)", values);
    inserted.map(drop).map_err(sqlite("take in a tenant"))
}

fn insert_key(database: &Connection, key: &ApiKey) -> Result<(), ControlError> {
    let Principal { tenant, producer, scopes } = &key.principal;
    let producer = producer.as_ref().map(ProducerId::as_str);
    let created = number(key.created_at);
    let values =
        params![key.lookup, key.sha256, tenant.as_str(), producer, granted(*scopes), created];
    let sql = "INSERT INTO api_keys VALUES (?1, ?2, ?3, ?4, ?5, ?6, NULL)";
    database.execute(sql, values).map(drop).map_err(sqlite("take in a key"))
}

/// Scopes as they are stored.
fn granted(scopes: Scopes) -> String {
    scopes.to_string()
}

/// A time as SQLite holds it: nanoseconds, until the year 2262.
fn number(time: Timestamp) -> i64 {
    i64::try_from(time.0).unwrap_or(i64::MAX)
}

/// An error of SQLite while `doing` something.
fn sqlite(doing: &'static str) -> impl Fn(rusqlite::Error) -> ControlError {
    move |source| ControlError::Sqlite { doing, source }
}

#[cfg(test)]
mod tests;
