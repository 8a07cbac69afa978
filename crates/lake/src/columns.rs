//! Columns under construction: the plain vectors that rows are pushed into before Arrow sees them.
//!
//! A column that no row sets costs nothing, neither time nor memory: a row names its number only
//! where it has a value, and the nulls between two values are filled in when the later one comes.
//! So a single event allocates for the members it has, and two builders are joined with a handful of
//! `memcpy`s. Promises: what is finished has exactly the asked number of rows, and its buffers are
//! no larger than their contents, so that the hot budget counts real bytes.
//!
//! It knows no column names and no events.

use std::sync::Arc;

use arrow::array::builder::NullBufferBuilder;
use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, FixedSizeBinaryArray, ListArray, PrimitiveArray,
    StringArray, StructArray,
};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{FieldRef, Fields};
use arrow::error::ArrowError;

/// Bytes of an id in a fixed column.
pub(crate) const ID_BYTES: i32 = 16;

/// A nullable text column.
#[derive(Debug)]
pub(crate) struct Text {
    ends: Vec<i32>,
    bytes: Vec<u8>,
    valid: NullBufferBuilder,
}

impl Default for Text {
    fn default() -> Self {
        Self { ends: Vec::new(), bytes: Vec::new(), valid: NullBufferBuilder::new(0) }
    }
}

impl Text {
    /// Sets the text of row `row`; rows since the last one set become null.
    pub(crate) fn set(&mut self, row: usize, text: &str) {
        self.set_with(row, |bytes| bytes.extend_from_slice(text.as_bytes()));
    }

    /// Sets row `row` to what `write` appends, which must be UTF-8.
    pub(crate) fn set_with(&mut self, row: usize, write: impl FnOnce(&mut Vec<u8>)) {
        self.pad(row);
        write(&mut self.bytes);
        self.ends.push(position(self.bytes.len()));
        self.valid.append_non_null();
    }

    /// The text of a row, if it has one.
    fn slice(&self, row: usize) -> Option<&[u8]> {
        let end = usize::try_from(*self.ends.get(row)?).ok()?;
        let start = match row.checked_sub(1) {
            Some(before) => usize::try_from(*self.ends.get(before)?).ok()?,
            None => 0,
        };
        if self.valid.is_valid(row) { self.bytes.get(start..end) } else { None }
    }

    fn pad(&mut self, rows: usize) {
        let missing = rows.saturating_sub(self.ends.len());
        if missing > 0 {
            self.ends.resize(rows, position(self.bytes.len()));
            self.valid.append_n_nulls(missing);
        }
    }

    /// Appends a column whose first row becomes row `at` here.
    pub(crate) fn extend(&mut self, at: usize, other: Self) {
        if other.ends.is_empty() {
            return;
        }
        self.pad(at);
        let shift = position(self.bytes.len());
        self.bytes.extend_from_slice(&other.bytes);
        self.ends.extend(other.ends.iter().map(|end| end + shift));
        append_valid(&mut self.valid, other.valid, other.ends.len());
    }

    /// The same column with only the rows for which `keep` says so.
    pub(crate) fn keep(&self, keep: &[bool]) -> Self {
        let mut kept = Self::default();
        for (row, old) in kept_rows(keep) {
            if let Some(text) = self.slice(old) {
                kept.set_with(row, |bytes| bytes.extend_from_slice(text));
            }
        }
        kept
    }

    /// Heap bytes in use.
    pub(crate) fn size(&self) -> usize {
        self.bytes.len() + self.ends.len() * size_of::<i32>() + self.ends.len() / 8
    }

    /// The finished array of `rows` rows.
    pub(crate) fn finish(mut self, rows: usize, blank: &Blank) -> Result<ArrayRef, ArrowError> {
        if self.ends.is_empty() {
            return Ok(blank.text());
        }
        self.pad(rows);
        let mut offsets = Vec::with_capacity(rows + 1);
        offsets.push(0);
        offsets.append(&mut self.ends);
        self.bytes.shrink_to_fit();
        let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
        let bytes = Buffer::from_vec(self.bytes);
        Ok(Arc::new(StringArray::try_new(offsets, bytes, self.valid.build())?))
    }
}

/// A nullable column of values of one size.
#[derive(Debug)]
pub(crate) struct Fixed<T> {
    values: Vec<T>,
    valid: NullBufferBuilder,
}

impl<T> Default for Fixed<T> {
    fn default() -> Self {
        Self { values: Vec::new(), valid: NullBufferBuilder::new(0) }
    }
}

impl<T: Copy + Default> Fixed<T> {
    /// Sets the value of row `row`; rows since the last one set become null.
    pub(crate) fn set(&mut self, row: usize, value: T) {
        self.pad(row);
        self.values.push(value);
        self.valid.append_non_null();
    }

    fn pad(&mut self, rows: usize) {
        let missing = rows.saturating_sub(self.values.len());
        if missing > 0 {
            self.values.resize(rows, T::default());
            self.valid.append_n_nulls(missing);
        }
    }

    /// Appends a column whose first row becomes row `at` here.
    pub(crate) fn extend(&mut self, at: usize, other: Self) {
        if other.values.is_empty() {
            return;
        }
        self.pad(at);
        self.values.extend_from_slice(&other.values);
        append_valid(&mut self.valid, other.valid, other.values.len());
    }

    /// The same column with only the rows for which `keep` says so.
    pub(crate) fn keep(&self, keep: &[bool]) -> Self {
        let mut kept = Self::default();
        for (row, old) in kept_rows(keep) {
            if let Some(value) = self.values.get(old).filter(|_| self.valid.is_valid(old)) {
                kept.set(row, *value);
            }
        }
        kept
    }

    /// Heap bytes in use.
    pub(crate) fn size(&self) -> usize {
        size_of_val(self.values.as_slice()) + self.values.len() / 8
    }

    fn finished(mut self, rows: usize) -> (Vec<T>, Option<NullBuffer>) {
        self.pad(rows);
        self.values.shrink_to_fit();
        (self.values, self.valid.build())
    }
}

impl<T: Copy + Default + arrow::datatypes::ArrowNativeType> Fixed<T> {
    /// The finished array of `rows` rows as the primitive type `P`.
    pub(crate) fn finish<P: ArrowPrimitiveType<Native = T>>(
        self,
        rows: usize,
    ) -> Result<PrimitiveArray<P>, ArrowError> {
        let (values, valid) = self.finished(rows);
        PrimitiveArray::try_new(ScalarBuffer::from(values), valid)
    }
}

impl Fixed<[u8; 16]> {
    /// The finished array of `rows` 16-byte values.
    pub(crate) fn finish_ids(self, rows: usize) -> Result<ArrayRef, ArrowError> {
        let (values, valid) = self.finished(rows);
        let bytes = Buffer::from_vec(values.into_flattened());
        Ok(Arc::new(FixedSizeBinaryArray::try_new(ID_BYTES, bytes, valid)?))
    }
}

/// A column of lists of structs whose members are all nullable text. A row that nothing was added
/// to is an empty list, never null.
#[derive(Debug)]
pub(crate) struct Lists<const N: usize> {
    ends: Vec<i32>,
    elements: usize,
    members: [Text; N],
}

impl<const N: usize> Default for Lists<N> {
    fn default() -> Self {
        let members = std::array::from_fn(|_| Text::default());
        Self { ends: Vec::new(), elements: 0, members }
    }
}

impl<const N: usize> Lists<N> {
    /// Adds an element to the list of row `row`, which must be the last row named so far or a
    /// later one.
    pub(crate) fn add(&mut self, row: usize, values: [Option<&str>; N]) {
        self.pad(row + 1);
        for (member, value) in self.members.iter_mut().zip(values) {
            if let Some(value) = value {
                member.set(self.elements, value);
            }
        }
        self.elements += 1;
        if let Some(end) = self.ends.last_mut() {
            *end = position(self.elements);
        }
    }

    fn pad(&mut self, rows: usize) {
        if self.ends.len() < rows {
            self.ends.resize(rows, position(self.elements));
        }
    }

    /// Appends a column whose first row becomes row `at` here.
    pub(crate) fn extend(&mut self, at: usize, other: Self) {
        if other.ends.is_empty() {
            return;
        }
        self.pad(at);
        let shift = position(self.elements);
        self.ends.extend(other.ends.iter().map(|end| end + shift));
        for (mine, theirs) in self.members.iter_mut().zip(other.members) {
            mine.extend(self.elements, theirs);
        }
        self.elements += other.elements;
    }

    /// The same column with only the rows for which `keep` says so.
    pub(crate) fn keep(&self, keep: &[bool]) -> Self {
        let mut elements = vec![false; self.elements];
        let mut kept = Self::default();
        let mut start = 0;
        for (row, keep) in keep.iter().enumerate() {
            let end = self.ends.get(row).and_then(|end| usize::try_from(*end).ok());
            let end = end.unwrap_or(self.elements);
            if *keep {
                elements.iter_mut().take(end).skip(start).for_each(|element| *element = true);
                kept.elements += end - start;
                kept.ends.push(position(kept.elements));
            }
            start = end;
        }
        kept.members = std::array::from_fn(|n| {
            self.members.get(n).map(|member| member.keep(&elements)).unwrap_or_default()
        });
        kept
    }

    /// Heap bytes in use.
    pub(crate) fn size(&self) -> usize {
        self.ends.len() * size_of::<i32>() + self.members.iter().map(Text::size).sum::<usize>()
    }

    /// The finished array of `rows` lists of `element` structs with `members`.
    pub(crate) fn finish(
        mut self,
        rows: usize,
        element: FieldRef,
        members: Fields,
    ) -> Result<ArrayRef, ArrowError> {
        self.pad(rows);
        let blank = Blank::new(self.elements);
        let columns: Result<Vec<_>, _> =
            self.members.into_iter().map(|member| member.finish(self.elements, &blank)).collect();
        let structs = StructArray::try_new_with_length(members, columns?, None, self.elements)?;
        let mut offsets = Vec::with_capacity(rows + 1);
        offsets.push(0);
        offsets.append(&mut self.ends);
        let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
        Ok(Arc::new(ListArray::try_new(element, offsets, Arc::new(structs), None)?))
    }
}

/// The buffers that every all-null text column of one batch shares.
#[derive(Debug, Clone)]
pub(crate) struct Blank {
    offsets: OffsetBuffer<i32>,
    valid: NullBuffer,
}

impl Blank {
    /// Buffers for `rows` nulls.
    pub(crate) fn new(rows: usize) -> Self {
        Self { offsets: OffsetBuffer::new_zeroed(rows), valid: NullBuffer::new_null(rows) }
    }

    /// A text column of nothing but nulls.
    pub(crate) fn text(&self) -> ArrayRef {
        let nothing = Buffer::from_vec(Vec::<u8>::new());
        Arc::new(StringArray::new(self.offsets.clone(), nothing, Some(self.valid.clone())))
    }
}

/// Bytes that an array's buffers take up, each buffer counted once across the whole batch: columns
/// may share them (see [`Blank`]).
pub(crate) fn heap_bytes(columns: &[ArrayRef]) -> u64 {
    let mut buffers = Vec::with_capacity(columns.len() * 3);
    let mut data: Vec<_> = columns.iter().map(|column| column.to_data()).collect();
    while let Some(next) = data.pop() {
        let nulls = next.nulls().map(NullBuffer::buffer);
        for buffer in next.buffers().iter().chain(nulls) {
            buffers.push((buffer.data_ptr().as_ptr().addr(), buffer.capacity()));
        }
        data.extend(next.child_data().iter().cloned());
    }
    buffers.sort_unstable();
    buffers.dedup();
    buffers.iter().map(|(_, bytes)| u64::try_from(*bytes).unwrap_or(u64::MAX)).sum()
}

/// (new row, old row) of every row that is kept.
fn kept_rows(keep: &[bool]) -> impl Iterator<Item = (usize, usize)> {
    keep.iter().enumerate().filter(|(_, keep)| **keep).map(|(old, _)| old).enumerate()
}

fn append_valid(to: &mut NullBufferBuilder, from: NullBufferBuilder, rows: usize) {
    match from.build() {
        Some(nulls) => to.append_buffer(&nulls),
        None => to.append_n_non_nulls(rows),
    }
}

fn position(at: usize) -> i32 {
    i32::try_from(at).expect("a batch ends far below 2 GiB of text: see `hot::CHUNK_BYTES_MAX`")
}

#[cfg(test)]
mod tests;
