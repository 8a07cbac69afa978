//! The server's own figures, in the Prometheus text format.
//!
//! Promises: every name is in this file, begins with `indelible_` and ends with its unit. Refuses labels whose values a
//! client chooses: their number would be unbounded.

use std::fmt;

use pipeline::verdict::Counts;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The verdict of an item.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct VerdictLabel {
    verdict: &'static str,
}

/// The first digit of an HTTP status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
enum Class {
    Ok,
    ClientError,
    ServerError,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ClassLabel {
    class: Class,
}

/// Figures that count up, and those that are read when asked for.
pub(crate) struct Metrics {
    registry: Registry,
    items: Family<VerdictLabel, Counter>,
    answers: Family<ClassLabel, Counter>,
    body_bytes: Counter,
    queries: Counter,
    gauges: Gauges,
}

/// Figures that are read when asked for.
#[derive(Default)]
struct Gauges {
    hot_bytes: Gauge,
    bytes_in_flight: Gauge,
    wal_frames: Gauge,
    wal_bytes: Gauge,
    records: Gauge,
    streams: Gauge,
    idle_streams: Gauge,
    poisoned: Gauge,
}

/// What the gauges are set to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading {
    /// Bytes of hot rows and rooms.
    pub(crate) hot_bytes: u64,
    /// Bytes of requests in memory.
    pub(crate) bytes_in_flight: u64,
    /// The ledger's own figures.
    pub(crate) ledger: ledger::Stats,
}

impl Metrics {
    /// All figures at zero.
    pub(crate) fn new() -> Metrics {
        let mut registry = Registry::with_prefix("indelible");
        let (items, answers) = (Family::default(), Family::default());
        let (body_bytes, queries) = (Counter::default(), Counter::default());
        let gauges = Gauges::default();
        registry.register("ingest_items", "items by verdict", Family::clone(&items));
        registry.register("http_answers", "answers by class of status", Family::clone(&answers));
        registry.register(
            "ingest_body_bytes",
            "bytes of request bodies, decompressed",
            body_bytes.clone(),
        );
        registry.register("queries", "SQL statements run", queries.clone());
        registry.register("lake_hot_bytes", "bytes of rows not archived", gauges.hot_bytes.clone());
        let in_flight = gauges.bytes_in_flight.clone();
        registry.register("ingest_in_flight_bytes", "bytes of requests in memory", in_flight);
        registry.register(
            "ledger_frames",
            "frames made durable since the start",
            gauges.wal_frames.clone(),
        );
        registry.register("ledger_frame_bytes", "bytes of these frames", gauges.wal_bytes.clone());
        registry.register(
            "ledger_records",
            "records appended since the start",
            gauges.records.clone(),
        );
        registry.register("ledger_streams", "streams in memory", gauges.streams.clone());
        let idle = gauges.idle_streams.clone();
        registry.register("ledger_idle_streams", "streams in files of idle ones", idle);
        registry.register("ledger_poisoned", "1 after a disk fault", gauges.poisoned.clone());
        Metrics { registry, items, answers, body_bytes, queries, gauges }
    }

    /// Counts the items of one request.
    pub(crate) fn items(&self, counts: Counts, body_bytes: usize) {
        let by_verdict = [
            ("committed", counts.committed),
            ("duplicate", counts.duplicate),
            ("conflict", counts.conflict),
            ("rejected", counts.rejected),
            ("dead_lettered", counts.dead_lettered),
        ];
        for (verdict, count) in by_verdict.into_iter().filter(|(_, count)| *count > 0) {
            self.items.get_or_create(&VerdictLabel { verdict }).inc_by(count);
        }
        self.body_bytes.inc_by(u64::try_from(body_bytes).unwrap_or(u64::MAX));
    }

    /// Counts an answer.
    pub(crate) fn answer(&self, status: u16) {
        let class = match status {
            0..400 => Class::Ok,
            400..500 => Class::ClientError,
            _ => Class::ServerError,
        };
        self.answers.get_or_create(&ClassLabel { class }).inc();
    }

    /// Counts a statement.
    pub(crate) fn query(&self) {
        self.queries.inc();
    }

    /// All figures as text.
    pub(crate) fn text(&self, reading: Reading) -> Result<String, fmt::Error> {
        let set = |gauge: &Gauge, value: u64| {
            gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        };
        set(&self.gauges.hot_bytes, reading.hot_bytes);
        set(&self.gauges.bytes_in_flight, reading.bytes_in_flight);
        set(&self.gauges.wal_frames, reading.ledger.frames);
        set(&self.gauges.wal_bytes, reading.ledger.bytes);
        set(&self.gauges.records, reading.ledger.records);
        set(&self.gauges.streams, reading.ledger.streams);
        set(&self.gauges.idle_streams, reading.ledger.idle_streams);
        set(&self.gauges.poisoned, reading.ledger.poisoned);
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics(..)")
    }
}
