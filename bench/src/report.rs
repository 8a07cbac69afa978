//! What was measured, as words and as CSV. A figure always stands with its durability and batch size.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::time::Duration;

/// Latencies of one scenario.
#[derive(Debug, Clone, Default)]
pub(crate) struct Latencies(Vec<Duration>);

impl Latencies {
    /// Adds one.
    pub(crate) fn push(&mut self, latency: Duration) {
        self.0.push(latency);
    }

    /// Adds all of another.
    pub(crate) fn append(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    /// Those of the second time, where a list was asked twice in a row.
    pub(crate) fn second_half(&self) -> Self {
        Self(self.0.iter().skip(self.0.len() / 2).copied().collect())
    }

    /// Those of every second question.
    pub(crate) fn every_second(&self) -> Self {
        Self(self.0.iter().skip(1).step_by(2).copied().collect())
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The latency that `percent` of all are at or below, in ms; nothing without any.
    pub(crate) fn percentile_ms(&self, percent: usize) -> Option<f64> {
        self.per_mille_ms(percent * 10)
    }

    /// The latency that so many of a thousand are at or below, in ms; nothing without any.
    pub(crate) fn per_mille_ms(&self, per_mille: usize) -> Option<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() * per_mille).div_ceil(1000).max(1) - 1;
        sorted.get(rank).map(|latency| latency.as_secs_f64() * 1e3)
    }
}

/// One run of one scenario.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) events: usize,
    pub(crate) seconds: f64,
    pub(crate) latencies: Latencies,
}

impl Run {
    /// Events a second.
    pub(crate) fn rate(&self) -> f64 {
        f64::from(u32::try_from(self.events).unwrap_or(u32::MAX)) / self.seconds
    }
}

/// A scenario and its runs.
#[derive(Debug)]
pub(crate) struct Scenario {
    /// Its name in the CSV.
    pub(crate) name: &'static str,
    /// Events a request or commit.
    pub(crate) batch: usize,
    /// Connections or clients.
    pub(crate) connections: usize,
    /// What an acknowledgement means.
    pub(crate) durable: &'static str,
    /// The scenario whose rate this one is compared with.
    pub(crate) rival: Option<&'static str>,
    pub(crate) runs: Vec<Run>,
}

impl Scenario {
    /// The run of median rate.
    fn median(&self) -> Option<&Run> {
        let mut runs: Vec<&Run> = self.runs.iter().collect();
        runs.sort_by(|a, b| a.rate().total_cmp(&b.rate()));
        runs.get(runs.len() / 2).copied()
    }

    /// The median rate.
    pub(crate) fn rate(&self) -> f64 {
        self.median().map_or(0.0, Run::rate)
    }
}

/// The report of a whole session: words for a person, then one CSV line a scenario.
pub(crate) fn text(scenarios: &[Scenario], sync_ms: (f64, f64)) -> String {
    let mut out = String::new();
    let (p50, p99) = sync_ms;
    let _ = writeln!(out, "fdatasync of 4 KiB here: p50 {p50:.2} ms, p99 {p99:.2} ms\n");
    for scenario in scenarios {
        let _ = writeln!(out, "{}", words(scenario, scenarios));
    }
    let _ = writeln!(out, "\n{CSV_HEADER}");
    for scenario in scenarios {
        let _ = writeln!(out, "{}", csv(scenario, scenarios));
    }
    out
}

/// Progress for whoever waits.
pub(crate) fn say(words: &str) {
    // A closed standard error changes nothing.
    let _ = writeln!(io::stderr().lock(), "{words}");
}

const CSV_HEADER: &str =
    "scenario,runs,events,batch,connections,events_per_s,ratio,p50_ms,p99_ms,durable";

fn words(scenario: &Scenario, all: &[Scenario]) -> String {
    let latency = |percent| percentile(scenario, percent).map(|ms| format!("{ms:.2} ms"));
    let latencies = match (latency(50), latency(99)) {
        (Some(p50), Some(p99)) => format!(", p50 {p50}, p99 {p99}"),
        _ => String::new(),
    };
    let ratio = match (ratio(scenario, all), scenario.rival) {
        (Some(ratio), Some(rival)) => format!(", {ratio:.2}x {rival}"),
        _ => String::new(),
    };
    let Scenario { name, batch, connections, durable, .. } = scenario;
    format!(
        "{name}: {:.0} events/s{ratio}{latencies} ({connections} connections, {batch} a batch, {durable})",
        scenario.rate()
    )
}

fn csv(scenario: &Scenario, all: &[Scenario]) -> String {
    let number = |value: Option<f64>| value.map(|value| format!("{value:.2}")).unwrap_or_default();
    let events = scenario.median().map_or(0, |run| run.events);
    let Scenario { name, batch, connections, durable, runs, .. } = scenario;
    format!(
        "{name},{},{events},{batch},{connections},{:.0},{},{},{},{durable}",
        runs.len(),
        scenario.rate(),
        number(ratio(scenario, all)),
        number(percentile(scenario, 50)),
        number(percentile(scenario, 99)),
    )
}

fn percentile(scenario: &Scenario, percent: usize) -> Option<f64> {
    scenario.median().and_then(|run| run.latencies.percentile_ms(percent))
}

fn ratio(scenario: &Scenario, all: &[Scenario]) -> Option<f64> {
    let rival = all.iter().find(|other| Some(other.name) == scenario.rival)?;
    Some(scenario.rate() / rival.rate())
}

#[cfg(test)]
mod tests;
