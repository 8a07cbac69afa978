//! All of the ledger's disk access: the `Disk` trait, and the real disk behind it.
//!
//! It promises that every operation names exactly what it makes durable and what it does not:
//! bytes are durable after `sync_data` of their file, names after `sync_dir` of their folder, and
//! nothing else is. No operation syncs on the quiet, retries, or papers over a failure: after a
//! failed sync the caller must treat the file's state as unknown, because the kernel marks the
//! pages clean while they never reached the disk.
//! It refuses paths that leave the root. The second implementation is the simulator's, which drops,
//! tears and fails all of this under one seed.

use std::fmt;
use std::io;

pub use self::lock::{LockError, StoreLock};
pub use self::real::RealDisk;

mod lock;
mod real;

/// Files and folders below one root, by `/`-separated relative paths; `""` is the root itself.
///
/// Object safe and shared between threads. Every error is a [`DiskError`] that names operation,
/// path and kind. The order of two calls by one thread is kept for a running process; after a power
/// cut only what was synced is promised, and of the rest any subset may have happened.
pub trait Disk: fmt::Debug + Send + Sync {
    /// The names (not paths) of the files directly in `dir`, sorted. Folders are left out.
    /// Fails with `NotFound` if there is no such folder.
    fn list(&self, dir: &str) -> Result<Vec<String>, DiskError>;

    /// A file's length in bytes. Fails with `NotFound` if there is no such file.
    fn length(&self, path: &str) -> Result<u64, DiskError>;

    /// Makes a new, empty file. Fails with `AlreadyExists` rather than touch an old one. The name
    /// is durable only after [`Disk::sync_dir`] of its folder.
    fn create(&self, path: &str) -> Result<(), DiskError>;

    /// Reads into `buffer` from byte `offset` on; returns how many bytes were read, fewer than
    /// asked for only at the end of the file.
    fn read_at(&self, path: &str, offset: u64, buffer: &mut [u8]) -> Result<usize, DiskError>;

    /// Writes all of `bytes` at byte `offset`, extending the file if need be. On failure any part
    /// of it may have been written. Durable only after [`Disk::sync_data`].
    fn write_at(&self, path: &str, offset: u64, bytes: &[u8]) -> Result<(), DiskError>;

    /// Writes zeros over bytes `from..to`, extending the file if need be, so that later writes in
    /// that range need no new blocks and their sync touches no metadata.
    fn zero_fill(&self, path: &str, from: u64, to: u64) -> Result<(), DiskError>;

    /// Cuts a file to `bytes`, and gives the room behind them back; a shorter file stays as it is.
    /// Durable only after [`Disk::sync_data`].
    fn shorten(&self, path: &str, bytes: u64) -> Result<(), DiskError>;

    /// Makes a file's bytes and length durable (`fdatasync`). After a failure the bytes written
    /// since the last success may be readable and yet lost at the next power cut; calling again
    /// proves nothing, so nobody may.
    fn sync_data(&self, path: &str) -> Result<(), DiskError>;

    /// Makes the names in a folder durable: what was created, renamed and removed in it.
    fn sync_dir(&self, dir: &str) -> Result<(), DiskError>;

    /// Gives a file a new name, replacing a file that has it. Atomic for a running process;
    /// durable only after [`Disk::sync_dir`] of the folders concerned.
    fn rename(&self, from: &str, to: &str) -> Result<(), DiskError>;

    /// Removes a file. Durable only after [`Disk::sync_dir`] of its folder.
    fn remove(&self, path: &str) -> Result<(), DiskError>;

    /// Makes a folder and the folders above it; one that is there already is fine. Durable only
    /// after [`Disk::sync_dir`] of the folder above each.
    fn create_dir(&self, dir: &str) -> Result<(), DiskError>;
}

/// What was being done when the disk said no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// [`Disk::list`]
    List,
    /// [`Disk::length`]
    Length,
    /// [`Disk::create`]
    Create,
    /// [`Disk::read_at`]
    Read,
    /// [`Disk::write_at`]
    Write,
    /// [`Disk::zero_fill`]
    ZeroFill,
    /// [`Disk::shorten`]
    Shorten,
    /// [`Disk::sync_data`]
    SyncData,
    /// [`Disk::sync_dir`]
    SyncDir,
    /// [`Disk::rename`]
    Rename,
    /// [`Disk::remove`]
    Remove,
    /// [`Disk::create_dir`]
    CreateDir,
}

impl fmt::Display for Operation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::List => "list",
            Self::Length => "measure",
            Self::Create => "create",
            Self::Read => "read",
            Self::Write => "write",
            Self::ZeroFill => "zero-fill",
            Self::Shorten => "shorten",
            Self::SyncData => "sync",
            Self::SyncDir => "sync the folder",
            Self::Rename => "rename",
            Self::Remove => "remove",
            Self::CreateDir => "make the folder",
        })
    }
}

/// One refused disk operation. It holds no handle and can be cloned, so that a poisoned writer
/// can give the same reason to everyone who asks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot {operation} `{path}`: {detail}")]
pub struct DiskError {
    /// What was tried.
    pub operation: Operation,
    /// The path below the store's root.
    pub path: String,
    /// The kind the operating system gave; a full disk is `StorageFull`.
    pub kind: io::ErrorKind,
    /// The operating system's words.
    pub detail: String,
}

impl DiskError {
    /// An error of `operation` on `path` for the reason that `error` gives.
    #[must_use]
    pub fn new(operation: Operation, path: &str, error: &io::Error) -> Self {
        Self { operation, path: path.to_owned(), kind: error.kind(), detail: error.to_string() }
    }

    /// Whether the disk (or the quota on it) is full: the one fault that goes away by itself.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(self.kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
    }

    /// Whether the file or folder was not there.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.kind == io::ErrorKind::NotFound
    }
}

/// Whether there is a file of this path.
pub fn exists(disk: &dyn Disk, path: &str) -> Result<bool, DiskError> {
    match disk.length(path) {
        Ok(_) => Ok(true),
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(error),
    }
}

/// A whole file, refused with `FileTooLarge` if it is longer than `limit` bytes: what lies on disk
/// is outside data, and its length must not choose how much memory is taken.
pub fn read(disk: &dyn Disk, path: &str, limit: u64) -> Result<Vec<u8>, DiskError> {
    let mut bytes = Vec::new();
    read_into(disk, path, limit, &mut bytes)?;
    Ok(bytes)
}

/// As [`read`], into a buffer that is used again: files of one length then cost no fresh memory.
pub fn read_into(
    disk: &dyn Disk,
    path: &str,
    limit: u64,
    bytes: &mut Vec<u8>,
) -> Result<(), DiskError> {
    let refuse = |kind: io::ErrorKind| DiskError::new(Operation::Read, path, &kind.into());
    let length = disk.length(path)?;
    if length > limit {
        return Err(refuse(io::ErrorKind::FileTooLarge));
    }
    let size = usize::try_from(length).map_err(|_| refuse(io::ErrorKind::FileTooLarge))?;
    bytes.resize(size, 0);
    let read = disk.read_at(path, 0, bytes)?;
    // A file that shrinks while it is read is not ours to guess about.
    if read != size {
        return Err(refuse(io::ErrorKind::UnexpectedEof));
    }
    Ok(())
}

/// Puts `bytes` durably under `path`, whole or not at all: a temporary file `<path>.tmp` is
/// written, synced, renamed over, and the folder is synced. A left-over temporary file of an
/// earlier try is replaced.
pub fn replace(disk: &dyn Disk, path: &str, bytes: &[u8]) -> Result<(), DiskError> {
    let temporary = format!("{path}.tmp");
    match disk.remove(&temporary) {
        Err(error) if !error.is_not_found() => return Err(error),
        _ => {}
    }
    disk.create(&temporary)?;
    disk.write_at(&temporary, 0, bytes)?;
    disk.sync_data(&temporary)?;
    disk.rename(&temporary, path)?;
    disk.sync_dir(parent(path))
}

/// The folder that a path stands in; `""` for a file in the root.
#[must_use]
pub fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

#[cfg(test)]
mod tests;
