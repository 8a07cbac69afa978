//! `cargo xtask`: the one door for chores. It promises that what CI runs is what a person runs,
//! and that every step names itself before it starts and says plainly what it did not run.
//! It holds no product code and nothing in the product names it.

mod barrier;
mod controls;
mod crash;
mod deny;
mod dist;
mod figures;
mod outbox;
mod outside;
mod planted;
mod producer;
mod run;
mod sim;
mod source;
mod test;
mod tidy;

use std::process::ExitCode;

const HELP: &str = "\
cargo xtask <chore>

  test [--all]     tidy, format, lints and every quick test; --all adds the slow set
                   (licences, planted bugs, crash rounds, system-call traces)
  tidy             the house rules that clippy cannot say; prints each finding with its rule
  figures          sizes, functions, comments, asserts per crate, as a table
  gen              writes the pages and tables of docs/ that are made of tables in the code
  sim [ARGS]       the ledger's seed loop: `--seed N` replays one, `--seeds M` runs many, `planted` runs it
                   on builds with one promise broken, which must fail
  barrier [planted] the proof of I9 over 10,000 drawn statements, or the leaks that it must find
  planted [NAME...] tests of the quick set on builds with one promise broken, which must fail
  crash [ARGS]     kill -9 rounds, the id-window run and system-call traces on the real binary
  outside [TOOL]   what other people's tools say of the running binary: promtool, schemathesis
  producer [ARGS]  the fault table of the producer over 1,000 drawn runs
  outbox [ARGS]    transfers in a real PostgreSQL, killed with their relay, the server and the database
  bench [ARGS]     benchmark scenarios beside a rival in the same run
  dist [ARGS]      the archive that is shipped: a static binary, completions, manual, unit, container file, checksum

examples:
  cargo xtask test
  cargo xtask sim --seed 42
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let rest = args.get(1..).unwrap_or_default();
    let outcome = match args.first().map(String::as_str) {
        Some("test") => test::run(rest),
        Some("tidy") => tidy::run(),
        Some("figures") => figures::run(),
        Some("gen") => run::generate(),
        Some("sim") => sim::run(rest),
        Some("barrier") => barrier::run(rest),
        Some("planted") => controls::run(rest),
        Some("crash") => crash::run(rest),
        Some("outside") => outside::run(rest),
        Some("producer") => producer::run(rest),
        Some("outbox") => outbox::run(rest),
        Some("bench") => {
            run::cargo(&[&["run", "--release", "-q", "-p", "indelible-bench", "--"]], rest)
        }
        Some("dist") => dist::run(rest),
        Some("help" | "--help" | "-h") => {
            run::say(HELP);
            Ok(())
        }
        other => Err(format!("unknown chore `{}`\n\n{HELP}", other.unwrap_or(""))),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            run::complain(&why);
            ExitCode::FAILURE
        }
    }
}
