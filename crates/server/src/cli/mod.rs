//! The command line: the whole tree of commands, and which file runs each.
//!
//! Promises: data on stdout and words on stderr; every failure prints `error:` and `hint:` and ends with one of the exit
//! codes of [`exit::Exit`]; nothing is listed that does not work. Refuses to take a secret as the value of a flag.

mod completions;
mod config;
mod connect;
mod demo;
mod doctor;
mod events;
mod examples;
pub(crate) mod exit;
mod health;
mod help;
mod import;
mod key;
mod man;
pub(crate) mod print;
mod proof;
mod receipt;
mod reference;
mod repair;
mod search;
mod segment;
mod send;
mod serve;
mod settings;
mod show;
mod sql;
mod support_bundle;
mod tail;
mod tenant;
pub(crate) mod text;
mod typos;
mod values;
mod verify;
mod version;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use exit::{Exit, Failure};

/// What `indelible` alone says: a first day, a line each.
const FIRST: &str = "\
Indelible: the audit log for backends. A first day:

  indelible demo                                   # a sample store, live traffic, a tour
  indelible serve                                  # your own log, in ./indelible-data
  indelible send user.login --actor ana@acme       # one event
  indelible search 'outcome:denied since:24h'      # the newest first
  indelible sql 'SELECT action, count(*) FROM events GROUP BY action'
  indelible tail --since 10m                       # events as they come
  indelible doctor                                 # what stands in the way of a server
  indelible verify store                           # every byte against the proofs, offline

All commands: `indelible --help`. Topics: `indelible help query`, `errors`, `exit-codes`.";

/// The order of a help: what it does, then examples, then how to call it in general.
const TEMPLATE: &str = "{about}{after-help}\n\n{usage-heading} {usage}\n\n{all-args}";

/// Reads the arguments, runs the command and turns its end into an exit code.
pub(crate) fn main() -> ExitCode {
    completions::answer();
    let words: Vec<OsString> = std::env::args_os().collect();
    if words.len() < 2 {
        print::words(FIRST);
        return Exit::Usage.into();
    }
    let done = match typos::misspelt(&words) {
        Some(failure) => Err(failure),
        None => match parsed(words) {
            Ok(cli) => run(cli.command),
            Err(error) => return usage(&error),
        },
    };
    match done {
        Ok(exit) => exit.into(),
        Err(failure) => {
            failure.print();
            failure.exit.into()
        }
    }
}

/// Every command as it helps: with its examples first.
fn tree() -> clap::Command {
    fn with_examples_first(command: clap::Command) -> clap::Command {
        command.help_template(TEMPLATE).mut_subcommands(with_examples_first)
    }
    with_examples_first(Cli::command())
}

/// What a command line asks for.
fn parsed(
    words: impl IntoIterator<Item = impl Into<OsString> + Clone>,
) -> Result<Cli, clap::Error> {
    let mut tree = tree();
    let matches = tree.try_get_matches_from_mut(words)?;
    Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut tree))
}

/// Which file runs which command.
fn run(command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Serve(args) => serve::run(args),
        Command::Demo(args) => demo::run(args),
        Command::Send(args) => send::run(&args),
        Command::Import(args) => import::run(args),
        Command::Show(args) => show::run(&args),
        Command::Search(args) => search::run(&args),
        Command::Tail(args) => tail::run(&args),
        Command::Sql(args) => sql::run(&args),
        Command::Proof(args) => proof::run(args),
        Command::Receipt(args) => receipt::run(args),
        Command::Verify(args) => verify::run(args),
        Command::Repair(args) => repair::run(args),
        Command::Segment(args) => segment::run(args),
        Command::Tenant(args) => tenant::run(args),
        Command::Key(args) => key::run(args),
        Command::Health(args) => health::run(&args),
        Command::Config(args) => config::run(args),
        Command::Doctor(args) => doctor::run(&args),
        Command::SupportBundle(args) => support_bundle::run(&args),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
        Command::Help(args) => help::run(&args),
        Command::Version(args) => version::run(&args),
    }
}

/// Prints what clap has to say: help and version on stdout with 0, a wrong command line on stderr with 2.
fn usage(error: &clap::Error) -> ExitCode {
    let is_gone = |error: &std::io::Error| error.kind() == std::io::ErrorKind::BrokenPipe;
    match error.print() {
        // A reader that went away (`--help | head`) has seen what it wanted.
        Err(failed) if !is_gone(&failed) => Exit::Failed.into(),
        _ if error.use_stderr() => Exit::Usage.into(),
        _ => Exit::Done.into(),
    }
}

/// The audit log for backends: every event durable and provable before it is answered.
#[derive(Debug, Parser)]
#[command(name = "indelible", version, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// Every command, in the order of a first day.
#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server: one data directory, one address
    #[command(after_help = examples::SERVE)]
    Serve(serve::Args),
    /// A sample store with live traffic, a tampered copy to find, and a tour
    #[command(after_help = examples::DEMO)]
    Demo(demo::Args),
    /// Send one event, a file of events, or standard input
    Send(send::Args),
    /// Import records of another system; what is known already is not stored twice
    #[command(after_help = examples::IMPORT)]
    Import(import::Args),
    /// Show one event by id
    Show(show::Args),
    /// Search for events, newest first
    Search(search::Args),
    /// Follow events as they come
    Tail(tail::Args),
    /// Ask a question in SQL
    Sql(sql::Args),
    /// Inclusion proofs, for others to check
    #[command(after_help = examples::PROOF)]
    Proof(proof::Args),
    /// Receipts: what a producer checks offline
    #[command(after_help = examples::RECEIPT)]
    Receipt(receipt::Args),
    /// Check a store, a receipt or two checkpoints, offline
    #[command(after_help = examples::VERIFY)]
    Verify(verify::Args),
    /// Repair a damaged store that is not running
    #[command(after_help = examples::REPAIR)]
    Repair(repair::Args),
    /// Segments: list, archive now
    #[command(after_help = examples::SEGMENT)]
    Segment(segment::Args),
    /// Tenants: list, create
    #[command(after_help = examples::TENANT)]
    Tenant(tenant::Args),
    /// API keys: create, list, revoke
    #[command(after_help = examples::KEY)]
    Key(key::Args),
    /// Whether an event could be committed now: for probes
    Health(health::Args),
    /// The configuration: write a file, check it, show what counts and why
    Config(config::Args),
    /// What a server needs: disk, clock, keys, address, limits; findings with their fix
    Doctor(doctor::Args),
    /// Gather what somebody who helps has to see: no event, no secret
    SupportBundle(support_bundle::Args),
    /// Print completions for a shell
    Completions(completions::Args),
    /// Print the manual
    Man(man::Args),
    /// Explain exit-codes, environment, query, errors, or a command
    Help(help::Args),
    /// Print the version
    Version(version::Args),
}

#[cfg(test)]
mod tests;
