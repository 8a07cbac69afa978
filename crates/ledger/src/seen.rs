//! The id window: ids of records outside any stream, so that a repeat is known.
//!
//! An id means something only together with the tenant and producer that sent it. For each tenant
//! the window is exact from its **floor** on: what lies below is archived, and the archive has to
//! be asked. It promises never to forget an id of a record that is not archived, whatever that
//! takes: the store's budget for such records bounds it. It refuses to be asked in order: the map
//! is hashed under a key of the process, since ids are chosen by whoever sends them.

use std::collections::{HashMap, VecDeque};

use event::ids::{EventId, ProducerId, TenantId};

/// Ids that one store holds before it lets go of archived ones.
pub const IDS_MAX: usize = 1 << 20;

/// Whose ids: a small number for each (tenant, producer).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Scope(u32);

/// The ids of a store.
#[derive(Debug)]
pub(crate) struct Seen {
    limit: usize,
    scopes: HashMap<(TenantId, Option<ProducerId>), Scope>,
    indices: HashMap<(Scope, EventId), u64>,
    windows: HashMap<TenantId, Window>,
}

/// One tenant's ids in index order.
#[derive(Debug, Default)]
struct Window {
    floor: u64,
    order: VecDeque<(u64, Scope, EventId)>,
}

impl Seen {
    /// An empty window that lets go of archived ids above `limit`.
    pub(crate) fn new(limit: usize) -> Self {
        assert!(limit > 0, "a window of nothing knows no repeat");
        Self { limit, scopes: HashMap::new(), indices: HashMap::new(), windows: HashMap::new() }
    }

    /// The scope of a tenant's producer.
    pub(crate) fn scope(&mut self, tenant: &TenantId, producer: Option<&ProducerId>) -> Scope {
        let next = Scope(u32::try_from(self.scopes.len()).unwrap_or(u32::MAX));
        *self.scopes.entry((tenant.clone(), producer.cloned())).or_insert(next)
    }

    /// Where an id was stored, if that is at or above the tenant's floor.
    pub(crate) fn find(&self, scope: Scope, id: EventId) -> Option<u64> {
        if cfg!(planted = "no_id_window") {
            return None;
        }
        self.indices.get(&(scope, id)).copied()
    }

    /// Below this index a tenant's ids are not known.
    pub(crate) fn floor(&self, tenant: &TenantId) -> u64 {
        self.windows.get(tenant).map_or(0, |window| window.floor)
    }

    /// Remembers an id that was not there.
    pub(crate) fn insert(&mut self, tenant: &TenantId, scope: Scope, (id, index): (EventId, u64)) {
        let before = self.indices.insert((scope, id), index);
        // INVARIANT (I5): an id inside the window is stored once.
        assert!(before.is_none() || cfg!(planted = "no_id_window"), "an id is stored once");
        let window = self.windows.entry(tenant.clone()).or_default();
        assert!(window.floor <= index, "what is stored now is not archived");
        window.order.push_back((index, scope, id));
    }

    /// Lets go of a tenant's ids below `floor`.
    pub(crate) fn raise(&mut self, tenant: &TenantId, floor: u64) {
        let window = self.windows.entry(tenant.clone()).or_default();
        while let Some((index, scope, id)) = window.order.front().copied()
            && index < floor
        {
            window.order.pop_front();
            forget(&mut self.indices, (scope, id), index);
        }
        window.floor = window.floor.max(floor);
    }

    /// Above the limit: lets go of the tenant's oldest ids, those below `archived` at most.
    pub(crate) fn trim(&mut self, tenant: &TenantId, archived: u64) {
        let Some(window) = self.windows.get_mut(tenant) else { return };
        while self.indices.len() > self.limit
            && let Some((index, scope, id)) = window.order.front().copied()
            && index < archived
        {
            window.order.pop_front();
            window.floor = index + 1;
            forget(&mut self.indices, (scope, id), index);
        }
        assert!(window.floor <= archived.max(window.floor), "only archived ids are let go");
    }

    /// Whether there are more ids than the limit.
    pub(crate) fn is_over(&self) -> bool {
        self.indices.len() > self.limit
    }

    /// How many ids are held.
    pub(crate) fn len(&self) -> usize {
        self.indices.len()
    }
}

/// Forgets where an id was stored, unless it was stored again since.
fn forget(indices: &mut HashMap<(Scope, EventId), u64>, id: (Scope, EventId), index: u64) {
    if indices.get(&id) == Some(&index) {
        indices.remove(&id);
    }
}

#[cfg(test)]
mod tests;
