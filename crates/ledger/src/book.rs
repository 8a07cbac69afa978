//! Everything that the writer and the readers share: tenants, packs, spares, caches, counters.
//!
//! It promises that no lock in it is held across the disk, and that what it shows is durable. It
//! refuses to write the log: only the writer does.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use event::ids::{StoreName, TenantId};

use crate::disk::Disk;
use crate::pack::PackCache;
use crate::section::SectionCache;
use crate::view::Tenant;
use crate::wal::Spares;

/// What writer and readers share.
#[derive(Debug)]
pub(crate) struct Book {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) store: StoreName,
    tenants: RwLock<BTreeMap<TenantId, Arc<Tenant>>>,
    pub(crate) packs: PackCache,
    pub(crate) sections: SectionCache,
    pub(crate) spares: Spares,
    pub(crate) counts: Counts,
}

/// Counters, for metrics only: nothing is decided by them.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) frames: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) records: AtomicU64,
    pub(crate) seen: AtomicU64,
    pub(crate) ids: AtomicU64,
    pub(crate) streams: AtomicU64,
    pub(crate) wal_files: AtomicU64,
    pub(crate) wal_bytes: AtomicU64,
    pub(crate) keep_refused: AtomicU64,
    pub(crate) poisoned: AtomicU64,
}

impl Counts {
    /// Adds to a counter.
    pub(crate) fn add(counter: &AtomicU64, more: u64) {
        counter.fetch_add(more, Ordering::Relaxed);
    }

    /// Sets a gauge.
    pub(crate) fn set(gauge: &AtomicU64, value: u64) {
        gauge.store(value, Ordering::Relaxed);
    }
}

impl Book {
    /// A book of these tenants.
    pub(crate) fn new(
        disk: Arc<dyn Disk>,
        store: StoreName,
        tenants: BTreeMap<TenantId, Arc<Tenant>>,
        spares: Spares,
    ) -> Self {
        Self {
            disk,
            store,
            tenants: RwLock::new(tenants),
            packs: PackCache::default(),
            sections: SectionCache::default(),
            spares,
            counts: Counts::default(),
        }
    }

    /// A tenant, if it is known.
    pub(crate) fn find(&self, tenant: &TenantId) -> Option<Arc<Tenant>> {
        let tenants = self.tenants.read().unwrap_or_else(PoisonError::into_inner);
        tenants.get(tenant).map(Arc::clone)
    }

    /// A tenant, made if it is new.
    pub(crate) fn tenant(&self, tenant: &TenantId) -> Arc<Tenant> {
        if let Some(found) = self.find(tenant) {
            return found;
        }
        let mut tenants = self.tenants.write().unwrap_or_else(PoisonError::into_inner);
        let entry = tenants.entry(tenant.clone());
        Arc::clone(entry.or_insert_with(|| Arc::new(Tenant::new(tenant.clone()))))
    }

    /// All tenants, by name.
    pub(crate) fn all(&self) -> Vec<Arc<Tenant>> {
        let tenants = self.tenants.read().unwrap_or_else(PoisonError::into_inner);
        tenants.values().map(Arc::clone).collect()
    }
}
