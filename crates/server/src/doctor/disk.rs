//! What the data lies on: room, the kind of file system, and how long a sync takes.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Finding, Known};
use crate::clock::Clock;
use crate::keyring;

/// Less room than this is little: a log file, a pack and a merge at once.
const ROOM_BAD_BYTES: u64 = 1 << 30;
/// Below this it is time to do something.
const ROOM_WARNING_BYTES: u64 = 5 << 30;
/// Syncs that are timed.
const SYNCS: usize = 32;
/// Bytes before each.
const SYNC_BYTES: usize = 4096;
/// A sync that takes longer holds up every acknowledgement noticeably.
const SYNC_SLOW: Duration = Duration::from_millis(20);
/// One that takes longer than this makes a server that answers few requests a second.
const SYNC_BAD: Duration = Duration::from_millis(250);
/// No disk that keeps what it is given is faster.
const SYNC_BELIEVABLE: Duration = Duration::from_micros(8);

/// Bytes that are free.
pub(super) fn room(subject: &Known) -> Finding {
    const CHECK: &str = "disk room";
    let ground = subject.ground();
    let Some(free) = crate::disk_space::free_bytes(&ground) else {
        return Finding::unknown(CHECK, "the file system does not say", "look with `df`");
    };
    let what = format!("{} GiB are free below `{}`", gib(free), ground.display());
    let fix = "free space there, or name a folder on a larger disk with --data-dir";
    match free {
        0..ROOM_BAD_BYTES => Finding::bad(CHECK, what, fix),
        ROOM_BAD_BYTES..ROOM_WARNING_BYTES => Finding::warning(CHECK, what, fix),
        _ => Finding::good(CHECK, what),
    }
}

/// Tenths of GiB, in words.
fn gib(bytes: u64) -> String {
    let tenths = bytes.saturating_mul(10) >> 30;
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// How far a kind of file system is to be trusted with a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trust {
    Good,
    /// It loses what was synced, or its locks do not hold, or nobody can tell.
    Not(&'static str),
}

/// Kinds by their number in `statfs(2)`.
const KINDS: &[(u64, &str, Trust)] = &[
    (0xef53, "ext4", Trust::Good),
    (0x5846_5342, "xfs", Trust::Good),
    (0x9123_683e, "btrfs", Trust::Good),
    (0x2fc1_2fc1, "zfs", Trust::Good),
    (0xca45_1a4e, "bcachefs", Trust::Good),
    (0xf2f5_2010, "f2fs", Trust::Good),
    (
        0x0102_1994,
        "tmpfs",
        Trust::Not("is memory: everything is gone after a restart of the machine"),
    ),
    (
        0x8584_58f6,
        "ramfs",
        Trust::Not("is memory: everything is gone after a restart of the machine"),
    ),
    (
        0x794c_7630,
        "overlayfs",
        Trust::Not("belongs to a container and goes with it: mount a volume"),
    ),
    (
        0x6969,
        "nfs",
        Trust::Not("is a network's: locks and syncs hold only as far as its server keeps them"),
    ),
    (
        0xff53_4d42,
        "cifs",
        Trust::Not("is a network's: locks and syncs hold only as far as its server keeps them"),
    ),
    (
        0xfe53_4d42,
        "smb2",
        Trust::Not("is a network's: locks and syncs hold only as far as its server keeps them"),
    ),
    (0x6573_5546, "fuse", Trust::Not("is another program's: nobody can tell what its syncs do")),
    (0x0102_1997, "9p", Trust::Not("is another machine's: nobody can tell what its syncs do")),
];

/// The kind of file system.
pub(super) fn kind(subject: &Known) -> Finding {
    const CHECK: &str = "file system";
    let ground = subject.ground();
    let fix = "put the data directory on a local ext4, xfs, btrfs or zfs";
    let Ok(about) = rustix::fs::statfs(&ground) else {
        return Finding::unknown(CHECK, "the file system does not say what it is", fix);
    };
    // The type of the number differs by platform; its lower 32 bits are the kind.
    let number = u64::try_from(about.f_type).unwrap_or_default() & 0xffff_ffff;
    match KINDS.iter().find(|(known, ..)| *known == number) {
        Some((_, name, Trust::Good)) => {
            Finding::good(CHECK, format!("`{}` is {name}", ground.display()))
        }
        Some((_, name, Trust::Not(why))) => {
            Finding::warning(CHECK, format!("`{}` is {name}, which {why}", ground.display()), fix)
        }
        None => Finding::unknown(
            CHECK,
            format!("`{}` is of a kind that is not known ({number:#x})", ground.display()),
            fix,
        ),
    }
}

/// How long a sync takes where the log will be.
pub(super) fn sync(subject: &Known) -> Finding {
    const CHECK: &str = "sync";
    let folder = beside(&subject.config.data_dir, subject.ground());
    let timed = timed(&folder, subject.clock);
    let mut times = match timed {
        Ok(times) => times,
        Err(error) => {
            let fix = "check permissions and room of that folder";
            let what = format!("no file could be written in `{}`: {error}", folder.display());
            return Finding::unknown(CHECK, what, fix);
        }
    };
    times.sort_unstable();
    let middle = times.get(times.len() / 2).copied().unwrap_or_default();
    let worst = times.last().copied().unwrap_or_default();
    let what = format!("a sync takes {middle:.1?}, at worst {worst:.1?} ({SYNCS} tried)");
    judged(CHECK, middle, what)
}

/// What a middle time means.
fn judged(check: &'static str, middle: Duration, what: String) -> Finding {
    let slow = "use a local SSD, and nothing else that writes to it";
    if middle < SYNC_BELIEVABLE {
        let fix = "find out whether the disk, or what is below it, drops syncs: acknowledged events would not survive a power cut";
        return Finding::warning(check, format!("{what}: faster than a disk can be"), fix);
    }
    match middle {
        time if time >= SYNC_BAD => Finding::bad(check, what, slow),
        time if time >= SYNC_SLOW => Finding::warning(check, what, slow),
        _ => Finding::good(check, what),
    }
}

/// A folder on the disk of the data that is not the store's own: nothing may lie there that it does not know.
fn beside(data: &Path, ground: PathBuf) -> PathBuf {
    let Some(above) = ground.parent().filter(|_| data.is_dir()) else { return ground };
    let device = |path: &Path| std::fs::metadata(path).map(|about| about.dev()).ok();
    let is_same = device(above) == device(&ground);
    let is_writable = rustix::fs::access(above, rustix::fs::Access::WRITE_OK).is_ok();
    if is_same && is_writable { above.to_path_buf() } else { std::env::temp_dir() }
}

/// The times of syncs of a new file, which is gone afterwards.
fn timed(folder: &Path, clock: Clock) -> io::Result<Vec<Duration>> {
    let name = format!(".indelible-doctor-{:016x}", u64::from_be_bytes(keyring::random()));
    let path = folder.join(name);
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    let times = (0..SYNCS).map(|round| {
        let at = u64::try_from(round * SYNC_BYTES).unwrap_or(0);
        let began_ns = clock.monotonic_ns();
        file.write_all_at(&[0xa5; SYNC_BYTES], at)?;
        file.sync_data()?;
        Ok(Duration::from_nanos(clock.monotonic_ns().saturating_sub(began_ns)))
    });
    let times = times.collect();
    std::fs::remove_file(&path)?;
    times
}

#[cfg(test)]
mod tests;
