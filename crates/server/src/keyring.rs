//! The keys of one store that lie outside its data: the root key and one checkpoint key per tenant.
//!
//! Layout: `<key-dir>/<store name>/{root.key, checkpoint-<tenant>.key, admin.json}`, folder 0700, files 0600.
//! `root.key` is one line, `indelible-root-key/v1 <store> <id, 32 hex> <base64 of 32 bytes>`; a checkpoint key is one line
//! as `tlog::note` writes it, its name is the ledger's origin.
//!
//! Promises: keys are drawn only together with a new store (or a new tenant); a store whose keys are missing or belong to
//! another store is refused, naming the folder, and nothing is written. Refuses to look keys up by the data's path: the
//! store's name alone says which keys are its.

pub(crate) mod wrap; // keys under keys: what is stored beside the data

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use event::ids::{StoreName, TenantId};
use tlog::note::{SigningKey, VerifierKey};

use wrap::RootKey;

/// What `root.key` begins with.
const ROOT_FORMAT: &str = "indelible-root-key/v1";
/// Bytes of a key file that are read.
const FILE_BYTES_MAX: u64 = 4096;
/// Characters of a drawn store name, 5 bits each: 100 bits, since witnesses know a log by its origin alone.
const STORE_NAME_CHARS: usize = 20;
/// Letters that keep the folders of two makings apart.
const DRAFT_CHARS: usize = 8;
/// The letters of drawn names: lower-case base32 (RFC 4648).
const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// The opened keys of one store.
#[derive(Debug)]
pub(crate) struct Keyring {
    folder: PathBuf,
    store: StoreName,
    root: RootKey,
}

/// Why the keys of a store cannot be used. All of these are exit code 2.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyringError {
    /// A file or folder is not there.
    #[error("the keys of store `{store}` are missing: `{path}` is not there", path = path.display())]
    Missing {
        /// Whose keys.
        store: StoreName,
        /// What is not there.
        path: PathBuf,
    },
    /// The keys are another store's, or were changed.
    #[error("the keys in `{path}` do not belong to store `{store}`: {why}", path = path.display())]
    Foreign {
        /// Whose keys they should be.
        store: StoreName,
        /// The file or folder.
        path: PathBuf,
        /// How that shows.
        why: String,
    },
    /// The operating system refused.
    #[error("`{path}` cannot be used: {source}", path = path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
}

impl Keyring {
    /// Draws the keys of a new store: its root key and its `tenants`' checkpoint keys, durable when this returns, in a
    /// folder that is no store's. A making that breaks off so leaves nothing that stands in the way of the next.
    ///
    /// # Errors
    /// Also when a store of this name has keys: they are never touched.
    pub(crate) fn draft(
        base: &Path,
        store: &StoreName,
        tenants: &[TenantId],
    ) -> Result<Keyring, KeyringError> {
        let path = base.join(store.as_str());
        if path.exists() {
            let source =
                io::Error::new(io::ErrorKind::AlreadyExists, "another store's keys are there");
            return Err(KeyringError::Io { path, source });
        }
        // No store's name begins with a dot, and no two makings share a folder.
        let folder = base.join(format!(".{store}.making-{}", draw_letters(DRAFT_CHARS)));
        make_folder(&folder)?;
        let keyring = Keyring { folder, store: store.clone(), root: RootKey::draw() };
        keyring.write_new("root.key", &root_line(store, &keyring.root))?;
        for tenant in tenants {
            keyring.create_checkpoint_key(tenant)?;
        }
        sync(&keyring.folder)?;
        sync(base)?;
        Ok(keyring)
    }

    /// Gives drafted keys the name by which they are found, durably. Keys of that name are not replaced.
    pub(crate) fn publish(self, base: &Path) -> Result<Keyring, KeyringError> {
        let folder = base.join(self.store.as_str());
        let renamed = std::fs::rename(&self.folder, &folder);
        renamed.map_err(|source| KeyringError::Io { path: folder.clone(), source })?;
        sync(base)?;
        Ok(Keyring { folder, ..self })
    }

    /// Opens the keys of the store named `store` below `base`.
    pub(crate) fn open(base: &Path, store: &StoreName) -> Result<Keyring, KeyringError> {
        let folder = base.join(store.as_str());
        let path = folder.join("root.key");
        let root = parse_root(store, &path, &read(store, &path)?)?;
        Ok(Keyring { folder, store: store.clone(), root })
    }

    /// The folder of this store's keys.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The store whose keys these are.
    pub(crate) fn store(&self) -> &StoreName {
        &self.store
    }

    /// The root key.
    pub(crate) fn root(&self) -> &RootKey {
        &self.root
    }

    /// The checkpoint key of a tenant's ledger.
    pub(crate) fn checkpoint_key(&self, tenant: &TenantId) -> Result<SigningKey, KeyringError> {
        let path = self.folder.join(checkpoint_file(tenant));
        let text = read(&self.store, &path)?;
        let foreign = |why: String| KeyringError::Foreign {
            store: self.store.clone(),
            path: path.clone(),
            why,
        };
        let key = SigningKey::parse(text.trim_end()).map_err(|error| foreign(error.to_string()))?;
        let origin = tenant.origin(&self.store);
        match key.name() == origin {
            true => Ok(key),
            false => Err(foreign(format!("the key is named `{}`, not `{origin}`", key.name()))),
        }
    }

    /// The checkpoint key of a new tenant. One that a broken-off creation left behind is used: nothing was signed with it.
    pub(crate) fn create_checkpoint_key(
        &self,
        tenant: &TenantId,
    ) -> Result<SigningKey, KeyringError> {
        if self.folder.join(checkpoint_file(tenant)).exists() {
            return self.checkpoint_key(tenant);
        }
        let origin = tenant.origin(&self.store);
        let key =
            SigningKey::new(&origin, random()).expect("an origin is a key name: both grammars");
        self.write_new(&checkpoint_file(tenant), &format!("{}\n", key.to_secret_text()))?;
        sync(&self.folder)?;
        Ok(key)
    }

    /// Writes `text` as a new file of this folder, durable up to its name.
    fn write_new(&self, name: &str, text: &str) -> Result<(), KeyringError> {
        let path = self.folder.join(name);
        let written =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).and_then(
                |mut file| {
                    file.write_all(text.as_bytes())?;
                    file.sync_all()
                },
            );
        written.map_err(|source| KeyringError::Io { path, source })
    }
}

/// The folder of all stores' keys: `flag`, else `$INDELIBLE_KEY_DIR`, else the state directory.
pub(crate) fn base(flag: Option<&Path>) -> PathBuf {
    let named =
        |name: &str| std::env::var_os(name).filter(|text| !text.is_empty()).map(PathBuf::from);
    if let Some(path) = flag.map(Path::to_path_buf).or_else(|| named("INDELIBLE_KEY_DIR")) {
        return path;
    }
    // The owner of our own entry in /proc is the effective user.
    if std::fs::metadata("/proc/self").is_ok_and(|entry| entry.uid() == 0) {
        return PathBuf::from("/var/lib/indelible/keys");
    }
    let home = || named("HOME").unwrap_or_else(|| PathBuf::from(".")).join(".local/state");
    named("XDG_STATE_HOME").unwrap_or_else(home).join("indelible/keys")
}

/// The verifier key of a tenant's checkpoints, from a key folder that may hold nothing else of use.
pub(crate) fn verifier_key(
    base: &Path,
    store: &StoreName,
    tenant: &TenantId,
) -> Result<VerifierKey, KeyringError> {
    Ok(Keyring::open(base, store)?.checkpoint_key(tenant)?.verifier().clone())
}

/// A store name drawn at random.
pub(crate) fn draw_store_name() -> StoreName {
    let name = draw_letters(STORE_NAME_CHARS);
    StoreName::parse(&name).expect("twenty letters and digits are a store name")
}

/// `count` random characters of lower-case base32.
pub(crate) fn draw_letters(count: usize) -> String {
    let mut text = String::with_capacity(count);
    while text.len() < count {
        for byte in random::<32>() {
            let letter = LETTERS.get(usize::from(byte & 31)).copied().unwrap_or(b'a');
            if text.len() < count {
                text.push(char::from(letter));
            }
        }
    }
    text
}

/// Random bytes from the operating system. Without them nothing here is safe, so their absence ends the process.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// The file of a tenant's checkpoint key.
fn checkpoint_file(tenant: &TenantId) -> String {
    format!("checkpoint-{tenant}.key")
}

fn root_line(store: &StoreName, root: &RootKey) -> String {
    let id = u128::from_be_bytes(root.id());
    format!("{ROOT_FORMAT} {store} {id:032x} {}\n", STANDARD.encode(root.secret()))
}

fn parse_root(store: &StoreName, path: &Path, text: &str) -> Result<RootKey, KeyringError> {
    let foreign = |why: &str| KeyringError::Foreign {
        store: store.clone(),
        path: path.to_path_buf(),
        why: why.to_owned(),
    };
    let words: Vec<&str> = text.trim_end().split(' ').collect();
    let [ROOT_FORMAT, named, id, secret] = words[..] else {
        return Err(foreign("it is no root key of a version that this binary knows"));
    };
    if named != store.as_str() {
        return Err(foreign(&format!("it is that of store `{named}`")));
    }
    let id = u128::from_str_radix(id, 16).map_err(|_| foreign("its id is not hexadecimal"))?;
    let secret = STANDARD.decode(secret).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    let secret = secret.ok_or_else(|| foreign("its secret is not 32 bytes in base64"))?;
    Ok(RootKey::new(id.to_be_bytes(), secret))
}

/// Makes a key folder and those above it.
fn make_folder(path: &Path) -> Result<(), KeyringError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|source| KeyringError::Io { path: path.to_path_buf(), source })
}

/// Makes the names in a folder durable.
fn sync(path: &Path) -> Result<(), KeyringError> {
    let synced = File::open(path).and_then(|folder| folder.sync_all());
    synced.map_err(|source| KeyringError::Io { path: path.to_path_buf(), source })
}

/// The text of a key file.
fn read(store: &StoreName, path: &Path) -> Result<String, KeyringError> {
    let mut text = String::new();
    match File::open(path).and_then(|file| file.take(FILE_BYTES_MAX).read_to_string(&mut text)) {
        Ok(_) => Ok(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(KeyringError::Missing { store: store.clone(), path: path.to_path_buf() })
        }
        Err(source) => Err(KeyringError::Io { path: path.to_path_buf(), source }),
    }
}

#[cfg(test)]
mod tests;
