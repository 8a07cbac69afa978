//! From a command's options to a client: which files are looked at, and what an error of the client ends with.
//!
//! Promises: `INDELIBLE_URL` with `INDELIBLE_TOKEN` or `INDELIBLE_TOKEN_FILE` win over the files of a local server; what is
//! missing is named with the place where it was looked for. Refuses to print a token.

use std::path::{Path, PathBuf};

use event::ids::StoreName;
use indelible_client::{Client, Connection, Error, Fault, read_connection};
use tlog::note::VerifierKey;

use super::exit::{Exit, Failure};
use crate::keyring;

/// Where the data of a local server lies when nothing else is said.
pub(crate) const DATA_DIR: &str = indelible_client::DATA_DIR;

/// The file in a data directory that names address and token of the local producer.
pub(super) const CLIENT_FILE: &str = "client.json";
/// The file in a store's key folder that names address and token of its administrator.
pub(super) const ADMIN_FILE: &str = "admin.json";

/// The options that every client command has.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct ConnectArgs {
    /// Data directory of a local server
    #[arg(long, value_name = "D", default_value = DATA_DIR)]
    pub(crate) data_dir: PathBuf,
}

/// The options of commands that an administrator runs.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct AdminArgs {
    #[command(flatten)]
    pub(crate) connect: ConnectArgs,
    /// Key directory of a local server, which holds the administrator's token
    #[arg(long, value_name = "K")]
    pub(crate) key_dir: Option<PathBuf>,
}

/// A client with the producer's token, and what it came from.
///
/// # Errors
/// When no token is found, or a file that should hold one cannot be read.
pub(crate) fn client(args: &ConnectArgs) -> Result<(Client, Connection), Failure> {
    let connection = Connection::find(&args.data_dir.join(CLIENT_FILE))?;
    Ok((Client::new(&connection)?, connection))
}

/// A client with the administrator's token: from the environment, else from the store's key folder.
///
/// # Errors
/// As [`client`], and when `client.json` does not tell which store's keys to look for.
pub(crate) fn admin(args: &AdminArgs) -> Result<Client, Failure> {
    let path = args.connect.data_dir.join(CLIENT_FILE);
    let connection = Connection::find(&path)?;
    if connection.checkpoint_keys.is_empty() {
        // The token is the environment's: it is the administrator's, or the server will say that it is not.
        return Ok(Client::new(&connection)?);
    }
    let folder = store_folder(&path, &connection, args.key_dir.as_deref())?;
    // The address is taken from the data directory: a port that was free today is in `client.json` first.
    let admin = read_connection(&folder.join(ADMIN_FILE))?;
    Ok(Client::new(&Connection { url: connection.url, ..admin })?)
}

/// The key folder of the store whose `client.json` was read.
pub(super) fn store_folder(
    path: &Path,
    connection: &Connection,
    key_dir: Option<&Path>,
) -> Result<PathBuf, Failure> {
    let name = connection.checkpoint_keys.iter().find_map(|key| store_of(key));
    let name = name.ok_or_else(|| {
        let what = format!("`{}` names no checkpoint key", path.display());
        Failure::new(Exit::Usage, what, "start `indelible serve` once: it writes the file anew")
    })?;
    Ok(keyring::base(key_dir).join(name.as_str()))
}

/// The store whose ledger signs with `key`.
fn store_of(key: &str) -> Option<StoreName> {
    let key = VerifierKey::parse(key).ok()?;
    let (store, _tenant) = key.name().split_once('/')?;
    StoreName::parse(store).ok()
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let exit = match (error.fault(), &error) {
            (Fault::Credential, _) => Exit::NotAllowed,
            (Fault::World, _) => Exit::Unreachable,
            (Fault::Server, _) => Exit::Failed,
            (Fault::Caller, Error::Refused { problem }) if !is_question(&problem.code) => {
                Exit::Failed
            }
            (Fault::Caller, _) => Exit::Usage,
        };
        Failure::new(exit, error.to_string(), error.hint())
    }
}

/// Whether a refusal is about the words of the question, so that nothing was done and nothing could have been.
fn is_question(code: &str) -> bool {
    use event::code::Code::{
        InvalidRequest, InvalidValue, QueryInvalid, QueryLimit, QueryNotAllowed,
    };
    [InvalidRequest, InvalidValue, QueryInvalid, QueryLimit, QueryNotAllowed]
        .iter()
        .any(|known| known.as_str() == code)
}
