//! What the archive asks of the writer: taking its watermark, and letting the log go.
//!
//! ```text
//! set_archived  the archive holds everything below its watermark
//! trim          log files below the watermark before that one are removed, oldest first
//! ```
//!
//! A log file goes only if every record in it lies below the watermark that the archive gave the
//! time before last, and the snapshot that the next file begins with is durable. Each removal is
//! durable before the next, so that a crash leaves a log that begins with a file, never one with a
//! hole. It refuses watermarks that packs do not cover.

use event::ids::TenantId;
use tlog::{Index, TreeSize};

use crate::book::Counts;
use crate::cursor::length_u64;
use crate::error::Error;
use crate::ledger::Writer;
use crate::names::{self, WAL};
use crate::request::Now;

impl Writer {
    /// Takes the archive's word that it holds, durably, everything below `watermark`. The one that
    /// it gave before, the same or a lower, is the place up to which the log may now be let go.
    ///
    /// # Errors
    /// `OutOfRange` if packs do not cover so much.
    ///
    /// # Panics
    /// If the watermark is lower than the one before.
    pub fn set_archived(&mut self, tenant: &TenantId, watermark: Index) -> Result<(), Error> {
        let beyond = |size: u64| Error::OutOfRange { tenant: tenant.clone(), size: TreeSize(size) };
        let Some(known) = self.book.find(tenant) else {
            return if watermark.0 == 0 { Ok(()) } else { Err(beyond(0)) };
        };
        {
            let mut view = known.view();
            assert!(watermark.0 >= view.archived, "a watermark never goes back");
            if watermark.0 > view.packed_end() {
                return Err(beyond(view.packed_end()));
            }
            view.archived_before = view.archived;
            view.archived = watermark.0;
        }
        self.bound_ids();
        Ok(())
    }

    /// Removes the log files of which every record is archived; answers how many.
    ///
    /// # Errors
    /// `Poisoned`, `Disk`. A full disk is not one: the work is put off.
    pub fn trim(&mut self, now: Now) -> Result<u64, Error> {
        self.check_open()?;
        let before = self.keeper.files.len();
        let trimmed = self.trim_files(now);
        self.put_off_or_poison(trimmed)?;
        Ok(length_u64(before - self.keeper.files.len()))
    }

    fn trim_files(&mut self, _: Now) -> Result<(), Error> {
        let until = self.first_needed();
        let oldest = |writer: &Self| {
            let mut files = writer.keeper.files.keys().copied();
            files.next().zip(files.next())
        };
        while let Some((first, next)) = oldest(self)
            && next <= until
        {
            // INVARIANT (I12): the log never begins with a file that has nothing to go on from.
            if !cfg!(planted = "trim_before_snapshot") {
                self.write_boundaries()?;
                if !self.keeper.has_boundary(next) {
                    break;
                }
            }
            self.forget_before(next);
            self.book.disk.remove(&names::wal(first))?;
            self.book.disk.sync_dir(WAL)?;
            self.keeper.files.remove(&first);
            self.count_files();
        }
        self.drop_old_snapshots()
    }

    /// The first frame of the oldest log file that holds a record which the archive did not hold
    /// at its word before last; of the file at hand if there is none.
    fn first_needed(&self) -> u64 {
        let last = self.keeper.files.keys().next_back().copied().unwrap_or(0);
        let oldest = |tenant: std::sync::Arc<crate::view::Tenant>| {
            let view = tenant.view();
            let mut archived = view.archived_before;
            if cfg!(planted = "trim_early") {
                // The planted fault: what the archive has not committed yet counts as archived.
                archived = view.tree.size();
            }
            let needed = view.sections.iter().find(|section| section.end() > archived)?;
            names::seq_of(&needed.file)
        };
        self.book.all().into_iter().filter_map(oldest).min().map_or(last, |seq| seq.min(last))
    }

    /// Forgets what lies before the log file that frame `seq` begins.
    fn forget_before(&mut self, seq: u64) {
        for tenant in self.book.all() {
            let first = {
                let mut view = tenant.view();
                let kept = |file: &str| names::seq_of(file).is_none_or(|first| first >= seq);
                let kept = view.sections.iter().find(|section| kept(&section.file));
                let first = kept.map_or_else(|| view.tree.size(), |section| section.first);
                // INVARIANT (I6): what leaves the log is archived, and its entries are in packs.
                let archived = first <= view.archived && first <= view.packed_end();
                assert!(archived || cfg!(planted = "trim_early"), "only archived records go");
                view.forget_below(first);
                first
            };
            self.seen.raise(&tenant.id, first);
        }
        self.keeper.idling.log_was_trimmed();
        Counts::set(&self.book.counts.ids, length_u64(self.seen.len()));
    }

    /// Lets go of ids that the archive knows, if there are too many.
    fn bound_ids(&mut self) {
        for tenant in self.book.all() {
            if !self.seen.is_over() {
                break;
            }
            let archived = tenant.view().archived;
            self.seen.trim(&tenant.id, archived);
        }
        Counts::set(&self.book.counts.ids, length_u64(self.seen.len()));
    }
}

#[cfg(test)]
mod tests;
