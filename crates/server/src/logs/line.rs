//! One event as one line: logfmt, or JSON.
//!
//! Promises: a line stays a line whatever its values hold; WARN and ERROR lines end with `id` and `next` from the list of
//! known messages and are counted; the fields of the spans around an event stand on its line, so that what happens inside
//! a request bears the request's ids. Refuses colours.

use std::fmt::{self, Write as _};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

use super::known::{self, UNLISTED, UNLISTED_NEXT};
use super::said::Said;
use crate::clock::Clock;

/// How lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// `key=value key="another value"`.
    Logfmt,
    /// One JSON object.
    Json,
}

/// Writes the fields of spans.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields(pub(super) Style);

impl<'writer> FormatFields<'writer> for Fields {
    fn format_fields<R: RecordFields>(
        &self,
        mut writer: Writer<'writer>,
        fields: R,
    ) -> fmt::Result {
        let mut pairs = Pairs::new(self.0);
        fields.record(&mut pairs);
        writer.write_str(&pairs.text)
    }

    fn add_fields(
        &self,
        current: &'writer mut FormattedFields<Self>,
        fields: &tracing::span::Record<'_>,
    ) -> fmt::Result {
        let mut pairs = Pairs::new(self.0);
        fields.record(&mut pairs);
        current.fields.push_str(&pairs.text);
        Ok(())
    }
}

/// Writes events.
#[derive(Debug)]
pub(super) struct Lines {
    pub(super) style: Style,
    pub(super) clock: Clock,
    pub(super) said: Said,
}

impl<S> FormatEvent<S, Fields> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, Fields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = Pairs::new(self.style);
        let (level, target) = (event.metadata().level(), event.metadata().target());
        line.text("time", &self.clock.wall().to_string());
        line.text("level", &level.as_str().to_ascii_lowercase());
        line.text("target", target);
        event.record(&mut line);
        let spans = context.event_scope().into_iter().flat_map(|scope| scope.from_root());
        for span in spans {
            if let Some(fields) = span.extensions().get::<FormattedFields<Fields>>() {
                line.text.push_str(&fields.fields);
            }
        }
        if *level <= Level::WARN {
            let known = known::find(&line.message);
            let (id, next) =
                known.map_or((UNLISTED, UNLISTED_NEXT), |known| (known.id, known.next));
            self.said.count(id);
            line.text("id", id);
            line.text("next", next);
        }
        // Every pair begins with what stands between two of them.
        let pairs = line.text.get(1..).unwrap_or_default();
        match self.style {
            Style::Logfmt => writeln!(writer, "{pairs}"),
            Style::Json => writeln!(writer, "{{{pairs}}}"),
        }
    }
}

/// Pairs of names and values, each with a separator before it.
struct Pairs {
    style: Style,
    text: String,
    /// The message, as it was said.
    message: String,
}

impl Pairs {
    fn new(style: Style) -> Pairs {
        Pairs { style, text: String::new(), message: String::new() }
    }

    /// Appends a value that may hold anything.
    fn text(&mut self, name: &str, value: &str) {
        match self.style {
            Style::Logfmt => {
                let _grown = write!(self.text, " {name}=");
                logfmt(value, &mut self.text);
            }
            Style::Json => {
                let value = serde_json::Value::from(value);
                let _grown = write!(self.text, ",\"{name}\":{value}");
            }
        }
    }

    /// Appends a value that is a word in both forms.
    fn plain(&mut self, name: &str, value: impl fmt::Display) {
        let _grown = match self.style {
            Style::Logfmt => write!(self.text, " {name}={value}"),
            Style::Json => write!(self.text, ",\"{name}\":{value}"),
        };
    }
}

impl Visit for Pairs {
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.plain(field.name(), value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.plain(field.name(), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.plain(field.name(), value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            value.clone_into(&mut self.message);
        }
        self.text(field.name(), value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

/// A value as logfmt has it: bare if it is one plain word, else in quotes.
fn logfmt(value: &str, out: &mut String) {
    let is_plain = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '=' | '\\');
    if !value.is_empty() && value.chars().all(is_plain) {
        out.push_str(value);
        return;
    }
    out.push('"');
    for c in value.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            // Line ends, escapes and what turns a line around would forge or hide lines.
            c if c.is_control() || ('\u{202a}'..='\u{2069}').contains(&c) => {
                out.extend(c.escape_unicode());
            }
            c => out.push(c),
        }
    }
    out.push('"');
}
