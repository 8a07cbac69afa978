//! What can go wrong with a call, and whose fault it is.
//!
//! Promises: `MayBeStored` is the one answer that leaves something open, and it is given whenever any try could have
//! reached the disk. Refuses to carry a token.

use event::code::Code;
use event::event::Rejection;

use crate::wire::Problem;

/// Who has to act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The caller: the same call will fail again.
    Caller,
    /// The credential: another one is needed.
    Credential,
    /// The world, or the server's state: try again later.
    World,
    /// The server, or something else that listens at its address.
    Server,
}

/// Why a call did not get its answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The address, the token or a file that should hold one cannot be used; nothing was sent.
    #[error("{what}")]
    Setup {
        /// What is wrong.
        what: String,
        /// What to do.
        hint: &'static str,
    },
    /// The server said no, and would again.
    #[error("{}", .problem.sentence())]
    Refused {
        /// What it said.
        problem: Box<Problem>,
    },
    /// The server answered, until the deadline, that this is not the time. Nothing was stored.
    #[error("{}", .problem.sentence())]
    Unavailable {
        /// What it said last.
        problem: Box<Problem>,
    },
    /// No connection until the deadline, or for a question no answer. Nothing was stored.
    #[error("`{url}` cannot be reached: {why}")]
    Unreachable {
        /// Where.
        url: String,
        /// The last failure.
        why: String,
    },
    /// A request was sent and not answered: what it asked for may have been done. Sent again with the same ids (or
    /// numbers) the events are stored once all the same.
    #[error("`{url}` gave no answer: {why}")]
    MayBeStored {
        /// Where.
        url: String,
        /// The last failure.
        why: String,
    },
    /// The answer is not one that an Indelible server gives.
    #[error("`{url}` gave status {status} and {why}")]
    Garbled {
        /// Where.
        url: String,
        /// The status of the answer.
        status: u16,
        /// What is wrong with it.
        why: String,
    },
    /// The event breaks the format; it was not taken.
    #[error("{rejection}")]
    Invalid {
        /// Which rule, and where.
        rejection: Box<Rejection>,
    },
    /// The spool has no room and nothing was delivered while the caller waited; the event was not taken.
    #[error("the spool `{folder}` is full, {waited_ms} ms long")]
    SpoolFull {
        /// Its folder.
        folder: String,
        /// How long there was no room.
        waited_ms: u64,
    },
    /// The spool's disk failed; the event was not taken.
    #[error("the spool `{folder}` cannot be written: {why}")]
    SpoolDisk {
        /// Its folder.
        folder: String,
        /// The error.
        why: String,
    },
    /// The ledger is not the one that was seen before; nothing is committed to it.
    #[error("the ledger is not the one that was seen: {why}")]
    Forked {
        /// What does not follow from what was seen.
        why: String,
        /// The file with the checkpoint that was found.
        evidence: String,
    },
    /// The events are in the spool and not, or not yet, in the ledger.
    #[error("{events} events are in the spool and not delivered yet: {why}")]
    Undelivered {
        /// How many.
        events: u64,
        /// What the last try came to.
        why: String,
    },
}

impl Error {
    /// Who has to act.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Error::Setup { .. } | Error::Invalid { .. } => Fault::Caller,
            Error::Refused { problem } if matches!(problem.status, 401 | 403) => {
                if problem.code == Code::QueryNotAllowed.as_str() {
                    Fault::Caller
                } else {
                    Fault::Credential
                }
            }
            Error::Refused { .. } => Fault::Caller,
            Error::Unavailable { problem } if problem.code == Code::Internal.as_str() => {
                Fault::Server
            }
            Error::Unavailable { .. }
            | Error::Unreachable { .. }
            | Error::MayBeStored { .. }
            | Error::SpoolFull { .. }
            | Error::SpoolDisk { .. }
            | Error::Undelivered { .. } => Fault::World,
            Error::Garbled { .. } | Error::Forked { .. } => Fault::Server,
        }
    }

    /// Whether the same call can succeed later without a change.
    #[must_use]
    pub fn retryable(&self) -> bool {
        matches!(
            self,
            Error::Unavailable { .. }
                | Error::Unreachable { .. }
                | Error::MayBeStored { .. }
                | Error::SpoolFull { .. }
        )
    }

    /// What to do next, one sentence.
    #[must_use]
    pub fn hint(&self) -> String {
        let hint = match self {
            Error::Setup { hint, .. } => hint,
            Error::Refused { problem } | Error::Unavailable { problem } => return problem.hint(),
            Error::Unreachable { .. } => {
                "start `indelible serve`, or name the server with INDELIBLE_URL"
            }
            Error::MayBeStored { .. } => {
                "send the same events with the same ids again: what is stored already is answered `duplicate`"
            }
            Error::Invalid { rejection } => return rejection.hint.clone(),
            Error::SpoolFull { .. } => {
                "see why the server takes nothing, or free space on this disk; more room: `spool_bytes_max`"
            }
            Error::SpoolDisk { .. } => "mend the disk and start the process again",
            Error::Undelivered { .. } => {
                "nothing is lost: they are delivered once the server takes them, by this process or the next"
            }
            Error::Forked { evidence, .. } => {
                return format!(
                    "ask who runs the server what happened to it; only if that is known, take `{evidence}` and the `checkpoint` beside it away"
                );
            }
            Error::Garbled { .. } => "check that INDELIBLE_URL names an Indelible server",
        };
        hint.to_owned()
    }
}
