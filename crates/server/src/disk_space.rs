//! How much room a file system has.
//!
//! Promises: what the operating system says, for an ordinary user: bytes that only root may take do not count. Refuses to
//! guess where it says nothing.

use std::path::Path;

/// Bytes that are free where `path` lies.
pub(crate) fn free_bytes(path: &Path) -> Option<u64> {
    let of = rustix::fs::statvfs(path).ok()?;
    Some(of.f_bavail.saturating_mul(of.f_frsize))
}
