//! The words that every scenario over a filled store takes, and the folder that it works in.
//!
//! The folder is made for the run and removed after it, whatever came of it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::sheet::Sheet;

/// What to run, and with what.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) events: usize,
    pub(crate) server: Option<PathBuf>,
    pub(crate) folder: PathBuf,
    /// The Python that has `chdb-core`.
    pub(crate) python: String,
    /// One system: `ours`, `postgres` or `clickhouse`.
    pub(crate) only: Option<String>,
}

impl Options {
    /// Reads the words of a scenario that runs over so many events when none are named.
    pub(crate) fn parse(args: &[String], events: usize) -> Result<Self, String> {
        let mut options = Self {
            events,
            server: None,
            folder: std::env::temp_dir(),
            python: "python3".to_owned(),
            only: None,
        };
        let mut words = args.iter();
        while let Some(word) = words.next() {
            let value = words.next().ok_or_else(|| format!("{word} needs a value"))?;
            match word.as_str() {
                "--events" => {
                    options.events = value.parse().map_err(|_| "--events takes a number")?;
                }
                "--server" => options.server = Some(value.into()),
                "--dir" => options.folder = value.into(),
                "--python" => options.python.clone_from(value),
                "--only" => options.only = Some(value.clone()),
                _ => return Err(format!("unknown option {word} {value}")),
            }
        }
        Ok(options)
    }

    /// Whether this system is to be measured.
    pub(crate) fn wants(&self, system: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == system)
    }

    /// Runs a scenario in a folder of its own; the answer is its report.
    pub(crate) fn run(
        &self,
        scenario: impl FnOnce(&Self, &Path) -> std::io::Result<Sheet>,
    ) -> Result<Vec<u8>, String> {
        let folder = self.folder.join(format!("indelible-bench-{}", std::process::id()));
        let measured = fs::create_dir_all(&folder).and_then(|()| scenario(self, &folder)?.text());
        fs::remove_dir_all(&folder).map_err(|error| error.to_string())?;
        measured.map(String::into_bytes).map_err(|error| error.to_string())
    }
}
