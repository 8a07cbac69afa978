//! What a caller sees, written out: tables that hold its rows with the masks laid over them, and
//! nothing of any other row. Made of the whole tenant's tables by a second way to scope and mask.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{
    Array as _, ArrayRef, AsArray as _, BooleanArray, RecordBatch, RecordBatchOptions, StringArray,
};
use arrow::compute::{concat_batches, filter_record_batch};
use arrow::datatypes::{DataType, TimestampNanosecondType, UInt64Type};
use hmac::{Hmac, Mac as _};
use policy::{Field, Mask};
use sha2::Sha256;

use super::super::Barrier;
use super::tenant::{KEY, World, whole};
use crate::sight::Sight;
use crate::{Coverage, Limits, tables};

/// The written-out view.
#[derive(Debug)]
pub(crate) struct Copied {
    tables: BTreeMap<&'static str, RecordBatch>,
    coverage: Coverage,
    sight: Sight,
    has_streams: bool,
}

impl Copied {
    pub(super) async fn of(world: &World) -> Self {
        let rows = &world.rows;
        let coverage = Coverage {
            from_index: 0,
            to_index: rows.to(),
            as_of: rows.to(),
            complete: rows.holes().is_empty(),
        };
        let sight = Sight::of(&whole()).unwrap();
        let has_streams = !world.is_narrowed;
        let mut copied = Self { tables: BTreeMap::new(), coverage, sight, has_streams };
        let rows = tables::TABLES.iter().filter(|table| !table.is_counted() && !table.is_streams());
        for name in rows.map(|table| table.name) {
            let all = everything(world, name).await;
            copied.tables.insert(name, masked(name, &scoped(&all, &world.in_scope), &world.masks));
        }
        copied.tables.insert("events_by_hour", by_hour(&copied.tables["events"]));
        if has_streams {
            copied.tables.insert("producers", everything(world, "producers").await);
        }
        copied
    }

    pub(crate) fn sight(&self) -> &Sight {
        &self.sight
    }

    pub(crate) fn coverage(&self) -> Coverage {
        self.coverage
    }

    pub(crate) fn has_streams(&self) -> bool {
        self.has_streams
    }

    /// A table in pieces of an odd size, all columns.
    pub(crate) fn batches(&self, table: &str) -> Vec<RecordBatch> {
        let table = &self.tables[table];
        let rows = table.num_rows();
        (0..rows).step_by(5).map(|row| table.slice(row, 5.min(rows - row))).collect()
    }
}

impl Barrier {
    /// The columns of this scan and the rows inside its bounds.
    pub(in super::super) fn copied(
        &self,
        shown: &RecordBatch,
    ) -> datafusion::common::Result<RecordBatch> {
        if self.table.is_counted() || self.table.is_streams() {
            return Ok(self.picked(shown)?);
        }
        let (index, (from, to)) = (&self.bounds.index, self.bounds.received_at);
        let indices = shown.column_by_name("index").unwrap().as_primitive::<UInt64Type>();
        let times = |name| {
            let column = shown.column_by_name(name)?;
            Some(column.as_primitive::<TimestampNanosecondType>())
        };
        let (received, occurred) = (times("received_at").unwrap(), times("occurred_at"));
        let (first, last) = self.bounds.occurred_at;
        let inside = |row| {
            index.contains(&indices.value(row))
                && (from..=to).contains(&received.value(row))
                && occurred.is_none_or(|times| (first..=last).contains(&times.value(row)))
        };
        let inside: BooleanArray = (0..shown.num_rows()).map(|row| Some(inside(row))).collect();
        let kept = filter_record_batch(shown, &inside)?;
        Ok(self.picked(&kept)?)
    }

    fn picked(&self, rows: &RecordBatch) -> Result<RecordBatch, arrow::error::ArrowError> {
        let named = |name| Arc::clone(rows.column_by_name(name).unwrap());
        let columns = self.columns.iter().map(|one| named(one.name)).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        let schema = Arc::clone(self.properties.eq_properties.schema());
        RecordBatch::try_new_with_options(schema, columns, &options)
    }
}

/// Counts over the rows of `events` that are seen, row by row.
fn by_hour(events: &RecordBatch) -> RecordBatch {
    let text = |name, row| {
        let texts = events.column_by_name(name).unwrap().as_string::<i32>();
        texts.is_valid(row).then(|| texts.value(row).to_owned())
    };
    let times = events.column_by_name("occurred_at").unwrap();
    let times = times.as_primitive::<TimestampNanosecondType>();
    let mut counts = BTreeMap::<_, u64>::new();
    for row in 0..events.num_rows() {
        let hour = times.value(row) / 3_600_000_000_000 * 3_600_000_000_000;
        let key = (hour, text("action", row), text("outcome", row), text("kind", row));
        *counts.entry(key).or_default() += 1;
    }
    let hours = counts.keys().map(|key| key.0).collect::<Vec<_>>();
    let hours = arrow::array::TimestampNanosecondArray::from(hours).with_timezone("+00:00");
    let columns: Vec<ArrayRef> = vec![
        Arc::new(hours),
        Arc::new(counts.keys().map(|key| key.1.clone()).collect::<StringArray>()),
        Arc::new(counts.keys().map(|key| key.2.clone()).collect::<StringArray>()),
        Arc::new(counts.keys().map(|key| key.3.clone()).collect::<StringArray>()),
        Arc::new(counts.values().copied().collect::<arrow::array::UInt64Array>()),
    ];
    let schema = tables::named("events_by_hour").unwrap().schema();
    RecordBatch::try_new(schema, columns).unwrap()
}

/// All rows of a table, for a caller who sees the whole tenant.
async fn everything(world: &World, table: &str) -> RecordBatch {
    let sql = format!("SELECT * FROM {table}");
    let question = crate::Question { sql: &sql, parameters: &[] };
    let (caller, limits) = (whole(), Limits::default());
    let sealed = crate::run(world.tenant(), &caller, question, &limits);
    let all = crate::Allowance { rows: u64::MAX, bytes: u64::MAX };
    let answer = sealed.await.unwrap().release(crate::Recorded::new(0, all)).unwrap();
    concat_batches(&answer.schema, &answer.batches).unwrap()
}

fn scoped(rows: &RecordBatch, in_scope: &BTreeSet<u64>) -> RecordBatch {
    let indices = rows.column_by_name("index").unwrap().as_primitive::<UInt64Type>();
    let mask: BooleanArray =
        indices.values().iter().map(|index| Some(in_scope.contains(index))).collect();
    filter_record_batch(rows, &mask).unwrap()
}

fn masked(table: &str, rows: &RecordBatch, masks: &BTreeMap<Field, Mask>) -> RecordBatch {
    let mut masks = masks.clone();
    if !masks.is_empty() {
        masks.insert(Field::Original, Mask::Hidden);
    }
    let schema = rows.schema();
    let columns = schema.fields().iter().zip(rows.columns()).map(|(field, column)| {
        match (table, field.name().as_str()) {
            // The kind of a record of the ledger's own is no claim.
            ("system_log", "kind") => Arc::clone(column),
            (_, "actor_ref") => actor_ref(rows, &masks),
            (_, "target_type" | "target_id") => target(column, field.name(), &masks),
            (_, "targets") => targets(column, &masks),
            (_, name) => {
                match Field::named(name).and_then(|field| Some((field, *masks.get(&field)?))) {
                    Some((field, mask)) => text(column, field, mask),
                    None => Arc::clone(column),
                }
            }
        }
    });
    RecordBatch::try_new(Arc::clone(&schema), columns.collect()).unwrap()
}

/// What stands for a value that was not sent.
fn default_of(field: Field) -> Option<&'static str> {
    match field {
        Field::Outcome | Field::ActorKind => Some("unknown"),
        Field::Schema => Some("indelible.event@1"),
        _ => None,
    }
}

fn text(column: &ArrayRef, field: Field, mask: Mask) -> ArrayRef {
    let default = default_of(field);
    let of = |text: Option<&str>| match mask {
        Mask::Hidden => default.map(str::to_owned),
        Mask::Hashed if text == default => text.map(str::to_owned),
        Mask::Hashed => text.map(|text| pseudonym(field, text)),
    };
    let texts = column.as_string::<i32>().iter().map(of);
    Arc::new(texts.collect::<StringArray>())
}

fn pseudonym(field: Field, text: &str) -> String {
    let mut mac = <Hmac<Sha256>>::new_from_slice(&KEY.0).unwrap();
    mac.update(format!("{field}\0{text}").as_bytes());
    let tag = mac.finalize().into_bytes();
    let digits: String = tag.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("masked-{}", &digits[..32])
}

fn actor_ref(rows: &RecordBatch, masks: &BTreeMap<Field, Mask>) -> ArrayRef {
    let seen = |field: Field| {
        let column = rows.column_by_name(field.as_str()).unwrap();
        match masks.get(&field) {
            Some(mask) => text(column, field, *mask),
            None => Arc::clone(column),
        }
    };
    let (ids, kinds) = (seen(Field::ActorId), seen(Field::ActorKind));
    let named = ids.as_string::<i32>().iter().zip(kinds.as_string::<i32>()).map(|(id, kind)| {
        let kind = kind.unwrap();
        let is_person = !["service", "agent", "device", "system"].contains(&kind);
        Some(format!("{}/{}", if is_person { "user" } else { kind }, id?))
    });
    Arc::new(named.collect::<StringArray>())
}

fn target(column: &ArrayRef, name: &str, masks: &BTreeMap<Field, Mask>) -> ArrayRef {
    match masks.get(&Field::Targets) {
        None => Arc::clone(column),
        Some(Mask::Hashed) if name == "target_type" => Arc::clone(column),
        Some(mask) => text(column, Field::Targets, *mask),
    }
}

fn targets(column: &ArrayRef, masks: &BTreeMap<Field, Mask>) -> ArrayRef {
    let Some(mask) = masks.get(&Field::Targets) else { return Arc::clone(column) };
    let DataType::List(element) = column.data_type() else { panic!("targets are lists") };
    let DataType::Struct(members) = element.data_type() else { panic!("of structs") };
    let texts = || -> Vec<_> {
        let names = members.iter();
        names.map(|_| arrow::array::StringBuilder::new()).collect()
    };
    let (mut built, mut offsets, mut end) = (texts(), vec![0], 0);
    for row in 0..column.len() {
        let elements = column.as_list::<i32>().value(row);
        let elements = elements.as_struct();
        let seen = if *mask == Mask::Hidden { 0 } else { elements.len() };
        for at in 0..seen {
            for (builder, (member, name)) in
                built.iter_mut().zip(elements.columns().iter().zip(members))
            {
                let value = member.as_string::<i32>();
                builder.append_option(value.is_valid(at).then(|| match name.name().as_str() {
                    "type" => value.value(at).to_owned(),
                    _ => pseudonym(Field::Targets, value.value(at)),
                }));
            }
        }
        end += i32::try_from(seen).unwrap();
        offsets.push(end);
    }
    let arrays = built.iter_mut().map(|builder| Arc::new(builder.finish()) as ArrayRef).collect();
    let structs = arrow::array::StructArray::try_new_with_length(
        members.clone(),
        arrays,
        None,
        usize::try_from(end).unwrap(),
    );
    let offsets = arrow::buffer::OffsetBuffer::new(offsets.into());
    let lists = arrow::array::ListArray::new(
        Arc::clone(element),
        offsets,
        Arc::new(structs.unwrap()),
        None,
    );
    Arc::new(lists)
}
