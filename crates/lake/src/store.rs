//! All of the archive's disk access: files below one data directory, by `/`-separated names.
//!
//! Promises: bytes are durable after [`Draft::sync`], names after [`Store::sync_dir`], and nothing
//! else is; a file gets its name only when its bytes are durable. `object_store` cannot sync, so
//! this is our own. No operation syncs on the quiet or tries a failed sync again: a draft that
//! failed is thrown away, and the next attempt writes another. A disk without room is a typed error
//! ([`Error::DiskFull`]). Every change passes one gate, at which a test stops, refuses or records.
//!
//! It refuses to delete what it does not know: such a file goes to `quarantine/`.

mod copy; // databases that must not be touched

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read, Write};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::Error;
pub use copy::copied;

/// The folder of segment files.
pub(crate) const LAKE: &str = "lake";
/// Where unknown files go.
pub(crate) const QUARANTINE: &str = "quarantine";
/// How the name of an unfinished file ends.
pub(crate) const UNFINISHED: &str = ".tmp";
/// Names that are tried for one file in quarantine.
const QUARANTINE_NAMES_MAX: u32 = 10_000;
/// Bytes that are gathered into one write.
const WRITE_BYTES: usize = 256 * 1024;

/// A change that is about to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// A new, empty file.
    Create(&'a str),
    /// So many bytes at the end of a file.
    Write(&'a str, usize),
    /// A file's bytes become durable.
    Sync(&'a str),
    /// A file gets another name.
    Rename(&'a str, &'a str),
    /// The names in a folder become durable.
    SyncDir(&'a str),
    /// A file goes.
    Remove(&'a str),
    /// A catalog transaction begins.
    Commit,
    /// A catalog transaction is durable, and nobody was told yet.
    Committed,
}

/// Asked before each [`Step`]; an error is that of the step, which is then not made.
pub type Gate = dyn Fn(Step<'_>) -> io::Result<()> + Send + Sync;

/// The files of one data directory.
#[derive(Clone)]
pub struct Store {
    root: PathBuf,
    gate: Option<Arc<Gate>>,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("root", &self.root).finish_non_exhaustive()
    }
}

impl Store {
    /// The files below `root`.
    pub fn new(root: &Path) -> Store {
        Store { root: root.to_owned(), gate: None }
    }

    /// The files below `root`, every change of which passes `gate`.
    pub fn gated(root: &Path, gate: Arc<Gate>) -> Store {
        Store { root: root.to_owned(), gate: Some(gate) }
    }

    /// The path of a file or folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Lets a step pass, or says why it must not be made.
    pub(crate) fn pass(&self, step: Step<'_>) -> io::Result<()> {
        self.gate.as_ref().map_or(Ok(()), |gate| gate(step))
    }

    /// Makes a folder, durably; one that is there is fine.
    pub(crate) fn create_dir(&self, name: &str) -> Result<(), Error> {
        if self.has_folder(name) {
            return Ok(());
        }
        fs::create_dir(self.path(name)).map_err(|error| disk("make", name, error))?;
        self.sync_dir("")
    }

    /// Whether there is such a folder.
    pub(crate) fn has_folder(&self, name: &str) -> bool {
        self.path(name).is_dir()
    }

    /// The names of the files in a folder, sorted; folders in it are left out.
    pub(crate) fn list(&self, folder: &str) -> Result<Vec<String>, Error> {
        let failed = |error| disk("list", folder, error);
        let mut names = Vec::new();
        for entry in fs::read_dir(self.path(folder)).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if entry.file_type().map_err(failed)?.is_dir() {
                continue;
            }
            // A name that is not UTF-8 is none of ours, and there is no way to say it: it stays.
            names.extend(entry.file_name().into_string());
        }
        names.sort();
        Ok(names)
    }

    /// A file's length, or `None` if there is no such file.
    pub(crate) fn length(&self, name: &str) -> Result<Option<u64>, Error> {
        match fs::metadata(self.path(name)) {
            Ok(file) => Ok(Some(file.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(disk("look at", name, error)),
        }
    }

    /// Opens a file to be read at any place.
    pub(crate) fn open(&self, name: &str) -> Result<Stored, Error> {
        let failed = |error| disk("open", name, error);
        let file = File::open(self.path(name)).map_err(failed)?;
        let bytes = file.metadata().map_err(failed)?.len();
        Ok(Stored { file: Arc::new(file), bytes })
    }

    /// Begins a file that will be called `name`. An unfinished one of that name is written over.
    pub(crate) fn draft(&self, name: &str) -> Result<Draft, Error> {
        let temporary = format!("{name}{UNFINISHED}");
        let failed = |error| disk("make", &temporary, error);
        self.pass(Step::Create(&temporary)).map_err(failed)?;
        let options = OpenOptions::new().write(true).create(true).truncate(true).to_owned();
        let file = options.open(self.path(&temporary)).map_err(failed)?;
        let (store, name) = (self.clone(), name.to_owned());
        let waiting = Vec::with_capacity(WRITE_BYTES);
        Ok(Draft { store, file, name, temporary, waiting, failed: None, is_named: false })
    }

    /// Removes a file; one that is gone is fine. Durable after [`Store::sync_dir`].
    pub(crate) fn remove(&self, name: &str) -> Result<(), Error> {
        let removed = self.pass(Step::Remove(name)).and_then(|()| fs::remove_file(self.path(name)));
        match removed {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other.map_err(|error| disk("remove", name, error)),
        }
    }

    /// Gives a file another name in the same folder. Durable after [`Store::sync_dir`].
    pub(crate) fn rename(&self, from: &str, to: &str) -> Result<(), Error> {
        let named = self
            .pass(Step::Rename(from, to))
            .and_then(|()| fs::rename(self.path(from), self.path(to)));
        named.map_err(|error| disk("rename", from, error))
    }

    /// Makes the bytes of a file that somebody else has written durable.
    pub(crate) fn sync_file(&self, name: &str) -> Result<(), Error> {
        let synced = self
            .pass(Step::Sync(name))
            .and_then(|()| OpenOptions::new().write(true).open(self.path(name))?.sync_all());
        synced.map_err(|error| disk("sync", name, error))
    }

    /// Makes the names in a folder durable.
    pub(crate) fn sync_dir(&self, folder: &str) -> Result<(), Error> {
        let synced = self
            .pass(Step::SyncDir(folder))
            .and_then(|()| File::open(self.path(folder))?.sync_all());
        synced.map_err(|error| disk("sync", folder, error))
    }

    /// Moves a file that nobody knows out of the way, never over another; returns its new name.
    pub(crate) fn quarantine(&self, name: &str) -> Result<String, Error> {
        self.create_dir(QUARANTINE)?;
        let last = name.rsplit('/').next().unwrap_or(name);
        let mut to = format!("{QUARANTINE}/{last}");
        for number in 1..QUARANTINE_NAMES_MAX {
            if fs::symlink_metadata(self.path(&to)).is_err() {
                break;
            }
            to = format!("{QUARANTINE}/{last}.{number}");
        }
        let moved = self
            .pass(Step::Rename(name, &to))
            .and_then(|()| fs::rename(self.path(name), self.path(&to)));
        moved.map_err(|error| disk("move to quarantine", name, error))?;
        self.sync_dir(QUARANTINE)?;
        self.sync_dir(name.rsplit_once('/').map_or("", |(folder, _)| folder))?;
        Ok(to)
    }
}

/// A file under construction. Dropped before it has its name, it is removed again.
#[derive(Debug)]
pub(crate) struct Draft {
    store: Store,
    file: File,
    name: String,
    temporary: String,
    waiting: Vec<u8>,
    failed: Option<io::ErrorKind>,
    is_named: bool,
}

impl Draft {
    /// Writes out what waits and makes the bytes durable.
    pub(crate) fn sync(&mut self) -> Result<(), Error> {
        // The planted fault: what the page cache shows is taken for durable.
        if cfg!(planted = "segment_no_sync") {
            return self.flush().map_err(|error| disk("write", &self.temporary, error));
        }
        let synced = self.flush().and_then(|()| self.store.pass(Step::Sync(&self.temporary)));
        let synced = synced.and_then(|()| self.file.sync_all());
        synced.map_err(|error| disk("sync", &self.temporary, error))
    }

    /// Gives the file its name, in place of a file that has it, and makes the name durable.
    pub(crate) fn publish(mut self) -> Result<(), Error> {
        assert!(self.waiting.is_empty(), "a file is synced before it has a name");
        let named = self.store.pass(Step::Rename(&self.temporary, &self.name)).and_then(|()| {
            fs::rename(self.store.path(&self.temporary), self.store.path(&self.name))
        });
        named.map_err(|error| disk("rename", &self.temporary, error))?;
        self.is_named = true;
        // The planted fault: a name that a power cut takes back.
        if cfg!(planted = "segment_no_dir_sync") {
            return Ok(());
        }
        let folder = self.name.rsplit_once('/').map_or("", |(folder, _)| folder);
        self.store.sync_dir(folder)
    }

    /// What went wrong below a writer that hides it: a disk without room, or nothing.
    pub(crate) fn failure(&self) -> Option<Error> {
        let kind = self.failed?;
        Some(disk("write", &self.temporary, kind.into()))
    }

    fn write_out(&mut self) -> io::Result<()> {
        let passed = self.store.pass(Step::Write(&self.temporary, self.waiting.len()));
        let written = passed.and_then(|()| self.file.write_all(&self.waiting));
        self.waiting.clear();
        written.inspect_err(|error| self.failed = Some(error.kind()))
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.waiting.extend_from_slice(bytes);
        if self.waiting.len() >= WRITE_BYTES {
            self.write_out()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.waiting.is_empty() { Ok(()) } else { self.write_out() }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.is_named {
            // What cannot be removed now is removed at the next start: its name says what it is.
            let _left = self.store.remove(&self.temporary);
        }
    }
}

/// An open file that is only read.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    file: Arc<File>,
    bytes: u64,
}

impl Stored {
    /// Its length when it was opened.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// `length` bytes from `from` on, all of which must be there.
    pub(crate) fn read(&self, from: u64, length: usize) -> io::Result<Vec<u8>> {
        let end = u64::try_from(length).ok().and_then(|length| from.checked_add(length));
        if end.is_none_or(|end| end > self.bytes) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, from)?;
        Ok(bytes)
    }
}

impl parquet::file::reader::Length for Stored {
    fn len(&self) -> u64 {
        self.bytes
    }
}

impl parquet::file::reader::ChunkReader for Stored {
    type T = BufReader<ReadOn>;

    fn get_read(&self, start: u64) -> parquet::errors::Result<Self::T> {
        Ok(BufReader::new(ReadOn { stored: self.clone(), at: start }))
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<bytes::Bytes> {
        Ok(self.read(start, length)?.into())
    }
}

/// Reads on from a place in a file, without a place of the file's own.
#[derive(Debug)]
pub(crate) struct ReadOn {
    stored: Stored,
    at: u64,
}

impl Read for ReadOn {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.stored.file.read_at(buffer, self.at)?;
        self.at += u64::try_from(read).unwrap_or(0);
        Ok(read)
    }
}

/// An error of the operating system: a disk without room apart, because it heals by itself.
pub(crate) fn disk(doing: &'static str, name: &str, source: io::Error) -> Error {
    let path = name.to_owned();
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            Error::DiskFull { doing, path }
        }
        _ => Error::Disk { doing, path, source },
    }
}

#[cfg(test)]
mod tests;
