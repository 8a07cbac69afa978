//! `indelible tenant`: lists and creates tenants.

use super::connect::ConnectArgs;
use super::exit::{Exit, Failure};

/// Options of `tenant`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

/// What to do.
#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List the tenants
    Ls {
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        connect: ConnectArgs,
    },
    /// Create a tenant; its name is its identity and is never re-used
    Create {
        /// The name
        name: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        connect: ConnectArgs,
    },
}

/// Runs the command.
pub(crate) fn run(args: Args) -> Result<Exit, Failure> {
    Err(Failure::new(Exit::Failed, format!("not built: {args:?}"), "wait for the next commit"))
}
