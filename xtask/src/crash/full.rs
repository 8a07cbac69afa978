//! A disk that is really full: the data lies on a small file system, beside ballast that fills it up.
//!
//! What must be seen: intake is refused with 503 `disk_full` and nothing that was acknowledged is lost; reads are answered
//! while not a byte is free, and starts after a `kill -9` get ready on it, one after another; when the ballast is gone, intake and flush go on
//! without anybody's help; in the end the store proves itself. It refuses to run without the right to mount, and says so.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::archive::{TINY, counted, flush};
use super::http::Door;
use super::load::{Producer, Tally};
use super::rounds::{self, compare};
use super::server::{Home, Server};
use super::store::Contents;
use super::{Dice, fresh_seed, now};
use crate::run;

/// The size of the file system.
const DISK_MIB: u64 = 32;
/// What lies on it beside the store: the first is removed for intake to go on, the second for a flush.
const BALLAST: [&str; 2] = ["ballast-1", "ballast-2"];
const BALLAST_BYTES: usize = 6 << 20;
/// What takes the last free byte.
const PLUG: &str = "plug";
/// Starts on one full disk.
const STARTS: usize = 3;
/// The code of a refusal for want of room.
const FULL: &str = "disk_full";
/// Passes of all producers within which a full disk must have been noticed.
const PASSES_MAX: usize = 2_000;
/// How long intake may stay shut once there is room.
const RESUME_MAX: Duration = Duration::from_secs(30);

/// Fills so many disks; the first broken promise ends it.
pub(crate) fn run(binary: &Path, stores: u64) -> Result<(), String> {
    let mut events = 0;
    for _ in 0..stores {
        let seed = fresh_seed();
        let home = Home::new(binary, seed)?.with(&TINY);
        let place = home.root().display().to_string();
        let small = SmallDisk::mount(home.data())?;
        let lived = life(&home, &small, seed);
        events += lived.map_err(|why| format!("seed {seed:#x}, log kept in {place}: {why}"))?;
        drop(small);
        home.remove();
    }
    run::say(&format!(
        "full disk: {stores} stores, {events} events acknowledged, each full to the last byte, \
         started {STARTS} times and read while full, resumed by itself; lost 0, duplicated 0"
    ));
    Ok(())
}

/// One store's life; returns how many events were acknowledged.
fn life(home: &Home, small: &SmallDisk, seed: u64) -> Result<u64, String> {
    let mut producers = rounds::producers(Dice::new(seed).next());
    let tally = Tally::default();
    let server = home.serve()?;
    if fill(&server.door, &mut producers, &tally)? == 0 {
        return Err("the disk was full from the beginning: no trial".into());
    }
    small.plug()?;
    reads(&server, &producers, "while the disk is full")?;
    let mut server = server;
    for start in 1..=STARTS {
        server.kill()?;
        server = home.serve().map_err(|why| format!("start {start} on a full disk: {why}"))?;
        reads(&server, &producers, &format!("after start {start} on a full disk"))?;
    }
    small.remove(PLUG)?;
    small.remove(BALLAST[0])?;
    resumed(&server.door, &mut producers, &tally)?;
    small.remove(BALLAST[1])?;
    flush(&server.door)?;
    reads(&server, &producers, "after there was room")?;
    server.kill()?;
    let server = home.serve()?;
    reads(&server, &producers, "after the last kill")?;
    rounds::finish(home, server)?;
    Ok(tally.events.into_inner())
}

/// Sends until nothing more is taken, and sees that this is for a full disk; returns how many events were taken.
fn fill(door: &Door, producers: &mut [Producer], tally: &Tally) -> Result<u64, String> {
    let taken = || tally.events.load(Ordering::Relaxed);
    let start = taken();
    for _ in 0..PASSES_MAX {
        let before = taken();
        for producer in &mut *producers {
            // It ends at the first refusal, and keeps the request that was refused.
            producer.run(door, tally)?;
        }
        if taken() == before && producers.iter().all(|one| one.refusal == FULL) {
            return Ok(before - start);
        }
    }
    let said: Vec<&str> = producers.iter().map(|one| one.refusal.as_str()).collect();
    Err(format!("refused {PASSES_MAX} times, and not for a full disk: {said:?}"))
}

/// Sends until something is taken again, nobody helping.
fn resumed(door: &Door, producers: &mut [Producer], tally: &Tally) -> Result<u64, String> {
    let started = now();
    while started.elapsed() < RESUME_MAX {
        let taken = fill(door, producers, tally)?;
        if taken > 0 {
            return Ok(taken);
        }
    }
    Err(format!("room was made, and intake stayed shut for {} s", RESUME_MAX.as_secs()))
}

/// Reads are answered, and everything acknowledged is there.
fn reads(server: &Server, producers: &[Producer], when: &str) -> Result<(), String> {
    let said = |why: String| format!("{when}: {why}");
    compare(&Contents::read(&server.door).map_err(said)?, producers).map_err(said)?;
    counted(&server.door, producers).map_err(said)?;
    Ok(())
}

/// A file system in memory of a few MiB, unmounted when dropped.
#[derive(Debug)]
struct SmallDisk {
    place: PathBuf,
}

impl SmallDisk {
    fn mount(place: PathBuf) -> Result<Self, String> {
        let fail = |why: String| format!("a small disk cannot be mounted (this needs root): {why}");
        fs::create_dir_all(&place).map_err(|error| fail(error.to_string()))?;
        let size = format!("size={DISK_MIB}m,mode=0700");
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(&place);
        let ran = command.output().map_err(|error| fail(error.to_string()))?;
        if !ran.status.success() {
            return Err(fail(String::from_utf8_lossy(&ran.stderr).into_owned()));
        }
        let small = Self { place };
        for name in BALLAST {
            let written = fs::write(small.place.join(name), vec![1; BALLAST_BYTES]);
            written.map_err(|error| format!("no ballast: {error}"))?;
        }
        Ok(small)
    }

    /// Takes what is free to the last byte.
    fn plug(&self) -> Result<(), String> {
        let fail = |error: io::Error| format!("the disk cannot be plugged: {error}");
        let mut plug = fs::File::create(self.place.join(PLUG)).map_err(fail)?;
        loop {
            match plug.write(&[1; 4096]) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::StorageFull => return Ok(()),
                Err(error) => return Err(fail(error)),
            }
        }
    }

    fn remove(&self, ballast: &str) -> Result<(), String> {
        let removed = fs::remove_file(self.place.join(ballast));
        removed.map_err(|error| format!("the ballast stays: {error}"))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a process that is being killed may still hold it.
        let _ = Command::new("umount").arg("-l").arg(&self.place).status();
    }
}
