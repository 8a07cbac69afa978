//! The store on disk: whose it is, whether its keys are there, who owns it; made when it is new.
//!
//! ```text
//! look (nothing is written) -> keys open? -> lock -> make, or open
//! ```
//!
//! Promises: a store whose keys are missing or another's is refused before a byte is written; a broken-off making is
//! finished by the next start. Refuses to make keys for a store that is there.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use event::ids::{ProducerId, TenantId, Timestamp};
use ledger::disk::{LockError, StoreLock};
use policy::{Principal, Scope, Scopes};

use crate::auth::{self, Drawn};
use crate::config::Config;
use crate::control::look::{Content, draft, look};
use crate::control::{Control, ControlError, State};
use crate::keyring::{self, Keyring, KeyringError};
use crate::manifest;
use crate::tenants::{self, OpenError, Tenants};

/// The producer of the token in `client.json`.
pub(crate) const LOCAL_PRODUCER: &str = "local";

/// An owned store with its keys open; `control.db` was read and is not open yet, since that would write.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) folder: PathBuf,
    pub(crate) lock: StoreLock,
    pub(crate) keyring: Keyring,
    pub(crate) tenants: Tenants,
    /// Whether the ledger may be new.
    pub(crate) state: State,
    /// Tokens that were drawn with the store, to be handed out once.
    pub(crate) drawn: Option<FirstTokens>,
}

/// The tokens of a new store.
pub(crate) struct FirstTokens {
    /// For `client.json`.
    pub(crate) local: String,
    /// For `admin.json`.
    pub(crate) admin: String,
}

/// Why a store cannot be served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// Another process owns it.
    #[error(transparent)]
    Locked(#[from] LockError),
    /// Its keys are missing or another's.
    #[error(transparent)]
    Keys(#[from] OpenError),
    /// `control.db` cannot be used.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// A ledger is there without the `control.db` that belongs to it.
    #[error("`{path}` is missing, and the ledger beside it is not new", path = path.display())]
    ControlMissing {
        /// Where it should be.
        path: PathBuf,
    },
    /// The data directory cannot be made.
    #[error("`{path}` cannot be made: {source}", path = path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

impl From<KeyringError> for StoreError {
    fn from(error: KeyringError) -> StoreError {
        StoreError::Keys(error.into())
    }
}

/// Owns the store in the configured folder, making it if there is none.
pub(crate) fn open(config: &Config, now: Timestamp) -> Result<Store, StoreError> {
    let folder = config.data_dir.clone();
    let base = keyring::base(config.key_dir.as_deref());
    // A torn read of a store that somebody else is writing is found out at the lock.
    if let Ok(Some(content)) = look(&folder) {
        open_keys(&base, &content)?;
    }
    let make = DirBuilder::new().recursive(true).mode(0o700).create(&folder);
    make.map_err(|source| StoreError::Folder { path: folder.clone(), source })?;
    let lock = StoreLock::acquire(&folder, std::process::id())?;
    let drawn = match look(&folder)? {
        Some(_) => None,
        None if has_ledger(&folder) => {
            return Err(StoreError::ControlMissing { path: folder.join("control.db") });
        }
        None => match finish_making(&base, &folder)? {
            Making::Finished => None,
            Making::Nothing => Some(make_store(config, &base, &folder, now)?),
        },
    };
    let Some(content) = look(&folder)? else {
        return Err(StoreError::ControlMissing { path: folder.join("control.db") });
    };
    let keyring = Keyring::open(&base, &content.store)?;
    let tenants = Tenants::open(&keyring, &content.tenants)?;
    Ok(Store { folder, lock, keyring, tenants, state: content.state, drawn })
}

/// Opens every key of a store and lets them go again.
fn open_keys(base: &Path, content: &Content) -> Result<(), OpenError> {
    let keyring = Keyring::open(base, &content.store)?;
    Tenants::open(&keyring, &content.tenants).map(drop)
}

/// What a making that broke off has left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Making {
    /// Its keys have their name and `control.db` was complete: it is a store now.
    Finished,
    /// Nothing that counts.
    Nothing,
}

/// Finishes a making that broke off between its last two steps. Its tokens were never handed out: the start draws others.
fn finish_making(base: &Path, folder: &Path) -> Result<Making, StoreError> {
    // Keys that open this draft have their name only because the draft was durable before.
    match draft(folder).filter(|content| open_keys(base, content).is_ok()) {
        Some(_) => Control::publish(folder).map(|()| Making::Finished).map_err(StoreError::from),
        None => Ok(Making::Nothing),
    }
}

/// Makes a new store: its keys and `control.db`, both under names of their own, then the keys get their name, then
/// `control.db`, with which it exists. Keys of that name that are there already are another store's.
fn make_store(
    config: &Config,
    base: &Path,
    folder: &Path,
    now: Timestamp,
) -> Result<FirstTokens, StoreError> {
    let name = config.store_name.clone().unwrap_or_else(keyring::draw_store_name);
    let first = [default_tenant(), tenants::system()];
    let keyring = Keyring::draft(base, &name, &first)?;
    let rows = first.map(|tenant| tenants::draw(&keyring, &tenant, now));
    let (local, admin) = (draw_local(now), draw_admin(now));
    Control::draft(folder, &name, &rows, &[local.key, admin.key])?;
    keyring.publish(base)?;
    Control::publish(folder)?;
    Ok(FirstTokens { local: local.token, admin: admin.token })
}

/// A token for `client.json`.
pub(crate) fn draw_local(now: Timestamp) -> Drawn {
    let producer = ProducerId::parse(LOCAL_PRODUCER).expect("`local` is a producer name");
    let scopes = Scopes::NONE.with(Scope::Write).with(Scope::Read);
    auth::draw(Principal { tenant: default_tenant(), producer: Some(producer), scopes }, now)
}

/// A token for `admin.json`.
pub(crate) fn draw_admin(now: Timestamp) -> Drawn {
    let scopes = Scopes::NONE.with(Scope::Admin);
    auth::draw(Principal { tenant: tenants::system(), producer: None, scopes }, now)
}

/// The tenant that a store begins with.
pub(crate) fn default_tenant() -> TenantId {
    TenantId::parse(tenants::DEFAULT).expect("`default` is a tenant name")
}

/// Whether a store was here: anything in `ledger`, a `MANIFEST`, or what cannot be looked into.
fn has_ledger(folder: &Path) -> bool {
    let has_any = match std::fs::read_dir(folder.join("ledger")) {
        Ok(mut files) => files.next().is_some(),
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    };
    has_any || folder.join(manifest::FILE).symlink_metadata().is_ok()
}

impl std::fmt::Debug for FirstTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FirstTokens(..)")
    }
}

#[cfg(test)]
mod tests;
