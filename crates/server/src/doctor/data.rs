//! The data directory: is it there and its owner's alone, does a server run on it, does this binary read it.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::{Finding, Known};
use crate::control::look;
use crate::scratch::Scratch;

/// The folder and who may look into it.
pub(super) fn folder(subject: &Known) -> Finding {
    const CHECK: &str = "data folder";
    let folder = &subject.config.data_dir;
    let shown = folder.display();
    let metadata = match std::fs::metadata(folder) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Finding::good(
                CHECK,
                format!("`{shown}` is not there yet: the first start makes it"),
            );
        }
        Err(error) => {
            let fix =
                "check the permissions of the folders above it, or name another with --data-dir";
            return Finding::bad(CHECK, format!("`{shown}` cannot be looked at: {error}"), fix);
        }
    };
    if !metadata.is_dir() {
        let fix = "name another folder with --data-dir";
        return Finding::bad(CHECK, format!("`{shown}` is no folder"), fix);
    }
    if rustix::fs::access(folder, rustix::fs::Access::WRITE_OK).is_err() {
        let fix = format!("run as user {}, or give the folder to yours: `chown`", metadata.uid());
        return Finding::bad(CHECK, format!("`{shown}` cannot be written"), fix);
    }
    match metadata.mode() & 0o077 {
        0 => Finding::good(CHECK, format!("`{shown}` is its owner's alone")),
        open => Finding::warning(
            CHECK,
            format!("`{shown}` is open to others (mode {:03o})", metadata.mode() & 0o777 | open),
            format!("chmod 700 {shown}"),
        ),
    }
}

/// Who owns the store now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) pid: String,
    pub(crate) address: String,
}

/// The process that holds the lock of the store in `folder`. Looking at it takes nothing away: the lock is tried as one of
/// many readers and let go at once.
pub(crate) fn owner_of(folder: &Path) -> Option<Owner> {
    let path = folder.join("lock");
    let file = std::fs::File::open(&path).ok()?;
    match file.try_lock_shared() {
        Err(std::fs::TryLockError::WouldBlock) => {}
        Ok(()) | Err(std::fs::TryLockError::Error(_)) => return None,
    }
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let field = |name: &str| {
        let found = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        found.unwrap_or("unknown").to_owned()
    };
    Some(Owner { pid: field("pid"), address: field("address") })
}

/// Whether a server runs on it.
pub(super) fn owner(subject: &Known) -> Finding {
    const CHECK: &str = "server";
    match owner_of(&subject.config.data_dir) {
        Some(Owner { pid, address }) => {
            Finding::good(CHECK, format!("process {pid} serves the store at {address}"))
        }
        None => Finding::good(CHECK, "no server runs on this store"),
    }
}

/// Whether this binary reads what another wrote.
pub(super) fn versions(subject: &Known) -> Finding {
    const CHECK: &str = "versions";
    let folder = &subject.config.data_dir;
    let fix = "use the version that wrote it, or see docs/operate/recovery.md if it is damaged";
    let content = match look::look(folder) {
        Ok(Some(content)) => content,
        Ok(None) => return Finding::good(CHECK, "there is no store yet"),
        Err(error) => return Finding::bad(CHECK, error.to_string(), fix),
    };
    let Ok(scratch) = Scratch::new() else {
        let fix = "free space in the folder for temporary files (TMPDIR)";
        return Finding::unknown(CHECK, "the catalog could not be copied", fix);
    };
    match lake::catalog::look(folder, scratch.path()) {
        Ok(_) => {
            Finding::good(CHECK, format!("store `{}` is one that this binary reads", content.store))
        }
        Err(error) => {
            let fix = "`indelible repair catalog --data-dir D` makes it again of its files: docs/operate/recovery.md";
            Finding::bad(CHECK, error.to_string(), fix)
        }
    }
}
