//! Why a server does not start or stop as it should, as exit code, words and hint.
//!
//! Promises: whose fault it is decides the code: 2 for what the caller can mend, 10 for damage, 70 for a disk that failed,
//! 1 for the rest. The cause behind an error is printed with it.

use std::error::Error;
use std::io;

use ledger::disk::LockError;

use crate::app::NotRecorded;
use crate::cli::exit::{Exit, Failure};
use crate::config::Config;
use crate::control::ControlError;
use crate::http::ListenError;
use crate::keyring::{self, KeyringError};
use crate::store::StoreError;
use crate::tenants::OpenError;

/// What to do about damage.
const DAMAGE: &str = "keep a copy of the data directory, look with `indelible verify store`, then see docs/operate/recovery.md";

/// What to do about a catalog.
const CATALOG: &str = "keep a copy of the data directory, then make the catalog again of its files: `indelible repair catalog --data-dir D`";

/// What to do about a disk that failed.
const DISK_FAULT: &str = "check the disk, then start again: the start recovers";

/// An address that is not listened on.
pub(crate) fn listen(error: &ListenError) -> Failure {
    let hint = match error {
        ListenError::Refused(refused) => refused.hint(),
        ListenError::Io { .. } => {
            "stop what listens there, or take a free port with `--listen 127.0.0.1:0`"
        }
    };
    Failure::new(Exit::Usage, error.to_string(), hint)
}

/// A store that cannot be served.
pub(crate) fn store(error: &StoreError, config: &Config) -> Failure {
    let data = config.data_dir.display();
    match error {
        StoreError::Locked(LockError::Held { .. }) => {
            let what = format!("`{data}` cannot be opened: {error}");
            Failure::new(
                Exit::Usage,
                what,
                "stop that process, or name another folder with --data-dir",
            )
        }
        StoreError::Locked(LockError::Io { .. }) | StoreError::Folder { .. } => {
            let hint = "check the folder's owner and permissions, or name another with --data-dir";
            Failure::new(Exit::Usage, whole(error), hint)
        }
        StoreError::Keys(OpenError::Keyring(error)) => keys(error),
        StoreError::Keys(OpenError::Wrapped(error)) => {
            let base = keyring::base(config.key_dir.as_deref());
            let what = format!("{error}; the keys were looked for in `{}`", base.display());
            Failure::new(Exit::Usage, what, KEYS)
        }
        StoreError::Control(error) => control(error),
        StoreError::ControlMissing { .. } => damaged(&error.to_string()),
    }
}

/// What to do about keys.
const KEYS: &str =
    "put this store's key folder back from its backup, or name the folder above it with --key-dir";

/// Keys that are missing or another store's.
pub(crate) fn keys(error: &KeyringError) -> Failure {
    Failure::new(Exit::Usage, error.to_string(), KEYS)
}

/// A `control.db` that cannot be used.
pub(crate) fn control(error: &ControlError) -> Failure {
    match error {
        ControlError::Unreadable { .. } => damaged(&whole(error)),
        ControlError::Sqlite { .. } | ControlError::Io { .. } => {
            Failure::new(Exit::Failed, whole(error), "check the disk and the folder's permissions")
        }
    }
}

/// Segments or a catalog that cannot be used.
pub(crate) fn archive(error: &lake::Error) -> Failure {
    match error {
        lake::Error::DiskFull { .. } | lake::Error::Disk { .. } => {
            Failure::new(Exit::Failed, whole(error), "check the disk and the folder's permissions")
        }
        lake::Error::Catalog { .. } => or_catalog(damaged(&whole(error))),
        // A file that an older catalog names is gone for good.
        lake::Error::Segment { .. } => {
            let hint =
                format!("put the file back from a backup; if the catalog was changed: {CATALOG}");
            Failure { hint, ..damaged(&whole(error)) }
        }
        _ => damaged(&whole(error)),
    }
}

/// Damage that a catalog made again of its files may mend.
pub(crate) fn or_catalog(failure: Failure) -> Failure {
    Failure { hint: CATALOG.to_owned(), ..failure }
}

/// A ledger that cannot be opened.
pub(crate) fn ledger(error: &ledger::Error) -> Failure {
    match error {
        ledger::Error::Damaged { .. } | ledger::Error::Lost { .. } => damaged(&whole(error)),
        ledger::Error::NotOurs { .. } => Failure::new(
            Exit::Usage,
            whole(error),
            "put back the `control.db` that belongs to this ledger",
        ),
        ledger::Error::Disk { .. } | ledger::Error::Poisoned { .. } => {
            Failure::new(Exit::DiskFault, whole(error), DISK_FAULT)
        }
        ledger::Error::OutOfRange { .. }
        | ledger::Error::TooManyStreams { .. }
        | ledger::Error::NoSigner { .. }
        | ledger::Error::Archived { .. } => {
            Failure::new(Exit::Failed, whole(error), "report it: this is a bug")
        }
    }
}

/// Damage, named.
pub(crate) fn damaged(what: &str) -> Failure {
    Failure::new(Exit::IntegrityFailed, what, DAMAGE)
}

/// A file that cannot be written or read.
pub(crate) fn file(name: &str, error: &io::Error) -> Failure {
    let what = format!("`{name}` cannot be used: {error}");
    Failure::new(Exit::Failed, what, "check the disk and the folder's permissions")
}

/// Something the operating system refused.
pub(crate) fn io(error: &io::Error) -> Failure {
    let hint = "check the limits and permissions of the process";
    Failure::new(Exit::Failed, format!("the operating system refused: {error}"), hint)
}

/// A record that the start owes and could not make.
#[expect(clippy::needless_pass_by_value, reason = "it is the end of the error")]
pub(crate) fn unrecorded(error: NotRecorded) -> Failure {
    if error.answer == Some(ledger::Answer::Poisoned) {
        return Failure::new(Exit::DiskFault, error.to_string(), DISK_FAULT);
    }
    let hint =
        "set the clock or free the disk; with a clock that is right, start with --accept-clock";
    Failure::new(Exit::Failed, error.to_string(), hint)
}

/// A disk fault while stopping: the next start recovers.
pub(crate) fn disk_fault(error: &ledger::Error) -> Exit {
    tracing::error!(error = %whole(error), "disk fault: the stop is left unfinished");
    Exit::DiskFault
}

/// An error with everything behind it.
pub(crate) fn whole(error: &impl Error) -> String {
    let mut text = error.to_string();
    let mut behind = error.source();
    while let Some(cause) = behind {
        let said = cause.to_string();
        if !text.ends_with(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        behind = cause.source();
    }
    text
}

#[cfg(test)]
mod tests;
