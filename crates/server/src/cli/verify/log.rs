//! A log's tiles, from a folder in C2SP's layout or from an address.
//!
//! Promises: a tile that is not there is `None`; a log that cannot be asked is an error with its reason. Refuses to trust
//! what it fetches.

use std::path::{Path, PathBuf};

use indelible_client::{Client, Connection};
use tlog::tile::TilePath;

use super::super::exit::{Exit, Failure};
use crate::verify::keys::read;

/// Bytes of a tile that are read; a full one has 8,192.
const TILE_BYTES_MAX: u64 = 64 * 1024;

/// Where tiles come from.
pub(crate) enum Log {
    /// A folder.
    Folder(PathBuf),
    /// A server, and what stands before `/tile/` there.
    Server(Box<Client>, String),
}

impl Log {
    /// The log at `place`; the tenant of `origin` is the one that is meant if an address has no path.
    pub(crate) fn new(place: &str, origin: &str) -> Result<Log, Failure> {
        if !place.contains("://") {
            let folder = PathBuf::from(place);
            if folder.is_dir() {
                return Ok(Log::Folder(folder));
            }
            let what = format!("`{place}` is neither a folder nor an address");
            return Err(Failure::new(
                Exit::Usage,
                what,
                "give a folder in C2SP's layout, or http://host:port/t/<tenant>",
            ));
        }
        let (scheme, rest) = place.split_once("://").unwrap_or_default();
        let (host, path) = rest.split_once('/').map_or((rest, ""), |(host, path)| (host, path));
        let tenant = origin.rsplit_once('/').map_or(origin, |(_, tenant)| tenant);
        let path = match path.trim_end_matches('/') {
            "" => format!("/t/{tenant}"),
            path => format!("/{path}"),
        };
        let file = Path::new(indelible_client::DATA_DIR).join("client.json");
        // A public log asks for no token; one that does says so itself.
        let token = Connection::find(&file).map_or_else(|_| "none".to_owned(), |found| found.token);
        let url = format!("{scheme}://{host}");
        let connection =
            Connection { url, token, tenant: String::new(), checkpoint_keys: Vec::new() };
        let client = Client::new(&connection)
            .map_err(|error| Failure::new(Exit::Usage, error.to_string(), error.hint()))?;
        Ok(Log::Server(Box::new(client), path))
    }

    /// The bytes of a tile.
    pub(crate) fn fetch(&mut self, path: TilePath) -> Result<Option<Vec<u8>>, String> {
        match self {
            Log::Folder(folder) => match read(&folder.join(path.to_string()), TILE_BYTES_MAX) {
                Ok(bytes) => Ok(Some(bytes)),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(format!("`{path}` of the log cannot be read: {error}")),
            },
            Log::Server(client, before) => {
                client.log_file(&format!("{before}/{path}")).map_err(|error| error.to_string())
            }
        }
    }
}
