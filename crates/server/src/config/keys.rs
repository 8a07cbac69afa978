//! The table of keys: the one place that says what can be set. Reading, checking, `config init`, `config schema` and
//! `docs/operate/configuration.md` are all made of it.
//!
//! Promises: a key stands here once, with its type, range, unit, default, meaning and whether it may change while the
//! server runs. A number's unit is the last word of its name. Refuses switches: a word says what is chosen.

use std::path::PathBuf;

use event::ids::StoreName;

use super::{Config, Plaintext};

/// One key.
#[derive(Debug)]
pub(crate) struct Key {
    /// Its dotted name, `table.key`.
    pub(crate) name: &'static str,
    /// What it takes.
    pub(crate) kind: Kind,
    /// When a new value counts.
    pub(crate) change: Change,
    /// The flag of `serve` that sets it, too.
    pub(crate) flag: Option<&'static str>,
    /// What it is for: a sentence without its full stop.
    pub(crate) meaning: &'static str,
}

/// When a new value counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// At once, after SIGHUP.
    Live,
    /// At the next start.
    Restart,
}

/// What a key takes.
#[derive(Debug)]
pub(crate) enum Kind {
    /// A whole number.
    Number(Number),
    /// A text.
    Text(Text),
}

/// A whole number within a range.
#[derive(Debug)]
pub(crate) struct Number {
    /// The least and the most.
    pub(crate) range: (u64, u64),
    /// What is counted.
    pub(crate) unit: Unit,
    /// The value when nothing sets it.
    pub(crate) default: u64,
    /// Where it goes.
    pub(super) field: fn(&mut Config) -> &mut u64,
}

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Bytes.
    Bytes,
    /// Milliseconds.
    Milliseconds,
    /// Rows.
    Rows,
    /// Connections.
    Connections,
}

/// A text of a known shape.
#[derive(Debug)]
pub(crate) struct Text {
    /// What it must look like.
    pub(crate) shape: Shape,
    /// The value when nothing sets it, or what happens then.
    pub(crate) default: Unset,
    /// Where it goes.
    pub(super) set: fn(&mut Config, &str),
}

/// What holds when nothing sets a text.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Unset {
    /// This value.
    Value(&'static str),
    /// What is done without a value, in words, and a value as an example.
    Words {
        /// What is done without.
        words: &'static str,
        /// A value for the file that `config init` writes.
        example: &'static str,
    },
}

/// What a text must look like.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    /// A path.
    Path,
    /// `host:port`.
    Address,
    /// A level, or levels per target.
    Filter,
    /// A store's name.
    StoreName,
    /// One of these words.
    Choice(&'static [&'static str]),
}

/// What is not a key yet: refused with the reason.
#[derive(Debug)]
pub(crate) struct Reserved {
    /// A key, or a table with everything below it.
    pub(crate) name: &'static str,
    /// The flag that is refused with it.
    pub(crate) flag: Option<&'static str>,
    /// Why it is refused.
    pub(crate) reason: &'static str,
    /// What to do instead.
    pub(crate) instead: &'static str,
}

/// Names that the security work will use.
pub(crate) const RESERVED: &[Reserved] = &[
    Reserved {
        name: "server.tls",
        flag: Some("--tls"),
        reason: "is reserved for the security work: this version has no TLS",
        instead: "leave it out, listen on 127.0.0.1 or ::1, and put a proxy with TLS before it for other machines",
    },
    Reserved {
        name: "server.behind_proxy",
        flag: None,
        reason: "is reserved for the security work: this version believes no proxy's headers",
        instead: "leave it out; a proxy may stand before the server, and the address on record is then the proxy's",
    },
];

/// Keys, present or reserved, whose value is a secret: only a reference to it may stand in a file.
pub(crate) const SECRETS: &[&str] = &["server.tls.key"];

/// The words of `server.plaintext`: the second says what is accepted.
pub(super) const PLAINTEXT: &[&str] = &["loopback-only", "readable-by-the-network"];

/// A number's row of the table.
const fn number(name: &'static str, number: Number, change: Change, meaning: &'static str) -> Key {
    Key { name, kind: Kind::Number(number), change, flag: None, meaning }
}

/// A text's row of the table.
const fn text(
    (name, flag): (&'static str, Option<&'static str>),
    text: Text,
    change: Change,
    meaning: &'static str,
) -> Key {
    Key { name, kind: Kind::Text(text), change, flag, meaning }
}

/// Every key, in the order of the documentation.
pub(crate) const KEYS: &[Key] = &[
    text(
        ("server.data_dir", Some("--data-dir")),
        Text {
            shape: Shape::Path,
            default: Unset::Value("./indelible-data"),
            set: |c, value| c.data_dir = PathBuf::from(value),
        },
        Change::Restart,
        "data directory",
    ),
    text(
        ("server.key_dir", Some("--key-dir")),
        Text {
            shape: Shape::Path,
            default: Unset::Words {
                words: "`INDELIBLE_KEY_DIR`, else the state directory",
                example: "/var/lib/indelible/keys",
            },
            set: |c, value| c.key_dir = Some(PathBuf::from(value)),
        },
        Change::Restart,
        "folder of all stores' keys, outside the data directory",
    ),
    text(
        ("server.listen", Some("--listen")),
        Text {
            shape: Shape::Address,
            default: Unset::Value("127.0.0.1:7070"),
            set: |c, value| value.clone_into(&mut c.listen),
        },
        Change::Restart,
        "address to listen on; port 0 takes a free one",
    ),
    text(
        ("server.plaintext", None),
        Text {
            shape: Shape::Choice(PLAINTEXT),
            default: Unset::Value("loopback-only"),
            set: |c, value| c.plaintext = Plaintext::of(value),
        },
        Change::Restart,
        "who may be spoken to without TLS: only this machine, or any address, whoever reads tokens and events on the way",
    ),
    number(
        "server.drain_timeout_ms",
        Number {
            range: (0, 20_000),
            unit: Unit::Milliseconds,
            default: 10_000,
            field: |c| &mut c.drain_timeout_ms,
        },
        Change::Live,
        "how long requests in flight may take once the server stops",
    ),
    number(
        "server.bytes_in_flight_max",
        Number {
            range: (20 << 20, 1 << 40),
            unit: Unit::Bytes,
            default: 96 << 20,
            field: |c| &mut c.bytes_in_flight_max,
        },
        Change::Restart,
        "requests in memory at once; above it requests wait 2 s, then 503 `busy`",
    ),
    number(
        "server.header_timeout_ms",
        Number {
            range: (1, 3_600_000),
            unit: Unit::Milliseconds,
            default: 10_000,
            field: |c| &mut c.header_timeout_ms,
        },
        Change::Restart,
        "how long a client may take to send a request's headers",
    ),
    number(
        "server.body_timeout_ms",
        Number {
            range: (1, 3_600_000),
            unit: Unit::Milliseconds,
            default: 30_000,
            field: |c| &mut c.body_timeout_ms,
        },
        Change::Live,
        "how long a client may take to send a request's body; then 408",
    ),
    number(
        "server.connections_max",
        Number {
            range: (1, 1 << 20),
            unit: Unit::Connections,
            default: 1_024,
            field: |c| &mut c.connections_max,
        },
        Change::Restart,
        "connections at once; more wait in the operating system's queue",
    ),
    text(
        ("telemetry.log", Some("--log")),
        Text {
            shape: Shape::Filter,
            default: Unset::Value("info"),
            set: |c, value| value.clone_into(&mut c.log),
        },
        Change::Live,
        "what is logged on stderr: a level (off, error, warn, info, debug, trace), or levels per target",
    ),
    text(
        ("telemetry.log_format", Some("--log-format")),
        Text {
            shape: Shape::Choice(&["logfmt", "json"]),
            default: Unset::Value("logfmt"),
            set: |c, value| value.clone_into(&mut c.log_format),
        },
        Change::Restart,
        "how it is logged; what is said is in `docs/reference/logs.md`",
    ),
    text(
        ("ledger.store_name", None),
        Text {
            shape: Shape::StoreName,
            default: Unset::Words { words: "drawn at random", example: "audit-prod" },
            set: |c, value| c.store_name = StoreName::parse(value).ok(),
        },
        Change::Restart,
        "the store's name; only read when a new store is made",
    ),
    number(
        "ledger.wal_file_bytes",
        Number {
            range: (64 << 10, 1 << 32),
            unit: Unit::Bytes,
            default: 64 << 20,
            field: |c| &mut c.wal_file_bytes,
        },
        Change::Restart,
        "one file of the write-ahead log",
    ),
    number(
        "ledger.wal_bytes_max",
        Number {
            range: (1 << 20, 1 << 44),
            unit: Unit::Bytes,
            default: 2 << 30,
            field: |c| &mut c.wal_bytes_max,
        },
        Change::Live,
        "write-ahead log at which rows are archived, so that its oldest files can go",
    ),
    number(
        "lake.hot_bytes_max",
        Number {
            range: (1 << 10, 1 << 44),
            unit: Unit::Bytes,
            default: 160 << 20,
            field: |c| &mut c.hot_bytes_max,
        },
        Change::Restart,
        "rows that are not archived; a full budget answers 429 `hot_full`",
    ),
    number(
        "lake.flush_rows_max",
        Number {
            range: (1, 131_072),
            unit: Unit::Rows,
            default: 131_072,
            field: |c| &mut c.flush_rows_max,
        },
        Change::Restart,
        "rows of a tenant at which they are archived as one segment; also the most that a segment holds",
    ),
    number(
        "lake.flush_bytes_max",
        Number {
            range: (1 << 10, 48 << 20),
            unit: Unit::Bytes,
            default: 48 << 20,
            field: |c| &mut c.flush_bytes_max,
        },
        Change::Restart,
        "a tenant's rows at which they are archived",
    ),
    number(
        "lake.flush_after_ms",
        Number {
            range: (1, 86_400_000),
            unit: Unit::Milliseconds,
            default: 600_000,
            field: |c| &mut c.flush_after_ms,
        },
        Change::Live,
        "age at which `flush_rows_min` rows or more are archived",
    ),
    number(
        "lake.flush_rows_min",
        Number {
            range: (1, 131_072),
            unit: Unit::Rows,
            default: 1_000,
            field: |c| &mut c.flush_rows_min,
        },
        Change::Live,
        "fewer rows wait for `flush_small_after_ms`",
    ),
    number(
        "lake.flush_small_after_ms",
        Number {
            range: (1, 604_800_000),
            unit: Unit::Milliseconds,
            default: 86_400_000,
            field: |c| &mut c.flush_small_after_ms,
        },
        Change::Live,
        "age at which any number of rows is archived",
    ),
    number(
        "lake.cache_bytes_max",
        Number {
            range: (1 << 20, 1 << 40),
            unit: Unit::Bytes,
            default: 64 << 20,
            field: |c| &mut c.cache_bytes_max,
        },
        Change::Restart,
        "footers, filters and indexes of segments that stay in memory",
    ),
    number(
        "query.rows_max",
        Number {
            range: (1, 1 << 40),
            unit: Unit::Rows,
            default: 1_000_000,
            field: |c| &mut c.query_rows_max,
        },
        Change::Live,
        "rows of one answer",
    ),
    number(
        "query.bytes_max",
        Number {
            range: (1 << 10, 1 << 40),
            unit: Unit::Bytes,
            default: 256 << 20,
            field: |c| &mut c.query_bytes_max,
        },
        Change::Live,
        "one answer",
    ),
    number(
        "query.timeout_ms",
        Number {
            range: (1, 3_600_000),
            unit: Unit::Milliseconds,
            default: 30_000,
            field: |c| &mut c.query_timeout_ms,
        },
        Change::Live,
        "how long a statement may run",
    ),
    number(
        "query.memory_bytes_max",
        Number {
            range: (1 << 20, 1 << 40),
            unit: Unit::Bytes,
            default: 64 << 20,
            field: |c| &mut c.query_memory_bytes_max,
        },
        Change::Live,
        "memory of one statement, beside what it spills",
    ),
    number(
        "query.tail_slow_ms",
        Number {
            range: (1, 3_600_000),
            unit: Unit::Milliseconds,
            default: 10_000,
            field: |c| &mut c.tail_slow_ms,
        },
        Change::Live,
        "how long a tail waits for a client that takes nothing before it is cut",
    ),
];

impl Unit {
    /// In words, many of it.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Unit::Bytes => "bytes",
            Unit::Milliseconds => "milliseconds",
            Unit::Rows => "rows",
            Unit::Connections => "connections",
        }
    }
}

impl Key {
    /// The key of this name.
    pub(crate) fn named(name: &str) -> Option<&'static Key> {
        KEYS.iter().find(|key| key.name == name)
    }

    /// Its table and its name in there.
    pub(crate) fn split(&self) -> (&'static str, &'static str) {
        self.name.rsplit_once('.').unwrap_or(("", self.name))
    }
}

impl Reserved {
    /// The reserved name that `name` is, or is below.
    pub(crate) fn of(name: &str) -> Option<&'static Reserved> {
        let is_below = |reserved: &&Reserved| {
            let rest = name.strip_prefix(reserved.name);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        RESERVED.iter().find(is_below)
    }
}
