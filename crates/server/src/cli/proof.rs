//! `indelible proof`: the inclusion proof of an event, to a file or to stdout.
//!
//! Promises: what is written is a well-formed `.tlog-proof`, byte for byte as served. Refuses to call it verified: that is
//! the reader's to say, with a key of its own.

use std::path::PathBuf;

use event::ids::EventId;
use indelible_client::ProofForm;
use tlog::proof_file::ProofFile;

use super::connect::{self, ConnectArgs};
use super::exit::{Exit, Failure};
use super::{print, text};

/// Options of `proof`.
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
  indelible proof get 01928f5e-0000-7000-8000-000000000001 -o invoice.tlog-proof
  indelible proof get 01928f5e-0000-7000-8000-000000000001 --json | jq .index")]
    Get {
        /// The id of the event
        #[arg(value_parser = text::event_id)]
        id: EventId,
        /// Write it to this file
        #[arg(short, value_name = "F.tlog-proof")]
        output: Option<PathBuf>,
        /// As JSON: index, entry, proof, checkpoint
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        connect: ConnectArgs,
    },
}

/// Runs the command.
pub(crate) fn run(args: Args) -> Result<Exit, Failure> {
    let Command::Get { id, output, json, connect } = args.command;
    let (client, _) = connect::client(&connect)?;
    let form = if json { ProofForm::Json } else { ProofForm::TlogProof };
    let mut bytes = client.proof(id, form)?;
    if json {
        bytes.push(b'\n');
    } else {
        let file = std::str::from_utf8(&bytes).ok().and_then(|text| ProofFile::parse(text).ok());
        if file.is_none() {
            let what = format!("`{}` gave what is no .tlog-proof file", client.url());
            return Err(Failure::new(Exit::Failed, what, "check that it is an Indelible server"));
        }
    }
    print::to(output.as_deref(), &bytes)?;
    Ok(Exit::Done)
}
