//! `indelible version`: what this binary is.

use super::exit::{Exit, Failure};
use super::print;

const EXAMPLES: &str = "\
Examples:
  indelible version
  indelible version --json | jq -r .version";

/// Options of `version`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Prints the version.
pub(crate) fn run(args: &Args) -> Result<Exit, Failure> {
    let version = env!("CARGO_PKG_VERSION");
    if args.json {
        print::data(&format!("{{\"name\":\"indelible\",\"version\":\"{version}\"}}"))?;
    } else {
        print::data(&format!("indelible {version}"))?;
    }
    Ok(Exit::Done)
}
