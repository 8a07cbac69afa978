//! `indelible completions <shell>`: a completion script on stdout.

use clap::CommandFactory;
use clap_complete::Shell;

use super::exit::{Exit, Failure};
use super::{Cli, print};

const EXAMPLES: &str = "\
Examples:
  indelible completions bash > ~/.local/share/bash-completion/completions/indelible
  indelible completions fish | source";

/// Options of `completions`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// bash, elvish, fish, powershell or zsh
    shell: Shell,
}

/// Prints the script.
pub(crate) fn run(args: &Args) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "indelible", &mut script);
    print::bytes(&script)?;
    Ok(Exit::Done)
}
