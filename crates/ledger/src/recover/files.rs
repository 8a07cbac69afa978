//! The files of the ledger's folders: which there are, and what becomes of those that are not ours.
//!
//! It promises that a file which this crate did not write is moved, never deleted, and that
//! listing writes nothing.

use std::collections::BTreeSet;

use event::ids::TenantId;

use crate::checkpoint;
use crate::cursor::{first_set, length_u64};
use crate::disk::{self, Disk};
use crate::error::Error;
use crate::names::{self, CHECKPOINT, FOLDERS, LEDGER, PACKS, QUARANTINE, STATE, UNFINISHED};
use crate::wal::Spare;

/// The files of the ledger's folders.
#[derive(Debug, Default)]
pub(crate) struct Files {
    pub(crate) spares: Vec<(u64, Spare)>,
    pub(crate) snapshots: Vec<u64>,
    /// Files of idle streams.
    pub(crate) streams: BTreeSet<u64>,
    pub(crate) packs: BTreeSet<(TenantId, u64)>,
    pub(crate) parts: BTreeSet<(TenantId, u64)>,
    pub(crate) checkpoints: Vec<TenantId>,
    pub(crate) unfinished: Vec<String>,
    pub(crate) unknown: Vec<String>,
}

impl Files {
    /// Lists the ledger's folders; one that is not there is empty.
    pub(crate) fn list(disk: &dyn Disk) -> Result<Self, Error> {
        let mut files = Self::default();
        for folder in FOLDERS {
            let found = match disk.list(folder) {
                Ok(found) => found,
                Err(error) if error.is_not_found() => continue,
                Err(error) => return Err(error.into()),
            };
            for name in found {
                files.add(disk, folder, &name)?;
            }
        }
        files.snapshots.sort_unstable();
        files.spares.sort_by_key(|(number, _)| *number);
        Ok(files)
    }

    /// Counts checkpoints that cannot be read among the unknown files, which go to the quarantine: the log leads to the
    /// tree without them, and they are signed anew. `inspect` and repair still call them damage.
    pub(crate) fn set_unreadable_checkpoints_aside(
        &mut self,
        disk: &dyn Disk,
    ) -> Result<(), Error> {
        for tenant in std::mem::take(&mut self.checkpoints) {
            match checkpoint::load(disk, &tenant) {
                Ok(_) => self.checkpoints.push(tenant),
                Err(Error::Damaged { .. }) => self.unknown.push(names::checkpoint(&tenant)),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn add(&mut self, disk: &dyn Disk, folder: &str, name: &str) -> Result<(), Error> {
        let path = format!("{folder}/{name}");
        if name.ends_with(UNFINISHED) {
            self.unfinished.push(path);
        } else if !names::is_known(folder, name) {
            self.unknown.push(path);
        } else if let (LEDGER, Some(number)) = (folder, names::parse_spare(name)) {
            let bytes = match disk.length(&path) {
                Ok(bytes) => bytes,
                // A running server made a log file of it since the list was made.
                Err(error) if error.is_not_found() => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            self.spares.push((number, Spare { path, bytes }));
        } else if let (STATE, Some(seq)) = (folder, names::parse_snapshot(name)) {
            self.snapshots.push(seq);
        } else if let (STATE, Some(number)) = (folder, names::parse_streams(name)) {
            self.streams.insert(number);
        } else if let (PACKS, Some(pack)) = (folder, names::parse_pack(name)) {
            self.packs.insert(pack);
        } else if let (PACKS, Some(part)) = (folder, names::parse_part(name)) {
            self.parts.insert(part);
        } else if let (CHECKPOINT, Some(tenant)) = (folder, names::parse_checkpoint(name)) {
            self.checkpoints.push(tenant);
        }
        Ok(())
    }
}

/// Spares with their numbers, and paths.
type Zeroed = (Vec<(u64, Spare)>, Vec<String>);

/// Moves a file to the quarantine; the folder that it stood in is the caller's to sync.
pub(crate) fn quarantine_file(disk: &dyn Disk, path: &str) -> Result<(), Error> {
    disk.create_dir(QUARANTINE)?;
    disk.sync_dir("")?;
    let target = free_name(disk, path)?;
    disk.rename(path, &target)?;
    Ok(disk.sync_dir(QUARANTINE)?)
}

/// The spares that are all zeros, and the paths of those that are not.
pub(crate) fn zeroed(disk: &dyn Disk, spares: &[(u64, Spare)]) -> Result<Zeroed, Error> {
    let (mut whole, mut spoiled) = (Vec::new(), Vec::new());
    for (number, spare) in spares {
        match first_byte(disk, &spare.path)? {
            None => whole.push((*number, spare.clone())),
            Some(_) => spoiled.push(spare.path.clone()),
        }
    }
    assert_eq!(whole.len() + spoiled.len(), spares.len(), "a spare is one or the other");
    Ok((whole, spoiled))
}

/// Where the first byte that is not zero stands.
pub(crate) fn first_byte(disk: &dyn Disk, path: &str) -> Result<Option<u64>, Error> {
    let mut buffer = vec![0; 1024 * 1024];
    let mut offset = 0;
    loop {
        let read = disk.read_at(path, offset, &mut buffer)?;
        let chunk = buffer.get(..read).unwrap_or_default();
        if let Some(place) = first_set(chunk) {
            return Ok(Some(offset + length_u64(place)));
        }
        if read < buffer.len() {
            return Ok(None);
        }
        offset += length_u64(read);
    }
}

/// A free name in the quarantine for a file.
fn free_name(disk: &dyn Disk, path: &str) -> Result<String, Error> {
    let flat = path.replace('/', "-");
    for number in 0_u32.. {
        let target = format!("{QUARANTINE}/{flat}.{number}");
        if !disk::exists(disk, &target)? {
            return Ok(target);
        }
    }
    Err(Error::damaged(path, 0, "the quarantine is full"))
}
