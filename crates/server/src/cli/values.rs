//! What completions offer for the values of arguments: tenants, keys, producers, actions.
//!
//! Promises: a server that does not answer costs no more than a blink, and nothing is said: whoever presses Tab is typing.
//! Refuses to look anywhere but where a command without options would: completions do not see options.

use std::net::{TcpStream, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};
use indelible_client::{Client, TableForm, wire};

use super::connect::{self, AdminArgs, ConnectArgs, DATA_DIR};

/// How long a server has to take a connection.
const CONNECT_WAIT: Duration = Duration::from_millis(300);
/// The actions of a tenant, the most frequent first. The question goes on record like any other.
const ACTIONS: &str = "SELECT action FROM events GROUP BY action ORDER BY count(*) DESC LIMIT 200";
/// The producers of a tenant.
const PRODUCERS: &str = "SELECT DISTINCT producer FROM producers ORDER BY producer LIMIT 200";

/// Names of tenants.
pub(super) fn tenants() -> ArgValueCandidates {
    offer(|| {
        let tenants = administrator()?.tenants().ok()?.tenants;
        Some(tenants.into_iter().map(|tenant| (tenant.name, tenant.origin)).collect())
    })
}

/// Look-up parts of keys that have not ended.
pub(super) fn keys() -> ArgValueCandidates {
    offer(|| {
        let keys = administrator()?.keys(None).ok()?.keys;
        let open = keys.into_iter().filter(|key| key.revoked_at.is_none());
        let about = |key: wire::Key| {
            let producer = key.producer.unwrap_or_default();
            (key.lookup, format!("{} {producer} {}", key.tenant, key.scopes.join(",")))
        };
        Some(open.map(about).collect())
    })
}

/// Names of producers.
pub(super) fn producers() -> ArgValueCandidates {
    offer(|| column(PRODUCERS))
}

/// Actions of events.
pub(super) fn actions() -> ArgValueCandidates {
    offer(|| column(ACTIONS))
}

/// Values, each with a word about it.
type Values = Vec<(String, String)>;

/// What is found, or nothing.
fn offer(find: impl Fn() -> Option<Values> + Send + Sync + 'static) -> ArgValueCandidates {
    ArgValueCandidates::new(move || {
        let values = find().unwrap_or_default().into_iter();
        let candidate = |(value, about): (String, String)| {
            let about = Some(about).filter(|about| !about.trim().is_empty());
            CompletionCandidate::new(value).help(about.map(Into::into))
        };
        values.map(candidate).collect()
    })
}

/// The one column of a statement's answer.
fn column(sql: &str) -> Option<Values> {
    let (client, _) = connect::client(&here()).ok()?;
    let client = answering(client)?;
    let table = client.query(sql, TableForm::Json).ok()?;
    let answer: wire::QueryAnswer = serde_json::from_slice(&table.bytes).ok()?;
    let texts = answer.rows.iter().filter_map(|row| row.first()?.as_str());
    Some(texts.map(|text| (text.to_owned(), String::new())).collect())
}

fn administrator() -> Option<Client> {
    let client = connect::admin(&AdminArgs { connect: here(), key_dir: None }).ok()?;
    answering(client)
}

fn here() -> ConnectArgs {
    ConnectArgs { data_dir: PathBuf::from(DATA_DIR) }
}

/// The client, if its server takes a connection at once: a client by itself is patient.
fn answering(client: Client) -> Option<Client> {
    let host = client.url().strip_prefix("http://")?.trim_end_matches('/').to_owned();
    let address = host.to_socket_addrs().ok()?.next()?;
    TcpStream::connect_timeout(&address, CONNECT_WAIT).ok()?;
    Some(client)
}
