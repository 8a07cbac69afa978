//! `cargo xtask producer`: the producer's fault table over many drawn runs, one command. Processes that end
//! without a word, servers that fail in eleven ways, storms, full spools, and, where it may mount one, a
//! disk that is full. It promises to say what it did not run.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run;

/// Runs of the slow set.
const RUNS: &str = "1000";
const TEST: &[&str] = &[
    "test",
    "-q",
    "-p",
    "indelible-client",
    "--test",
    "it",
    "--",
    "--exact",
    "audits::a_process_may_end_at_any_moment_of_sending",
    "--nocapture",
];
/// Room for a few events of 40 KB.
const DISK: &str = "size=512k";

/// Runs it: `--runs N` for another number.
pub(crate) fn run(args: &[String]) -> Result<(), String> {
    let runs = match args {
        [] => RUNS,
        [word, runs] if word == "--runs" => runs,
        _ => return Err("usage: cargo xtask producer [--runs N]".into()),
    };
    let mut command = run::cargo_command();
    command.args(TEST).env("INDELIBLE_PRODUCER_RUNS", runs);
    let disk = Disk::mount();
    match &disk {
        Ok(disk) => {
            command.env("INDELIBLE_PRODUCER_SMALL_DISK", disk.folder());
        }
        Err(why) => run::say(&format!("xtask: NOT RUN: the full disk: {why}")),
    }
    run::step(&mut command)
}

/// A small file system in memory, for as long as the value lives.
struct Disk(PathBuf);

impl Disk {
    fn mount() -> Result<Disk, String> {
        let name = format!("indelible-producer-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).map_err(|error| format!("no place for it: {error}"))?;
        let disk = Disk(folder);
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", DISK, "tmpfs"])
            .arg(&disk.0)
            .output()
            .map_err(|error| format!("`mount` does not start: {error}"))?;
        match mounted.status.success() {
            true => Ok(disk),
            false => Err(String::from_utf8_lossy(&mounted.stderr).trim().to_owned()),
        }
    }

    fn folder(&self) -> &Path {
        &self.0
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Not mounted if `mount` refused; then only the empty folder is there.
        let _ = Command::new("umount").arg("-q").arg(&self.0).status();
        let _ = std::fs::remove_dir(&self.0);
    }
}
