//! The tenants with their keys open: what sealing, receipts and checkpoints of each need.
//!
//! Promises: a tenant is here only if its keys open under this store's root and its checkpoint key is there. Refuses to
//! make a tenant by being asked for one.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use event::commitment::{LedgerKey, Sealer};
use event::ids::{StoreName, TenantId};
use ledger::{KeyBlob, key_kind};
use pipeline::process::Steps;

use crate::control::TenantRow;
use crate::keyring::wrap::{TenantKeys, UnwrapError};
use crate::keyring::{Keyring, KeyringError};

/// The reserved tenant of acts that belong to none.
pub(crate) const SYSTEM: &str = "system";
/// The tenant that a store begins with.
pub(crate) const DEFAULT: &str = "default";

/// One tenant, open.
#[derive(Debug)]
pub(crate) struct Tenant {
    /// Its name.
    pub(crate) id: TenantId,
    /// Its durable keys.
    pub(crate) keys: TenantKeys,
    /// Its ledger key, ready to make seeds.
    pub(crate) sealer: Sealer,
    /// The steps that its events go through.
    pub(crate) steps: Steps,
    /// Its wrapped keys as they lie beside its records.
    pub(crate) blobs: [KeyBlob; 2],
}

/// Every tenant of the store.
#[derive(Debug, Default)]
pub(crate) struct Tenants {
    all: RwLock<BTreeMap<TenantId, Arc<Tenant>>>,
}

/// Why a tenant's keys could not be opened. All of these are exit code 2.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    /// A key file is missing, or another store's.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// A wrapped key does not open.
    #[error(transparent)]
    Wrapped(#[from] UnwrapError),
}

impl Tenants {
    /// Opens every tenant of `rows`.
    pub(crate) fn open(keyring: &Keyring, rows: &[TenantRow]) -> Result<Tenants, OpenError> {
        let tenants = Tenants::default();
        for row in rows {
            // A missing checkpoint key must be found before anything is written.
            keyring.checkpoint_key(&row.name)?;
            let (kek, ledger) = (&row.wrapped_kek, &row.wrapped_ledger_key);
            let keys = keyring.root().open_tenant(keyring.store(), &row.name, kek, ledger)?;
            tenants.add(Tenant::new(row.name.clone(), keys));
        }
        Ok(tenants)
    }

    /// Takes in a tenant.
    pub(crate) fn add(&self, tenant: Tenant) {
        let mut all = self.all.write().unwrap_or_else(PoisonError::into_inner);
        all.insert(tenant.id.clone(), Arc::new(tenant));
    }

    /// The tenant of this name.
    pub(crate) fn find(&self, id: &TenantId) -> Option<Arc<Tenant>> {
        self.all.read().unwrap_or_else(PoisonError::into_inner).get(id).map(Arc::clone)
    }

    /// All of them, by name.
    pub(crate) fn all(&self) -> Vec<Arc<Tenant>> {
        self.all.read().unwrap_or_else(PoisonError::into_inner).values().map(Arc::clone).collect()
    }
}

impl Tenant {
    /// A tenant with open keys.
    pub(crate) fn new(id: TenantId, keys: TenantKeys) -> Tenant {
        let sealer = Sealer::new(&LedgerKey(*keys.ledger_key()));
        let stored = |kind, bytes: &[u8]| KeyBlob { kind, id: 0, bytes: bytes.to_vec() };
        let blobs = [
            stored(key_kind::DURABLE_KEK, &keys.wrapped_kek),
            stored(key_kind::LEDGER, &keys.wrapped_ledger),
        ];
        Tenant { id, keys, sealer, steps: Steps::default(), blobs }
    }
}

/// The reserved tenant's name.
pub(crate) fn system() -> TenantId {
    TenantId::parse(SYSTEM).expect("the reserved name is a tenant name")
}

/// The first row of a new tenant.
pub(crate) fn draw(keyring: &Keyring, name: &TenantId, now: event::ids::Timestamp) -> TenantRow {
    let store: &StoreName = keyring.store();
    let keys = keyring.root().draw_tenant(store, name);
    TenantRow {
        name: name.clone(),
        created_at: now,
        wrapped_kek: keys.wrapped_kek,
        wrapped_ledger_key: keys.wrapped_ledger,
    }
}
