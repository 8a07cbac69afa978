//! Whom to trust: verifier keys as they were pinned, from this machine's key directory, or from the store itself.
//!
//! Promises: a key is an Ed25519 vkey whose id was recomputed; where each came from is kept with it. Refuses to look a key
//! up by the path of the data: the ledger's origin alone says which key is its.

use std::io::Read;
use std::path::{Path, PathBuf};

use event::ids::{StoreName, TenantId};
use tlog::note::VerifierKey;

use super::report::{Fault, Refusal};
use crate::keyring;

/// Bytes of a key file that are read.
const FILE_BYTES_MAX: u64 = 256 * 1024;
/// Said of keys that a user gave.
const PINNED: &str = "pinned by you";
/// Said of keys from the key directory.
const DIRECTORY: &str = "this machine's key directory";
/// Said of keys that lie beside the data.
const STORE: &str = "taken from this store: proves consistency only";

/// Keys and where they came from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trusted {
    pinned: Vec<VerifierKey>,
    /// The folder of all stores' keys.
    folder: PathBuf,
    /// Keys that `client.json` names.
    beside: Vec<VerifierKey>,
}

/// How a set of keys for one origin came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// Given by the user.
    Pinned,
    /// Found in the key directory.
    Directory,
    /// Found in the store that is to be checked.
    Store,
    /// There is none.
    None,
}

impl Source {
    /// The source in words.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Source::Pinned => PINNED,
            Source::Directory => DIRECTORY,
            Source::Store => STORE,
            Source::None => "none",
        }
    }
}

impl Trusted {
    /// The keys that `arguments` name, each a vkey or a file of them, and the key directory.
    pub(crate) fn new(arguments: &[String], key_dir: Option<&Path>) -> Result<Trusted, Refusal> {
        let mut pinned = Vec::new();
        for argument in arguments {
            pinned.extend(given(argument)?);
        }
        Ok(Trusted { pinned, folder: keyring::base(key_dir), beside: Vec::new() })
    }

    /// Takes in the keys that lie beside the data, to be used where there is no other.
    pub(crate) fn with_store(mut self, data_dir: &Path) -> Trusted {
        let texts = match indelible_client::read_connection(&data_dir.join("client.json")) {
            Ok(connection) => connection.checkpoint_keys,
            Err(_) => Vec::new(),
        };
        self.beside = texts.iter().filter_map(|text| VerifierKey::parse(text).ok()).collect();
        self
    }

    /// The folder of all stores' keys.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The keys to judge a checkpoint of `origin` by. Pinned keys go before all others, and all of them are given: a
    /// wrong signature by any of them counts.
    pub(crate) fn of(&self, origin: &str) -> (Vec<VerifierKey>, Source) {
        let is_its = |key: &&VerifierKey| key.name() == origin;
        if self.pinned.iter().any(|key| key.name() == origin) {
            return (self.pinned.clone(), Source::Pinned);
        }
        if let Some(key) = self.in_directory(origin) {
            return (self.pinned.iter().cloned().chain([key]).collect(), Source::Directory);
        }
        let beside: Vec<_> = self.beside.iter().filter(is_its).cloned().collect();
        if beside.is_empty() {
            (self.pinned.clone(), Source::None)
        } else {
            (beside, Source::Store)
        }
    }

    /// The key of `origin` in the key directory.
    fn in_directory(&self, origin: &str) -> Option<VerifierKey> {
        let (store, tenant) = origin.rsplit_once('/')?;
        let (store, tenant) = (StoreName::parse(store).ok()?, TenantId::parse(tenant).ok()?);
        keyring::verifier_key(&self.folder, &store, &tenant).ok()
    }
}

/// The keys that one `--key` names.
fn given(argument: &str) -> Result<Vec<VerifierKey>, Refusal> {
    if let Ok(key) = VerifierKey::parse(argument.trim()) {
        return Ok(vec![key]);
    }
    let usage = |what: String| {
        let hint = "give a key as `name+id+base64`, or a file with one such key a line";
        Refusal::new(Fault::Caller, what, hint)
    };
    let text = read_text(Path::new(argument), FILE_BYTES_MAX)
        .map_err(|error| usage(format!("`{argument}` is no key and no file: {error}")))?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let keys = lines.map(|line| {
        VerifierKey::parse(line)
            .map_err(|error| usage(format!("`{argument}` holds no key: {error}")))
    });
    let keys = keys.collect::<Result<Vec<_>, _>>()?;
    if keys.is_empty() { Err(usage(format!("`{argument}` holds no key"))) } else { Ok(keys) }
}

/// The text of a file of at most so many bytes.
pub(crate) fn read_text(path: &Path, bytes_max: u64) -> Result<String, std::io::Error> {
    let bytes = read(path, bytes_max)?;
    String::from_utf8(bytes).map_err(|error| std::io::Error::other(error.to_string()))
}

/// A file of at most so many bytes.
#[expect(clippy::disallowed_methods, reason = "the read is bounded by `take`")]
pub(crate) fn read(path: &Path, bytes_max: u64) -> Result<Vec<u8>, std::io::Error> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(bytes_max + 1).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > bytes_max {
        return Err(std::io::Error::other(format!("it has more than {bytes_max} bytes")));
    }
    Ok(bytes)
}
