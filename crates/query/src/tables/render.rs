//! Stored columns to shown ones, a batch at a time, and only those that are asked for.

use std::sync::Arc;

use arrow::array::{
    Array as _, ArrayRef, AsArray as _, FixedSizeBinaryArray, RecordBatch, StringArray,
    StringBuilder, UInt32Array, UInt64Array,
};
use arrow::compute::kernels::zip::zip;
use arrow::compute::{is_not_null, take};
use arrow::datatypes::UInt8Type;
use arrow::error::ArrowError;
use event::json::{self, Value};
use lake::rows::{self, RecordKind};

use super::Source;

/// Kinds of actor that are no person, and so no `user`.
const NOT_PERSONS: [&str; 4] = ["service", "agent", "device", "system"];
const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// The column that `source` makes of `rows`.
pub(super) fn column(source: Source, rows: &RecordBatch) -> Result<ArrayRef, ArrowError> {
    match source {
        Source::Stored(name) => stored(rows, name).cloned(),
        Source::Default(name, text) => or_text(text_of(rows, name)?, text),
        Source::Either(first, second) => either(stored(rows, first)?, stored(rows, second)?),
        Source::Uuid(name) => written(stored(rows, name)?, &[4, 6, 8, 10]),
        Source::Hex(name) => written(stored(rows, name)?, &[]),
        Source::Occurred => {
            either(stored(rows, rows::OCCURRED_AT)?, stored(rows, rows::RECEIVED_AT)?)
        }
        Source::FirstTarget(member) => first_target(rows, member),
        Source::ActorRef => actor_ref(rows),
        Source::Kind => kind(rows),
        Source::Counted => Err(ArrowError::SchemaError("counts are made by the barrier".into())),
        Source::Stream => Err(ArrowError::SchemaError("streams are no stored rows".into())),
        Source::Attribute(name) => {
            let text = |value: &Value<'_>| value.as_str().map(str::to_owned);
            Ok(Arc::new(attributes(rows, name, text)?.into_iter().collect::<StringArray>()))
        }
        Source::Count(name) => {
            let counts = attributes(rows, name, |value| value.as_u64())?;
            Ok(Arc::new(counts.into_iter().collect::<UInt64Array>()))
        }
    }
}

/// What `read` makes of one attribute in each row; nothing where there is none.
fn attributes<T>(
    rows: &RecordBatch,
    name: &str,
    read: impl Fn(&Value<'_>) -> Option<T>,
) -> Result<Vec<Option<T>>, ArrowError> {
    let of = |text: &str| {
        let members = json::parse(text.as_bytes(), json::Limits::READER).ok()?;
        read(members.member(name)?)
    };
    Ok(text_of(rows, "attrs")?.iter().map(|text| text.and_then(of)).collect())
}

fn stored<'a>(rows: &'a RecordBatch, name: &str) -> Result<&'a ArrayRef, ArrowError> {
    let missing = || ArrowError::SchemaError(format!("rows have no column {name}"));
    rows.column_by_name(name).ok_or_else(missing)
}

fn text_of<'a>(rows: &'a RecordBatch, name: &str) -> Result<&'a StringArray, ArrowError> {
    let wrong = || ArrowError::SchemaError(format!("the column {name} is not text"));
    stored(rows, name)?.as_string_opt().ok_or_else(wrong)
}

fn or_text(texts: &StringArray, default: &str) -> Result<ArrayRef, ArrowError> {
    let filled = texts.iter().map(|text| Some(text.unwrap_or(default)));
    Ok(Arc::new(filled.collect::<StringArray>()))
}

fn either(first: &ArrayRef, second: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    match first.null_count() {
        0 => Ok(Arc::clone(first)),
        all if all == first.len() => Ok(Arc::clone(second)),
        _ => zip(&is_not_null(first)?, first, second),
    }
}

/// Sixteen bytes as digits, with hyphens before the bytes named.
fn written(column: &ArrayRef, hyphens: &[usize]) -> Result<ArrayRef, ArrowError> {
    let wrong = || ArrowError::SchemaError("ids have 16 bytes".into());
    let ids: &FixedSizeBinaryArray = column.as_fixed_size_binary_opt().ok_or_else(wrong)?;
    let mut texts = StringBuilder::with_capacity(ids.len(), ids.len() * 36);
    let mut text = String::with_capacity(36);
    for id in ids {
        let Some(id) = id else {
            texts.append_null();
            continue;
        };
        text.clear();
        for (at, byte) in id.iter().enumerate() {
            if hyphens.contains(&at) {
                text.push('-');
            }
            text.extend([byte >> 4, byte & 15].map(digit));
        }
        texts.append_value(&text);
    }
    Ok(Arc::new(texts.finish()))
}

fn digit(value: u8) -> char {
    char::from(DIGITS.get(usize::from(value)).copied().unwrap_or(b'?'))
}

fn first_target(rows: &RecordBatch, member: &str) -> Result<ArrayRef, ArrowError> {
    let wrong = || ArrowError::SchemaError("targets are lists of structs".into());
    let lists = stored(rows, rows::TARGETS)?.as_list_opt::<i32>().ok_or_else(wrong)?;
    let elements = lists.values().as_struct_opt().ok_or_else(wrong)?;
    let values = elements.column_by_name(member).ok_or_else(wrong)?;
    let first = lists.value_offsets().windows(2).map(|ends| match ends {
        [start, end] if start < end => u32::try_from(*start).ok(),
        _ => None,
    });
    take(values, &first.collect::<UInt32Array>(), None)
}

/// A person is `user/<id>`, whatever is said of the kind; a kind that is no person keeps its name.
pub(crate) fn actor_ref_of(id: &str, kind: Option<&str>) -> String {
    let namespace = kind.filter(|kind| NOT_PERSONS.contains(kind)).unwrap_or("user");
    format!("{namespace}/{id}")
}

fn actor_ref(rows: &RecordBatch) -> Result<ArrayRef, ArrowError> {
    let (ids, kinds) = (text_of(rows, "actor_id")?, text_of(rows, "actor_kind")?);
    let named = ids.iter().zip(kinds).map(|(id, kind)| id.map(|id| actor_ref_of(id, kind)));
    Ok(Arc::new(named.collect::<StringArray>()))
}

fn kind(rows: &RecordBatch) -> Result<ArrayRef, ArrowError> {
    let wrong = || ArrowError::SchemaError("rows name their record kind".into());
    let kinds = stored(rows, rows::RECORD)?.as_primitive_opt::<UInt8Type>().ok_or_else(wrong)?;
    let names =
        kinds.values().iter().map(|code| RecordKind::from_code(*code).map(RecordKind::name));
    Ok(Arc::new(names.collect::<StringArray>()))
}
