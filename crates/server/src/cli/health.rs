//! `indelible health`: whether an event could be committed now, for a probe that has no other program than this one.
//!
//! Promises: asks once and ends at once: 0 if it could, else another code with the reason. Refuses to look at anything but
//! the server's own answer; `doctor` looks at the machine.

use super::connect::{self, ConnectArgs};
use super::exit::{Exit, Failure};
use super::{print, text};

const EXAMPLES: &str = "\
Examples:
  indelible health
  indelible health --data-dir /data --json";

/// Options of `health`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Print the answer of the server: each check, with its code where it fails
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connect: ConnectArgs,
}

/// Asks.
pub(crate) fn run(args: &Args) -> Result<Exit, Failure> {
    let (client, _) = connect::client(&args.connect)?;
    let answer = client.ready()?;
    match args.json {
        true => print::data(&text::printable(String::from_utf8_lossy(&answer).trim()))?,
        false => print::data("ready")?,
    }
    Ok(Exit::Done)
}
