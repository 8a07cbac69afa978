//! `indelible version`: what this binary is.

use serde_json::{Map, Value, json};

use super::exit::{Exit, Failure};
use super::print;
use crate::built;

const EXAMPLES: &str = "\
Examples:
  indelible version
  indelible version --json | jq -r .version";

/// Options of `version`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Print one JSON object: version, commit, compiler, versions of the formats on disk
    #[arg(long)]
    json: bool,
}

/// Prints the version.
pub(crate) fn run(args: &Args) -> Result<Exit, Failure> {
    match args.json {
        true => print::data(&as_json().to_string())?,
        false => print::data(&format!("indelible {}", built::VERSION))?,
    }
    Ok(Exit::Done)
}

/// Everything that is known of this binary.
pub(super) fn as_json() -> Value {
    let formats = built::formats();
    let formats: Map<String, Value> =
        formats.into_iter().map(|(name, version)| (name.to_owned(), version.into())).collect();
    json!({
        "name": "indelible",
        "version": built::VERSION,
        "commit": built::COMMIT,
        "rustc": built::toolchain(),
        "formats": formats,
    })
}
