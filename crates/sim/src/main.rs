//! The seed loop as a program, for `cargo xtask sim`: `--seed N` replays one seed, `--seeds M` runs
//! M of them from N on. It ends with 1 at the first broken promise, which it names together with
//! the seed that shows it; with `--find I1` at the first one of that id, for negative controls.

use std::io::Write as _;
use std::process::ExitCode;

use indelible_sim::world::{Plan, Report, run};

/// Seeds without `--seeds`.
const SEEDS: u64 = 1_000;

/// What is asked for.
#[derive(Debug, Default)]
struct Asked {
    first: Option<u64>,
    count: Option<u64>,
    /// The promise of which a break is looked for; others are passed over.
    find: Option<String>,
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let asked = match parse(&args) {
        Ok(asked) => asked,
        Err(why) => return say(&why, ExitCode::from(2)),
    };
    // A seed alone is a replay.
    let one = if asked.first.is_some() { 1 } else { SEEDS };
    let (first, count) = (asked.first.unwrap_or(0), asked.count.unwrap_or(one));
    let mut total = Report::default();
    for seed in first..first.saturating_add(count) {
        match run(seed, Plan::default()) {
            Ok(report) => total.add(&report),
            Err(broken) if asked.find.as_ref().is_some_and(|id| !broken.what.starts_with(id)) => {}
            Err(broken) => {
                let again = format!("{broken}\nreplay: cargo xtask sim --seed {seed}");
                return say(&again, ExitCode::FAILURE);
            }
        }
    }
    let sought = asked.find.as_deref().unwrap_or("promise");
    say(&format!("sim: {count} seeds from {first}: {total}; no {sought} broken"), ExitCode::SUCCESS)
}

fn parse(args: &[String]) -> Result<Asked, String> {
    let mut asked = Asked::default();
    let mut words = args.iter();
    while let Some(word) = words.next() {
        let value = words.next().ok_or_else(|| format!("`{word}` needs a value"))?;
        let number = || value.parse().map_err(|_| format!("`{value}` is no number"));
        match word.as_str() {
            "--seed" => asked.first = Some(number()?),
            "--seeds" => asked.count = Some(number()?),
            "--find" => asked.find = Some(format!("{value}:")),
            other => return Err(format!("unknown word `{other}`; --seed N, --seeds M, --find ID")),
        }
    }
    Ok(asked)
}

fn say(words: &str, code: ExitCode) -> ExitCode {
    // A reader that went away does not change what was found.
    let _ = writeln!(std::io::stdout().lock(), "{words}");
    code
}
