//! What the writer does between turns: checkpoints and snapshots; and at a stop packs, which else are
//! written beside it.
//!
//! ```text
//! checkpoint   once a second, for tenants that grew and have a signing key
//! snapshot     where a log file begins, after a minute of growth, and at stop
//! idle         streams that are silent go to files, and files are merged (`keep/idle.rs`)
//! ```
//!
//! Each is written under a temporary name, synced, renamed, its folder synced, and read back. A
//! full disk puts it off and is counted; any other failure poisons. It promises that nothing here
//! is needed for an acknowledgement, so that everything may be late.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::Ordering;

use event::ids::TenantId;
use tlog::TreeSize;

use crate::book::Counts;
use crate::checkpoint;
use crate::cursor::length_u64;
use crate::error::Error;
use crate::frame::Link;
use crate::ledger::Writer;
use crate::names::{self, STATE};
use crate::packing::write_packs;
use crate::request::Now;
use crate::snapshot::{Snapshot, TenantState};
use crate::view::Tenant;

pub(crate) use idle::Idling;
use idle::Went;

mod idle;

/// Time between two rounds of stored checkpoints.
const CHECKPOINT_EVERY_NS: u64 = 1_000_000_000;
/// Time after which growth is snapshotted.
const SNAPSHOT_EVERY_NS: u64 = 60 * 1_000_000_000;
/// Tenants whose checkpoints are stored in one round.
const CHECKPOINTS_A_ROUND: usize = 64;
/// Snapshots that stay on disk beside those at the beginnings of log files.
const SNAPSHOTS_KEPT: usize = 2;

/// What was kept last, and when.
#[derive(Debug, Default)]
pub(crate) struct Keeper {
    checkpoints_at: Option<u64>,
    stored: HashMap<TenantId, TreeSize>,
    snapshot_at: Option<u64>,
    snapshot_written: u64,
    /// Snapshots on disk, with the files of idle streams that each lists.
    snapshots: BTreeMap<u64, Vec<u64>>,
    /// States at the beginnings of log files, oldest first, to be written.
    boundaries: Vec<Snapshot>,
    pub(crate) idling: Idling,
    /// The first frame of each log file, and the file's length.
    pub(crate) files: BTreeMap<u64, u64>,
}

/// How much of what is due is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Round {
    /// A bounded share; the rest next time.
    Some,
    /// All of it.
    All,
}

impl Keeper {
    /// A keeper that finds these checkpoints, snapshots and log files on disk, and owes these
    /// snapshots.
    pub(crate) fn new(
        stored: HashMap<TenantId, TreeSize>,
        snapshots: BTreeMap<u64, Vec<u64>>,
        boundaries: Vec<Snapshot>,
        files: BTreeMap<u64, u64>,
    ) -> Self {
        let idling = Idling::new(snapshots.values().flatten().copied().collect());
        Self { stored, snapshots, boundaries, idling, files, ..Self::default() }
    }

    /// Whether the state before the first frame of this log file is durable.
    pub(crate) fn has_boundary(&self, first_seq: u64) -> bool {
        first_seq.checked_sub(1).is_some_and(|seq| self.snapshots.contains_key(&seq))
    }

    /// Whether the log could begin with the frame behind this one.
    fn is_boundary(&self, seq: u64) -> bool {
        self.files.contains_key(&(seq + 1))
    }
}

impl Writer {
    /// Does what is due between turns. Call it after turns, and at least once a second.
    ///
    /// # Errors
    /// `Poisoned`, `Disk`. A full disk is not one: the work is put off.
    pub fn keep(&mut self, now: Now) -> Result<(), Error> {
        self.check_open()?;
        let kept = self.keep_due(now);
        self.put_off_or_poison(kept)
    }

    /// Does everything, due or not: the last thing before a stop.
    pub(crate) fn keep_all(&mut self, now: Now) -> Result<(), Error> {
        let packed = write_packs(&self.book);
        self.put_off_or_poison(packed)?;
        let stored = self.store_checkpoints(now, Round::All);
        self.put_off_or_poison(stored)?;
        let given_up = self.give_up_merge();
        self.put_off_or_poison(given_up)?;
        let snapshotted = self.snapshot(now);
        self.put_off_or_poison(snapshotted)
    }

    fn keep_due(&mut self, now: Now) -> Result<(), Error> {
        let since = |then: Option<u64>| then.map(|then| now.monotonic_ns.saturating_sub(then));
        if since(self.keeper.checkpoints_at).is_none_or(|ns| ns >= CHECKPOINT_EVERY_NS) {
            self.store_checkpoints(now, Round::Some)?;
        }
        self.write_boundaries()?;
        self.keep_idle(now)?;
        let grown = self.wal.written() - self.keeper.snapshot_written;
        // The first minute begins with the first call.
        let aged = since(self.keeper.snapshot_at);
        if aged.is_none() {
            self.keeper.snapshot_at = Some(now.monotonic_ns);
        }
        let old = grown > 0 && aged.is_some_and(|ns| ns >= SNAPSHOT_EVERY_NS);
        if !old || self.let_old_go(now)? == Went::Some { Ok(()) } else { self.snapshot(now) }
    }

    /// A full disk puts off what was due; any other failure poisons.
    pub(crate) fn put_off_or_poison(&mut self, kept: Result<(), Error>) -> Result<(), Error> {
        match kept {
            Err(Error::Disk { source }) if source.is_full() => {
                Counts::add(&self.book.counts.keep_refused, 1);
                Ok(())
            }
            other => self.poison_on_error(other),
        }
    }

    fn store_checkpoints(&mut self, now: Now, round: Round) -> Result<(), Error> {
        let mut stored = 0;
        for tenant in self.book.all() {
            if round == Round::Some && stored >= CHECKPOINTS_A_ROUND {
                // The rest is due at once, not in a second.
                return Ok(());
            }
            stored += usize::from(self.store_checkpoint(&tenant)?);
        }
        self.keeper.checkpoints_at = Some(now.monotonic_ns);
        let counts = &self.book.counts;
        let records = counts.records.load(Ordering::Relaxed);
        Counts::set(&counts.checkpointed_records, records);
        Counts::set(&counts.checkpointed_at_ns, now.wall.0);
        Ok(())
    }

    fn store_checkpoint(&mut self, tenant: &Tenant) -> Result<bool, Error> {
        let size = tenant.view().head().size;
        let before = self.keeper.stored.get(&tenant.id).copied().unwrap_or_default();
        let has_key = tenant.signing().key.is_some();
        if size == before || !has_key {
            return Ok(false);
        }
        let signed = checkpoint::sign(&self.book.store, tenant)?;
        // INVARIANT (I4): the stored checkpoint only ever moves forward.
        assert!(signed.size >= before, "a stored checkpoint never goes back");
        checkpoint::store(&*self.book.disk, &tenant.id, &signed)?;
        self.keeper.stored.insert(tenant.id.clone(), signed.size);
        Ok(true)
    }

    fn snapshot(&mut self, now: Now) -> Result<(), Error> {
        let link = self.wal.link();
        let Some(seq) = link.seq.checked_sub(1) else { return Ok(()) };
        let state = self.state_before(link);
        if self.keeper.snapshots.get(&seq) == Some(&state.idle_numbers()) {
            return Ok(());
        }
        self.write_snapshot(now, &state)?;
        self.drop_old_snapshots()
    }

    /// Writes the state at hand, which replaces a snapshot of the same frame.
    fn write_snapshot(&mut self, now: Now, state: &Snapshot) -> Result<(), Error> {
        assert!(self.frame.is_empty(), "a snapshot is taken between frames");
        state.write(&*self.book.disk)?;
        self.keeper.snapshot_at = Some(now.monotonic_ns);
        self.keeper.snapshot_written = self.wal.written();
        self.keeper.snapshots.insert(state.seq, state.idle_numbers());
        Ok(())
    }

    /// The state before the frame of this link: what readers see now.
    fn state_before(&self, link: Link) -> Snapshot {
        let states = self.book.all().into_iter().map(|tenant| TenantState::of(&tenant));
        Snapshot {
            store: self.options.store.clone(),
            shard: self.options.shard,
            seq: link.seq.saturating_sub(1),
            hash: link.previous,
            idle: self.book.idle().listed(),
            tenants: states.filter(|state| state.size > 0).collect(),
        }
    }

    /// Keeps the state in which the frame of this link begins a log file, to be written in time.
    pub(crate) fn note_boundary(&mut self, link: Link) {
        if link.seq > 0 && !self.keeper.has_boundary(link.seq) {
            let state = self.state_before(link);
            self.keeper.boundaries.push(state);
        }
    }

    /// Writes the snapshots that log files begin with.
    pub(crate) fn write_boundaries(&mut self) -> Result<(), Error> {
        while let Some(state) = self.keeper.boundaries.first() {
            if self.keeper.is_boundary(state.seq) {
                state.write(&*self.book.disk)?;
                self.keeper.snapshots.insert(state.seq, state.idle_numbers());
            }
            self.keeper.boundaries.remove(0);
        }
        Ok(())
    }

    /// Removes the snapshots that no log file begins with, the newest apart, and files of idle
    /// streams that are listed no longer.
    pub(crate) fn drop_old_snapshots(&mut self) -> Result<(), Error> {
        let keeper = &mut self.keeper;
        let others = keeper.snapshots.keys().rev().filter(|seq| !keeper.is_boundary(**seq));
        let old: Vec<_> = others.skip(SNAPSHOTS_KEPT).copied().collect();
        for seq in &old {
            self.book.disk.remove(&names::snapshot(*seq))?;
            keeper.snapshots.remove(seq);
        }
        if !old.is_empty() {
            self.book.disk.sync_dir(STATE)?;
        }
        let most = keeper.files.len() + SNAPSHOTS_KEPT;
        assert!(keeper.snapshots.len() <= most, "snapshots are bounded");
        self.drop_unlisted_streams()
    }

    /// Takes note of a log file that was begun with frame `first_seq`.
    pub(crate) fn note_file(&mut self, first_seq: u64, bytes: u64) {
        self.keeper.files.insert(first_seq, bytes);
        self.count_files();
    }

    /// Shows how much log there is.
    pub(crate) fn count_files(&self) {
        let files = &self.keeper.files;
        Counts::set(&self.book.counts.wal_files, length_u64(files.len()));
        Counts::set(&self.book.counts.wal_bytes, files.values().sum());
    }
}

#[cfg(test)]
mod tests;
