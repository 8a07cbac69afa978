//! The columns of a row, their Arrow types, and the vectors behind them.
//!
//! The names here are what `docs/formats/rows.md` lists; a reader of batches finds columns by name.
//! Rows hold what was claimed and stamped, each in its own column; defaults are not written out
//! (a null `schema` means the default one), so that claims stay claims and constant texts cost
//! nothing. SQL fills them in: see `query::tables`.

use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{
    DataType, Field, FieldRef, Fields, Int16Type, Schema, SchemaRef, TimeUnit,
    TimestampNanosecondType, UInt8Type, UInt32Type, UInt64Type,
};
use arrow::error::ArrowError;

use crate::columns::{Blank, Fixed, ID_BYTES, Lists, Text};

/// Position in the tenant's ledger, dense from 0.
pub const INDEX: &str = "index";
/// When the ledger took it in, from the entry.
pub const RECEIVED_AT: &str = "received_at";
/// Which kind of record it is: 0 = event, else a system record (see [`crate::rows::RecordKind`]).
pub const RECORD: &str = "record";
/// The event's id, sent or stamped: 16 bytes.
pub const ID: &str = "id";
/// 1 if the server gave the id; null if the producer did.
pub const ID_STAMPED: &str = "id_stamped";
/// When it happened, as sent; null if the producer did not say.
pub const OCCURRED_AT: &str = "occurred_at";
/// The offset of `occurred_at` in minutes; null with it.
pub const OCCURRED_OFFSET_MIN: &str = "occurred_offset_min";
/// The stream's instance: 16 bytes; null outside a stream.
pub const INSTANCE: &str = "instance";
/// The number in the stream; null outside a stream.
pub const SEQ: &str = "seq";
/// The salt block that the record was sealed in.
pub const SALT_BLOCK: &str = "salt_block";
/// The slot in the salt block.
pub const SALT_SLOT: &str = "salt_slot";
/// All targets in the order sent; never null, often empty.
pub const TARGETS: &str = "targets";

/// Members of one target, in this order.
pub const TARGET_MEMBERS: [&str; 5] = ["type", "id", "name", "parent", "owner"];

/// The time zone of every timestamp column: an offset, so that no zone table is needed.
pub const UTC: &str = "+00:00";

/// Declares the text columns once: the struct, their names in order, and walks over all of them.
macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        /// The text columns.
        #[derive(Debug, Default)]
        pub(crate) struct Texts { $($(#[$doc])* pub(crate) $name: Text),+ }

        /// The names of the text columns in schema order.
        pub(crate) const TEXT_NAMES: &[&str] = &[$(stringify!($name)),+];

        impl Texts {
            fn extend(&mut self, at: usize, other: Self) {
                $(self.$name.extend(at, other.$name);)+
            }

            fn keep(&self, keep: &[bool]) -> Self {
                Self { $($name: self.$name.keep(keep)),+ }
            }

            fn size(&self) -> usize {
                [$(self.$name.size()),+].into_iter().sum()
            }

            fn finish(self, rows: usize, blank: &Blank) -> Result<Vec<ArrayRef>, ArrowError> {
                Ok(vec![$(self.$name.finish(rows, blank)?),+])
            }
        }
    };
}

texts! {
    /// Claimed schema; null = `indelible.event@1` by default.
    schema,
    /// Claimed action.
    action,
    /// Claimed kind.
    kind,
    /// Kind that the server inferred because none was claimed.
    kind_inferred,
    /// Claimed outcome status; null = `unknown` by default.
    outcome,
    /// Claimed outcome code.
    outcome_code,
    /// Claimed reason of the outcome.
    reason,
    /// Claimed severity.
    severity,
    /// Claimed delivery.
    delivery,
    /// The actor's id.
    actor_id,
    /// The actor's kind; null = `unknown` by default.
    actor_kind,
    /// The actor's name.
    actor_name,
    /// The actor's e-mail address.
    actor_email,
    /// The actors it was done for, nearest first: a JSON array.
    on_behalf_of,
    /// Claimed origin service.
    service,
    /// Claimed origin host.
    host,
    /// Claimed origin address.
    ip_claimed,
    /// Observed peer address.
    ip_peer,
    /// Claimed user agent.
    user_agent,
    /// Country that the server found for the peer address.
    country,
    /// Claimed session id.
    session_id,
    /// Claimed request id.
    request_id,
    /// Claimed trace id.
    trace_id,
    /// Claimed operation id.
    operation_id,
    /// Claimed access decision: a JSON object.
    decision,
    /// Who sent it, from the credential; of a dead letter or refusal, who sent the item.
    producer,
    /// Claimed changes: a JSON array.
    changes,
    /// Claimed attributes: a JSON object.
    attrs,
    /// The untouched source record, or a dead letter's item.
    original,
    /// Of a dead letter or refusal: the stable code.
    code,
    /// Of a dead letter or refusal: the JSON pointer it is about.
    field,
    /// Id of the credential, as stamped.
    credential,
    /// Every member of event and stamps that has no column: a JSON object; null if there is none.
    rest,
}

/// All columns but `index` and `received_at`, which the ledger gives.
#[derive(Debug, Default)]
pub(crate) struct Cells {
    pub(crate) record: Fixed<u8>,
    pub(crate) id: Fixed<[u8; 16]>,
    pub(crate) id_stamped: Fixed<u8>,
    pub(crate) occurred_at: Fixed<i64>,
    pub(crate) occurred_offset_min: Fixed<i16>,
    pub(crate) texts: Texts,
    pub(crate) instance: Fixed<[u8; 16]>,
    pub(crate) seq: Fixed<u64>,
    pub(crate) salt_block: Fixed<u64>,
    pub(crate) salt_slot: Fixed<u32>,
    pub(crate) targets: Lists<5>,
}

impl Cells {
    /// Appends cells whose first row becomes row `at` here.
    pub(crate) fn extend(&mut self, at: usize, other: Self) {
        self.record.extend(at, other.record);
        self.id.extend(at, other.id);
        self.id_stamped.extend(at, other.id_stamped);
        self.occurred_at.extend(at, other.occurred_at);
        self.occurred_offset_min.extend(at, other.occurred_offset_min);
        self.texts.extend(at, other.texts);
        self.instance.extend(at, other.instance);
        self.seq.extend(at, other.seq);
        self.salt_block.extend(at, other.salt_block);
        self.salt_slot.extend(at, other.salt_slot);
        self.targets.extend(at, other.targets);
    }

    /// Only the rows for which `keep` says so.
    pub(crate) fn keep(&self, keep: &[bool]) -> Self {
        Self {
            record: self.record.keep(keep),
            id: self.id.keep(keep),
            id_stamped: self.id_stamped.keep(keep),
            occurred_at: self.occurred_at.keep(keep),
            occurred_offset_min: self.occurred_offset_min.keep(keep),
            texts: self.texts.keep(keep),
            instance: self.instance.keep(keep),
            seq: self.seq.keep(keep),
            salt_block: self.salt_block.keep(keep),
            salt_slot: self.salt_slot.keep(keep),
            targets: self.targets.keep(keep),
        }
    }

    /// Heap bytes in use.
    pub(crate) fn size(&self) -> usize {
        let fixed = self.record.size() + self.id.size() + self.occurred_at.size();
        let stream = self.instance.size() + self.seq.size() + self.occurred_offset_min.size();
        let given = self.id_stamped.size() + self.salt_block.size() + self.salt_slot.size();
        fixed + stream + given + self.texts.size() + self.targets.size()
    }

    /// The finished batch; `index` and `received_at` have one value a row.
    pub(crate) fn finish(
        self,
        index: Fixed<u64>,
        received_at: Fixed<i64>,
        rows: usize,
    ) -> Result<RecordBatch, ArrowError> {
        let blank = Blank::new(rows);
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(index.finish::<UInt64Type>(rows)?),
            Arc::new(received_at.finish::<TimestampNanosecondType>(rows)?.with_timezone(UTC)),
            Arc::new(self.record.finish::<UInt8Type>(rows)?),
            self.id.finish_ids(rows)?,
            Arc::new(self.id_stamped.finish::<UInt8Type>(rows)?),
            Arc::new(self.occurred_at.finish::<TimestampNanosecondType>(rows)?.with_timezone(UTC)),
            Arc::new(self.occurred_offset_min.finish::<Int16Type>(rows)?),
            self.instance.finish_ids(rows)?,
            Arc::new(self.seq.finish::<UInt64Type>(rows)?),
            Arc::new(self.salt_block.finish::<UInt64Type>(rows)?),
            Arc::new(self.salt_slot.finish::<UInt32Type>(rows)?),
            self.targets.finish(rows, target_element(), target_members())?,
        ];
        columns.extend(self.texts.finish(rows, &blank)?);
        RecordBatch::try_new(schema(), columns)
    }
}

/// The Arrow schema of every batch of rows.
pub fn schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        let time = DataType::Timestamp(TimeUnit::Nanosecond, Some(UTC.into()));
        let id = DataType::FixedSizeBinary(ID_BYTES);
        let mut fields = vec![
            Field::new(INDEX, DataType::UInt64, false),
            Field::new(RECEIVED_AT, time.clone(), false),
            Field::new(RECORD, DataType::UInt8, false),
            Field::new(ID, id.clone(), false),
            Field::new(ID_STAMPED, DataType::UInt8, true),
            Field::new(OCCURRED_AT, time, true),
            Field::new(OCCURRED_OFFSET_MIN, DataType::Int16, true),
            Field::new(INSTANCE, id, true),
            Field::new(SEQ, DataType::UInt64, true),
            Field::new(SALT_BLOCK, DataType::UInt64, false),
            Field::new(SALT_SLOT, DataType::UInt32, false),
            Field::new(TARGETS, DataType::List(target_element()), false),
        ];
        fields.extend(TEXT_NAMES.iter().map(|name| Field::new(*name, DataType::Utf8, true)));
        Arc::new(Schema::new(fields))
    });
    Arc::clone(&SCHEMA)
}

/// The type of one element of `targets`.
fn target_element() -> FieldRef {
    static ELEMENT: LazyLock<FieldRef> = LazyLock::new(|| {
        Arc::new(Field::new_list_field(DataType::Struct(target_members()), false))
    });
    Arc::clone(&ELEMENT)
}

fn target_members() -> Fields {
    TARGET_MEMBERS.into_iter().map(|name| Field::new(name, DataType::Utf8, true)).collect()
}
