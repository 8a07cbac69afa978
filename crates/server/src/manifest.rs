//! `MANIFEST`: which files a clean stop left behind, so that a deleted or changed file is seen.
//!
//! It is a signed note by the `system` ledger's key (`docs/formats/manifest.md`). Its text:
//!
//! ```text
//! indelible.manifest/v1
//! <store name>
//! <number of files>
//! <size> <SHA-256 in hex> <path>        one line a file, ascending by path
//! ```
//!
//! Promises: every file below the data directory is in it but those that [`is_listed`] names as changing after it was
//! made, and what is no regular file or has a name that no line holds. Refuses to follow links to folders and to judge: what a difference means is for `verify` and the start to say.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use event::ids::StoreName;
use sha2::{Digest, Sha256};
use tlog::note::{self, Note, SigningKey, VerifierKey};

/// The name of the file.
pub(crate) const FILE: &str = "MANIFEST";
/// The first line of its text.
const FORMAT: &str = "indelible.manifest/v1";
/// Bytes that are read of a file at once while it is hashed.
const CHUNK_BYTES: usize = 1 << 18;
/// Bytes of a signature line, with room.
const SIGNATURE_BYTES_MAX: usize = 512;
/// Folders inside one another below the data directory; ours has three.
const DEPTH_MAX: usize = 16;

/// What a store consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Manifest {
    /// The store's name.
    pub(crate) store: StoreName,
    /// Its files, ascending by path.
    pub(crate) files: Vec<FileEntry>,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FileEntry {
    /// Its path below the data directory, with `/` between names.
    pub(crate) path: String,
    /// Its length in bytes.
    pub(crate) size: u64,
    /// SHA-256 of its bytes.
    pub(crate) sha256: [u8; 32],
}

/// One way in which files and manifest differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Difference {
    /// A listed file is not there.
    Missing {
        /// Its path.
        path: String,
    },
    /// A listed file has other bytes.
    Changed {
        /// Its path.
        path: String,
    },
    /// A file is there that is not listed.
    Unlisted {
        /// Its path.
        path: String,
    },
}

/// A `MANIFEST` that cannot be believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ManifestError {
    /// Its text is not of this format.
    #[error("`MANIFEST` is malformed: {why}")]
    Malformed {
        /// What is wrong.
        why: &'static str,
    },
    /// It is not signed by the store's `system` key.
    #[error("`MANIFEST` is not signed by the key of this store's `system` ledger")]
    Unsigned,
}

impl Manifest {
    /// The signed note; `None` when there are more files than a note holds (about 2,500).
    pub(crate) fn sign(&self, key: &SigningKey) -> Option<String> {
        let text = self.text();
        let fits = text.len() + SIGNATURE_BYTES_MAX <= note::NOTE_BYTES_MAX;
        fits.then(|| note::sign(&text, &[key]))
    }

    /// The manifest in a signed note, once `key` is found to have signed it.
    pub(crate) fn open(text: &str, key: &VerifierKey) -> Result<Manifest, ManifestError> {
        let malformed = |_| ManifestError::Malformed { why: "it is not a signed note" };
        let note = Note::parse(text).map_err(malformed)?;
        let signed = note.verify(std::slice::from_ref(key));
        let is_signed = signed.is_ok_and(|names| names.contains(&key.name()));
        if is_signed { Manifest::parse(note.text()) } else { Err(ManifestError::Unsigned) }
    }

    /// The manifest in a signed note, without a look at its signatures: for whoever has no key and says so.
    pub(crate) fn read_unverified(text: &str) -> Result<Manifest, ManifestError> {
        let malformed = |_| ManifestError::Malformed { why: "it is not a signed note" };
        Manifest::parse(Note::parse(text).map_err(malformed)?.text())
    }

    fn text(&self) -> String {
        let mut text = format!("{FORMAT}\n{}\n{}\n", self.store, self.files.len());
        for FileEntry { path, size, sha256 } in &self.files {
            text.push_str(&format!("{size} {} {path}\n", hex(sha256)));
        }
        text
    }

    fn parse(text: &str) -> Result<Manifest, ManifestError> {
        let malformed = |why| ManifestError::Malformed { why };
        let mut lines = text.lines();
        if lines.next() != Some(FORMAT) {
            return Err(malformed("its version is not known"));
        }
        let store = lines.next().and_then(|name| StoreName::parse(name).ok());
        let store = store.ok_or_else(|| malformed("its second line is no store name"))?;
        let count = lines.next().and_then(|count| count.parse::<usize>().ok());
        let files: Option<Vec<FileEntry>> = lines.map(entry).collect();
        let files = files.ok_or_else(|| malformed("a line is no `size hash path`"))?;
        if count != Some(files.len()) {
            return Err(malformed("its number of files is wrong"));
        }
        if !files.is_sorted_by(|a, b| a.path < b.path) {
            return Err(malformed("its paths do not ascend"));
        }
        Ok(Manifest { store, files })
    }

    /// Whether `log_file`, which holds the log's last frame, is newer than every log file listed: then a start made its owner
    /// frame durable and was broken off before it removed this manifest, which counts for nothing. A file without a frame
    /// says nothing.
    pub(crate) fn is_overtaken_by(&self, log_file: Option<&str>) -> bool {
        let last = self.files.iter().rev().find(|file| file.path.starts_with("ledger/wal/"));
        log_file.is_some_and(|newest| last.is_none_or(|last| newest > last.path.as_str()))
    }

    /// How `found`, ascending by path, differs from what is listed.
    pub(crate) fn differences(&self, found: &[FileEntry]) -> Vec<Difference> {
        let at = |entries: &[FileEntry], path: &str| {
            entries.binary_search_by(|entry| entry.path.as_str().cmp(path)).ok()
        };
        let mut differences = Vec::new();
        for listed in &self.files {
            match at(found, &listed.path).and_then(|place| found.get(place)) {
                None => differences.push(Difference::Missing { path: listed.path.clone() }),
                Some(other) if other != listed => {
                    differences.push(Difference::Changed { path: listed.path.clone() });
                }
                Some(_) => {}
            }
        }
        for entry in found.iter().filter(|entry| at(&self.files, &entry.path).is_none()) {
            differences.push(Difference::Unlisted { path: entry.path.clone() });
        }
        differences
    }
}

/// Whether a file belongs into a manifest. The others change or come and go beside a stopped store.
pub(crate) fn is_listed(path: &str) -> bool {
    let single = ["lock", FILE, "ledger/acked", "client.json", "auth-header"];
    // A stop that was not finished can leave these behind; the next start removes them.
    let unfinished = ["MANIFEST.tmp", "ledger/acked.tmp"];
    let starts = ["ledger/spare-", "quarantine/"];
    let is_single = single.contains(&path) || unfinished.contains(&path);
    !is_single && !starts.iter().any(|start| path.starts_with(start))
}

/// Every file below `root` that belongs into a manifest, ascending by path, as it is now.
pub(crate) fn survey(root: &Path) -> io::Result<Vec<FileEntry>> {
    let mut files = Vec::new();
    for path in list(root)? {
        let (size, sha256) = fingerprint(&root.join(&path))?;
        files.push(FileEntry { path, size, sha256 });
    }
    Ok(files)
}

/// The paths of every file below `root` that belongs into a manifest, ascending.
pub(crate) fn list(root: &Path) -> io::Result<Vec<String>> {
    let mut paths = Vec::new();
    collect(root, "", DEPTH_MAX, &mut paths)?;
    paths.sort();
    Ok(paths)
}

fn collect(folder: &Path, above: &str, depth: usize, paths: &mut Vec<String>) -> io::Result<()> {
    if depth == 0 {
        return Err(io::Error::other(format!("`{above}` lies too deep to be ours")));
    }
    for found in std::fs::read_dir(folder)? {
        let found = found?;
        let name = found.file_name();
        let Some(path) = line(&name).map(|name| format!("{above}{name}")) else {
            pass_over(&found.path());
            continue;
        };
        if found.file_type()?.is_dir() {
            collect(&found.path(), &format!("{path}/"), depth - 1, paths)?;
        } else if is_listed(&path) {
            match std::fs::metadata(found.path()).is_ok_and(|file| file.is_file()) {
                true => paths.push(path),
                false => pass_over(&found.path()),
            }
        }
    }
    Ok(())
}

/// A name that a line can hold: no control character, no bytes that are not UTF-8. Ours are all of that kind.
fn line(name: &std::ffi::OsStr) -> Option<&str> {
    name.to_str().filter(|name| !name.chars().any(char::is_control))
}

/// Says by name what is no file of ours: a name that no line holds, a link to nothing, a socket, a pipe.
fn pass_over(path: &Path) {
    tracing::warn!(path = ?path, "`MANIFEST` cannot list this, it is passed over: move it out of the data directory");
}

/// Length and SHA-256 of a file, read piece by piece.
pub(crate) fn fingerprint(path: &Path) -> io::Result<(u64, [u8; 32])> {
    let mut file = File::open(path)?;
    let (mut size, mut hasher) = (0, Sha256::new());
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let read = file.read(&mut chunk)?;
        let Some(bytes) = chunk.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
        hasher.update(bytes);
        size += u64::try_from(read).unwrap_or(0);
    }
    Ok((size, hasher.finalize().into()))
}

/// One line of the text.
fn entry(line: &str) -> Option<FileEntry> {
    let mut words = line.splitn(3, ' ');
    let (size, sha256, path) = (words.next()?, words.next()?, words.next()?);
    let is_canonical =
        size.bytes().all(|byte| byte.is_ascii_digit()) && (size == "0" || !size.starts_with('0'));
    let is_ours =
        !path.is_empty() && !path.starts_with('/') && !path.split('/').any(|name| name == "..");
    if !is_canonical || !is_ours {
        return None;
    }
    Some(FileEntry { path: path.to_owned(), size: size.parse().ok()?, sha256: unhex(sha256)? })
}

/// 64 lower-case hexadecimal digits.
fn hex(hash: &[u8; 32]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The 32 bytes of exactly 64 lower-case hexadecimal digits.
fn unhex(text: &str) -> Option<[u8; 32]> {
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if text.len() != 64 || !text.bytes().all(is_hex) {
        return None;
    }
    let mut hash = [0; 32];
    for (position, byte) in hash.iter_mut().enumerate() {
        let digits = text.get(position * 2..position * 2 + 2)?;
        *byte = u8::from_str_radix(digits, 16).ok()?;
    }
    Some(hash)
}

#[cfg(test)]
mod tests;
