//! `indelible sql`: one read-only SQL statement.
//!
//! Promises: stdout holds the rows and nothing else, in the form asked for; on which records they rest goes to stderr.
//! Refuses to print part of an answer: what the server did not finish is an error. The table for people shortens long
//! cells; the other forms never do.

use indelible_client::{TableForm, wire};

use super::connect::{self, ConnectArgs};
use super::exit::{Exit, Failure};
use super::{print, text};

/// Characters of a cell of the table for people.
const CELL_CHARS_MAX: usize = 80;

const EXAMPLES: &str = "\
Examples:
  indelible sql 'SELECT occurred_at, actor_id, action FROM events ORDER BY index DESC LIMIT 20'
  indelible sql \"SELECT action, count(*) FROM events GROUP BY action\" --json
  indelible sql 'DESCRIBE events'
  indelible sql 'SELECT * FROM events' --format csv > events.csv";

/// Options of `sql`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// One read-only statement
    statement: String,
    /// How the rows are printed
    #[arg(long, value_enum, default_value_t = Format::Table, hide_default_value = true)]
    format: Format,
    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    json: bool,
    #[command(flatten)]
    connect: ConnectArgs,
}

/// How rows are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// Columns for people; long cells are shortened (this is the default)
    Table,
    /// One array of objects
    Json,
    /// One object a line
    Jsonl,
    /// Comma-separated values with a header line, lines ending as they do here
    Csv,
    /// An Arrow stream
    Arrow,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> Result<Exit, Failure> {
    let (client, _) = connect::client(&args.connect)?;
    let format = if args.json { Format::Json } else { args.format };
    let form = match format {
        Format::Table => TableForm::Json,
        Format::Json | Format::Jsonl => TableForm::Jsonl,
        Format::Csv => TableForm::Csv,
        Format::Arrow => TableForm::Arrow,
    };
    let answer = client.query(&args.statement, form)?;
    let coverage = match format {
        Format::Table => {
            let (table, coverage) = table(&answer.bytes)?;
            print::bytes(table.as_bytes())?;
            Some(coverage)
        }
        Format::Json => {
            print::bytes(&array_of_lines(&answer.bytes))?;
            answer.coverage
        }
        Format::Csv => {
            print::bytes(&unix_lines(&answer.bytes))?;
            answer.coverage
        }
        Format::Jsonl | Format::Arrow => {
            print::bytes(&answer.bytes)?;
            answer.coverage
        }
    };
    if let Some(coverage) = coverage {
        print::words(&sentence(coverage));
    }
    Ok(Exit::Done)
}

/// The rows as columns, and what they rest on.
fn table(bytes: &[u8]) -> Result<(String, wire::Coverage), Failure> {
    let answer: wire::QueryAnswer = serde_json::from_slice(bytes).map_err(|error| {
        let what = format!("the server's answer is not a table: {error}");
        Failure::new(Exit::Failed, what, "check that INDELIBLE_URL names an Indelible server")
    })?;
    let head: Vec<&str> = answer.columns.iter().map(String::as_str).collect();
    let rows: Vec<Vec<String>> =
        answer.rows.iter().map(|row| row.iter().map(cell).collect()).collect();
    Ok((text::columns(&head, &rows, CELL_CHARS_MAX), answer.coverage))
}

/// A value in a table: a text as it is, nothing for null, else JSON.
fn cell(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Null => String::new(),
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Lines of objects as one array, each byte of a line kept.
fn array_of_lines(lines: &[u8]) -> Vec<u8> {
    let mut out = vec![b'['];
    for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        if out.len() > 1 {
            out.push(b',');
        }
        out.push(b'\n');
        out.extend_from_slice(line);
    }
    if out.len() > 1 {
        out.push(b'\n');
    }
    out.extend_from_slice(b"]\n");
    out
}

/// CSV with a line feed behind each row, as `cut` and `while read` expect it, where RFC 4180 (and so the server) has two
/// bytes. What stands inside quotes stays.
fn unix_lines(csv: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(csv.len());
    let mut is_quoted = false;
    let mut bytes = csv.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        is_quoted ^= byte == b'"';
        let is_row_end = byte == b'\r' && !is_quoted && bytes.peek() == Some(&b'\n');
        if !is_row_end {
            out.push(byte);
        }
    }
    out
}

/// What an answer rests on, for a person.
pub(super) fn sentence(coverage: wire::Coverage) -> String {
    let wire::Coverage { from_index, to_index, as_of, complete } = coverage;
    let whole = if complete { "" } else { ", not all of them" };
    format!("coverage: records {from_index} to {to_index} of {as_of}{whole}")
}

#[cfg(test)]
mod tests;
