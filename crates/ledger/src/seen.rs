//! The id window: ids of records outside any stream, so that a repeat is known.
//!
//! An id means something only together with the tenant and producer that sent it. The window is
//! exact and bounded: it holds the last ids of the whole store, and the oldest leaves when a new
//! one comes. It promises that the same appends in the same order give the same window, which is
//! how recovery rebuilds it. It refuses to be asked in order: the map is hashed under a key of the
//! process, since ids are chosen by whoever sends them.

use std::collections::{HashMap, VecDeque};

use event::ids::{EventId, ProducerId, TenantId};

/// Ids that one store holds: more than the rows that fit into its hot budget.
pub const IDS_MAX: usize = 1 << 20;

/// Whose ids: a small number for each (tenant, producer).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Scope(u32);

/// The last ids of a store.
#[derive(Debug)]
pub(crate) struct Seen {
    limit: usize,
    scopes: HashMap<(TenantId, Option<ProducerId>), Scope>,
    indices: HashMap<(Scope, EventId), u64>,
    order: VecDeque<(Scope, EventId)>,
}

impl Seen {
    /// An empty window of at most `limit` ids.
    pub(crate) fn new(limit: usize) -> Self {
        assert!(limit > 0, "a window of nothing knows no repeat");
        Self { limit, scopes: HashMap::new(), indices: HashMap::new(), order: VecDeque::new() }
    }

    /// The scope of a tenant's producer.
    pub(crate) fn scope(&mut self, tenant: &TenantId, producer: Option<&ProducerId>) -> Scope {
        let next = Scope(u32::try_from(self.scopes.len()).unwrap_or(u32::MAX));
        *self.scopes.entry((tenant.clone(), producer.cloned())).or_insert(next)
    }

    /// Where an id was stored, if the window still holds it.
    pub(crate) fn find(&self, scope: Scope, id: EventId) -> Option<u64> {
        if cfg!(planted = "no_id_window") {
            return None;
        }
        self.indices.get(&(scope, id)).copied()
    }

    /// Remembers an id that was not there.
    pub(crate) fn insert(&mut self, scope: Scope, id: EventId, index: u64) {
        let before = self.indices.insert((scope, id), index);
        // INVARIANT (I5): an id inside the window is stored once.
        assert!(before.is_none() || cfg!(planted = "no_id_window"), "an id is stored once");
        self.order.push_back((scope, id));
        if self.order.len() > self.limit
            && let Some(oldest) = self.order.pop_front()
        {
            self.indices.remove(&oldest);
        }
        assert!(self.order.len() <= self.limit, "the window is bounded");
    }

    /// How many ids are held.
    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }
}

#[cfg(test)]
mod tests;
