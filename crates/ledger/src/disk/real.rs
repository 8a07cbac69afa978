//! The real disk: `Disk` on one folder of the file system. It keeps the handles of the files it
//! writes, so that a hot write is one `pwrite` and one `fdatasync` and so that a write-back error
//! is reported to the handle that wrote; handles are bounded and never leave this file. It adds
//! no buffering and no sync of its own.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Disk, DiskError, Operation};

/// Handles kept open for writing. A writer has two WAL files, the slot and a pack in hand; the rest
/// is slack.
const HANDLES_MAX: usize = 16;

/// Zeros are written in pieces of this many bytes.
static ZEROS: [u8; 256 * 1024] = [0; 256 * 1024];

/// A folder of the file system as a [`Disk`].
#[derive(Debug)]
pub struct RealDisk {
    root: PathBuf,
    /// Most recently used first.
    handles: Mutex<VecDeque<(String, Arc<File>)>>,
}

impl RealDisk {
    /// The disk below `root`, which need not exist until something is made in it.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_path_buf(), handles: Mutex::new(VecDeque::new()) }
    }

    fn full(&self, operation: Operation, path: &str) -> Result<PathBuf, DiskError> {
        let relative = Path::new(path);
        let inside = relative.components().all(|part| matches!(part, Component::Normal(_)));
        if !inside {
            let error = io::Error::new(io::ErrorKind::InvalidInput, "the path leaves the store");
            return Err(DiskError::new(operation, path, &error));
        }
        Ok(self.root.join(relative))
    }

    fn handles(&self) -> MutexGuard<'_, VecDeque<(String, Arc<File>)>> {
        // The list is valid after every single step, so another thread's panic leaves it usable.
        self.handles.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The kept handle of a file, moved to the front.
    fn kept(&self, path: &str) -> Option<Arc<File>> {
        let mut handles = self.handles();
        let at = handles.iter().position(|(name, _)| name == path)?;
        if at != 0 {
            let entry = handles.remove(at)?;
            handles.push_front(entry);
        }
        handles.front().map(|(_, file)| Arc::clone(file))
    }

    fn keep(&self, path: &str, file: File) -> Arc<File> {
        let file = Arc::new(file);
        let mut handles = self.handles();
        handles.retain(|(name, _)| name != path);
        handles.push_front((path.to_owned(), Arc::clone(&file)));
        handles.truncate(HANDLES_MAX);
        assert!(handles.len() <= HANDLES_MAX, "open handles are bounded");
        file
    }

    /// A name that changes its file must not keep the handle of the old one.
    fn forget(&self, path: &str) {
        self.handles().retain(|(name, _)| name != path);
    }

    fn writable(&self, operation: Operation, path: &str) -> Result<Arc<File>, DiskError> {
        if let Some(file) = self.kept(path) {
            return Ok(file);
        }
        let full = self.full(operation, path)?;
        let opened = OpenOptions::new().read(true).write(true).open(full);
        Ok(self.keep(path, opened.map_err(|error| DiskError::new(operation, path, &error))?))
    }
}

impl Disk for RealDisk {
    fn list(&self, dir: &str) -> Result<Vec<String>, DiskError> {
        let full = self.full(Operation::List, dir)?;
        list_files(&full).map_err(|error| DiskError::new(Operation::List, dir, &error))
    }

    fn length(&self, path: &str) -> Result<u64, DiskError> {
        let full = self.full(Operation::Length, path)?;
        let found = fs::metadata(full).map(|file| file.len());
        found.map_err(|error| DiskError::new(Operation::Length, path, &error))
    }

    fn create(&self, path: &str) -> Result<(), DiskError> {
        let full = self.full(Operation::Create, path)?;
        let made = OpenOptions::new().read(true).write(true).create_new(true).open(full);
        let file = made.map_err(|error| DiskError::new(Operation::Create, path, &error))?;
        self.keep(path, file);
        Ok(())
    }

    fn read_at(&self, path: &str, offset: u64, buffer: &mut [u8]) -> Result<usize, DiskError> {
        let fail = |error: io::Error| DiskError::new(Operation::Read, path, &error);
        match self.kept(path) {
            Some(file) => read_full(&file, offset, buffer).map_err(fail),
            None => {
                let file = File::open(self.full(Operation::Read, path)?).map_err(fail)?;
                read_full(&file, offset, buffer).map_err(fail)
            }
        }
    }

    fn write_at(&self, path: &str, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        let file = self.writable(Operation::Write, path)?;
        let written = file.write_all_at(bytes, offset);
        written.map_err(|error| DiskError::new(Operation::Write, path, &error))
    }

    fn zero_fill(&self, path: &str, from: u64, to: u64) -> Result<(), DiskError> {
        let file = self.writable(Operation::ZeroFill, path)?;
        zero(&file, from, to).map_err(|error| DiskError::new(Operation::ZeroFill, path, &error))
    }

    fn shorten(&self, path: &str, bytes: u64) -> Result<(), DiskError> {
        let file = self.writable(Operation::Shorten, path)?;
        let fail = |error: io::Error| DiskError::new(Operation::Shorten, path, &error);
        if file.metadata().map_err(fail)?.len() <= bytes {
            return Ok(());
        }
        file.set_len(bytes).map_err(fail)
    }

    fn sync_data(&self, path: &str) -> Result<(), DiskError> {
        let file = self.writable(Operation::SyncData, path)?;
        let synced = file.sync_data();
        synced.map_err(|error| DiskError::new(Operation::SyncData, path, &error))
    }

    fn sync_dir(&self, dir: &str) -> Result<(), DiskError> {
        let full = self.full(Operation::SyncDir, dir)?;
        let synced = File::open(full).and_then(|folder| folder.sync_all());
        synced.map_err(|error| DiskError::new(Operation::SyncDir, dir, &error))
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        let old = self.full(Operation::Rename, from)?;
        let new = self.full(Operation::Rename, to)?;
        self.forget(from);
        self.forget(to);
        fs::rename(old, new).map_err(|error| DiskError::new(Operation::Rename, from, &error))
    }

    fn remove(&self, path: &str) -> Result<(), DiskError> {
        let full = self.full(Operation::Remove, path)?;
        self.forget(path);
        fs::remove_file(full).map_err(|error| DiskError::new(Operation::Remove, path, &error))
    }

    fn create_dir(&self, dir: &str) -> Result<(), DiskError> {
        let full = self.full(Operation::CreateDir, dir)?;
        fs::create_dir_all(full).map_err(|error| DiskError::new(Operation::CreateDir, dir, &error))
    }
}

fn list_files(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            continue;
        }
        let name = entry.file_name().into_string();
        names.push(name.map_err(|_| io::Error::from(io::ErrorKind::InvalidFilename))?);
    }
    names.sort_unstable();
    Ok(names)
}

/// Reads until the buffer is full or the file ends.
fn read_full(file: &File, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
    let mut done = 0;
    while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
        let at = offset.saturating_add(u64::try_from(done).unwrap_or(u64::MAX));
        match file.read_at(rest, at) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    assert!(done <= buffer.len(), "a read cannot give more than its buffer holds");
    Ok(done)
}

fn zero(file: &File, from: u64, to: u64) -> io::Result<()> {
    let mut at = from;
    while at < to {
        let left = usize::try_from(to - at).unwrap_or(usize::MAX);
        let piece = ZEROS.get(..left.min(ZEROS.len())).unwrap_or(&ZEROS);
        file.write_all_at(piece, at)?;
        at += u64::try_from(piece.len()).unwrap_or(u64::MAX);
    }
    assert!(at == to || from > to, "zeros end exactly where they were asked to end");
    Ok(())
}
