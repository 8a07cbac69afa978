//! Recovery: from whatever is on disk to a ledger that may be written, in named steps.
//!
//! ```text
//! survey  (reads only)   list files -> the snapshot that a trimmed log goes on from -> open files of
//!                        idle streams -> walk the log, check the chain, judge the tail -> replay ->
//!                        compare checkpoints -> refuse damage
//! open    (writes)       make folders, and the names in them durable -> cut the tail -> rewrite and
//!                        sync the last frame -> owner frame in a new file -> drop unfinished files
//!                        and those of idle streams that no snapshot lists, quarantine unknown
//!                        ones -> write packs that are due
//! ```
//!
//! It promises that the state it opens with is the one the log leads to, and that a store with
//! damage above a payload's is refused with its place, untouched. It never deletes a file that it
//! does not know: those are moved to `quarantine/`.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use event::ids::{TenantId, Timestamp};
use tlog::{Index, TreeSize};

use crate::append::OpenFrame;
use crate::base::Base;
use crate::book::{Book, Counts};
use crate::clock::{Clock, ClockFinding};
use crate::cursor::length_u64;
use crate::disk::{self, Disk};
use crate::error::{Damage, Error, Lost};
use crate::frame::{self, EMPTY_FRAME_BYTES, FrameKind, Link};
use crate::idle::Opened;
use crate::keep::Keeper;
use crate::ledger::{Options, StopPlan, Writer, WriterState, stop_plan};
use crate::names::{self, FOLDERS, LEDGER, PACKS, STATE, UNFINISHED, WAL};
use crate::packing::write_packs_if_room;
use crate::reader::Reader;
use crate::replay::Replay;
use crate::request::Now;
use crate::snapshot;
use crate::tree::PACK_ENTRIES;
use crate::wal::acked::{self, Acked, Slot};
use crate::wal::walk::{Beside, LastFrame, Walked, walk};
use crate::wal::{Spare, Spares, Wal};

pub(crate) use compare::{compare_checkpoint, compare_checkpoints};
use files::zeroed;
pub(crate) use files::{Files, first_byte, quarantine_file};

mod archived;
mod compare;
mod files;

/// What recovery found, before anything was written.
#[derive(Debug)]
pub struct Survey {
    disk: Arc<dyn Disk>,
    options: Options,
    slot: Slot,
    walked: Walked,
    files: Files,
    /// Spares that are not all zeros.
    spoiled: Vec<String>,
    book: Arc<Book>,
    seen: crate::seen::Seen,
    /// States at the beginnings of log files of which there is no snapshot.
    boundaries: Vec<snapshot::Snapshot>,
    /// What each snapshot lists of the files of idle streams.
    listed: BTreeMap<u64, Vec<u64>>,
    streams: usize,
    sections: u64,
    lost: Vec<Lost>,
    checkpoints: HashMap<TenantId, TreeSize>,
}

/// What was found and done at the start.
#[derive(Debug, Clone)]
pub struct Recovered {
    /// The ledger is new.
    pub created: bool,
    /// Records of all tenants.
    pub records: u64,
    /// Sections of the log that were replayed.
    pub sections: u64,
    /// Files of the log that were walked.
    pub wal_files: usize,
    /// Bytes of unfinished frames that were cut off; nobody was told of them.
    pub cut_bytes: u64,
    /// The last stop was clean.
    pub clean_stop: bool,
    /// Ranges whose payload or keys are damaged; the caller appends a loss record for new ones.
    pub lost: Vec<Lost>,
    /// What to say about the clock.
    pub clock: ClockFinding,
    /// Files that this crate did not write, as they were named; now in `quarantine/`.
    pub quarantined: Vec<String>,
}

/// Recovers and opens a ledger in one go.
///
/// # Errors
/// As [`survey`] and [`Survey::open`].
pub fn open(
    disk: Arc<dyn Disk>,
    options: Options,
    now: Now,
) -> Result<(Writer, Reader, Recovered), Error> {
    survey(disk, options)?.open(now)
}

/// Recovery's read-only half: walks, checks, and writes nothing.
///
/// # Errors
/// `Damaged` with the first place that is, `NotOurs`, `Disk`.
pub fn survey(disk: Arc<dyn Disk>, options: Options) -> Result<Survey, Error> {
    let mut files = Files::list(&*disk)?;
    files.set_unreadable_checkpoints_aside(&*disk)?;
    let slot = acked::load(&*disk)?;
    let snapshots = load_snapshots(&*disk, &files.snapshots)?;
    let listed = listed(&snapshots);
    let base = Base::find(&*disk)?;
    let (opened, mut damages) = Opened::named(&*disk, snapshots.values())?;
    let packs = files.packs.clone();
    let mut replay = Replay::new(&*disk, options.ids_max, snapshots, packs, opened);
    replay.capture_boundaries();
    damages.extend(replay.begin(&base)?);
    let from = (base.start(), Beside::Nothing);
    let mut walked = walk(&*disk, slot, from, &mut |at, frame| replay.frame(at, frame))?;
    check_owner(&replay, &options)?;
    // Without what the log goes on from nothing else can be said for sure: it is named first.
    walked.damages.splice(0..0, damages);
    walked.damages.extend(replay.follow_parts(&files.parts, Beside::Nothing)?);
    walked.damages.extend(leftovers(&replay, &files, walked.next_seq()));
    let Replay { tenants, seen, lost, boundaries, streams, sections, idle, .. } = replay;
    for loss in &lost {
        if let Some(tenant) = tenants.get(&loss.records.tenant) {
            tenant.view().lost.push(loss.clone());
        }
    }
    let (spares, spoiled) = zeroed(&*disk, &files.spares)?;
    let spares = Spares::new(options.wal_file_bytes, spares);
    let book = Book::new(Arc::clone(&disk), options.store.clone(), tenants, spares);
    book.set_idle(idle.unwrap_or_default());
    let book = Arc::new(book);
    // INVARIANT (I12): damage is named and refused before a byte is written.
    if let Some(damage) = walked.damages.first() {
        return Err(damage.clone().into());
    }
    let checkpoints = compare_checkpoints(&book, &files.checkpoints)?;
    Ok(Survey {
        disk,
        options,
        slot,
        walked,
        files,
        spoiled,
        book,
        seen,
        boundaries,
        listed,
        streams,
        sections,
        lost,
        checkpoints,
    })
}

impl Survey {
    /// Whether there is no ledger yet.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.walked.last.is_none()
    }

    /// Whether the log ends in a clean stop: then a `MANIFEST` must be there.
    #[must_use]
    pub fn ends_in_stop(&self) -> bool {
        self.walked.ends_in_stop()
    }

    /// The log file that holds the last frame.
    #[must_use]
    pub fn last_log_file(&self) -> Option<&str> {
        self.walked.last.as_ref().map(|last| &*last.file)
    }

    /// If the log does not end in a stop: the log file that a stop would change, as it would be.
    /// A `MANIFEST` that lists it so belongs to a stop that was not finished.
    ///
    /// # Errors
    /// `Disk`.
    pub fn unfinished_stop(&self) -> Result<Option<StopPlan>, Error> {
        unfinished_stop(&*self.disk, self.slot, &self.walked)
    }

    /// Ranges whose payload or keys are damaged.
    #[must_use]
    pub fn lost(&self) -> &[Lost] {
        &self.lost
    }

    /// Checks the archive's watermarks against what was found: every record is in the log or
    /// archived, and packs hold the entries of all that is archived. A tenant that is not named has
    /// nothing archived.
    ///
    /// # Errors
    /// `Damaged`, naming the tenant and the records.
    pub fn check_archived(&self, watermarks: &[(TenantId, Index)]) -> Result<(), Error> {
        archived::check(&self.book, watermarks)
    }

    /// A reader of what was found; it stays good when the ledger is opened.
    #[must_use]
    pub fn reader(&self) -> Reader {
        Reader { book: Arc::clone(&self.book) }
    }

    /// Recovery's writing half. Once it returns the owner frame is durable, and an old `MANIFEST`
    /// counts for nothing.
    ///
    /// # Errors
    /// `Disk`. What was half done is done again at the next start.
    pub fn open(self, now: Now) -> Result<(Writer, Reader, Recovered), Error> {
        self.make_folders()?;
        self.cut_tails()?;
        self.rewrite_last_frame()?;
        let wal = self.begin_file()?;
        self.drop_unfinished()?;
        self.drop_unlisted_streams()?;
        let quarantined = self.quarantine()?;
        write_packs_if_room(&self.book)?;
        self.drop_outgrown_parts()?;
        Ok(self.into_parts(wal, quarantined, now))
    }

    /// Makes the folders, and the names in them durable: a process that was killed behind a rename
    /// leaves a name that is there and in doubt, and packs and snapshots are counted on from here.
    fn make_folders(&self) -> Result<(), Error> {
        for folder in FOLDERS {
            self.disk.create_dir(folder)?;
        }
        self.disk.sync_dir("")?;
        for folder in FOLDERS {
            self.disk.sync_dir(folder)?;
        }
        Ok(())
    }

    fn cut_tails(&self) -> Result<(), Error> {
        for tail in &self.walked.tails {
            assert!(tail.from < tail.to, "a tail holds something");
            self.disk.zero_fill(&tail.file, tail.from, tail.to)?;
            self.disk.sync_data(&tail.file)?;
        }
        Ok(())
    }

    /// After a failed sync a frame can be readable and not durable, and so can the zeros behind it
    /// that an earlier start wrote over a torn frame: both are written again. A stop frame that the
    /// slot names is left alone: the slot is written after the stop's sync has returned.
    fn rewrite_last_frame(&self) -> Result<(), Error> {
        let Some(last) = &self.walked.last else { return Ok(()) };
        let named = Acked { seq: last.link.seq, hash: last.hash };
        let is_done = last.kind == FrameKind::Stop && self.slot.acked() == Some(named);
        // The planted fault: what the page cache shows is taken for durable.
        if is_done || cfg!(planted = "no_rewrite") {
            return Ok(());
        }
        let mut bytes = vec![0; usize::try_from(last.bytes).unwrap_or(usize::MAX)];
        let read = self.disk.read_at(&last.file, last.offset, &mut bytes)?;
        assert_eq!(read, bytes.len(), "the walk read this frame before");
        self.disk.write_at(&last.file, last.offset, &bytes)?;
        assert!(last.end() <= last.file_bytes, "a frame lies inside its file");
        self.disk.zero_fill(&last.file, last.end(), last.file_bytes)?;
        Ok(self.disk.sync_data(&last.file)?)
    }

    /// Puts the owner frame into a new file and makes both durable.
    fn begin_file(&self) -> Result<Wal, Error> {
        let link = self.next_link();
        let mut owner = Vec::new();
        let hash = frame::encode_owner(link, &self.options.store, self.options.shard, &mut owner);
        let mut file = self.new_file(link.seq)?;
        crate::wal::spare::extend(&*self.disk, &mut file, length_u64(owner.len()))?;
        let mut wal = Wal::at_new_file(Arc::clone(&self.disk), file, link);
        wal.append(&owner, hash, FrameKind::Owner)?;
        assert_eq!(wal.link().seq, link.seq + 1, "the owner frame is in the log");
        Ok(wal)
    }

    fn next_link(&self) -> Link {
        let boot = self.options.boot;
        match &self.walked.last {
            None => Link { seq: 0, epoch: 1, boot, previous: [0; 32] },
            Some(last) => Link {
                seq: last.link.seq + 1,
                epoch: last.link.epoch + 1,
                boot,
                previous: last.hash,
            },
        }
    }

    /// The all-zero log file named for frame `seq`: there from an unfinished start, or a spare.
    fn new_file(&self, seq: u64) -> Result<Spare, Error> {
        let path = names::wal(seq);
        if disk::exists(&*self.disk, &path)? {
            let bytes = self.disk.length(&path)?;
            // Its zeros may cover a torn frame and be readable only, as behind the last frame.
            self.disk.zero_fill(&path, 0, bytes)?;
            return Ok(Spare { path, bytes });
        }
        let spare = self.book.spares.take_for_start(&*self.disk)?;
        self.disk.rename(&spare.path, &path)?;
        self.disk.sync_dir(WAL)?;
        self.disk.sync_dir(LEDGER)?;
        Ok(Spare { path, bytes: spare.bytes })
    }

    fn drop_unfinished(&self) -> Result<(), Error> {
        for path in &self.files.unfinished {
            assert!(path.ends_with(UNFINISHED), "only unfinished files are removed");
            match self.disk.remove(path) {
                // A spare of the same number was begun, and finished, since the list was made.
                Err(error) if !error.is_not_found() => return Err(error.into()),
                _ => {}
            }
        }
        Ok(())
    }

    /// Removes files of idle streams that no snapshot lists: their streams never left memory, or
    /// stand in a merged file that one lists.
    fn drop_unlisted_streams(&self) -> Result<(), Error> {
        let is_listed = |number: &u64| self.listed.values().flatten().any(|of| of == number);
        let dropped: Vec<_> = self.files.streams.iter().filter(|of| !is_listed(of)).collect();
        for number in &dropped {
            self.disk.remove(&names::streams(**number))?;
        }
        if dropped.is_empty() { Ok(()) } else { Ok(self.disk.sync_dir(STATE)?) }
    }

    /// Removes open packs of which the full one exists.
    fn drop_outgrown_parts(&self) -> Result<(), Error> {
        let mut dropped = false;
        for (tenant, number) in &self.files.parts {
            let path = names::part(tenant, *number);
            let packs_end = self.book.find(tenant).map_or(0, |tenant| tenant.view().packs_end);
            if number * PACK_ENTRIES < packs_end && disk::exists(&*self.disk, &path)? {
                self.disk.remove(&path)?;
                dropped = true;
            }
        }
        if dropped { Ok(self.disk.sync_dir(PACKS)?) } else { Ok(()) }
    }

    /// Moves files that this crate did not write out of the way, and spares that are not zero.
    fn quarantine(&self) -> Result<Vec<String>, Error> {
        let all: Vec<_> = self.files.unknown.iter().chain(&self.spoiled).cloned().collect();
        for path in &all {
            quarantine_file(&*self.disk, path)?;
            self.disk.sync_dir(disk::parent(path))?;
        }
        Ok(all)
    }

    fn into_parts(
        self,
        wal: Wal,
        quarantined: Vec<String>,
        now: Now,
    ) -> (Writer, Reader, Recovered) {
        let heads = self.book.all().into_iter().map(|tenant| tenant.view().head());
        let (last, records) = heads.fold((Timestamp(0), 0), |(last, records), head| {
            (last.max(head.received_at), records + head.size.0)
        });
        let clock = Clock::new(last);
        let link = self.next_link();
        let files = self.walked.files.iter().map(|(file, bytes)| (file.first_seq, *bytes));
        let mut files: BTreeMap<u64, u64> = files.collect();
        files.insert(link.seq, wal.file_bytes());
        let recovered = Recovered {
            created: self.is_new(),
            records,
            sections: self.sections,
            wal_files: self.walked.files.len(),
            cut_bytes: self.walked.tails.iter().map(|tail| tail.to - tail.from).sum(),
            clean_stop: self.ends_in_stop(),
            lost: self.lost,
            clock: clock.finding(now),
            quarantined,
        };
        Counts::set(&self.book.counts.ids, length_u64(self.seen.len()));
        Counts::set(&self.book.counts.streams, length_u64(self.streams));
        let reader = Reader { book: Arc::clone(&self.book) };
        let mut writer = Writer {
            book: self.book,
            options: self.options,
            wal,
            clock,
            seen: self.seen,
            heads: HashMap::new(),
            streams: self.streams,
            frame: OpenFrame::default(),
            keeper: Keeper::new(self.checkpoints, self.listed, self.boundaries, files),
            state: WriterState::Open,
        };
        writer.note_boundary(link);
        writer.count_files();
        (writer, reader, recovered)
    }
}

/// The log file that a stop would change, as it would be; none after a clean stop.
pub(crate) fn unfinished_stop(
    disk: &dyn Disk,
    slot: Slot,
    walked: &Walked,
) -> Result<Option<StopPlan>, Error> {
    let Some(last) = walked.last.as_ref().filter(|last| last.kind != FrameKind::Stop) else {
        return Ok(None);
    };
    let told = slot.acked().is_some_and(|acked| acked.seq > last.link.seq);
    let link = Link { seq: last.link.seq + 1, previous: last.hash, ..last.link };
    if told {
        return Ok(None);
    }
    let Some((file, offset)) = stop_place(last, walked) else { return Ok(None) };
    if disk.length(&file)? < offset + length_u64(EMPTY_FRAME_BYTES) {
        // A file that was cut short holds no stop frame, finished or not.
        return Ok(None);
    }
    Ok(Some(stop_plan(disk, &file, offset, link)?))
}

/// Where a stop frame would stand: behind the last frame, or in the next file.
fn stop_place(last: &LastFrame, walked: &Walked) -> Option<(Arc<str>, u64)> {
    let needed = length_u64(EMPTY_FRAME_BYTES);
    if last.file_bytes - last.end() >= needed {
        return Some((Arc::clone(&last.file), last.end()));
    }
    let unused = walked.unused.as_ref().filter(|(_, bytes)| *bytes >= needed);
    let torn = walked.tails.iter().find(|tail| tail.file != last.file);
    unused
        .map(|(file, _)| Arc::clone(&file.path))
        .or_else(|| torn.map(|tail| Arc::clone(&tail.file)))
        .map(|file| (file, 0))
}

/// The numbers of the files of idle streams that each snapshot lists.
fn listed(snapshots: &BTreeMap<u64, snapshot::Snapshot>) -> BTreeMap<u64, Vec<u64>> {
    snapshots.iter().map(|(seq, snapshot)| (*seq, snapshot.idle_numbers())).collect()
}

/// Loads every snapshot; one that cannot be read is damage.
pub(crate) fn load_snapshots(
    disk: &dyn Disk,
    seqs: &[u64],
) -> Result<BTreeMap<u64, snapshot::Snapshot>, Error> {
    let load = |seq: &u64| snapshot::load(disk, *seq).map(|snapshot| (*seq, snapshot));
    seqs.iter().map(load).collect()
}

fn check_owner(replay: &Replay<'_>, options: &Options) -> Result<(), Error> {
    let expected = (options.store.clone(), options.shard);
    match &replay.store {
        Some(found) if *found != expected => Err(Error::NotOurs {
            found: format!("{}, shard {}", found.0, found.1),
            expected: format!("{}, shard {}", expected.0, expected.1),
        }),
        _ => Ok(()),
    }
}

/// Files that speak of more than the log has.
pub(crate) fn leftovers(replay: &Replay<'_>, files: &Files, next_seq: u64) -> Vec<Damage> {
    let mut damages = Vec::new();
    for seq in replay.snapshots.keys().filter(|seq| **seq >= next_seq) {
        let what = "taken after a frame that the log does not have";
        damages.push(Damage::new(&names::snapshot(*seq), 0, what));
    }
    for (tenant, number) in &files.packs {
        let held = replay.tenants.get(tenant).map_or(0, |tenant| tenant.view().packs_end);
        let first = number * PACK_ENTRIES;
        if first >= held && !replay.broken.contains(tenant) {
            let damage = Damage::new(&names::pack(tenant, *number), 0, "not a pack of this log");
            damages.push(damage.of(tenant, first, first + PACK_ENTRIES));
        }
    }
    damages
}

#[cfg(test)]
mod tests;
