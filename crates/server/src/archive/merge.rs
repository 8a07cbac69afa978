//! Merging: neighbouring segments become one, beside everything else and behind it.
//!
//! Promises: one merge at a time, however many tenants there are, and never in the way of a flush. A merge gives way to
//! ingest and readers as long as few segments wait for one; when many do, it takes its share like everybody else, so that
//! a busy server does not put merging off for ever. Its rows count as hot ones while they are in memory (I10). Segments
//! that could not be merged rest for longer each time, and their neighbours are merged without them. Refuses to be hurried
//! at a stop: the merge that was begun is finished.

use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use event::ids::TenantId;
use lake::archive::{Archive, Candidates, Merge};
use lake::segment::Level;
use lake::{Hot, Segment};
use ledger::Reader;
use tokio::sync::Notify;

use super::backoff::Backoff;
use super::pace::Pace;
use super::{LOOK_EVERY, Parts, RETRY_AFTER_NS};
use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::niceness;

/// How long segments that could not be merged are left alone at most: a damaged one stays damaged.
const REST_MAX_NS: u64 = 300 * 1_000_000_000;
/// Segments that may wait for a merge before merges no longer give way: some four million rows.
const PATIENT_MAX: usize = 32;

/// The running threads.
#[derive(Debug)]
pub(super) struct MergeThreads {
    threads: Vec<(JoinHandle<()>, mpsc::SyncSender<()>)>,
}

impl MergeThreads {
    /// Lets the threads finish the merge at hand and end.
    pub(super) fn stop(self) -> std::thread::Result<()> {
        let leave = |(thread, leave): (JoinHandle<()>, _)| {
            drop(leave);
            thread.join()
        };
        self.threads.into_iter().try_for_each(leave)
    }
}

/// Starts the threads. A merged segment has at most so many rows and about so many bytes in memory.
pub(super) fn start(
    parts: &Parts,
    (rows_max, bytes_max): (u64, u64),
    freed: Arc<Notify>,
) -> std::io::Result<MergeThreads> {
    let merger = Merger {
        hot: Arc::clone(&parts.hot),
        reader: parts.reader.clone(),
        archive: Arc::clone(&parts.archive),
        clock: parts.clock,
        metrics: Arc::clone(&parts.metrics),
        freed,
        merge: Merge { rows_max, bytes_max, ..Merge::default() },
        segments: Backoff::new(RETRY_AFTER_NS, REST_MAX_NS),
        tenants: Backoff::new(RETRY_AFTER_NS, REST_MAX_NS),
    };
    let merger = Arc::new(Mutex::new(merger));
    let thread = |pace: Pace| {
        let (leave, left) = mpsc::sync_channel(0);
        let (merger, name) = (Arc::clone(&merger), thread_name(pace).to_owned());
        let thread = std::thread::Builder::new().name(name);
        Ok((thread.spawn(move || run(&merger, pace, &left))?, leave))
    };
    let threads = [Pace::Patient, Pace::Pressed].into_iter().map(thread);
    Ok(MergeThreads { threads: threads.collect::<std::io::Result<_>>()? })
}

/// The name of the thread of a pace. There is one for each: a thread that has given way once cannot take its share again.
fn thread_name(pace: Pace) -> &'static str {
    match pace {
        Pace::Patient => "merge",
        Pace::Pressed => "merge-pressed",
    }
}

/// The pace at which so many segments are merged that wait for it.
fn pace_of(waiting: usize) -> Pace {
    if waiting > PATIENT_MAX { Pace::Pressed } else { Pace::Patient }
}

fn run(merger: &Mutex<Merger>, pace: Pace, left: &mpsc::Receiver<()>) {
    if pace == Pace::Patient {
        niceness::give_way();
    }
    let mut wait = LOOK_EVERY;
    while let Err(mpsc::RecvTimeoutError::Timeout) = left.recv_timeout(wait) {
        // One merge at a time. A panic in one was said, and left nothing that the next could not begin with.
        let looked = merger.lock().unwrap_or_else(PoisonError::into_inner).look(pace);
        wait = match looked {
            Looked::Merged => Duration::ZERO,
            Looked::Idle => LOOK_EVERY,
        };
    }
}

/// What the threads share, one at a time.
struct Merger {
    hot: Arc<Hot>,
    reader: Reader,
    archive: Arc<Archive>,
    clock: Clock,
    metrics: Arc<Metrics>,
    /// Told when the rows of a merge have left memory.
    freed: Arc<Notify>,
    merge: Merge,
    /// Segments, by name, that could not be merged.
    segments: Backoff<String>,
    /// Tenants whose segments could not be weighed or swept.
    tenants: Backoff<TenantId>,
}

/// What a look at a tenant came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Looked {
    /// A group was merged, and there may be another.
    Merged,
    /// There was nothing to do, or it is not to be tried again at once.
    Idle,
}

impl Merger {
    /// Merges one group of each tenant's segments.
    fn look(&mut self, pace: Pace) -> Looked {
        let now_ns = self.clock.monotonic_ns();
        let mut looked = Looked::Idle;
        for tenant in self.reader.tenants() {
            if self.tenants.rests(&tenant, now_ns) {
                continue;
            }
            match self.compact(&tenant, pace, now_ns) {
                Ok(Looked::Idle) => self.tenants.succeeded(&tenant),
                Ok(Looked::Merged) => {
                    self.tenants.succeeded(&tenant);
                    looked = Looked::Merged;
                }
                Err(error) => {
                    tracing::warn!(%error, tenant = %tenant, "segments could not be tidied yet");
                    self.tenants.failed(tenant, now_ns);
                }
            }
        }
        looked
    }

    /// Merges one group of a tenant's segments, if there is one worth it at this pace. What could not be merged rests.
    fn compact(
        &mut self,
        tenant: &TenantId,
        pace: Pace,
        now_ns: u64,
    ) -> Result<Looked, lake::Error> {
        let view = self.hot.view(tenant);
        let is_unsorted = |segment: &&Arc<Segment>| segment.about().level == Level::L0;
        if pace_of(view.segments().iter().filter(is_unsorted).count()) != pace {
            // The other thread's: it looks as often.
            return Ok(Looked::Idle);
        }
        let rests = |name: &str| self.segments.rests(name, now_ns);
        let Candidates { segments: inputs, bytes } =
            self.archive.candidates(&view, &self.merge, &rests)?;
        // INVARIANT (I10): a merge takes its time, and a view that is held keeps hot rows that were archived long ago.
        drop(view);
        let mut looked = Looked::Idle;
        // INVARIANT (I10): its rows are in memory as hot ones are, and count as such. Without room it waits.
        let room = self.hot.reserve(bytes.min(self.hot.bytes_max() / 2));
        if let (false, Ok(room)) = (inputs.is_empty(), room) {
            match self.archive.compact(tenant, &inputs, self.clock.wall()) {
                Ok(merged) => {
                    self.hot.compacted(tenant, merged);
                    inputs.iter().for_each(|input| self.segments.succeeded(input.name()));
                    looked = Looked::Merged;
                }
                Err(error) => {
                    if error.is_damage() {
                        self.metrics.damaged();
                    }
                    tracing::warn!(%error, tenant = %tenant, "segments could not be merged yet");
                    for name in to_blame(&inputs, &error) {
                        self.segments.failed(name.to_owned(), now_ns);
                    }
                }
            }
            drop(room);
            self.freed.notify_waiters();
        }
        drop(inputs);
        self.archive.sweep()?;
        Ok(looked)
    }
}

/// The segments on account of which a merge failed: the one that the error names, else all.
fn to_blame<'a>(inputs: &'a [Arc<Segment>], error: &lake::Error) -> Vec<&'a str> {
    let names = || inputs.iter().map(|input| input.name());
    let named = match error {
        lake::Error::Segment { path, .. } => names().find(|name| name == path),
        _ => None,
    };
    named.map_or_else(|| names().collect(), |name| vec![name])
}

#[cfg(test)]
mod tests;
