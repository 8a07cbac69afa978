//! `indelible receipt`: the receipt of an event, to a file or to stdout.
//!
//! Promises: the bytes are those that the server sent. Refuses to call it verified: `indelible verify receipt` says that,
//! with a key and the event.

use std::path::PathBuf;

use event::ids::EventId;

use super::connect::{self, ConnectArgs};
use super::exit::{Exit, Failure};
use super::{print, text};

/// Options of `receipt`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

/// What to do.
#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Fetch it
    #[command(after_help = "\
Examples:
  indelible receipt get 01928f5e-0000-7000-8000-000000000001 -o receipt.json
  indelible verify receipt receipt.json --event event.json --key checkpoint.vkey")]
    Get {
        /// The id of the event
        #[arg(value_parser = text::event_id)]
        id: EventId,
        /// Write it to this file
        #[arg(short, value_name = "F")]
        output: Option<PathBuf>,
        #[command(flatten)]
        connect: ConnectArgs,
    },
}

/// Runs the command.
pub(crate) fn run(args: Args) -> Result<Exit, Failure> {
    let Command::Get { id, output, connect } = args.command;
    let (client, _) = connect::client(&connect)?;
    let mut bytes = client.receipt(id)?;
    bytes.push(b'\n');
    print::to(output.as_deref(), &bytes)?;
    Ok(Exit::Done)
}
