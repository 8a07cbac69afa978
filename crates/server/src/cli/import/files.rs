//! Paths -> the files to import, and each file's decompressed bytes.
//!
//! A folder gives its `*.json`, `*.jsonl` and `*.ndjson` files, `.gz` and `.zst` ones of these too, in name order, sub-folders
//! included; everything else in it is listed as skipped. A path that is named outright is taken whatever it is called. It
//! refuses to follow symbolic links inside folders, which could lead round in circles, and it never holds a file whole.

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

/// Bytes that are read and decompressed at once.
const BUFFER_BYTES: usize = 64 * 1024;
/// Folders inside one another that are looked into.
const FOLDER_DEPTH_MAX: u32 = 32;
/// Memory that a zstd frame may ask for, as a power of two: 128 MiB, what the `zstd` tool allows.
const ZSTD_WINDOW_LOG_MAX: u32 = 27;

/// What the paths on the command line came to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// Files to import, in the order of the command line, folders in name order.
    pub(crate) files: Vec<PathBuf>,
    /// What folders hold that is not imported.
    pub(crate) skipped: Vec<PathBuf>,
}

/// Looks through `paths`.
///
/// # Errors
/// The path that could not be read, and why.
pub(crate) fn find(paths: &[PathBuf]) -> Result<Found, (PathBuf, io::Error)> {
    let mut found = Found::default();
    for path in paths {
        let metadata = fs::metadata(path).map_err(|error| (path.clone(), error))?;
        if metadata.is_dir() {
            look_into(path, 0, &mut found)?;
        } else {
            found.files.push(path.clone());
        }
    }
    Ok(found)
}

fn look_into(folder: &Path, depth: u32, found: &mut Found) -> Result<(), (PathBuf, io::Error)> {
    let failed = |error| (folder.to_path_buf(), error);
    let mut entries =
        fs::read_dir(folder).map_err(failed)?.collect::<Result<Vec<_>, _>>().map_err(failed)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let kind = entry.file_type().map_err(failed)?;
        if kind.is_dir() && depth < FOLDER_DEPTH_MAX {
            look_into(&path, depth + 1, found)?;
        } else if kind.is_file() && is_importable(&path) {
            found.files.push(path);
        } else {
            found.skipped.push(path);
        }
    }
    Ok(())
}

fn is_importable(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let bare = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(&name);
    [".json", ".jsonl", ".ndjson"].iter().any(|suffix| bare.ends_with(suffix))
}

/// The decompressed bytes of a file.
pub(crate) type Content = Box<dyn Read>;

/// Opens `path`; `.gz` and `.zst` are decompressed as they are read.
///
/// # Errors
/// What opening gives.
pub(crate) fn open(path: &Path) -> io::Result<Content> {
    let file = BufReader::with_capacity(BUFFER_BYTES, File::open(path)?);
    let name = path.to_string_lossy().to_ascii_lowercase();
    if name.ends_with(".gz") {
        return Ok(Box::new(Filling(flate2::bufread::MultiGzDecoder::new(file))));
    }
    if name.ends_with(".zst") {
        let mut decoder = zstd::stream::read::Decoder::with_buffer(file)?;
        decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
        return Ok(Box::new(Filling(decoder)));
    }
    Ok(Box::new(Filling(file)))
}

/// `content` behind a buffer of the size that files are read in.
pub(crate) fn buffered<R: Read>(content: R) -> BufReader<R> {
    BufReader::with_capacity(BUFFER_BYTES, content)
}

/// A reader that gives as much as is asked for until the end: decompressors stop early where a member or block ends,
/// and what looks at the beginning of a buffer should not depend on that.
struct Filling<R>(R);

impl<R: Read> Read for Filling<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.0.read(rest) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }
}

#[cfg(test)]
mod tests;
