//! What opens the store: are the keys there, apart from the data, and their owner's alone.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::{Finding, Known};
use crate::control::look;
use crate::keyring::Keyring;

/// The folder of this store's keys; none as long as there is no store.
fn folder(subject: &Known) -> Option<PathBuf> {
    let content = look::look(&subject.config.data_dir).ok()??;
    Some(subject.key_base().join(content.store.as_str()))
}

/// Whether the keys of the store are there and its own.
pub(super) fn there(subject: &Known) -> Finding {
    const CHECK: &str = "keys";
    let fix = "put this store's key folder back from its backup, or name the folder above it with --key-dir";
    let base = subject.key_base();
    let content = match look::look(&subject.config.data_dir) {
        Ok(Some(content)) => content,
        Ok(None) => {
            let what = format!("none yet: the first start makes them in `{}`", base.display());
            return Finding::good(CHECK, what);
        }
        Err(_) => return Finding::unknown(CHECK, "the store does not say which keys are its", fix),
    };
    let keyring = match Keyring::open(&base, &content.store) {
        Ok(keyring) => keyring,
        Err(error) => return Finding::bad(CHECK, error.to_string(), fix),
    };
    for tenant in &content.tenants {
        if let Err(error) = keyring.checkpoint_key(&tenant.name) {
            return Finding::bad(CHECK, error.to_string(), fix);
        }
    }
    let (tenants, shown) = (content.tenants.len(), keyring.folder().display());
    Finding::good(CHECK, format!("the root key and {tenants} checkpoint keys are in `{shown}`"))
}

/// Whether who copies the data copies the keys.
pub(super) fn apart(subject: &Known) -> Finding {
    const CHECK: &str = "keys apart";
    let whole = |path: &Path| path.canonicalize().or_else(|_| std::path::absolute(path));
    let (Ok(data), Ok(keys)) = (whole(&subject.config.data_dir), whole(&subject.key_base())) else {
        return Finding::unknown(
            CHECK,
            "the folders cannot be looked at",
            "check their permissions",
        );
    };
    match keys.starts_with(&data) {
        false => Finding::good(CHECK, format!("`{}` lies outside the data", keys.display())),
        true => Finding::warning(
            CHECK,
            format!("`{}` lies inside the data: who copies one has both", keys.display()),
            "move the folder elsewhere and name it with --key-dir, `[server] key_dir` or INDELIBLE_KEY_DIR",
        ),
    }
}

/// Whether others can read them.
pub(super) fn permissions(subject: &Known) -> Finding {
    const CHECK: &str = "key permissions";
    let Some(folder) = folder(subject).filter(|folder| folder.is_dir()) else {
        return Finding::good(CHECK, "there are no keys to look at");
    };
    let inside = std::fs::read_dir(&folder).into_iter().flatten().flatten();
    let paths = std::iter::once(folder.clone()).chain(inside.map(|entry| entry.path()));
    let is_open =
        |path: &PathBuf| std::fs::metadata(path).is_ok_and(|about| about.mode() & 0o077 != 0);
    let open: Vec<String> =
        paths.filter(is_open).map(|path| format!("`{}`", path.display())).collect();
    match &open[..] {
        [] => Finding::good(CHECK, format!("`{}` is its owner's alone", folder.display())),
        open => Finding::bad(
            CHECK,
            format!("open to others: {}", open.join(", ")),
            format!("chmod 700 {0} && chmod 600 {0}/*", folder.display()),
        ),
    }
}
