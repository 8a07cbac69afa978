//! Every figure that `/metrics` shows: name, kind, unit, labels, meaning.
//!
//! Promises: what is registered is a row of this table and nothing else, so that the page `docs/reference/metrics.md`, which
//! is made of it, is the whole truth; a scrape of a running server is compared with it. Refuses labels whose values a
//! client chooses: their number would be unbounded, and `/metrics` wants no credential, so that no name of a tenant or a
//! producer may stand there.

/// What all names begin with.
pub(crate) const PREFIX: &str = "indelible";

/// How a figure moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Only up, from zero at the start of the process. Its name ends with `_total`.
    Counter,
    /// Up and down, read when it is asked for.
    Gauge,
    /// Counts by upper bound, with their sum.
    Histogram,
}

/// One figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row {
    /// Its name as it is scraped.
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// In what it is measured; `1` for a plain number.
    pub(crate) unit: &'static str,
    /// Each label with what it can hold.
    pub(crate) labels: &'static [(&'static str, &'static str)],
    /// What it says.
    pub(crate) meaning: &'static str,
}

impl Row {
    /// The name as the registry takes it: without the prefix, and without the end that it gives to counters.
    pub(super) fn registered(&self) -> &'static str {
        let bare = self.name.strip_prefix(PREFIX).unwrap_or(self.name).trim_start_matches('_');
        match self.kind {
            Kind::Counter => bare.strip_suffix("_total").unwrap_or(bare),
            Kind::Gauge | Kind::Histogram => bare,
        }
    }
}

/// A row of a counter.
const fn counter(
    name: &'static str,
    labels: &'static [(&'static str, &'static str)],
    meaning: &'static str,
) -> Row {
    Row { name, kind: Kind::Counter, unit: "1", labels, meaning }
}

/// A row of a gauge without labels.
const fn gauge(name: &'static str, unit: &'static str, meaning: &'static str) -> Row {
    Row { name, kind: Kind::Gauge, unit, labels: &[], meaning }
}

/// A row of a histogram of seconds.
const fn seconds(
    name: &'static str,
    labels: &'static [(&'static str, &'static str)],
    meaning: &'static str,
) -> Row {
    Row { name, kind: Kind::Histogram, unit: "seconds", labels, meaning }
}

/// By which way events came; today there is one.
const PROTOCOL: (&str, &str) = ("protocol", "`http`");

pub(super) const INGEST_EVENTS: Row = counter(
    "indelible_ingest_events_total",
    &[PROTOCOL, ("outcome", "`committed`, `duplicate`, `conflict`, `rejected`, `dead_lettered`")],
    "events received, by what became of them",
);
pub(super) const INGEST_BYTES: Row = Row {
    unit: "bytes",
    ..counter("indelible_ingest_bytes_total", &[PROTOCOL], "bytes of request bodies, decompressed")
};
pub(super) const INGEST_DURATION: Row = seconds(
    "indelible_ingest_duration_seconds",
    &[],
    "time from the headers of a request with events to its answer, whatever the answer is",
);
pub(super) const INGEST_IN_FLIGHT: Row =
    gauge("indelible_ingest_in_flight_bytes", "bytes", "bytes of requests in memory");
pub(super) const DEDUP_HITS: Row = counter(
    "indelible_dedup_hits_total",
    &[],
    "events that were there already, with the same claims; nothing was stored for them",
);
pub(super) const DEAD_LETTERS: Row = counter(
    "indelible_dlq_events_total",
    &[("reason", "the code of `docs/reference/errors.md`")],
    "events that were kept as dead letters since the start",
);
pub(super) const GAPS: Row = counter(
    "indelible_producer_gap_events_total",
    &[],
    "numbers of streams that producers declared lost since the start",
);
pub(super) const WAL_SIZE: Row =
    gauge("indelible_wal_size_bytes", "bytes", "bytes of the files of the write-ahead log");
pub(super) const WAL_FILES: Row = gauge("indelible_wal_files", "1", "files of the write-ahead log");
pub(super) const WAL_FSYNC: Row = seconds(
    "indelible_wal_fsync_duration_seconds",
    &[],
    "time of one sync of the write-ahead log; no event is acknowledged before its own ends",
);
pub(super) const WAL_FRAMES: Row =
    counter("indelible_wal_frames_total", &[], "frames made durable");
pub(super) const WAL_WRITTEN: Row = Row {
    unit: "bytes",
    ..counter("indelible_wal_written_bytes_total", &[], "bytes of frames made durable")
};
pub(super) const RECORDS: Row =
    counter("indelible_ledger_records_total", &[], "records appended since the start");
pub(super) const TREE_SIZE: Row =
    gauge("indelible_tree_size", "1", "records of all tenants, since the store was made");
pub(super) const STREAMS: Row = gauge("indelible_ledger_streams", "1", "streams in memory");
pub(super) const IDLE_STREAMS: Row =
    gauge("indelible_ledger_idle_streams", "1", "streams in files of idle ones");
pub(super) const PUT_OFF: Row = counter(
    "indelible_ledger_put_off_total",
    &[],
    "packs, snapshots and checkpoints that were put off because the disk is full",
);
pub(super) const POISONED: Row =
    gauge("indelible_ledger_poisoned", "1", "1 after a disk fault: the process is about to end");
pub(super) const CHECKPOINT_AT: Row = gauge(
    "indelible_checkpoint_last_success_timestamp_seconds",
    "seconds",
    "when the newest checkpoint of every tenant was last on disk, in seconds since 1970; 0 before the first time",
);
pub(super) const UNSEALED_AGE: Row = gauge(
    "indelible_unsealed_oldest_age_seconds",
    "seconds",
    "how long, at most, a record has been waiting for a checkpoint on disk that covers it; 0 if none waits",
);
pub(super) const INDEX_LAG: Row = gauge(
    "indelible_index_lag_seconds",
    "seconds",
    "age of the committed records that are being made queryable; 0 if none are",
);
pub(super) const HOT_BYTES: Row =
    gauge("indelible_lake_hot_bytes", "bytes", "bytes of rows that are not archived");
pub(super) const HOT_MAX: Row = gauge(
    "indelible_lake_hot_max_bytes",
    "bytes",
    "bytes at which intake is held back: `[lake] hot_bytes_max`",
);
pub(super) const FREE_BYTES: Row = gauge(
    "indelible_data_free_bytes",
    "bytes",
    "bytes that are free on the file system of the data directory",
);
pub(super) const QUERY_DURATION: Row = seconds(
    "indelible_query_duration_seconds",
    &[("kind", "`sql`, `search`, `histogram`, `suggest`")],
    "time from a question to its answer or refusal, the wait for its turn included",
);
pub(super) const POLICY_DECISIONS: Row = counter(
    "indelible_policy_decisions_total",
    &[("decision", "`allowed`, `denied`")],
    "requests with a good credential, by whether they may do what they ask",
);
pub(super) const VERIFY_FAILURES: Row = counter(
    "indelible_verify_failures_total",
    &[],
    "stored bytes that turned out not to be what was written, while they were read, archived or merged; anything above 0 is an alarm",
);
pub(super) const HTTP_ANSWERS: Row = counter(
    "indelible_http_answers_total",
    &[("class", "`1xx` to `5xx`")],
    "answers by class of status",
);
pub(super) const LOG_MESSAGES: Row = counter(
    "indelible_log_messages_total",
    &[("id", "the ids of `docs/reference/logs.md`, and `unlisted`")],
    "warnings and errors in the server's own log, as far as they are logged",
);
pub(super) const BUILD_INFO: Row = Row {
    labels: &[("version", "the version"), ("commit", "the commit it was built from, or `unknown`")],
    ..gauge("indelible_build_info", "1", "always 1")
};

/// All of them, by subject.
pub(crate) const TABLE: &[Row] = &[
    INGEST_EVENTS,
    INGEST_BYTES,
    INGEST_DURATION,
    INGEST_IN_FLIGHT,
    DEDUP_HITS,
    DEAD_LETTERS,
    GAPS,
    WAL_SIZE,
    WAL_FILES,
    WAL_FSYNC,
    WAL_FRAMES,
    WAL_WRITTEN,
    RECORDS,
    TREE_SIZE,
    STREAMS,
    IDLE_STREAMS,
    PUT_OFF,
    POISONED,
    CHECKPOINT_AT,
    UNSEALED_AGE,
    INDEX_LAG,
    HOT_BYTES,
    HOT_MAX,
    FREE_BYTES,
    QUERY_DURATION,
    POLICY_DECISIONS,
    VERIFY_FAILURES,
    HTTP_ANSWERS,
    LOG_MESSAGES,
    BUILD_INFO,
];
