//! The configuration: one table of settings, each with name, meaning, default and check.
//!
//! Order of precedence: flag, then `INDELIBLE__A__B` in the environment, then the file, then the default. A file that is
//! wrong is refused with its line and, for an unknown key, the key that was probably meant. Refuses to read a variable
//! from within the file: who controls a variable would then control a path.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use event::ids::StoreName;

/// The file that is read when none is named, if it is there.
const FILE: &str = "indelible.toml";
/// Bytes of a configuration file that are read.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// What every environment variable of ours that is a setting begins with.
const ENVIRONMENT_PREFIX: &str = "INDELIBLE__";

/// Everything that can be set, checked.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// The data directory.
    pub(crate) data_dir: PathBuf,
    /// The key directory, when it is not the default one.
    pub(crate) key_dir: Option<PathBuf>,
    /// The address to listen on, `host:port`.
    pub(crate) listen: String,
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

impl Default for Config {
    fn default() -> Config {
        Config {
            data_dir: PathBuf::from("./indelible-data"),
            key_dir: None,
            listen: "127.0.0.1:7070".to_owned(),
            drain_timeout_ms: 10_000,
            bytes_in_flight_max: 96 << 20,
            header_timeout_ms: 10_000,
            body_timeout_ms: 30_000,
            connections_max: 1_024,
            log: "info".to_owned(),
            log_format: "logfmt".to_owned(),
            store_name: None,
            wal_file_bytes: 64 << 20,
            hot_bytes_max: 160 << 20,
            wal_bytes_max: 2 << 30,
            flush_rows_max: 131_072,
            flush_bytes_max: 48 << 20,
            flush_after_ms: 600_000,
            flush_rows_min: 1_000,
            flush_small_after_ms: 86_400_000,
            cache_bytes_max: 64 << 20,
            query_rows_max: 1_000_000,
            query_bytes_max: 256 << 20,
            query_timeout_ms: 30_000,
            query_memory_bytes_max: 64 << 20,
            tail_slow_ms: 10_000,
        }
    }
}

/// One setting: its place in the file, and how a value is taken over.
struct Setting {
    path: &'static str,
    set: fn(&mut Config, &toml::Value) -> Result<(), String>,
}

/// Every setting, in the order of the documentation (`docs/operate/configuration.md`).
const SETTINGS: &[Setting] = &[
    Setting { path: "server.data_dir", set: |c, v| path(v).map(|value| c.data_dir = value) },
    Setting { path: "server.key_dir", set: |c, v| path(v).map(|value| c.key_dir = Some(value)) },
    Setting { path: "server.listen", set: |c, v| text(v).map(|value| c.listen = value) },
    Setting {
        path: "server.drain_timeout_ms",
        set: |c, v| number(v, 0, 20_000).map(|value| c.drain_timeout_ms = value),
    },
    Setting {
        path: "server.bytes_in_flight_max",
        set: |c, v| number(v, 20 << 20, 1 << 40).map(|value| c.bytes_in_flight_max = value),
    },
    Setting {
        path: "server.header_timeout_ms",
        set: |c, v| number(v, 1, 3_600_000).map(|value| c.header_timeout_ms = value),
    },
    Setting {
        path: "server.body_timeout_ms",
        set: |c, v| number(v, 1, 3_600_000).map(|value| c.body_timeout_ms = value),
    },
    Setting {
        path: "server.connections_max",
        set: |c, v| number(v, 1, 1 << 20).map(|value| c.connections_max = value),
    },
    Setting { path: "telemetry.log", set: |c, v| text(v).map(|value| c.log = value) },
    Setting {
        path: "telemetry.log_format",
        set: |c, v| log_format(v).map(|value| c.log_format = value),
    },
    Setting {
        path: "ledger.store_name",
        set: |c, v| store_name(v).map(|value| c.store_name = Some(value)),
    },
    Setting {
        path: "ledger.wal_file_bytes",
        set: |c, v| number(v, 64 << 10, 1 << 32).map(|value| c.wal_file_bytes = value),
    },
    Setting {
        path: "ledger.wal_bytes_max",
        set: |c, v| number(v, 1 << 20, 1 << 44).map(|value| c.wal_bytes_max = value),
    },
    Setting {
        path: "lake.hot_bytes_max",
        set: |c, v| number(v, 1 << 10, 1 << 44).map(|value| c.hot_bytes_max = value),
    },
    Setting {
        path: "lake.flush_rows_max",
        set: |c, v| number(v, 1, 131_072).map(|value| c.flush_rows_max = value),
    },
    Setting {
        path: "lake.flush_bytes_max",
        set: |c, v| number(v, 1 << 10, 48 << 20).map(|value| c.flush_bytes_max = value),
    },
    Setting {
        path: "lake.flush_after_ms",
        set: |c, v| number(v, 1, 86_400_000).map(|value| c.flush_after_ms = value),
    },
    Setting {
        path: "lake.flush_rows_min",
        set: |c, v| number(v, 1, 131_072).map(|value| c.flush_rows_min = value),
    },
    Setting {
        path: "lake.flush_small_after_ms",
        set: |c, v| number(v, 1, 604_800_000).map(|value| c.flush_small_after_ms = value),
    },
    Setting {
        path: "lake.cache_bytes_max",
        set: |c, v| number(v, 1 << 20, 1 << 40).map(|value| c.cache_bytes_max = value),
    },
    Setting {
        path: "query.rows_max",
        set: |c, v| number(v, 1, 1 << 40).map(|value| c.query_rows_max = value),
    },
    Setting {
        path: "query.bytes_max",
        set: |c, v| number(v, 1 << 10, 1 << 40).map(|value| c.query_bytes_max = value),
    },
    Setting {
        path: "query.timeout_ms",
        set: |c, v| number(v, 1, 3_600_000).map(|value| c.query_timeout_ms = value),
    },
    Setting {
        path: "query.memory_bytes_max",
        set: |c, v| number(v, 1 << 20, 1 << 40).map(|value| c.query_memory_bytes_max = value),
    },
    Setting {
        path: "query.tail_slow_ms",
        set: |c, v| number(v, 1, 3_600_000).map(|value| c.tail_slow_ms = value),
    },
];

/// Why a configuration was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {what}")]
pub(crate) struct ConfigError {
    /// The file and line, or the variable.
    pub(crate) place: String,
    /// What is wrong there.
    pub(crate) what: String,
    /// What to do about it.
    pub(crate) hint: String,
}

impl Config {
    /// The configuration of the file `named` (or of `indelible.toml` here, if there is one) under the environment.
    ///
    /// # Errors
    /// When the file cannot be read, or file or environment hold something that is not a setting.
    pub(crate) fn load(
        named: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Config, ConfigError> {
        let mut config = Config::default();
        let path = named.unwrap_or(Path::new(FILE));
        if named.is_some() || path.exists() {
            config.take_file(&path.display().to_string(), &read(path)?)?;
        }
        config.take_environment(environment)?;
        Ok(config)
    }

    /// Takes over every setting of a file's text.
    fn take_file(&mut self, name: &str, text: &str) -> Result<(), ConfigError> {
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
            let line = error.span().map_or(1, |span| line_at(text, span.start));
            ConfigError {
                place: format!("{name}:{line}"),
                what: error.message().to_owned(),
                hint: "correct the line; the file is TOML".to_owned(),
            }
        })?;
        let mut leaves = BTreeMap::new();
        flatten("", &table, &mut leaves);
        for (path, value) in leaves {
            let place = format!("{name}:{}", line_of(text, &path));
            self.take(&place, &path, value)?;
        }
        Ok(())
    }

    /// Takes over `INDELIBLE__A__B` as the setting `a.b`.
    fn take_environment(
        &mut self,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<(), ConfigError> {
        for (name, text) in environment {
            let Some(path) = name.strip_prefix(ENVIRONMENT_PREFIX) else { continue };
            let path = path.to_ascii_lowercase().replace("__", ".");
            self.take(&name, &path, &value_of(&text))?;
        }
        Ok(())
    }

    /// Takes over one setting.
    fn take(&mut self, place: &str, path: &str, value: &toml::Value) -> Result<(), ConfigError> {
        let place = place.to_owned();
        let Some(setting) = SETTINGS.iter().find(|setting| setting.path == path) else {
            let (what, hint) = (format!("unknown key `{path}`"), suggestion(path));
            return Err(ConfigError { place, what, hint });
        };
        (setting.set)(self, value).map_err(|rule| ConfigError {
            place,
            what: format!("`{path}` {rule}"),
            hint: "see docs/operate/configuration.md for every key, its unit and its range"
                .to_owned(),
        })
    }
}

/// The text of a configuration file.
fn read(path: &Path) -> Result<String, ConfigError> {
    use std::io::Read;
    let mut text = String::new();
    let opened = std::fs::File::open(path);
    match opened.and_then(|file| file.take(FILE_BYTES_MAX).read_to_string(&mut text)) {
        Ok(_) => Ok(text),
        Err(error) => Err(ConfigError {
            place: path.display().to_string(),
            what: format!("cannot be read: {error}"),
            hint: "name another file with --config, or leave the option out".to_owned(),
        }),
    }
}

/// Every value that is no table, under its dotted path.
fn flatten<'a>(
    above: &str,
    table: &'a toml::Table,
    leaves: &mut BTreeMap<String, &'a toml::Value>,
) {
    for (key, value) in table {
        let path = if above.is_empty() { key.clone() } else { format!("{above}.{key}") };
        match value {
            toml::Value::Table(inner) => flatten(&path, inner, leaves),
            leaf => drop(leaves.insert(path, leaf)),
        }
    }
}

/// A variable's text as TOML has it, or as plain text.
fn value_of(text: &str) -> toml::Value {
    let parsed = format!("value = {text}").parse::<toml::Table>();
    let value = parsed.ok().and_then(|mut table| table.remove("value"));
    value.unwrap_or_else(|| toml::Value::String(text.to_owned()))
}

/// The line on which byte `offset` stands, from 1.
fn line_at(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

/// The line on which the last word of `path` is set, from 1; 1 when it is written in an unusual way.
fn line_of(text: &str, path: &str) -> usize {
    let key = path.rsplit('.').next().unwrap_or(path);
    let sets = |line: &str| {
        let rest = line.trim_start().strip_prefix(key);
        rest.is_some_and(|rest| rest.trim_start().starts_with('='))
    };
    text.lines().position(sets).map_or(1, |line| line + 1)
}

/// What was probably meant by an unknown key.
fn suggestion(path: &str) -> String {
    let nearest = SETTINGS.iter().map(|setting| (distance(path, setting.path), setting.path)).min();
    match nearest {
        Some((near, meant)) if near <= 6 => format!("did you mean `{meant}`?"),
        _ => "see docs/operate/configuration.md for every key".to_owned(),
    }
}

/// The edit distance between two short texts.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (position, here) in left.chars().enumerate() {
        let mut next = vec![position + 1];
        for ((there, above), diagonal) in right.iter().zip(row.iter().skip(1)).zip(&row) {
            let last = next.last().copied().unwrap_or(0);
            next.push((diagonal + usize::from(here != *there)).min(above + 1).min(last + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

fn text(value: &toml::Value) -> Result<String, String> {
    value.as_str().map(str::to_owned).ok_or_else(|| "must be a text".to_owned())
}

fn path(value: &toml::Value) -> Result<PathBuf, String> {
    text(value).map(PathBuf::from)
}

fn log_format(value: &toml::Value) -> Result<String, String> {
    match text(value)?.as_str() {
        known @ ("logfmt" | "json") => Ok(known.to_owned()),
        _ => Err("must be `logfmt` or `json`".to_owned()),
    }
}

fn store_name(value: &toml::Value) -> Result<StoreName, String> {
    StoreName::parse(&text(value)?).map_err(|error| format!("is refused: {error}"))
}

/// A whole number within `min..=max`.
fn number(value: &toml::Value, min: u64, max: u64) -> Result<u64, String> {
    let whole = value.as_integer().and_then(|number| u64::try_from(number).ok());
    let fits = whole.filter(|number| (min..=max).contains(number));
    fits.ok_or_else(|| format!("must be a whole number from {min} to {max}"))
}

#[cfg(test)]
mod tests;
