//! What goes on while the demo runs: events of three tenants, sent over HTTP as anybody's are.
//!
//! Promises: it ends when the server does, and a request that fails is left out; the demo goes on.

use std::path::Path;
use std::time::Duration;

use event::ids::Timestamp;
use indelible_client::{Client, Connection, Patience};
use serde_json::Value;

use super::server::Running;
use super::story::{self, Dice, SHOP};
use super::{Folders, make};
use crate::cli::connect;
use crate::cli::exit::{Exit, Failure};
use crate::clock::Clock;
use crate::config::Config;

/// How long the loop looks away while nothing is due.
const LOOK: Duration = Duration::from_millis(50);

/// One try: what comes next comes anyway.
const PATIENCE: Patience = Patience { retry_ms: 0, ..Patience::ONCE };

/// The running store, with a door to each tenant.
#[derive(Debug)]
pub(super) struct Scene {
    doors: Vec<(&'static str, Client)>,
    /// The address.
    pub(super) url: String,
    /// The folder with the store's keys.
    pub(super) keys: std::path::PathBuf,
    /// The event that the tour is about.
    pub(super) theft: String,
}

impl Scene {
    /// Finds the tokens, and the event that the tour is about.
    pub(super) fn open(config: &Config, folders: &Folders, url: &str) -> Result<Scene, Failure> {
        let local = indelible_client::read_connection(&folders.data.join(connect::CLIENT_FILE))?;
        let keys = connect::store_folder(&folders.data, &local, config.key_dir.as_deref())?;
        let shop = Client::new(&local)?;
        let theft = theft(&keys.join(make::SENT_FILE))?;
        let mut doors = vec![(SHOP, shop)];
        for name in story::TENANTS {
            let token = kept(&keys.join(make::token_file(name)))?;
            doors.push((name, Client::new(&Connection { token, ..local.clone() })?));
        }
        Ok(Scene { doors, url: url.to_owned(), keys, theft })
    }

    /// Lets things happen until the server ends.
    pub(super) fn play(&self, rate: u32, clock: Clock, running: &Running) {
        let mut dice = Dice::new(clock.wall().0);
        let pause_ns = 1_000_000_000_u64.checked_div(u64::from(rate)).unwrap_or(u64::MAX);
        let mut due_ns = clock.monotonic_ns();
        while !running.has_ended() {
            if clock.monotonic_ns() < due_ns {
                std::thread::sleep(LOOK.min(Duration::from_nanos(pause_ns)));
                continue;
            }
            due_ns = due_ns.saturating_add(pause_ns);
            self.happen(&mut dice, clock.wall());
        }
    }

    fn happen(&self, dice: &mut Dice, at: Timestamp) {
        let (tenant, event) = story::next(dice, at);
        let door = self.doors.iter().find(|(name, _)| *name == tenant);
        // What is refused while the server stops is left out: trying again would keep the process from ending.
        let _sent = door.map(|(_, client)| make::send(client, &[event], PATIENCE));
    }
}

fn kept(path: &Path) -> Result<String, Failure> {
    let read = std::fs::read_to_string(path);
    read.map(|text| text.trim().to_owned()).map_err(|error| {
        let what = format!("`{}` cannot be read: {error}", path.display());
        let hint = "what the demo keeps lies beside the store's keys; without it, begin anew with another --data-dir";
        Failure::new(Exit::Usage, what, hint)
    })
}

/// The id of the event that the tour is about.
fn theft(sent: &Path) -> Result<String, Failure> {
    let event: Option<Value> = serde_json::from_str(&kept(sent)?).ok();
    let id = event.as_ref().and_then(|event| event.get("id")?.as_str()).map(str::to_owned);
    id.ok_or_else(|| {
        let what = format!("`{}` holds no event", sent.display());
        Failure::new(Exit::Usage, what, "begin anew with another --data-dir")
    })
}
