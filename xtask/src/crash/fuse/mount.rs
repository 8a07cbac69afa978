//! The model as a mounted file system, through the kernel's FUSE.
//!
//! It promises that every operation is one of the model's, and that a mount that a killed run left
//! is taken away first. It refuses what the store does not use: links, owners, attributes beyond a
//! length.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fuser::{
    BackgroundSession, BsdFileFlags, Config, Errno, FileAttr, FileHandle, FileType, Filesystem,
    FopenFlags, Generation, INodeNo, LockOwner, MountOption, OpenFlags, RenameFlags, ReplyAttr,
    ReplyCreate, ReplyData, ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyStatfs, ReplyWrite,
    Request, TimeOrNow, WriteFlags,
};

use super::model::{Kind, Model, Node, Refused};

/// The kernel may believe what it was told for so long; names and lengths change through it alone.
const TTL: Duration = Duration::from_secs(60);
/// What the file system says it is called: by it a left-over mount is known.
const NAME: &str = "indelible-crash";

/// A mounted model. Dropping it takes the mount away.
#[derive(Debug)]
pub(crate) struct Mounted {
    model: Arc<Mutex<Model>>,
    place: PathBuf,
    session: Option<BackgroundSession>,
}

impl Mounted {
    /// Mounts `model` at `place`, which is made if it is not there.
    pub(crate) fn new(model: Model, place: &Path) -> Result<Self, String> {
        unmount(place);
        std::fs::create_dir_all(place).map_err(|error| format!("no place to mount: {error}"))?;
        let model = Arc::new(Mutex::new(model));
        let mut config = Config::default();
        config.mount_options = vec![MountOption::FSName(NAME.to_owned()), MountOption::RW];
        let files = Files { model: Arc::clone(&model) };
        let session = fuser::spawn_mount(files, place, &config)
            .map_err(|error| format!("cannot mount (root and /dev/fuse are needed): {error}"))?;
        Ok(Self { model, place: place.to_owned(), session: Some(session) })
    }

    /// Unmounts, so that nothing of the kernel's cache is left, and gives the model back.
    pub(crate) fn unmount(mut self) -> Result<Model, String> {
        let session = self.session.take().ok_or("it is not mounted")?;
        match session.umount_and_join() {
            // The kernel ends the connection itself when the last user is gone: it is unmounted as well.
            Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
            ended => ended.map_err(|error| format!("cannot unmount: {error}"))?,
        }
        Ok(look(&self.model).clone())
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if self.session.take().is_some() {
            unmount(&self.place);
        }
    }
}

/// Takes away the mounts of runs that were killed: ours by name, in the folder of a process that is gone.
pub(crate) fn sweep() {
    let Ok(mounts) = std::fs::read_to_string("/proc/self/mounts") else { return };
    for place in mounts.lines().filter_map(left_over) {
        unmount(Path::new(place));
    }
}

/// The place of one line of the list of mounts, if its run is gone.
fn left_over(line: &str) -> Option<&str> {
    let mut words = line.split(' ');
    if words.next() != Some(NAME) {
        return None;
    }
    let place = words.next()?;
    let (_, after) = place.split_once("indelible-crash-")?;
    let process: u32 = after.split('-').next()?.parse().ok()?;
    let lives = Path::new("/proc").join(process.to_string()).exists();
    (!lives).then_some(place)
}

/// Takes a mount away, whoever may still hold it; nothing happens where none is.
fn unmount(place: &Path) {
    let mut command = Command::new("umount");
    command.args(["-l", "-t", "fuse"]).arg(place);
    let _ = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
}

fn look(model: &Mutex<Model>) -> MutexGuard<'_, Model> {
    model.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the kernel asks.
#[derive(Debug)]
struct Files {
    model: Arc<Mutex<Model>>,
}

impl Files {
    fn model(&self) -> MutexGuard<'_, Model> {
        look(&self.model)
    }

    fn attributes(&self, node: Node) -> Result<FileAttr, Refused> {
        Ok(attributes(node, self.model().kind(node)?))
    }
}

fn attributes(node: Node, kind: Kind) -> FileAttr {
    let (kind, size, perm) = match kind {
        Kind::File(bytes) => (FileType::RegularFile, u64::try_from(bytes).unwrap_or(0), 0o600),
        Kind::Folder => (FileType::Directory, 0, 0o700),
    };
    FileAttr {
        ino: INodeNo(node),
        size,
        blocks: size.div_ceil(512),
        atime: UNIX_EPOCH,
        mtime: UNIX_EPOCH,
        ctime: UNIX_EPOCH,
        crtime: UNIX_EPOCH,
        kind,
        perm,
        nlink: 1,
        uid: 0,
        gid: 0,
        rdev: 0,
        blksize: 4096,
        flags: 0,
    }
}

fn errno(refused: Refused) -> Errno {
    match refused {
        Refused::NotFound => Errno::ENOENT,
        Refused::Exists => Errno::EEXIST,
        Refused::NotEmpty => Errno::ENOTEMPTY,
        Refused::WrongKind => Errno::EISDIR,
    }
}

fn text(name: &OsStr) -> &str {
    name.to_str().unwrap_or("\u{fffd}")
}

fn size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn done(outcome: Result<(), Refused>, reply: ReplyEmpty) {
    match outcome {
        Ok(()) => reply.ok(),
        Err(refused) => reply.error(errno(refused)),
    }
}

impl Filesystem for Files {
    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let found = self.model().find(parent.0, text(name));
        match found.and_then(|node| self.attributes(node)) {
            Ok(attributes) => reply.entry(&TTL, &attributes, Generation(0)),
            Err(refused) => reply.error(errno(refused)),
        }
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match self.attributes(ino.0) {
            Ok(attributes) => reply.attr(&TTL, &attributes),
            Err(refused) => reply.error(errno(refused)),
        }
    }

    fn setattr(
        &self,
        _: &Request,
        ino: INodeNo,
        _: Option<u32>,
        _: Option<u32>,
        _: Option<u32>,
        length: Option<u64>,
        _: Option<TimeOrNow>,
        _: Option<TimeOrNow>,
        _: Option<SystemTime>,
        _: Option<FileHandle>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        if let Some(length) = length
            && let Err(refused) = self.model().set_length(ino.0, size(length))
        {
            return reply.error(errno(refused));
        }
        match self.attributes(ino.0) {
            Ok(attributes) => reply.attr(&TTL, &attributes),
            Err(refused) => reply.error(errno(refused)),
        }
    }

    fn mkdir(&self, _: &Request, parent: INodeNo, name: &OsStr, _: u32, _: u32, reply: ReplyEntry) {
        match self.model().create_folder(parent.0, text(name)) {
            Ok(node) => reply.entry(&TTL, &attributes(node, Kind::Folder), Generation(0)),
            Err(refused) => reply.error(errno(refused)),
        }
    }

    fn create(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        _: u32,
        _: u32,
        _: i32,
        reply: ReplyCreate,
    ) {
        match self.model().create(parent.0, text(name)) {
            Ok(node) => {
                let (made, handle) = (attributes(node, Kind::File(0)), FileHandle(0));
                reply.created(&TTL, &made, Generation(0), handle, FopenFlags::empty());
            }
            Err(refused) => reply.error(errno(refused)),
        }
    }

    fn unlink(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        done(self.model().remove(parent.0, text(name), Kind::File(0)), reply);
    }

    fn rmdir(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        done(self.model().remove(parent.0, text(name), Kind::Folder), reply);
    }

    fn rename(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        to: INodeNo,
        new: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        if !flags.is_empty() {
            return reply.error(Errno::EINVAL);
        }
        done(self.model().rename((parent.0, text(name)), (to.0, text(new))), reply);
    }

    fn read(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        bytes: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        match self.model().read(ino.0, size(offset), size(u64::from(bytes))) {
            Ok(bytes) => reply.data(bytes),
            Err(refused) => reply.error(errno(refused)),
        }
    }

    fn write(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        match self.model().write(ino.0, size(offset), data) {
            Ok(()) => reply.written(u32::try_from(data.len()).unwrap_or(0)),
            Err(refused) => reply.error(errno(refused)),
        }
    }

    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        reply.ok();
    }

    fn fsync(&self, _: &Request, ino: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        done(self.model().sync(ino.0), reply);
    }

    fn fsyncdir(&self, _: &Request, ino: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        done(self.model().sync_folder(ino.0), reply);
    }

    fn readdir(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        let model = self.model();
        let names = match model.names(ino.0) {
            Ok(names) => names,
            Err(refused) => return reply.error(errno(refused)),
        };
        for ((name, node), next) in names.into_iter().zip(1..).skip(size(offset)) {
            let kind = match model.kind(node) {
                Ok(Kind::Folder) => FileType::Directory,
                _ => FileType::RegularFile,
            };
            if reply.add(INodeNo(node), next, kind, name) {
                break;
            }
        }
        reply.ok();
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        reply.statfs(1 << 20, 1 << 20, 1 << 20, 1 << 20, 1 << 20, 4096, 255, 4096);
    }
}

#[cfg(test)]
mod tests;
