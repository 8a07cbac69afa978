//! `indelible serve`: runs the server until it is told to stop.

use std::sync::Arc;

use super::exit::{Exit, Failure};
use super::settings::Settings;
use crate::clock::Clock;
use crate::config::{Live, Refused, Sources};
use crate::logs::{self, Log};
use crate::recovery::Clocks;
use crate::run::{self, Audience, ClockWord};
use crate::signals;

/// Options of `serve`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    settings: Settings,
    /// Which stages run here
    #[arg(long, default_value = "all", value_parser = ["all"])]
    roles: String,
    /// Accept a clock that does not fit the last record; it is put on record
    #[arg(long)]
    accept_clock: bool,
}

/// Runs the server.
pub(crate) fn run(args: Args) -> Result<Exit, Failure> {
    let word = if args.accept_clock { ClockWord::Accepted } else { ClockWord::Judged };
    let clocks = Clocks { clock: Clock::start(), word };
    let (live, log) = begin(args.settings.sources(), clocks.clock)?;
    run::run(Arc::new(live), &log, clocks, Audience::Person)
}

/// The configuration and the log of a process that is about to run a server.
pub(super) fn begin(sources: Sources, clock: Clock) -> Result<(Live, Log), Failure> {
    let loaded = sources.load();
    let warnings = loaded.mistakes.clone();
    let live = Live::new(sources, loaded).map_err(|refused| self::refused(&refused))?;
    let config = live.now();
    let log = logs::start(&config.log, &config.log_format, clock);
    warnings.iter().for_each(signals::tell);
    Ok((live, log))
}

/// A configuration that is wrong.
pub(super) fn refused(refused: &Refused) -> Failure {
    let what = format!("the configuration is refused\n{refused}");
    let hint = "correct it; `indelible config check` says the same without starting anything";
    Failure::new(Exit::Usage, what, hint)
}
