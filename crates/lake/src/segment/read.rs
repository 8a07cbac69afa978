//! Rows out of a file: whole, by row groups or row by row; only the columns that are asked for.
//!
//! Columns of the run tables are put back by index, so whoever reads sees [`rows::schema`] and nothing
//! else. A page that does not decode is a typed error.

mod pages; // pages out of a file, unpacked

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray as _, FixedSizeBinaryBuilder, RecordBatch, TimestampNanosecondArray,
    UInt32Array, UInt64Array,
};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::{Schema, SchemaRef, UInt64Type};
use arrow::error::ArrowError;
use parquet::arrow::arrow_reader::{
    ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder, RowGroups as _, RowSelection,
    RowSelector,
};
use parquet::arrow::{ProjectionMask, parquet_to_arrow_field_levels};
use parquet::bloom_filter::Sbbf;

use super::forms::unpack;
use super::shape::{self, EXACT, IN_RUNS};
use super::{Footer, GROUP_ROWS, Level, Segment, footer};
use crate::Error;
use crate::cache::What;
use crate::rollup::Rollup;
use crate::rows;
use crate::rows::read::U64s;
use crate::runs::{Place, Runs};
use pages::{Pages, narrowed};

/// Which columns of [`rows::schema`] to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns {
    schema: SchemaRef,
}

/// Which rows to read.
#[derive(Debug, Clone)]
pub enum Which {
    /// All of them.
    All,
    /// Those of some row groups.
    Groups(Vec<usize>),
    /// Those of a selection over all rows of the file.
    Rows(RowSelection),
}

impl Columns {
    /// All columns.
    pub fn all() -> Columns {
        Columns { schema: rows::schema() }
    }

    /// These columns, in the order of [`rows::schema`]; a name that it does not have is passed over.
    pub fn of(names: &[&str]) -> Columns {
        let all = rows::schema();
        let named = all.fields().iter().filter(|field| names.contains(&field.name().as_str()));
        Columns { schema: Arc::new(Schema::new(named.cloned().collect::<Vec<_>>())) }
    }

    /// The schema of what is read.
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn has(&self, name: &str) -> bool {
        self.schema.field_with_name(name).is_ok()
    }
}

/// Batches of rows in the order of the file.
pub struct Reader {
    inner: ParquetRecordBatchReader,
    footer: Arc<Footer>,
    columns: Columns,
    name: String,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Reader {
    /// The next batch as it stands in the file. A decoder that panics over damaged pages is an error
    /// like any other: the file's hash is only checked as a whole, not before each read.
    fn next_raw(&mut self) -> Option<Result<RecordBatch, Error>> {
        let next = catch_unwind(AssertUnwindSafe(|| self.inner.next()));
        let next = next.unwrap_or_else(|_| {
            Some(Err(ArrowError::ParquetError("a page cannot be decoded".to_owned())))
        });
        let damaged =
            |error: ArrowError| Error::Segment { path: self.name.clone(), what: error.to_string() };
        next.map(|batch| batch.map_err(damaged))
    }
}

impl Iterator for Reader {
    type Item = Result<RecordBatch, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = match self.next_raw()? {
            Ok(batch) => batch,
            Err(error) => return Some(Err(error)),
        };
        let whole = put_back(&batch, &self.columns, &self.footer);
        Some(
            whole.map_err(|source| Error::Segment {
                path: self.name.clone(),
                what: source.to_string(),
            }),
        )
    }
}

/// At which row of the file each index is, by offset.
type ByIndex = Vec<u32>;

impl Segment {
    /// Reads rows in the order of the file, `batch_rows` at a time.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn reader(
        &self,
        columns: &Columns,
        which: Which,
        batch_rows: usize,
    ) -> Result<Reader, Error> {
        let in_runs = IN_RUNS.iter().any(|name| columns.has(name));
        let is_read = |name: &str| columns.has(name) || in_runs && name == rows::INDEX;
        let footer = self.footer()?;
        let inner = self.open_pages(&footer, (which, batch_rows), is_read)?;
        Ok(Reader { inner, footer, columns: columns.clone(), name: self.name.clone() })
    }

    fn open_pages(
        &self,
        footer: &Footer,
        (which, batch_rows): (Which, usize),
        is_read: impl Fn(&str) -> bool,
    ) -> Result<ParquetRecordBatchReader, Error> {
        let names = shape::schema();
        let roots = names.fields().iter().enumerate().filter(|(_, field)| is_read(field.name()));
        let roots = roots.map(|(place, _)| place);
        let metadata = footer.metadata();
        let mask = ProjectionMask::roots(metadata.parquet_schema(), roots);
        let (groups, selection) = match which {
            Which::All => ((0..metadata.metadata().num_row_groups()).collect(), None),
            Which::Groups(groups) => (groups, None),
            Which::Rows(selection) => {
                let (groups, selection) = narrowed(metadata.metadata(), selection);
                (groups, Some(selection))
            }
        };
        let hint = metadata.schema().fields();
        let levels = parquet_to_arrow_field_levels(metadata.parquet_schema(), mask, Some(hint));
        let pages = Pages::new(footer.file(), metadata.metadata(), groups);
        // More than there are would only be room for nothing.
        let batch_rows = batch_rows.min(pages.num_rows()).max(1);
        let reader = levels.and_then(|levels| {
            ParquetRecordBatchReader::try_new_with_row_groups(
                &levels, &pages, batch_rows, selection,
            )
        });
        reader.map_err(|error| self.damaged(error.to_string()))
    }

    /// All rows in index order.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn batch(&self, columns: &Columns) -> Result<RecordBatch, Error> {
        let rows = usize::try_from(self.about.rows).unwrap_or(usize::MAX);
        let batch = self.gather(columns, Which::All, rows)?;
        if batch.num_rows() != rows {
            return Err(self.damaged(format!("{} rows came of {rows}", batch.num_rows())));
        }
        match self.about.level {
            Level::L0 => Ok(batch),
            Level::L1 => {
                let order = UInt32Array::from(self.places()?.to_vec());
                take_record_batch(&batch, &order).map_err(|source| Error::Arrow { source })
            }
        }
    }

    /// The rows at these places of the file, in this order. Only the pages that they stand in are read.
    ///
    /// # Errors
    /// When the file cannot be read, or does not have such a row.
    pub fn take(&self, columns: &Columns, places: &[u32]) -> Result<RecordBatch, Error> {
        let mut sorted = places.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        if sorted.last().is_some_and(|last| *last >= self.rows()) {
            return Err(self.damaged("it does not have as many rows".to_owned()));
        }
        let batch = self.gather(columns, Which::Rows(selection(&sorted)), sorted.len())?;
        if batch.num_rows() != sorted.len() {
            return Err(self.damaged(format!(
                "{} rows came of {}",
                batch.num_rows(),
                sorted.len()
            )));
        }
        let find = |place: &u32| sorted.partition_point(|one| one < place);
        let order = places.iter().map(|place| u32::try_from(find(place)).unwrap_or(u32::MAX));
        take_record_batch(&batch, &UInt32Array::from_iter_values(order))
            .map_err(|source| Error::Arrow { source })
    }

    /// The places in the file of the rows at these offsets from the first index.
    ///
    /// # Errors
    /// When the file cannot be read, or does not have such an offset.
    pub fn rows_of(&self, offsets: &[u32]) -> Result<Vec<u32>, Error> {
        let missing = || self.damaged("it does not have as many rows".to_owned());
        match self.about.level {
            Level::L0 if offsets.iter().all(|offset| *offset < self.rows()) => Ok(offsets.to_vec()),
            Level::L0 => Err(missing()),
            Level::L1 => {
                let order = self.places()?;
                let place = |offset: &u32| order.get(usize::try_from(*offset).ok()?).copied();
                offsets.iter().map(|offset| place(offset).ok_or_else(missing)).collect()
            }
        }
    }

    /// The offsets from the first index of the rows at these places of the file: the inverse of
    /// [`Segment::rows_of`].
    ///
    /// # Errors
    /// When the file cannot be read, or does not have such a row.
    pub fn offsets_of(&self, places: &[u32]) -> Result<Vec<u32>, Error> {
        let batch = self.take(&Columns::of(&[rows::INDEX]), places)?;
        let index = U64s::of(&batch, rows::INDEX);
        let offset = |row| {
            let index = index.as_ref()?.get(row)?;
            let offset = u32::try_from(index.checked_sub(self.about.indices.start)?).ok()?;
            (offset < self.rows()).then_some(offset)
        };
        let offsets: Option<Vec<u32>> = (0..places.len()).map(offset).collect();
        offsets.ok_or_else(|| self.damaged("an index is not one of its own".to_owned()))
    }

    /// At which row of the file each index is, by its offset from the first; `None` where the file is in
    /// index order.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn order(&self) -> Result<Option<Arc<Vec<u32>>>, Error> {
        match self.about.level {
            Level::L0 => Ok(None),
            Level::L1 => self.places().map(Some),
        }
    }

    /// How many rows it has by hour, action, outcome and kind; `None` if there are too many of these
    /// to be counted.
    ///
    /// # Errors
    /// When the file cannot be read or the partial is damaged.
    pub fn rollup(&self) -> Result<Arc<Option<Rollup>>, Error> {
        self.cache.get((self.number, What::Rollup), || {
            let footer = self.footer()?;
            let bytes = footer::rollup(footer.metadata().metadata());
            let partial = Rollup::decode(&bytes.map_err(|what| self.damaged(what))?)?;
            let bytes = partial.as_ref().map_or(0, Rollup::bytes);
            Ok((partial, bytes))
        })
    }

    /// The counts of all rows up to its own last, if they were added up before and there was room.
    pub(crate) fn sum_kept(&self) -> Option<Arc<Rollup>> {
        self.cache.kept((self.number, What::Sum))
    }

    /// Keeps the counts of all rows up to its own last.
    pub(crate) fn keep_sum(&self, sum: &Arc<Rollup>) {
        self.cache.keep((self.number, What::Sum), sum, sum.bytes());
    }

    fn places(&self) -> Result<Arc<ByIndex>, Error> {
        self.cache.get((self.number, What::Order), || {
            let rows = usize::try_from(self.about.rows).unwrap_or(usize::MAX);
            let batch = self.gather(&Columns::of(&[rows::INDEX]), Which::All, rows)?;
            let order = by_index(&batch, (self.about.indices.start, rows));
            let order =
                order.ok_or_else(|| self.damaged("its indices are not dense".to_owned()))?;
            let bytes = size_of_val(order.as_slice());
            Ok((order, bytes))
        })
    }

    /// The row groups that may have an event of this id.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn groups_with_id(&self, id: &[u8; 16]) -> Result<Vec<usize>, Error> {
        let blooms = self.blooms()?;
        let may_have =
            |bloom: &Option<Sbbf>| bloom.as_ref().is_none_or(|bloom| bloom.check(&id[..]));
        Ok(blooms
            .iter()
            .enumerate()
            .filter(|(_, bloom)| may_have(bloom))
            .map(|(at, _)| at)
            .collect())
    }

    /// The filter over the ids of each row group.
    pub(super) fn blooms(&self) -> Result<Arc<Vec<Option<Sbbf>>>, Error> {
        /// A block of a split-block filter, as Parquet has it.
        const BLOCK_BYTES: usize = 32;
        self.cache.get((self.number, What::Blooms), || {
            let footer = self.footer()?;
            let blooms = self.read_blooms(&footer)?;
            let bytes = blooms.iter().flatten().map(|bloom| bloom.num_blocks() * BLOCK_BYTES).sum();
            Ok((blooms, bytes))
        })
    }

    fn read_blooms(&self, footer: &Footer) -> Result<Vec<Option<Sbbf>>, Error> {
        let metadata = footer.metadata().clone();
        let leaves = metadata.parquet_schema().columns();
        let leaf = leaves.iter().position(|leaf| leaf.name() == rows::ID);
        let leaf = leaf.ok_or_else(|| self.damaged("there is no id".to_owned()))?;
        let groups = metadata.metadata().num_row_groups();
        let builder =
            ParquetRecordBatchReaderBuilder::new_with_metadata(footer.file().clone(), metadata);
        let read = |group| builder.get_row_group_column_bloom_filter(group, leaf);
        let blooms: Result<Vec<_>, _> = (0..groups).map(read).collect();
        blooms.map_err(|error| self.damaged(error.to_string()))
    }

    /// One batch of everything that a reader gives.
    fn gather(&self, columns: &Columns, which: Which, rows: usize) -> Result<RecordBatch, Error> {
        let batches: Result<Vec<_>, Error> = self.reader(columns, which, rows)?.collect();
        let batches = batches?;
        if let [only] = batches.as_slice() {
            return Ok(only.clone());
        }
        concat_batches(&columns.schema(), &batches).map_err(|source| Error::Arrow { source })
    }

    pub(super) fn read_exact(&self) -> Result<BTreeMap<u64, Vec<u8>>, Error> {
        let footer = self.footer()?;
        let is_read = |name: &str| [rows::INDEX, EXACT].contains(&name);
        let inner = self.open_pages(&footer, (Which::All, GROUP_ROWS), is_read)?;
        let columns = Columns::of(&[]);
        let mut reader = Reader { inner, footer, columns, name: self.name.clone() };
        let mut found = BTreeMap::new();
        while let Some(batch) = reader.next_raw() {
            let batch = batch?;
            let missing = || self.damaged("a column is missing".to_owned());
            let exact =
                batch.column_by_name(EXACT).and_then(|column| column.as_binary_opt::<i32>());
            let exact = exact.ok_or_else(missing)?;
            let index = batch.column_by_name(rows::INDEX);
            let index = index.and_then(|column| column.as_primitive_opt::<UInt64Type>());
            for (index, bytes) in index.ok_or_else(missing)?.iter().zip(exact.iter()) {
                found.extend(index.zip(bytes.map(<[u8]>::to_vec)));
            }
        }
        if u64::try_from(found.len()) != Ok(self.about.exact) {
            return Err(self.damaged("exact records are missing".to_owned()));
        }
        Ok(found)
    }
}

/// Selects these rows, which ascend.
fn selection(rows: &[u32]) -> RowSelection {
    let mut selectors: Vec<RowSelector> = Vec::new();
    let mut next = 0_usize;
    for row in rows.iter().filter_map(|row| usize::try_from(*row).ok()) {
        match selectors.last_mut() {
            Some(last) if row == next && !last.skip => last.row_count += 1,
            _ => {
                if row > next {
                    selectors.push(RowSelector::skip(row - next));
                }
                selectors.push(RowSelector::select(1));
            }
        }
        next = row + 1;
    }
    selectors.into()
}

/// The row of each index from `first` on, if each of `rows` indices is there once.
fn by_index(batch: &RecordBatch, (first, rows): (u64, usize)) -> Option<ByIndex> {
    let index = batch.column_by_name(rows::INDEX)?.as_primitive_opt::<UInt64Type>()?;
    if index.len() != rows {
        return None;
    }
    let mut order = vec![u32::MAX; rows];
    for (row, index) in (0_u32..).zip(index.values()) {
        let slot = order.get_mut(usize::try_from(index.checked_sub(first)?).ok()?)?;
        if *slot != u32::MAX {
            return None;
        }
        *slot = row;
    }
    Some(order)
}

/// A batch as it stands in the file, as one of `columns`.
fn put_back(
    batch: &RecordBatch,
    columns: &Columns,
    footer: &Footer,
) -> Result<RecordBatch, ArrowError> {
    let has_runs = IN_RUNS.iter().any(|name| columns.has(name));
    let mut runs = if has_runs { from_runs(batch, footer)? } else { Vec::new() };
    let mut arrays: Vec<ArrayRef> = Vec::with_capacity(columns.schema.fields().len());
    for field in columns.schema.fields() {
        let found = IN_RUNS.iter().position(|name| name == field.name());
        match found.and_then(|place| runs.get_mut(place)) {
            Some(array) => arrays.push(Arc::clone(array)),
            None => {
                let stored = batch.column(batch.schema().index_of(field.name())?);
                arrays.push(unpack(field.name(), stored)?);
            }
        }
    }
    let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(columns.schema(), arrays, &options)
}

/// The columns of the run tables for the rows of a batch, in the order of [`IN_RUNS`].
fn from_runs(batch: &RecordBatch, footer: &Footer) -> Result<Vec<ArrayRef>, ArrowError> {
    let damaged = || ArrowError::ParquetError("an index is outside of the segment".to_owned());
    let index = batch.column_by_name(rows::INDEX).ok_or_else(damaged)?;
    let index = index.as_primitive_opt::<UInt64Type>().ok_or_else(damaged)?;
    let first = footer.about().indices.start;
    let places = places(index.values(), first, footer.runs()).ok_or_else(damaged)?;
    let received = places.iter().map(|place| place.received_at);
    let received = TimestampNanosecondArray::from_iter_values(received).with_timezone(rows::UTC);
    let mut instances = FixedSizeBinaryBuilder::with_capacity(places.len(), 16);
    for place in &places {
        match place.stream {
            Some(stream) => instances.append_value(stream.instance)?,
            None => instances.append_null(),
        }
    }
    let seqs = places.iter().map(|place| place.stream.and_then(|stream| stream.seq));
    Ok(vec![
        Arc::new(received),
        Arc::new(instances.finish()),
        Arc::new(seqs.collect::<UInt64Array>()),
        Arc::new(UInt64Array::from_iter_values(places.iter().map(|place| place.salt.block))),
        Arc::new(UInt32Array::from_iter_values(places.iter().map(|place| place.salt.slot))),
    ])
}

fn places(index: &[u64], first: u64, runs: &Runs) -> Option<Vec<Place>> {
    let mut cursor = runs.cursor();
    let place = |index: &u64| cursor.at(u32::try_from(index.checked_sub(first)?).ok()?);
    index.iter().map(place).collect()
}
