//! Everything that the writer and the readers share: tenants, idle streams, packs, spares, caches,
//! counters.
//!
//! It promises that no lock in it is held across the disk, and that what it shows is durable. It
//! refuses to write the log: only the writer does.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use event::ids::{StoreName, TenantId};

use crate::disk::Disk;
use crate::error::Error;
use crate::idle::{IdleFiles, IdleStream};
use crate::pack::PackCache;
use crate::request::StreamId;
use crate::section::SectionCache;
use crate::view::Tenant;
use crate::wal::Spares;

/// What writer and readers share.
#[derive(Debug)]
pub(crate) struct Book {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) store: StoreName,
    tenants: RwLock<BTreeMap<TenantId, Arc<Tenant>>>,
    idle: RwLock<IdleFiles>,
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
    pub(crate) returned: AtomicU64,
    pub(crate) wal_files: AtomicU64,
    pub(crate) wal_bytes: AtomicU64,
    pub(crate) keep_refused: AtomicU64,
    pub(crate) poisoned: AtomicU64,
    pub(crate) checkpointed_at_ns: AtomicU64,
    pub(crate) checkpointed_records: AtomicU64,
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
            idle: RwLock::default(),
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

    /// The files of idle streams that count now.
    pub(crate) fn idle(&self) -> IdleFiles {
        self.idle.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From here on these files of idle streams count. Streams leave memory after this, so that a
    /// reader who misses one there finds it here.
    pub(crate) fn set_idle(&self, files: IdleFiles) {
        *self.idle.write().unwrap_or_else(PoisonError::into_inner) = files;
    }

    /// What files have of a stream that is not in memory.
    pub(crate) fn find_idle(
        &self,
        tenant: &TenantId,
        stream: &StreamId,
    ) -> Result<Option<IdleStream>, Error> {
        self.with_idle(|files| files.find(&*self.disk, tenant, stream))
    }

    /// Asks the files that count; again if the writer merged some of them away meanwhile.
    pub(crate) fn with_idle<T>(
        &self,
        ask: impl Fn(&IdleFiles) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut files = self.idle();
        loop {
            let answer = ask(&files);
            let now = self.idle();
            match answer {
                Err(Error::Disk { source })
                    if source.is_not_found() && now.listed() != files.listed() =>
                {
                    files = now;
                }
                other => return other,
            }
        }
    }

    /// All tenants, by name.
    pub(crate) fn all(&self) -> Vec<Arc<Tenant>> {
        let tenants = self.tenants.read().unwrap_or_else(PoisonError::into_inner);
        tenants.values().map(Arc::clone).collect()
    }
}
