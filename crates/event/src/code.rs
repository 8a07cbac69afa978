//! The one table of error codes: what a refusal is called, its status, whether to try again, and what to do.
//!
//! Promises: a code's text is never changed or re-used; every refusal that leaves the process, of an item or of a
//! request, carries one of these. Refuses to hold sentences about one input: what is special to it stands in
//! `Rejection::hint`. `docs/reference/errors.md` is made from this table by `cargo xtask gen`.

use std::fmt;

/// Defines the enum, its texts and its properties from one list.
macro_rules! codes {
    ($($(#[$doc:meta])+ $variant:ident = $text:literal, $status:literal, $retry:ident, $hint:literal;)+) => {
        /// A stable error code. As text it is one snake_case word group.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $($(#[$doc])+ $variant,)+
        }

        impl Code {
            /// Every code, in the order of the table.
            pub const ALL: &'static [Code] = &[$(Code::$variant),+];

            /// The code as it is sent.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$variant => $text,)+ }
            }

            /// The HTTP status of an answer that carries the code alone.
            #[must_use]
            pub fn status(self) -> u16 {
                match self { $(Code::$variant => $status,)+ }
            }

            /// Whether the same request can succeed later without a change.
            #[must_use]
            pub fn retryable(self) -> bool {
                match self { $(Code::$variant => Retry::$retry == Retry::Later,)+ }
            }

            /// What to do about it, one sentence.
            #[must_use]
            pub fn hint(self) -> &'static str {
                match self { $(Code::$variant => $hint,)+ }
            }
        }
    };
}

/// Whether to try again.
#[derive(PartialEq, Eq)]
enum Retry {
    Later,
    Never,
}

codes! {
    /// The bytes are not JSON (RFC 8259), or begin with a byte order mark, or go on after the value.
    MalformedJson = "malformed_json", 400, Never, "send JSON as RFC 8259 has it, without a byte order mark and with nothing after the value";
    /// The bytes are not UTF-8.
    NotUtf8 = "not_utf8", 400, Never, "send UTF-8";
    /// A text has half of a surrogate pair as an escape.
    LoneSurrogate = "lone_surrogate", 422, Never, "escape a character beyond U+FFFF as both halves of its surrogate pair, or send it as UTF-8";
    /// An object has a key twice.
    DuplicateKey = "duplicate_key", 422, Never, "send each key of an object once";
    /// Arrays and objects are nested too deeply.
    TooDeep = "too_deep", 422, Never, "nest an event at most 16 deep and `attrs` at most 8 deep; put the source record into `original.text`";
    /// A text, an id or a number is too long.
    TooLong = "too_long", 422, Never, "shorten the value: texts have at most 64 KiB, ids 256 bytes, actions 128 characters, numbers 64 characters";
    /// An event or a request has too many bytes.
    TooLarge = "too_large", 413, Never, "an event has at most 256 KiB, a request 16 MiB: split the request, or pipe it through `indelible send -`";
    /// A list, `attrs` or a request has too many elements.
    TooManyItems = "too_many_items", 413, Never, "a request has at most 10000 events, `targets` 64, `on_behalf_of` 8, `attrs` 64 keys: split the request, or pipe it through `indelible send -`";
    /// A value has another JSON type than its place asks for.
    WrongType = "wrong_type", 422, Never, "send the type that the field asks for; numbers and booleans are only allowed in `attrs` and in `old` and `new` of `changes`";
    /// A required member is missing.
    MissingField = "missing_field", 422, Never, "add the field";
    /// A member has no place in an event.
    UnknownField = "unknown_field", 422, Never, "put what has no field of its own into `attrs`";
    /// A value breaks the grammar or the enumeration of its place.
    InvalidValue = "invalid_value", 422, Never, "send a value that the field allows";
    /// A member that only the server writes was sent.
    StampedField = "stamped_field", 422, Never, "leave the field out: the server writes it";
    /// The tenant has no schema of this name and version.
    SchemaUnknown = "schema_unknown", 422, Never, "register the schema, or leave `schema` out";
    /// The schema name is one that only the server may use.
    SchemaReserved = "schema_reserved", 422, Never, "names that begin with `indelible.` are reserved: leave `schema` out or use a name of your own";
    /// A processing step failed on the event.
    StepFailed = "step_failed", 422, Never, "the event is kept as a dead letter: mend the step and replay it";
    /// The number in the stream was taken by an event with other claims.
    SeqConflict = "seq_conflict", 409, Never, "another event already has this number: draw a new instance if the spool was lost";
    /// The id was taken by an event with other claims.
    IdConflict = "id_conflict", 409, Never, "another event already has this id: draw a new one";
    /// The request begins above the stream's next number.
    SequenceGap = "sequence_gap", 409, Later, "send from the expected number on, or declare the missing ones lost";
    /// A header or parameter of the request is wrong.
    InvalidRequest = "invalid_request", 400, Never, "correct the header or parameter that the detail names";
    /// The body is of a type that is not read here.
    UnsupportedMediaType = "unsupported_media_type", 415, Never, "send `application/json` or `application/x-ndjson`";
    /// The body is compressed in a way that is not read here.
    UnsupportedEncoding = "unsupported_encoding", 415, Never, "send the body as it is, or compress it with gzip or zstd";
    /// There is no credential, or it is not a good one.
    Unauthorized = "unauthorized", 401, Never, "send `Authorization: Bearer <token>` with a token that `indelible key create` printed";
    /// The credential does not allow this.
    Forbidden = "forbidden", 403, Never, "use a credential of this tenant with the scope that the detail names";
    /// There is no such thing, or the caller may not know of it.
    NotFound = "not_found", 404, Never, "check the id and the tenant of the credential";
    /// The path is there, but not with this method.
    MethodNotAllowed = "method_not_allowed", 405, Never, "use the method that `Allow` names";
    /// What was to be created is there already.
    AlreadyExists = "already_exists", 409, Never, "names are never re-used: take another";
    /// The body did not arrive in time.
    RequestTimeout = "request_timeout", 408, Later, "send the body faster, or in smaller requests";
    /// The caller sends more than it may.
    RateLimited = "rate_limited", 429, Later, "wait as long as `Retry-After` says";
    /// The budget of bytes in flight is used up.
    Busy = "busy", 503, Later, "wait as long as `Retry-After` says, with fewer requests at once";
    /// The rows that are not archived fill their budget.
    HotFull = "hot_full", 429, Later, "wait as long as `Retry-After` says; `[lake] hot_bytes_max` raises the budget";
    /// There are as many streams as the ledger keeps.
    StreamsFull = "streams_full", 429, Later, "keep one instance per spool instead of drawing a new one per run";
    /// The clock of the server cannot be believed.
    ClockUnsane = "clock_unsane", 503, Later, "set the server's clock, or start it with `--accept-clock`";
    /// The disk of the server is full.
    DiskFull = "disk_full", 503, Later, "free space on the server's disk";
    /// The disk of the server failed; the process stops.
    DiskFault = "disk_fault", 503, Later, "the server stops itself after a disk fault and recovers at its next start";
    /// The server is replaying its log.
    Recovering = "recovering", 503, Later, "wait as long as `Retry-After` says";
    /// The server is stopping.
    Stopping = "stopping", 503, Later, "send again to the server that takes over";
    /// The statement cannot be read or planned.
    QueryInvalid = "query_invalid", 400, Never, "correct the statement where the detail points";
    /// The statement does what a query may not do.
    QueryNotAllowed = "query_not_allowed", 403, Never, "send one read-only statement over the tables of your tenant, with listed functions";
    /// The answer is larger or slower than a query may be.
    QueryLimit = "query_limit", 422, Never, "ask for fewer rows, columns or days";
    /// A bug: the server broke a promise to itself.
    Internal = "internal", 500, Later, "report it with the request id";
}

impl Code {
    /// The code that `text` is; `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Code> {
        Code::ALL.iter().copied().find(|code| code.as_str() == text)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests;
