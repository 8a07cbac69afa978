//! Bytes of rows, counted from their values alone.
//!
//! INVARIANT (I9): the engine's own counts hang on what arrays share: a slice of lists counts all
//! its neighbours' elements, a column without a null may carry a bitmap for others' nulls, and each
//! batch begins its offsets anew. Here every row counts for itself, however rows were cut into batches,
//! since sizes stand in the record of a read and decide on limits.

use arrow::array::{Array, ArrayRef, AsArray as _, GenericByteArray, OffsetSizeTrait, RecordBatch};
use arrow::datatypes::{ByteArrayType, DataType};

/// Bytes of a batch's own rows.
pub(crate) fn size(batch: &RecordBatch) -> usize {
    batch.columns().iter().map(of).sum()
}

fn of(array: &ArrayRef) -> usize {
    values(array).unwrap_or_else(|| array.get_array_memory_size())
}

/// Bytes of an array's values; `None` for types that no function of ours makes.
fn values(array: &ArrayRef) -> Option<usize> {
    let rows = array.len();
    Some(match array.data_type() {
        DataType::Null => 0,
        DataType::Boolean => rows,
        DataType::Utf8 => texts(array.as_string_opt::<i32>()?),
        DataType::LargeUtf8 => texts(array.as_string_opt::<i64>()?),
        DataType::Binary => texts(array.as_binary_opt::<i32>()?),
        DataType::Utf8View => array.as_string_view_opt()?.iter().map(view).sum(),
        DataType::FixedSizeBinary(width) => rows * usize::try_from(*width).ok()?,
        DataType::List(_) => {
            let lists = array.as_list_opt::<i32>()?;
            let end = usize::try_from(*lists.value_offsets().last()?).ok()?;
            let start = usize::try_from(*lists.value_offsets().first()?).ok()?;
            rows * size_of::<i32>() + of(&lists.values().slice(start, end - start))
        }
        DataType::Struct(_) => array.as_struct_opt()?.columns().iter().map(of).sum(),
        other => rows * other.primitive_width()?,
    })
}

fn texts<T: ByteArrayType>(array: &GenericByteArray<T>) -> usize {
    let offsets = array.value_offsets();
    let end = offsets.last().map_or(0, |end| bytes(*end));
    let start = offsets.first().map_or(0, |start| bytes(*start));
    let ends = offsets.get(1..).unwrap_or_default();
    size_of_val(ends) + end - start
}

fn bytes<O: OffsetSizeTrait>(offset: O) -> usize {
    offset.to_usize().unwrap_or(0)
}

fn view(text: Option<&str>) -> usize {
    size_of::<u128>() + text.map_or(0, str::len)
}
