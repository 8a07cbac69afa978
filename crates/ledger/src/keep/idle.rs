//! Letting streams go idle, merging their files, and removing files that nothing names any more.
//!
//! ```text
//! choose    no record of it in the log; memory is nearly full, or silent for 30 days
//! write     a file of them, durable and read back
//! name      a snapshot that lists the file and leaves the streams out, durable
//! forget    the file counts, then the streams leave memory
//! merge     four files of a level become one; that one counts
//! remove    files that neither a snapshot nor the state at hand lists
//! ```
//!
//! INVARIANT (I12): a stream leaves memory only once a durable snapshot names the durable file that
//! has it, so that a crash between any two steps finds it in one of the two. INVARIANT (I5): its
//! next number is the same in both. It promises bounded work a call. It refuses to remove a file
//! that any snapshot lists, since a start may go on from any of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use event::ids::{TenantId, Timestamp};

use crate::book::Counts;
use crate::cursor::length_u64;
use crate::error::Error;
use crate::idle::{Closed, FileWriter, IdleStream, Merge, STREAMS_A_STEP, Step, give_up};
use crate::ledger::Writer;
use crate::names::{self, STATE};
use crate::request::{Now, StreamId};
use crate::snapshot::Snapshot;

/// Silence after which a stream need not be in memory.
const SILENT_NS: u64 = 30 * DAY_NS;
/// Time that such a stream waits at most for others, so that a file holds more than one.
const PATIENCE_NS: u64 = DAY_NS;
const DAY_NS: u64 = 24 * 3600 * 1_000_000_000;
/// Memory is nearly full when less than this part of it is free; as many go at once.
const SHARE: usize = 8;
/// Fewer than this part of a share wait for others, as long as memory is not full.
const FEW: usize = 8;
/// Time after which what a full disk put off is tried again.
const AGAIN_NS: u64 = 60 * 1_000_000_000;

/// Whether streams went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Went {
    /// Some did, and a snapshot was written.
    Some,
    /// None did.
    None,
}

/// What the writer knows of idle streams beside the files that count.
#[derive(Debug, Default)]
pub(crate) struct Idling {
    /// The next file's number.
    next: u64,
    /// Files on disk.
    files: BTreeSet<u64>,
    /// Streams in memory that could go when it was looked at last; unknown once records left the
    /// log since.
    can_go: Option<usize>,
    /// Nothing is tried before, on the monotonic clock.
    not_before: u64,
    merge: Option<Box<Merge>>,
}

impl Idling {
    /// What a start finds on disk.
    pub(crate) fn new(files: BTreeSet<u64>) -> Self {
        Self { next: files.last().map_or(0, |last| last + 1), files, ..Self::default() }
    }

    /// Records have left the log: their streams may go.
    pub(crate) fn log_was_trimmed(&mut self) {
        self.can_go = None;
    }

    fn take_number(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }
}

impl Writer {
    /// Lets streams go if memory is nearly full, and goes on with a merge.
    pub(super) fn keep_idle(&mut self, now: Now) -> Result<(), Error> {
        if now.monotonic_ns < self.keeper.idling.not_before {
            return Ok(());
        }
        // Should any of it fail, a full disk is not tried again at once.
        self.keeper.idling.not_before = now.monotonic_ns.saturating_add(AGAIN_NS);
        self.make_room(now)?;
        self.merge_some()?;
        self.keeper.idling.not_before = 0;
        Ok(())
    }

    /// Lets a share of the streams go if less than a share is free.
    fn make_room(&mut self, now: Now) -> Result<(), Error> {
        let (most, share) = (self.options.streams_max, self.share());
        if self.streams.saturating_add(share) <= most {
            return Ok(());
        }
        let enough = if self.streams >= most { 1 } else { (share / FEW).max(1) };
        if self.keeper.idling.can_go.is_some_and(|count| count < enough) {
            return Ok(());
        }
        let mut silent = self.silent_streams();
        let mut left = silent.len();
        if left >= enough {
            silent.truncate(share);
            left -= silent.len();
            self.let_go(now, silent)?;
        }
        self.keeper.idling.can_go = Some(left);
        Ok(())
    }

    /// Lets streams go that were silent for long; answers whether there were any.
    pub(super) fn let_old_go(&mut self, now: Now) -> Result<Went, Error> {
        let before = |ns: u64| Timestamp(now.wall.0.saturating_sub(ns));
        let share = self.share();
        let mut silent = self.silent_streams();
        silent.retain(|idle| idle.last_received_at < before(SILENT_NS));
        silent.truncate(share);
        let longest = silent.first().map(|idle| idle.last_received_at);
        let is_due = longest.is_some_and(|last| last < before(SILENT_NS + PATIENCE_NS));
        if silent.is_empty() || (silent.len() < share && !is_due) {
            return Ok(Went::None);
        }
        self.let_go(now, silent)?;
        Ok(Went::Some)
    }

    /// Streams that go at once.
    fn share(&self) -> usize {
        (self.options.streams_max / SHARE).max(1)
    }

    /// The streams of which no record is in the log, those that are silent longest first.
    fn silent_streams(&self) -> Vec<IdleStream> {
        let mut silent = Vec::new();
        for tenant in self.book.all() {
            silent.extend(tenant.view().streams.silent().map(
                |(stream, next, last_received_at)| {
                    let (tenant, stream) = (tenant.id.clone(), stream.clone());
                    IdleStream { tenant, stream, next, last_received_at }
                },
            ));
        }
        silent.sort_by(|a, b| (a.last_received_at, a.name()).cmp(&(b.last_received_at, b.name())));
        silent
    }

    /// Lets these streams go to a file.
    fn let_go(&mut self, now: Now, mut silent: Vec<IdleStream>) -> Result<(), Error> {
        assert!(self.frame.is_empty(), "streams go between frames");
        assert!(!silent.is_empty(), "a file holds something");
        silent.sort_by(|a, b| a.name().cmp(&b.name()));
        let number = self.keeper.idling.take_number();
        let written = self.write_streams(number, &silent);
        let closed = self.clear_if_full(number, written)?;
        let mut snapshot = self.state_before(self.wal.link());
        snapshot.idle.push(closed.listed);
        leave_out(&mut snapshot, &silent);
        let before_file = cfg!(planted = "streams_before_file");
        if before_file {
            // The planted fault: memory and the snapshot count on a file that is not durable.
            self.write_snapshot(now, &snapshot)?;
            self.forget(&silent);
        }
        let published = closed.publish(&*self.book.disk);
        let file = self.clear_if_full(number, published)?;
        self.keeper.idling.files.insert(number);
        if !before_file {
            self.write_snapshot(now, &snapshot)?;
        }
        self.book.set_idle(self.book.idle().with(Arc::new(file)));
        if !before_file {
            self.forget(&silent);
        }
        self.drop_old_snapshots()
    }

    fn write_streams(&self, number: u64, sorted: &[IdleStream]) -> Result<Closed, Error> {
        let owner = (&self.options.store, self.options.shard);
        let mut writer = FileWriter::begin(&*self.book.disk, owner, number, 0)?;
        for idle in sorted {
            writer.push(&*self.book.disk, idle)?;
        }
        writer.close(&*self.book.disk)
    }

    /// Takes streams out of memory.
    fn forget(&mut self, silent: &[IdleStream]) {
        for idle in silent {
            let tenant = self.book.tenant(&idle.tenant);
            let line = (idle.next, idle.last_received_at);
            let went = tenant.view().streams.go_idle(&idle.stream, line);
            assert!(went, "a stream of which no record is in the log may go");
            self.streams -= 1;
        }
        Counts::set(&self.book.counts.streams, length_u64(self.streams));
    }

    /// Goes on with a merge, or begins one that is due.
    fn merge_some(&mut self) -> Result<(), Error> {
        let merge = match self.keeper.idling.merge.take() {
            Some(merge) => merge,
            None => match self.begin_merge()? {
                Some(merge) => merge,
                None => return Ok(()),
            },
        };
        let number = merge.number();
        let stepped = merge.step(&*self.book.disk, STREAMS_A_STEP);
        match self.clear_if_full(number, stepped)? {
            Step::More(merge) => self.keeper.idling.merge = Some(merge),
            Step::Done(closed, sources) => {
                let published = closed.publish(&*self.book.disk);
                let file = self.clear_if_full(number, published)?;
                self.keeper.idling.files.insert(number);
                // No snapshot need be written for it: one that lists the four is as good, and they
                // stay as long as it does.
                let files = self.book.idle().merged(&sources, Arc::new(file));
                self.book.set_idle(files);
            }
        }
        Ok(())
    }

    fn begin_merge(&mut self) -> Result<Option<Box<Merge>>, Error> {
        let Some(sources) = self.book.idle().to_merge() else { return Ok(None) };
        let number = self.keeper.idling.take_number();
        let owner = (&self.options.store, self.options.shard);
        let begun = Merge::begin(&*self.book.disk, owner, number, &sources);
        self.clear_if_full(number, begun).map(Some)
    }

    /// Gives up a merge that is on its way: the next process begins it anew.
    pub(super) fn give_up_merge(&mut self) -> Result<(), Error> {
        match self.keeper.idling.merge.take() {
            Some(merge) => give_up(&*self.book.disk, merge.number()),
            None => Ok(()),
        }
    }

    /// A file that a full disk kept from being finished takes no room.
    fn clear_if_full<T>(&self, number: u64, done: Result<T, Error>) -> Result<T, Error> {
        if let Err(Error::Disk { source }) = &done
            && source.is_full()
        {
            give_up(&*self.book.disk, number)?;
        }
        done
    }

    /// Removes files that neither the state at hand nor any snapshot lists, written or about to be.
    /// Call it once the removal of snapshots is durable.
    pub(super) fn drop_unlisted_streams(&mut self) -> Result<(), Error> {
        let keeper = &mut self.keeper;
        let mut listed: BTreeSet<u64> = self.book.idle().numbers().collect();
        listed.extend(keeper.snapshots.values().flatten());
        listed.extend(keeper.boundaries.iter().flat_map(Snapshot::idle_numbers));
        let gone: Vec<u64> = keeper.idling.files.difference(&listed).copied().collect();
        for number in &gone {
            self.book.disk.remove(&names::streams(*number))?;
            keeper.idling.files.remove(number);
        }
        if gone.is_empty() { Ok(()) } else { Ok(self.book.disk.sync_dir(STATE)?) }
    }
}

/// Takes streams out of a state that lists the file they are in.
fn leave_out(snapshot: &mut Snapshot, silent: &[IdleStream]) {
    let names: BTreeSet<(&TenantId, &StreamId)> = silent.iter().map(IdleStream::name).collect();
    for state in &mut snapshot.tenants {
        let tenant = &state.tenant;
        state.streams.retain(|(stream, ..)| !names.contains(&(tenant, stream)));
    }
}

#[cfg(test)]
mod tests;
