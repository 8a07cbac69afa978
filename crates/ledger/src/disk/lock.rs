//! The single-owner lock of a store: an operating-system lock on the file `lock`, which the kernel
//! lets go when its process dies, however it dies. It promises that two processes never own one
//! store, and that the one that comes second can say who the first one is. It never judges a store
//! by what the file says: only the kernel's lock counts, the text is for people.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// The longest text ever read back from a lock file, in bytes.
const TEXT_BYTES_MAX: usize = 512;

/// A held lock. The store is free again when this value is dropped or its process ends.
#[derive(Debug)]
pub struct StoreLock {
    file: File,
    pid: u32,
}

/// Why a store could not be owned.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process owns the store.
    #[error("the store is in use by process {pid} at {address}")]
    Held {
        /// The owner's process id as it wrote it down, or `unknown`.
        pid: String,
        /// The owner's listen address as it wrote it down, or `unknown`.
        address: String,
    },
    /// The lock file could not be opened or locked at all.
    #[error("cannot lock the store: {source}")]
    Io {
        /// What the operating system said.
        #[from]
        source: io::Error,
    },
}

impl StoreLock {
    /// Takes the lock file `lock` in the folder `root`, at once or not at all.
    pub fn acquire(root: &Path, pid: u32) -> Result<Self, LockError> {
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false);
        let file = file.open(root.join("lock"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(held_by(&file)),
            Err(TryLockError::Error(source)) => return Err(LockError::Io { source }),
        }
        let lock = Self { file, pid };
        lock.name_address("unknown")?;
        Ok(lock)
    }

    /// Writes down the address at which the owner can be reached, for whoever finds the store
    /// locked. Not synced: after a crash nobody holds the lock, and nobody reads the text.
    pub fn name_address(&self, address: &str) -> io::Result<()> {
        let text = format!("pid {}\naddress {address}\n", self.pid);
        assert!(text.len() <= TEXT_BYTES_MAX, "an address is short");
        self.file.write_all_at(text.as_bytes(), 0)?;
        self.file.set_len(u64::try_from(text.len()).unwrap_or(0))
    }
}

fn held_by(file: &File) -> LockError {
    let mut bytes = [0; TEXT_BYTES_MAX];
    let read = file.read_at(&mut bytes, 0).unwrap_or(0);
    let text = String::from_utf8_lossy(bytes.get(..read).unwrap_or_default());
    let field = |name: &str| {
        let found = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        found.unwrap_or("unknown").to_owned()
    };
    LockError::Held { pid: field("pid"), address: field("address") }
}
