//! Where the server is and with which token: the environment first, then the files of a local server.
//!
//! Promises: `INDELIBLE_URL` with `INDELIBLE_TOKEN` or `INDELIBLE_TOKEN_FILE` win over `<data-dir>/client.json`; what is
//! missing is named with the place where it was looked for. Refuses to print a token, and an address that would carry it
//! over a network in clear.

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// Where the data of a local server lies when nothing else is said.
pub const DATA_DIR: &str = "./indelible-data";

/// Where a server listens when nothing else is said.
const URL: &str = "http://127.0.0.1:7070";
/// Bytes of a connection or token file that are read; such files have less than a thousand.
const FILE_BYTES_MAX: u64 = 64 * 1024;
const START_IT: &str = "start `indelible serve`, name its folder with --data-dir, or set INDELIBLE_URL and INDELIBLE_TOKEN";

/// An address, a token, and what may be trusted there: the shape of `client.json` and `admin.json`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// The server's address, `http://host:port`.
    pub url: String,
    /// The API key as issued.
    pub token: String,
    /// The tenant that the key belongs to; empty when it came from the environment.
    #[serde(default)]
    pub tenant: String,
    /// Verifier keys of that tenant's checkpoints, current first; empty when it came from the environment.
    #[serde(default)]
    pub checkpoint_keys: Vec<String>,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("url", &self.url)
            .field("tenant", &self.tenant)
            .finish_non_exhaustive()
    }
}

impl Connection {
    /// The connection that the environment names, else the one in `file` (a `client.json` or `admin.json`).
    ///
    /// # Errors
    /// `Setup` when there is no token, or a file that should hold one cannot be read.
    pub fn find(file: &Path) -> Result<Connection, Error> {
        let url = variable("INDELIBLE_URL");
        let token = match (variable("INDELIBLE_TOKEN"), variable("INDELIBLE_TOKEN_FILE")) {
            (Some(token), _) => Some(token),
            (None, Some(path)) => Some(read_small(Path::new(&path))?),
            (None, None) => None,
        };
        Connection::choose(url, token, || read_connection(file))
    }

    /// The rule of `find`, without the environment.
    pub(crate) fn choose(
        url: Option<String>,
        token: Option<String>,
        read: impl FnOnce() -> Result<Connection, Error>,
    ) -> Result<Connection, Error> {
        match token {
            Some(token) => Ok(Connection {
                url: url.unwrap_or_else(|| URL.to_owned()),
                token: token.trim().to_owned(),
                tenant: String::new(),
                checkpoint_keys: Vec::new(),
            }),
            None => {
                let found = read()?;
                Ok(Connection { url: url.unwrap_or(found.url), ..found })
            }
        }
    }

    /// The address without its last slash, if a token may be sent there.
    pub(crate) fn base_url(&self) -> Result<&str, Error> {
        let refuse = |what: String, hint| Err(Error::Setup { what, hint });
        let url = self.url.trim_end_matches('/');
        let Some(rest) = url.strip_prefix("http://") else {
            let what = format!("`{url}` is not an address that begins with http://");
            return refuse(
                what,
                "TLS is not built yet: reach the server on the machine that it runs on",
            );
        };
        let host = rest.split_once('/').map_or(rest, |(host, _)| host);
        if host.len() < rest.len() || host.contains('@') {
            let what = format!("`{url}` is not of the form http://host:port");
            return refuse(
                what,
                "set INDELIBLE_URL to the address alone, such as http://127.0.0.1:7070",
            );
        }
        if !is_this_machine(host) {
            let what =
                format!("`{url}` is another machine, and plain HTTP would show it the token");
            return refuse(
                what,
                "TLS is not built yet: forward a local port to the server, over ssh for instance",
            );
        }
        Ok(url)
    }
}

/// The connection file at `path`.
///
/// # Errors
/// `Setup` when it cannot be read or is none.
pub fn read_connection(path: &Path) -> Result<Connection, Error> {
    let text = read_small(path)?;
    serde_json::from_str(&text).map_err(|error| Error::Setup {
        what: format!("`{}` is not a connection file: {error}", path.display()),
        hint: "start `indelible serve` once: it writes the file anew",
    })
}

/// A variable of the environment that is set, not empty and UTF-8.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The text of a small file.
fn read_small(path: &Path) -> Result<String, Error> {
    use std::io::Read;
    let mut text = String::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX).read_to_string(&mut text))
        .map_err(|error| Error::Setup {
            what: format!("`{}` cannot be read: {error}", path.display()),
            hint: START_IT,
        })?;
    Ok(text)
}

/// Whether `host` (with or without a port) is an address of this machine.
fn is_this_machine(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|rest| rest.split_once(']')).map(|(host, _)| host);
    let bare = bare.unwrap_or_else(|| host.rsplit_once(':').map_or(host, |(host, _)| host));
    let is_loopback = |address: std::net::IpAddr| address.is_loopback();
    bare == "localhost" || bare.parse().is_ok_and(is_loopback)
}

#[cfg(test)]
mod tests;
