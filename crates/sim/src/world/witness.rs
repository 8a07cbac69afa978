//! Somebody outside who asks for checkpoints, at rest and in the very middle of a sync, and forgets
//! none. What it was handed is promised for ever (I4).

use std::sync::{Arc, Mutex, PoisonError};

use event::ids::{StoreName, TenantId};
use ledger::Reader;
use ledger::disk::Operation;
use tlog::checkpoint::Checkpoint;
use tlog::hash::Hash;
use tlog::note::SigningKey;

use crate::disk::FakeDisk;
use crate::model::Model;

/// One checkpoint that was handed out.
#[derive(Debug, Clone)]
struct Published {
    tenant: TenantId,
    size: u64,
    root: Hash,
}

/// The collector of checkpoints.
#[derive(Debug)]
pub(super) struct Witness {
    store: StoreName,
    tenants: Vec<TenantId>,
    collected: Arc<Mutex<Vec<Result<Published, String>>>>,
}

impl Witness {
    pub(super) fn new(store: StoreName, tenants: Vec<TenantId>) -> Self {
        Self { store, tenants, collected: Arc::default() }
    }

    /// Gives the ledger its checkpoint keys, and asks for checkpoints whenever the log is synced.
    pub(super) fn watch(&self, disk: &FakeDisk, reader: &Reader) {
        for tenant in &self.tenants {
            reader.install_signer(tenant, self.key(tenant));
        }
        let (reader, tenants) = (reader.clone(), self.tenants.clone());
        let (collected, store) = (Arc::clone(&self.collected), self.store.clone());
        disk.watch(Some(Box::new(move |operation, path| {
            if operation == Operation::SyncData && path.starts_with("ledger/wal/") {
                collect(&reader, &store, &tenants, &collected);
            }
        })));
    }

    /// Asks for checkpoints now.
    pub(super) fn ask(&self, reader: &Reader) {
        collect(reader, &self.store, &self.tenants, &self.collected);
    }

    /// Hands everything collected to the model.
    pub(super) fn tell(&self, model: &mut Model) -> Result<(), String> {
        let mut collected = self.collected.lock().unwrap_or_else(PoisonError::into_inner);
        for published in collected.drain(..) {
            let Published { tenant, size, root } = published?;
            model.publish(&tenant, size, root)?;
        }
        Ok(())
    }

    fn key(&self, tenant: &TenantId) -> SigningKey {
        signing_key(&self.store, tenant)
    }
}

/// The checkpoint key of a simulated ledger; no secret.
fn signing_key(store: &StoreName, tenant: &TenantId) -> SigningKey {
    let origin = tenant.origin(store);
    let seed = tlog::hash::leaf_hash(origin.as_bytes()).0;
    SigningKey::new(&origin, seed).unwrap_or_else(|error| panic!("an origin names a key: {error}"))
}

fn collect(
    reader: &Reader,
    store: &StoreName,
    tenants: &[TenantId],
    collected: &Mutex<Vec<Result<Published, String>>>,
) {
    for tenant in tenants {
        let Ok(signed) = reader.checkpoint(tenant) else { continue };
        let opened =
            Checkpoint::open(&signed.note, &[signing_key(store, tenant).verifier().clone()])
                .map_err(|error| format!("I4: a signed checkpoint does not verify: {error}"));
        let published = opened.map(|checkpoint| Published {
            tenant: tenant.clone(),
            size: checkpoint.size.0,
            root: checkpoint.root,
        });
        collected.lock().unwrap_or_else(PoisonError::into_inner).push(published);
    }
}
