//! The simulated disk: the second implementation of `ledger::disk::Disk`. It keeps everything in
//! memory, twice: as a running process sees it and as a power cut would leave it. Under one seed it
//! tears writes, loses names, refuses syncs, runs full, and dies at any chosen operation. It never
//! makes anything durable that the trait does not promise, and draws nothing from outside its seed.

mod file;
mod names;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ledger::disk::{Disk, DiskError, Operation, parent};

pub use self::file::SECTOR;
use self::file::SimFile;
use self::names::{FileNumber, Names};
use crate::random::Random;
use crate::trace::Trace;

/// What will go wrong, by the number of the operation. Reading counts as no operation.
#[derive(Debug, Clone, Copy, Default)]
pub struct Faults {
    /// The operation during which the machine dies; it may have happened in part.
    pub dies_at: Option<u64>,
    /// From this operation on, the next sync of a file is refused (EIO).
    pub sync_fails_from: Option<u64>,
    /// How many bytes files may still grow by before the disk is full.
    pub room_bytes: Option<u64>,
}

/// How the process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crash {
    /// The process was killed; the page cache, and with it every write, lives on.
    Kill,
    /// The power went: what was not synced is kept, lost or torn.
    PowerCut,
}

/// A disk in memory. Shared by reference; every clock and coin of it comes from its seed.
pub struct FakeDisk {
    state: Mutex<State>,
    watcher: Mutex<Option<Watcher>>,
}

/// Somebody who looks on: called before each operation, with its path. What it does to the disk
/// itself is not watched.
pub type Watcher = Box<dyn FnMut(Operation, &str) + Send>;

#[derive(Debug)]
struct State {
    random: Random,
    trace: Trace,
    names: Names,
    files: BTreeMap<FileNumber, SimFile>,
    next_file: FileNumber,
    operations: u64,
    faults: Faults,
    dead: bool,
    refused_syncs: u64,
    faults_met: u64,
}

impl FakeDisk {
    /// An empty disk.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let state = State {
            random: Random::new(seed),
            trace: Trace::new(),
            names: Names::default(),
            files: BTreeMap::new(),
            next_file: 0,
            operations: 0,
            faults: Faults::default(),
            dead: false,
            refused_syncs: 0,
            faults_met: 0,
        };
        Self { state: Mutex::new(state), watcher: Mutex::new(None) }
    }

    /// Lets somebody look on from now on: the only way to act, in one thread, while an operation
    /// of another is under way.
    pub fn watch(&self, watcher: Option<Watcher>) {
        *self.watcher.lock().unwrap_or_else(PoisonError::into_inner) = watcher;
    }

    /// Plans what goes wrong from now on.
    pub fn plan(&self, faults: Faults) {
        self.state().faults = faults;
    }

    /// How many operations were done so far, failed ones too.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.state().operations
    }

    /// How many syncs were refused so far.
    #[must_use]
    pub fn refused_syncs(&self) -> u64 {
        self.state().refused_syncs
    }

    /// How many planned faults came true so far: deaths, refused syncs, a lack of room.
    #[must_use]
    pub fn faults_met(&self) -> u64 {
        self.state().faults_met
    }

    /// Whether the machine died at its planned operation; from then on every call fails.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.state().dead
    }

    /// A digest of every operation so far and its outcome: equal digests are equal runs.
    #[must_use]
    pub fn trace(&self) -> u64 {
        self.state().trace.value()
    }

    /// Ends the process that used the disk, and makes the disk ready for the next one. All plans
    /// are dropped.
    pub fn crash(&self, crash: Crash) {
        let mut guard = self.state();
        let state = &mut *guard;
        if crash == Crash::PowerCut {
            let random = &mut state.random;
            state.names.cut(random);
            for file in state.files.values_mut() {
                file.cut(random);
                assert!(file.is_clean(), "after a cut there is one truth");
            }
        }
        let named = state.names.named();
        state.files.retain(|number, _| named.contains(number));
        state.faults = Faults::default();
        state.dead = false;
    }

    /// The bytes of a file as a reader sees them; `None` if there is no such file.
    #[must_use]
    pub fn bytes(&self, path: &str) -> Option<Vec<u8>> {
        let mut state = self.state();
        let file = state.open(Operation::Read, path).ok()?;
        let mut bytes = vec![0; file.length()];
        file.read(0, &mut bytes);
        Some(bytes)
    }

    fn look(&self, operation: Operation, path: &str) {
        let watcher = || self.watcher.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = watcher().take();
        if let Some(mut looks_on) = taken {
            looks_on(operation, path);
            *watcher() = Some(looks_on);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A test that panicked in the middle of an operation has failed already.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for FakeDisk {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        out.debug_struct("FakeDisk")
            .field("operations", &state.operations)
            .field("dead", &state.dead)
            .finish_non_exhaustive()
    }
}

impl State {
    /// Counts an operation; an error if the machine is dead. `Ok(true)` means it dies in this one.
    fn begin(&mut self, operation: Operation, path: &str) -> Result<bool, DiskError> {
        if self.dead {
            return Err(no_power(operation, path));
        }
        let dies = self.faults.dies_at == Some(self.operations);
        self.operations += 1;
        self.trace.text(&operation.to_string());
        self.trace.text(path);
        self.trace.number(u64::from(dies));
        if dies {
            self.dead = true;
            self.faults_met += 1;
        }
        Ok(dies)
    }

    fn open(&mut self, operation: Operation, path: &str) -> Result<&mut SimFile, DiskError> {
        let number = self.names.find(path);
        let file = number.and_then(|number| self.files.get_mut(&number));
        file.ok_or_else(|| DiskError::new(operation, path, &io::ErrorKind::NotFound.into()))
    }

    /// How much of a write that ends at `end` fits on the disk; takes the room that it needs.
    fn grow(&mut self, path: &str, operation: Operation, end: u64) -> Result<u64, DiskError> {
        let length = to_u64(self.open(operation, path)?.length());
        let Some(room) = self.faults.room_bytes else { return Ok(end) };
        let need = end.saturating_sub(length);
        let given = need.min(room);
        self.faults.room_bytes = Some(room - given);
        self.faults_met += u64::from(given < need);
        Ok(end - (need - given))
    }

    fn put(
        &mut self,
        operation: Operation,
        path: &str,
        offset: u64,
        bytes: &[u8],
    ) -> Result<(), DiskError> {
        let dies = self.begin(operation, path)?;
        self.trace.number(offset);
        self.trace.bytes(bytes);
        let end = offset + to_u64(bytes.len());
        let mut fits = self.grow(path, operation, end)?.saturating_sub(offset);
        if dies {
            // The machine dies inside this write: some first part of it was taken.
            fits = self.random.below(fits + 1);
        }
        let taken = to_usize(fits);
        self.open(operation, path)?.write(to_usize(offset), &bytes[..taken]);
        if dies {
            return Err(no_power(operation, path));
        }
        if taken < bytes.len() {
            return Err(DiskError::new(operation, path, &io::ErrorKind::StorageFull.into()));
        }
        Ok(())
    }

    /// An operation on names happens whole or not at all; a dying one by chance.
    fn names_change(
        &mut self,
        operation: Operation,
        path: &str,
        change: impl FnOnce(&mut Self) -> Result<(), DiskError>,
    ) -> Result<(), DiskError> {
        let dies = self.begin(operation, path)?;
        if !dies || self.random.one_in(2) {
            change(self)?;
        }
        if dies { Err(no_power(operation, path)) } else { Ok(()) }
    }
}

impl Disk for FakeDisk {
    fn list(&self, dir: &str) -> Result<Vec<String>, DiskError> {
        let state = self.state();
        if state.dead {
            return Err(no_power(Operation::List, dir));
        }
        if !state.names.has_folder(dir) {
            return Err(DiskError::new(Operation::List, dir, &io::ErrorKind::NotFound.into()));
        }
        Ok(state.names.list(dir))
    }

    fn length(&self, path: &str) -> Result<u64, DiskError> {
        let mut state = self.state();
        if state.dead {
            return Err(no_power(Operation::Length, path));
        }
        Ok(to_u64(state.open(Operation::Length, path)?.length()))
    }

    fn create(&self, path: &str) -> Result<(), DiskError> {
        self.look(Operation::Create, path);
        self.state().names_change(Operation::Create, path, |state| {
            let refuse =
                |kind: io::ErrorKind| DiskError::new(Operation::Create, path, &kind.into());
            if state.names.find(path).is_some() {
                return Err(refuse(io::ErrorKind::AlreadyExists));
            }
            if !state.names.has_folder(parent(path)) {
                return Err(refuse(io::ErrorKind::NotFound));
            }
            if state.faults.room_bytes == Some(0) {
                state.faults_met += 1;
                return Err(refuse(io::ErrorKind::StorageFull));
            }
            let number = state.next_file;
            state.next_file += 1;
            state.files.insert(number, SimFile::default());
            state.names.set(path, number);
            Ok(())
        })
    }

    fn read_at(&self, path: &str, offset: u64, buffer: &mut [u8]) -> Result<usize, DiskError> {
        let mut state = self.state();
        if state.dead {
            return Err(no_power(Operation::Read, path));
        }
        let file = state.open(Operation::Read, path)?;
        Ok(file.read(to_usize(offset), buffer))
    }

    fn write_at(&self, path: &str, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        self.look(Operation::Write, path);
        self.state().put(Operation::Write, path, offset, bytes)
    }

    fn zero_fill(&self, path: &str, from: u64, to: u64) -> Result<(), DiskError> {
        self.look(Operation::ZeroFill, path);
        let zeros = vec![0; to_usize(to.saturating_sub(from))];
        self.state().put(Operation::ZeroFill, path, from, &zeros)
    }

    fn shorten(&self, path: &str, bytes: u64) -> Result<(), DiskError> {
        self.look(Operation::Shorten, path);
        let mut guard = self.state();
        let state = &mut *guard;
        let dies = state.begin(Operation::Shorten, path)?;
        state.trace.number(bytes);
        if !dies || state.random.one_in(2) {
            let given = state.open(Operation::Shorten, path)?.shorten(to_usize(bytes));
            let room = &mut state.faults.room_bytes;
            *room = room.map(|room| room + to_u64(given));
        }
        if dies { Err(no_power(Operation::Shorten, path)) } else { Ok(()) }
    }

    fn sync_data(&self, path: &str) -> Result<(), DiskError> {
        self.look(Operation::SyncData, path);
        let mut guard = self.state();
        let state = &mut *guard;
        if state.begin(Operation::SyncData, path)? {
            // Dying in a sync leaves what any moment leaves: the cut decides, sector by sector.
            return Err(no_power(Operation::SyncData, path));
        }
        let refused = state.faults.sync_fails_from.is_some_and(|from| state.operations > from);
        let mut random = state.random.fork();
        let file = state.open(Operation::SyncData, path)?;
        if !refused {
            file.sync();
            return Ok(());
        }
        file.fail_sync(&mut random);
        state.faults.sync_fails_from = None;
        state.refused_syncs += 1;
        state.faults_met += 1;
        let error = io::Error::other("input/output error");
        Err(DiskError::new(Operation::SyncData, path, &error))
    }

    fn sync_dir(&self, dir: &str) -> Result<(), DiskError> {
        self.look(Operation::SyncDir, dir);
        self.state().names_change(Operation::SyncDir, dir, |state| {
            if !state.names.has_folder(dir) {
                let kind = io::ErrorKind::NotFound;
                return Err(DiskError::new(Operation::SyncDir, dir, &kind.into()));
            }
            state.names.sync(dir);
            Ok(())
        })
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        self.look(Operation::Rename, from);
        self.state().names_change(Operation::Rename, from, |state| {
            let found = state.names.find(from).filter(|_| state.names.has_folder(parent(to)));
            let missing =
                || DiskError::new(Operation::Rename, from, &io::ErrorKind::NotFound.into());
            state.names.rename(from, to, found.ok_or_else(missing)?);
            Ok(())
        })
    }

    fn remove(&self, path: &str) -> Result<(), DiskError> {
        self.look(Operation::Remove, path);
        self.state().names_change(Operation::Remove, path, |state| {
            state.open(Operation::Remove, path)?;
            state.names.unset(path);
            Ok(())
        })
    }

    fn create_dir(&self, dir: &str) -> Result<(), DiskError> {
        self.look(Operation::CreateDir, dir);
        self.state().names_change(Operation::CreateDir, dir, |state| {
            state.names.make_folder(dir);
            Ok(())
        })
    }
}

fn no_power(operation: Operation, path: &str) -> DiskError {
    DiskError::new(operation, path, &io::Error::other("the machine is dead"))
}

fn to_u64(size: usize) -> u64 {
    u64::try_from(size).unwrap_or(u64::MAX)
}

fn to_usize(size: u64) -> usize {
    usize::try_from(size).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
