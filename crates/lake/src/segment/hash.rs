//! The hash of a segment's own rows: the same for every order and encoding of a file.
//!
//! It is taken column by column over rows in index order, so that level 0 and level 1 of the same
//! rows have the same, and a file that was encoded again shows whether a value changed.
//! `docs/formats/segment.md` has the bytes. It is no proof: only the ledger's tree is one.

use arrow::array::{Array, ArrayRef, AsArray as _, RecordBatch};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Int16Type, TimestampNanosecondType, UInt8Type, UInt32Type,
    UInt64Type,
};
use sha2::{Digest as _, Sha256};

const LABEL: &[u8] = b"indelible/rows/v1\0";
/// Before a column of nothing but nulls, one without, and one with some.
const NOTHING: u8 = 0;
const ALL: u8 = 1;
const SOME: u8 = 2;

/// The hash of `batch`, whose rows are in index order; `None` for a column of a type that rows do not
/// have.
pub(super) fn rows(batch: &RecordBatch) -> Option<[u8; 32]> {
    let mut hasher = Sha256::new_with_prefix(LABEL);
    hasher.update(length(batch.num_rows()));
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        text(field.name(), &mut hasher);
        values(column, &mut hasher)?;
    }
    Some(hasher.finalize().into())
}

fn values(column: &ArrayRef, hasher: &mut Sha256) -> Option<()> {
    hasher.update(length(column.len()));
    if !column.is_empty() && column.null_count() == column.len() {
        hasher.update([NOTHING]);
        return Some(());
    }
    if let Some(nulls) = column.nulls().filter(|nulls| nulls.null_count() > 0) {
        hasher.update([SOME]);
        hasher.update(nulls.iter().map(u8::from).collect::<Vec<_>>());
    } else {
        hasher.update([ALL]);
    }
    match column.data_type() {
        DataType::Utf8 => {
            let texts = column.as_string::<i32>();
            bytes(&texts.iter().map(|one| one.map(str::as_bytes)), hasher);
        }
        DataType::Binary => bytes(&column.as_binary::<i32>().iter(), hasher),
        DataType::FixedSizeBinary(_) => bytes(&column.as_fixed_size_binary().iter(), hasher),
        DataType::UInt8 => numbers::<UInt8Type, 1>(column, hasher, u8::to_be_bytes),
        DataType::Int16 => numbers::<Int16Type, 2>(column, hasher, i16::to_be_bytes),
        DataType::UInt32 => numbers::<UInt32Type, 4>(column, hasher, u32::to_be_bytes),
        DataType::UInt64 => numbers::<UInt64Type, 8>(column, hasher, u64::to_be_bytes),
        DataType::Timestamp(..) => {
            numbers::<TimestampNanosecondType, 8>(column, hasher, i64::to_be_bytes);
        }
        DataType::List(_) => return lists(column, hasher),
        _ => return None,
    }
    Some(())
}

/// The lengths of all values, then all values; a null has neither.
fn bytes<'v>(values: &(impl Iterator<Item = Option<&'v [u8]>> + Clone), hasher: &mut Sha256) {
    let there = || values.clone().flatten();
    hasher.update(there().flat_map(|value| short(value.len())).collect::<Vec<u8>>());
    // Gathered first: a hash is quick over long pieces only.
    let mut waiting = Vec::with_capacity(GATHERED);
    for value in there() {
        waiting.extend_from_slice(value);
        if waiting.len() >= GATHERED {
            hasher.update(&waiting);
            waiting.clear();
        }
    }
    hasher.update(&waiting);
}

/// Bytes that are gathered for one update.
const GATHERED: usize = 64 * 1024;

fn numbers<T: ArrowPrimitiveType, const N: usize>(
    column: &ArrayRef,
    hasher: &mut Sha256,
    to_bytes: impl Fn(T::Native) -> [u8; N],
) {
    let values = column.as_primitive::<T>();
    hasher.update(values.iter().flatten().flat_map(to_bytes).collect::<Vec<u8>>());
}

/// The lengths of all lists, then each member of all their elements as a column.
fn lists(column: &ArrayRef, hasher: &mut Sha256) -> Option<()> {
    let lists = column.as_list::<i32>();
    let offsets = lists.value_offsets();
    let lengths = offsets.iter().zip(offsets.iter().skip(1)).map(|(start, end)| end - start);
    hasher.update(lengths.flat_map(i32::to_be_bytes).collect::<Vec<u8>>());
    let start = usize::try_from(*offsets.first()?).ok()?;
    let end = usize::try_from(*offsets.last()?).ok()?;
    let elements = lists.values().slice(start, end.checked_sub(start)?);
    let elements = elements.as_struct_opt()?;
    for (name, member) in elements.column_names().iter().zip(elements.columns()) {
        text(name, hasher);
        values(member, hasher)?;
    }
    Some(())
}

fn text(text: &str, hasher: &mut Sha256) {
    hasher.update(length(text.len()));
    hasher.update(text);
}

fn length(count: usize) -> [u8; 8] {
    u64::try_from(count).unwrap_or(u64::MAX).to_be_bytes()
}

fn short(count: usize) -> [u8; 4] {
    u32::try_from(count).unwrap_or(u32::MAX).to_be_bytes()
}
