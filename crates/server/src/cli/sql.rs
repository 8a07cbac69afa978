//! `indelible sql`: one read-only SQL statement.

use super::connect::ConnectArgs;
use super::exit::{Exit, Failure};

/// Options of `sql`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// One read-only statement
    statement: String,
    /// table, json, jsonl, csv or arrow
    #[arg(long, value_parser = ["table", "json", "jsonl", "csv", "arrow"], default_value = "table")]
    format: String,
    /// The same as --format json
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connect: ConnectArgs,
}

/// Runs the command.
pub(crate) fn run(args: Args) -> Result<Exit, Failure> {
    Err(Failure::new(Exit::Failed, format!("not built: {args:?}"), "wait for the next commit"))
}
