//! Merging: neighbouring segments become one, beside everything else and behind it.
//!
//! Promises: one merge at a time, however many tenants there are, and never in the way of a flush. A merge gives way to
//! ingest and readers as long as few segments wait for one; when many do, it takes its share like everybody else, so that
//! a busy server does not put merging off for ever. Segments that could not be merged rest for longer each time, and their
//! neighbours are merged without them. Refuses to be hurried at a stop: the merge that was begun is finished.

use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use event::ids::TenantId;
use lake::archive::{Archive, Merge};
use lake::segment::Level;
use lake::{Hot, Segment};
use ledger::Reader;

use super::backoff::Backoff;
use super::{LOOK_EVERY, Parts, RETRY_AFTER_NS};
use crate::clock::Clock;
use crate::niceness;

/// How long segments that could not be merged are left alone at most: a damaged one stays damaged.
const REST_MAX_NS: u64 = 300 * 1_000_000_000;
/// Segments that may wait for a merge before merges no longer give way: some four million rows.
const PATIENT_MAX: usize = 32;

/// The running thread.
#[derive(Debug)]
pub(super) struct MergeThread {
    thread: JoinHandle<()>,
    leave: mpsc::SyncSender<()>,
}

impl MergeThread {
    /// Lets the thread finish the merge at hand and end.
    pub(super) fn stop(self) -> std::thread::Result<()> {
        drop(self.leave);
        self.thread.join()
    }
}

/// Starts the thread. A merged segment has at most so many rows and about so many bytes in memory.
pub(super) fn start(
    parts: &Parts,
    (rows_max, bytes_max): (u64, u64),
) -> std::io::Result<MergeThread> {
    let (leave, left) = mpsc::sync_channel(0);
    let merger = Merger {
        hot: Arc::clone(&parts.hot),
        reader: parts.reader.clone(),
        archive: Arc::clone(&parts.archive),
        clock: parts.clock,
        merge: Merge { rows_max, bytes_max, ..Merge::default() },
        segments: Backoff::new(RETRY_AFTER_NS, REST_MAX_NS),
        tenants: Backoff::new(RETRY_AFTER_NS, REST_MAX_NS),
    };
    let thread = std::thread::Builder::new().name("merge".to_owned());
    let thread = thread.spawn(move || merger.run(&left))?;
    Ok(MergeThread { thread, leave })
}

/// The thread's own state.
struct Merger {
    hot: Arc<Hot>,
    reader: Reader,
    archive: Arc<Archive>,
    clock: Clock,
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
    fn run(mut self, left: &mpsc::Receiver<()>) {
        let mut wait = LOOK_EVERY;
        while let Err(mpsc::RecvTimeoutError::Timeout) = left.recv_timeout(wait) {
            wait = match self.look() {
                Looked::Merged => Duration::ZERO,
                Looked::Idle => LOOK_EVERY,
            };
        }
    }

    /// Merges one group of each tenant's segments.
    fn look(&mut self) -> Looked {
        let now_ns = self.clock.monotonic_ns();
        let mut looked = Looked::Idle;
        for tenant in self.reader.tenants() {
            if self.tenants.rests(&tenant, now_ns) {
                continue;
            }
            match self.compact(&tenant, now_ns) {
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

    /// Merges one group of a tenant's segments, if there is one worth it. What could not be merged rests.
    fn compact(&mut self, tenant: &TenantId, now_ns: u64) -> Result<Looked, lake::Error> {
        let rests = |name: &str| self.segments.rests(name, now_ns);
        let view = self.hot.view(tenant);
        let inputs = self.archive.candidates(&view, &self.merge, &rests)?;
        let mut looked = Looked::Idle;
        if !inputs.is_empty() {
            let is_unsorted = |segment: &&Arc<Segment>| segment.about().level == Level::L0;
            let waiting = view.segments().iter().filter(is_unsorted).count();
            match self.merged(tenant, &inputs, waiting) {
                Ok(merged) => {
                    self.hot.compacted(tenant, merged);
                    inputs.iter().for_each(|input| self.segments.succeeded(input.name()));
                    looked = Looked::Merged;
                }
                Err(error) => {
                    tracing::warn!(%error, tenant = %tenant, "segments could not be merged yet");
                    for name in to_blame(&inputs, &error) {
                        self.segments.failed(name.to_owned(), now_ns);
                    }
                }
            }
        }
        drop((view, inputs));
        self.archive.sweep()?;
        Ok(looked)
    }

    /// One merge on a thread of its own: a thread that has given way once cannot take its share again.
    fn merged(
        &self,
        tenant: &TenantId,
        inputs: &[Arc<Segment>],
        waiting: usize,
    ) -> Result<Arc<Segment>, lake::Error> {
        let merge = || self.archive.compact(tenant, inputs, self.clock.wall());
        if waiting > PATIENT_MAX { merge() } else { niceness::giving_way("merging", merge) }
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
