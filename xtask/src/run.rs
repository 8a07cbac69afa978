//! Running other programs and speaking to the terminal. Every chore starts its programs here, so
//! that each is printed before it runs and a failure names the command that failed.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Prints words for a person on standard output.
pub(crate) fn say(words: &str) {
    let mut out = std::io::stdout().lock();
    // A closed pipe is the reader's choice, not a failure of the chore.
    let _ = writeln!(out, "{words}");
    let _ = out.flush();
}

/// Prints a failure on standard error.
pub(crate) fn complain(words: &str) {
    let _ = writeln!(std::io::stderr().lock(), "xtask: {words}");
}

/// The root of the checkout: the folder above this crate.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// The cargo that runs us, so that one toolchain is used throughout.
pub(crate) fn cargo_command() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// Runs cargo once with the given words followed by `rest`.
pub(crate) fn cargo(words: &[&[&str]], rest: &[String]) -> Result<(), String> {
    let mut command = cargo_command();
    command.args(words.iter().flat_map(|group| group.iter())).args(rest);
    step(&mut command)
}

/// Lets every test that holds a page of documentation against its table write the page instead.
pub(crate) fn generate() -> Result<(), String> {
    let mut command = cargo_command();
    command.env("INDELIBLE_WRITE_DOCS", "1");
    // The tests of the binary alone, and the workspace's features: nothing is built that the tests do not need anyway.
    command.args(["test", "-q", "--workspace", "--bin", "indelible", "page"]);
    step(&mut command)
}

/// Runs one program to its end, naming it first.
pub(crate) fn step(command: &mut Command) -> Result<(), String> {
    let shown = shown(command);
    say(&format!("xtask: {shown}"));
    let status = command.status().map_err(|error| format!("cannot start `{shown}`: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("`{shown}` ended with {status}")) }
}

/// A command as a person would type it.
pub(crate) fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let mut words = vec![program.file_name().unwrap_or_default().to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|word| word.to_string_lossy().into_owned()));
    words.join(" ")
}
