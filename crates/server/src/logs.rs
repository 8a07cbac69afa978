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

use tracing_subscriber::EnvFilter;

use crate::clock::Clock;
use line::{Fields, Lines, Style};

/// A filter that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{filter}` is no log filter")]
pub(crate) struct FilterError {
    filter: String,
}

/// Starts logging for the rest of the process; gives the counts of what is said.
pub(crate) fn start(filter: &str, format: &str, clock: Clock) -> Result<Said, FilterError> {
    let refuse = |_| FilterError { filter: filter.to_owned() };
    let filter = EnvFilter::builder().parse(filter).map_err(refuse)?;
    let style = if format == "json" { Style::Json } else { Style::Logfmt };
    let said = Said::new();
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .fmt_fields(Fields(style))
        .event_format(Lines { style, clock, said: said.clone() });
    // A second start in one process (tests) keeps the first one's log.
    let _first = lines.try_init();
    Ok(said)
}

#[cfg(test)]
mod tests;
