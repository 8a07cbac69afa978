//! Files as a whole: what a clean stop listed, and `control.db`.
//!
//! ```text
//! log ends in `stop`    MANIFEST must be there, signed by the `system` key, and every listed file as it says
//! MANIFEST, no `stop`   an unfinished stop, if the log with the frame that would follow is what is listed; else damage
//! neither               not stopped cleanly: files are checked by their own checksums alone
//! ```
//!
//! Promises: a listed file that is missing or changed is damage, one that is not listed is named. Refuses to open
//! `control.db` for writing: after a clean stop it is opened as immutable, else a private copy.

use std::path::Path;

use event::ids::StoreName;
use ledger::StopPlan;
use ledger::inspect::{Beside, Inspection};

use super::keys::{Source, Trusted, read_text};
use super::records::Records;
use super::report::{Finding, Report, Weight};
use crate::control::look::{self, Content};
use crate::manifest::{self, Difference, Manifest};
use crate::tenants;

/// Bytes of a `MANIFEST` that are read: a line a file, and a store has thousands at most.
const MANIFEST_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Checks the files of a stopped store against its `MANIFEST`.
pub(crate) fn check(
    data_dir: &Path,
    inspection: &Inspection,
    trusted: &Trusted,
    report: &mut Report,
) {
    let text = match read_text(&data_dir.join(manifest::FILE), MANIFEST_BYTES_MAX) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            if inspection.ends_in_stop {
                report
                    .findings
                    .push(damage("`MANIFEST` is missing, and the log ends in a clean stop"));
            } else {
                report.note("the store was not stopped cleanly: there is no `MANIFEST`, so a deleted file may go unseen");
            }
            return;
        }
        Err(error) => {
            return report.findings.push(damage(format!("`MANIFEST` cannot be read: {error}")));
        }
    };
    let Some(manifest) = open(&text, inspection, trusted, report) else { return };
    let mut found = match manifest::survey(data_dir) {
        Ok(found) => found,
        Err(error) => {
            return report.failed(format!("the files of the store cannot be read: {error}"));
        }
    };
    if !inspection.ends_in_stop {
        match &inspection.unfinished_stop {
            Some(plan) if is_planned(&manifest, plan) => {
                // The stop frame was still to follow: the file is compared as it would be with it.
                for entry in found.iter_mut().filter(|entry| entry.path == plan.path) {
                    (entry.size, entry.sha256) = (plan.bytes, plan.sha256);
                }
                report.note("the last stop was not finished: `MANIFEST` is there, and the `stop` frame is not");
            }
            _ if manifest.is_overtaken_by(inspection.last_log_file.as_deref()) => {
                // From the first frame of a new log file on an old manifest counts for nothing.
                return report.note(
                    "a start was broken off before it removed `MANIFEST`, which counts for nothing",
                );
            }
            _ => report
                .findings
                .push(damage("there is a `MANIFEST`, and the log does not end in a stop")),
        }
    }
    report.files = report.files.max(u64::try_from(found.len()).unwrap_or(u64::MAX));
    for difference in manifest.differences(&found) {
        report.findings.push(match difference {
            Difference::Missing { path } => Finding::new(
                Weight::Failed,
                format!("`{path}` is listed in `MANIFEST` and missing"),
            )
            .in_file(&path),
            Difference::Changed { path } => {
                let what = format!("`{path}` is not the file that is listed in `MANIFEST`");
                Finding::new(Weight::Failed, what).in_file(&path)
            }
            Difference::Unlisted { path } => {
                let what =
                    format!("`{path}` is not listed in `MANIFEST`: nothing can be said about it");
                Finding::new(Weight::Note, what).in_file(&path)
            }
        });
    }
}

/// Whether the manifest lists the log as it would be with the stop frame that would follow.
fn is_planned(manifest: &Manifest, plan: &StopPlan) -> bool {
    let listed = manifest.files.iter().find(|entry| entry.path == plan.path);
    listed.is_some_and(|entry| (entry.size, entry.sha256) == (plan.bytes, plan.sha256))
}

/// The manifest, its signature judged by the `system` ledger's key.
fn open(
    text: &str,
    inspection: &Inspection,
    trusted: &Trusted,
    report: &mut Report,
) -> Option<Manifest> {
    let manifest = match Manifest::read_unverified(text) {
        Ok(manifest) => manifest,
        Err(error) => {
            report.findings.push(damage(error.to_string()));
            return None;
        }
    };
    if let Some((store, _)) = &inspection.store
        && *store != manifest.store
    {
        report.findings.push(damage(format!(
            "`MANIFEST` is of store `{}`, the log of `{store}`",
            manifest.store
        )));
    }
    let origin = tenants::system().origin(&manifest.store);
    let (keys, source) = trusted.of(&origin);
    let keys: Vec<_> = keys.into_iter().filter(|key| key.name() == origin).collect();
    if keys.is_empty() || source == Source::None {
        report.unchecked(format!("the signature on `MANIFEST`: no key is known for `{origin}`"));
    } else if !keys.iter().any(|key| Manifest::open(text, key).is_ok()) {
        report.findings.push(damage(format!("`MANIFEST` is not signed by the key of `{origin}`")));
    }
    Some(manifest)
}

/// Checks what `control.db` says against the ledger.
pub(crate) fn control(
    content: &Content,
    inspection: &Inspection,
    records: &Records<'_>,
    report: &mut Report,
) {
    let mut wrong = |what: String| {
        report.findings.push(Finding::new(Weight::Failed, what).in_file("control.db"));
    };
    if let Some((store, _)) = &inspection.store
        && *store != content.store
    {
        wrong(format!("`control.db` is of store `{}`, the log of `{store}`", content.store));
    }
    for facts in &inspection.tenants {
        let tenant = &facts.tenant;
        let Some(row) = content.tenants.iter().find(|row| row.name == *tenant) else {
            wrong(format!("tenant `{tenant}` has a ledger and is not in `control.db`"));
            continue;
        };
        if let Some((kek, ledger)) = records.wrapped(tenant)
            && (kek != row.wrapped_kek || ledger != row.wrapped_ledger_key)
        {
            wrong(format!(
                "tenant `{tenant}`: the wrapped keys in `control.db` are not those in the ledger"
            ));
        }
    }
    if inspection.store.is_none() && content.state == crate::control::State::Opened {
        wrong("the ledger was opened once and has no log".to_owned());
    }
}

/// What `control.db` holds; what is wrong with it is found. Beside a running server it is only where keys come from that
/// are not beside records: that it could not be read is then something unchecked.
pub(crate) fn read_control(data_dir: &Path, state: Beside, report: &mut Report) -> Option<Content> {
    let what = match look::look(data_dir) {
        Ok(Some(content)) => return Some(content),
        Ok(None) => "`control.db` is missing".to_owned(),
        Err(error) => match std::error::Error::source(&error) {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        },
    };
    let weight = match state {
        Beside::Nothing => Weight::Failed,
        Beside::Running => Weight::Unchecked,
    };
    report.findings.push(Finding::new(weight, what).in_file("control.db"));
    None
}

/// The store's name as `MANIFEST` says it, for when `control.db` cannot.
pub(crate) fn store_name(data_dir: &Path) -> Option<StoreName> {
    let text = read_text(&data_dir.join(manifest::FILE), MANIFEST_BYTES_MAX).ok()?;
    Some(Manifest::read_unverified(&text).ok()?.store)
}

fn damage(what: impl Into<String>) -> Finding {
    Finding::new(Weight::Failed, what).in_file(manifest::FILE)
}
