//! A catalog that is lost or damaged, made again of the segment files.
//!
//! ```text
//! files -> one child a file -> facts + loss records of the log -> rows -> fit the ledger? -> catalog.db -> MANIFEST
//! ```
//!
//! Promises: nothing is changed before every file was read and the rows were found to meet the ledger; it may be broken off
//! at any point and run again. A damaged file is set aside only where a merged one has its whole range. Refuses, with exit
//! code 10 and every name, whatever else is no segment, and rows that leave a record neither in the log nor archived.

use std::path::Path;
use std::sync::Arc;

use event::canonical::System;
use event::event::Event;
use event::ids::TenantId;
use event::record::Record;
use event::system::SystemKind;
use lake::catalog::{self, Row, State};
use lake::repair::{self, Found, Known};
use ledger::disk::RealDisk;
use ledger::{Options, Reader, Survey};

use super::{Owned, facts, mend_manifest};
use crate::cli::exit::{Exit, Failure};
use crate::clock::Clock;
use crate::scratch::Scratch;
use crate::{failures, keyring, recovery};

/// What to do about files that are no segments.
const HINT: &str = "put the file back from a backup; one that is known to be rubbish may be moved from `lake/` into `quarantine/`";

/// What a repair of the catalog did.
#[derive(Debug)]
pub(crate) struct Remade {
    /// The rows that the catalog has now.
    pub(crate) rows: Vec<Row>,
    /// Whether it had them before.
    pub(crate) was_sound: bool,
    /// Damaged files that were set aside: their name, the one in quarantine, and why.
    pub(crate) set_aside: Vec<(String, String, String)>,
    /// The names that the files of the old catalog have in quarantine.
    pub(crate) moved: Vec<String>,
    /// What became of `MANIFEST`, if anything.
    pub(crate) manifest: Option<&'static str>,
}

/// Files that were read, and the damaged ones among them with why.
struct Looked {
    sound: Vec<Found>,
    damaged: Vec<(String, String)>,
}

/// Makes the catalog of the store in `data_dir` again. `progress` is told how many files of how many were read.
pub(crate) fn catalog(
    data_dir: &Path,
    key_dir: Option<&Path>,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Remade, Failure> {
    let owned = Owned::take(data_dir, key_dir)?;
    let options = Options::new(owned.keyring.store().clone(), keyring::random());
    let survey = ledger::survey(Arc::new(RealDisk::new(data_dir)), options);
    let survey = survey.map_err(|error| failures::ledger(&error))?;
    let looked = look(data_dir, progress)?;
    let known = known(&survey.reader())?;
    let merged = looked.sound.clone();
    let is_replaced = |name: &str| merged.iter().any(|file| file.replaces(name));
    refuse_damaged(&looked.damaged, &is_replaced)?;
    let rows = repair::choose(looked.sound, &known, Clock::start().wall());
    let rows = rows.map_err(|error| refused(&error))?;
    recovery::meets(&survey, &rows)?;
    let was_sound = is_sound(data_dir, &survey, &rows);
    let mut set_aside = Vec::new();
    for (name, why) in looked.damaged {
        let moved = repair::set_aside(data_dir, &name);
        set_aside.push((name, moved.map_err(|error| failures::archive(&error))?, why));
    }
    let moved = match was_sound {
        true => Vec::new(),
        false => repair::replace(data_dir, &rows).map_err(|error| failures::archive(&error))?,
    };
    // Files that an earlier, unfinished repair set aside are gone too.
    let is_touched = |path: &str| path.starts_with(catalog::FILE) || is_replaced(path);
    let manifest = match survey.ends_in_stop() {
        true => mend_manifest(data_dir, &owned.keyring, &is_touched)?,
        false => None,
    };
    Ok(Remade { rows, was_sound, set_aside, moved, manifest })
}

/// Reads every file, each by a process of its own.
fn look(data_dir: &Path, progress: &mut dyn FnMut(usize, usize)) -> Result<Looked, Failure> {
    let names = repair::names(data_dir).map_err(|error| failures::archive(&error))?;
    let mut looked = Looked { sound: Vec::new(), damaged: Vec::new() };
    let all = names.len();
    for (place, name) in names.into_iter().enumerate() {
        progress(place, all);
        match facts::ask(data_dir, &name).map_err(|error| failures::io(&error))? {
            Ok(found) if found.name() == name => looked.sound.push(found),
            Ok(_) => looked.damaged.push((name, "its reader spoke of another file".to_owned())),
            Err(why) => looked.damaged.push((name, why)),
        }
    }
    Ok(looked)
}

/// Every damaged file whose range no merged file has is named.
fn refuse_damaged(
    damaged: &[(String, String)],
    is_replaced: &dyn Fn(&str) -> bool,
) -> Result<(), Failure> {
    let needed = damaged.iter().filter(|(name, _)| !is_replaced(name));
    let named: Vec<String> = needed.map(|(name, why)| format!("`{name}`: {why}")).collect();
    if named.is_empty() {
        return Ok(());
    }
    let what = format!("files that cannot be read as segments: {}", named.join("; "));
    Err(Failure::new(Exit::IntegrityFailed, what, HINT))
}

/// Rows that cannot be chosen: the files do not make up an archive.
fn refused(error: &lake::Error) -> Failure {
    let what = match error {
        lake::Error::Catalog { what } => format!("the files make no catalog: {what}"),
        other => failures::whole(other),
    };
    let hint = "put the missing file back from a backup, or take one of two files out of `lake/`";
    Failure::new(Exit::IntegrityFailed, what, hint)
}

/// What the ledger says of the archive: where its log begins, and the losses that records in the log speak of.
fn known(reader: &Reader) -> Result<Known, Failure> {
    let mut known = Known::default();
    for tenant in reader.tenants() {
        let first_kept = reader.first_kept(&tenant);
        let lost = known.lost.entry(tenant.clone()).or_default();
        for section in reader.scan(&tenant, first_kept) {
            let section = match section {
                Ok(section) => section,
                // A lost range says nothing; others go on.
                Err(ledger::Error::Lost { .. }) => continue,
                Err(error) => return Err(failures::ledger(&error)),
            };
            lost.extend(section.records().filter_map(|(_, _, payload)| loss(payload)));
        }
        known.first_kept.insert(tenant, first_kept.0);
    }
    Ok(known)
}

/// The range that a record speaks of, if it is the server's own record of a loss.
fn loss(payload: &[u8]) -> Option<std::ops::Range<u64>> {
    let record = Record::decode(payload).ok()?;
    let event: Event<'_> = record.event().ok()?;
    let kind = event.schema.as_deref().and_then(SystemKind::of_schema)?;
    let is_own = record.stamps().ok()?.system == System::Yes;
    (is_own && kind == SystemKind::Loss).then(|| repair::lost_range(&event)).flatten()
}

/// Whether the catalog that is there can be read, says the same, and meets the ledger.
fn is_sound(data_dir: &Path, survey: &Survey, rows: &[Row]) -> bool {
    let Ok(scratch) = Scratch::new() else { return false };
    match catalog::look(data_dir, scratch.path()) {
        Ok(Some(there)) => repair::is_same(&there, rows) && recovery::meets(survey, &there).is_ok(),
        // No catalog at all is one to be made, even of no rows.
        Ok(None) | Err(_) => false,
    }
}

/// Ranges of the catalog without a file, because they are lost.
pub(crate) fn lost(rows: &[Row]) -> impl Iterator<Item = (&TenantId, &std::ops::Range<u64>)> {
    let lost = rows.iter().filter(|row| row.state == State::Lost);
    lost.map(|row| (&row.tenant, &row.indices))
}
