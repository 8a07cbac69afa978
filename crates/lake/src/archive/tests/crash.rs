//! Stopped before every step of flush, compaction and removal, with and without what no sync has
//! made durable: the next start has all rows or the same as before, knows every file, and the same
//! call succeeds.
//!
//! The gate before each step records what a power cut may take back: names that were given, files
//! that were removed, bytes that were written. The catalog is SQLite's own file and durable when a
//! commit returns.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::super::*;
use super::world::{World, tenant};
use crate::store::Step;

/// Steps of one call at most: the loops below must end.
const STEPS_MAX: usize = 200;

/// What a stop leaves on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// The process is gone, its writes are not.
    Killed,
    /// Nothing is there that was not synced.
    PowerCut,
    /// Names are there, bytes that were not synced are not.
    EmptyFiles,
}

/// What is not durable yet.
#[derive(Debug, Default)]
struct Pending {
    /// Files whose bytes are not.
    dirty: BTreeSet<String>,
    /// Files whose making is not.
    created: BTreeSet<String>,
    /// Renamed files: from, to.
    renamed: Vec<(String, String)>,
    /// Removed files, kept aside.
    removed: Vec<(String, PathBuf)>,
}

#[derive(Debug)]
struct Recorder {
    folder: PathBuf,
    aside: tempfile::TempDir,
    left: usize,
    is_stopped: bool,
    pending: Pending,
    steps: Vec<String>,
}

impl Recorder {
    fn pass(&mut self, step: Step<'_>) -> io::Result<()> {
        if self.is_stopped || self.left == 0 {
            self.is_stopped = true;
            return Err(io::Error::other("stopped"));
        }
        self.left -= 1;
        self.steps.push(format!("{step:?}"));
        let pending = &mut self.pending;
        match step {
            Step::Create(name) => drop(pending.created.insert(name.to_owned())),
            Step::Write(name, _) => drop(pending.dirty.insert(name.to_owned())),
            Step::Sync(name) => drop(pending.dirty.remove(name)),
            Step::Rename(from, to) => {
                pending.renamed.push((from.to_owned(), to.to_owned()));
                if pending.dirty.remove(from) {
                    pending.dirty.insert(to.to_owned());
                }
            }
            Step::Remove(name) => {
                let kept = self.aside.path().join(format!("{}", pending.removed.len()));
                if fs::copy(self.folder.join(name), &kept).is_ok() {
                    pending.removed.push((name.to_owned(), kept));
                }
            }
            Step::SyncDir(folder) => {
                let is_in = |name: &String| name.starts_with(folder);
                pending.created.retain(|name| !is_in(name));
                pending.renamed.retain(|(_, to)| !is_in(to));
                pending.removed.retain(|(name, _)| !is_in(name));
            }
            Step::Commit | Step::Committed => {}
        }
        Ok(())
    }

    fn stop(&self, stop: Stop) {
        let at = |name: &str| self.folder.join(name);
        if stop == Stop::Killed {
            return;
        }
        for name in &self.pending.dirty {
            let file = fs::OpenOptions::new().write(true).open(at(name)).unwrap();
            file.set_len(0).unwrap();
        }
        if stop == Stop::EmptyFiles {
            return;
        }
        for (from, to) in self.pending.renamed.iter().rev() {
            fs::rename(at(to), at(from)).unwrap();
        }
        for name in &self.pending.created {
            let _gone = fs::remove_file(at(name));
        }
        for (name, kept) in &self.pending.removed {
            fs::copy(kept, at(name)).unwrap();
        }
    }
}

/// A world with some segments, and a recorder that stops after `left` steps of what comes next.
fn stopped_after(left: usize) -> (World, Arc<Mutex<Recorder>>) {
    let mut world = World::new();
    for _ in 0..3 {
        world.append(40);
        world.flush(40);
    }
    let folder = world.folder.path().to_owned();
    let aside = tempfile::tempdir().unwrap();
    let (pending, steps) = (Pending::default(), Vec::new());
    let recorder = Recorder { folder, aside, left: STEPS_MAX, is_stopped: false, pending, steps };
    let recorder = Arc::new(Mutex::new(recorder));
    let shared = Arc::clone(&recorder);
    world.gated(Arc::new(move |step: Step<'_>| shared.lock().unwrap().pass(step))).unwrap();
    world.append(30);
    let mut armed = recorder.lock().unwrap();
    (armed.left, armed.pending, armed.steps) = (left, Pending::default(), Vec::new());
    drop(armed);
    (world, recorder)
}

/// Stops `call` before each of its steps in turn, and looks at what the next start makes of it.
fn at_every_step(call: fn(&mut World) -> Result<(), Error>) {
    for stop in [Stop::Killed, Stop::PowerCut, Stop::EmptyFiles] {
        for left in 0..STEPS_MAX {
            let (mut world, recorder) = stopped_after(left);
            let done = call(&mut world);
            let recorder = recorder.lock().unwrap();
            if let Err(error) = &done {
                assert!(recorder.is_stopped, "{error}");
            }
            recorder.stop(stop);
            let at = format!("{stop:?} after {:?}", recorder.steps.last());
            let is_whole = !recorder.is_stopped;
            drop(recorder);
            look(&mut world, &at);
            call(&mut world).unwrap_or_else(|error| panic!("{at}: again: {error:?}"));
            world.check();
            if is_whole {
                assert!(left > 4, "so few steps are no flush");
                break;
            }
        }
    }
}

/// INVARIANT (I6), (I2): what a start finds is whole, and every file is known.
fn look(world: &mut World, at: &str) {
    let (archive, _) = world.try_open().unwrap_or_else(|error| {
        panic!("INVARIANT (I6): {at}: the archive does not open: {error}");
    });
    let known: Vec<_> = archive.rows().unwrap().into_iter().filter_map(|row| row.file).collect();
    let known: BTreeSet<_> = known.iter().map(|file| file.path.clone()).collect();
    let found: BTreeSet<_> = world.files().iter().map(|name| format!("{LAKE}/{name}")).collect();
    assert_eq!(found, known, "INVARIANT (I6): {at}: files and catalog");
    drop(archive);
    world.restart();
    assert!([120, 150].contains(&world.size), "{at}: {}", world.size);
    world.check();
    let missing = usize::try_from(150 - world.size).unwrap();
    if missing > 0 {
        world.append(missing);
    }
}

#[test]
fn i6_a_flush_may_stop_before_any_step() {
    at_every_step(|world| match world.view().hot_rows() {
        0 => Ok(()),
        _ => world.try_flush(100),
    });
}

#[test]
fn i6_a_compaction_may_stop_before_any_step() {
    at_every_step(|world| {
        let view = world.view();
        if view.segments().len() > 1 {
            let sum = view.segments().get(..3).unwrap_or_default();
            world.compact(sum)?;
        }
        drop(view);
        world.archive.sweep().map(drop)
    });
}

/// The disk is full from one step on, and later it is not.
fn full_at_every_step(call: fn(&mut World) -> Result<(), Error>) {
    for left in 0..STEPS_MAX {
        let mut world = World::new();
        for _ in 0..3 {
            world.append(40);
            world.flush(40);
        }
        let room = Arc::new(Mutex::new(STEPS_MAX));
        let shared = Arc::clone(&room);
        let gate = move |step: Step<'_>| {
            let mut room = shared.lock().unwrap();
            // Names, syncs and removals need no room; a disk that is full lets go of files.
            if matches!(
                step,
                Step::Remove(_) | Step::SyncDir(_) | Step::Committed | Step::Rename(..)
            ) {
                return Ok(());
            }
            let has_room = *room > 0;
            *room = room.saturating_sub(1);
            if has_room { Ok(()) } else { Err(io::ErrorKind::StorageFull.into()) }
        };
        world.gated(Arc::new(gate)).unwrap();
        world.append(30);
        *room.lock().unwrap() = left;
        let before = (world.files(), world.archive.rows().unwrap());
        match call(&mut world) {
            Ok(()) => {
                assert!(left > 3, "so few steps are no flush");
                return;
            }
            Err(error) => assert!(matches!(error, Error::DiskFull { .. }), "{left}: {error}"),
        }
        assert_eq!((world.files(), world.archive.rows().unwrap()), before, "{left}");
        world.check();
        *room.lock().unwrap() = STEPS_MAX;
        call(&mut world).unwrap();
        world.check();
    }
}

#[test]
fn a_full_disk_stops_a_flush_and_nothing_else() {
    full_at_every_step(|world| world.try_flush(100));
}

#[test]
fn a_full_disk_stops_a_compaction_and_nothing_else() {
    full_at_every_step(|world| {
        let view = world.view();
        world.compact(view.segments())
    });
}

/// The check of the checks: a power cut takes back what it should.
#[test]
fn a_power_cut_takes_back_what_was_not_synced() {
    let (mut world, recorder) = stopped_after(3);
    world.try_flush(100).unwrap_err();
    let recorder = recorder.lock().unwrap();
    let name = "lake/a.00000000000000000120-00000000000000000150.l0.parquet.tmp";
    assert!(Path::new(&recorder.folder).join(name).exists(), "{:?}", recorder.steps);
    recorder.stop(Stop::PowerCut);
    assert!(!Path::new(&recorder.folder).join(name).exists());
    assert_eq!(world.archive.watermark(&tenant()).unwrap(), 120);
}
