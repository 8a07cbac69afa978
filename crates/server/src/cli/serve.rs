//! `indelible serve`: runs the server until it is told to stop.

use std::path::PathBuf;

use super::exit::{Exit, Failure};
use crate::clock::Clock;
use crate::config::{Config, ConfigError};
use crate::logs;
use crate::run::{self, ClockWord};

/// Options of `serve`; each wins over the environment and the configuration file.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Configuration file (default: `indelible.toml` here, if there is one)
    #[arg(long, value_name = "F")]
    config: Option<PathBuf>,
    /// Data directory
    #[arg(long, value_name = "D")]
    data_dir: Option<PathBuf>,
    /// Key directory, outside the data directory
    #[arg(long, value_name = "K")]
    key_dir: Option<PathBuf>,
    /// Address to listen on; port 0 takes a free one, named in client.json
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Which stages run here
    #[arg(long, default_value = "all", value_parser = ["all"])]
    roles: String,
    /// Accept the present time although it does not fit the last record; recorded
    #[arg(long)]
    accept_clock: bool,
    /// What is logged on stderr: error, warn, info, debug, or per target
    #[arg(long, value_name = "FILTER")]
    log: Option<String>,
    /// How it is logged
    #[arg(long, value_name = "FORMAT", value_parser = ["logfmt", "json"])]
    log_format: Option<String>,
}

/// Runs the server.
pub(crate) fn run(args: Args) -> Result<Exit, Failure> {
    let clock = Clock::start();
    let word = if args.accept_clock { ClockWord::Accepted } else { ClockWord::Judged };
    let config = configure(args)?;
    let said = logs::start(&config.log, &config.log_format, clock).map_err(|error| {
        let hint = "give a level (error, warn, info, debug, trace) or `target=level`";
        Failure::new(Exit::Usage, error.to_string(), hint)
    })?;
    run::run(config, clock, word, &said)
}

/// The configuration with the flags on top.
fn configure(args: Args) -> Result<Config, Failure> {
    let refuse = |error: ConfigError| Failure::new(Exit::Usage, error.to_string(), error.hint);
    let mut config = Config::load(args.config.as_deref(), std::env::vars()).map_err(refuse)?;
    config.data_dir = args.data_dir.unwrap_or(config.data_dir);
    config.key_dir = args.key_dir.or(config.key_dir);
    config.listen = args.listen.unwrap_or(config.listen);
    config.log = args.log.unwrap_or(config.log);
    config.log_format = args.log_format.unwrap_or(config.log_format);
    Ok(config)
}
