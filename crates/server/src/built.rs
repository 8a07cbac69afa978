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
