//! `indelible support-bundle`: one file for somebody who helps.
//!
//! Promises: what goes in is listed first, with its size; nothing is written before a person or `--yes` has said so; the file is
//! its owner's alone. Refuses to send anything anywhere.

use std::fs::OpenOptions;
use std::io::{BufRead, IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::exit::{Exit, Failure};
use super::settings::Settings;
use super::{config as config_command, doctor as doctor_command, print, version};
use crate::clock::Clock;
use crate::doctor::{self, Subject};
use crate::support::redact::Redactor;
use crate::support::{Entry, gather, tar};

const EXAMPLES: &str = "\
Examples:
  indelible support-bundle --list
  indelible support-bundle --log-file /var/log/indelible.log -o bundle.tar.gz
  journalctl -u indelible -o cat > indelible.log
  indelible support-bundle --yes --log-file indelible.log";

/// Options of `support-bundle`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    settings: Settings,
    /// The server's log; only lines of the server itself are taken
    #[arg(long, value_name = "F")]
    log_file: Option<PathBuf>,
    /// The file to write (default: indelible-support-<time>.tar.gz here)
    #[arg(short, long, value_name = "F")]
    output: Option<PathBuf>,
    /// Only list what would go in
    #[arg(long, conflicts_with = "yes")]
    list: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// Lists, asks, writes.
pub(crate) fn run(args: &Args) -> Result<Exit, Failure> {
    let loaded = args.settings.clone().sources().load();
    let subject = Subject { loaded, clock: Clock::start() };
    let entries = entries(args, &subject)?;
    for Entry { name, what, text } in &entries {
        print::words(&format!("{:>10} bytes  {name:<16} {what}", text.len()));
    }
    if args.list {
        return Ok(Exit::Done);
    }
    let now_s = subject.clock.wall().0 / 1_000_000_000;
    let folder = format!("indelible-support-{now_s}");
    let path = args.output.clone().unwrap_or_else(|| PathBuf::from(format!("{folder}.tar.gz")));
    if !args.yes {
        ask(&path)?;
    }
    let failed = |error: std::io::Error| {
        let what = format!("`{}` cannot be written: {error}", path.display());
        Failure::new(Exit::Failed, what, "name a new file that can be written with -o")
    };
    let bytes = tar::archive(&folder, &entries, now_s).map_err(failed)?;
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(failed)?;
    file.write_all(&bytes).and_then(|()| file.sync_all()).map_err(failed)?;
    print::data(&path.display().to_string())?;
    Ok(Exit::Done)
}

/// Everything that goes in, redacted.
fn entries(args: &Args, subject: &Subject) -> Result<Vec<Entry>, Failure> {
    // A configuration that is refused does not say where the data is: what helps then is that it is.
    let config = subject.loaded.config().unwrap_or_default();
    let settings = config_command::shown(&subject.loaded);
    let findings = doctor::examine(subject);
    let json = |name, what, text| Entry { name, what, text };
    let mut entries = vec![
        json("version.json", "what this binary is", pretty(&version::as_json())),
        json("doctor.json", "what `indelible doctor` finds", doctor_command::as_json(&findings)),
        json("settings.json", "what counts, and where it comes from", pretty(&settings)),
        gather::environment(std::env::vars()),
        gather::store(&config.data_dir),
        gather::files(&config.data_dir),
    ];
    entries.extend(gather::configuration(subject.loaded.file.as_deref()));
    if let Some(owner) = doctor::owner_of(&config.data_dir) {
        entries.extend(gather::server(&owner.address));
    }
    if let Some(path) = &args.log_file {
        entries.push(gather::log(path).map_err(|error| unread(path, &error))?);
    }
    let values = std::env::vars().filter(|(name, _)| name == "INDELIBLE_TOKEN");
    let files = gather::secret_files(&config);
    let redactor = Redactor::new(&files, values.map(|(_, value)| value));
    for entry in &mut entries {
        entry.text = redactor.apply(&entry.text);
    }
    Ok(entries)
}

fn pretty(value: &serde_json::Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

fn unread(path: &Path, error: &std::io::Error) -> Failure {
    let what = format!("`{}` cannot be read: {error}", path.display());
    Failure::new(
        Exit::Usage,
        what,
        "name a file that the server's log went to, or leave --log-file out",
    )
}

/// Asks a person; without one only `--yes` will do.
fn ask(path: &Path) -> Result<(), Failure> {
    let refused =
        |what: &str| Failure::new(Exit::Usage, what, "`--yes` writes it without a question");
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(refused("there is nobody to ask whether this may be written"));
    }
    print::words(&format!("write these to `{}`? [y/N]", path.display()));
    let mut answer = String::new();
    let read = stdin.lock().read_line(&mut answer);
    match read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes") {
        true => Ok(()),
        false => Err(refused("nothing was written")),
    }
}
