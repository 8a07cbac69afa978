//! The rival in process: ClickHouse as the Python package `chdb-core`, driven by a script of its own.
//!
//! It refuses to install anything: where the package is missing the run says so, loudly, and goes on without it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::report::Latencies;

const SCRIPT: &str = include_str!("clickhouse.py");

/// What the rival measured.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) rows: usize,
    /// Bytes of the table's parts on disk.
    pub(crate) bytes: u64,
    /// Latencies of each named list of statements.
    pub(crate) latencies: BTreeMap<String, Latencies>,
}

/// Loads the events of a file and asks each list of statements; nothing if the package is missing.
pub(crate) fn run(
    python: &str,
    folder: &Path,
    events: &Path,
    questions: &BTreeMap<&str, Vec<String>>,
) -> io::Result<Option<Measured>> {
    let found = Command::new(python).args(["-c", "import chdb"]).stderr(Stdio::null()).status();
    if !found.is_ok_and(|status| status.success()) {
        return Ok(None);
    }
    fs::create_dir_all(folder)?;
    let (script, asked) = (folder.join("clickhouse.py"), folder.join("questions.json"));
    fs::write(&script, SCRIPT)?;
    fs::write(&asked, serde_json::to_vec(questions)?)?;
    let output = Command::new(python)
        .arg(&script)
        .arg(folder.join("store"))
        .arg(events)
        .arg(&asked)
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(io::Error::other(format!("the script ended with {}", output.status)));
    }
    let said: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let missing = || io::Error::other("the script did not say all");
    let number = |name| said.get(name).and_then(serde_json::Value::as_u64).ok_or_else(missing);
    let rows = usize::try_from(number("rows")?).map_err(io::Error::other)?;
    let bytes = number("bytes")?;
    let lists = said.get("ms").and_then(serde_json::Value::as_object).ok_or_else(missing)?;
    let latencies = lists.iter().map(|(name, list)| (name.clone(), latencies(list))).collect();
    Ok(Some(Measured { rows, bytes, latencies }))
}

fn latencies(list: &serde_json::Value) -> Latencies {
    let mut latencies = Latencies::default();
    for time in list.as_array().into_iter().flatten().filter_map(serde_json::Value::as_f64) {
        latencies.push(Duration::from_secs_f64(time / 1e3));
    }
    latencies
}
