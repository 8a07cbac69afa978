//! The order in which a store is checked.
//!
//! ```text
//! lock (is a server running?) -> control.db -> keys by the store's name -> every file of the ledger, every record
//! -> every segment, row by row -> signatures on checkpoints -> MANIFEST -> control.db against the ledger -> receipts
//! ```
//!
//! Promises: nothing is written, and a finding does not end the search. Beside a running server the records up to the
//! last frame that it had acknowledged are checked, those up to the last checkpoint against a signature; `control.db`
//! gives the keys of tenants whose log files are gone and is not compared with a ledger that moves on. The report says
//! so.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use event::ids::StoreName;
use ledger::disk::{Disk, RealDisk};
use ledger::inspect::{self, Beside, FindingKind, Inspection};
use tlog::checkpoint::Checkpoint;

use super::keys::{Source, Trusted};
use super::records::Records;
use super::report::{Fault, Finding, Refusal, Report, TenantLine, Weight};
use super::{files, receipts, segments};
use crate::clock::Clock;
use crate::keyring::Keyring;
use crate::manifest;

/// What is to be checked, and how.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) data_dir: &'a Path,
    pub(crate) trusted: Trusted,
    pub(crate) receipts: &'a [PathBuf],
    pub(crate) losses: Losses,
}

/// What a lost range that a loss record covers means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Losses {
    /// Damage, for ever.
    Failed,
    /// Good to know: somebody has accepted it.
    Accepted,
}

/// Checks a store. `progress` is told how many records were seen, now and then.
pub(crate) fn check(asked: &Asked<'_>, progress: &mut dyn FnMut(u64)) -> Result<Report, Refusal> {
    let clock = Clock::start();
    let data_dir = asked.data_dir;
    let mut report = Report::new(format!("store in `{}`", data_dir.display()));
    let (state, _lock) = store_state(data_dir)?;
    let content = files::read_control(data_dir, state, &mut report);
    let named = content.as_ref().map(|content| content.store.clone());
    let store = named.or_else(|| files::store_name(data_dir)).or_else(|| running_name(data_dir));
    let keyring = open_keyring(store.as_ref(), &asked.trusted, &mut report);
    let mut records = Records::new(store.clone(), keyring.as_ref());
    let inspection = look(data_dir, state, (&mut records, progress))?;
    report.store = inspection
        .store
        .as_ref()
        .map(|(store, _)| store.to_string())
        .or(store.map(|s| s.to_string()));
    report.files = inspection.files;
    for row in content.iter().flat_map(|content| &content.tenants) {
        records.standing(&row.name, &row.wrapped_kek, &row.wrapped_ledger_key);
    }
    let ledger = (state, &inspection.reader);
    segments::check(data_dir, ledger, (&mut records, progress), &mut report);
    report.opened = records.opened;
    report.findings.append(&mut records.findings);
    ledger_findings(&inspection, (&records, asked.losses), &mut report);
    unopened(&records, &mut report);
    tenants(&inspection, &asked.trusted, &mut report);
    if state == Beside::Running {
        report.note("a server is running on this store: what it has not acknowledged and `MANIFEST` were left alone, `control.db` gave keys and was not compared, and only the records up to each checkpoint stand under a signature");
    } else {
        files::check(data_dir, &inspection, &asked.trusted, &mut report);
    }
    if let Some(content) = content.as_ref().filter(|_| state == Beside::Nothing) {
        files::control(content, &inspection, &records, &mut report);
    }
    for path in asked.receipts {
        receipts::check(path, &inspection, &asked.trusted, &mut report)?;
    }
    report.milliseconds = clock.monotonic_ns() / 1_000_000;
    Ok(report)
}

/// Whether a server runs on the store. The lock that is returned keeps one from starting meanwhile.
fn store_state(data_dir: &Path) -> Result<(Beside, Option<File>), Refusal> {
    let usage = |what: String| {
        Refusal::new(
            Fault::Caller,
            what,
            "name the folder that `indelible serve` prints, with --data-dir",
        )
    };
    if !data_dir.is_dir() {
        return Err(usage(format!("`{}` is no folder", data_dir.display())));
    }
    let traces = ["ledger", "control.db", manifest::FILE];
    if !traces.iter().any(|name| data_dir.join(name).exists()) {
        return Err(usage(format!("`{}` holds no store", data_dir.display())));
    }
    let Ok(lock) = File::open(data_dir.join("lock")) else {
        return Ok((Beside::Nothing, None));
    };
    match lock.try_lock_shared() {
        Err(TryLockError::WouldBlock) => Ok((Beside::Running, None)),
        // A file system without locks cannot have a server on it either.
        Ok(()) | Err(TryLockError::Error(_)) => Ok((Beside::Nothing, Some(lock))),
    }
}

/// The name of a running store, from the name of a key that it published.
fn running_name(data_dir: &Path) -> Option<StoreName> {
    let connection = indelible_client::read_connection(&data_dir.join("client.json")).ok()?;
    let key = connection.checkpoint_keys.first()?.split('+').next()?;
    StoreName::parse(key.rsplit_once('/')?.0).ok()
}

/// The keys of the store, looked up by its name.
fn open_keyring(
    store: Option<&StoreName>,
    trusted: &Trusted,
    report: &mut Report,
) -> Option<Keyring> {
    let Some(store) = store else {
        report.unchecked(
            "roots from payloads: the store's name, by which its keys are found, cannot be read",
        );
        return None;
    };
    match Keyring::open(trusted.folder(), store) {
        Ok(keyring) => {
            report.key_source =
                format!("{} ({})", Source::Directory.as_str(), keyring.folder().display());
            Some(keyring)
        }
        Err(error) => {
            report.key_source = Source::None.as_str().to_owned();
            report.unchecked(format!("roots from payloads: {error}"));
            None
        }
    }
}

/// Reads every file of the ledger.
fn look(
    data_dir: &Path,
    state: Beside,
    (records, progress): (&mut Records<'_>, &mut dyn FnMut(u64)),
) -> Result<Inspection, Refusal> {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::new(data_dir));
    let mut seen = 0;
    let mut visit = |section: &inspect::SectionRecords<'_>| {
        records.section(section);
        seen += u64::from(section.count);
        progress(seen);
    };
    inspect::inspect(&disk, state, &mut visit).map_err(|error| {
        let what = match std::error::Error::source(&error) {
            Some(source) => format!("the store cannot be read: {error}: {source}"),
            None => format!("the store cannot be read: {error}"),
        };
        Refusal::new(Fault::Disk, what, "check the disk and the permissions of the folder")
    })
}

/// What the ledger found of itself.
fn ledger_findings(
    inspection: &Inspection,
    (records, losses): (&Records<'_>, Losses),
    report: &mut Report,
) {
    for found in &inspection.findings {
        let damage = &found.damage;
        let mut what = damage.to_string();
        let mut weight = match found.kind {
            FindingKind::Damage | FindingKind::Loss => Weight::Failed,
            FindingKind::Unverifiable | FindingKind::Unfinished => Weight::Note,
        };
        let range = damage.records.as_ref();
        if found.kind == FindingKind::Loss
            && let Some(lost) = range
            && let Some(index) = records.loss_record(&lost.tenant, lost.first.0, lost.end.0)
        {
            what = format!("{what}, recorded at index {index}");
            if losses == Losses::Accepted {
                weight = Weight::Note;
            }
        }
        let mut finding = Finding::new(weight, what).in_file(&damage.file);
        if let Some(range) = range {
            finding = finding.of(range.tenant.as_str(), range.first.0, range.end.0);
        }
        report.findings.push(finding);
    }
}

fn unopened(records: &Records<'_>, report: &mut Report) {
    for (tenant, count) in records.unopened() {
        report.unchecked(format!(
            "roots from payloads of {count} records of tenant `{tenant}`: their keys are not here"
        ));
    }
}

/// Sizes, roots and the signatures on stored checkpoints.
fn tenants(inspection: &Inspection, trusted: &Trusted, report: &mut Report) {
    for facts in &inspection.tenants {
        report.records += facts.size.0;
        let stored = inspection.checkpoints.iter().find(|stored| stored.tenant == facts.tenant);
        let origin = inspection.store.as_ref().map(|(store, _)| facts.tenant.origin(store));
        let (keys, source) = trusted.of(origin.as_deref().unwrap_or_default());
        if let Some(stored) = stored {
            let judged = Checkpoint::open(&stored.note, &keys);
            report.findings.extend(signature(judged, (&stored.file, source)));
        }
        report.tenants.push(TenantLine {
            tenant: facts.tenant.to_string(),
            size: facts.size.0,
            root: facts.root,
            checkpoint: stored.map(|stored| stored.size.0),
            key_source: source.as_str().to_owned(),
        });
    }
    for stored in &inspection.checkpoints {
        if !inspection.tenants.iter().any(|facts| facts.tenant == stored.tenant) {
            let what = format!(
                "tenant `{}` has a checkpoint at {} and no ledger",
                stored.tenant, stored.size
            );
            let finding = Finding::new(Weight::Failed, what).in_file(&stored.file);
            report.findings.push(finding.of(stored.tenant.as_str(), 0, stored.size.0));
        }
    }
}

/// What a checkpoint's signatures come to.
fn signature(
    judged: Result<Checkpoint, tlog::Error>,
    (file, source): (&str, Source),
) -> Option<Finding> {
    let (weight, what) = match judged {
        Ok(_) if source == Source::Store => {
            (Weight::Unchecked, format!("who signed `{file}`: its key was {}", source.as_str()))
        }
        Ok(_) => return None,
        Err(error @ tlog::Error::UnknownOrigin { .. }) => {
            (Weight::Unchecked, format!("the signature on `{file}`: {error}"))
        }
        Err(error) => (Weight::Failed, format!("`{file}`: {error}")),
    };
    Some(Finding::new(weight, what).in_file(file))
}
