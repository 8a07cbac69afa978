//! The flags that are settings: the same ones for `serve` and for what looks at its configuration.
//!
//! Promises: what `config check` and `config show` say of a command line is what `serve` does with it.

use std::path::PathBuf;

use crate::config::Sources;

/// Flags that win over the environment and the configuration file.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Settings {
    /// Configuration file (default: `indelible.toml` here, if there is one)
    #[arg(long, value_name = "F")]
    config: Option<PathBuf>,
    /// Data directory
    #[arg(long, value_name = "D")]
    data_dir: Option<String>,
    /// Key directory, outside the data directory
    #[arg(long, value_name = "K")]
    key_dir: Option<String>,
    /// Address to listen on; port 0 takes a free one, named in client.json
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// What is logged on stderr: error, warn, info, debug, or per target
    #[arg(long, value_name = "FILTER")]
    log: Option<String>,
    /// How it is logged: logfmt or json
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
    /// Reserved: refused with the reason.
    #[arg(long, value_name = "MODE", hide = true)]
    tls: Option<String>,
}

impl Settings {
    /// These flags over the environment of the process.
    pub(crate) fn sources(self) -> Sources {
        let flags = [
            ("--data-dir", self.data_dir),
            ("--key-dir", self.key_dir),
            ("--listen", self.listen),
            ("--log", self.log),
            ("--log-format", self.log_format),
            ("--tls", self.tls),
        ];
        let given = flags.into_iter().filter_map(|(flag, value)| Some((flag, value?)));
        // A variable that is not UTF-8 is none of ours.
        let texts = std::env::vars_os()
            .filter_map(|(name, text)| Some((name.into_string().ok()?, text.into_string().ok()?)));
        Sources { file: self.config, flags: given.collect(), environment: texts.collect() }
    }
}
