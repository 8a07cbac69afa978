//! Look-ups: a few records out of many, straight from pages.
//!
//! By id (blooms, then the pages that may hold it), by index, by a number of a stream (run tables).
//! Promises: every record of the view is found wherever it lies, hot or archived; an answer is the same
//! before and after a flush or a merge. It refuses to judge who may see what: that is the barrier's.

use arrow::array::{Array as _, AsArray as _, RecordBatch};
use arrow::datatypes::UInt64Type;
use event::ids::{EventId, Instance, ProducerId, Seq};

use crate::rebuild::Rebuild;
use crate::segment::{Columns, Segment, Which};
use crate::view::View;
use crate::{Error, rows};

/// The indices of all records with this event id, lowest first: ids are not unique across streams.
///
/// # Errors
/// What reading a segment can bring.
pub fn by_id(view: &View, id: &EventId) -> Result<Vec<u64>, Error> {
    let mut found = Vec::new();
    for segment in view.segments() {
        let first = segment.indices().start;
        found.extend(find_id(segment, id)?.into_iter().map(|offset| first + u64::from(offset)));
    }
    found.extend(view.hot_find_id(id));
    Ok(found)
}

/// The exact bytes of a record; nothing outside the view or in a hole.
///
/// # Errors
/// What reading a segment can bring, and a row that is no record.
pub fn payload(view: &View, index: u64) -> Result<Option<Vec<u8>>, Error> {
    if let Some(segment) = view.segment(index) {
        let offset = offset(segment, index);
        if let Some(exact) = segment.exact()?.get(&index) {
            return Ok(Some(exact.clone()));
        }
        let batch = at(segment, &Columns::all(), &[offset])?;
        return rebuilt(segment, &batch).map(Some);
    }
    Ok(None)
}

/// The secret of the salt block `block`, which the archived record at `index` uses.
///
/// # Errors
/// What reading a segment can bring.
pub fn secret(view: &View, index: u64, block: u64) -> Result<Option<[u8; 32]>, Error> {
    view.segment(index).map_or(Ok(None), |segment| segment.secret(block))
}

/// The archived record that a number of a stream became.
///
/// # Errors
/// What reading a segment can bring.
pub fn by_seq(
    view: &View,
    (producer, instance): (&ProducerId, Instance),
    seq: Seq,
) -> Result<Option<u64>, Error> {
    for segment in view.segments().iter().rev() {
        let footer = segment.footer()?;
        for offset in footer.runs().find(&instance.0, seq.0) {
            let batch = at(segment, &Columns::of(&[PRODUCER]), &[offset])?;
            if text(&batch, PRODUCER, 0) == Some(producer.as_str()) {
                return Ok(Some(segment.indices().start + u64::from(offset)));
            }
        }
    }
    Ok(None)
}

/// For each id, the lowest archived record of this producer outside any stream that has it.
///
/// # Errors
/// What reading a segment can bring.
pub fn loose(
    view: &View,
    producer: &ProducerId,
    ids: &[Option<EventId>],
) -> Result<Vec<Option<u64>>, Error> {
    let mut known = vec![None; ids.len()];
    for segment in view.segments().iter().filter(|segment| segment.about().loose > 0) {
        for (id, known) in ids.iter().zip(&mut known) {
            let (Some(id), None) = (id, *known) else { continue };
            let is_loose =
                |place: Found<'_>| place.seq.is_none() && place.producer == Some(producer.as_str());
            *known = first_with(segment, id, is_loose)?;
        }
    }
    Ok(known)
}

/// For each id, whether this producer has a record of it that is not in the stream `instance`.
///
/// # Errors
/// What reading a segment can bring.
pub fn known(
    view: &View,
    ids: &[EventId],
    (producer, instance): (&ProducerId, Instance),
) -> Result<Vec<bool>, Error> {
    let is_elsewhere = |place: Found<'_>| {
        place.producer == Some(producer.as_str()) && place.instance != Some(instance.0)
    };
    let mut known = Vec::with_capacity(ids.len());
    for id in ids {
        let mut is_known = false;
        for segment in view.segments() {
            is_known = is_known || first_with(segment, id, is_elsewhere)?.is_some();
        }
        known.push(is_known);
    }
    mark_hot(view, ids, is_elsewhere, &mut known);
    Ok(known)
}

/// Rows that are read at once while ids are compared.
const ID_ROWS: usize = 8_192;

/// The offsets of a segment's rows with this id, ascending: only the pages of row groups whose bloom filter
/// does not rule it out are read.
fn find_id(segment: &Segment, id: &EventId) -> Result<Vec<u32>, Error> {
    let groups = segment.groups_with_id(&id.0)?;
    if groups.is_empty() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    let columns = Columns::of(&[rows::INDEX, rows::ID]);
    for batch in segment.reader(&columns, Which::Groups(groups), ID_ROWS)? {
        let batch = batch?;
        let ids = batch.column_by_name(rows::ID).and_then(|ids| ids.as_fixed_size_binary_opt());
        let indices = batch.column_by_name(rows::INDEX);
        let indices = indices.and_then(|column| column.as_primitive_opt::<UInt64Type>());
        let (Some(ids), Some(indices)) = (ids, indices) else { continue };
        let (values, _) = ids.value_data().as_chunks::<16>();
        let same = values.iter().zip(indices.values()).filter(|(one, _)| **one == id.0);
        found.extend(same.map(|(_, index)| offset(segment, *index)));
    }
    found.sort_unstable();
    Ok(found)
}

/// Who sent a record, and in which stream.
#[derive(Debug, Clone, Copy)]
struct Found<'a> {
    producer: Option<&'a str>,
    instance: Option<[u8; 16]>,
    seq: Option<u64>,
}

/// The lowest record of a segment that has the id and of which `fits` holds.
fn first_with(
    segment: &Segment,
    id: &EventId,
    fits: impl Fn(Found<'_>) -> bool,
) -> Result<Option<u64>, Error> {
    let offsets = find_id(segment, id)?;
    if offsets.is_empty() {
        return Ok(None);
    }
    let columns = Columns::of(&[PRODUCER, rows::INSTANCE, rows::SEQ]);
    let batch = at(segment, &columns, &offsets)?;
    let fitting = offsets.iter().enumerate().find(|(row, _)| fits(found(&batch, *row)));
    Ok(fitting.map(|(_, offset)| segment.indices().start + u64::from(*offset)))
}

/// Marks the ids that a hot row has of which `fits` holds: one walk over the ids, however many are asked.
fn mark_hot(view: &View, ids: &[EventId], fits: impl Fn(Found<'_>) -> bool, known: &mut [bool]) {
    let mut asked: Vec<([u8; 16], usize)> = ids.iter().map(|id| id.0).zip(0..).collect();
    asked.sort_unstable();
    for chunk in view.hot_chunks() {
        let column = chunk.batch().column_by_name(rows::ID);
        let Some(column) = column.and_then(|ids| ids.as_fixed_size_binary_opt()) else { continue };
        let (values, _) = column.value_data().as_chunks::<16>();
        for (row, id) in values.iter().enumerate() {
            let from = asked.partition_point(|(one, _)| one < id);
            let same = asked.iter().skip(from).take_while(|(one, _)| one == id);
            for (_, position) in same {
                if fits(found(chunk.batch(), row)) {
                    known.iter_mut().skip(*position).take(1).for_each(|known| *known = true);
                }
            }
        }
    }
}

const PRODUCER: &str = "producer";

fn found(batch: &RecordBatch, row: usize) -> Found<'_> {
    let instance = batch.column_by_name(rows::INSTANCE);
    let instance = instance.and_then(|column| column.as_fixed_size_binary_opt());
    let instance = instance.filter(|column| column.is_valid(row));
    let seq = batch.column_by_name(rows::SEQ);
    let seq = seq.and_then(|column| column.as_primitive_opt::<UInt64Type>());
    Found {
        producer: text(batch, PRODUCER, row),
        instance: instance.and_then(|column| column.value(row).try_into().ok()),
        seq: seq.filter(|column| column.is_valid(row)).map(|column| column.value(row)),
    }
}

fn text<'b>(batch: &'b RecordBatch, name: &str, row: usize) -> Option<&'b str> {
    let column = batch.column_by_name(name)?.as_string_opt::<i32>()?;
    column.is_valid(row).then(|| column.value(row))
}

/// The rows at these offsets, in this order.
fn at(segment: &Segment, columns: &Columns, offsets: &[u32]) -> Result<RecordBatch, Error> {
    segment.take(columns, &segment.rows_of(offsets)?)
}

fn offset(segment: &Segment, index: u64) -> u32 {
    u32::try_from(index - segment.indices().start).expect("a segment has at most 131,072 rows")
}

fn rebuilt(segment: &Segment, batch: &RecordBatch) -> Result<Vec<u8>, Error> {
    let damaged = |what: String| Error::Segment { path: segment.name().to_owned(), what };
    let rebuild = Rebuild::new(&segment.about().tenant, batch);
    let rebuild = rebuild.ok_or_else(|| damaged("its columns are not those of rows".to_owned()))?;
    let mut payload = Vec::new();
    rebuild.payload(0, &mut payload).map_err(|error| damaged(error.to_string()))?;
    Ok(payload)
}
