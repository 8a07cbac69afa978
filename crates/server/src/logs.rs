//! Our own log on stderr: logfmt, or JSON a line.
//!
//! Promises: one event is one line, whatever its values hold; never a token, never an event's content (nobody hands such a
//! value to `tracing`). ERROR means that a person must look, WARN that we went on.

use std::fmt::{self, Write as _};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::clock::Clock;

/// A filter that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{filter}` is no log filter")]
pub(crate) struct FilterError {
    filter: String,
}

/// Starts logging for the rest of the process.
pub(crate) fn start(filter: &str, format: &str, clock: Clock) -> Result<(), FilterError> {
    let refuse = |_| FilterError { filter: filter.to_owned() };
    let filter = EnvFilter::builder().parse(filter).map_err(refuse)?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second start in one process (tests) keeps the first one's log.
    let _first = match format {
        "json" => {
            lines.json().with_timer(Time(clock)).flatten_event(true).with_ansi(false).try_init()
        }
        _ => lines.event_format(Logfmt(clock)).try_init(),
    };
    Ok(())
}

/// The time for JSON lines.
struct Time(Clock);

impl tracing_subscriber::fmt::time::FormatTime for Time {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        write!(writer, "{}", self.0.wall())
    }
}

/// `time=... level=... target=... message="..." key=value ...`.
struct Logfmt(Clock);

impl<S, N> FormatEvent<S, N> for Logfmt
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = String::new();
        let level = event.metadata().level().as_str().to_ascii_lowercase();
        write!(line, "time={} level={level} target={}", self.0.wall(), event.metadata().target())?;
        event.record(&mut Pairs(&mut line));
        writeln!(writer, "{line}")
    }
}

/// Appends `key=value` pairs to a line.
struct Pairs<'a>(&'a mut String);

impl Visit for Pairs<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.pair(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.pair(field, &format!("{value:?}"));
    }
}

impl Pairs<'_> {
    fn pair(&mut self, field: &Field, value: &str) {
        self.0.push(' ');
        self.0.push_str(field.name());
        self.0.push('=');
        let is_plain = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '=' | '\\');
        if !value.is_empty() && value.chars().all(is_plain) {
            self.0.push_str(value);
            return;
        }
        self.0.push('"');
        for c in value.chars() {
            match c {
                '"' | '\\' => self.0.extend(['\\', c]),
                // Line ends, escapes and what turns a line around would forge or hide lines.
                c if c.is_control() || ('\u{202a}'..='\u{2069}').contains(&c) => {
                    self.0.extend(c.escape_unicode());
                }
                c => self.0.push(c),
            }
        }
        self.0.push('"');
    }
}
