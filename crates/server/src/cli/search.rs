//! `indelible search`: events in the search language, newest first.
//!
//! Promises: what is not asked is not filtered: there is no hidden range of time, and without `--limit` every event comes,
//! page by page as it is read, so that `| head` ends the search. On a terminal the table for people stops at 100 and says
//! so. Stdout holds events and nothing else. Refuses to sort in any other way: that is what `sql` is for.

use std::io::IsTerminal;

use event::json::{self, Value};
use indelible_client::wire;

use super::connect::{self, ConnectArgs};
use super::events;
use super::exit::{Exit, Failure};
use super::{print, text};

/// Events of one page.
const PAGE: u64 = 500;
/// Events on a terminal when no number was said.
const SHOWN_MAX: u64 = 100;

const EXAMPLES: &str = "\
Examples:
  indelible search 'outcome:denied since:24h'
  indelible search 'actor:ana action:invoice.* -kind:read' --limit 20
  indelible search 'target:invoice/10021' --jsonl | jq .actor.id
  indelible search '\"free text\" (ip:10.0.0.0/8 OR has:attrs.ticket)' --csv > found.csv";

/// Options of `search`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// What to search for; everything if it is left out
    #[arg(default_value = "", hide_default_value = true, allow_hyphen_values = true)]
    query: String,
    /// How many events at most
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    #[command(flatten)]
    form: Form,
    #[command(flatten)]
    connect: ConnectArgs,
}

/// How events are printed.
#[derive(Debug, Clone, Copy, clap::Args)]
#[group(multiple = false)]
pub(super) struct Form {
    /// One array of events
    #[arg(long)]
    json: bool,
    /// One event a line, as it was served
    #[arg(long)]
    jsonl: bool,
    /// Comma-separated values; texts that a spreadsheet would run are marked
    #[arg(long)]
    csv: bool,
    /// Columns for people; long cells are shortened (this is the default)
    #[arg(long)]
    table: bool,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> Result<Exit, Failure> {
    let (client, _) = connect::client(&args.connect)?;
    let is_shortened =
        args.limit.is_none() && args.form.is_table() && std::io::stdout().is_terminal();
    let limit = if is_shortened { SHOWN_MAX } else { args.limit.unwrap_or(u64::MAX) };
    let mut printer = Printer { form: args.form, printed: 0 };
    let mut question = wire::SearchQuestion { q: args.query.clone(), ..Default::default() };
    let mut coverage: Option<wire::Coverage> = None;
    let mut is_first = true;
    while printer.printed < limit {
        question.limit = Some(PAGE.min(limit - printer.printed));
        let page = client.search(&question)?;
        if std::mem::take(&mut is_first) {
            // A search that is refused prints nothing.
            printer.head()?;
        }
        printer.lines(&page.events)?;
        coverage = joined(coverage, page.coverage);
        question.cursor = page.cursor;
        if question.cursor.is_none() {
            break;
        }
    }
    printer.foot()?;
    if is_shortened && question.cursor.is_some() {
        print::words(&format!("the newest {SHOWN_MAX} are shown: --limit N shows more"));
    }
    if let Some(coverage) = coverage {
        print::words(&super::sql::sentence(coverage));
    }
    Ok(Exit::Done)
}

impl Form {
    /// Whether columns for people are printed.
    pub(super) fn is_table(self) -> bool {
        !(self.json || self.jsonl || self.csv)
    }
}

/// What was looked at in all pages: they follow on one another, downwards.
fn joined(newer: Option<wire::Coverage>, older: Option<wire::Coverage>) -> Option<wire::Coverage> {
    let (Some(newer), Some(older)) = (newer, older) else { return newer.or(older) };
    let complete = newer.complete && older.complete;
    Some(wire::Coverage { from_index: older.from_index, complete, ..newer })
}

/// Events on their way to stdout.
struct Printer {
    form: Form,
    printed: u64,
}

impl Printer {
    fn head(&self) -> Result<(), Failure> {
        match self.form {
            Form { csv: true, .. } => print::data(&events::COLUMNS.join(",")),
            Form { json: true, .. } => print::bytes(b"["),
            form if form.is_table() => print::data(&events::row(&events::HEAD.map(str::to_owned))),
            _ => Ok(()),
        }
    }

    fn lines(&mut self, lines: &[u8]) -> Result<(), Failure> {
        let mut out = Vec::new();
        for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            if self.form.json {
                out.extend_from_slice(if self.printed == 0 { b"\n" } else { b",\n" });
                out.extend_from_slice(line);
            } else if self.form.jsonl {
                out.extend_from_slice(line);
                out.push(b'\n');
            } else {
                let event = parsed(line)?;
                let shown = match self.form.csv {
                    true => events::csv(&event),
                    false => events::row(&events::cells(&event)),
                };
                out.extend_from_slice(shown.as_bytes());
                out.push(b'\n');
            }
            self.printed += 1;
        }
        print::bytes(&out)
    }

    fn foot(&self) -> Result<(), Failure> {
        match (self.form.json, self.printed) {
            (true, 0) => print::data("]"),
            (true, _) => print::data("\n]"),
            (false, _) => Ok(()),
        }
    }
}

/// An event as it was served.
pub(super) fn parsed(line: &[u8]) -> Result<Value<'_>, Failure> {
    json::parse(line, json::Limits::READER).map_err(|error| {
        let what =
            format!("the server's event is not JSON: {}", text::printable(&error.to_string()));
        Failure::new(Exit::Failed, what, "check that INDELIBLE_URL names an Indelible server")
    })
}
