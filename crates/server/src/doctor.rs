//! `indelible doctor`: everything around a store that has to be right, looked at from outside.
//!
//! ```text
//! data      folder, permissions, owner process, versions       data.rs
//! disk      room, kind of file system, time of a sync          disk.rs
//! keys      there, apart from the data, for the owner alone    keys.rs
//! machine   clock, address, limit of open files                machine.rs
//! ```
//!
//! Promises: every finding that is not good has its fix; nothing of the store is changed, also beside a running server; a
//! check that cannot be made says so. Refuses to look into the ledger: that is `indelible verify store`.

mod data; // the store
mod disk; // what it lies on
mod keys; // what opens it
mod machine; // what it runs on

pub(crate) use data::owner_of;

use std::path::PathBuf;

use crate::clock::Clock;
use crate::config::{Config, Loaded, Severity};

/// How something was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// As it should be.
    Good,
    /// It works, and there is a better way.
    Warning,
    /// A server would not start, would not be safe, or would soon stop.
    Bad,
    /// It could not be looked at.
    Unknown,
}

impl State {
    /// As it is printed.
    pub(crate) fn word(self) -> &'static str {
        match self {
            State::Good => "good",
            State::Warning => "warning",
            State::Bad => "bad",
            State::Unknown => "unknown",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    /// Its stable name.
    pub(crate) check: &'static str,
    pub(crate) state: State,
    /// What was found.
    pub(crate) what: String,
    /// What to do; empty if it is good.
    pub(crate) fix: String,
}

/// What is looked at.
#[derive(Debug)]
pub(crate) struct Subject {
    /// What the sources of the configuration say.
    pub(crate) loaded: Loaded,
    pub(crate) clock: Clock,
}

/// A store that can be looked for: its configuration is read.
#[derive(Debug)]
struct Known {
    config: Config,
    clock: Clock,
}

impl Known {
    /// The folder of all stores' keys.
    fn key_base(&self) -> PathBuf {
        crate::keyring::base(self.config.key_dir.as_deref())
    }

    /// The nearest folder above the data that is there, or the data itself.
    fn ground(&self) -> PathBuf {
        let absolute = std::path::absolute(&self.config.data_dir);
        let absolute = absolute.unwrap_or_else(|_| self.config.data_dir.clone());
        let there = absolute.ancestors().find(|folder| folder.is_dir());
        there.map_or_else(|| PathBuf::from("/"), PathBuf::from)
    }
}

impl Finding {
    fn good(check: &'static str, what: impl Into<String>) -> Finding {
        Finding { check, state: State::Good, what: what.into(), fix: String::new() }
    }

    fn warning(check: &'static str, what: impl Into<String>, fix: impl Into<String>) -> Finding {
        Finding { check, state: State::Warning, what: what.into(), fix: fix.into() }
    }

    fn bad(check: &'static str, what: impl Into<String>, fix: impl Into<String>) -> Finding {
        Finding { check, state: State::Bad, what: what.into(), fix: fix.into() }
    }

    fn unknown(check: &'static str, what: impl Into<String>, fix: impl Into<String>) -> Finding {
        Finding { check, state: State::Unknown, what: what.into(), fix: fix.into() }
    }
}

/// Every check, in the order in which they are printed.
const CHECKS: &[fn(&Known) -> Finding] = &[
    data::folder,
    data::owner,
    data::versions,
    disk::room,
    disk::kind,
    disk::sync,
    keys::there,
    keys::apart,
    keys::permissions,
    machine::clock,
    machine::synchronised,
    machine::address,
    machine::open_files,
];

/// Looks at everything. With a configuration that is refused nobody knows where to look: then that is the one finding.
pub(crate) fn examine(subject: &Subject) -> Vec<Finding> {
    let mut findings = vec![configuration(&subject.loaded)];
    if let Ok(config) = subject.loaded.config() {
        let known = Known { config, clock: subject.clock };
        findings.extend(CHECKS.iter().map(|check| check(&known)));
    }
    findings
}

/// What is wrong with file, environment and flags.
fn configuration(loaded: &Loaded) -> Finding {
    const CHECK: &str = "configuration";
    let said: Vec<String> = loaded.mistakes.iter().map(ToString::to_string).collect();
    let what = said.join("; ").replace('\n', " ");
    let fix = "correct it; `indelible config check` shows the place of each mistake";
    let is_refused = loaded.mistakes.iter().any(|found| found.severity == Severity::Error);
    match (is_refused, loaded.mistakes.is_empty()) {
        (true, _) => Finding::bad(CHECK, what, fix),
        (false, false) => Finding::warning(CHECK, what, fix),
        (false, true) => Finding::good(CHECK, "nothing is wrong with it"),
    }
}

#[cfg(test)]
mod tests;
