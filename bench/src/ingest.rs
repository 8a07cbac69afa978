//! Acknowledged ingest beside PostgreSQL: each round runs every scenario once, ours and the rival's
//! in turn, on fresh stores; the figures are those of the run of median rate.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::load::{self, Load, Shape};
use crate::machine;
use crate::postgres::{Copy, Postgres};
use crate::report::{self, Run, Scenario, say};
use crate::server::{self, Running};

const CONNECTIONS: usize = 8;
const SINGLES: usize = 64;
const BATCH: usize = 500;
/// 160,000 events in batches, 32,000 singles and 100,000 with receipts: a round stays below 400,000
/// and within the default hot budget.
const REQUESTS: usize = 40;
const SINGLE_REQUESTS: usize = 500;
const RECEIPT_REQUESTS: usize = 25;
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
    /// One scenario, `ours`, `rival`, or all.
    only: Option<String>,
}

impl Plan {
    fn wants(&self, name: &str, side: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == name || only == side)
    }

    fn wants_rival(&self) -> bool {
        RIVALS.iter().any(|name| self.wants(name, "rival"))
    }

    fn wants_ours(&self) -> bool {
        OURS.iter().any(|name| self.wants(name, "ours"))
    }
}

const RIVALS: [&str; 2] = ["postgres_copy", "postgres_single"];
const OURS: [&str; 3] = ["batches", "singles", "receipts_at_half_load"];
/// The rate whose half is the pace of receipts where no batches were run before.
const ASSUMED_RATE: f64 = 200_000.0;

/// Runs the scenario; the answer is the report.
pub(crate) fn run(args: &[String]) -> Result<Vec<u8>, String> {
    let plan = plan(args)?;
    rounds(&plan).map(String::into_bytes).map_err(|error| error.to_string())
}

fn plan(args: &[String]) -> Result<Plan, String> {
    let folder = std::env::temp_dir();
    let mut plan = Plan { rounds: 3, server: None, folder, only: None };
    let mut words = args.iter();
    while let Some(word) = words.next() {
        let value = words.next().ok_or_else(|| format!("{word} needs a value"))?;
        match word.as_str() {
            "--rounds" => plan.rounds = value.parse().map_err(|_| "--rounds takes a number")?,
            "--server" => plan.server = Some(value.into()),
            "--dir" => plan.folder = value.into(),
            "--only" => plan.only = Some(value.clone()),
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
        if plan.wants_rival() {
            rival(plan, folder, seed, &mut scenarios)?;
        }
        if plan.wants_ours() {
            ours(plan, &folder.join(format!("round-{round}")), seed, &mut scenarios)?;
        }
    }
    let sync = machine::syncs(folder)?;
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

fn rival(plan: &Plan, folder: &Path, seed: u64, scenarios: &mut [Scenario]) -> io::Result<()> {
    let [copies, singles] = RIVALS;
    let postgres = Postgres::start(folder)?;
    if plan.wants(copies, "rival") {
        let (writers, commits, pause) = (WRITERS, COMMITS, Duration::ZERO);
        let copy = Copy { seed, from: 0, writers, commits, batch: BATCH, pause };
        add(scenarios, copies, postgres.copy(&copy)?);
    }
    if plan.wants(singles, "rival") {
        add(scenarios, singles, postgres.inserts(SINGLES, INSERTS)?);
    }
    drop(postgres);
    fs::remove_dir_all(folder.join("postgres"))
}

fn ours(plan: &Plan, folder: &Path, seed: u64, scenarios: &mut [Scenario]) -> io::Result<()> {
    let [batches, singles, receipts] = OURS;
    fs::create_dir_all(folder)?;
    let running = Running::start(&server::binary(plan.server.as_deref())?, folder)?;
    let mut measure = |name: &str, load: Load| {
        let run = load::run(&running.server, &load)?;
        let rate = run.rate();
        add(scenarios, name, run);
        io::Result::Ok(rate)
    };
    let whole = Load {
        seed: seed * 10,
        from: 0,
        connections: CONNECTIONS,
        requests: REQUESTS,
        batch: BATCH,
        shape: Shape::Stream,
    };
    let mut rate = ASSUMED_RATE;
    if plan.wants(batches, "ours") {
        rate = measure(batches, whole)?;
    }
    if plan.wants(singles, "ours") {
        let (connections, requests, batch) = (SINGLES, SINGLE_REQUESTS, 1);
        let (seed, shape) = (seed * 10 + 1, Shape::Single);
        measure(singles, Load { seed, from: 0, connections, requests, batch, shape })?;
    }
    if plan.wants(receipts, "ours") {
        let (seed, shape) = (seed * 10 + 2, Shape::Receipts(half_pace(rate)));
        measure(receipts, Load { seed, requests: RECEIPT_REQUESTS, shape, ..whole })?;
    }
    running.stop()?;
    fs::remove_dir_all(folder)
}

/// How often each connection sends a batch for half the rate in all.
fn half_pace(rate: f64) -> Duration {
    let batch_events = f64::from(u32::try_from(BATCH * CONNECTIONS).unwrap_or(u32::MAX));
    Duration::from_secs_f64(batch_events / (rate / 2.0))
}
