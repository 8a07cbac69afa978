//! What goes into a bundle, each as one text.
//!
//! Promises: counts, names and sizes of a store, never what is in it; of a log only the lines that a server writes itself, since
//! they hold no event and no secret. Refuses to ask a server for anything that wants a credential.

use std::fmt::Write as _;
use std::io::{self, Read, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lake::catalog;
use serde_json::json;

use super::Entry;
use crate::config::Config;
use crate::control::look;
use crate::scratch::Scratch;

/// How long a server has for an answer.
const ANSWER_WAIT: Duration = Duration::from_secs(5);
/// Bytes of an answer that are taken.
const ANSWER_BYTES_MAX: u64 = 4 << 20;
/// Bytes of a log, its last ones.
const LOG_BYTES_MAX: u64 = 4 << 20;
/// Files of the data directory that are listed.
const FILES_MAX: usize = 20_000;
/// Bytes of a configuration file that are read.
const CONFIG_BYTES_MAX: u64 = 1 << 20;

/// The configuration file as it is; nothing if there is none.
pub(crate) fn configuration(named: Option<&Path>) -> Option<Entry> {
    let mut text = String::new();
    let file = std::fs::File::open(named?).ok()?;
    file.take(CONFIG_BYTES_MAX).read_to_string(&mut text).ok()?;
    Some(Entry { name: "indelible.toml", what: "the configuration file, secrets taken out", text })
}

/// Our own variables: settings with their values, others by name.
pub(crate) fn environment(variables: impl Iterator<Item = (String, String)>) -> Entry {
    let mut lines: Vec<String> = variables
        .filter(|(name, _)| name.starts_with("INDELIBLE"))
        .map(|(name, value)| match name.starts_with("INDELIBLE__") {
            true => format!("{name}={value}"),
            false => format!("{name} is set"),
        })
        .collect();
    lines.sort();
    let text = lines.join("\n");
    Entry { name: "environment.txt", what: "our own variables, secrets taken out", text }
}

/// Names and sizes of the files of the data directory.
pub(crate) fn files(data: &Path) -> Entry {
    let mut text = String::new();
    let mut left = FILES_MAX;
    let mut folders = vec![data.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let inside = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        let mut paths: Vec<PathBuf> = inside.map(|entry| entry.path()).collect();
        paths.sort();
        for path in paths {
            let Ok(about) = std::fs::symlink_metadata(&path) else { continue };
            if left == 0 {
                text.push_str("more files are not listed\n");
                break;
            }
            left -= 1;
            let name = path.strip_prefix(data).unwrap_or(&path);
            let _grown = writeln!(text, "{:>14} {}", about.len(), name.display());
            if about.is_dir() {
                folders.push(path);
            }
        }
    }
    Entry { name: "files.txt", what: "names and sizes of the files of the data directory", text }
}

/// What the store consists of, in numbers.
pub(crate) fn store(data: &Path) -> Entry {
    let content = match look::look(data) {
        Ok(Some(content)) => {
            let revoked = content.keys.iter().filter(|key| key.revoked_at.is_some()).count();
            json!({ "tenants": content.tenants.len(), "keys": content.keys.len(), "revoked_keys": revoked })
        }
        Ok(None) => json!({ "error": "there is no store" }),
        Err(error) => json!({ "error": error.to_string() }),
    };
    let text = json!({ "control": content, "catalog": segments(data) }).to_string();
    Entry { name: "store.json", what: "how many tenants, keys and segments there are", text }
}

/// Segments by level and state.
fn segments(data: &Path) -> serde_json::Value {
    let Ok(scratch) = Scratch::new() else { return json!({ "error": "no place for a copy" }) };
    let rows = match catalog::look(data, scratch.path()) {
        Ok(rows) => rows.unwrap_or_default(),
        Err(error) => return json!({ "error": error.to_string() }),
    };
    let mut counts: std::collections::BTreeMap<String, (u64, u64, u64)> =
        std::collections::BTreeMap::new();
    for row in &rows {
        let count = counts.entry(format!("level {}, {:?}", row.level, row.state)).or_default();
        count.0 += 1;
        count.1 += row.indices.end - row.indices.start;
        count.2 += row.file.as_ref().map_or(0, |file| file.bytes);
    }
    let shown = counts.into_iter().map(|(kind, (segments, records, bytes))| {
        json!({ "kind": kind, "segments": segments, "records": records, "bytes": bytes })
    });
    shown.collect::<Vec<_>>().into()
}

/// What a running server says to anybody.
pub(crate) fn server(address: &str) -> Vec<Entry> {
    let asked = [
        ("metrics.txt", "/metrics", "the server's figures; they name no tenant and no producer"),
        ("ready.json", "/readyz?verbose", "whether an event could be committed now"),
    ];
    let answers = asked.into_iter().map(|(name, path, what)| {
        let text = get(address, path).unwrap_or_else(|error| format!("not answered: {error}\n"));
        Entry { name, what, text }
    });
    answers.collect()
}

/// The body of an answer.
fn get(address: &str, path: &str) -> io::Result<String> {
    let host = address.strip_prefix("http://").unwrap_or(address);
    let mut stream = TcpStream::connect(host)?;
    stream.set_read_timeout(Some(ANSWER_WAIT))?;
    stream.set_write_timeout(Some(ANSWER_WAIT))?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(ANSWER_BYTES_MAX).read_to_string(&mut answer)?;
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned());
    body.ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// The end of a log: the lines that a server writes itself.
pub(crate) fn log(path: &Path) -> io::Result<Entry> {
    use std::io::{Seek, SeekFrom};
    let mut file = std::fs::File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LOG_BYTES_MAX)))?;
    let mut bytes = Vec::new();
    #[expect(clippy::disallowed_methods, reason = "bounded by `take`")]
    file.take(LOG_BYTES_MAX).read_to_end(&mut bytes)?;
    let all = String::from_utf8_lossy(&bytes);
    let is_ours = |line: &&str| {
        (line.starts_with("time=") && line.contains(" target=indelible"))
            || (line.starts_with("{\"time\":") && line.contains("\"target\":\"indelible"))
    };
    let ours: Vec<&str> = all.lines().filter(is_ours).collect();
    let said = all.lines().filter(|line| !line.trim().is_empty());
    let left_out = said.count() - ours.len();
    let mut text = ours.join("\n");
    let _grown = write!(text, "\n{left_out} lines that are not the server's own were left out\n");
    Ok(Entry { name: "log.txt", what: "the last lines of the server's own log", text })
}

/// Files whose words are secrets: those that hand out tokens, and the keys of the store.
pub(crate) fn secret_files(config: &Config) -> Vec<PathBuf> {
    let data = &config.data_dir;
    let mut files = vec![data.join("client.json"), data.join("auth-header")];
    files.extend(std::env::var_os("INDELIBLE_TOKEN_FILE").map(PathBuf::from));
    let base = crate::keyring::base(config.key_dir.as_deref());
    if let Ok(Some(content)) = look::look(data) {
        let inside = std::fs::read_dir(base.join(content.store.as_str()));
        files.extend(inside.into_iter().flatten().flatten().map(|entry| entry.path()));
    }
    files
}
