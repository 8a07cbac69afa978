//! Rows into a file: sorted, encoded, indexed and hashed in one go.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BinaryBuilder, RecordBatch, UInt32Array};
use arrow::compute::take_record_batch;
use event::ids::TenantId;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::errors::ParquetError;
use sha2::{Digest as _, Sha256};

use super::footer::{Meta, key_values};
use super::forms::Forms;
use super::{About, GROUP_ROWS, Level, Print, ROWS_MAX, file_name, hash, shape};
use crate::Error;
use crate::names;
use crate::rows;
use crate::rows::read::{Texts, Times, U64s};
use crate::runs::Runs;
use crate::steps::{Steps, at_once, step};

/// What a segment is to be.
#[derive(Clone, Copy)]
pub struct Order<'a> {
    /// Whose rows they are.
    pub tenant: &'a TenantId,
    /// How they are to be sorted.
    pub level: Level,
    /// Their retention class.
    pub class: &'a str,
    /// Their rollup partial, encoded.
    pub rollup: &'a [u8],
    /// The records' bytes of rows that do not rebuild them, by index.
    pub exact: &'a BTreeMap<u64, Vec<u8>>,
    /// The secret of a salt block; `None` if it is gone, and then it is not in the file either.
    pub secrets: &'a (dyn Fn(u64) -> Option<[u8; 32]> + Sync),
}

impl std::fmt::Debug for Order<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Order").field("tenant", self.tenant).field("level", &self.level).finish()
    }
}

/// Writes a segment of `batch` to `out`: all columns of [`rows::schema`], rows in index order, none
/// missing, at most [`ROWS_MAX`]. Nothing is synced.
///
/// # Errors
/// When the rows are not such, or `out` refuses.
pub fn write(
    out: &mut (dyn Write + Send),
    batch: &RecordBatch,
    order: &Order<'_>,
) -> Result<(About, Print), Error> {
    write_in(out, (batch, &at_once), order)
}

/// As [`write`], in steps.
pub(crate) fn write_in(
    out: &mut (dyn Write + Send),
    (batch, steps): (&RecordBatch, &Steps<'_>),
    order: &Order<'_>,
) -> Result<(About, Print), Error> {
    let batch = whole(batch, order)?;
    let meta = step(steps, || meta(&batch, order))?;
    let name = file_name(order.tenant, &meta.about.indices, order.level);
    let damaged = |what: String| Error::Segment { path: name.clone(), what };
    let missing = || damaged("columns are missing".to_owned());
    let sorted = match order.level {
        Level::L0 => None,
        Level::L1 => Some(step(steps, || by_actor(&batch)).ok_or_else(missing)?),
    };
    let sorted = sorted.as_deref();
    let index = step(steps, || name_index(&batch, sorted)).ok_or_else(missing)?;
    let print = encode(out, (&batch, steps), (meta.clone(), sorted, &index));
    let print = print.map_err(|error| damaged(error.to_string()))?;
    Ok((meta.about, print))
}

/// The batch with the column of exact bytes behind it.
pub(super) fn whole(batch: &RecordBatch, order: &Order<'_>) -> Result<RecordBatch, Error> {
    let damaged = |what: &str| Error::Segment { path: order.tenant.to_string(), what: what.into() };
    let index = U64s::of(batch, rows::INDEX).ok_or_else(|| damaged("there is no index"))?;
    let Some(first) = index.get(0).filter(|_| batch.num_rows() <= ROWS_MAX) else {
        return Err(damaged("a segment has 1 to 131072 rows"));
    };
    let mut exact = BinaryBuilder::new();
    for (row, expected) in (0..batch.num_rows()).zip(first..) {
        let found = index.get(row).unwrap_or_default();
        if found != expected {
            return Err(Error::OutOfOrder { expected, first: found });
        }
        exact.append_option(order.exact.get(&expected));
    }
    let mut fields = batch.schema().fields().to_vec();
    fields.extend(shape::schema().fields().last().cloned());
    let schema = Arc::new(arrow::datatypes::Schema::new(fields));
    let exact: ArrayRef = Arc::new(exact.finish());
    let columns = batch.columns().iter().cloned().chain([exact]).collect();
    RecordBatch::try_new(schema, columns).map_err(|source| Error::Arrow { source })
}

/// What the file says about itself, but where its name index is.
pub(super) fn meta(batch: &RecordBatch, order: &Order<'_>) -> Result<Meta, Error> {
    let missing = || Error::Segment {
        path: order.tenant.to_string(),
        what: "columns are missing".to_owned(),
    };
    let first = U64s::of(batch, rows::INDEX).and_then(|index| index.get(0)).ok_or_else(missing)?;
    let runs = Runs::of(batch).ok_or_else(missing)?;
    let count = u64::from(runs.rows());
    let exact = batch.columns().last().map_or(0, |exact| exact.len() - exact.null_count());
    let about = About {
        tenant: order.tenant.clone(),
        indices: first..first.saturating_add(count),
        level: order.level,
        class: order.class.to_owned(),
        rows: count,
        exact: u64::try_from(exact).unwrap_or(u64::MAX),
        loose: u64::from(runs.loose()),
        received_at: runs.received_at().ok_or_else(missing)?,
        occurred_at: occurred_at(batch).ok_or_else(missing)?,
    };
    let secret = |block: &u64| Some((*block, (order.secrets)(*block)?));
    let secrets = runs.blocks().iter().filter_map(secret).collect();
    let rows_sha256 = hash::rows(batch).ok_or_else(missing)?;
    Ok(Meta { about, rows_sha256, names: 0..0, runs, secrets, rollup: order.rollup.to_vec() })
}

/// The first and last claimed time, if one was claimed; the outer `None` if there is no such column.
pub(super) fn occurred_at(batch: &RecordBatch) -> Option<Option<(i64, i64)>> {
    let times = Times::of(batch, rows::OCCURRED_AT)?;
    let mut span: Option<(i64, i64)> = None;
    for time in (0..batch.num_rows()).filter_map(|row| times.get(row)) {
        let (first, last) = span.unwrap_or((time, time));
        span = Some((first.min(time), last.max(time)));
    }
    Some(span)
}

/// The index of the names of actors and targets of rows in index order, which stand in the file as `sorted` says.
pub(super) fn name_index(batch: &RecordBatch, sorted: Option<&[u32]>) -> Option<Vec<u8>> {
    let rows = u32::try_from(batch.num_rows()).ok()?;
    let mut places: Vec<u32> = (0..rows).collect();
    for (row, place) in sorted.into_iter().flatten().zip(0..) {
        *places.get_mut(usize::try_from(*row).ok()?)? = place;
    }
    let mut names = names::Builder::with_capacity(batch.num_rows() * 2);
    add_names(&mut names, batch, |row| {
        places.get(usize::try_from(row).ok()?).map(|place| (row, *place))
    })?;
    Some(names.finish())
}

/// Adds the names of the rows of a batch, of each of which `stands` says its offset from the first index and its row in the
/// file: of targets the index has offsets, of actors rows, which are neighbours in a sorted file.
pub(super) fn add_names(
    names: &mut names::Builder,
    batch: &RecordBatch,
    stands: impl Fn(u32) -> Option<(u32, u32)>,
) -> Option<()> {
    let mut is_whole = true;
    names::each(batch, |hash, row| match stands(row) {
        Some((_, place)) if names::is_actor(hash) => names.add(hash, place),
        Some((offset, _)) => names.add(hash, offset),
        None => is_whole = false,
    })?;
    is_whole.then_some(())
}

pub(super) fn encode(
    out: &mut (dyn Write + Send),
    (batch, steps): (&RecordBatch, &Steps<'_>),
    (mut meta, sorted, index): (Meta, Option<&[u32]>, &[u8]),
) -> Result<Print, ParquetError> {
    let sink = Sink::new(out);
    let forms = step(steps, || Forms::of(batch));
    let options = ArrowWriterOptions::new()
        .with_properties(shape::properties(meta.about.level, forms))
        .with_skip_arrow_metadata(true);
    let mut writer = ArrowWriter::try_new_with_options(sink, forms.schema(), options)?;
    let columns = step(steps, || forms.pack(batch))?;
    match sorted {
        // A group of rows at a time, as the writer would cut them itself: the bytes are the same.
        None => {
            for from in (0..columns.num_rows()).step_by(GROUP_ROWS) {
                let group = columns.slice(from, GROUP_ROWS.min(columns.num_rows() - from));
                step(steps, || writer.write(&group))?;
            }
        }
        Some(sorted) => {
            for group in sorted.chunks(GROUP_ROWS) {
                let group = UInt32Array::from(group.to_vec());
                step(steps, || writer.write(&take_record_batch(&columns, &group)?))?;
            }
        }
    }
    step(steps, || writer.flush())?;
    let start = u64::try_from(writer.bytes_written()).unwrap_or(u64::MAX);
    meta.names = start..start.saturating_add(u64::try_from(index.len()).unwrap_or(u64::MAX));
    writer.write_all(index)?;
    for pair in key_values(&meta) {
        writer.append_key_value_metadata(pair);
    }
    writer.sync()?;
    writer.inner_mut().begin_footer();
    writer.finish()?;
    writer.sync()?;
    Ok(writer.inner().print())
}

/// The rows by actor, and by index within one.
pub(super) fn by_actor(batch: &RecordBatch) -> Option<Vec<u32>> {
    let actors = Texts::of(batch, "actor_id")?;
    let count = u32::try_from(batch.num_rows()).ok()?;
    let mut rows: Vec<(Option<&str>, u32)> =
        (0..count).zip(0..).map(|(row, place)| (actors.get(place), row)).collect();
    rows.sort_unstable();
    Some(rows.into_iter().map(|(_, row)| row).collect())
}

/// Where bytes go, counted and hashed on their way.
struct Sink<'o> {
    out: &'o mut (dyn Write + Send),
    whole: Sha256,
    bytes: u64,
    /// The hash of the footer, and where it began.
    footer: Option<(Sha256, u64)>,
}

impl<'o> Sink<'o> {
    fn new(out: &'o mut (dyn Write + Send)) -> Self {
        Self { out, whole: Sha256::new(), bytes: 0, footer: None }
    }

    fn begin_footer(&mut self) {
        self.footer = Some((Sha256::new(), self.bytes));
    }

    fn print(&self) -> Print {
        let (footer, start) = self.footer.clone().unwrap_or((Sha256::new(), self.bytes));
        Print {
            bytes: self.bytes,
            sha256: self.whole.clone().finalize().into(),
            footer_bytes: self.bytes - start,
            footer_sha256: footer.finalize().into(),
        }
    }
}

impl Write for Sink<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write_all(bytes)?;
        self.whole.update(bytes);
        if let Some((footer, _)) = &mut self.footer {
            footer.update(bytes);
        }
        self.bytes += u64::try_from(bytes.len()).unwrap_or(0);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
