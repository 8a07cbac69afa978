//! How a command ends: the exit codes, and a failure with its hint.
//!
//! Promises: scripts may rely on every number here (`docs/operate/exit-codes.md`); a failure always says what to do
//! next. Refuses to print on stdout.

use std::process::ExitCode;

use super::{print, text};

/// The exit codes of every command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Done; zero rows are done too.
    Done = 0,
    /// Failed at run time.
    Failed = 1,
    /// A wrong command line, query or configuration; nothing was changed.
    Usage = 2,
    /// Not allowed.
    NotAllowed = 4,
    /// Unreachable or timed out; trying again may help.
    Unreachable = 5,
    /// Partly done; stderr says which part was not.
    Partly = 6,
    /// An integrity check failed; the place is named.
    IntegrityFailed = 10,
    /// Integrity could not be checked; what is missing is named.
    IntegrityUnchecked = 11,
    /// The server stopped itself after a disk fault.
    DiskFault = 70,
}

/// Every code with what it means, in the words of `docs/operate/exit-codes.md`.
pub(crate) const EXITS: &[(Exit, &str)] = &[
    (Exit::Done, "done; no rows are done, too"),
    (Exit::Failed, "failed"),
    (Exit::Usage, "a wrong command line, query or configuration; nothing was changed"),
    (Exit::NotAllowed, "not allowed"),
    (Exit::Unreachable, "unreachable or timed out: try again"),
    (Exit::Partly, "partly done, or not known; stderr names what"),
    (Exit::IntegrityFailed, "an integrity check failed; the place is named"),
    (Exit::IntegrityUnchecked, "integrity could not be checked; what is missing is named"),
    (Exit::DiskFault, "the server stopped itself after a disk fault"),
];

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// Why a command did not do what it was asked to, and what to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The code it ends with.
    pub(crate) exit: Exit,
    /// What happened: lower case, no full stop, the user's own words in backticks.
    pub(crate) what: String,
    /// What to do next.
    pub(crate) hint: String,
}

impl Failure {
    /// A failure that ends with `exit`.
    pub(crate) fn new(exit: Exit, what: impl Into<String>, hint: impl Into<String>) -> Failure {
        Failure { exit, what: what.into(), hint: hint.into() }
    }

    /// Prints `error:` and `hint:` on stderr.
    pub(crate) fn print(&self) {
        // Both may hold words of an event or of a server: they must not steer the terminal.
        print::words(&format!("error: {}", text::printable_lines(&self.what)));
        print::words(&format!("hint: {}", text::printable_lines(&self.hint)));
    }
}
