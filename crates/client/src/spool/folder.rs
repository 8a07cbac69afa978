//! The folder of a service: one spool per process that runs, each in a folder of its own, named after its instance.
//!
//! ```text
//! <root>/<32 hexadecimal digits>/lock        locked by the process that has it
//!                                delivered   `mark`
//!                                <first seq, 20 digits>.spool
//!                                damaged/    files as they were found
//! <root>/<32 hexadecimal digits>.damaged/    a spool of which nothing could be read
//! ```
//!
//! Promises: a spool has one process at a time, by a lock that ends with it; a process takes a free spool before it makes
//! a new one, so that there are never more than processes at once; the free ones that have events left are adopted, when
//! a process starts and while it goes on. Refuses to wait for a lock.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use event::ids::{Instance, Seq};

use super::mark::Mark;
use super::recover::{self, Opening, sync_folder};
use super::{Delivered, End, Spool, make_segment};
use crate::clock::draw_instance;
use crate::trouble::Trouble;

/// Spools of the dead that one process adopts; the next takes the rest.
const ADOPTED_MAX: usize = 64;
/// How many instances are drawn before a folder that cannot be made is an error.
const DRAWS_MAX: u32 = 8;

/// The spools that a process has.
#[derive(Debug)]
pub(crate) struct Taken {
    /// The one that it writes to.
    pub(crate) own: Spool,
    /// Those of processes that ended, with events that are not delivered.
    pub(crate) adopted: Vec<Spool>,
    /// What had to be done to open them.
    pub(crate) troubles: Vec<Trouble>,
}

/// Takes a spool in `root`, and adopts those of the dead.
pub(crate) fn take(root: &Path) -> io::Result<Taken> {
    fs::create_dir_all(root)?;
    let (mut own, mut adopted, mut troubles) = (None, Vec::new(), Vec::new());
    for (folder, instance) in spools_in(root)? {
        let spool = match open(&folder, instance, &mut troubles) {
            Ok(Some(spool)) => spool,
            Ok(None) => continue,
            Err(error) => {
                troubles.push(Trouble::Disk { file: folder, why: error.to_string() });
                continue;
            }
        };
        if own.is_none() && spool.end == End::Open {
            own = Some(spool);
        } else if spool.wanted().is_some() && adopted.len() < ADOPTED_MAX {
            adopted.push(spool);
        }
    }
    let own = match own {
        Some(own) => own,
        None => create(root)?,
    };
    Ok(Taken { own, adopted, troubles })
}

/// The spools beside a process's own, looked at while it goes on.
#[derive(Debug)]
pub(crate) struct Beside {
    root: PathBuf,
    /// Those that had nothing left, and the files by which that is still so.
    empty: BTreeMap<Instance, Vec<(OsString, u64)>>,
}

impl Beside {
    pub(crate) fn new(root: &Path) -> Beside {
        Beside { root: root.to_owned(), empty: BTreeMap::new() }
    }

    /// The folders that are worth opening, by name.
    pub(crate) fn folders(&self) -> io::Result<Vec<(PathBuf, Instance)>> {
        let mut found = Vec::new();
        for (folder, instance) in spools_in(&self.root)? {
            // One that goes away meanwhile is none.
            let files = segments(&folder).unwrap_or_default();
            if self.empty.get(&instance) != Some(&files) {
                found.push((folder, instance));
            }
        }
        Ok(found)
    }

    /// The spool in `folder`, if it is free and has something left.
    pub(crate) fn adopt(
        &mut self,
        (folder, instance): (&Path, Instance),
        troubles: &mut Vec<Trouble>,
    ) -> io::Result<Option<Spool>> {
        let Some(spool) = open(folder, instance, troubles)? else { return Ok(None) };
        if spool.wanted().is_some() {
            self.empty.remove(&instance);
            return Ok(Some(spool));
        }
        self.empty.insert(instance, segments(folder)?);
        Ok(None)
    }
}

/// Name and length of the segments in a folder.
fn segments(folder: &Path) -> io::Result<Vec<(OsString, u64)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.path().extension().is_some_and(|extension| extension == "spool") {
            found.push((entry.file_name(), entry.metadata()?.len()));
        }
    }
    found.sort();
    Ok(found)
}

/// The folders that are spools, by name.
fn spools_in(root: &Path) -> io::Result<Vec<(PathBuf, Instance)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        let name = entry.file_name();
        let named = name.to_str().and_then(|name| Instance::parse(name).ok());
        if let Some(instance) = named.filter(|instance| *instance.to_string() == *name) {
            found.push((entry.path(), instance));
        }
    }
    found.sort_by_key(|(_, instance)| *instance);
    Ok(found)
}

/// The spool in `folder`, unless a process has it or it is of no use.
fn open(
    folder: &Path,
    instance: Instance,
    troubles: &mut Vec<Trouble>,
) -> io::Result<Option<Spool>> {
    let Some(lock) = try_lock(folder)? else { return Ok(None) };
    match recover::recover(folder, instance)? {
        Opening::Ready(mut recovered) => {
            troubles.append(&mut recovered.troubles);
            Spool::open(folder, instance, lock, *recovered).map(Some)
        }
        Opening::Unused => {
            fs::remove_dir_all(folder)?;
            Ok(None)
        }
        Opening::Lost(damage) => {
            let aside = folder.with_extension("damaged");
            fs::rename(folder, aside)?;
            troubles.push(Trouble::Damaged(damage));
            Ok(None)
        }
    }
}

/// A new spool, durable before it is used.
fn create(root: &Path) -> io::Result<Spool> {
    let mut last = None;
    for _ in 0..DRAWS_MAX {
        let instance = draw_instance().map_err(|error| io::Error::other(error.to_string()))?;
        match create_named(root, instance) {
            Ok(Some(spool)) => return Ok(spool),
            // Another process found the folder before it was locked, and took it for an unused one.
            Ok(None) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => last = Some(error),
            Err(error) => return Err(error),
        }
    }
    Err(last.unwrap_or_else(|| io::Error::other("no folder for a spool can be made")))
}

fn create_named(root: &Path, instance: Instance) -> io::Result<Option<Spool>> {
    let folder = root.join(instance.to_string());
    fs::create_dir(&folder)?;
    let Some(lock) = try_lock(&folder)? else { return Ok(None) };
    make_segment(&folder.join(recover::file_name(1)), instance, Seq(1))?;
    sync_folder(&folder)?;
    Mark::open(&folder, Delivered::default())?;
    sync_folder(&folder)?;
    sync_folder(root)?;
    match recover::recover(&folder, instance)? {
        Opening::Ready(recovered) => Spool::open(&folder, instance, lock, *recovered).map(Some),
        Opening::Unused | Opening::Lost(_) => Ok(None),
    }
}

/// The lock of a spool, if no process has it.
fn try_lock(folder: &Path) -> io::Result<Option<File>> {
    let mut options = OpenOptions::new();
    let lock = options.write(true).create(true).truncate(false).open(folder.join("lock"))?;
    match lock.try_lock() {
        Ok(()) => Ok(Some(lock)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}
