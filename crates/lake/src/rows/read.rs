//! The columns of a batch as their types: found by name once, read by row.
//!
//! A batch that lacks a column, or has it as another type, gives `None`; a null gives `None`, too.

use arrow::array::{
    Array, AsArray as _, FixedSizeBinaryArray, PrimitiveArray, RecordBatch, StringArray,
};
use arrow::datatypes::{
    ArrowPrimitiveType, Int16Type, TimestampNanosecondType, UInt8Type, UInt32Type, UInt64Type,
};

/// A text column.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Texts<'b>(&'b StringArray);

/// A column of 16-byte ids.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ids<'b>(&'b FixedSizeBinaryArray);

/// A column of numbers.
#[derive(Debug)]
pub(crate) struct Numbers<'b, T: ArrowPrimitiveType>(&'b PrimitiveArray<T>);

pub(crate) type U8s<'b> = Numbers<'b, UInt8Type>;
pub(crate) type U32s<'b> = Numbers<'b, UInt32Type>;
pub(crate) type U64s<'b> = Numbers<'b, UInt64Type>;
pub(crate) type I16s<'b> = Numbers<'b, Int16Type>;
pub(crate) type Times<'b> = Numbers<'b, TimestampNanosecondType>;

impl<'b> Texts<'b> {
    pub(crate) fn of(batch: &'b RecordBatch, name: &str) -> Option<Self> {
        batch.column_by_name(name)?.as_string_opt::<i32>().map(Self)
    }

    pub(crate) fn new(array: &'b dyn Array) -> Option<Self> {
        array.as_string_opt::<i32>().map(Self)
    }

    #[inline]
    pub(crate) fn get(self, row: usize) -> Option<&'b str> {
        (row < self.0.len() && self.0.is_valid(row)).then(|| self.0.value(row))
    }
}

impl<'b> Ids<'b> {
    pub(crate) fn of(batch: &'b RecordBatch, name: &str) -> Option<Self> {
        batch.column_by_name(name)?.as_fixed_size_binary_opt().map(Self)
    }

    #[inline]
    pub(crate) fn get(self, row: usize) -> Option<[u8; 16]> {
        if row >= self.0.len() || self.0.is_null(row) {
            return None;
        }
        self.0.value(row).try_into().ok()
    }
}

impl<'b, T: ArrowPrimitiveType> Numbers<'b, T> {
    pub(crate) fn of(batch: &'b RecordBatch, name: &str) -> Option<Self> {
        batch.column_by_name(name)?.as_primitive_opt::<T>().map(Self)
    }

    #[inline]
    pub(crate) fn get(&self, row: usize) -> Option<T::Native> {
        (row < self.0.len() && self.0.is_valid(row)).then(|| self.0.value(row))
    }
}
