//! The server's own figures: counted here, read at every scrape.
//!
//! Promises: every name is a row of [`table::TABLE`]; every series is there from the start, at zero, so that a rate can be
//! worked out from the first event on. Refuses to be a place where handlers look something up: figures go out, not in.

pub(crate) mod table; // every figure there is
pub(crate) mod text; // the forms of a scrape

use std::fmt;
use std::sync::atomic::Ordering;

use event::code::Code;
use pipeline::verdict::{Counts, ItemResult, Verdict};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry};

use crate::logs::Said;
use table::Row;
use text::Form;

/// Upper bounds of durations: half a millisecond is a fast disk, half a minute is when most things are given up.
const BOUNDS_S: [f64; 15] =
    [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0];
/// The way that events come.
const HTTP: &str = "http";
/// The codes that a dead letter can have.
const DEAD: [Code; 2] = [Code::SchemaUnknown, Code::StepFailed];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    protocol: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Protocol {
    protocol: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindOfQuery {
    kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Decision {
    decision: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Class {
    class: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Build {
    version: &'static str,
    commit: &'static str,
}

/// What was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// A statement.
    Sql,
    /// A page of a search.
    Search,
    /// Counts over time.
    Histogram,
    /// Values to complete a search with.
    Suggest,
}

impl Asked {
    const ALL: [Asked; 4] = [Asked::Sql, Asked::Search, Asked::Histogram, Asked::Suggest];

    fn label(self) -> KindOfQuery {
        let kind = match self {
            Asked::Sql => "sql",
            Asked::Search => "search",
            Asked::Histogram => "histogram",
            Asked::Suggest => "suggest",
        };
        KindOfQuery { kind }
    }
}

/// What the policy said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decided {
    /// They may.
    Allowed,
    /// They may not.
    Denied,
}

/// All figures.
pub(crate) struct Metrics {
    registry: Registry,
    outcomes: Family<Outcome, Counter>,
    body_bytes: Family<Protocol, Counter>,
    ingest: Histogram,
    dedup_hits: Counter,
    dead_letters: Family<Reason, Counter>,
    gaps: Counter,
    syncs: Histogram,
    queries: Family<KindOfQuery, Histogram, fn() -> Histogram>,
    decisions: Family<Decision, Counter>,
    damage: Counter,
    answers: Family<Class, Counter>,
    read: Read,
}

/// Figures that are set when they are asked for.
#[derive(Default)]
struct Read {
    hot_bytes: Gauge,
    hot_max: Gauge,
    in_flight: Gauge,
    free_bytes: Gauge,
    index_lag: Gauge<f64, std::sync::atomic::AtomicU64>,
    unsealed_age: Gauge<f64, std::sync::atomic::AtomicU64>,
    checkpoint_at: Gauge<f64, std::sync::atomic::AtomicU64>,
    tree_size: Gauge,
    wal_size: Gauge,
    wal_files: Gauge,
    wal_frames: Counter,
    wal_written: Counter,
    records: Counter,
    streams: Gauge,
    idle_streams: Gauge,
    put_off: Counter,
    poisoned: Gauge,
}

/// What they are set to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading {
    /// Bytes of hot rows and rooms.
    pub(crate) hot_bytes: u64,
    /// At how many intake is held back.
    pub(crate) hot_max_bytes: u64,
    /// Bytes of requests in memory.
    pub(crate) in_flight_bytes: u64,
    /// Bytes that are free on the disk, if it says so.
    pub(crate) free_bytes: Option<u64>,
    /// Age of what is being made queryable.
    pub(crate) index_lag_ns: u64,
    /// Records of all tenants.
    pub(crate) tree_size: u64,
    /// The wall clock.
    pub(crate) now_ns: u64,
    /// The ledger's own figures.
    pub(crate) ledger: ledger::Stats,
}

/// The registry, which takes rows of the table alone.
struct Rows(Registry);

impl Rows {
    fn add(&mut self, row: &Row, metric: impl Metric) {
        assert!(table::TABLE.contains(row), "every figure is in the table");
        self.0.register(row.registered(), row.meaning, metric);
    }
}

impl Metrics {
    /// All figures at zero.
    pub(crate) fn new(said: &Said) -> Metrics {
        let histogram: fn() -> Histogram = || Histogram::new(BOUNDS_S);
        let metrics = Metrics {
            registry: Registry::default(),
            outcomes: Family::default(),
            body_bytes: Family::default(),
            ingest: histogram(),
            dedup_hits: Counter::default(),
            dead_letters: Family::default(),
            gaps: Counter::default(),
            syncs: histogram(),
            queries: Family::new_with_constructor(histogram),
            decisions: Family::default(),
            damage: Counter::default(),
            answers: Family::default(),
            read: Read::default(),
        };
        metrics.begin_at_zero();
        let mut rows = Rows(Registry::with_prefix(table::PREFIX));
        metrics.register(&mut rows);
        rows.add(&table::LOG_MESSAGES, said.family());
        metrics.read.register(&mut rows);
        Metrics { registry: rows.0, ..metrics }
    }

    /// Makes every series that there will ever be.
    fn begin_at_zero(&self) {
        self.outcomes(Counts::default());
        let _bytes = self.body_bytes.get_or_create_owned(&Protocol { protocol: HTTP });
        for code in DEAD {
            let _letters = self.dead_letters.get_or_create_owned(&Reason { reason: code.as_str() });
        }
        for asked in Asked::ALL {
            let _durations = self.queries.get_or_create_owned(&asked.label());
        }
        for decision in ["allowed", "denied"] {
            let _count = self.decisions.get_or_create_owned(&Decision { decision });
        }
        for class in ["1xx", "2xx", "3xx", "4xx", "5xx"] {
            let _count = self.answers.get_or_create_owned(&Class { class });
        }
    }

    fn register(&self, rows: &mut Rows) {
        rows.add(&table::INGEST_EVENTS, self.outcomes.clone());
        rows.add(&table::INGEST_BYTES, self.body_bytes.clone());
        rows.add(&table::INGEST_DURATION, self.ingest.clone());
        rows.add(&table::DEDUP_HITS, self.dedup_hits.clone());
        rows.add(&table::DEAD_LETTERS, self.dead_letters.clone());
        rows.add(&table::GAPS, self.gaps.clone());
        rows.add(&table::WAL_FSYNC, self.syncs.clone());
        rows.add(&table::QUERY_DURATION, self.queries.clone());
        rows.add(&table::POLICY_DECISIONS, self.decisions.clone());
        rows.add(&table::VERIFY_FAILURES, self.damage.clone());
        rows.add(&table::HTTP_ANSWERS, self.answers.clone());
        let build: Family<Build, Gauge> = Family::default();
        let (version, commit) = (crate::built::VERSION, crate::built::COMMIT);
        build.get_or_create_owned(&Build { version, commit }).set(1);
        rows.add(&table::BUILD_INFO, build);
    }

    /// Counts the items of one request.
    pub(crate) fn items(&self, results: &[ItemResult], body_bytes: usize) {
        let counts = Counts::of(results);
        self.outcomes(counts);
        self.dedup_hits.inc_by(counts.duplicate);
        let bytes = self.body_bytes.get_or_create_owned(&Protocol { protocol: HTTP });
        bytes.inc_by(u64::try_from(body_bytes).unwrap_or(u64::MAX));
        let dead = |result: &ItemResult| match result.verdict {
            Verdict::DeadLettered { code, .. } => Some(code.as_str()),
            _ => None,
        };
        for reason in results.iter().filter_map(dead) {
            self.dead_letters.get_or_create_owned(&Reason { reason }).inc();
        }
    }

    fn outcomes(&self, counts: Counts) {
        let by_outcome = [
            ("committed", counts.committed),
            ("duplicate", counts.duplicate),
            ("conflict", counts.conflict),
            ("rejected", counts.rejected),
            ("dead_lettered", counts.dead_lettered),
        ];
        for (outcome, count) in by_outcome {
            let outcome = Outcome { protocol: HTTP, outcome };
            self.outcomes.get_or_create_owned(&outcome).inc_by(count);
        }
    }

    /// Notes how long a request with events took.
    pub(crate) fn ingested(&self, took_ns: u64) {
        self.ingest.observe(seconds(took_ns));
    }

    /// Notes how long a sync of the log took.
    pub(crate) fn synced(&self, took_ns: u64) {
        self.syncs.observe(seconds(took_ns));
    }

    /// Notes how long a question took.
    pub(crate) fn asked(&self, asked: Asked, took_ns: u64) {
        self.queries.get_or_create_owned(&asked.label()).observe(seconds(took_ns));
    }

    /// Counts what the policy said of a request.
    pub(crate) fn decided(&self, decision: Decided) {
        let decision = match decision {
            Decided::Allowed => "allowed",
            Decided::Denied => "denied",
        };
        self.decisions.get_or_create_owned(&Decision { decision }).inc();
    }

    /// Counts numbers that a producer declared lost.
    pub(crate) fn lost(&self, numbers: u64) {
        self.gaps.inc_by(numbers);
    }

    /// Counts stored bytes that are not what was written.
    pub(crate) fn damaged(&self) {
        self.damage.inc();
    }

    /// Counts an answer.
    pub(crate) fn answer(&self, status: u16) {
        let class = match status {
            0..200 => "1xx",
            200..300 => "2xx",
            300..400 => "3xx",
            400..500 => "4xx",
            _ => "5xx",
        };
        self.answers.get_or_create_owned(&Class { class }).inc();
    }

    /// All figures as text.
    pub(crate) fn text(&self, form: Form, reading: &Reading) -> Result<String, fmt::Error> {
        self.read.set(reading);
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        match form {
            Form::OpenMetrics => Ok(text),
            Form::Prometheus => Ok(text::prometheus(&text)),
        }
    }
}

impl Read {
    fn register(&self, rows: &mut Rows) {
        rows.add(&table::INGEST_IN_FLIGHT, self.in_flight.clone());
        rows.add(&table::WAL_SIZE, self.wal_size.clone());
        rows.add(&table::WAL_FILES, self.wal_files.clone());
        rows.add(&table::WAL_FRAMES, self.wal_frames.clone());
        rows.add(&table::WAL_WRITTEN, self.wal_written.clone());
        rows.add(&table::RECORDS, self.records.clone());
        rows.add(&table::TREE_SIZE, self.tree_size.clone());
        rows.add(&table::STREAMS, self.streams.clone());
        rows.add(&table::IDLE_STREAMS, self.idle_streams.clone());
        rows.add(&table::PUT_OFF, self.put_off.clone());
        rows.add(&table::POISONED, self.poisoned.clone());
        rows.add(&table::CHECKPOINT_AT, self.checkpoint_at.clone());
        rows.add(&table::UNSEALED_AGE, self.unsealed_age.clone());
        rows.add(&table::INDEX_LAG, self.index_lag.clone());
        rows.add(&table::HOT_BYTES, self.hot_bytes.clone());
        rows.add(&table::HOT_MAX, self.hot_max.clone());
        rows.add(&table::FREE_BYTES, self.free_bytes.clone());
    }

    fn set(&self, reading: &Reading) {
        let set = |gauge: &Gauge, value: u64| {
            gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        };
        // These are counted elsewhere; a counter here only shows them.
        let show = |counter: &Counter, value: u64| {
            counter.inner().store(value, Ordering::Relaxed);
        };
        let ledger = &reading.ledger;
        set(&self.hot_bytes, reading.hot_bytes);
        set(&self.hot_max, reading.hot_max_bytes);
        set(&self.in_flight, reading.in_flight_bytes);
        set(&self.free_bytes, reading.free_bytes.unwrap_or(0));
        self.index_lag.set(seconds(reading.index_lag_ns));
        self.checkpoint_at.set(seconds(ledger.checkpointed_at_ns));
        let is_waiting = ledger.checkpointed_records < ledger.records;
        let age_ns = reading.now_ns.saturating_sub(ledger.checkpointed_at_ns);
        self.unsealed_age.set(if is_waiting { seconds(age_ns) } else { 0.0 });
        set(&self.tree_size, reading.tree_size);
        set(&self.wal_size, ledger.wal_bytes);
        set(&self.wal_files, ledger.wal_files);
        show(&self.wal_frames, ledger.frames);
        show(&self.wal_written, ledger.bytes);
        show(&self.records, ledger.records);
        set(&self.streams, ledger.streams);
        set(&self.idle_streams, ledger.idle_streams);
        show(&self.put_off, ledger.keep_refused);
        set(&self.poisoned, ledger.poisoned);
    }
}

/// Nanoseconds as the seconds that figures are in.
fn seconds(ns: u64) -> f64 {
    std::time::Duration::from_nanos(ns).as_secs_f64()
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics(..)")
    }
}

#[cfg(test)]
mod tests;
