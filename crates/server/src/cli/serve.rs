//! `indelible serve`: runs the server until it is told to stop.

use std::sync::Arc;

use super::exit::{Exit, Failure};
use super::settings::Settings;
use crate::clock::Clock;
use crate::config::Live;
use crate::recovery::Clocks;
use crate::run::{self, ClockWord};
use crate::{logs, signals};

/// Options of `serve`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    settings: Settings,
    /// Which stages run here
    #[arg(long, default_value = "all", value_parser = ["all"])]
    roles: String,
    /// Accept the present time although it does not fit the last record; recorded
    #[arg(long)]
    accept_clock: bool,
}

/// Runs the server.
pub(crate) fn run(args: Args) -> Result<Exit, Failure> {
    let word = if args.accept_clock { ClockWord::Accepted } else { ClockWord::Judged };
    let clocks = Clocks { clock: Clock::start(), word };
    let sources = args.settings.sources();
    let loaded = sources.load();
    let warnings = loaded.mistakes.clone();
    let live = Live::new(sources, loaded).map_err(|refused| {
        let what = format!("the configuration is refused\n{refused}");
        let hint = "correct it; `indelible config check` says the same without starting anything";
        Failure::new(Exit::Usage, what, hint)
    })?;
    let config = live.now();
    let log = logs::start(&config.log, &config.log_format, clocks.clock);
    warnings.iter().for_each(signals::tell);
    run::run(Arc::new(live), &log, clocks)
}
