//! Where a client command finds the server: the environment first, then the files of a local `serve`.
//!
//! Promises: `INDELIBLE_URL` with `INDELIBLE_TOKEN` or `INDELIBLE_TOKEN_FILE` win over `<data-dir>/client.json`; what is
//! missing is named with the place where it was looked for. Refuses to print a token.

use std::fmt;
use std::path::{Path, PathBuf};

use super::exit::{Exit, Failure};

/// Where the data of a local server lies when nothing else is said.
pub(crate) const DATA_DIR: &str = "./indelible-data";
/// Where a server listens when nothing else is said.
const URL: &str = "http://127.0.0.1:7070";
/// Bytes of a connection or token file that are read; such files have less than one thousand.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// The options that every client command has.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct ConnectArgs {
    /// Data directory of a local server, whose `client.json` names address and token
    #[arg(long, value_name = "D", default_value = DATA_DIR)]
    pub(crate) data_dir: PathBuf,
}

/// An address, a token, and what may be trusted there. The shape of `client.json` and `admin.json`.
#[derive(Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Connection {
    /// The server's address, `http://host:port`.
    pub(crate) url: String,
    /// The API key as issued.
    pub(crate) token: String,
    /// The tenant that the key belongs to; unknown when it came from the environment.
    #[serde(default)]
    pub(crate) tenant: String,
    /// Verifier keys of that tenant's checkpoints, current first.
    #[serde(default)]
    pub(crate) checkpoint_keys: Vec<String>,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("url", &self.url)
            .field("tenant", &self.tenant)
            .finish_non_exhaustive()
    }
}

/// The connection of a client command.
///
/// # Errors
/// When no token is found, or a file that should hold one cannot be read.
pub(crate) fn connection(args: &ConnectArgs) -> Result<Connection, Failure> {
    let url = std::env::var("INDELIBLE_URL").ok();
    if let Some(token) = token_from_environment()? {
        let url = url.unwrap_or_else(|| URL.to_owned());
        return Ok(Connection { url, token, tenant: String::new(), checkpoint_keys: Vec::new() });
    }
    let mut found = read(&args.data_dir.join("client.json"))?;
    if let Some(url) = url {
        found.url = url;
    }
    Ok(found)
}

/// The connection file at `path`.
pub(crate) fn read(path: &Path) -> Result<Connection, Failure> {
    let text = read_small(path)?;
    serde_json::from_str(&text).map_err(|error| {
        let what = format!("`{}` is not a connection file: {error}", path.display());
        Failure::new(Exit::Usage, what, "start `indelible serve` once: it writes the file anew")
    })
}

/// The token that the environment names, by value or by file.
fn token_from_environment() -> Result<Option<String>, Failure> {
    if let Ok(token) = std::env::var("INDELIBLE_TOKEN") {
        return Ok(Some(token));
    }
    let Some(path) = std::env::var_os("INDELIBLE_TOKEN_FILE") else { return Ok(None) };
    Ok(Some(read_small(Path::new(&path))?.trim().to_owned()))
}

/// The text of a small file.
fn read_small(path: &Path) -> Result<String, Failure> {
    use std::io::Read;
    let mut text = String::new();
    let read = std::fs::File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX).read_to_string(&mut text));
    match read {
        Ok(_) => Ok(text),
        Err(error) => Err(Failure::new(
            Exit::Usage,
            format!("`{}` cannot be read: {error}", path.display()),
            "start `indelible serve`, name its folder with --data-dir, or set INDELIBLE_URL and INDELIBLE_TOKEN",
        )),
    }
}
