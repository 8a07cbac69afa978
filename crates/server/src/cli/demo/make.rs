//! The sample store, made before anybody looks: tenants, a fortnight of history, the CloudTrail sample, the tampered copy.
//!
//! Promises: the data directory gets its name last, so that a making that broke off leaves no store and is begun again. It
//! says what it is doing. Refuses to replace a folder that is not a copy of its own.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use event::ids::TenantId;
use indelible_client::{
    Batch, Body, Client, Connection, Form, Identity, Patience, ReceiptWish, wire,
};
use serde_json::{Value, json};

use super::server::{Running, Stage, with_flags};
use super::story::{self, CLOUD, Dice, SHOP, THEFT};
use super::{Folders, forgery};
use crate::cli::connect;
use crate::cli::exit::{Exit, Failure};
use crate::cli::{import, print};
use crate::clock::Clock;
use crate::config::{Config, Sources};
use crate::{failures, handout};

/// The CloudTrail records of `testdata/cloudtrail`, one a line.
pub(super) const SAMPLE: &[u8] = include_bytes!("cloudtrail.jsonl.zst");
/// The name under which the sample is imported.
const SAMPLE_FILE: &str = "cloudtrail.jsonl.zst";
/// The file beside the store's keys that holds the event that the tour is about, as it was sent.
pub(super) const SENT_FILE: &str = "demo-sent.json";
/// Events of the history.
const HISTORY: u64 = 3_000;
/// Events of one request.
const BATCH_EVENTS: usize = 500;
/// The seed of the history: everybody's demo tells the same.
const SEED: u64 = 20_261_124;

/// Makes the store and its copy, and gives both their names.
pub(super) fn run(sources: &Sources, folders: &Folders, stage: &Stage) -> Result<(), Failure> {
    let io = |error: io::Error| failures::file(&folders.draft.display().to_string(), &error);
    remove(&folders.draft).map_err(io)?;
    print::words(
        "making a sample store, once: a fortnight at three tenants, and 2,900 CloudTrail records",
    );
    let draft = folders.draft.display().to_string();
    let live = with_flags(sources.clone(), &[("--data-dir", &draft), ("--listen", "127.0.0.1:0")])?;
    let running = Running::start(live, stage)?;
    let config = Arc::clone(&running.config);
    if running.ready().is_none() {
        running.end()?;
        return Err(broken_off());
    }
    let filled = fill(&config, folders, stage.clock);
    match running.stop()? {
        Exit::Done => filled?,
        _ => return Err(broken_off()),
    }
    print::words("making a copy of it in which somebody changed one word");
    remove_copy(&folders.tampered)?;
    remove(&folders.copy).map_err(io)?;
    forgery::run(&folders.draft, &folders.copy).map_err(|error| {
        Failure::new(Exit::Failed, error.to_string(), "run `indelible demo` again: it begins anew")
    })?;
    fs::rename(&folders.copy, &folders.tampered).map_err(io)?;
    fs::rename(&folders.draft, &folders.data).map_err(io)
}

fn broken_off() -> Failure {
    Failure::new(
        Exit::Failed,
        "the sample store was not finished",
        "run `indelible demo` again: it begins anew",
    )
}

/// Tenants, keys and events.
fn fill(config: &Config, folders: &Folders, clock: Clock) -> Result<(), Failure> {
    let local = indelible_client::read_connection(&folders.draft.join(connect::CLIENT_FILE))?;
    let keys = connect::store_folder(&folders.draft, &local, config.key_dir.as_deref())?;
    let admin = indelible_client::read_connection(&keys.join(connect::ADMIN_FILE))?;
    let admin = Client::new(&Connection { url: local.url.clone(), ..admin })?;
    let mut doors = vec![(SHOP, local.clone())];
    for name in story::TENANTS {
        doors.push((name, door(&admin, &local, &keys, name)?));
    }
    let told = story::history(&mut Dice::new(SEED), HISTORY, clock.wall());
    for (tenant, door) in &doors {
        let client = Client::new(door)?;
        let of_tenant = told.iter().filter(|(of, _)| of == tenant);
        let events: Vec<Value> = of_tenant.map(|(_, event)| event.clone()).collect();
        for chunk in events.chunks(BATCH_EVENTS) {
            let sent = send(&client, chunk, Patience::SEND)?;
            keep_theft(&keys, &sent)?;
        }
        if *tenant == CLOUD {
            sample(Client::new(door)?)?;
        }
        client.flush()?;
    }
    Ok(())
}

/// Creates a tenant and a key for it, whose token is kept beside the store's keys.
fn door(
    admin: &Client,
    local: &Connection,
    keys: &Path,
    name: &str,
) -> Result<Connection, Failure> {
    let failed = |what: String| {
        Failure::new(Exit::Failed, what, "run `indelible demo` again: it begins anew")
    };
    let tenant = TenantId::parse(name).map_err(|error| failed(error.to_string()))?;
    admin.create_tenant(&tenant)?;
    let asked = wire::NewKey {
        tenant: name.to_owned(),
        producer: Some("demo".to_owned()),
        scopes: vec!["write".to_owned(), "read".to_owned()],
    };
    let created = admin.create_key(&asked)?;
    let path = keys.join(token_file(name));
    let kept = handout::replace(&path, format!("{}\n", created.token).as_bytes());
    kept.map_err(|error| failures::file(&path.display().to_string(), &error))?;
    Ok(Connection { token: created.token, ..local.clone() })
}

/// The file beside the store's keys that holds a tenant's token.
pub(super) fn token_file(tenant: &str) -> String {
    format!("demo-{tenant}.token")
}

/// Keeps the event that the tour is about as it was sent: what a receipt is compared with.
fn keep_theft(keys: &Path, sent: &[Value]) -> Result<(), Failure> {
    let is_it = |event: &&Value| event.get("action").is_some_and(|action| action == THEFT);
    let Some(event) = sent.iter().find(is_it) else { return Ok(()) };
    let path = keys.join(SENT_FILE);
    let kept = handout::replace(&path, format!("{event}\n").as_bytes());
    kept.map_err(|error| failures::file(&path.display().to_string(), &error))
}

/// Sends events, each with an id of its own; answers them as they were sent.
pub(super) fn send(
    client: &Client,
    events: &[Value],
    patience: Patience,
) -> Result<Vec<Value>, Failure> {
    let mut numbered = events.to_vec();
    for event in &mut numbered {
        let id = indelible_client::draw_event_id().map_err(|error| failures::io(&error.into()))?;
        if let Some(members) = event.as_object_mut() {
            members.insert("id".to_owned(), json!(id.to_string()));
        }
    }
    let body = serde_json::to_string(&numbered).unwrap_or_default();
    let batch = Batch {
        body: Body { form: Form::Json, bytes: body.as_bytes() },
        identity: Identity::Ids,
        mapping: None,
        receipt: ReceiptWish::Unwanted,
    };
    let answer = client.send(batch, patience)?;
    let refused =
        answer.results.iter().find(|result| !matches!(result, wire::ItemResult::Committed { .. }));
    match refused {
        None => Ok(numbered),
        Some(result) => {
            let what = format!("a sample event was not committed: {result:?}");
            Err(Failure::new(Exit::Failed, what, "this is a fault of the demo: please report it"))
        }
    }
}

/// Imports the CloudTrail sample as `indelible import cloudtrail` does.
fn sample(client: Client) -> Result<(), Failure> {
    let scratch = crate::scratch::Scratch::new().map_err(|error| failures::io(&error))?;
    let path = scratch.path().join(SAMPLE_FILE);
    fs::write(&path, SAMPLE).map_err(|error| failures::io(&error))?;
    import::cloudtrail(client, &path)
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Removes an older tampered copy, and nothing else.
fn remove_copy(folder: &Path) -> Result<(), Failure> {
    let is_there = folder.exists();
    if is_there && !folder.join("control.db").is_file() {
        let what = format!("`{}` is in the way and not a copy of a store", folder.display());
        return Err(Failure::new(
            Exit::Usage,
            what,
            "move it, or name another folder with --data-dir",
        ));
    }
    remove(folder).map_err(|error| failures::file(&folder.display().to_string(), &error))
}
