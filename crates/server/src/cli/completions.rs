//! `indelible completions <shell>`: a completion script on stdout.
//!
//! The script asks this binary for what may stand at a place ([`VARIABLE`] is set then), so that commands, options and the
//! values of a running server are offered. Promises: a script and the binary that printed it fit each other; they are
//! printed anew at the start of a shell, or after an upgrade. Refuses to answer in another way than the library does:
//! between the two of them nothing is promised.

use clap::CommandFactory;
use clap_complete::CompleteEnv;
use clap_complete::env::Shells;

use super::exit::{Exit, Failure};
use super::{Cli, print};

/// Which shell asks.
const VARIABLE: &str = "INDELIBLE_COMPLETE";

const EXAMPLES: &str = "\
Examples:
  indelible completions fish | source
  echo 'source <(indelible completions bash)' >> ~/.bashrc
  echo 'source <(indelible completions zsh)' >> ~/.zshrc";

/// Options of `completions`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The shell
    #[arg(value_parser = ["bash", "elvish", "fish", "powershell", "zsh"])]
    shell: String,
}

/// Answers a script that asks, and ends the process; does nothing for everybody else.
pub(crate) fn answer() {
    CompleteEnv::with_factory(Cli::command).var(VARIABLE).bin("indelible").complete();
}

/// Prints the script.
pub(crate) fn run(args: &Args) -> Result<Exit, Failure> {
    let unknown = || {
        let what = format!("`{}` is no shell that is known", args.shell);
        Failure::new(Exit::Usage, what, "`indelible completions --help` lists them")
    };
    let shells = Shells::builtins();
    let shell = shells.completer(&args.shell).ok_or_else(unknown)?;
    let mut script = Vec::new();
    let written =
        shell.write_registration(VARIABLE, "indelible", "indelible", "indelible", &mut script);
    written.map_err(|error| {
        Failure::new(Exit::Failed, error.to_string(), "report it: this is a bug")
    })?;
    print::bytes(&script)?;
    Ok(Exit::Done)
}
