//! The log line of a request: what was asked, by whom, how it ended, how long it took.
//!
//! ```text
//! slow       INFO    it took a second or more
//! refused    INFO    401, 403, 429 or 5xx: somebody may want to know who and why
//! answered   DEBUG   everything else
//! ```
//!
//! Promises: one line a request at DEBUG; at INFO no more than [`LINES_A_SECOND`], so that nobody fills the disk by being
//! refused, and how many were left out stands on the next line. Refuses to write a path: it can name an event, and its
//! pattern says enough.

use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::Method;
use event::code::Code;

/// A request that takes so long is worth a line.
const SLOW_MS: u64 = 1_000;
/// Lines at INFO within one second.
const LINES_A_SECOND: u64 = 20;

/// What was said within the second at hand.
#[derive(Debug, Default)]
pub(super) struct Lines {
    second: AtomicU64,
    lines: AtomicU64,
    left_out: AtomicU64,
}

/// How a request ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ended<'a> {
    pub(super) method: &'a Method,
    /// The pattern of its path; empty if there is none.
    pub(super) path: &'a str,
    pub(super) status: u16,
    pub(super) code: Option<Code>,
    pub(super) took_ms: u64,
}

/// What kind of line a request gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Worth {
    Slow,
    Refused,
    Answered,
}

impl Ended<'_> {
    fn worth(&self) -> Worth {
        match self.status {
            401 | 403 | 429 | 500.. => Worth::Refused,
            _ if self.took_ms >= SLOW_MS => Worth::Slow,
            _ => Worth::Answered,
        }
    }
}

impl Lines {
    /// Says how a request ended. It is called within the request's span, whose fields name it.
    pub(super) fn say(&self, ended: &Ended<'_>, now_ns: u64) {
        let Ended { method, path, status, took_ms, .. } = *ended;
        let code = ended.code.map_or("", Code::as_str);
        match ended.worth() {
            Worth::Answered => tracing::debug!(%method, path, status, code, took_ms, "answered"),
            worth => {
                let Some(left_out) = self.place(now_ns / 1_000_000_000) else { return };
                match worth {
                    Worth::Slow => {
                        tracing::info!(%method, path, status, code, took_ms, left_out, "slow");
                    }
                    _ => tracing::info!(%method, path, status, code, took_ms, left_out, "refused"),
                }
            }
        }
    }

    /// Whether this second has place for a line: how many were left out since the last one.
    fn place(&self, second: u64) -> Option<u64> {
        if self.second.swap(second, Ordering::Relaxed) != second {
            self.lines.store(0, Ordering::Relaxed);
        }
        if self.lines.fetch_add(1, Ordering::Relaxed) < LINES_A_SECOND {
            return Some(self.left_out.swap(0, Ordering::Relaxed));
        }
        self.left_out.fetch_add(1, Ordering::Relaxed);
        None
    }
}

#[cfg(test)]
mod tests;
