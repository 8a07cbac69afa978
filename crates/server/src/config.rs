//! The configuration: from flags, environment, file and defaults to one checked value.
//!
//! ```text
//! flag > INDELIBLE__A__B > file (--config, else indelible.toml here) > default
//! keys.rs   the table of keys: everything else here is made of it
//! file.rs, value.rs, secret.rs, address.rs   what a source says, read and checked
//! rules.rs  what keys must be beside each other          mistake.rs, suggest.rs   what is wrong, where, and what was meant
//! live.rs   the running configuration, which SIGHUP changes     pages.rs   the same table as file, schema and page
//! ```
//!
//! Promises: a configuration is taken whole or refused with every mistake. Refuses to read a variable from within the
//! file: who controls a variable would then control a path.

mod address;
mod file;
mod keys;
mod live;
mod mistake;
mod pages;
mod rules;
mod secret;
mod suggest;
mod value;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use event::ids::StoreName;

pub(crate) use address::{AddressError, allowed};
pub(crate) use keys::Key;
pub(crate) use live::Live;
pub(crate) use mistake::{Mistake, Place, Severity};
pub(crate) use pages::{example, schema};
pub(crate) use suggest::nearest;
pub(crate) use value::Value;

use keys::{KEYS, Kind, Reserved, Unset};

/// The file that is read when none is named, if it is there.
pub(crate) const FILE: &str = "indelible.toml";
/// What every environment variable of ours that is a setting begins with.
const ENVIRONMENT_PREFIX: &str = "INDELIBLE__";

/// The variable that names the key directory to every command.
const KEY_DIR_VARIABLE: &str = "INDELIBLE_KEY_DIR";

/// Everything that can be set, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Config {
    /// The data directory.
    pub(crate) data_dir: PathBuf,
    /// The key directory, when it is not the default one.
    pub(crate) key_dir: Option<PathBuf>,
    /// The address to listen on, `host:port`.
    pub(crate) listen: String,
    /// Who may be spoken to without TLS.
    pub(crate) plaintext: Plaintext,
    /// How long requests in flight may take once the server stops.
    pub(crate) drain_timeout_ms: u64,
    /// Bytes of requests that may be in memory at once.
    pub(crate) bytes_in_flight_max: u64,
    /// How long a client may take for a request's headers.
    pub(crate) header_timeout_ms: u64,
    /// How long a client may take for a request's body.
    pub(crate) body_timeout_ms: u64,
    /// Connections at once.
    pub(crate) connections_max: u64,
    /// What is logged.
    pub(crate) log: String,
    /// How it is logged: `logfmt` or `json`.
    pub(crate) log_format: String,
    /// The store's name, instead of a drawn one; only before the first start.
    pub(crate) store_name: Option<StoreName>,
    /// Bytes of one file of the write-ahead log.
    pub(crate) wal_file_bytes: u64,
    /// Bytes of rows that are not archived yet.
    pub(crate) hot_bytes_max: u64,
    /// Bytes of log files after which rows are archived, so that the log can be trimmed.
    pub(crate) wal_bytes_max: u64,
    /// Rows of a tenant at which they become a segment.
    pub(crate) flush_rows_max: u64,
    /// Bytes of a tenant's rows at which they become a segment.
    pub(crate) flush_bytes_max: u64,
    /// Age of the oldest row at which at least `flush_rows_min` rows become a segment.
    pub(crate) flush_after_ms: u64,
    /// Fewer rows than this wait for `flush_small_after_ms`.
    pub(crate) flush_rows_min: u64,
    /// Age of the oldest row at which any number of rows becomes a segment.
    pub(crate) flush_small_after_ms: u64,
    /// Bytes of footers, filters and indexes of segments that stay in memory.
    pub(crate) cache_bytes_max: u64,
    /// Rows of one answer.
    pub(crate) query_rows_max: u64,
    /// Bytes of one answer.
    pub(crate) query_bytes_max: u64,
    /// How long one statement may run.
    pub(crate) query_timeout_ms: u64,
    /// Memory of one statement.
    pub(crate) query_memory_bytes_max: u64,
    /// How long a tail waits for a client that takes nothing.
    pub(crate) tail_slow_ms: u64,
}

/// Who may be spoken to without TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plaintext {
    /// Programs on this machine.
    LoopbackOnly,
    /// Anybody: what is said can be read on the way, and somebody accepted that.
    ReadableByTheNetwork,
}

impl Plaintext {
    fn of(word: &str) -> Plaintext {
        match word {
            "readable-by-the-network" => Plaintext::ReadableByTheNetwork,
            _ => Plaintext::LoopbackOnly,
        }
    }
}

/// Where a configuration comes from; kept, so that SIGHUP can read it again.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sources {
    /// The file that was named.
    pub(crate) file: Option<PathBuf>,
    /// The flags that were given, with their values.
    pub(crate) flags: Vec<(&'static str, String)>,
    /// The environment.
    pub(crate) environment: BTreeMap<String, String>,
}

/// A key with its value, and who set it.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    pub(crate) key: &'static Key,
    pub(crate) value: Option<Value>,
    pub(crate) origin: Place,
}

/// What the sources say, with everything that is wrong.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    /// Every key, in the order of the table.
    pub(crate) settings: Vec<Setting>,
    /// What is wrong: the file's in its order, then the environment, the flags, and what does not fit together.
    pub(crate) mistakes: Vec<Mistake>,
    /// The file that was read.
    pub(crate) file: Option<PathBuf>,
}

/// A configuration that was refused, with every mistake.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", said(.mistakes))]
pub(crate) struct Refused {
    /// What is wrong; at least one is an error.
    pub(crate) mistakes: Vec<Mistake>,
}

/// All mistakes, one below the other.
fn said(mistakes: &[Mistake]) -> String {
    mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

impl Default for Config {
    fn default() -> Config {
        Config::of(&defaults())
    }
}

impl Config {
    /// The configuration of these settings, one of each key.
    fn of(settings: &[Setting]) -> Config {
        let mut config = Config::blank();
        for Setting { key, value, .. } in settings {
            match (&key.kind, value) {
                (Kind::Number(number), Some(Value::Number(value))) => {
                    *(number.field)(&mut config) = *value;
                }
                (Kind::Text(text), Some(Value::Text(value))) => (text.set)(&mut config, value),
                _ => {}
            }
        }
        config
    }

    /// What every key writes over.
    fn blank() -> Config {
        Config {
            data_dir: PathBuf::new(),
            key_dir: None,
            listen: String::new(),
            plaintext: Plaintext::LoopbackOnly,
            drain_timeout_ms: 0,
            bytes_in_flight_max: 0,
            header_timeout_ms: 0,
            body_timeout_ms: 0,
            connections_max: 0,
            log: String::new(),
            log_format: String::new(),
            store_name: None,
            wal_file_bytes: 0,
            hot_bytes_max: 0,
            wal_bytes_max: 0,
            flush_rows_max: 0,
            flush_bytes_max: 0,
            flush_after_ms: 0,
            flush_rows_min: 0,
            flush_small_after_ms: 0,
            cache_bytes_max: 0,
            query_rows_max: 0,
            query_bytes_max: 0,
            query_timeout_ms: 0,
            query_memory_bytes_max: 0,
            tail_slow_ms: 0,
        }
    }
}

/// Every key with its default.
fn defaults() -> Vec<Setting> {
    let of = |key: &'static Key| {
        let value = match &key.kind {
            Kind::Number(number) => Some(Value::Number(number.default)),
            Kind::Text(text) => match text.default {
                Unset::Value(value) => Some(Value::Text(value.to_owned())),
                Unset::Words { .. } => None,
            },
        };
        Setting { key, value, origin: Place::Default }
    };
    KEYS.iter().map(of).collect()
}

impl Sources {
    /// What these sources say now.
    pub(crate) fn load(&self) -> Loaded {
        let mut loaded = Loaded { settings: defaults(), mistakes: Vec::new(), file: None };
        let named = self.file.as_deref();
        let path = named.unwrap_or(Path::new(FILE));
        if named.is_some() || path.exists() {
            loaded.file = Some(path.to_path_buf());
            match file::text_of(path) {
                Ok(text) => loaded.take_file(&path.display().to_string(), &text, &self.environment),
                Err(mistake) => loaded.mistakes.push(*mistake),
            }
        }
        for (name, text) in &self.environment {
            let Some(path) = name.strip_prefix(ENVIRONMENT_PREFIX) else { continue };
            let path = path.to_ascii_lowercase().replace("__", ".");
            loaded.take(Place::Variable(name.clone()), &path, text);
        }
        for (flag, text) in &self.flags {
            let place = Place::Flag((*flag).to_owned());
            let is_it = |known: &&Key| known.flag == Some(flag);
            let reserved = || keys::RESERVED.iter().find(|known| known.flag == Some(flag));
            let key = KEYS.iter().find(is_it).map(|key| key.name);
            let key = key.or_else(|| reserved().map(|known| known.name));
            loaded.take(place, key.unwrap_or(flag), text);
        }
        loaded.take_key_dir(&self.environment);
        loaded.mistakes.extend(rules::check(&loaded.settings));
        loaded
    }
}

impl Loaded {
    /// The configuration, unless something is wrong with it.
    pub(crate) fn config(&self) -> Result<Config, Refused> {
        match self.errors() {
            0 => Ok(Config::of(&self.settings)),
            _ => Err(Refused { mistakes: self.mistakes.clone() }),
        }
    }

    /// How many mistakes are in the way.
    pub(crate) fn errors(&self) -> usize {
        self.mistakes.iter().filter(|mistake| mistake.severity == Severity::Error).count()
    }

    fn take_file(&mut self, name: &str, text: &str, environment: &BTreeMap<String, String>) {
        let (found, mistakes) = file::read(name, text, environment);
        for file::Found { key, value, place } in found {
            self.set(key, value, place);
        }
        self.mistakes.extend(mistakes);
    }

    /// Takes over one setting from a variable or a flag.
    fn take(&mut self, place: Place, path: &str, text: &str) {
        let (what, hint) = match (Key::named(path), Reserved::of(path)) {
            (Some(key), _) => match key.read_plain(text) {
                Ok(value) => return self.set(key, value, place),
                Err(wrong) => (format!("`{path}` {}", wrong.what), wrong.hint),
            },
            (None, Some(reserved)) => {
                (format!("`{}` {}", reserved.name, reserved.reason), reserved.instead.to_owned())
            }
            (None, None) => {
                let hint = match suggest::meant(path) {
                    Some(meant) => format!("did you mean `{}`?", variable(meant)),
                    None => suggest::key(path),
                };
                (format!("unknown key `{path}`"), hint)
            }
        };
        self.mistakes.push(Mistake { severity: Severity::Error, place, what, hint });
    }

    /// The variable that every command knows counts where no setting names the key directory.
    fn take_key_dir(&mut self, environment: &BTreeMap<String, String>) {
        let variable = environment.get(KEY_DIR_VARIABLE).filter(|text| !text.is_empty());
        let Some(text) = variable else { return };
        let is_unset = |setting: &&mut Setting| {
            setting.key.name == "server.key_dir" && setting.value.is_none()
        };
        for setting in self.settings.iter_mut().filter(is_unset) {
            setting.value = Some(Value::Text(text.clone()));
            setting.origin = Place::Variable(KEY_DIR_VARIABLE.to_owned());
        }
    }

    fn set(&mut self, key: &'static Key, value: Value, origin: Place) {
        let mut settings = self.settings.iter_mut();
        if let Some(setting) = settings.find(|setting| setting.key.name == key.name) {
            *setting = Setting { key, value: Some(value), origin };
        }
    }
}

/// The variable that sets the key `name`.
pub(crate) fn variable(name: &str) -> String {
    format!("{ENVIRONMENT_PREFIX}{}", name.replace('.', "__").to_ascii_uppercase())
}

#[cfg(test)]
mod tests;
