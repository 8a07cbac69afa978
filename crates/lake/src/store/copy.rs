//! A copy of a SQLite database that must not be touched where it lies, as one state of it.
//!
//! ```text
//! mark -> copy the database -> copy its log -> mark again: the same, or once more
//! ```
//!
//! A writer puts pages into the database from its write-ahead log alone, and begins the log anew, with other salts in its
//! head, only after all of it is there. As long as the head stays the same, the log that is copied last makes the copied
//! database whole, however far its pages had come.
//!
//! Promises: nothing is written, locked or made beside the database; what is copied is one state of it, while another
//! process writes, starts and stops, too. Refuses a database whose log begins anew each time it is copied.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Bytes of the head of a write-ahead log.
const HEAD_BYTES: u64 = 32;
/// How often a copy is tried.
const COPIES_MAX: usize = 8;

/// What tells whether pages may have come into the database from another log.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Mark {
    /// The head of its log; empty for one that nothing was written to.
    Log(Vec<u8>),
    /// Without a log nobody has it open: when it was written, and its length.
    Alone(SystemTime, u64),
}

/// Copies the database `name` in `folder`, and its log if there is one, into `scratch`: the copy's path, or `None` if
/// there is no such database.
///
/// # Errors
/// When a file cannot be read or copied, and `ResourceBusy` when its log began anew each time.
pub fn copied(folder: &Path, name: &str, scratch: &Path) -> io::Result<Option<PathBuf>> {
    copied_while(folder, name, scratch, &mut || ())
}

/// The same; `between` is called after each file, for another process in tests.
fn copied_while(
    folder: &Path,
    name: &str,
    scratch: &Path,
    between: &mut dyn FnMut(),
) -> io::Result<Option<PathBuf>> {
    let (database, copy) = (folder.join(name), scratch.join(name));
    let log = format!("{name}-wal");
    let (log, log_copy) = (folder.join(&log), scratch.join(&log));
    for _ in 0..COPIES_MAX {
        let Some(before) = mark(&database, &log)? else { return Ok(None) };
        copy_file(&database, &copy)?;
        between();
        if found(copy_file(&log, &log_copy))?.is_none() {
            // One of an earlier try belongs to another state.
            found(fs::remove_file(&log_copy))?;
        }
        between();
        if mark(&database, &log)?.as_ref() == Some(&before) {
            return Ok(Some(copy));
        }
    }
    Err(io::Error::new(io::ErrorKind::ResourceBusy, "it is written to all the time"))
}

/// The mark of a database; `None` if there is no database.
#[expect(clippy::disallowed_methods, reason = "the read is bounded by `take`")]
fn mark(database: &Path, log: &Path) -> io::Result<Option<Mark>> {
    let Some(file) = found(fs::metadata(database))? else { return Ok(None) };
    let Some(log) = found(File::open(log))? else {
        return Ok(Some(Mark::Alone(file.modified()?, file.len())));
    };
    let mut head = Vec::new();
    log.take(HEAD_BYTES).read_to_end(&mut head)?;
    Ok(Some(Mark::Log(head)))
}

/// Copies a file's bytes and not its permissions: SQLite writes to the copy.
fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    let mut from = File::open(from)?;
    io::copy(&mut from, &mut File::create(to)?).map(drop)
}

/// What is there, or `None`.
fn found<T>(looked: io::Result<T>) -> io::Result<Option<T>> {
    match looked {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        looked => looked.map(Some),
    }
}

#[cfg(test)]
mod tests;
