//! Our own log on stderr: logfmt, or JSON a line.
//!
//! Promises: one event is one line, whatever its values hold; never a token, never an event's content (nobody hands such a
//! value to `tracing`). ERROR means that a person must look, WARN that we went on; both are on the list of known messages
//! ([`known`]) and say what to do next. INFO says what a server does once, and names requests that were slow or refused; DEBUG
//! has a line for every request and every commit.

pub(crate) mod known; // the list
mod line; // events as lines
mod said; // how often

pub(crate) use said::Said;

use std::fmt;

use tracing_subscriber::EnvFilter;

use crate::clock::Clock;
use line::{Fields, Lines, Style};

/// The running log.
#[derive(Debug)]
pub(crate) struct Log {
    /// How often each message was said.
    pub(crate) said: Said,
    /// What is logged.
    pub(crate) filter: Filter,
}

/// What is logged, to be changed while the process runs.
pub(crate) struct Filter(Box<dyn Fn(EnvFilter) + Send + Sync>);

impl fmt::Debug for Filter {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Filter")
    }
}

impl Filter {
    /// Logs what `filter` says from now on.
    pub(crate) fn replace(&self, filter: &str) {
        (self.0)(parsed(filter));
    }
}

/// The filter that the configuration has let pass.
fn parsed(filter: &str) -> EnvFilter {
    EnvFilter::builder().parse(filter).unwrap_or_else(|_| EnvFilter::new("info"))
}

/// Starts logging for the rest of the process.
pub(crate) fn start(filter: &str, format: &str, clock: Clock) -> Log {
    let style = if format == "json" { Style::Json } else { Style::Logfmt };
    let said = Said::new();
    let lines = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .fmt_fields(Fields(style))
        .event_format(Lines { style, clock, said: said.clone() })
        .with_env_filter(parsed(filter))
        .with_filter_reloading();
    let handle = lines.reload_handle();
    // A second start in one process (tests) keeps the first one's log.
    let _first = lines.try_init();
    Log { said, filter: Filter(Box::new(move |filter| drop(handle.reload(filter)))) }
}

#[cfg(test)]
mod tests;
