//! The files that tell local clients where the server is and who they are: `client.json`, `auth-header`, `admin.json`.
//!
//! Promises: mode 0600, replaced whole, complete before the server is ready; a token that is still good is kept, so that it
//! survives restarts. A full disk keeps no server from starting: there the new text goes over the old. Refuses to write a token anywhere else.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::auth;
use crate::control::Control;

/// Bytes of such a file that are read.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// The content of `client.json` and `admin.json`.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Handout {
    /// The server's address.
    pub(crate) url: String,
    /// An API key.
    pub(crate) token: String,
    /// The tenant that it belongs to.
    pub(crate) tenant: String,
    /// Verifier keys of that tenant's checkpoints, current first.
    pub(crate) checkpoint_keys: Vec<String>,
}

/// The token in the file at `path`, if it is still good.
pub(crate) fn kept(path: &Path, control: &Control) -> Option<String> {
    let mut text = String::new();
    File::open(path).ok()?.take(FILE_BYTES_MAX).read_to_string(&mut text).ok()?;
    let handout: Handout = serde_json::from_str(&text).ok()?;
    auth::identify(control, Some(&format!("Bearer {}", handout.token)))?;
    Some(handout.token)
}

/// Writes a handout as JSON.
pub(crate) fn write(path: &Path, handout: &Handout) -> io::Result<()> {
    let text = serde_json::to_string(handout).map_err(io::Error::other)?;
    hand_out(path, format!("{text}\n").as_bytes())
}

/// Writes the header lines that `curl -H @file` takes.
pub(crate) fn write_header(path: &Path, token: &str) -> io::Result<()> {
    let lines = format!("authorization: Bearer {token}\ncontent-type: application/json\n");
    hand_out(path, lines.as_bytes())
}

/// Puts `bytes` under `path`. A full disk has no room for a second file, and has some for the bytes in the first: a client
/// that reads meanwhile may find neither text whole.
fn hand_out(path: &Path, bytes: &[u8]) -> io::Result<()> {
    match replace(path, bytes) {
        Err(error) if is_full(&error) => write_over(path, bytes),
        replaced => replaced,
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

fn write_over(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let file = OpenOptions::new().write(true).open(path)?;
    file.write_all_at(bytes, 0)?;
    file.set_len(u64::try_from(bytes.len()).unwrap_or(u64::MAX))?;
    file.sync_all()
}

/// Puts `bytes` under `path`, whole or not at all, readable by the owner alone.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".tmp");
    let temporary = Path::new(&temporary);
    match std::fs::remove_file(temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(temporary, path)?;
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}
