//! What tables there are, what their columns mean, and how a column is made of a row.
//!
//! Rows keep claims and stamps apart and write no default out (see `lake::rows`); a table shows one
//! column for both. The meanings here are what `DESCRIBE` answers and what `docs/formats/rows.md`
//! says. A table never shows a record of another: `events` has events only.

mod render; // stored columns to shown ones

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray as _, BooleanArray, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit, UInt8Type};
use arrow::error::ArrowError;
use event::system::SystemKind;
use lake::rows::RecordKind;
use policy::Field as Named;
pub(crate) use render::actor_ref_of as actor_ref;

use crate::streams;

/// A table.
#[derive(Debug)]
pub(crate) struct Table {
    /// Its name in statements.
    pub(crate) name: &'static str,
    /// Its columns in order.
    pub(crate) columns: &'static [Column],
    shows: fn(RecordKind) -> bool,
}

/// A column.
#[derive(Debug)]
pub(crate) struct Column {
    /// Its name in statements.
    pub(crate) name: &'static str,
    /// What it means, one sentence without a full stop.
    pub(crate) meaning: &'static str,
    source: Source,
}

/// What a column is made of; names are those of `lake::rows`.
#[derive(Debug, Clone, Copy)]
enum Source {
    /// A stored column as it is.
    Stored(&'static str),
    /// A stored text, or this one where there is none.
    Default(&'static str, &'static str),
    /// The first stored text that is there.
    Either(&'static str, &'static str),
    /// Sixteen stored bytes as a UUID.
    Uuid(&'static str),
    /// Sixteen stored bytes as hexadecimal digits.
    Hex(&'static str),
    /// The time it happened, or else when it was received.
    Occurred,
    /// A member of the first target.
    FirstTarget(&'static str),
    /// Whom the actor is known as.
    ActorRef,
    /// The kind of system record.
    Kind,
    /// A count of rows, or what they were counted by.
    Counted,
    /// Something that the ledger says of a stream.
    Stream,
    /// A text among the attributes.
    Attribute(&'static str),
    /// A count among the attributes.
    Count(&'static str),
}

/// The table of this name.
pub(crate) fn named(name: &str) -> Option<&'static Table> {
    TABLES.iter().find(|table| table.name == name)
}

/// The names of all tables.
pub(crate) fn names() -> Vec<&'static str> {
    TABLES.iter().map(|table| table.name).collect()
}

/// Every table.
pub(crate) static TABLES: [Table; 6] = [
    Table { name: "events", columns: EVENTS, shows: |kind| kind == RecordKind::Event },
    Table { name: "events_by_hour", columns: BY_HOUR, shows: |kind| kind == RecordKind::Event },
    Table {
        name: "access_log",
        columns: ACCESS_LOG,
        shows: |kind| kind == RecordKind::System(SystemKind::Access),
    },
    Table {
        name: "dead_letters",
        columns: DEAD_LETTERS,
        shows: |kind| kind == RecordKind::System(SystemKind::DeadLetter),
    },
    Table {
        name: "system_log",
        columns: SYSTEM_LOG,
        shows: |kind| {
            let elsewhere = [SystemKind::DeadLetter, SystemKind::Access];
            matches!(kind, RecordKind::System(kind) if !elsewhere.contains(&kind))
        },
    },
    Table { name: "producers", columns: PRODUCERS, shows: |_| false },
];

const fn column(name: &'static str, source: Source, meaning: &'static str) -> Column {
    Column { name, meaning, source }
}

const EVENTS: &[Column] = &[
    column("id", Source::Uuid("id"), "the event's id, sent by the producer or given by the server"),
    column("index", Source::Stored("index"), "position in the tenant's ledger, from 0"),
    column(
        "received_at",
        Source::Stored("received_at"),
        "when the ledger took it in; never decreases along index",
    ),
    column(
        "occurred_at",
        Source::Occurred,
        "when it happened as the producer says; received_at where it does not say (occurred_offset_min is null then)",
    ),
    column(
        "occurred_offset_min",
        Source::Stored("occurred_offset_min"),
        "offset of occurred_at from UTC in minutes as sent",
    ),
    column("action", Source::Stored("action"), "what was done, dotted: invoice.approve"),
    column(
        "kind",
        Source::Either("kind", "kind_inferred"),
        "create read update delete execute login logout grant revoke config other; inferred from the action where not sent",
    ),
    column(
        "outcome",
        Source::Default("outcome", "unknown"),
        "success failure denied partial unknown; unknown where not sent",
    ),
    column("outcome_code", Source::Stored("outcome_code"), "the producer's code for the outcome"),
    column("reason", Source::Stored("reason"), "the producer's reason for the outcome"),
    column("severity", Source::Stored("severity"), "info notice warning error critical"),
    column("delivery", Source::Stored("delivery"), "must_commit spool best_effort"),
    column("actor_id", Source::Stored("actor_id"), "who did it"),
    column(
        "actor_kind",
        Source::Default("actor_kind", "unknown"),
        "human service agent device system anonymous unknown; unknown where not sent",
    ),
    column("actor_name", Source::Stored("actor_name"), "the actor's name"),
    column("actor_email", Source::Stored("actor_email"), "the actor's e-mail address"),
    column(
        "actor_ref",
        Source::ActorRef,
        "user/<id> for a person, <kind>/<id> for any other actor",
    ),
    column(
        "on_behalf_of",
        Source::Stored("on_behalf_of"),
        "for whom it was done, nearest first: a JSON array of actors",
    ),
    column("target_type", Source::FirstTarget("type"), "type of the first target"),
    column("target_id", Source::FirstTarget("id"), "id of the first target"),
    column(
        "targets",
        Source::Stored("targets"),
        "all targets: type, id, name, parent, owner; ask with has_target(type, id)",
    ),
    column("service", Source::Stored("service"), "the service it came from, as claimed"),
    column("host", Source::Stored("host"), "the host it came from, as claimed"),
    column("ip_claimed", Source::Stored("ip_claimed"), "the address it came from, as claimed"),
    column("ip_peer", Source::Stored("ip_peer"), "the address that the server saw"),
    column("user_agent", Source::Stored("user_agent"), "the user agent, as claimed"),
    column("country", Source::Stored("country"), "the country of the address, found by the server"),
    column("session_id", Source::Stored("session_id"), "the session it belongs to"),
    column("request_id", Source::Stored("request_id"), "the request it belongs to"),
    column("trace_id", Source::Stored("trace_id"), "the W3C trace it belongs to"),
    column("operation_id", Source::Stored("operation_id"), "the operation it belongs to"),
    column("decision", Source::Stored("decision"), "the access decision behind it: a JSON object"),
    column("producer", Source::Stored("producer"), "who sent it, from the credential"),
    column("instance", Source::Hex("instance"), "the stream's instance; null outside a stream"),
    column("seq", Source::Stored("seq"), "the number in the stream; null outside a stream"),
    column("schema", Source::Default("schema", "indelible.event@1"), "the schema it obeys"),
    column("changes", Source::Stored("changes"), "what changed, before and after: a JSON array"),
    column("attrs", Source::Stored("attrs"), "everything else the producer said: a JSON object"),
    column("original", Source::Stored("original"), "the untouched source record of an import"),
];

/// The columns of `events_by_hour`.
pub(crate) const BY_HOUR: &[Column] = &[
    column("hour", Source::Counted, "the hour of occurred_at, in UTC"),
    column("action", Source::Counted, "as in events"),
    column("outcome", Source::Counted, "as in events"),
    column("kind", Source::Counted, "as in events"),
    column("n", Source::Counted, "how many events there are; ask with sum(n)"),
];

const DEAD_LETTERS: &[Column] = &[
    column("id", Source::Uuid("id"), "the record's id"),
    column("index", Source::Stored("index"), "position in the tenant's ledger, from 0"),
    column("received_at", Source::Stored("received_at"), "when the ledger took it in"),
    column("producer", Source::Stored("producer"), "who sent the item"),
    column("instance", Source::Hex("instance"), "the stream's instance; null outside a stream"),
    column("seq", Source::Stored("seq"), "the number in the stream; null outside a stream"),
    column("code", Source::Stored("code"), "why it was not accepted"),
    column("field", Source::Stored("field"), "the JSON pointer that it is about"),
    column("original", Source::Stored("original"), "the item as sent"),
];

/// What `server::audit` writes of a read. A `read.begin` says who asks what before they get it, a `read.more` allows more of
/// the same read, a `read.end` says what left.
const ACCESS_LOG: &[Column] = &[
    column("id", Source::Uuid("id"), "the record's id"),
    column("index", Source::Stored("index"), "position in the tenant's ledger, from 0"),
    column("received_at", Source::Stored("received_at"), "when the ledger took it in"),
    column("act", Source::Attribute("act"), "read.begin read.more read.end"),
    column(
        "begin_index",
        Source::Count("begin_index"),
        "of read.more and read.end: the index of the read.begin",
    ),
    column("credential", Source::Attribute("credential"), "the look-up part of the key that asked"),
    column("producer", Source::Stored("producer"), "the producer that the key names"),
    column("policy", Source::Attribute("policy"), "the rules that decided"),
    column("surface", Source::Attribute("surface"), "through which door it was asked"),
    column("purpose", Source::Attribute("purpose"), "what the caller said that it is for"),
    column("question", Source::Attribute("question"), "what was asked, without its literals"),
    column("literals", Source::Stored("original"), "the literals in order: a JSON array"),
    column("row_count", Source::Count("row_count"), "rows allowed; in read.end, rows that left"),
    column(
        "byte_count",
        Source::Count("byte_count"),
        "bytes allowed; in read.end, bytes that left",
    ),
    column("reads", Source::Count("reads"), "how often it was asked within the minute"),
    column("failed", Source::Count("failed"), "how many of these got an error"),
    column("cut", Source::Count("cut"), "how many of these did not wait for the whole answer"),
    column("duration_ms", Source::Count("duration_ms"), "how long the longest of these took"),
    column("outcome", Source::Stored("outcome"), "of read.end: success failure partial"),
];

const SYSTEM_LOG: &[Column] = &[
    column("id", Source::Uuid("id"), "the record's id"),
    column("index", Source::Stored("index"), "position in the tenant's ledger, from 0"),
    column("received_at", Source::Stored("received_at"), "when the ledger took it in"),
    column("kind", Source::Kind, "refused gap loss erasure retention key policy accounting system"),
    column("action", Source::Stored("action"), "ledger.<kind>"),
    column("reason", Source::Stored("reason"), "why"),
    column("producer", Source::Stored("producer"), "the producer that it is about"),
    column("instance", Source::Hex("instance"), "the stream that it is about"),
    column("seq", Source::Stored("seq"), "the number in the stream that it is about"),
    column("code", Source::Stored("code"), "of a refusal: why"),
    column("field", Source::Stored("field"), "of a refusal: the JSON pointer that it is about"),
    column("attrs", Source::Stored("attrs"), "the rest: a JSON object"),
];

const PRODUCERS: &[Column] = &[
    column("producer", Source::Stream, "who sends it, from the credential"),
    column("instance", Source::Stream, "which of the producer's streams it is"),
    column(
        "next_seq",
        Source::Stream,
        "the number that is accepted next; each below it is a record or part of a declared gap",
    ),
    column("last_seen", Source::Stream, "when its last record was received"),
    column(
        "last_index",
        Source::Stream,
        "index of its last record; null once that has left the log for the archive",
    ),
    column(
        "gaps_in_log",
        Source::Stream,
        "declared gaps whose record is still in the log; system_log has all, of kind gap",
    ),
];

impl Table {
    /// Whether it shows counts of rows instead of rows.
    pub(crate) fn is_counted(&self) -> bool {
        self.columns.iter().all(|column| matches!(column.source, Source::Counted))
    }

    /// Whether it shows streams of the ledger's instead of rows.
    pub(crate) fn is_streams(&self) -> bool {
        self.columns.iter().all(|column| matches!(column.source, Source::Stream))
    }

    /// The Arrow schema of all columns.
    pub(crate) fn schema(&self) -> SchemaRef {
        let columns: Vec<&'static Column> = self.columns.iter().collect();
        Self::schema_of(&columns)
    }

    /// The Arrow schema of some columns.
    pub(crate) fn schema_of(columns: &[&'static Column]) -> SchemaRef {
        let fields: Vec<Field> = columns.iter().map(|column| column.field()).collect();
        Arc::new(Schema::new(fields))
    }

    /// Which of the stored rows belong to this table; `None` is all of them.
    pub(crate) fn members(&self, stored: &RecordBatch) -> Result<Option<BooleanArray>, ArrowError> {
        let kinds = stored.column_by_name(lake::rows::RECORD);
        let kinds = kinds.and_then(|column| column.as_primitive_opt::<UInt8Type>());
        let Some(kinds) = kinds else {
            return Err(ArrowError::SchemaError("rows name their record kind".into()));
        };
        let shows = |code: &u8| RecordKind::from_code(*code).is_some_and(self.shows);
        if kinds.values().iter().all(shows) {
            return Ok(None);
        }
        Ok(Some(kinds.values().iter().map(|code| Some(shows(code))).collect()))
    }

    /// The shown columns of stored rows.
    pub(crate) fn render(
        columns: &[&'static Column],
        schema: &SchemaRef,
        rows: &RecordBatch,
    ) -> Result<RecordBatch, ArrowError> {
        let rendered: Result<Vec<_>, _> =
            columns.iter().map(|column| render::column(column.source, rows)).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        RecordBatch::try_new_with_options(Arc::clone(schema), rendered?, &options)
    }
}

/// The numbers of the records that a table shows.
pub(crate) fn kinds(name: &str) -> Vec<u8> {
    let Some(table) = named(name) else { return Vec::new() };
    let shows = |code: &u8| RecordKind::from_code(*code).is_some_and(table.shows);
    (0..=u8::MAX).filter(shows).collect()
}

/// The stored columns that a field is made of.
pub(crate) fn stored(field: Named) -> Vec<&'static str> {
    column_of(field).map(Column::stored).unwrap_or_default()
}

/// The values of a field in stored rows, as `events` shows them.
pub(crate) fn value_of(field: Named, rows: &RecordBatch) -> Result<ArrayRef, ArrowError> {
    let missing = || ArrowError::SchemaError(format!("no column shows {field}"));
    render::column(column_of(field).ok_or_else(missing)?.source, rows)
}

fn column_of(field: Named) -> Option<&'static Column> {
    EVENTS.iter().find(|column| column.name == field.as_str())
}

impl Column {
    /// The stored columns that it is made of.
    pub(crate) fn stored(&self) -> Vec<&'static str> {
        match self.source {
            Source::Stored(name)
            | Source::Default(name, _)
            | Source::Uuid(name)
            | Source::Hex(name) => vec![name],
            Source::Either(first, second) => vec![first, second],
            Source::Occurred => vec![lake::rows::OCCURRED_AT, lake::rows::RECEIVED_AT],
            Source::FirstTarget(_) => vec![lake::rows::TARGETS],
            Source::ActorRef => vec!["actor_id", "actor_kind"],
            Source::Kind => vec![lake::rows::RECORD],
            Source::Counted | Source::Stream => Vec::new(),
            Source::Attribute(_) | Source::Count(_) => vec!["attrs"],
        }
    }

    /// Whether scans can be bounded by it: see [`lake::scan::Bounds`]. Nothing masks such a column.
    pub(crate) fn is_bound(&self) -> bool {
        use lake::rows::{INDEX, RECEIVED_AT};
        matches!(self.source, Source::Stored(INDEX | RECEIVED_AT) | Source::Occurred)
    }

    fn counted(&self) -> Field {
        let hour = DataType::Timestamp(TimeUnit::Nanosecond, Some(lake::rows::UTC.into()));
        match self.name {
            "hour" => Field::new(self.name, hour, false),
            "n" => Field::new(self.name, DataType::UInt64, false),
            _ => Field::new(self.name, DataType::Utf8, true),
        }
    }

    /// Name, type and whether it can be null.
    pub(crate) fn field(&self) -> Field {
        let stored = lake::rows::schema();
        let of = |name: &str| stored.field_with_name(name).ok().cloned();
        match self.source {
            Source::Stored(name) => match of(name) {
                Some(field) => field.with_name(self.name),
                None => Field::new(self.name, DataType::Null, true),
            },
            Source::Counted => self.counted(),
            Source::Stream => streams::field(self.name),
            Source::Occurred => {
                let time = of(lake::rows::RECEIVED_AT).map(|field| field.data_type().clone());
                Field::new(self.name, time.unwrap_or(DataType::Null), false)
            }
            Source::Default(..) | Source::Uuid(_) | Source::Kind => {
                Field::new(self.name, DataType::Utf8, false)
            }
            Source::Either(..)
            | Source::Hex(_)
            | Source::FirstTarget(_)
            | Source::ActorRef
            | Source::Attribute(_) => Field::new(self.name, DataType::Utf8, true),
            Source::Count(_) => Field::new(self.name, DataType::UInt64, true),
        }
    }
}
