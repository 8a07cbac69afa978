//! Writing one file of idle streams: page after page under a temporary name, then all of it durable
//! at once.
//!
//! It promises that a file under its own name was durable, whole, and read back. Until
//! [`Closed::publish`] returns nothing may be forgotten on its account. It refuses streams that do
//! not come in order.

use event::ids::TenantId;
use sha2::{Digest, Sha256};

use super::file::{IdleFile, Listed};
use super::page::{Foot, Head, Lines, PAGE_BYTES};
use super::{IdleStream, Owner};
use crate::cursor::length_u64;
use crate::disk::{self, Disk};
use crate::error::Error;
use crate::names::{self, UNFINISHED};
use crate::request::StreamId;

/// Bytes that are written at once.
const WRITE_BYTES: usize = 256 * PAGE_BYTES;

/// A file that grows.
#[derive(Debug)]
pub(crate) struct FileWriter {
    head: Head,
    lines: Lines,
    /// Pages that are not written yet.
    buffer: Vec<u8>,
    written: u64,
    hasher: Sha256,
    count: u64,
    pages: u64,
    last: Option<(TenantId, StreamId)>,
}

/// A file of which every byte is written, none of it durable yet.
#[derive(Debug)]
pub(crate) struct Closed {
    head: Head,
    pub(crate) listed: Listed,
}

impl FileWriter {
    /// Begins a file; what an earlier try left behind is replaced.
    pub(crate) fn begin(
        disk: &dyn Disk,
        owner: Owner<'_>,
        number: u64,
        level: u8,
    ) -> Result<Self, Error> {
        let temporary = temporary(number);
        match disk.remove(&temporary) {
            Err(error) if !error.is_not_found() => return Err(error.into()),
            _ => {}
        }
        disk.create(&temporary)?;
        let head = Head::new(owner, number, level);
        let mut writer = Self {
            lines: Lines::default(),
            buffer: Vec::new(),
            written: 0,
            hasher: Sha256::new(),
            count: 0,
            pages: 0,
            last: None,
            head,
        };
        let first = writer.head.encode();
        writer.put(disk, &first)?;
        Ok(writer)
    }

    /// Takes the next stream, by name.
    pub(crate) fn push(&mut self, disk: &dyn Disk, idle: &IdleStream) -> Result<(), Error> {
        let before = self.last.as_ref().map(|(tenant, stream)| (tenant, stream));
        assert!(before.is_none_or(|before| before < idle.name()), "streams come by name");
        if !self.lines.push(idle) {
            self.end_page(disk)?;
            assert!(self.lines.push(idle), "an empty page holds any line");
        }
        self.last = Some((idle.tenant.clone(), idle.stream.clone()));
        self.count += 1;
        Ok(())
    }

    /// Writes what is left.
    pub(crate) fn close(mut self, disk: &dyn Disk) -> Result<Closed, Error> {
        assert!(self.count > 0, "a file holds something");
        if !self.lines.is_empty() {
            self.end_page(disk)?;
        }
        let foot = Foot { count: self.count, pages: self.pages }.encode();
        self.put(disk, &foot)?;
        self.flush(disk)?;
        let Head { number, level, .. } = self.head;
        let sha256 = self.hasher.finalize().into();
        let listed = Listed { number, level, count: self.count, sha256 };
        Ok(Closed { head: self.head, listed })
    }

    fn end_page(&mut self, disk: &dyn Disk) -> Result<(), Error> {
        let page = self.lines.take();
        self.pages += 1;
        self.put(disk, &page)
    }

    fn put(&mut self, disk: &dyn Disk, page: &[u8]) -> Result<(), Error> {
        self.hasher.update(page);
        self.buffer.extend_from_slice(page);
        if self.buffer.len() >= WRITE_BYTES { self.flush(disk) } else { Ok(()) }
    }

    fn flush(&mut self, disk: &dyn Disk) -> Result<(), Error> {
        disk.write_at(&temporary(self.head.number), self.written, &self.buffer)?;
        self.written += length_u64(self.buffer.len());
        self.buffer.clear();
        Ok(())
    }
}

impl Closed {
    /// Makes the file durable under its name and reads it back.
    pub(crate) fn publish(self, disk: &dyn Disk) -> Result<IdleFile, Error> {
        let path = names::streams(self.listed.number);
        let temporary = temporary(self.listed.number);
        disk.sync_data(&temporary)?;
        disk.rename(&temporary, &path)?;
        disk.sync_dir(disk::parent(&path))?;
        // The hash was taken of what was to be written: what is read back is that, or damage.
        IdleFile::open(disk, (&self.head.store, self.head.shard), self.listed)
    }
}

/// Removes what a try that was given up left behind.
pub(crate) fn give_up(disk: &dyn Disk, number: u64) -> Result<(), Error> {
    match disk.remove(&temporary(number)) {
        Err(error) if !error.is_not_found() => Err(error.into()),
        _ => Ok(()),
    }
}

fn temporary(number: u64) -> String {
    format!("{}{UNFINISHED}", names::streams(number))
}
