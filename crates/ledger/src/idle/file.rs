//! A file of idle streams: opened whole, searched a page at a time.
//!
//! Opening reads every byte, holds the file's hash against what a snapshot lists, and keeps the
//! first name of some pages, at most [`FENCES_MAX`] of them however long the file is. A look-up
//! then reads few pages: between two fences it halves. It promises that what it answers lay in a
//! page whose checksum is good. It refuses a page that is not what it was when the file was opened.

use std::sync::{Arc, Mutex, PoisonError};

use event::ids::TenantId;
use sha2::{Digest, Sha256};

use super::page::{Foot, Head, PAGE_BYTES, decode_lines};
use super::{IdleStream, Owner};
use crate::cursor::{Short, length_u64};
use crate::disk::Disk;
use crate::error::Error;
use crate::names;
use crate::request::StreamId;

/// First names of pages that a file keeps in memory.
const FENCES_MAX: usize = 1024;
/// Pages that are read at once while a file is opened.
const PAGES_AT_ONCE: usize = 256;

/// What a snapshot says of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Listed {
    /// Names the file.
    pub(crate) number: u64,
    /// How often what it holds was merged.
    pub(crate) level: u8,
    /// Streams in it.
    pub(crate) count: u64,
    /// SHA-256 of the file.
    pub(crate) sha256: [u8; 32],
}

impl Listed {
    /// Orders files by the age of what they hold, the oldest first: of two levels the higher one
    /// is older, since four are merged only once they are older than all others of their level.
    pub(crate) fn age(&self) -> (std::cmp::Reverse<u8>, u64) {
        (std::cmp::Reverse(self.level), self.number)
    }
}

/// A file as it was opened.
#[derive(Debug)]
pub(crate) struct IdleFile {
    pub(crate) listed: Listed,
    path: String,
    /// Pages of lines.
    pages: u64,
    fences: Fences,
    /// The page that was read last: look-ups in the order of names read each page once.
    last: Mutex<Option<(u64, Arc<Vec<IdleStream>>)>>,
}

/// The first name of every so-many-th page.
#[derive(Debug)]
struct Fences {
    every: u64,
    names: Vec<(TenantId, StreamId)>,
}

/// A file while it is read from its first page to its last.
struct Reading<'f> {
    path: &'f str,
    hasher: Sha256,
    /// The last name so far.
    last: Option<(TenantId, StreamId)>,
    count: u64,
    fences: Fences,
}

impl IdleFile {
    /// Reads the whole file that a snapshot lists.
    pub(crate) fn open(disk: &dyn Disk, owner: Owner<'_>, listed: Listed) -> Result<Self, Error> {
        let path = names::streams(listed.number);
        let damaged = |what: &str| Error::damaged(&path, 0, what);
        let bytes = disk.length(&path)?;
        let pages = bytes / length_u64(PAGE_BYTES);
        if !bytes.is_multiple_of(length_u64(PAGE_BYTES)) || pages < 2 {
            return Err(damaged("not a good file of idle streams"));
        }
        let mut reading = Reading {
            path: &path,
            hasher: Sha256::new(),
            last: None,
            count: 0,
            fences: Fences { every: 1, names: Vec::new() },
        };
        reading.read(disk, pages, &Head::new(owner, listed.number, listed.level))?;
        let Reading { hasher, count, fences, .. } = reading;
        let sha256: [u8; 32] = hasher.finalize().into();
        if count != listed.count || sha256 != listed.sha256 {
            return Err(damaged("another file of idle streams than the snapshot names"));
        }
        Ok(Self { listed, pages: pages - 2, fences, last: Mutex::new(None), path })
    }

    /// What the file has of a stream.
    pub(super) fn find(
        &self,
        disk: &dyn Disk,
        name: (&TenantId, &StreamId),
    ) -> Result<Option<IdleStream>, Error> {
        let not_behind = |of: (&TenantId, &StreamId)| of <= name;
        let Some(page) = self.last_page(disk, &not_behind)? else { return Ok(None) };
        let lines = self.page(disk, page)?;
        let place = lines.binary_search_by(|line| line.name().cmp(&name));
        Ok(place.ok().and_then(|place| lines.get(place).cloned()))
    }

    /// Everything in it.
    pub(super) fn scan(self: &Arc<Self>) -> Scan {
        Scan::new(Arc::clone(self), 0)
    }

    /// Everything from a tenant's first stream on.
    pub(super) fn scan_from_tenant(
        self: &Arc<Self>,
        disk: &dyn Disk,
        tenant: &TenantId,
    ) -> Result<Scan, Error> {
        let before = |of: (&TenantId, &StreamId)| of.0 < tenant;
        let page = self.last_page(disk, &before)?.unwrap_or(0);
        let mut scan = Scan::new(Arc::clone(self), page);
        while scan.peek(disk)?.is_some_and(|line| line.tenant < *tenant) {
            scan.next(disk)?;
        }
        Ok(scan)
    }

    /// The last page whose first name `holds` accepts; `holds` accepts names up to some place.
    fn last_page(
        &self,
        disk: &dyn Disk,
        holds: &dyn Fn((&TenantId, &StreamId)) -> bool,
    ) -> Result<Option<u64>, Error> {
        let fences = &self.fences;
        let behind = fences.names.partition_point(|(tenant, stream)| holds((tenant, stream)));
        let Some(fence) = behind.checked_sub(1) else { return Ok(None) };
        let mut low = length_u64(fence) * fences.every;
        let mut high = (low + fences.every).min(self.pages);
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            let lines = self.page(disk, middle)?;
            match lines.first().is_some_and(|line| holds(line.name())) {
                true => low = middle,
                false => high = middle,
            }
        }
        assert!(low < self.pages, "a page of the file");
        Ok(Some(low))
    }

    /// The streams of one page.
    fn page(&self, disk: &dyn Disk, page: u64) -> Result<Arc<Vec<IdleStream>>, Error> {
        assert!(page < self.pages, "a page of the file");
        let held = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((_, lines)) = held.filter(|(of, _)| *of == page) {
            return Ok(lines);
        }
        let offset = (page + 1) * length_u64(PAGE_BYTES);
        let mut bytes = vec![0; PAGE_BYTES];
        let read = disk.read_at(&self.path, offset, &mut bytes)?;
        let lines = decode_lines(bytes.get(..read).unwrap_or_default());
        let lines = lines.map_err(|Short| {
            Error::damaged(&self.path, offset, "a page of idle streams has changed")
        })?;
        let lines = Arc::new(lines);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = Some((page, Arc::clone(&lines)));
        Ok(lines)
    }
}

impl Reading<'_> {
    fn read(&mut self, disk: &dyn Disk, pages: u64, head: &Head) -> Result<(), Error> {
        let mut buffer = vec![0; PAGES_AT_ONCE * PAGE_BYTES];
        let mut at = 0;
        while at < pages {
            let offset = at * length_u64(PAGE_BYTES);
            let read = disk.read_at(self.path, offset, &mut buffer)?;
            for page in buffer.get(..read).unwrap_or_default().chunks(PAGE_BYTES) {
                self.take(page, (at, pages), head).map_err(|Short| {
                    let offset = at * length_u64(PAGE_BYTES);
                    Error::damaged(self.path, offset, "not a good page of idle streams")
                })?;
                at += 1;
            }
            if read == 0 {
                return Err(Error::damaged(self.path, offset, "shorter than it was"));
            }
        }
        Ok(())
    }

    /// Takes page `at` of `pages`.
    fn take(&mut self, page: &[u8], (at, pages): (u64, u64), head: &Head) -> Result<(), Short> {
        self.hasher.update(page);
        if at == 0 {
            return if Head::decode(page)? == *head { Ok(()) } else { Err(Short) };
        }
        if at + 1 == pages {
            let foot = Foot { count: self.count, pages: pages - 2 };
            return if Foot::decode(page)? == foot { Ok(()) } else { Err(Short) };
        }
        let lines = decode_lines(page)?;
        let (Some(first), Some(last)) = (lines.first(), lines.last()) else { return Err(Short) };
        let before = self.last.as_ref().map(|(tenant, stream)| (tenant, stream));
        if before.is_some_and(|before| before >= first.name()) {
            return Err(Short);
        }
        self.fences.note(at - 1, first);
        self.last = Some((last.tenant.clone(), last.stream.clone()));
        self.count += length_u64(lines.len());
        Ok(())
    }
}

impl Fences {
    /// Notes the first name of a page; pages come in order.
    fn note(&mut self, page: u64, first: &IdleStream) {
        if !page.is_multiple_of(self.every) {
            return;
        }
        if self.names.len() == FENCES_MAX {
            // Every other fence stays: fewer fences, a few more pages read in between.
            let mut place = 0;
            self.names.retain(|_| {
                place += 1;
                place % 2 == 1
            });
            self.every *= 2;
        }
        if page.is_multiple_of(self.every) {
            self.names.push((first.tenant.clone(), first.stream.clone()));
        }
        assert!(self.names.len() <= FENCES_MAX, "fences are bounded");
    }
}

/// A file's streams in order.
#[derive(Debug)]
pub(crate) struct Scan {
    file: Arc<IdleFile>,
    page: u64,
    place: usize,
    lines: Option<Arc<Vec<IdleStream>>>,
}

impl Scan {
    /// From the first stream of a page on.
    fn new(file: Arc<IdleFile>, page: u64) -> Self {
        Self { file, page, place: 0, lines: None }
    }

    /// The next stream, left where it is.
    pub(super) fn peek(&mut self, disk: &dyn Disk) -> Result<Option<&IdleStream>, Error> {
        if self.lines.as_ref().is_some_and(|lines| self.place >= lines.len()) {
            (self.lines, self.page, self.place) = (None, self.page + 1, 0);
        }
        if self.lines.is_none() {
            if self.page >= self.file.pages {
                return Ok(None);
            }
            self.lines = Some(self.file.page(disk, self.page)?);
        }
        Ok(self.lines.as_ref().and_then(|lines| lines.get(self.place)))
    }

    /// The next stream.
    pub(super) fn next(&mut self, disk: &dyn Disk) -> Result<Option<IdleStream>, Error> {
        let next = self.peek(disk)?.cloned();
        self.place += usize::from(next.is_some());
        Ok(next)
    }
}
