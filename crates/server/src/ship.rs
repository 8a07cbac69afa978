//! Ship: committed rows become queryable, in index order, beside the acknowledgement.
//!
//! Promises: rows of one tenant arrive in the order in which the ledger gave them their indices; at start the whole tail
//! is loaded from the ledger through the same conversion, so that recovery is the normal path. Refuses to hold back the
//! ledger for long: its queue is bounded, and what it does is a copy of columns. Under load it gathers rows for a moment,
//! since a change of the view costs the same for one row as for hundreds; a query that waits for rows ends the moment.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::{JoinHandle, Thread};
use std::time::Duration;

use event::canonical::System;
use event::event::Event;
use event::ids::{TenantId, Timestamp};
use event::record::Record;
use event::system::SystemKind;
use lake::rows::{RowsBuilder, Salt};
use lake::{Hot, Placed, Room};
use ledger::{Lost, Reader, Section};
use tlog::Index;
use tokio::sync::Notify;

/// Shipments that wait; a full queue makes the ledger thread wait.
const QUEUE: usize = 4096;
/// Shipments that are joined into one change of a tenant's view.
const JOINED: usize = 256;
/// Time between two changes of views, unless somebody waits for rows.
const GATHER: Duration = Duration::from_millis(2);
/// Records whose rows are made side by side at a start.
const LOADED_AT_ONCE: u64 = 16 * 1024;
/// Threads that make them.
const LOADERS_MAX: usize = 8;
/// How long a query waits for rows that were acknowledged before it.
const READ_YOUR_WRITES: Duration = Duration::from_millis(250);

/// Rows on their way.
#[derive(Debug)]
pub(crate) struct Shipment {
    /// Whose.
    pub(crate) tenant: TenantId,
    /// The rows with index and time of receipt.
    pub(crate) placed: Placed,
    /// When the ledger took them.
    pub(crate) received_at: Timestamp,
    /// What was set aside for them.
    pub(crate) room: Option<Room>,
}

/// The way to the ship thread.
#[derive(Debug, Clone)]
pub(crate) struct Shipper {
    queue: mpsc::SyncSender<Shipment>,
}

impl Shipper {
    /// Hands rows over. A thread that is gone is one that failed, which it has logged: queries then say so by their
    /// coverage, and the next start loads everything.
    pub(crate) fn send(&self, shipment: Shipment) {
        let _gone = self.queue.send(shipment);
    }
}

/// The hot rows, and the news that there are more.
#[derive(Debug, Clone)]
pub(crate) struct Shipped {
    /// The rows.
    pub(crate) hot: Arc<Hot>,
    arrived: Arc<Notify>,
    /// When the rows that are being made queryable were received; 0 if none are.
    under_way: Arc<AtomicU64>,
    thread: Thread,
}

impl Shipped {
    /// Ends the moment for which rows are gathered: somebody waits for them.
    fn hurry(&self) {
        self.thread.unpark();
    }

    /// Age, at `now_ns`, of the committed rows that are being made queryable; 0 if none are.
    pub(crate) fn lag_ns(&self, now_ns: u64) -> u64 {
        match self.under_way.load(Ordering::Relaxed) {
            0 => 0,
            since_ns => now_ns.saturating_sub(since_ns),
        }
    }

    /// A tenant's rows once they cover `size` records, or after a moment what there is: the coverage says it.
    pub(crate) async fn view(&self, tenant: &TenantId, size: u64) -> Arc<lake::View> {
        let covered = async {
            loop {
                let arrived = self.arrived.notified();
                let view = self.hot.view(tenant);
                if view.to() >= size {
                    return view;
                }
                self.hurry();
                arrived.await;
            }
        };
        let waited = tokio::time::timeout(READ_YOUR_WRITES, covered).await;
        waited.unwrap_or_else(|_| self.hot.view(tenant))
    }

    /// A tenant's rows once there is one at `index`, however long that takes.
    pub(crate) async fn beyond(&self, tenant: &TenantId, index: u64) -> Arc<lake::View> {
        loop {
            let arrived = self.arrived.notified();
            let view = self.hot.view(tenant);
            if view.to() > index {
                return view;
            }
            self.hurry();
            arrived.await;
        }
    }
}

/// Starts the ship thread over `hot`. It ends when every [`Shipper`] is gone.
pub(crate) fn start(hot: Arc<Hot>) -> std::io::Result<(Shipper, Shipped, JoinHandle<()>)> {
    let (queue, shipments) = mpsc::sync_channel(QUEUE);
    let arrived = Arc::new(Notify::new());
    let under_way = Arc::new(AtomicU64::new(0));
    let work = {
        let (hot, arrived) = (Arc::clone(&hot), Arc::clone(&arrived));
        let under_way = Arc::clone(&under_way);
        move || run(&shipments, &hot, (&arrived, &under_way))
    };
    let thread = std::thread::Builder::new().name("ship".to_owned()).spawn(work)?;
    let shipped = Shipped { hot, arrived, under_way, thread: thread.thread().clone() };
    Ok((Shipper { queue }, shipped, thread))
}

fn run(
    shipments: &mpsc::Receiver<Shipment>,
    hot: &Hot,
    (arrived, under_way): (&Notify, &AtomicU64),
) {
    while let Ok(first) = shipments.recv() {
        let mut next = Some(first);
        while let Some(shipment) = next.take() {
            let tenant = shipment.tenant;
            under_way.store(shipment.received_at.0, Ordering::Relaxed);
            let (mut placed, mut rooms) = (vec![shipment.placed], Vec::from_iter(shipment.room));
            // Neighbours of one tenant become one change of its view.
            while placed.len() < JOINED {
                match shipments.try_recv() {
                    Ok(same) if same.tenant == tenant => {
                        placed.push(same.placed);
                        rooms.extend(same.room);
                    }
                    Ok(other) => {
                        next = Some(other);
                        break;
                    }
                    Err(_) => break,
                }
            }
            if let Err(error) = hot.append(&tenant, placed, rooms) {
                tracing::error!(%error, tenant = %tenant, "rows could not be made queryable");
            }
            arrived.notify_waiters();
            under_way.store(0, Ordering::Relaxed);
        }
        // What comes meanwhile is joined. After a pause there is nothing to gather, and a first row is shown at once.
        std::thread::park_timeout(GATHER);
    }
}

/// A range of records that a loss record speaks of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LostRange {
    tenant: TenantId,
    first: u64,
    last: u64,
}

impl LostRange {
    /// Whether `lost` lies within it.
    pub(crate) fn covers(&self, lost: &Lost) -> bool {
        let records = &lost.records;
        records.tenant == self.tenant
            && self.first <= records.first.0
            && records.end.0 <= self.last + 1
    }

    /// The range that a record speaks of, if it is a loss record.
    fn of(tenant: &TenantId, event: &Event<'_>) -> Option<LostRange> {
        let kind = event.schema.as_deref().and_then(SystemKind::of_schema)?;
        let number = |name: &str| {
            let found = event.attrs.iter().find(|(key, _)| key == name);
            found.and_then(|(_, value)| value.as_u64())
        };
        let (first, last) = (number("from")?, number("to")?);
        (kind == SystemKind::Loss).then(|| LostRange { tenant: tenant.clone(), first, last })
    }
}

/// Loads the records of a tenant that are in no segment into the hot rows. Ranges whose payload is damaged become holes. Returns the losses that
/// records speak of.
///
/// # Errors
/// When the ledger cannot be read, or a record that is not damaged makes no row.
pub(crate) fn load(
    reader: &Reader,
    hot: &Hot,
    tenant: &TenantId,
    progress: &dyn Fn(u64),
) -> Result<Vec<LostRange>, LoadError> {
    let mut losses = Vec::new();
    let (mut waiting, mut records) = (Vec::new(), 0);
    let from = hot.view(tenant).watermark();
    for section in reader.scan(tenant, Index(from)) {
        match section {
            Ok(section) => {
                records += section.end().0 - section.first().0;
                waiting.push(section);
            }
            Err(ledger::Error::Lost { lost }) => {
                losses.extend(take_over(hot, tenant, &std::mem::take(&mut waiting), from)?);
                hot.skip(tenant, lost.records.end.0);
            }
            Err(source) => return Err(LoadError::Ledger { source }),
        }
        if records >= LOADED_AT_ONCE {
            progress(waiting.last().map_or(0, |section| section.end().0));
            losses.extend(take_over(hot, tenant, &std::mem::take(&mut waiting), from)?);
            records = 0;
        }
    }
    losses.extend(take_over(hot, tenant, &waiting, from)?);
    Ok(losses)
}

/// Makes the rows of sections side by side, and adds them in order with one change of the view: a restart has to read
/// hundreds of thousands of records in seconds. Records below `from` are in a segment already: the first section may begin
/// before it, since a segment ends where its rows are enough, not where a section does.
fn take_over(
    hot: &Hot,
    tenant: &TenantId,
    sections: &[Arc<Section>],
    from: u64,
) -> Result<Vec<LostRange>, LoadError> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(LOADERS_MAX);
    let share = sections.len().div_ceil(threads).max(1);
    let made: Result<Vec<_>, LoadError> = std::thread::scope(|scope| {
        let make = |part: &[Arc<Section>]| -> Result<Vec<_>, LoadError> {
            part.iter().map(|section| rows_of(tenant, section, from)).collect()
        };
        let parts = sections.chunks(share);
        let started: Vec<_> = parts.map(|part| scope.spawn(move || make(part))).collect();
        let joined = started.into_iter().map(|thread| {
            // A panic in there is this thread's own: it goes on here.
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        joined.collect::<Result<Vec<_>, _>>().map(|parts| parts.into_iter().flatten().collect())
    });
    let (placed, losses): (Vec<_>, Vec<_>) = made?.into_iter().unzip();
    if !placed.is_empty() {
        let appended = hot.append(tenant, placed, Vec::new());
        appended.map_err(|source| LoadError::Lake { source })?;
    }
    Ok(losses.into_iter().flatten().collect())
}

/// The rows of one section from `from` on, and the losses that its records speak of.
fn rows_of(
    tenant: &TenantId,
    section: &Section,
    from: u64,
) -> Result<(Placed, Vec<LostRange>), LoadError> {
    let (mut builder, mut losses) = (RowsBuilder::new(), Vec::new());
    for (index, _, payload) in section.records() {
        let damaged = |what: String| LoadError::Record { tenant: tenant.clone(), index, what };
        let record = Record::decode(payload).map_err(|error| damaged(error.to_string()))?;
        let read = record.event().and_then(|event| Ok((event, record.stamps()?)));
        let (event, stamps) = read.map_err(|error| damaged(error.to_string()))?;
        if index.0 >= from {
            builder.push(&event, &stamps, Salt { block: record.block_id, slot: record.slot });
        }
        if stamps.system == System::Yes {
            losses.extend(LostRange::of(tenant, &event));
        }
    }
    let first = section.first().0.max(from);
    Ok((builder.finish().place(first, section.received_at()), losses))
}

/// Why the tail could not be loaded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    /// The ledger could not be read.
    #[error("the ledger cannot be read back: {source}")]
    Ledger {
        /// Why.
        source: ledger::Error,
    },
    /// A record is not what this binary writes.
    #[error("record {index} of tenant `{tenant}` is damaged: {what}")]
    Record {
        /// Whose.
        tenant: TenantId,
        /// Which one.
        index: Index,
        /// What is wrong with it.
        what: String,
    },
    /// The rows could not be taken in.
    #[error("the hot rows could not be filled")]
    Lake {
        /// Why.
        source: lake::Error,
    },
}
