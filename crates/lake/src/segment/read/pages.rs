//! Pages of a file, unpacked by one decompressor for all columns of a read.
//!
//! Parquet's own reader makes a compressor and a decompressor for each column of each row group, whether it reads a page
//! there or passes all of them; where a few rows are wanted these cost more than the pages. Promises: the same pages as
//! that reader gives; a page that does not unpack is an error. It refuses compressions that no segment is written with.

use std::io::Cursor;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use parquet::arrow::arrow_reader::{RowGroups, RowSelection, RowSelector};
use parquet::basic::Compression;
use parquet::column::page::{Page, PageIterator, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, RowGroupMetaData};
use parquet::file::serialized_reader::SerializedPageReader;
use zstd::bulk::Decompressor;
use zstd::zstd_safe::get_frame_content_size;

use crate::store::Stored;

/// Bytes of a page at most, as Parquet has it.
const PAGE_BYTES_MAX: u64 = 0x7fff_ffff;

/// Some row groups of a file.
pub(super) struct Pages {
    file: Arc<Stored>,
    metadata: Arc<ParquetMetaData>,
    groups: Vec<usize>,
    unpacker: Unpacker,
}

impl Pages {
    /// These row groups, in this order.
    pub(super) fn new(file: &Stored, metadata: &Arc<ParquetMetaData>, groups: Vec<usize>) -> Self {
        let (file, metadata) = (Arc::new(file.clone()), Arc::clone(metadata));
        Self { file, metadata, groups, unpacker: Unpacker::default() }
    }
}

impl RowGroups for Pages {
    fn num_rows(&self) -> usize {
        self.row_groups().map(rows).sum()
    }

    fn column_chunks(&self, column: usize) -> Result<Box<dyn PageIterator>> {
        Ok(Box::new(Chunks {
            file: Arc::clone(&self.file),
            metadata: Arc::clone(&self.metadata),
            groups: self.groups.clone().into_iter(),
            column,
            unpacker: self.unpacker.clone(),
        }))
    }

    fn row_groups(&self) -> Box<dyn Iterator<Item = &RowGroupMetaData> + '_> {
        Box::new(self.groups.iter().filter_map(|group| self.metadata.row_groups().get(*group)))
    }

    fn metadata(&self) -> &ParquetMetaData {
        &self.metadata
    }
}

fn rows(group: &RowGroupMetaData) -> usize {
    usize::try_from(group.num_rows()).unwrap_or(0)
}

/// The row groups in which rows of a file are selected, and the selection over them alone.
pub(super) fn narrowed(
    metadata: &ParquetMetaData,
    mut selection: RowSelection,
) -> (Vec<usize>, RowSelection) {
    let (mut groups, mut kept) = (Vec::new(), Vec::<RowSelector>::new());
    for (number, group) in metadata.row_groups().iter().enumerate() {
        let part = selection.split_off(rows(group));
        if part.selects_any() {
            groups.push(number);
            kept.extend(Vec::<RowSelector>::from(part));
        }
    }
    (groups, kept.into())
}

/// One column of some row groups.
struct Chunks {
    file: Arc<Stored>,
    metadata: Arc<ParquetMetaData>,
    groups: std::vec::IntoIter<usize>,
    column: usize,
    unpacker: Unpacker,
}

impl Chunks {
    fn open(&self, number: usize) -> Result<Unpacked> {
        let missing = || ParquetError::General("a column is missing".to_owned());
        let group = self.metadata.row_groups().get(number).ok_or_else(missing)?;
        let chunk = group.columns().get(self.column).ok_or_else(missing)?;
        let unpacker = match chunk.compression() {
            Compression::UNCOMPRESSED => None,
            Compression::ZSTD(_) => Some(self.unpacker.clone()),
            other => return Err(ParquetError::NYI(format!("pages packed with {other}"))),
        };
        let places = self.metadata.offset_index().and_then(|index| index.get(number));
        let places = places.and_then(|index| index.get(self.column));
        let places = places.map(|index| index.page_locations.clone());
        let file = Arc::clone(&self.file);
        let inner = SerializedPageReader::new(file, &as_it_lies(chunk)?, rows(group), places)?;
        Ok(Unpacked { inner, unpacker })
    }
}

/// What a reader must know of a column to give its pages as they lie in the file.
fn as_it_lies(chunk: &ColumnChunkMetaData) -> Result<ColumnChunkMetaData> {
    ColumnChunkMetaData::builder(chunk.column_descr_ptr())
        .set_compression(Compression::UNCOMPRESSED)
        .set_num_values(chunk.num_values())
        .set_total_compressed_size(chunk.compressed_size())
        .set_data_page_offset(chunk.data_page_offset())
        .set_dictionary_page_offset(chunk.dictionary_page_offset())
        .build()
}

impl Iterator for Chunks {
    type Item = Result<Box<dyn PageReader>>;

    fn next(&mut self) -> Option<Self::Item> {
        let number = self.groups.next()?;
        Some(self.open(number).map(|reader| Box::new(reader) as Box<dyn PageReader>))
    }
}

impl PageIterator for Chunks {}

/// The pages of one column of one row group.
struct Unpacked {
    inner: SerializedPageReader<Stored>,
    unpacker: Option<Unpacker>,
}

impl PageReader for Unpacked {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        match (self.inner.get_next_page()?, &self.unpacker) {
            (Some(page), Some(unpacker)) => unpacker.page(page).map(Some),
            (page, _) => Ok(page),
        }
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.inner.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.inner.skip_next_page()
    }

    fn at_record_boundary(&mut self) -> Result<bool> {
        self.inner.at_record_boundary()
    }
}

impl Iterator for Unpacked {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

/// What all columns of a read are unpacked with; made when the first packed page comes.
#[derive(Clone, Default)]
struct Unpacker(Arc<Mutex<Option<Decompressor<'static>>>>);

impl Unpacker {
    /// A page as if it had never been packed.
    fn page(&self, mut page: Page) -> Result<Page> {
        match &mut page {
            Page::DataPage { buf, .. } | Page::DictionaryPage { buf, .. } => {
                *buf = self.bytes(buf, 0)?;
            }
            Page::DataPageV2 {
                buf,
                is_compressed,
                def_levels_byte_len,
                rep_levels_byte_len,
                ..
            } if *is_compressed => {
                let levels = u64::from(*def_levels_byte_len) + u64::from(*rep_levels_byte_len);
                *buf = self.bytes(buf, usize::try_from(levels)?)?;
                *is_compressed = false;
            }
            Page::DataPageV2 { .. } => {}
        }
        Ok(page)
    }

    /// Bytes whose first `plain` were not packed.
    fn bytes(&self, bytes: &Bytes, plain: usize) -> Result<Bytes> {
        let damaged = || ParquetError::General("a page cannot be unpacked".to_owned());
        let (levels, packed) = bytes.split_at_checked(plain).ok_or_else(damaged)?;
        if packed.is_empty() {
            return Ok(bytes.clone());
        }
        let length = get_frame_content_size(packed).ok().flatten();
        let length = length.filter(|length| *length <= PAGE_BYTES_MAX).ok_or_else(damaged)?;
        let length = usize::try_from(length)?;
        let mut whole = Vec::with_capacity(levels.len() + length);
        whole.extend_from_slice(levels);
        let mut end = Cursor::new(whole);
        end.set_position(u64::try_from(levels.len())?);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let decompressor = match &mut *kept {
            Some(decompressor) => decompressor,
            none => none.insert(Decompressor::new()?),
        };
        if decompressor.decompress_to_buffer(packed, &mut end)? != length {
            return Err(damaged());
        }
        Ok(end.into_inner().into())
    }
}

#[cfg(test)]
mod tests;
