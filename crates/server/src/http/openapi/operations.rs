//! What each endpoint takes and gives, in the words of the document.
//!
//! Promises: one entry an endpoint, named by it in the list. Refuses to say what holds for all of them: credentials, bodies
//! that cannot be read and a server that is not open are added where the document is made.

use event::code::Code;

/// One endpoint.
#[derive(Debug, Clone, Copy)]
pub(in crate::http) struct Operation {
    /// Its name for generated clients.
    pub(super) id: &'static str,
    pub(super) summary: &'static str,
    /// Beside those in the path.
    pub(super) parameters: &'static [Parameter],
    /// Forms of its body; none if it takes none.
    pub(super) takes: &'static [Content],
    pub(super) answers: &'static [Answer],
    /// Codes beside those that many endpoints share.
    pub(super) refuses: &'static [Code],
}

/// A parameter that may be left out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) place: Place,
    pub(super) meaning: &'static str,
}

/// Where a parameter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Header,
    Query,
}

/// One form of a body.
#[derive(Debug, Clone, Copy)]
pub(super) struct Content {
    pub(super) media: &'static str,
    /// The name of its schema; empty for text that is not JSON.
    pub(super) schema: &'static str,
}

/// What is answered with one status.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) means: &'static str,
    pub(super) gives: &'static [Content],
}

const fn json(schema: &'static str) -> Content {
    Content { media: "application/json", schema }
}

const fn raw(media: &'static str) -> Content {
    Content { media, schema: "" }
}

const fn header(name: &'static str, meaning: &'static str) -> Parameter {
    Parameter { name, place: Place::Header, meaning }
}

const fn done(means: &'static str, gives: &'static [Content]) -> Answer {
    Answer { status: 200, means, gives }
}

/// A refusal.
pub(super) const PROBLEM: Content =
    Content { media: "application/problem+json", schema: "Problem" };
/// A refusal of one item, with the item's result beside the problem's members.
const REFUSED: &[Content] = &[Content { media: "application/problem+json", schema: "RefusedItem" }];

const PURPOSE: Parameter =
    header("Indelible-Purpose", "what the read is for; it goes on record with the question");

/// Refusals of what is asked about events: the read could not be put on record.
const UNREAD: [Code; 3] = [Code::ClockUnsane, Code::DiskFull, Code::DiskFault];

/// The operations by the names that the list of endpoints has for them.
pub(in crate::http) mod list {
    use super::*;

    /// What answers to everything that is left out.
    const PLAIN: Operation =
        Operation { id: "", summary: "", parameters: &[], takes: &[], answers: &[], refuses: &[] };

    pub(in crate::http) const LIVE: Operation = Operation {
        id: "live",
        summary: "Whether the process answers; it looks at nothing else",
        answers: &[done("it does", &[raw("text/plain")])],
        ..PLAIN
    };
    pub(in crate::http) const READY: Operation = Operation {
        id: "ready",
        summary: "Whether an event could be committed now",
        parameters: &[Parameter {
            name: "verbose",
            place: Place::Query,
            meaning: "list every check, as JSON",
        }],
        answers: &[done("it could", &[raw("text/plain"), json("Readiness")])],
        refuses: &[Code::ClockUnsane, Code::DiskFault],
        ..PLAIN
    };
    pub(in crate::http) const METRICS: Operation = Operation {
        id: "metrics",
        summary: "The server's own figures: docs/reference/metrics.md",
        answers: &[done("all of them", &[raw("text/plain"), raw("application/openmetrics-text")])],
        ..PLAIN
    };
    pub(in crate::http) const VERSION: Operation = Operation {
        id: "version",
        summary: "What this server is",
        answers: &[done("its version", &[json("Version")])],
        ..PLAIN
    };
    pub(in crate::http) const OPENAPI: Operation = Operation {
        id: "openapi",
        summary: "This document",
        answers: &[done("the document", &[json("Document")])],
        ..PLAIN
    };
    pub(in crate::http) const SEND: Operation = Operation {
        id: "sendEvents",
        summary: "Commit one event, or many",
        parameters: &[
            header("Indelible-Instance", "the stream that the events are numbers of"),
            header("Indelible-Seq", "the first event's number in the stream"),
            header("Indelible-Mapping", "an importer's mapping, `name/version`"),
            header("Prefer", "`receipt`: one receipt for all that the request makes"),
        ],
        takes: &[json("EventOrEvents"), Content { media: "application/x-ndjson", schema: "" }],
        answers: &[
            done("every event is on disk", &[json("Results")]),
            Answer { status: 207, means: "some are not committed", gives: &[json("Results")] },
            Answer {
                status: 409,
                means: "`id_conflict`, `seq_conflict`, `sequence_gap`",
                gives: REFUSED,
            },
            Answer {
                status: 422,
                means: "the one event breaks the format, or is kept as a dead letter",
                gives: REFUSED,
            },
        ],
        refuses: &[
            Code::MalformedJson,
            Code::TooManyItems,
            Code::UnsupportedMediaType,
            Code::RateLimited,
            Code::HotFull,
            Code::StreamsFull,
            Code::ClockUnsane,
            Code::DiskFull,
            Code::DiskFault,
        ],
    };
    pub(in crate::http) const EVENT: Operation = Operation {
        id: "getEvent",
        summary: "One event by its id, with what the server added",
        parameters: &[PURPOSE],
        answers: &[done("the event", &[json("StoredEvent")])],
        refuses: &UNREAD,
        ..PLAIN
    };
    pub(in crate::http) const PROOF: Operation = Operation {
        id: "getProof",
        summary: "The inclusion proof of an event",
        parameters: &[PURPOSE],
        answers: &[done("the proof", &[json("Proof"), raw("text/plain")])],
        refuses: &UNREAD,
        ..PLAIN
    };
    pub(in crate::http) const RECEIPT: Operation = Operation {
        id: "getReceipt",
        summary: "The receipt of an event",
        parameters: &[PURPOSE],
        answers: &[done("the receipt", &[json("Receipt")])],
        refuses: &UNREAD,
        ..PLAIN
    };
    pub(in crate::http) const QUERY: Operation = Operation {
        id: "query",
        summary: "One read-only SQL statement over the events in view",
        parameters: &[PURPOSE],
        takes: &[json("Statement")],
        answers: &[done(
            "the whole answer",
            &[
                json("Table"),
                raw("application/x-ndjson"),
                raw("text/csv"),
                raw("application/vnd.apache.arrow.stream"),
            ],
        )],
        refuses: &[
            Code::QueryInvalid,
            Code::QueryNotAllowed,
            Code::QueryLimit,
            Code::ClockUnsane,
            Code::DiskFull,
            Code::DiskFault,
        ],
    };
    pub(in crate::http) const SEARCH: Operation = Operation {
        id: "search",
        summary: "Events that match a search, newest first",
        parameters: &[PURPOSE],
        takes: &[json("SearchQuestion")],
        answers: &[done("one page", &[json("Page"), raw("application/x-ndjson")])],
        refuses: SEARCHED,
    };
    pub(in crate::http) const HISTOGRAM: Operation = Operation {
        id: "searchHistogram",
        summary: "How many events match a search, by time",
        parameters: &[PURPOSE],
        takes: &[json("HistogramQuestion")],
        answers: &[done("counts", &[json("Histogram")])],
        refuses: SEARCHED,
    };
    pub(in crate::http) const SUGGEST: Operation = Operation {
        id: "searchSuggest",
        summary: "What may stand at a place of a search",
        parameters: &[PURPOSE],
        takes: &[json("SuggestQuestion")],
        answers: &[done("suggestions", &[json("Suggestions")])],
        refuses: SEARCHED,
    };
    pub(in crate::http) const PARSE: Operation = Operation {
        id: "searchParse",
        summary: "What a search means, as SQL",
        takes: &[json("ParseQuestion")],
        answers: &[done("its meaning", &[json("Meaning")])],
        refuses: &[Code::QueryInvalid, Code::QueryLimit],
        ..PLAIN
    };
    pub(in crate::http) const TAIL: Operation = Operation {
        id: "tail",
        summary: "A URL of events as they come, good once",
        parameters: &[PURPOSE],
        takes: &[json("TailQuestion")],
        answers: &[Answer { status: 201, means: "the URL", gives: &[json("TailUrl")] }],
        refuses: SEARCHED,
    };
    pub(in crate::http) const STREAM: Operation = Operation {
        id: "tailStream",
        summary: "Events as they come",
        parameters: &[header("Last-Event-ID", "the last index that was seen")],
        answers: &[done("server-sent events", &[raw("text/event-stream")])],
        refuses: &[Code::InvalidValue, Code::ClockUnsane, Code::DiskFull, Code::DiskFault],
        ..PLAIN
    };
    pub(in crate::http) const SEGMENTS: Operation = Operation {
        id: "listSegments",
        summary: "What is archived",
        answers: &[done("every segment", &[json("Segments")])],
        ..PLAIN
    };
    pub(in crate::http) const FLUSH: Operation = Operation {
        id: "flushSegments",
        summary: "Archive now what is committed",
        answers: &[done("what was made", &[json("Flushed")])],
        refuses: &[Code::DiskFull],
        ..PLAIN
    };
    pub(in crate::http) const PRODUCERS: Operation = Operation {
        id: "listProducers",
        summary: "Every stream of the tenant",
        parameters: &[PURPOSE],
        answers: &[done("every stream", &[json("Producers")])],
        refuses: &[Code::QueryLimit, Code::ClockUnsane, Code::DiskFull, Code::DiskFault],
        ..PLAIN
    };
    pub(in crate::http) const NUMBER: Operation = Operation {
        id: "getNumber",
        summary: "What became of a number of a stream",
        parameters: &[PURPOSE],
        answers: &[done("its record", &[json("Number")])],
        refuses: &UNREAD,
        ..PLAIN
    };
    pub(in crate::http) const LOST: Operation = Operation {
        id: "declareLost",
        summary: "Declare numbers of a stream lost",
        takes: &[json("Lost")],
        answers: &[done("the record of the gap", &[json("Gap")])],
        refuses: &[
            Code::InvalidValue,
            Code::SeqConflict,
            Code::SequenceGap,
            Code::HotFull,
            Code::StreamsFull,
            Code::ClockUnsane,
            Code::DiskFull,
            Code::DiskFault,
        ],
        ..PLAIN
    };
    pub(in crate::http) const IMPORT_KEY: Operation = Operation {
        id: "getImportKey",
        summary: "The secret that this producer imports under",
        answers: &[done("the key", &[json("ImportKey")])],
        ..PLAIN
    };
    pub(in crate::http) const KNOWN: Operation = Operation {
        id: "knownIds",
        summary: "Which ids this producer has in another stream",
        takes: &[json("KnownQuestion")],
        answers: &[done("one word an id", &[json("Known")])],
        ..PLAIN
    };
    pub(in crate::http) const TENANTS: Operation = Operation {
        id: "listTenants",
        summary: "The tenants that the caller administers",
        answers: &[done("the tenants", &[json("Tenants")])],
        ..PLAIN
    };
    pub(in crate::http) const CREATE_TENANT: Operation = Operation {
        id: "createTenant",
        summary: "Create a tenant",
        takes: &[json("NewTenant")],
        answers: &[Answer { status: 201, means: "the tenant", gives: &[json("Tenant")] }],
        refuses: &[
            Code::InvalidValue,
            Code::AlreadyExists,
            Code::ClockUnsane,
            Code::DiskFull,
            Code::DiskFault,
        ],
        ..PLAIN
    };
    pub(in crate::http) const KEYS: Operation = Operation {
        id: "listKeys",
        summary: "The keys that the caller administers, without their secrets",
        parameters: &[Parameter {
            name: "tenant",
            place: Place::Query,
            meaning: "only keys of this tenant",
        }],
        answers: &[done("the keys", &[json("Keys")])],
        refuses: &[Code::InvalidRequest, Code::InvalidValue],
        ..PLAIN
    };
    pub(in crate::http) const CREATE_KEY: Operation = Operation {
        id: "createKey",
        summary: "Create a key",
        takes: &[json("NewKey")],
        answers: &[Answer {
            status: 201,
            means: "the key with its token, the one time that it is shown",
            gives: &[json("CreatedKey")],
        }],
        refuses: &[
            Code::InvalidValue,
            Code::NotFound,
            Code::ClockUnsane,
            Code::DiskFull,
            Code::DiskFault,
        ],
        ..PLAIN
    };
    pub(in crate::http) const REVOKE_KEY: Operation = Operation {
        id: "revokeKey",
        summary: "End a key; one that has ended stays so",
        answers: &[Answer { status: 204, means: "it has ended", gives: &[] }],
        refuses: &UNREAD,
        ..PLAIN
    };
    pub(in crate::http) const CHECKPOINT: Operation = Operation {
        id: "getCheckpoint",
        summary: "The newest checkpoint of a tenant's log (C2SP tlog-tiles)",
        answers: &[done("a signed note", &[raw("text/plain")])],
        ..PLAIN
    };
    pub(in crate::http) const TILE: Operation = Operation {
        id: "getTile",
        summary: "A tile of a tenant's log (C2SP tlog-tiles); the path has slashes",
        answers: &[done("its bytes", &[raw("application/octet-stream")])],
        ..PLAIN
    };

    /// What every question over events can be refused with.
    const SEARCHED: &[Code] = &[
        Code::QueryInvalid,
        Code::InvalidValue,
        Code::QueryLimit,
        Code::ClockUnsane,
        Code::DiskFull,
        Code::DiskFault,
    ];
}
