//! The server from start to stop: every stage in the order of an event's journey.
//!
//! ```text
//! store     look, keys, lock                    store.rs
//! listen    /livez from here on                 http/listen.rs, http/gate.rs
//! recover   survey, MANIFEST, ledger, control.db, segments, hot rows   recovery.rs
//! stages    ship, ledger thread, archive, keeper   ship.rs intake.rs archive.rs keeper.rs
//! records   losses, acts of this start          recovery.rs
//! handouts  client.json, auth-header            handout.rs
//! open      ready
//! stop      intake, drain, counts, tails archived, ledger, MANIFEST, stop frame
//! ```
//!
//! Promises: nothing is served before everything is there; the stop is the same list backwards. After a disk fault the
//! process ends with 70 and nothing is acknowledged any more.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use lake::archive::Archive;
use ledger::disk::StoreLock;
use ledger::{Now, Writer};
use tlog::note::SigningKey;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

use crate::accounts::Accounts;
use crate::app::{App, NotRecorded, Queries};
use crate::archive::{self, ArchiveThread};
use crate::audit::{self, Reads};
use crate::budget::Budget;
use crate::cli::exit::{Exit, Failure};
use crate::config::{Config, Live};
use crate::http::{self, Cursors, Gate, Tails};
use crate::intake::{self, LedgerThread};
use crate::logs::Log;
use crate::manifest::{self, Manifest};
use crate::recovery::{self, Clocks, Recovered};
use crate::salts::Salts;
use crate::signals::{self, Signals};
use crate::store::{self, Store};
use crate::systemd::Manager;
use crate::{failures, handout, keeper, niceness, ship, tenants};

/// Statements at once.
const QUERIES_MAX: usize = 4;
/// Threads of the query runtime.
const QUERY_THREADS: usize = 2;
/// How long answers of a poisoned server have to leave.
const FAULT_DRAIN: Duration = Duration::from_secs(1);
/// How long a stop waits for requests that were begun to be counted.
const COUNT_WAIT: Duration = Duration::from_secs(5);

/// What a runtime is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    Requests,
    LookUps,
    Statements,
}

/// What `serve` was asked beyond the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClockWord {
    /// The ledger judges the clock.
    Judged,
    /// A person says that the clock is right.
    Accepted,
}

/// Who looks on.
#[derive(Debug)]
pub(crate) enum Audience {
    /// A person, who is greeted and stops it with a signal.
    Person,
    /// A part of this program.
    Caller(Caller),
}

/// A part of this program that runs a server.
#[derive(Debug)]
pub(crate) struct Caller {
    /// Is told the address once everything is there.
    pub(crate) ready: SyncSender<String>,
    /// Stops the server, as a signal does.
    pub(crate) stop: watch::Receiver<bool>,
}

/// Serves until it is told to stop.
pub(crate) fn run(
    live: Arc<Live>,
    log: &Log,
    clocks: Clocks,
    audience: Audience,
) -> Result<Exit, Failure> {
    let config = live.now();
    let runtime = runtime(Work::Requests)?;
    // What is taken down at the first moment waits until there is somebody to reload.
    let hangups = runtime.block_on(async { signals::hangups() });
    let hangups = hangups.map_err(|error| failures::io(&error))?;
    let store = store::open(&config, clocks.clock.wall())
        .map_err(|error| failures::store(&error, &config))?;
    let gate = Arc::new(Gate::default());
    let (stop, stopped) = watch::channel(false);
    let (url, serving) = listen(&runtime, &config, &store, &gate, stopped)?;
    let manager = Arc::new(Manager::of_environment());
    let recovering = runtime.spawn(Arc::clone(&manager).recovering(Arc::clone(&gate)));
    let recovered = recovery::open(&store, &config, clocks, &gate, &log.said)?;
    let server = start(runtime, live, store, recovered, clocks)?;
    let Server { runtime, .. } = &server;
    runtime
        .block_on(recovery::settle(&server.app, &server.started))
        .map_err(|error| unrecorded(&server, error))?;
    hand_out(&server, &url)?;
    server.store.lock.name_address(&url).map_err(|error| failures::file("lock", &error))?;
    gate.open(Arc::clone(&server.app));
    // Whoever reads `ready` may send a signal at once: it must find its handler.
    let signals = runtime.block_on(async { Signals::new(hangups) });
    let mut signals = signals.map_err(|error| failures::io(&error))?;
    recovering.abort();
    runtime.spawn(Arc::clone(&manager).watch(Arc::clone(&server.app)));
    let told = meet(audience, &server, &url)?;
    manager.ready(&url);
    let reload = || manager.reloading(|| signals::reload(&server.app.config, &log.filter));
    let fault = runtime.block_on(signals.wait(server.fault.clone(), told, reload));
    manager.stopping();
    tracing::info!(reason = ?fault, "stopping");
    gate.stop();
    let _still_there = stop.send(true);
    finish(server, serving, signals, fault)
}

/// The running stages.
struct Server {
    runtime: Runtime,
    queries: Runtime,
    statements: Runtime,
    app: Arc<App>,
    store: Owned,
    started: recovery::Started,
    ledger: LedgerThread,
    ship: std::thread::JoinHandle<()>,
    archiving: ArchiveThread,
    keeper: JoinHandle<()>,
    fault: watch::Receiver<bool>,
}

/// What stays with the run loop of the store.
struct Owned {
    folder: std::path::PathBuf,
    lock: StoreLock,
    drawn: Option<store::FirstTokens>,
}

/// Why the server stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// It was told to.
    Signal,
    /// The disk failed.
    DiskFault,
}

/// Starts to listen: from here on `/livez` answers.
fn listen(
    runtime: &Runtime,
    config: &Config,
    store: &Store,
    gate: &Arc<Gate>,
    stopped: watch::Receiver<bool>,
) -> Result<(String, JoinHandle<()>), Failure> {
    let listener = runtime.block_on(http::bind(&config.listen, config.plaintext));
    let listener = listener.map_err(|error| failures::listen(&error))?;
    let address = listener.local_addr().map_err(|error| failures::io(&error))?;
    let url = format!("http://{address}");
    store.lock.name_address(&url).map_err(|error| failures::file("lock", &error))?;
    let limits = http::Limits {
        header_timeout: Duration::from_millis(config.header_timeout_ms),
        connections_max: usize::try_from(config.connections_max).unwrap_or(usize::MAX),
    };
    let router = http::router(Arc::clone(gate));
    Ok((url, runtime.spawn(http::serve(listener, router, limits, stopped))))
}

/// Starts the stages over what was recovered.
fn start(
    runtime: Runtime,
    live: Arc<Live>,
    store: Store,
    recovered: Recovered,
    clocks: Clocks,
) -> Result<Server, Failure> {
    let Store { folder, lock, keyring, tenants, state: _, drawn } = store;
    let Recovered { writer, reader, control, archive, hot, metrics, started } = recovered;
    let (tell, fault) = watch::channel(false);
    let (shipper, shipped, ship) =
        ship::start(Arc::clone(&hot)).map_err(|error| failures::io(&error))?;
    let (intake, ledger) =
        intake::start(writer, shipper, clocks.clock, tell).map_err(|error| failures::io(&error))?;
    let parts = archive::Parts {
        hot,
        reader: reader.clone(),
        intake: intake.clone(),
        archive: Arc::new(archive),
        clock: clocks.clock,
        metrics: Arc::clone(&metrics),
    };
    let (archivist, archiving) =
        archive::start(parts, &live).map_err(|error| failures::io(&error))?;
    let queries = self::runtime(Work::LookUps)?;
    let statements = self::runtime(Work::Statements)?;
    let app = Arc::new(App {
        clock: clocks.clock,
        budget: Budget::new(live.now().bytes_in_flight_max),
        queries: Queries {
            runtime: queries.handle().clone(),
            statements: statements.handle().clone(),
            slots: Arc::new(Semaphore::new(QUERIES_MAX)),
            spill_dir: std::env::temp_dir(),
        },
        config: live,
        keyring,
        control,
        tenants,
        salts: Salts::default(),
        intake,
        reader,
        shipped,
        archivist,
        accounts: Accounts::default(),
        reads: Reads::default(),
        cursors: Cursors::draw(),
        tails: Tails::new(),
        metrics,
        heavy: Semaphore::new(std::thread::available_parallelism().map_or(1, usize::from)),
        is_hot_full: AtomicBool::new(false),
    });
    let keeper = runtime.spawn(keeper::run(Arc::clone(&app)));
    let store = Owned { folder, lock, drawn };
    Ok(Server {
        runtime,
        queries,
        statements,
        app,
        store,
        started,
        ledger,
        ship,
        archiving,
        keeper,
        fault,
    })
}

/// Writes the files for local clients.
fn hand_out(server: &Server, url: &str) -> Result<(), Failure> {
    let Server { app, store, .. } = server;
    let client = store.folder.join("client.json");
    let admin = app.keyring.folder().join("admin.json");
    let now = app.clock.wall();
    let local = match (&store.drawn, handout::kept(&client, &app.control)) {
        (Some(first), _) => first.local.clone(),
        (None, Some(token)) => token,
        (None, None) => redraw(server, store::draw_local(now))?,
    };
    let administrator = match (&store.drawn, handout::kept(&admin, &app.control)) {
        (Some(first), _) => first.admin.clone(),
        (None, Some(token)) => token,
        (None, None) => redraw(server, store::draw_admin(now))?,
    };
    let header = store.folder.join("auth-header");
    handout::write_header(&header, &local)
        .map_err(|error| failures::file("auth-header", &error))?;
    let client_of = |tenant: event::ids::TenantId,
                     token: String|
     -> Result<handout::Handout, Failure> {
        let key = app.keyring.checkpoint_key(&tenant).map_err(|error| failures::keys(&error))?;
        let checkpoint_keys = vec![key.verifier().to_string()];
        Ok(handout::Handout {
            url: url.to_owned(),
            token,
            tenant: tenant.to_string(),
            checkpoint_keys,
        })
    };
    let written = handout::write(&admin, &client_of(tenants::system(), administrator)?);
    written.map_err(|error| failures::file("admin.json", &error))?;
    let written = handout::write(&client, &client_of(store::default_tenant(), local)?);
    written.map_err(|error| failures::file("client.json", &error))
}

/// Takes in a token that replaces one whose file is gone, and puts that on record.
fn redraw(server: &Server, drawn: crate::auth::Drawn) -> Result<String, Failure> {
    let Server { app, runtime, .. } = server;
    runtime
        .block_on(recovery::record_key(app, &drawn.key))
        .map_err(|error| unrecorded(server, error))?;
    app.control.add_key(&drawn.key).map_err(|error| failures::control(&error))?;
    Ok(drawn.token)
}

/// A record that the start could not make. A ledger that was poisoned before it was asked answers nothing any more.
fn unrecorded(server: &Server, mut error: NotRecorded) -> Failure {
    if *server.fault.borrow() {
        error.answer = Some(ledger::Answer::Poisoned);
    }
    failures::unrecorded(error)
}

/// Says that the server is ready; answers what stops it beside signals.
fn meet(
    audience: Audience,
    server: &Server,
    url: &str,
) -> Result<Option<watch::Receiver<bool>>, Failure> {
    match audience {
        Audience::Person => greet(server, url).map(|()| None),
        Audience::Caller(Caller { ready, stop }) => {
            // Who does not wait for the address has gone, and its end of `stop` says so.
            let _gone = ready.send(url.to_owned());
            Ok(Some(stop))
        }
    }
}

/// Prints what a person wants to know at the start; `ready` is the last line.
fn greet(server: &Server, url: &str) -> Result<(), Failure> {
    use crate::cli::print;
    let Server { app, store, started, .. } = server;
    let folder = std::path::absolute(&store.folder).unwrap_or_else(|_| store.folder.clone());
    print::data(&format!("data      {}", folder.display()))?;
    print::data(&format!("keys      {}", app.keyring.folder().display()))?;
    if started.ledger.created {
        print::data(
            "          these keys open and sign this store: back them up apart from the data",
        )?;
    }
    print::data(&format!("store     {}", app.control.store()))?;
    for tenant in app.tenants.all() {
        print::data(&format!("tenant    {}  {} records", tenant.id, app.size(&tenant.id)))?;
    }
    print::data(&format!("address   {url}"))?;
    let header = crate::cli::text::quoted(&folder.join("auth-header"));
    let event = r#"'{"action":"user.login","actor":"ana"}'"#;
    print::data(&format!("try       curl -H @{header} {url}/v1/events -d {event}"))?;
    match started.ledger.created {
        true => print::data("created")?,
        false => print::data(&format!("opened, {} records", started.ledger.records))?,
    }
    print::data("ready")
}

/// The same list backwards.
fn finish(
    server: Server,
    serving: JoinHandle<()>,
    signals: Signals,
    reason: Reason,
) -> Result<Exit, Failure> {
    let Server {
        runtime, queries, statements, app, store, ledger, ship, archiving, keeper, ..
    } = server;
    runtime.spawn(signals.exit_on_next());
    let drain = match reason {
        Reason::Signal => Duration::from_millis(app.config.now().drain_timeout_ms),
        Reason::DiskFault => FAULT_DRAIN,
    };
    let drained = runtime.block_on(async { tokio::time::timeout(drain, serving).await });
    if drained.is_err() {
        tracing::warn!("requests in flight did not end in time and are cut off");
    }
    keeper.abort();
    if reason == Reason::Signal {
        runtime.block_on(account(&app));
    }
    let archive = archiving.stop(reason);
    let writer = ledger.stop();
    drop(ship);
    queries.shutdown_background();
    statements.shutdown_background();
    let writer = writer.filter(|writer| reason == Reason::Signal && writer.poisoned().is_none());
    let stopped = match writer {
        Some(writer) => stop_store(&app, &store.folder, (writer, archive)),
        None => Ok(Exit::DiskFault),
    };
    release(runtime, store.lock);
    stopped
}

/// INVARIANT (I7): puts the last counts on record, those of requests included whose client went away.
async fn account(app: &App) {
    if tokio::time::timeout(COUNT_WAIT, app.accounts.counted()).await.is_err() {
        tracing::warn!(
            "requests that were cut off did not end in time, their items are not counted"
        );
    }
    keeper::account(app).await;
    // INVARIANT (I11): reads whose callers are cut off end here.
    audit::finish(app).await;
}

/// Gives the store back once nothing of this process can write into it any more.
fn release(runtime: Runtime, lock: StoreLock) {
    drop(runtime);
    drop(lock);
}

/// Makes `MANIFEST` durable with the log as it will be, then appends the stop frame.
fn stop_store(
    app: &App,
    folder: &Path,
    (mut writer, archive): (Writer, Option<Archive>),
) -> Result<Exit, Failure> {
    let now = Now { wall: app.clock.wall(), monotonic_ns: app.clock.monotonic_ns() };
    let plan = match writer.prepare_stop(now) {
        Ok(plan) => plan,
        Err(error) => return Ok(failures::disk_fault(&error)),
    };
    app.control.close().map_err(|error| failures::control(&error))?;
    if let Some(archive) = archive {
        archive.close().map_err(|error| failures::archive(&error))?;
    }
    let mut files = manifest::survey(folder).map_err(|error| failures::file("MANIFEST", &error))?;
    for file in files.iter_mut().filter(|file| file.path == plan.path) {
        file.size = plan.bytes;
        file.sha256 = plan.sha256;
    }
    let manifest = Manifest { store: app.control.store().clone(), files };
    let key =
        app.keyring.checkpoint_key(&tenants::system()).map_err(|error| failures::keys(&error))?;
    let note = match signed(&manifest, &key) {
        Ok(note) => note,
        Err(exit) => return Ok(exit),
    };
    let written = handout::replace(&folder.join(manifest::FILE), note.as_bytes());
    written.map_err(|error| failures::file("MANIFEST", &error))?;
    match writer.finish_stop() {
        Ok(()) => Ok(Exit::Done),
        Err(error) => Ok(failures::disk_fault(&error)),
    }
}

/// The signed manifest, or how a stop ends that has none: everything is on disk, but a file that is deleted while the
/// store is stopped will not be missed, and the next start recovers as after a crash. The exit code says so, too.
fn signed(manifest: &Manifest, key: &SigningKey) -> Result<String, Exit> {
    manifest.sign(key).ok_or_else(|| {
        tracing::error!(
            files = manifest.files.len(),
            "the store has more files than `MANIFEST` lists: the stop is left unfinished, nothing is lost"
        );
        Exit::Partly
    })
}

/// A runtime for one kind of work; threads that plan queries have the stack that this needs.
fn runtime(work: Work) -> Result<Runtime, Failure> {
    let mut builder = Builder::new_multi_thread();
    builder.enable_all();
    match work {
        Work::Requests => builder.thread_name("http"),
        Work::LookUps => of_queries(&mut builder).thread_name("query"),
        Work::Statements => {
            of_queries(&mut builder).thread_name("statement").on_thread_start(niceness::give_way)
        }
    };
    builder.build().map_err(|error| failures::io(&error))
}

fn of_queries(builder: &mut Builder) -> &mut Builder {
    builder.worker_threads(QUERY_THREADS).thread_stack_size(query::limits::STACK_BYTES)
}

#[cfg(test)]
mod tests;
