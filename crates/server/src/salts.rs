//! Salt blocks: 32 random bytes for up to 4,096 records of one tenant, and which of its slots are taken.
//!
//! Promises: a slot is given out once and never again, also when the request that reserved it comes to nothing; a block
//! is used for at most an hour and never after a restart. Refuses to derive anything from what a producer chose.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use event::commitment::SaltBlock;
use event::ids::TenantId;
use event::limits::{SALT_BLOCK_AGE_NS, SALT_BLOCK_SLOTS};
use ledger::{KeyBlob, key_kind};
use pipeline::batch::Slots;

use crate::keyring;

/// The open blocks of all tenants.
#[derive(Debug, Default)]
pub(crate) struct Salts {
    open: Mutex<HashMap<TenantId, Open>>,
}

/// The block that a tenant's next records use.
#[derive(Debug)]
struct Open {
    block: Arc<SaltBlock>,
    next: u32,
    drawn_ns: u64,
}

/// Slots that belong to one request alone.
#[derive(Debug, Clone)]
pub(crate) struct Reserved {
    runs: Vec<(Arc<SaltBlock>, Range<u32>)>,
}

impl Salts {
    /// Reserves `count` slots for `tenant`; `now_ns` is the monotonic clock.
    pub(crate) fn reserve(&self, tenant: &TenantId, count: usize, now_ns: u64) -> Reserved {
        let mut runs = Vec::new();
        let mut missing = u32::try_from(count).expect("a request has at most 10,000 items");
        let mut blocks = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let open = blocks.entry(tenant.clone()).or_insert_with(|| Open::draw(now_ns));
        while missing > 0 {
            let is_old = now_ns.saturating_sub(open.drawn_ns) >= SALT_BLOCK_AGE_NS;
            if is_old || open.next == SALT_BLOCK_SLOTS {
                *open = Open::draw(now_ns);
            }
            let end = SALT_BLOCK_SLOTS.min(open.next.saturating_add(missing));
            runs.push((Arc::clone(&open.block), open.next..end));
            missing -= end - open.next;
            open.next = end;
        }
        Reserved { runs }
    }
}

impl Open {
    /// A new block. Its id is drawn too: 64 bits, so that blocks of one tenant do not meet.
    fn draw(now_ns: u64) -> Open {
        let id = u64::from_be_bytes(keyring::random());
        let block = SaltBlock { id, secret: keyring::random() };
        Open { block: Arc::new(block), next: 0, drawn_ns: now_ns }
    }
}

impl Reserved {
    /// The slots as sealing takes them.
    pub(crate) fn slots(&self) -> Vec<Slots<'_>> {
        self.runs.iter().map(|(block, slots)| Slots { block, slots: slots.clone() }).collect()
    }

    /// The blocks as they travel beside the records.
    pub(crate) fn blobs(&self) -> impl Iterator<Item = KeyBlob> + '_ {
        self.runs.iter().map(|(block, _)| KeyBlob {
            kind: key_kind::SALT_BLOCK,
            id: block.id,
            bytes: block.secret.to_vec(),
        })
    }
}

#[cfg(test)]
mod tests;
