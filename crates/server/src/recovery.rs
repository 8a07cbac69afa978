//! From what lies on disk to a ledger that is open and rows that can be asked for.
//!
//! ```text
//! survey (reads only) -> MANIFEST fits? -> open (owner frame) -> MANIFEST removed -> control.db -> hot rows
//! settle: losses without a record, acts of this start -> records
//! ```
//!
//! Promises: damage is named and refused with exit code 10 before a byte is written; a damaged payload is a recorded loss
//! and the server starts. Refuses to repair: that is `indelible repair`, by a person.

use std::path::Path;
use std::sync::Arc;

use event::event::Members;
use event::ids::TenantId;
use event::json::Value;
use event::system::{self, SystemRecord};
use lake::Hot;
use lake::archive::Archive;
use lake::cache::Cache;
use lake::catalog;
use ledger::disk::RealDisk;
use ledger::{Lost, LostPart, Now, Options, Reader, Survey, Writer};
use tlog::Index;
use tlog::note::VerifierKey;

use crate::app::{App, NotRecorded};
use crate::cli::exit::Failure;
use crate::clock::Clock;
use crate::config::Config;
use crate::control::{ApiKey, Control, State};
use crate::http::Gate;
use crate::logs::Said;
use crate::manifest::{self, Difference, Manifest};
use crate::measured::Measured;
use crate::metrics::Metrics;
use crate::run::ClockWord;
use crate::scratch::Scratch;
use crate::ship::LostRange;
use crate::store::Store;
use crate::{failures, keyring, ship, tenants};

/// Bytes of `MANIFEST` that are read: no more than a signed note has.
const MANIFEST_BYTES_MAX: u64 = 1 << 20;

/// The clock, and whether a person vouches for it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clocks {
    pub(crate) clock: Clock,
    pub(crate) word: ClockWord,
}

impl Clocks {
    fn now(self) -> Now {
        Now { wall: self.clock.wall(), monotonic_ns: self.clock.monotonic_ns() }
    }
}

/// An open ledger and the rows of it.
pub(crate) struct Recovered {
    pub(crate) writer: Writer,
    pub(crate) reader: Reader,
    pub(crate) control: Control,
    pub(crate) archive: Archive,
    pub(crate) hot: Arc<Hot>,
    /// What the disk under the ledger is told to.
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) started: Started,
}

/// What this start found and did, to be told and put on record.
pub(crate) struct Started {
    pub(crate) ledger: ledger::Recovered,
    /// Losses that no record speaks of yet.
    unrecorded: Vec<Lost>,
    word: ClockWord,
}

/// Recovers the ledger of an owned store and loads its rows.
pub(crate) fn open(
    store: &Store,
    config: &Config,
    clocks: Clocks,
    gate: &Gate,
    said: &Said,
) -> Result<Recovered, Failure> {
    gate.phase("ledger", 1);
    let mut options = Options::new(store.keyring.store().clone(), keyring::random());
    options.wal_file_bytes = config.wal_file_bytes;
    let metrics = Arc::new(Metrics::new(said));
    let disk = RealDisk::new(&store.folder);
    let disk = Arc::new(Measured::new(disk, clocks.clock, Arc::clone(&metrics)));
    let survey = ledger::survey(disk, options).map_err(|error| failures::ledger(&error))?;
    check_state(store, &survey)?;
    check_manifest(store, &survey)?;
    check_archived(store, &survey)?;
    let opened = survey.open(clocks.now());
    let (mut writer, reader, found) = opened.map_err(|error| failures::ledger(&error))?;
    remove_manifest(&store.folder)?;
    let control = Control::open(&store.folder).map_err(|error| failures::control(&error))?;
    control.mark_opened().map_err(|error| failures::control(&error))?;
    if clocks.word == ClockWord::Accepted {
        writer.accept_clock(clocks.now());
    }
    for tenant in store.tenants.all() {
        let key = store.keyring.checkpoint_key(&tenant.id);
        reader.install_signer(&tenant.id, key.map_err(|error| failures::keys(&error))?);
    }
    tell(&found);
    let archive = open_archive(store, config)?;
    let hot = Arc::new(Hot::new(config.hot_bytes_max));
    let recorded = load(store, (&reader, &archive, &hot), gate)?;
    // Below the watermark nothing is lost: a segment has the records, or the catalog has the loss.
    let is_hot = |lost: &Lost| hot.view(&lost.records.tenant).watermark() < lost.records.end.0;
    let is_new = |lost: &&Lost| is_hot(lost) && !recorded.iter().any(|range| range.covers(lost));
    let unrecorded = found.lost.iter().filter(is_new).cloned().collect();
    let started = Started { ledger: found, unrecorded, word: clocks.word };
    Ok(Recovered { writer, reader, control, archive, hot, metrics, started })
}

/// A ledger that is gone is damage, unless there never was one.
fn check_state(store: &Store, survey: &Survey) -> Result<(), Failure> {
    if survey.is_new() && store.state == State::Opened {
        return Err(failures::damaged("`ledger/wal` is empty, and the store was opened before"));
    }
    Ok(())
}

/// INVARIANT (I6): log, packs and segments meet, whatever was put back or taken away while the store was stopped.
fn check_archived(store: &Store, survey: &Survey) -> Result<(), Failure> {
    let scratch = Scratch::new().map_err(|error| failures::io(&error))?;
    let rows = catalog::look(&store.folder, scratch.path());
    let rows = rows.map_err(|error| failures::archive(&error))?.unwrap_or_default();
    // Which of the two is wrong nobody can say: a catalog that is gone or older is the likelier, and can be made again.
    meets(survey, &rows).map_err(failures::or_catalog)
}

/// Whether a catalog of these rows meets the ledger: every record is in the log or archived, and none is archived that the
/// ledger does not have.
pub(crate) fn meets(survey: &Survey, rows: &[catalog::Row]) -> Result<(), Failure> {
    let ends = catalog::watermarks(rows).map_err(|error| failures::archive(&error))?;
    let ends: Vec<_> = ends.into_iter().map(|(tenant, end)| (tenant, Index(end))).collect();
    survey.check_archived(&ends).map_err(|error| failures::ledger(&error))
}

/// INVARIANT (I12): after a clean stop every file is there as the signed `MANIFEST` lists it: by name and length, and by its
/// bytes where no walk of the log has judged them.
fn check_manifest(store: &Store, survey: &Survey) -> Result<(), Failure> {
    let path = store.folder.join(manifest::FILE);
    if !path.exists() {
        return match survey.ends_in_stop() {
            true => {
                Err(failures::damaged("`MANIFEST` is missing, and the log ends in a clean stop"))
            }
            false => Ok(()),
        };
    }
    let key = store.keyring.checkpoint_key(&tenants::system());
    let key = key.map_err(|error| failures::keys(&error))?;
    let listed = believed(&path, key.verifier())?;
    if survey.ends_in_stop() {
        return compare(store, &listed);
    }
    let plan = survey.unfinished_stop().map_err(|error| failures::ledger(&error))?;
    let is_planned = plan.is_some_and(|plan| {
        let fits = |file: &&manifest::FileEntry| {
            file.path == plan.path && file.size == plan.bytes && file.sha256 == plan.sha256
        };
        listed.files.iter().any(|file| fits(&file))
    });
    match is_planned || listed.is_overtaken_by(survey.last_log_file()) {
        true => Ok(()),
        false => Err(failures::damaged(
            "`MANIFEST` lists a log that ends in a clean stop, and this one does not",
        )),
    }
}

/// The manifest, if its text is whole and `key` has signed it; anything else in its place is damage.
fn believed(path: &Path, key: &VerifierKey) -> Result<Manifest, Failure> {
    let note = read(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::InvalidData => {
            failures::damaged("`MANIFEST` is malformed: it is not UTF-8")
        }
        _ => failures::file(manifest::FILE, &error),
    })?;
    Manifest::open(&note, key).map_err(|error| failures::damaged(&error.to_string()))
}

/// The store's files against the manifest. Log files and packs are large, and the survey has just read them against their
/// own checksums and each other; everything else, `control.db` first, is compared byte for byte: once the server runs, a
/// revocation that somebody undid could no longer be told from a true one.
fn compare(store: &Store, listed: &Manifest) -> Result<(), Failure> {
    let mut found = Vec::new();
    for path in manifest::list(&store.folder).map_err(|error| failures::io(&error))? {
        let file = store.folder.join(&path);
        let walked = path.starts_with("ledger/wal/") || path.starts_with("ledger/packs/");
        let looked = if walked {
            let same = listed.files.iter().find(|file| file.path == path);
            let as_listed = same.map_or([0; 32], |file| file.sha256);
            std::fs::metadata(&file).map(|file| (file.len(), as_listed))
        } else {
            manifest::fingerprint(&file)
        };
        let (size, sha256) = looked.map_err(|error| failures::file(&path, &error))?;
        found.push(manifest::FileEntry { path, size, sha256 });
    }
    for difference in listed.differences(&found) {
        let (path, what) = match difference {
            Difference::Missing { path } => (path, "is missing since the last stop"),
            Difference::Changed { path } => (path, "is not what it was at the last stop"),
            Difference::Unlisted { path } => {
                tracing::warn!(%path, "a file that was not there at the last stop");
                continue;
            }
        };
        let failure = failures::damaged(&format!("`{path}` {what}"));
        return Err(if path == catalog::FILE { failures::or_catalog(failure) } else { failure });
    }
    Ok(())
}

/// From the owner frame on an old manifest counts for nothing.
fn remove_manifest(folder: &Path) -> Result<(), Failure> {
    match std::fs::remove_file(folder.join(manifest::FILE)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(failures::file(manifest::FILE, &error));
        }
        _ => {}
    }
    let synced = std::fs::File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|error| failures::io(&error))
}

/// Opens the catalog and every segment that it names.
fn open_archive(store: &Store, config: &Config) -> Result<Archive, Failure> {
    let bytes = usize::try_from(config.cache_bytes_max).unwrap_or(usize::MAX);
    let cache = Arc::new(Cache::new(bytes));
    let opened = Archive::open(&lake::store::Store::new(&store.folder), &cache);
    let (archive, opened) = opened.map_err(|error| failures::archive(&error))?;
    for file in &opened.quarantined {
        tracing::warn!(%file, "a file that no catalog names was moved to quarantine");
    }
    Ok(archive)
}

/// Shows every tenant's segments and loads the rows that are in none; returns the losses that records speak of.
fn load(
    store: &Store,
    (reader, archive, hot): (&Reader, &Archive, &Hot),
    gate: &Gate,
) -> Result<Vec<LostRange>, Failure> {
    let (mut due, mut recorded) = (0, Vec::new());
    for tenant in store.tenants.all() {
        let tiles = archive.tiles(&tenant.id).map_err(|error| failures::archive(&error))?;
        due += reader.head(&tenant.id).size.0.saturating_sub(tiles.watermark);
        hot.open(&tenant.id, tiles.segments, tiles.holes);
    }
    gate.phase("rows", due);
    let mut before = 0;
    for tenant in store.tenants.all() {
        let from = hot.view(&tenant.id).watermark();
        let progress = |done: u64| gate.done(before + done.saturating_sub(from));
        let found = ship::load(reader, hot, &tenant.id, &progress);
        recorded.extend(found.map_err(|error| failures::damaged(&error.to_string()))?);
        before += reader.head(&tenant.id).size.0.saturating_sub(from);
    }
    Ok(recorded)
}

/// Puts on record what this start found and did: the store's making, losses, a clock that a person vouched for.
pub(crate) async fn settle(app: &App, started: &Started) -> Result<(), NotRecorded> {
    // A making that was killed between the ledger's first frame and this record is still to be put on record.
    if app.size(&tenants::system()) == 0 {
        let about = vec![
            ("store".into(), Value::text(app.control.store().as_str())),
            ("tenants".into(), Value::text(names(app))),
            ("keys".into(), Value::text(lookups(app))),
        ];
        record_act(app, "store_created", about).await?;
    }
    for lost in &started.unrecorded {
        record_loss(app, lost).await?;
    }
    if started.word == ClockWord::Accepted {
        let about = vec![("wall".into(), Value::text(app.clock.wall().to_string()))];
        record_act(app, "clock_accepted", about).await?;
    }
    Ok(())
}

/// Puts a new API key on record in the ledger of its tenant.
pub(crate) async fn record_key(app: &App, key: &ApiKey) -> Result<(), NotRecorded> {
    let tenant = &key.principal.tenant;
    let about = vec![
        ("key".into(), Value::text(key.lookup.clone())),
        ("scopes".into(), Value::text(key.principal.scopes.to_string())),
        ("by".into(), Value::text("serve")),
    ];
    let record = system::system(tenant, app.draw_id(), "key_created", about);
    append(app, tenant, record).await
}

async fn record_act(app: &App, act: &str, about: Members<'_>) -> Result<(), NotRecorded> {
    let tenant = tenants::system();
    let record = system::system(&tenant, app.draw_id(), act, about);
    append(app, &tenant, record).await
}

async fn record_loss(app: &App, lost: &Lost) -> Result<(), NotRecorded> {
    let records = &lost.records;
    let range = (records.first.0, records.end.0.saturating_sub(1));
    let what = match lost.part {
        LostPart::Payload => "the payload",
        LostPart::Keys => "the keys that came with it",
    };
    let reason = format!("{what} was damaged in `{}` at byte {}", lost.file, lost.offset);
    let record = system::loss(&records.tenant, app.draw_id(), range, &reason);
    append(app, &records.tenant, record).await
}

async fn append(app: &App, tenant: &TenantId, record: SystemRecord<'_>) -> Result<(), NotRecorded> {
    let missing = || NotRecorded { why: format!("`{tenant}` is no tenant"), answer: None };
    let open = app.tenants.find(tenant).ok_or_else(missing)?;
    app.record(&open, &[record]).await.map(drop)
}

/// Says what was found.
fn tell(found: &ledger::Recovered) {
    let ledger::Recovered { records, sections, wal_files, cut_bytes, clean_stop, .. } = *found;
    tracing::info!(records, sections, wal_files, cut_bytes, clean_stop, "the ledger is open");
    for lost in &found.lost {
        tracing::error!(%lost, "records are lost, the rest is not");
    }
    for file in &found.quarantined {
        tracing::warn!(%file, "a file that is not ours was moved to quarantine");
    }
    match found.clock {
        ledger::ClockFinding::Sane => {}
        ledger::ClockFinding::FarAhead => {
            tracing::warn!("the clock is more than a day ahead of the last record");
        }
        ledger::ClockFinding::Behind => {
            tracing::error!(
                "the clock is behind the last record: set it, or start with --accept-clock"
            );
        }
    }
}

fn names(app: &App) -> String {
    let names: Vec<String> = app.tenants.all().iter().map(|tenant| tenant.id.to_string()).collect();
    names.join(",")
}

fn lookups(app: &App) -> String {
    let lookups: Vec<String> = app.control.keys().into_iter().map(|key| key.lookup).collect();
    lookups.join(",")
}

fn read(path: &Path) -> std::io::Result<String> {
    use std::io::Read;
    let mut text = String::new();
    std::fs::File::open(path)?.take(MANIFEST_BYTES_MAX).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests;
