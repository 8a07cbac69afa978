//! Everything that a request handler may touch, opened once by `run`.
//!
//! Promises: what is here is open and belongs together. Refuses to open or close anything itself.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use event::ids::{EventId, TenantId, Timestamp};
use event::system::SystemRecord;
use event::{canonical, record};
use lake::rows::{RowsBuilder, Salt};
use ledger::{Answer, Append, Class, Item, ItemAnswer, Reader, Source};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use crate::accounts::Accounts;
use crate::archive::Archivist;
use crate::audit::Reads;
use crate::budget::Budget;
use crate::clock::Clock;
use crate::config::Live;
use crate::control::Control;
use crate::http::{Cursors, Tails};
use crate::intake::{Intake, Travelling};
use crate::keyring::{self, Keyring};
use crate::metrics::Metrics;
use crate::salts::Salts;
use crate::ship::Shipped;
use crate::tenants::{Tenant, Tenants};

/// The opened server.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) clock: Clock,
    pub(crate) config: Arc<Live>,
    pub(crate) keyring: Keyring,
    pub(crate) control: Control,
    pub(crate) tenants: Tenants,
    pub(crate) budget: Budget,
    pub(crate) salts: Salts,
    pub(crate) intake: Intake,
    pub(crate) reader: Reader,
    pub(crate) shipped: Shipped,
    pub(crate) archivist: Archivist,
    pub(crate) accounts: Accounts,
    pub(crate) reads: Reads,
    pub(crate) cursors: Cursors,
    pub(crate) tails: Tails,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) queries: Queries,
    /// One permit for each large body that may be worked on: as many as there are processors.
    pub(crate) heavy: Semaphore,
    /// Whether the last request that needed room for rows found none.
    pub(crate) is_hot_full: AtomicBool,
}

/// Where look-ups and statements run: runtimes of their own, few statements at a time.
#[derive(Debug)]
pub(crate) struct Queries {
    /// The runtime of look-ups.
    pub(crate) runtime: Handle,
    /// The runtime of SQL statements.
    pub(crate) statements: Handle,
    /// One permit for each statement that may run.
    pub(crate) slots: Arc<Semaphore>,
    /// Where sorts and joins spill to.
    pub(crate) spill_dir: PathBuf,
}

/// A record of the server's own that could not be appended.
#[derive(Debug, thiserror::Error)]
#[error("a record of the server's own was not appended: {why}")]
pub(crate) struct NotRecorded {
    /// What the ledger said.
    pub(crate) why: String,
    /// The ledger's answer, if it gave one.
    pub(crate) answer: Option<Answer>,
}

impl App {
    /// An id for a record that has none: a UUIDv7 of now.
    pub(crate) fn draw_id(&self) -> EventId {
        draw_id(self.clock.wall())
    }

    /// Appends records of the server's own to one tenant's ledger; returns the index of the first.
    pub(crate) async fn record(
        &self,
        tenant: &Tenant,
        records: &[SystemRecord<'_>],
    ) -> Result<u64, NotRecorded> {
        let source = Source::Loose { producer: None };
        let (append, rows) = self.system_append(tenant, records, source);
        let refused =
            |answer: Answer| NotRecorded { why: format!("{answer:?}"), answer: Some(answer) };
        let closed = |_| NotRecorded { why: "the ledger is closed".to_owned(), answer: None };
        match self.intake.append(append, rows).await.map_err(closed)? {
            Answer::Done(done) => match done.items.first() {
                Some(ItemAnswer::Committed { index } | ItemAnswer::Seen { index }) => Ok(index.0),
                Some(ItemAnswer::Archived { .. }) | None => {
                    Err(NotRecorded { why: "no place was given".to_owned(), answer: None })
                }
            },
            other => Err(refused(other)),
        }
    }

    /// The append of records of the server's own.
    pub(crate) fn system_append(
        &self,
        tenant: &Tenant,
        records: &[SystemRecord<'_>],
        source: Source,
    ) -> (Append, Travelling) {
        let monotonic_ns = self.clock.monotonic_ns();
        system_append(&self.salts, tenant, records, (source, monotonic_ns))
    }

    /// The tenant's tree size.
    pub(crate) fn size(&self, tenant: &TenantId) -> u64 {
        self.reader.head(tenant).size.0
    }
}

/// A UUIDv7 of `now`.
pub(crate) fn draw_id(now: Timestamp) -> EventId {
    EventId::v7(now, keyring::random())
}

/// The append of records of the server's own, sealed like any other, with their rows.
pub(crate) fn system_append(
    salts: &Salts,
    tenant: &Tenant,
    records: &[SystemRecord<'_>],
    (source, monotonic_ns): (Source, u64),
) -> (Append, Travelling) {
    let reserved = salts.reserve(&tenant.id, records.len(), monotonic_ns);
    let slots = reserved.slots();
    let each = slots.iter().flat_map(|run| run.slots.clone().map(|slot| (run.block, slot)));
    let mut rows = RowsBuilder::new();
    let mut items = Vec::with_capacity(records.len());
    for (system, (block, slot)) in records.iter().zip(each) {
        let parts: canonical::Parts = system.parts();
        let mut payload = Vec::new();
        record::encode(&parts, block.id, slot, &mut payload);
        let root = tenant.sealer.root(&parts, block, slot);
        items.push(Item { kind: system.entry_kind(), root, payload, id: None });
        rows.push(&system.event, &system.stamps, Salt { block: block.id, slot });
    }
    let append = Append {
        tenant: tenant.id.clone(),
        source,
        items,
        packed: None,
        keys: tenant.blobs.iter().cloned().chain(reserved.blobs()).collect(),
        class: Class::System,
        looked_below: tlog::Index(0),
    };
    (append, Travelling { rows: rows.finish(), room: None })
}
