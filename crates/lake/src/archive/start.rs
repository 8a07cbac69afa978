//! What lies on disk against what the catalog says, at a start.
//!
//! Promises: first everything is judged, then something is changed: damage leaves the folder as it
//! was found. A file that the catalog does not know is moved to `quarantine/`; one that is unfinished
//! or was replaced is removed.

use std::collections::BTreeSet;

use event::ids::TenantId;

use crate::Error;
use crate::catalog::{Catalog, State};
use crate::store::{LAKE, Store, UNFINISHED};

/// What a start found and did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Opened {
    /// Files that nobody knew, by their names in quarantine.
    pub quarantined: Vec<String>,
    /// Unfinished and replaced files that were removed.
    pub removed: Vec<String>,
}

/// Compares the folder with the catalog, and then clears it up.
pub(super) fn settle(store: &Store, catalog: &Catalog) -> Result<Opened, Error> {
    let (mut live, mut replaced) = (BTreeSet::new(), Vec::new());
    for row in catalog.rows()? {
        let Some(file) = row.file else { continue };
        if row.state == State::Replaced {
            replaced.push((row.tenant, file.path));
            continue;
        }
        let found = store.length(&file.path)?;
        if found != Some(file.bytes) {
            let what = match found {
                Some(bytes) => format!("it has {bytes} bytes, not {}", file.bytes),
                None => "it is missing".to_owned(),
            };
            return Err(Error::Segment { path: file.path, what });
        }
        live.insert(file.path);
    }
    let mut opened = Opened::default();
    for (tenant, path) in replaced {
        remove(store, catalog, (&tenant, &path))?;
        opened.removed.push(path);
    }
    for name in store.list(LAKE)? {
        let path = format!("{LAKE}/{name}");
        if live.contains(&path) {
            continue;
        }
        if name.ends_with(UNFINISHED) {
            store.remove(&path)?;
            opened.removed.push(path);
        } else {
            opened.quarantined.push(store.quarantine(&path)?);
        }
    }
    if !opened.removed.is_empty() {
        store.sync_dir(LAKE)?;
    }
    Ok(opened)
}

/// Removes a file that was replaced, and then the row that knew it: in this order a crash leaves a
/// row without a file, which is removed again, and never a file that nobody knows.
pub(super) fn remove(
    store: &Store,
    catalog: &Catalog,
    (tenant, path): (&TenantId, &str),
) -> Result<(), Error> {
    store.remove(path)?;
    store.sync_dir(LAKE)?;
    catalog.forget(tenant, path)
}
