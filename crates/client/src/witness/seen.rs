//! What was seen of the ledger, in the spool's folder.
//!
//! ```text
//! checkpoint           the newest checkpoint that was found consistent, as it was signed
//! checkpoint.conflict  one line that says why, then the checkpoint that does not follow from it
//! ```
//!
//! Promises: a file is written beside its place, synced and renamed, so that it is whole or the one before. Refuses to
//! replace evidence.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use tlog::checkpoint::Checkpoint;

use crate::spool::sync_folder;
use crate::trouble::Damage;

const SEEN: &str = "checkpoint";
const CONFLICT: &str = "checkpoint.conflict";
/// A signed checkpoint has a few hundred bytes.
const NOTE_BYTES_MAX: u64 = 64 * 1024;

/// The memory of one spool.
#[derive(Debug)]
pub(super) struct Seen {
    folder: PathBuf,
    note: Option<String>,
    conflict: Option<String>,
}

impl Seen {
    /// What is in `folder`; in a new one, what was seen last by those beside it.
    pub(super) fn open(folder: &Path) -> io::Result<(Seen, Option<Damage>)> {
        let mut damage = None;
        let own = read(&folder.join(SEEN))?;
        let note = match own {
            Some(note) if Checkpoint::read_unverified(&note).is_ok() => Some(note),
            Some(_) => {
                damage = Some(set_aside(folder)?);
                None
            }
            None => beside(folder)?,
        };
        let conflict = read(&folder.join(CONFLICT))?;
        let conflict = conflict.map(|text| text.lines().next().unwrap_or_default().to_owned());
        Ok((Seen { folder: folder.to_owned(), note, conflict }, damage))
    }

    /// Whether anything was seen.
    pub(super) fn is_some(&self) -> bool {
        self.note.is_some()
    }

    /// The newest checkpoint that was found consistent.
    pub(super) fn note(&self) -> Option<String> {
        self.note.clone()
    }

    /// Why the ledger is not the one that was seen.
    pub(super) fn conflict(&self) -> Option<String> {
        self.conflict.clone()
    }

    /// Where the evidence lies, or would.
    pub(super) fn evidence(&self) -> PathBuf {
        self.folder.join(CONFLICT)
    }

    /// A newer checkpoint was found consistent.
    pub(super) fn keep(&mut self, note: &str) -> io::Result<()> {
        if self.note.as_deref() == Some(note) {
            return Ok(());
        }
        if !cfg!(planted = "witness_forgets") {
            write(&self.folder, SEEN, note)?;
        }
        self.note = Some(note.to_owned());
        Ok(())
    }

    /// One was found that does not follow.
    pub(super) fn keep_conflict(&mut self, note: &str, why: &str) -> io::Result<()> {
        self.conflict = Some(why.to_owned());
        // A memory that came from beside must lie with the evidence.
        if let Some(seen) = &self.note {
            write(&self.folder, SEEN, seen)?;
        }
        write(&self.folder, CONFLICT, &format!("{why}\n\n{note}"))
    }
}

/// What the spools beside `folder` have seen last.
fn beside(folder: &Path) -> io::Result<Option<String>> {
    let Some(root) = folder.parent() else { return Ok(None) };
    let mut newest = None;
    for entry in fs::read_dir(root)? {
        let Some(note) = read(&entry?.path().join(SEEN))? else { continue };
        let Ok(checkpoint) = Checkpoint::read_unverified(&note) else { continue };
        newest = newest.max(Some((checkpoint.size, note)));
    }
    Ok(newest.map(|(_, note)| note))
}

/// A memory that cannot be read is kept for a person, and begun anew.
fn set_aside(folder: &Path) -> io::Result<Damage> {
    let (file, damaged) = (folder.join(SEEN), folder.join("damaged"));
    fs::create_dir_all(&damaged)?;
    fs::rename(&file, damaged.join(SEEN))?;
    sync_folder(&damaged)?;
    sync_folder(folder)?;
    Ok(Damage {
        file,
        offset: 0,
        what: "it is no checkpoint; what was seen is forgotten",
        lost: None,
    })
}

fn read(path: &Path) -> io::Result<Option<String>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error)
            if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    #[expect(clippy::disallowed_methods, reason = "bounded by `take`")]
    file.take(NOTE_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

fn write(folder: &Path, name: &str, text: &str) -> io::Result<()> {
    let unfinished = folder.join(format!("{name}.new"));
    let mut file = File::create(&unfinished)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&unfinished, folder.join(name))?;
    sync_folder(folder)
}
