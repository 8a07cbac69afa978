//! `indelible segment`: what is archived, and archiving now what would be later.
//!
//! Promises: a flush returns once everything that was committed before it is in segments. Refuses to choose sizes: the
//! configuration does.

use super::connect::{self, ConnectArgs};
use super::exit::{Exit, Failure};
use super::{print, text};

const CELL_CHARS_MAX: usize = 64;

/// Options of `segment`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// List the segments of the tenant
    Ls(Options),
    /// Archive every committed event now
    Flush(Options),
}

#[derive(Debug, clap::Args)]
struct Options {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connect: ConnectArgs,
}

/// Runs the command.
pub(crate) fn run(args: Args) -> Result<Exit, Failure> {
    match args.what {
        What::Ls(options) => list(&options),
        What::Flush(options) => flush(&options),
    }
}

fn list(options: &Options) -> Result<Exit, Failure> {
    let (client, _) = connect::client(&options.connect)?;
    let listed = client.segments()?;
    if options.json {
        print::data(&as_json(&listed)?)?;
        return Ok(Exit::Done);
    }
    let rows: Vec<Vec<String>> = listed
        .segments
        .iter()
        .map(|one| {
            let (from, to) = (one.from_index.to_string(), one.to_index.to_string());
            vec![from, to, one.level.to_string(), one.bytes.to_string(), one.sha256.clone()]
        })
        .collect();
    let head = ["FROM", "TO", "LEVEL", "BYTES", "SHA-256"];
    print::bytes(text::columns(&head, &rows, CELL_CHARS_MAX).as_bytes())?;
    print::words(&format!("archived: records 0 to {}", listed.watermark));
    Ok(Exit::Done)
}

fn flush(options: &Options) -> Result<Exit, Failure> {
    let (client, _) = connect::client(&options.connect)?;
    let flushed = client.flush()?;
    match options.json {
        true => print::data(&as_json(&flushed)?)?,
        false => print::data(&format!(
            "{} rows in {} segments; archived up to record {}",
            flushed.rows, flushed.segments, flushed.watermark
        ))?,
    }
    Ok(Exit::Done)
}

fn as_json(value: &impl serde::Serialize) -> Result<String, Failure> {
    serde_json::to_string(value).map_err(|error| {
        let what = format!("the answer cannot be written as JSON: {error}");
        Failure::new(Exit::Failed, what, "report it: this is a bug")
    })
}
