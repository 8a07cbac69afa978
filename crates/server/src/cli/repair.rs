//! `indelible repair`: a damaged store that is not running.

use super::exit::{Exit, Failure};
use std::path::PathBuf;

/// Options of `repair`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

/// What is repaired.
#[derive(Debug, clap::Subcommand)]
enum What {
    /// The write-ahead log: rebuild what can be rebuilt, name and record what is lost
    Wal {
        /// Data directory
        #[arg(long, value_name = "D", default_value = super::connect::DATA_DIR)]
        data_dir: PathBuf,
        /// Key directory
        #[arg(long, value_name = "K")]
        key_dir: Option<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// Runs the command.
pub(crate) fn run(args: Args) -> Result<Exit, Failure> {
    Err(Failure::new(Exit::Failed, format!("not built: {args:?}"), "wait for the next commit"))
}
