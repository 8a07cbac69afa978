//! Idle streams: those that were let out of memory into files of their own, kept for ever.
//!
//! ```text
//! page    4 KiB with a checksum of its own          idle/page.rs
//! file    opened, searched, listed                  idle/file.rs
//! writer  one file, written and made durable        idle/writer.rs
//! merge   four files of one level become one        idle/merge.rs
//! ```
//!
//! A stream may go idle once no record of it is in the log, so that nothing but its next number and
//! last stamp is known of it. Its line in a file is immutable; when the stream returns, memory
//! comes before files, and when it goes idle again the newer file comes before the older ones. It
//! promises that a number, once taken, is taken for ever (I5), whichever place remembers it. It
//! refuses to guess: a file that a snapshot names and that is missing or changed is damage.

use std::collections::BTreeMap;
use std::sync::Arc;

use event::ids::{Seq, StoreName, TenantId, Timestamp};

use crate::disk::{self, Disk};
use crate::error::{Damage, Error};
use crate::names;
use crate::request::StreamId;
use crate::snapshot::{self, Snapshot};
use crate::stream::StreamFacts;

pub(crate) use file::{IdleFile, Listed};
pub(crate) use merge::{Merge, STREAMS_A_STEP, Step};
pub(crate) use page::VERSION;
pub(crate) use writer::{Closed, FileWriter, give_up};

mod file;
mod merge;
mod page;
mod writer;

/// Streams of one tenant that are listed at most, idle ones included.
pub const STREAMS_LISTED_MAX: usize = 131_072;
/// Files of one level that become one of the next.
pub(crate) const FAN_IN: usize = 4;

/// One stream as a file has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IdleStream {
    pub(crate) tenant: TenantId,
    pub(crate) stream: StreamId,
    /// The number that would be accepted next.
    pub(crate) next: u64,
    /// The stamp of its last record.
    pub(crate) last_received_at: Timestamp,
}

impl IdleStream {
    /// By what a file is sorted.
    pub(crate) fn name(&self) -> (&TenantId, &StreamId) {
        (&self.tenant, &self.stream)
    }
}

/// The files that count at one moment, the oldest content first.
#[derive(Debug, Clone, Default)]
pub(crate) struct IdleFiles {
    files: Vec<Arc<IdleFile>>,
}

impl IdleFiles {
    /// What a snapshot lists of them.
    pub(crate) fn listed(&self) -> Vec<Listed> {
        self.files.iter().map(|file| file.listed).collect()
    }

    /// Their numbers.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = u64> {
        self.files.iter().map(|file| file.listed.number)
    }

    /// These and a newer one.
    pub(crate) fn with(&self, newest: Arc<IdleFile>) -> Self {
        let mut files = self.files.clone();
        files.push(newest);
        Self::sorted(files)
    }

    /// The oldest four of the lowest level that has so many.
    pub(crate) fn to_merge(&self) -> Option<Vec<Arc<IdleFile>>> {
        let of_level = |level: u8| self.files.iter().filter(move |f| f.listed.level == level);
        let levels = self.files.iter().rev().map(|file| file.listed.level);
        let full = levels.filter(|level| of_level(*level).count() >= FAN_IN).min()?;
        Some(of_level(full).take(FAN_IN).cloned().collect())
    }

    /// These with `merged` in the place of what it was made of.
    pub(crate) fn merged(&self, sources: &[u64], merged: Arc<IdleFile>) -> Self {
        let is_source = |file: &Arc<IdleFile>| sources.contains(&file.listed.number);
        let rest: Vec<_> = self.files.iter().filter(|file| !is_source(file)).cloned().collect();
        assert_eq!(rest.len() + sources.len(), self.files.len(), "only what counts is merged");
        let merged = [rest, vec![merged]].concat();
        Self::sorted(merged)
    }

    /// A higher level is older; within one level the lower number is.
    fn sorted(mut files: Vec<Arc<IdleFile>>) -> Self {
        files.sort_by_key(|file| file.listed.age());
        Self { files }
    }

    /// What the newest file that knows a stream has of it.
    pub(crate) fn find(
        &self,
        disk: &dyn Disk,
        tenant: &TenantId,
        stream: &StreamId,
    ) -> Result<Option<IdleStream>, Error> {
        for file in self.files.iter().rev() {
            if let Some(found) = file.find(disk, (tenant, stream))? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Hands out up to `most` lines, those of older files first.
    pub(crate) fn each(
        &self,
        disk: &dyn Disk,
        most: usize,
        visit: &mut dyn FnMut(IdleStream),
    ) -> Result<(), Error> {
        let mut left = most;
        for file in &self.files {
            let mut scan = file.scan();
            while let (true, Some(idle)) = (left > 0, scan.next(disk)?) {
                visit(idle);
                left -= 1;
            }
        }
        Ok(())
    }

    /// A tenant's streams by name, as the newest file that knows each has it; `None` if there are
    /// more than `most`.
    pub(crate) fn of_tenant(
        &self,
        disk: &dyn Disk,
        tenant: &TenantId,
        most: usize,
    ) -> Result<Option<BTreeMap<StreamId, StreamFacts>>, Error> {
        let mut found = BTreeMap::new();
        for file in &self.files {
            let mut scan = file.scan_from_tenant(disk, tenant)?;
            while let Some(idle) = scan.next(disk)?.filter(|idle| idle.tenant == *tenant) {
                found.insert(idle.stream.clone(), idle.facts());
                if found.len() > most {
                    return Ok(None);
                }
            }
        }
        Ok(Some(found))
    }
}

impl IdleStream {
    /// As readers are told of it.
    pub(crate) fn facts(self) -> StreamFacts {
        StreamFacts {
            stream: self.stream,
            next: Seq(self.next),
            last_received_at: self.last_received_at,
            last_index: None,
            gaps: Vec::new(),
        }
    }
}

/// The files that snapshots name, opened: each is read whole and held against what names it.
#[derive(Debug, Default)]
pub(crate) struct Opened {
    files: BTreeMap<u64, Arc<IdleFile>>,
}

impl Opened {
    /// Opens every file that one of the snapshots names; answers what is wrong with those that
    /// cannot be.
    pub(crate) fn named<'s>(
        disk: &dyn Disk,
        snapshots: impl IntoIterator<Item = &'s Snapshot>,
    ) -> Result<(Self, Vec<Damage>), Error> {
        let mut opened = Self::default();
        let mut damages: BTreeMap<u64, Damage> = BTreeMap::new();
        for snapshot in snapshots {
            for listed in &snapshot.idle {
                if damages.contains_key(&listed.number) {
                    continue;
                }
                match opened.open(disk, snapshot, listed) {
                    Ok(()) => {}
                    Err(Error::Damaged { damage }) => {
                        damages.insert(listed.number, *damage);
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        Ok((opened, damages.into_values().collect()))
    }

    fn open(&mut self, disk: &dyn Disk, by: &Snapshot, listed: &Listed) -> Result<(), Error> {
        let path = names::streams(listed.number);
        if let Some(file) = self.files.get(&listed.number) {
            let same = file.listed == *listed;
            let other = || Error::damaged(&path, 0, "listed otherwise by two snapshots");
            return if same { Ok(()) } else { Err(other()) };
        }
        match IdleFile::open(disk, (&by.store, by.shard), *listed) {
            Ok(file) => {
                self.files.insert(listed.number, Arc::new(file));
                Ok(())
            }
            Err(Error::Disk { source }) if source.is_not_found() && still_named(disk, by)? => {
                Err(Error::damaged(&path, 0, "a file of idle streams is missing"))
            }
            Err(error) => Err(error),
        }
    }

    /// The files of one snapshot; `None` if one of them could not be opened.
    pub(crate) fn of(&self, listed: &[Listed]) -> Option<IdleFiles> {
        let file = |listed: &Listed| {
            let file = self.files.get(&listed.number).filter(|file| file.listed == *listed);
            file.map(Arc::clone)
        };
        listed.iter().map(file).collect::<Option<Vec<_>>>().map(IdleFiles::sorted)
    }
}

/// Whether a snapshot is still what it was: beside a running server it may have been replaced since
/// it was read, and its files removed after it.
fn still_named(disk: &dyn Disk, by: &Snapshot) -> Result<bool, Error> {
    let path = names::snapshot(by.seq);
    if !disk::exists(disk, &path)? {
        return Ok(false);
    }
    match snapshot::load(disk, by.seq) {
        Ok(now) => Ok(now == *by),
        Err(Error::Disk { source }) if source.is_not_found() => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whose files they are.
pub(crate) type Owner<'s> = (&'s StoreName, u32);

#[cfg(test)]
mod tests;
