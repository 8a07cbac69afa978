//! The JSON of the API, as types: what the server sends and a client reads. Each is a promise (`docs/reference/api.md`).
//!
//! Promises: members that a later server adds are skipped, so that an older client goes on. Refuses to check what the
//! server says: a receipt is verified by `event::receipt`, not here.

use event::code::Code;
use event::ids::EventId;
use serde::{Deserialize, Serialize};

/// The answer to `POST /v1/events`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The tenant whose ledger has the events.
    pub tenant: String,
    /// One result per item of the request, in order.
    pub results: Vec<ItemResult>,
    /// On `Prefer: receipt`: one receipt for every record that the request made; none if it made none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<serde_json::Value>,
}

/// What became of one item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum ItemResult {
    /// Durable as a new record.
    Committed {
        /// The event's id, as sent or drawn for it.
        id: String,
        /// Its position in the ledger.
        index: u64,
        /// `false` if a second sending would not be recognised.
        #[serde(default = "recognised", skip_serializing_if = "is_recognised")]
        dedup: bool,
    },
    /// Durable since an earlier request, with the same claims.
    Duplicate {
        /// The event's id.
        id: String,
        /// Its position in the ledger.
        index: u64,
    },
    /// Its number or id was taken by other claims. Never send it again as it is.
    Conflict {
        /// `seq_conflict` or `id_conflict`.
        code: String,
        /// The position of the record that has it.
        index: u64,
    },
    /// It breaks the format.
    Rejected {
        /// Which rule.
        code: String,
        /// JSON pointer of the member.
        #[serde(default)]
        field: String,
        /// What to do.
        #[serde(default)]
        hint: String,
        /// In a stream: the position of the record that says that it was refused.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        index: Option<u64>,
    },
    /// It obeys the format and fails its schema or a step: kept, no event. Do not send it again.
    DeadLettered {
        /// The event's id.
        id: String,
        /// Its position in the ledger.
        index: u64,
        /// Why.
        code: String,
    },
}

impl ItemResult {
    /// Whether the item is on disk as an event.
    #[must_use]
    pub fn is_stored(&self) -> bool {
        matches!(self, ItemResult::Committed { .. } | ItemResult::Duplicate { .. })
    }
}

/// An RFC 9457 problem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The HTTP status again.
    #[serde(default)]
    pub status: u16,
    /// The stable code; a newer server may send one that this client does not know.
    #[serde(default)]
    pub code: String,
    /// The same for every problem of this code.
    #[serde(default)]
    pub title: String,
    /// What is special to this one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// What to do.
    #[serde(default)]
    pub hint: String,
    /// Whether the same request can succeed later.
    #[serde(default)]
    pub retryable: bool,
    /// With `sequence_gap`: the number that the stream goes on with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<u64>,
}

impl Problem {
    /// One sentence for a person, without a full stop.
    #[must_use]
    pub fn sentence(&self) -> String {
        let what = if self.detail.is_empty() { &self.title } else { &self.detail };
        match (self.code.as_str(), what.as_str()) {
            ("", "") => format!("the server answered {}", self.status),
            (code, "") => format!("the server answered `{code}`"),
            ("", what) => what.to_owned(),
            (code, what) => format!("{what} (`{code}`)"),
        }
    }

    /// What to do: the server's words, else the table's.
    #[must_use]
    pub fn hint(&self) -> String {
        if !self.hint.is_empty() {
            return self.hint.clone();
        }
        Code::parse(&self.code).map_or("see the server's log".to_owned(), |c| c.hint().to_owned())
    }

    /// Whether a request that was answered so may have reached the disk: that is open after a disk fault (the frame is
    /// in doubt) and after a failure that the server did not foresee.
    #[must_use]
    pub fn may_be_stored(&self) -> bool {
        matches!(Code::parse(&self.code), Some(Code::DiskFault | Code::Internal))
    }
}

/// The answer to `POST /v1/query` with `Accept: application/json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QueryAnswer {
    /// The names of the columns, in order.
    pub columns: Vec<String>,
    /// The rows, each with one value per column.
    pub rows: Vec<Vec<serde_json::Value>>,
    /// What the answer is about.
    pub coverage: Coverage,
}

/// The header of a query's answer that carries [`Coverage`] as JSON, since NDJSON, CSV and Arrow have no place for it.
pub const COVERAGE_HEADER: &str = "indelible-coverage";

/// The header of a page of a search as NDJSON that carries the cursor of the next, if there is one.
pub const CURSOR_HEADER: &str = "indelible-cursor";

/// The body of `POST /v1/search`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SearchQuestion {
    /// The search; everything if it is empty.
    #[serde(default)]
    pub q: String,
    /// Only events that happened then or later, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Only events that happened before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Events of a page, at most 1,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// Where to go on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// The body of `POST /v1/tail`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TailQuestion {
    /// The search; everything if it is empty.
    #[serde(default)]
    pub q: String,
    /// Events behind this index, and those that come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
    /// Events that were received within so many milliseconds, and those that come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_ms: Option<u64>,
}

/// The answer to `POST /v1/tail`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TailAnswer {
    /// The path of the stream, good once.
    pub url: String,
    /// The index that it begins at.
    pub from_index: u64,
}

/// The answer to `POST /v1/segments/flush`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flushed {
    /// How many segments were made.
    pub segments: u64,
    /// Of how many rows.
    pub rows: u64,
    /// One past the last index that is archived.
    pub watermark: u64,
}

/// One segment: an element of `{"segments":[...]}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// Its first index.
    pub from_index: u64,
    /// One past its last.
    pub to_index: u64,
    /// How often its rows were merged: 0 or 1.
    pub level: u8,
    /// Bytes of its file.
    pub bytes: u64,
    /// SHA-256 of its file, in hexadecimal digits.
    pub sha256: String,
}

/// The answer to `GET /v1/segments`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segments {
    /// Every segment, by index.
    pub segments: Vec<Segment>,
    /// One past the last index that is archived.
    pub watermark: u64,
}

/// The answer to `GET /v1/events/{id}/proof` with `Accept: application/json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// The event's position in the ledger.
    pub index: u64,
    /// Its entry: 84 lower-case hexadecimal digits, the bytes that the leaf is the hash of.
    pub entry: String,
    /// The inclusion proof, leaf to root, base64.
    pub proof: Vec<String>,
    /// The signed checkpoint that it leads to.
    pub checkpoint: String,
}

/// Which records an answer has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// The first index that was looked at.
    pub from_index: u64,
    /// One past the last.
    pub to_index: u64,
    /// The size of the tree then.
    pub as_of: u64,
    /// Whether every record up to `as_of` was looked at.
    pub complete: bool,
}

/// The body of `POST /v1/tenants`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewTenant {
    /// Its name.
    pub name: String,
}

/// One tenant: the answer to `POST /v1/tenants`, and an element of `{"tenants":[...]}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenant {
    /// Its name.
    pub name: String,
    /// `<store name>/<name>`: the origin of its checkpoints.
    pub origin: String,
    /// How many records its ledger has.
    pub size: u64,
    /// Verifier keys of its checkpoints, current first.
    #[serde(default)]
    pub checkpoint_keys: Vec<String>,
    /// When it was created, RFC 3339.
    #[serde(default)]
    pub created_at: String,
}

/// The answer to `GET /v1/tenants`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenants {
    /// Every tenant that the caller may know of, by name.
    pub tenants: Vec<Tenant>,
}

/// The body of `POST /v1/keys`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewKey {
    /// The tenant that it belongs to.
    pub tenant: String,
    /// The producer that it speaks for; needed for the scope `write`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub producer: Option<String>,
    /// `write`, `read`, `log:read`, `admin`.
    pub scopes: Vec<String>,
}

/// One API key without its secret: an element of `{"keys":[...]}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// The eight characters by which it is found.
    pub lookup: String,
    /// Its tenant.
    pub tenant: String,
    /// Its producer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub producer: Option<String>,
    /// What it may do.
    pub scopes: Vec<String>,
    /// When it was created, RFC 3339.
    #[serde(default)]
    pub created_at: String,
    /// When it was ended, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<String>,
}

/// The answer to `GET /v1/keys`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keys {
    /// Every key that the caller may know of, by creation.
    pub keys: Vec<Key>,
}

/// The answer to `POST /v1/keys`: the one time that the token is shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreatedKey {
    /// The token.
    pub token: String,
    /// The key.
    #[serde(flatten)]
    pub key: Key,
}

impl std::fmt::Debug for CreatedKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CreatedKey").field("key", &self.key).finish_non_exhaustive()
    }
}

/// The answer to `GET /v1/import-key`: what the caller's producer imports under.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportKeyAnswer {
    /// The producer that the token speaks for.
    pub producer: String,
    /// 32 bytes in base64. A secret of the producer.
    pub import_key: String,
}

impl std::fmt::Debug for ImportKeyAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ImportKeyAnswer(..)")
    }
}

/// The body of `POST /v1/import/known`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownQuestion {
    /// The stream that is being imported, 32 hexadecimal digits.
    pub instance: String,
    /// The ids of records, at most [`event::limits::BATCH_EVENTS_MAX`].
    pub ids: Vec<String>,
}

/// The answer to `POST /v1/import/known`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownAnswer {
    /// For each id in order: whether an event of it is in the ledger, from another stream of the same producer, or from
    /// that producer outside any stream.
    pub known: Vec<bool>,
}

/// The body of `POST /v1/streams/{producer}/{instance}/lost`: numbers that will never be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// The first of them, which must be the stream's next number.
    pub from: u64,
    /// The last of them.
    pub to: u64,
    /// Why, for a person.
    pub reason: String,
}

/// The id of the first item that has one, for a person who wants to look.
#[must_use]
pub fn first_id(results: &[ItemResult]) -> Option<EventId> {
    results.iter().find_map(|result| match result {
        ItemResult::Committed { id, .. }
        | ItemResult::Duplicate { id, .. }
        | ItemResult::DeadLettered { id, .. } => EventId::parse(id).ok(),
        ItemResult::Conflict { .. } | ItemResult::Rejected { .. } => None,
    })
}

fn recognised() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_recognised(dedup: &bool) -> bool {
    *dedup
}

#[cfg(test)]
mod tests;
