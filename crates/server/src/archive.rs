//! Archive: hot rows become segments, and the log is trimmed behind them.
//!
//! ```text
//! look      which tenant has rows enough, rows old enough, or holds back the log
//! flush     packs cover the end -> segment, read again and compared -> catalog -> view swapped
//! behind    the ledger is told the watermark -> snapshot -> old log files go
//! ```
//!
//! A flush is done in steps, and as long as the hot rows leave room each of them gives way to ingest and readers: rows come
//! in bursts, and an archive that took its share at once would be felt in every acknowledgement.
//!
//! Promises: INVARIANT (I6): nothing leaves the log before it is in a segment that was compared with it. A flush that
//! fails is tried again a second later; until then nothing is trimmed and the hot budget holds intake back. Segments are
//! merged beside it ([`merge`]), so that a flush never waits for a merge. Refuses to run anywhere but on its own thread: it
//! waits for the disk.

mod backoff; // what failed is left alone for a while
mod merge; // segments to fewer, sorted ones
mod pace; // whether a step gives way

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use arrow::array::AsArray;
use arrow::datatypes::TimestampNanosecondType;
use event::ids::{TenantId, Timestamp};
use lake::Hot;
use lake::rows::RECEIVED_AT;
use ledger::{Reader, key_kind};
use tlog::Index;
use tokio::sync::{Notify, oneshot};

use self::backoff::Backoff;
use self::pace::Pace;
use crate::clock::Clock;
use crate::config::Live;
use crate::intake::Intake;
use crate::metrics::Metrics;
use crate::run::Reason;

/// Time between two looks when nobody asks for one.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Orders that wait.
const QUEUE: usize = 64;
/// Rows of a tenant that a stop still archives; fewer are in the log and quick to load.
const STOP_ROWS_MIN: u64 = 1_000;
/// How long what failed is left alone.
const RETRY_AFTER_NS: u64 = 1_000_000_000;

/// What a flush did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Flushed {
    /// Segments made.
    pub(crate) segments: u64,
    /// Rows in them.
    pub(crate) rows: u64,
    /// Everything below this index is archived.
    pub(crate) watermark: u64,
}

/// What the thread is asked.
enum Order {
    /// There may be something to do.
    Look,
    /// Archive all of a tenant's rows.
    Flush(TenantId, oneshot::Sender<Result<Flushed, FlushError>>),
    /// Archive what a stop archives, and end.
    Stop,
    /// End.
    Leave,
}

/// Why rows were not archived. They stay hot and in the log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FlushError {
    /// The lake could not take them.
    #[error(transparent)]
    Lake(#[from] lake::Error),
    /// The ledger could not give them, or not cover them with packs.
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
    /// As many flushes wait as are kept track of.
    #[error("too many flushes wait")]
    Busy,
    /// The server is stopping.
    #[error("the server is stopping")]
    Stopping,
}

/// The way to the thread.
#[derive(Debug, Clone)]
pub(crate) struct Archivist {
    orders: mpsc::SyncSender<Order>,
    /// Whether a look is on its way: one is enough, and many would leave no place for a flush that somebody waits for.
    is_called: Arc<AtomicBool>,
    freed: Arc<Notify>,
}

impl Archivist {
    /// Says that there may be something to do.
    pub(crate) fn look(&self) {
        if !self.is_called.swap(true, Ordering::AcqRel) {
            // A full queue is reason enough not to: the thread is awake.
            let _awake = self.orders.try_send(Order::Look);
        }
    }

    /// Archives all of a tenant's rows.
    pub(crate) async fn flush(&self, tenant: &TenantId) -> Result<Flushed, FlushError> {
        let (give, given) = oneshot::channel();
        let order = Order::Flush(tenant.clone(), give);
        self.orders.try_send(order).map_err(|error| match error {
            mpsc::TrySendError::Full(_) => FlushError::Busy,
            mpsc::TrySendError::Disconnected(_) => FlushError::Stopping,
        })?;
        given.await.map_err(|_| FlushError::Stopping)?
    }

    /// Wakes when rows have left the hot tail.
    pub(crate) fn freed(&self) -> &Notify {
        &self.freed
    }
}

/// The running thread.
#[derive(Debug)]
pub(crate) struct ArchiveThread {
    thread: JoinHandle<()>,
    orders: mpsc::SyncSender<Order>,
    merging: merge::MergeThreads,
    archive: Arc<lake::archive::Archive>,
}

impl ArchiveThread {
    /// Lets the thread archive what a stop archives, unless the disk failed, and gives the archive back.
    pub(crate) fn stop(self, reason: Reason) -> Option<lake::archive::Archive> {
        let order = match reason {
            Reason::Signal => Order::Stop,
            Reason::DiskFault => Order::Leave,
        };
        let _taken = self.orders.send(order);
        // A panic in there has said itself; the rows are in the log.
        let archived = self.thread.join();
        let merged = self.merging.stop();
        archived.and(merged).ok()?;
        Arc::into_inner(self.archive)
    }
}

/// What the stage works on.
pub(crate) struct Parts {
    /// The rows.
    pub(crate) hot: Arc<Hot>,
    /// The ledger beside its writer.
    pub(crate) reader: Reader,
    /// The way to its writer.
    pub(crate) intake: Intake,
    /// The segments.
    pub(crate) archive: Arc<lake::archive::Archive>,
    /// The time.
    pub(crate) clock: Clock,
    /// Where damage is counted.
    pub(crate) metrics: Arc<Metrics>,
}

/// Starts the thread.
pub(crate) fn start(parts: Parts, live: &Arc<Live>) -> std::io::Result<(Archivist, ArchiveThread)> {
    let (orders, queue) = mpsc::sync_channel(QUEUE);
    let freed = Arc::new(Notify::new());
    let archive = Arc::clone(&parts.archive);
    let config = live.now();
    let most = (config.flush_rows_max, config.flush_bytes_max);
    let merging = merge::start(&parts, most, Arc::clone(&freed))?;
    let flushes = Backoff::new(RETRY_AFTER_NS, RETRY_AFTER_NS);
    let packs = Backoff::new(RETRY_AFTER_NS, RETRY_AFTER_NS);
    let is_called = Arc::new(AtomicBool::new(false));
    let stage = Stage {
        parts,
        live: Arc::clone(live),
        freed: Arc::clone(&freed),
        is_called: Arc::clone(&is_called),
        flushes,
        packs,
    };
    let thread = std::thread::Builder::new();
    let thread = thread.name("archive".to_owned()).spawn(move || stage.run(&queue))?;
    let running = ArchiveThread { thread, orders: orders.clone(), merging, archive };
    Ok((Archivist { orders, is_called, freed }, running))
}

/// The thread's own state.
struct Stage {
    parts: Parts,
    /// When rows are archived.
    live: Arc<Live>,
    freed: Arc<Notify>,
    is_called: Arc<AtomicBool>,
    /// Tenants whose last flush failed.
    flushes: Backoff<TenantId>,
    /// Whether the last round of packs failed.
    packs: Backoff<()>,
}

impl Stage {
    fn run(mut self, queue: &mpsc::Receiver<Order>) {
        let look_every_ns = u64::try_from(LOOK_EVERY.as_nanos()).unwrap_or(u64::MAX);
        let mut looked_ns = 0;
        loop {
            match queue.recv_timeout(LOOK_EVERY) {
                Ok(Order::Look) | Err(mpsc::RecvTimeoutError::Timeout) => {}
                Ok(Order::Flush(tenant, asker)) => {
                    // Who asked may have gone away; what was archived stays.
                    let _received = asker.send(self.flush_all(&tenant, (1, Pace::Pressed)));
                    // One who asks all the time must not keep other tenants' rows and the log waiting.
                    let since_ns = self.parts.clock.monotonic_ns().saturating_sub(looked_ns);
                    if since_ns < look_every_ns {
                        continue;
                    }
                }
                Ok(Order::Stop) => {
                    for tenant in self.parts.reader.tenants() {
                        if let Err(error) = self.flush_all(&tenant, (STOP_ROWS_MIN, Pace::Pressed))
                        {
                            tracing::warn!(%error, tenant = %tenant, "rows stay in the log over the stop");
                        }
                    }
                    break;
                }
                Ok(Order::Leave) | Err(mpsc::RecvTimeoutError::Disconnected) => break,
            }
            // Before the look: what comes meanwhile is for the next one.
            self.is_called.store(false, Ordering::Release);
            self.look();
            looked_ns = self.parts.clock.monotonic_ns();
        }
    }

    /// Writes the packs that are full, and archives what is due of every tenant.
    fn look(&mut self) {
        let now_ns = self.parts.clock.monotonic_ns();
        if !self.packs.rests(&(), now_ns) {
            let mut kept = Ok(());
            self.step(Pace::Patient, &mut || kept = self.parts.reader.keep_packs());
            match kept {
                Ok(()) => self.packs.succeeded(&()),
                Err(error) => {
                    tracing::warn!(%error, "packs could not be written yet");
                    self.packs.failed((), now_ns);
                }
            }
        }
        for tenant in self.parts.reader.tenants() {
            while !self.flushes.rests(&tenant, now_ns) && self.is_due(&tenant) {
                if let Err(error) = self.flush(&tenant, Pace::Patient) {
                    self.count(&error);
                    tracing::warn!(%error, tenant = %tenant, "rows could not be archived yet");
                    self.flushes.failed(tenant.clone(), now_ns);
                }
            }
        }
    }

    /// Counts a failure that is damage.
    fn count(&self, error: &FlushError) {
        let is_damage = match error {
            FlushError::Lake(error) => error.is_damage(),
            FlushError::Ledger(error) => error.is_damage(),
            FlushError::Busy | FlushError::Stopping => false,
        };
        if is_damage {
            self.parts.metrics.damaged();
        }
    }

    /// Whether a tenant's rows are many enough, old enough, or hold back the log.
    fn is_due(&self, tenant: &TenantId) -> bool {
        let view = self.parts.hot.view(tenant);
        let rows = view.hot_rows();
        if rows == 0 {
            return false;
        }
        let config = self.live.now();
        let age_ms = oldest(&view).map_or(0, |oldest| self.age_ms(oldest));
        let is_full = rows >= config.flush_rows_max || view.hot_bytes() >= config.flush_bytes_max;
        let is_old = age_ms >= config.flush_after_ms && rows >= config.flush_rows_min;
        let is_very_old = age_ms >= config.flush_small_after_ms;
        // Without this the last few rows of a quiet tenant would keep every log file.
        let reader = &self.parts.reader;
        let is_in_the_way = reader.stats().wal_bytes > config.wal_bytes_max
            && reader.holding_back().contains(tenant);
        is_full || is_old || is_very_old || is_in_the_way
    }

    fn age_ms(&self, oldest: Timestamp) -> u64 {
        self.parts.clock.wall().0.saturating_sub(oldest.0) / 1_000_000
    }

    /// Archives everything that a tenant has, as long as it is at least `rows_min` rows.
    fn flush_all(
        &mut self,
        tenant: &TenantId,
        (rows_min, pace): (u64, Pace),
    ) -> Result<Flushed, FlushError> {
        let mut flushed = Flushed::default();
        let end = self.parts.hot.view(tenant).to();
        loop {
            let view = self.parts.hot.view(tenant);
            flushed.watermark = view.watermark();
            if view.watermark() >= end || view.hot_rows() < rows_min {
                return Ok(flushed);
            }
            let rows = self.flush(tenant, pace)?;
            flushed.segments += u64::from(rows > 0);
            flushed.rows += rows;
        }
    }

    /// Archives the rows next to the watermark as one segment, or a lost range there; returns how many rows.
    fn flush(&self, tenant: &TenantId, pace: Pace) -> Result<u64, FlushError> {
        let Parts { hot, archive, .. } = &self.parts;
        let view = hot.view(tenant);
        let now = self.parts.clock.wall();
        if let Some(hole) = view.hole_at_watermark() {
            self.cover(tenant, hole.end)?;
            archive.lost(tenant, &hole, now)?;
            hot.archive_hole(tenant, &hole);
            self.behind()?;
            return Ok(0);
        }
        let config = self.live.now();
        let (rows_max, bytes_max) = (config.flush_rows_max, config.flush_bytes_max);
        let rows_max = usize::try_from(rows_max).unwrap_or(usize::MAX);
        let mut prefix = Ok(None);
        self.step(pace, &mut || prefix = view.prefix(rows_max, bytes_max));
        let Some(prefix) = prefix? else { return Ok(0) };
        // INVARIANT (I10): a view that is held keeps chunks that were merged into others meanwhile.
        drop(view);
        let indices = prefix.indices.clone();
        let mut covered = Ok(());
        self.step(pace, &mut || covered = self.cover(tenant, indices.end));
        covered?;
        let truth = Truth { reader: &self.parts.reader, tenant };
        let secrets = |block| secret(&self.parts.reader, tenant, block);
        let flush = lake::archive::Flush {
            batch: &prefix.batch,
            now,
            secrets: &secrets,
            truth: &|index, out| truth.payload(index, out),
            steps: &|work| self.step(pace, work),
        };
        let segment = archive.flush(tenant, &flush)?;
        hot.archive(tenant, segment)?;
        self.freed.notify_waiters();
        self.behind()?;
        Ok(indices.end - indices.start)
    }

    /// Does a step at its pace, which hot rows that run out of room may press.
    fn step(&self, pace: Pace, work: &mut (dyn FnMut() + Send)) {
        let hot = &self.parts.hot;
        pace.at(hot.used(), hot.bytes_max()).step(work);
    }

    /// Packs cover everything below `end` before it can leave the log.
    fn cover(&self, tenant: &TenantId, end: u64) -> Result<(), FlushError> {
        Ok(self.parts.reader.pack_to(tenant, Index(end))?)
    }

    /// Tells the ledger what is archived of every tenant, and lets it trim: a tenant that is not named again would hold its
    /// log files back.
    fn behind(&self) -> Result<(), FlushError> {
        let archived = watermarks(&self.parts);
        let trimmed = self.parts.intake.between_turns(move |writer, now| {
            for (tenant, watermark) in &archived {
                writer.set_archived(tenant, *watermark)?;
            }
            writer.trim(now)
        });
        trimmed.map_err(|_| FlushError::Stopping)??;
        Ok(())
    }
}

/// When the oldest hot row was received.
fn oldest(view: &lake::View) -> Option<Timestamp> {
    let first = view.hot_chunks().first()?.batch();
    let received = first.column_by_name(RECEIVED_AT)?;
    let received = received.as_primitive_opt::<TimestampNanosecondType>()?;
    u64::try_from(received.values().first().copied()?).ok().map(Timestamp)
}

/// What is archived of each tenant.
fn watermarks(parts: &Parts) -> Vec<(TenantId, Index)> {
    let all = parts.reader.tenants().into_iter();
    all.map(|tenant| {
        let watermark = parts.hot.view(&tenant).watermark();
        (tenant, Index(watermark))
    })
    .collect()
}

/// The ledger's own bytes of records, which a segment is compared with.
struct Truth<'a> {
    reader: &'a Reader,
    tenant: &'a TenantId,
}

impl Truth<'_> {
    /// Appends the payload of a record.
    fn payload(
        &self,
        index: u64,
        out: &mut Vec<u8>,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let section = self.reader.section(self.tenant, Index(index))?;
        let found = section.as_deref().and_then(|section| section.record(Index(index)));
        let (_, payload) = found.ok_or("the ledger has no such record")?;
        out.extend_from_slice(payload);
        Ok(())
    }
}

/// The secret of a salt block that came with a tenant's records.
fn secret(reader: &Reader, tenant: &TenantId, block: u64) -> Option<[u8; 32]> {
    reader.key(tenant, key_kind::SALT_BLOCK, block).and_then(|bytes| (*bytes).try_into().ok())
}

#[cfg(test)]
mod tests;
