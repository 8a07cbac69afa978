//! What a service records with: events go to the spool, and from there to the server.
//!
//! ```no_run
//! # fn main() -> Result<(), indelible_client::Error> {
//! let audit = indelible_client::Audit::from_env("billing-api")?;
//! audit.record("invoice.approve").actor("ana@acme").target("invoice", "10021").denied().send()?;
//! audit.close(std::time::Duration::from_secs(5))?;
//! # Ok(())
//! # }
//! ```
//!
//! Promises: what `send` says `Ok` to is on this machine's disk (a killed process loses nothing; a power cut at most the
//! last 50 ms) and is delivered once, by this process or by the next that opens the same folder. Refuses to drop an event
//! without saying so, and to start a runtime.

mod actor;
mod adopt;
mod commit;
mod record;
pub(crate) mod recorder;
mod settings;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use event::ids::Instance;
use tlog::note::VerifierKey;

pub use self::actor::Actor;
pub use self::commit::{Commit, Committed};
pub use self::record::Record;
pub use self::settings::Settings;
pub use self::watch::Watch;
use crate::client::Client;
use crate::clock::Deadline;
use crate::connection::{Connection, DATA_DIR};
use crate::deliver::Sender;
use crate::error::Error;
use crate::intake::{Intake, Role};
use crate::lane::Lane;
use crate::report::Counters;
use crate::spool::{Spool, folder};
use crate::witness::Witness;
use adopt::Adopting;
use recorder::Recorder;

/// Records events. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct Audit {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    service: String,
    place: Place,
}

/// Where events go.
#[derive(Debug)]
enum Place {
    Spool(Box<Spooled>),
    Memory(Recorder),
    /// Elsewhere: events are made here and handed over by their maker.
    Elsewhere,
}

#[derive(Debug)]
struct Spooled {
    intake: Arc<Intake>,
    instance: Instance,
    /// Writes to the spool for tasks.
    writing: Arc<Lane>,
    /// Fetches and checks receipts for tasks.
    proving: Arc<Lane>,
    /// Looks at the ledger from outside.
    witness: Arc<Witness>,
    client: Client,
    settings: Settings,
    keys: Vec<VerifierKey>,
}

impl Drop for Spooled {
    fn drop(&mut self) {
        self.witness.end();
        self.proving.close();
        // The thread that writes does what was handed to it, and stops the others.
        self.writing.close();
    }
}

impl Audit {
    /// Records for the service `name`, which names its spool too. The server is found as the command line finds it:
    /// `INDELIBLE_URL` with `INDELIBLE_TOKEN` or `INDELIBLE_TOKEN_FILE`, else the `client.json` of a local server. The
    /// spool lies in `INDELIBLE_SPOOL_DIR`, else in the folder for the state of programs of the user.
    ///
    /// # Errors
    /// `Setup` if there is no token or no place for the spool; `SpoolDisk` if that cannot be opened. That no server
    /// answers is no error: events wait for it.
    pub fn from_env(name: &str) -> Result<Audit, Error> {
        let connection = Connection::find(&std::path::Path::new(DATA_DIR).join("client.json"))?;
        Audit::open(name, &connection, Settings::from_env(name)?)
    }

    /// Records for the service `name` at a server.
    ///
    /// # Errors
    /// As [`Audit::from_env`].
    pub fn open(name: &str, connection: &Connection, settings: Settings) -> Result<Audit, Error> {
        let service = settings::service(name)?;
        let client = Client::new(connection)?;
        let (settings, reporter) = settings.checked()?;
        let keys = pinned(&settings, connection)?;
        let folder = settings.spool_dir.display().to_string();
        let failed = |error: std::io::Error| Error::SpoolDisk {
            folder: folder.clone(),
            why: error.to_string(),
        };
        let taken = folder::take(&settings.spool_dir).map_err(failed)?;
        let report = Arc::new(reporter);
        for trouble in &taken.troubles {
            report.trouble(trouble);
        }
        let own = taken.own.bounded(settings.spool_bytes_max);
        let witness = Witness::open(&own, client.clone(), keys.clone(), Arc::clone(&report));
        let witness = Arc::new(witness.map_err(failed)?);
        let intake = Arc::new(Intake::new(own, Role::Own, Arc::clone(&report)));
        let instance = intake.look(|spool| spool.instance());
        let (writing, proving) = (Arc::<Lane>::default(), Arc::<Lane>::default());
        let spooled =
            Spooled { intake, instance, writing, proving, witness, client, settings, keys };
        spooled.start(taken.adopted).map_err(failed)?;
        let place = Place::Spool(Box::new(spooled));
        Ok(Audit { shared: Arc::new(Shared { service, place }) })
    }

    /// Records into memory, for a test: the recorder tells what was recorded.
    ///
    /// # Errors
    /// `Setup` if `name` is no name of a service.
    pub fn recorder(name: &str) -> Result<(Audit, Recorder), Error> {
        let service = settings::service(name)?;
        let recorder = Recorder::default();
        let place = Place::Memory(recorder.clone());
        Ok((Audit { shared: Arc::new(Shared { service, place }) }, recorder))
    }

    /// Makes events for a place of the caller's, such as an outbox: [`Record::into_json`] gives them out, and every other
    /// way to hand them over is refused.
    ///
    /// # Errors
    /// `Setup` if `name` is no name of a service.
    pub fn elsewhere(name: &str) -> Result<Audit, Error> {
        let service = settings::service(name)?;
        Ok(Audit { shared: Arc::new(Shared { service, place: Place::Elsewhere }) })
    }

    /// An event in the making: somebody did `action` now.
    pub fn record(&self, action: &str) -> Record {
        Record::new(self, action)
    }

    /// Waits until what was recorded is in the ledger.
    ///
    /// # Errors
    /// `Undelivered` at the limit. Nothing is lost by it.
    pub fn flush(&self, limit: Duration) -> Result<(), Error> {
        match &self.shared.place {
            Place::Spool(spooled) => {
                let deadline = Deadline::after(limit);
                spooled.writing.drain(limit);
                spooled.intake.flush(deadline.left())
            }
            Place::Memory(_) | Place::Elsewhere => Ok(()),
        }
    }

    /// Takes nothing any more, and waits until what was recorded is in the ledger. A process that ends without it loses
    /// nothing: the next one delivers the rest.
    ///
    /// # Errors
    /// `Undelivered` at the limit.
    pub fn close(self, limit: Duration) -> Result<(), Error> {
        match &self.shared.place {
            Place::Spool(spooled) => {
                let deadline = Deadline::after(limit);
                spooled.writing.drain(limit);
                spooled.intake.begin_close();
                spooled.writing.close();
                let flushed = spooled.intake.flush(deadline.left());
                spooled.witness.end();
                spooled.proving.drain(deadline.left());
                spooled.proving.close();
                spooled.intake.end(deadline.left());
                flushed
            }
            Place::Memory(_) | Place::Elsewhere => Ok(()),
        }
    }

    /// Whether the next event is likely to be refused for want of room or for the disk; asked without waiting.
    pub(crate) fn refuses(&self) -> bool {
        match &self.shared.place {
            Place::Spool(spooled) => spooled.intake.refuses(),
            Place::Memory(_) | Place::Elsewhere => false,
        }
    }

    /// The numbers now.
    #[must_use]
    pub fn counters(&self) -> Counters {
        match &self.shared.place {
            Place::Spool(spooled) => spooled.intake.report.counters(),
            Place::Memory(recorder) => recorder.counters(),
            Place::Elsewhere => Counters::default(),
        }
    }
}

/// The keys that receipts and checkpoints must be signed by.
fn pinned(settings: &Settings, connection: &Connection) -> Result<Vec<VerifierKey>, Error> {
    let keys = &settings.keys;
    let keys = if keys.is_empty() { &connection.checkpoint_keys } else { keys };
    let parsed = keys.iter().map(|key| VerifierKey::parse(key)).collect::<Result<_, _>>();
    parsed.map_err(|error| Error::Setup {
        what: format!("a pinned key is none: {error}"),
        hint: "pin the lines of `checkpoint_keys` as the server printed them",
    })
}

impl Spooled {
    /// Starts the threads: one that syncs, one that sends, one that sends what the dead left, two for tasks,
    /// and one that looks at the ledger.
    fn start(&self, adopted: Vec<Spool>) -> std::io::Result<()> {
        let intake = &self.intake;
        let syncing = Arc::clone(intake);
        run("indelible-sync", intake, move || syncing.sync_until_stopped())?;
        let sender = self.sender(Arc::clone(intake));
        run("indelible-send", intake, move || sender.run())?;
        let (writing, written) = (Arc::clone(&self.writing), Arc::clone(intake));
        run("indelible-write", intake, move || {
            writing.run();
            written.stop_unless_closing();
        })?;
        let proving = Arc::clone(&self.proving);
        run("indelible-prove", intake, move || proving.run())?;
        let (witness, every) = (Arc::clone(&self.witness), self.settings.look_every);
        run("indelible-look", intake, move || witness.run(every))?;
        let adopting = Adopting {
            own: Arc::clone(intake),
            client: self.client.clone(),
            witness: Arc::clone(&self.witness),
            patience: self.settings.patience,
        };
        let root = self.settings.spool_dir.clone();
        run("indelible-adopt", intake, move || adopting.run(adopted, &root, every))
    }

    fn sender(&self, intake: Arc<Intake>) -> Sender {
        let witness = Arc::clone(&self.witness);
        Sender::new(intake, self.client.clone(), self.settings.patience, witness)
    }
}

/// Runs `work` on a thread that `intake` knows of.
fn run(
    name: &str,
    intake: &Arc<Intake>,
    work: impl FnOnce() + Send + 'static,
) -> std::io::Result<()> {
    intake.enter();
    let thread = std::thread::Builder::new().name(name.to_owned());
    let started = thread.spawn({
        let intake = Arc::clone(intake);
        move || {
            work();
            intake.leave();
        }
    });
    if started.is_err() {
        intake.leave();
    }
    started.map(|_| ())
}
