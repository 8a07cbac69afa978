//! The seed loop as a program, for `cargo xtask sim`: `--seed N` replays one seed, `--seeds M` runs
//! M of them from N on. It ends with 1 at the first broken promise, which it names together with
//! the seed that shows it.

use std::io::Write as _;
use std::process::ExitCode;

use indelible_sim::world::{Plan, Report, run};

/// Seeds without `--seeds`.
const SEEDS: u64 = 1_000;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (first, count) = match seeds(&args) {
        Ok(seeds) => seeds,
        Err(why) => return say(&why, ExitCode::from(2)),
    };
    let mut total = Report::default();
    for seed in first..first.saturating_add(count) {
        match run(seed, Plan::default()) {
            Ok(report) => total.add(&report),
            Err(broken) => {
                let again = format!("{broken}\nreplay: cargo xtask sim --seed {seed}");
                return say(&again, ExitCode::FAILURE);
            }
        }
    }
    say(&format!("sim: {count} seeds from {first}: {total}; no promise broken"), ExitCode::SUCCESS)
}

fn seeds(args: &[String]) -> Result<(u64, u64), String> {
    let (mut first, mut count) = (None, None);
    let mut words = args.iter();
    while let Some(word) = words.next() {
        let place = match word.as_str() {
            "--seed" => &mut first,
            "--seeds" => &mut count,
            other => return Err(format!("unknown word `{other}`; --seed N, --seeds M")),
        };
        let number = words.next().and_then(|text| text.parse().ok());
        *place = Some(number.ok_or_else(|| format!("`{word}` needs a number"))?);
    }
    // A seed alone is a replay.
    let one = if first.is_some() { 1 } else { SEEDS };
    Ok((first.unwrap_or(0), count.unwrap_or(one)))
}

fn say(words: &str, code: ExitCode) -> ExitCode {
    // A reader that went away does not change what was found.
    let _ = writeln!(std::io::stdout().lock(), "{words}");
    code
}
