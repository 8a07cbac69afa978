//! `cargo xtask test`: the whole quick set in one command. It promises to end on a line that counts
//! the tests that ran, and to fail when none did. `--all` adds the slow set.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use crate::{barrier, controls, crash, deny, outbox, outside, producer, run, sim, tidy};

/// Tests counted from the closing lines of the test binaries.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) ignored: u64,
}

/// Runs the quick set, and with `--all` the slow set after it.
pub(crate) fn run(args: &[String]) -> Result<(), String> {
    let all = match args {
        [] => false,
        [only] if only == "--all" => true,
        _ => return Err("usage: cargo xtask test [--all]".into()),
    };
    tidy::run()?;
    lints()?;
    let mut counts = Counts::default();
    let mut outcome = cargo_tests(&mut counts);
    if all && outcome.is_ok() {
        outcome = slow_set();
    }
    run::say(&format!(
        "{} passed, {} failed, {} skipped",
        counts.passed, counts.failed, counts.ignored
    ));
    outcome?;
    if counts.passed == 0 {
        return Err("no test ran".into());
    }
    Ok(())
}

/// Format and lints. A toolchain without these parts says so loudly instead of failing: the tests
/// need Rust alone.
fn lints() -> Result<(), String> {
    for (part, words) in [
        ("fmt", &["fmt", "--all", "--check"] as &[&str]),
        ("clippy", &["clippy", "-q", "--workspace", "--all-targets", "--", "-D", "warnings"]),
    ] {
        let there = run::cargo_command()
            .args([part, "--version"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success());
        if there {
            run::cargo(&[words], &[])?;
        } else {
            run::say(&format!("xtask: NOT RUN: this toolchain has no `cargo {part}`"));
        }
    }
    Ok(())
}

fn cargo_tests(counts: &mut Counts) -> Result<(), String> {
    let mut command = run::cargo_command();
    command.args(["test", "--workspace", "--no-fail-fast"]).stdout(Stdio::piped());
    run::say(&format!("xtask: {}", run::shown(&command)));
    let mut child = command.spawn().map_err(|error| format!("cannot start cargo: {error}"))?;
    if let Some(out) = child.stdout.take() {
        for line in BufReader::new(out).lines().map_while(Result::ok) {
            counts.add(&line);
            run::say(&line);
        }
    }
    let status = child.wait().map_err(|error| format!("cargo test was lost: {error}"))?;
    if status.success() { Ok(()) } else { Err("tests failed".into()) }
}

impl Counts {
    /// Adds one closing line of a test binary; any other line adds nothing.
    pub(crate) fn add(&mut self, line: &str) {
        let Some((_, figures)) = line.split_once("test result: ") else { return };
        let of = |word: &str| -> u64 {
            figures
                .split([';', '.'])
                .filter_map(|part| part.trim().strip_suffix(word))
                .filter_map(|number| number.trim().parse::<u64>().ok())
                .sum()
        };
        self.passed += of("passed");
        self.failed += of("failed");
        self.ignored += of("ignored");
    }
}

/// What needs more than Rust alone, or more than minutes.
fn slow_set() -> Result<(), String> {
    deny::run()?;
    sim::slow()?;
    controls::slow()?;
    barrier::slow()?;
    outside::slow()?;
    producer::run(&[])?;
    outbox::slow()?;
    crash::slow()
}

#[cfg(test)]
mod tests {
    use super::Counts;

    #[test]
    fn closing_lines_are_counted_and_nothing_else() {
        let mut counts = Counts::default();
        for line in [
            "running 3 tests",
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 7 filtered out; finished in 0.1s",
            "test result: FAILED. 2 passed; 4 failed; 0 ignored; 0 measured; 0 filtered out",
            "9 passed in words",
        ] {
            counts.add(line);
        }
        assert_eq!(counts, Counts { passed: 5, failed: 4, ignored: 1 });
    }
}
