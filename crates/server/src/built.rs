//! What this binary is: its version, where it was built from, and the versions of the formats that it writes.
//!
//! Promises: the same words in `indelible version`, `/version` and `indelible_build_info`. Refuses to ask the machine that
//! it runs on: everything here was known when it was built. There is no build script; whoever builds a release names the
//! commit in `INDELIBLE_COMMIT`.

/// The version.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The commit, if the build was told.
pub(crate) const COMMIT: &str = match option_env!("INDELIBLE_COMMIT") {
    Some(commit) => commit,
    None => "unknown",
};

/// The file that names the compiler of every build of ours.
const TOOLCHAIN: &str = include_str!("../../../rust-toolchain.toml");

/// The version of the compiler.
pub(crate) fn toolchain() -> &'static str {
    let line = TOOLCHAIN.lines().find_map(|line| line.strip_prefix("channel = \""));
    line.map_or("unknown", |rest| rest.trim_end_matches('"'))
}

/// The version in which each format of a store is written.
pub(crate) fn formats() -> Vec<(&'static str, u64)> {
    let mut formats = vec![
        ("catalog", u64::try_from(lake::catalog::VERSION).unwrap_or_default()),
        ("control", u64::try_from(crate::control::VERSION).unwrap_or_default()),
    ];
    formats.extend(ledger::FORMATS.iter().map(|(name, version)| (*name, u64::from(*version))));
    formats.sort_unstable();
    formats
}
