//! Acknowledged ingest beside PostgreSQL: each round runs every scenario once, ours and the rival's
//! in turn, on fresh stores; the figures are those of the run of median rate.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::clock;
use crate::load::{self, Load, Shape};
use crate::postgres::{Copy, Postgres};
use crate::report::{self, Latencies, Run, Scenario};
use crate::server::{self, Running};

const CONNECTIONS: usize = 8;
const SINGLES: usize = 64;
const BATCH: usize = 500;
/// 200,000 events in batches, 32,000 singles and 60,000 with receipts: a round stays below 400,000.
const REQUESTS: usize = 50;
const SINGLE_REQUESTS: usize = 500;
const RECEIPT_REQUESTS: usize = 15;
/// The rival's: as many in batches, fewer singles, since they take longer.
const WRITERS: usize = 4;
const COMMITS: usize = 100;
const INSERTS: usize = 200;
const ROUNDS_MAX: usize = 20;
const DURABLE: &str = "fdatasync before the answer";

/// What to run.
#[derive(Debug)]
struct Plan {
    rounds: usize,
    server: Option<PathBuf>,
    folder: PathBuf,
    ours: Wanted,
    rival: Wanted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Yes,
    No,
}

/// Runs the scenario; the answer is the report.
pub(crate) fn run(args: &[String]) -> Result<Vec<u8>, String> {
    let plan = plan(args)?;
    rounds(&plan).map(String::into_bytes).map_err(|error| error.to_string())
}

fn plan(args: &[String]) -> Result<Plan, String> {
    let folder = std::env::temp_dir();
    let mut plan = Plan { rounds: 3, server: None, folder, ours: Wanted::Yes, rival: Wanted::Yes };
    let mut words = args.iter();
    while let Some(word) = words.next() {
        let value = words.next().ok_or_else(|| format!("{word} needs a value"))?;
        match word.as_str() {
            "--rounds" => plan.rounds = value.parse().map_err(|_| "--rounds takes a number")?,
            "--server" => plan.server = Some(value.into()),
            "--dir" => plan.folder = value.into(),
            "--only" if value == "ours" => plan.rival = Wanted::No,
            "--only" if value == "rival" => plan.ours = Wanted::No,
            _ => return Err(format!("unknown option {word} {value}")),
        }
    }
    if plan.rounds == 0 || plan.rounds > ROUNDS_MAX {
        return Err(format!("--rounds is from 1 to {ROUNDS_MAX}"));
    }
    Ok(plan)
}

fn rounds(plan: &Plan) -> io::Result<String> {
    let folder = plan.folder.join(format!("indelible-bench-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let outcome = measured(plan, &folder);
    fs::remove_dir_all(&folder)?;
    outcome
}

fn measured(plan: &Plan, folder: &Path) -> io::Result<String> {
    let mut scenarios = scenarios();
    for round in 1..=plan.rounds {
        say(&format!("round {round} of {}", plan.rounds));
        let seed = u64::try_from(round).unwrap_or(0);
        if plan.rival == Wanted::Yes {
            rival(folder, seed, &mut scenarios)?;
        }
        if plan.ours == Wanted::Yes {
            let binary = server::binary(plan.server.as_deref())?;
            ours(&binary, &folder.join(format!("round-{round}")), seed, &mut scenarios)?;
        }
    }
    let sync = syncs(folder)?;
    scenarios.retain(|scenario| !scenario.runs.is_empty());
    Ok(report::text(&scenarios, sync))
}

fn scenarios() -> Vec<Scenario> {
    let scenario = |name, batch, connections, rival| Scenario {
        name,
        batch,
        connections,
        durable: DURABLE,
        rival,
        runs: Vec::new(),
    };
    vec![
        scenario("postgres_copy", BATCH, WRITERS, None),
        scenario("postgres_single", 1, SINGLES, None),
        scenario("batches", BATCH, CONNECTIONS, Some("postgres_copy")),
        scenario("singles", 1, SINGLES, Some("postgres_single")),
        scenario("receipts_at_half_load", BATCH, CONNECTIONS, None),
    ]
}

fn add(scenarios: &mut [Scenario], name: &str, run: Run) {
    say(&format!("  {name}: {:.0} events/s", run.rate()));
    if let Some(scenario) = scenarios.iter_mut().find(|scenario| scenario.name == name) {
        scenario.runs.push(run);
    }
}

fn rival(folder: &Path, seed: u64, scenarios: &mut [Scenario]) -> io::Result<()> {
    let postgres = Postgres::start(folder)?;
    let copy = Copy { seed, writers: WRITERS, commits: COMMITS, batch: BATCH };
    add(scenarios, "postgres_copy", postgres.copy(&copy)?);
    add(scenarios, "postgres_single", postgres.inserts(SINGLES, INSERTS)?);
    drop(postgres);
    fs::remove_dir_all(folder.join("postgres"))
}

fn ours(binary: &Path, folder: &Path, seed: u64, scenarios: &mut [Scenario]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let running = Running::start(binary, folder)?;
    let batches = Load {
        seed: seed * 10,
        connections: CONNECTIONS,
        requests: REQUESTS,
        batch: BATCH,
        shape: Shape::Stream,
    };
    let full = load::run(&running.server, &batches)?;
    let half = half_pace(full.rate());
    add(scenarios, "batches", full);
    let singles = Load {
        seed: seed * 10 + 1,
        connections: SINGLES,
        requests: SINGLE_REQUESTS,
        batch: 1,
        shape: Shape::Single,
    };
    add(scenarios, "singles", load::run(&running.server, &singles)?);
    let receipts = Load {
        seed: seed * 10 + 2,
        requests: RECEIPT_REQUESTS,
        shape: Shape::Receipts(half),
        ..batches
    };
    add(scenarios, "receipts_at_half_load", load::run(&running.server, &receipts)?);
    running.stop()?;
    fs::remove_dir_all(folder)
}

/// How often each connection sends a batch for half the rate in all.
fn half_pace(rate: f64) -> Duration {
    let batch_events = f64::from(u32::try_from(BATCH * CONNECTIONS).unwrap_or(u32::MAX));
    Duration::from_secs_f64(batch_events / (rate / 2.0))
}

/// Median and 99th percentile of a 4 KiB write and `fdatasync` in the same folder, in ms.
fn syncs(folder: &Path) -> io::Result<(f64, f64)> {
    const COUNT: usize = 400;
    let mut file = fs::File::create(folder.join("sync"))?;
    let mut latencies = Latencies::default();
    for _ in 0..COUNT {
        let began = clock::now();
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        latencies.push(began.elapsed());
    }
    let percentile = |percent| latencies.percentile_ms(percent).unwrap_or_default();
    Ok((percentile(50), percentile(99)))
}

fn say(words: &str) {
    // Progress only; a closed standard error changes nothing.
    let _ = writeln!(io::stderr().lock(), "{words}");
}
