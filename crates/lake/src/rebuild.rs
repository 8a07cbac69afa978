//! Row -> record: the exact bytes that the ledger holds, written straight from the columns.
//!
//! This is what makes an archive provable: a segment is compared with the ledger by it, and a proof
//! opens what it gives. Promises: for a row that [`crate::RowsBuilder`] made of an event and stamps as
//! this version writes them, the bytes are those of the record. It cannot know whether a row is such a
//! one: whoever needs to be sure compares (a segment keeps the bytes of rows that fail in its `exact`
//! column). No input makes it panic.

mod personal; // part 6

use arrow::array::{AsArray as _, ListArray, RecordBatch};
use event::canonical::{KIND_TABLE, tag};
use event::event::DEFAULT_SCHEMA;
use event::ids::TenantId;
use event::json::{self, Limits, Value, write_cj1};
use event::normal;
use event::record::Encoder;

use crate::rows;
use crate::rows::json::Object;
use crate::rows::read::{I16s, Ids, Texts, Times, U8s, U32s, U64s};

/// A row that is not whole: a column that every row has is null, or one that holds JSON does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the row has no sound `{column}`")]
pub struct Unfaithful {
    /// The column.
    pub column: &'static str,
}

/// Declares the text columns that a record is put together of, found by their names.
macro_rules! columns {
    ($($name:ident),+ $(,)?) => {
        /// The text columns by name.
        #[derive(Debug, Clone, Copy)]
        struct Columns<'b> { $($name: Texts<'b>),+ }

        impl<'b> Columns<'b> {
            fn of(batch: &'b RecordBatch) -> Option<Self> {
                Some(Self { $($name: Texts::of(batch, stringify!($name))?),+ })
            }
        }
    };
}

columns! {
    schema, action, kind, kind_inferred, outcome, outcome_code, reason, severity, delivery,
    actor_id, actor_kind, actor_name, actor_email, on_behalf_of, service, host, ip_claimed, ip_peer,
    user_agent, session_id, request_id, trace_id, operation_id, decision, producer, changes, attrs,
    original, credential, rest,
}

/// The rows of one batch as records.
#[derive(Debug)]
pub struct Rebuild<'b> {
    tenant: &'b TenantId,
    texts: Columns<'b>,
    record: U8s<'b>,
    id: Ids<'b>,
    id_stamped: U8s<'b>,
    occurred_at: Times<'b>,
    offset_min: I16s<'b>,
    instance: Ids<'b>,
    seq: U64s<'b>,
    salt_block: U64s<'b>,
    salt_slot: U32s<'b>,
    targets: Targets<'b>,
}

/// The list column and its members.
#[derive(Debug, Clone, Copy)]
struct Targets<'b> {
    lists: &'b ListArray,
    kind: Texts<'b>,
    id: Texts<'b>,
    name: Texts<'b>,
    parent: Texts<'b>,
    owner: Texts<'b>,
}

/// One row's values that more than one part is made of.
struct Parsed<'b> {
    rest: Option<Value<'b>>,
    on_behalf_of: Vec<Value<'b>>,
    targets: std::ops::Range<usize>,
    is_system: bool,
}

impl<'b> Rebuild<'b> {
    /// The rows of `batch`, which has all columns of [`rows::schema`], as records of `tenant`; `None`
    /// if it lacks one.
    pub fn new(tenant: &'b TenantId, batch: &'b RecordBatch) -> Option<Self> {
        Some(Self {
            tenant,
            texts: Columns::of(batch)?,
            record: U8s::of(batch, rows::RECORD)?,
            id: Ids::of(batch, rows::ID)?,
            id_stamped: U8s::of(batch, rows::ID_STAMPED)?,
            occurred_at: Times::of(batch, rows::OCCURRED_AT)?,
            offset_min: I16s::of(batch, rows::OCCURRED_OFFSET_MIN)?,
            instance: Ids::of(batch, rows::INSTANCE)?,
            seq: U64s::of(batch, rows::SEQ)?,
            salt_block: U64s::of(batch, rows::SALT_BLOCK)?,
            salt_slot: U32s::of(batch, rows::SALT_SLOT)?,
            targets: Targets::of(batch)?,
        })
    }

    /// Appends the payload of the record that row `row` is of. After an error `out` is as it was.
    ///
    /// # Errors
    /// When the row is not whole.
    pub fn payload(&self, row: usize, out: &mut Vec<u8>) -> Result<(), Unfaithful> {
        let start = out.len();
        let written = self.write(row, out);
        if written.is_err() {
            out.truncate(start);
        }
        written
    }

    fn write(&self, row: usize, out: &mut Vec<u8>) -> Result<(), Unfaithful> {
        let parsed = self.parse(row)?;
        let block = due(self.salt_block.get(row), rows::SALT_BLOCK)?;
        let slot = due(self.salt_slot.get(row), rows::SALT_SLOT)?;
        let time = match self.occurred_at.get(row) {
            Some(at) => Some((at, due(self.offset_min.get(row), rows::OCCURRED_OFFSET_MIN)?)),
            None => None,
        };
        let mut is_time = Some(());
        due(self.texts.action.get(row), "action")?;
        due(self.texts.actor_id.get(row), "actor_id")?;
        due(self.id.get(row), rows::ID)?;
        let mut record = Encoder::new(out, block, slot);
        record.part(tag::WHAT, 0, |out| {
            Object::write(out, |out| is_time = self.what(row, time, out))
        });
        due(is_time, rows::OCCURRED_AT)?;
        self.who(row, &parsed, &mut record);
        self.write_targets(&parsed, &mut record);
        record.part(tag::ORIGIN, 0, |out| Object::write(out, |out| self.origin(row, &parsed, out)));
        record.part(tag::DETAIL, 0, |out| Object::write(out, |out| self.detail(row, &parsed, out)));
        self.personal(row, &parsed, &mut record)?;
        record.part(tag::OBSERVED, 0, |out| {
            Object::write(out, |out| self.observed(row, &parsed, out))
        });
        record.part(tag::STAMP, 0, |out| Object::write(out, |out| self.stamp(row, &parsed, out)));
        record.finish();
        Ok(())
    }

    fn parse(&self, row: usize) -> Result<Parsed<'b>, Unfaithful> {
        let rest = match self.texts.rest.get(row) {
            Some(text) => Some(due(parse(text), "rest")?),
            None => None,
        };
        let on_behalf_of = match self.texts.on_behalf_of.get(row).map(parse) {
            None => Vec::new(),
            Some(Some(Value::Array(actors))) => actors,
            Some(_) => return Err(Unfaithful { column: "on_behalf_of" }),
        };
        let targets = due(self.targets.of_row(row), rows::TARGETS)?;
        let is_system = due(self.record.get(row), rows::RECORD)? != 0;
        Ok(Parsed { rest, on_behalf_of, targets, is_system })
    }

    /// `None` if the time is none that can be written.
    fn what(&self, row: usize, time: Option<(i64, i16)>, out: &mut Object<'_>) -> Option<()> {
        let texts = &self.texts;
        out.maybe("action", texts.action.get(row));
        out.maybe("delivery", texts.delivery.get(row));
        if self.id_stamped.get(row).is_none() {
            out.id("id", self.id.get(row));
        }
        out.maybe("kind", texts.kind.get(row));
        if let Some((unix_ns, offset_min)) = time {
            let out = out.key("occurred_at");
            out.push(b'"');
            normal::write_time(unix_ns, offset_min, out)?;
            out.push(b'"');
        }
        out.nested("outcome", |out| {
            out.maybe("code", texts.outcome_code.get(row));
            out.maybe("status", texts.outcome.get(row));
        });
        out.maybe("schema", texts.schema.get(row));
        out.maybe("severity", texts.severity.get(row));
        Some(())
    }

    fn who(&self, row: usize, parsed: &Parsed<'_>, record: &mut Encoder<'_>) {
        let texts = &self.texts;
        let rest = parsed.rest("actor");
        record.part(tag::WHO, 0, |out| {
            Object::write(out, |out| {
                out.value("auth", rest.and_then(|rest| rest.member("auth")));
                out.maybe("email", texts.actor_email.get(row));
                out.maybe("id", texts.actor_id.get(row));
                out.maybe("kind", texts.actor_kind.get(row));
                out.maybe("name", texts.actor_name.get(row));
                out.value("roles", rest.and_then(|rest| rest.member("roles")));
            })
        });
        for (actor, ordinal) in parsed.on_behalf_of.iter().zip(1..) {
            record.part(tag::WHO, ordinal, |out| {
                write_cj1(actor, out);
                1
            });
        }
    }

    fn write_targets(&self, parsed: &Parsed<'_>, record: &mut Encoder<'_>) {
        let Targets { kind, id, name, parent, .. } = self.targets;
        for (place, ordinal) in parsed.targets.clone().zip(0..) {
            record.part(tag::TARGET, ordinal, |out| {
                Object::write(out, |out| {
                    out.maybe("id", id.get(place));
                    out.maybe("name", name.get(place));
                    out.maybe("parent", parent.get(place));
                    out.maybe("type", kind.get(place));
                })
            });
        }
    }

    fn origin(&self, row: usize, parsed: &Parsed<'_>, out: &mut Object<'_>) {
        let texts = &self.texts;
        out.value("device", parsed.rest("device"));
        out.maybe("host", texts.host.get(row));
        out.maybe("ip", texts.ip_claimed.get(row));
        out.maybe("service", texts.service.get(row));
        out.maybe("user_agent", texts.user_agent.get(row));
    }

    fn detail(&self, row: usize, parsed: &Parsed<'_>, out: &mut Object<'_>) {
        let texts = &self.texts;
        out.raw("attrs", texts.attrs.get(row).map(str::as_bytes));
        out.raw("changes", texts.changes.get(row).map(str::as_bytes));
        let rest = parsed.rest("correlation");
        out.nested("correlation", |out| {
            out.maybe("operation_id", texts.operation_id.get(row));
            out.value("parent_id", rest.and_then(|rest| rest.member("parent_id")));
            out.maybe("request_id", texts.request_id.get(row));
            out.maybe("session_id", texts.session_id.get(row));
            out.value("span_id", rest.and_then(|rest| rest.member("span_id")));
            out.maybe("trace_id", texts.trace_id.get(row));
        });
        out.raw("decision", texts.decision.get(row).map(str::as_bytes));
        out.value("justification", parsed.rest("justification"));
        // The reason of a system record stands in its attributes.
        let reason = texts.reason.get(row).filter(|_| !parsed.is_system);
        out.nested("outcome", |out| out.maybe("reason", reason));
    }

    fn observed(&self, row: usize, parsed: &Parsed<'_>, out: &mut Object<'_>) {
        out.maybe("credential", self.texts.credential.get(row));
        out.value("geo", parsed.rest("geo"));
        out.maybe("peer_ip", self.texts.ip_peer.get(row));
        out.value("roles", parsed.rest("roles"));
    }

    fn stamp(&self, row: usize, parsed: &Parsed<'_>, out: &mut Object<'_>) {
        let texts = &self.texts;
        if !parsed.is_system {
            out.nested("defaults", |out| self.defaults(row, parsed, out));
        }
        let stream = self.instance.get(row).zip(self.seq.get(row));
        out.hex("instance", stream.map(|(instance, _)| instance));
        if texts.kind_inferred.get(row).is_some() {
            let named = parsed.rest("kind_table").and_then(Value::as_str);
            out.text("kind_table", named.unwrap_or(KIND_TABLE));
        }
        out.value("lineage", parsed.rest("lineage"));
        out.value("mapping", parsed.rest("mapping"));
        out.maybe("producer", texts.producer.get(row).filter(|_| !parsed.is_system));
        out.number("seq", stream.map(|(_, seq)| seq));
        if parsed.is_system {
            out.raw("system", Some(b"true"));
        }
        out.text("tenant", self.tenant.as_str());
    }

    /// The defaults of what was not sent, in code-point order of their pointers.
    fn defaults(&self, row: usize, parsed: &Parsed<'_>, out: &mut Object<'_>) {
        const UNKNOWN: &str = "unknown";
        let texts = &self.texts;
        if texts.actor_kind.get(row).is_none() {
            out.text("/actor/kind", UNKNOWN);
        }
        if self.id_stamped.get(row).is_some() {
            out.id("/id", self.id.get(row));
        }
        out.maybe("/kind", texts.kind_inferred.get(row));
        for (place, actor) in parsed.on_behalf_of.iter().enumerate() {
            // There are at most 8, so the order of positions is that of the pointers.
            if actor.member("kind").is_none() {
                out.text(&format!("/on_behalf_of/{place}/kind"), UNKNOWN);
            }
        }
        if texts.outcome.get(row).is_none() {
            out.text("/outcome/status", UNKNOWN);
        }
        if texts.schema.get(row).is_none() {
            out.text("/schema", DEFAULT_SCHEMA);
        }
    }
}

impl<'b> Targets<'b> {
    fn of(batch: &'b RecordBatch) -> Option<Self> {
        let lists = batch.column_by_name(rows::TARGETS)?.as_list_opt::<i32>()?;
        let members = lists.values().as_struct_opt()?;
        let of = |name| Texts::new(members.column_by_name(name)?);
        let [kind, id, name, parent, owner] = rows::TARGET_MEMBERS.map(of);
        Some(Self { lists, kind: kind?, id: id?, name: name?, parent: parent?, owner: owner? })
    }

    /// The places of a row's targets in the members' columns.
    fn of_row(&self, row: usize) -> Option<std::ops::Range<usize>> {
        let offsets = self.lists.value_offsets();
        let (start, end) = (*offsets.get(row)?, *offsets.get(row + 1)?);
        Some(usize::try_from(start).ok()?..usize::try_from(end).ok()?)
    }
}

impl<'b> Parsed<'b> {
    fn rest(&self, member: &str) -> Option<&Value<'b>> {
        self.rest.as_ref()?.member(member)
    }
}

fn parse(text: &str) -> Option<Value<'_>> {
    json::parse(text.as_bytes(), Limits::READER).ok()
}

fn due<T>(value: Option<T>, column: &'static str) -> Result<T, Unfaithful> {
    value.ok_or(Unfaithful { column })
}

#[cfg(test)]
mod tests;
