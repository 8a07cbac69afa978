//! `producers`: the streams of a tenant, as its ledger has them.
//!
//! Streams are no rows: what the ledger says of one counts all of its records, in view or not.
//! INVARIANT (I9): so they are there for a caller who sees the whole tenant with nothing masked,
//! and for every other caller the table is refused by its name, whatever is in it (see
//! `source`): no part of a stream can be told without telling of rows that are hidden.
//!
//! They are asked for when a statement first reads them, and once in a statement, so that its parts
//! agree; the answer's `as_of` can be older than they are.

use std::fmt;
use std::sync::{Arc, OnceLock};

use arrow::array::{ArrayRef, RecordBatch, StringArray, TimestampNanosecondArray, UInt64Array};
use arrow::datatypes::{DataType, Field, SchemaRef, TimeUnit};
use arrow::error::ArrowError;
use datafusion::error::DataFusionError;
use event::ids::{Instance, ProducerId, Timestamp};
use lake::rows::UTC;

use crate::Error;
use crate::tables::Column;

/// One stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    /// Who sends it.
    pub producer: ProducerId,
    /// Which of the producer's streams it is.
    pub instance: Instance,
    /// The number that would be accepted next.
    pub next_seq: u64,
    /// The stamp of its last record.
    pub last_seen: Timestamp,
    /// Its last record, if that is still in the log.
    pub last_index: Option<u64>,
    /// How many of its records in the log declare a gap.
    pub gaps_in_log: u64,
}

type Told = Result<Vec<Stream>, Error>;
type Ask = Box<dyn Fn() -> Told + Send + Sync>;

/// The streams of one tenant, for one question.
pub struct Streams {
    ask: Ask,
    told: OnceLock<Told>,
}

impl Streams {
    /// What `ask` gives, by producer and instance, or why it gives nothing; it is called at most
    /// once.
    pub fn new(ask: impl Fn() -> Result<Vec<Stream>, Error> + Send + Sync + 'static) -> Self {
        Self { ask: Box::new(ask), told: OnceLock::new() }
    }

    /// The rows of these columns.
    pub(crate) fn rows(
        &self,
        columns: &[&'static Column],
        schema: &SchemaRef,
    ) -> Result<RecordBatch, DataFusionError> {
        let told = self.told.get_or_init(&self.ask).as_ref();
        let told = told.map_err(|error| DataFusionError::External(Box::new(error.clone())))?;
        let arrays: Option<Vec<ArrayRef>> =
            columns.iter().map(|column| array(column.name, told)).collect();
        let missing = || ArrowError::SchemaError("streams have no such column".into());
        let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(told.len()));
        let arrays = arrays.ok_or_else(missing)?;
        Ok(RecordBatch::try_new_with_options(Arc::clone(schema), arrays, &options)?)
    }
}

impl fmt::Debug for Streams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Streams")
    }
}

/// Name, type and whether it can be null.
pub(crate) fn field(name: &str) -> Field {
    let time = DataType::Timestamp(TimeUnit::Nanosecond, Some(UTC.into()));
    match name {
        "last_seen" => Field::new(name, time, false),
        "last_index" => Field::new(name, DataType::UInt64, true),
        "next_seq" | "gaps_in_log" => Field::new(name, DataType::UInt64, false),
        _ => Field::new(name, DataType::Utf8, false),
    }
}

/// One column of `producers`.
fn array(name: &str, streams: &[Stream]) -> Option<ArrayRef> {
    let each = streams.iter();
    Some(match name {
        "producer" => {
            Arc::new(each.map(|one| Some(one.producer.as_str())).collect::<StringArray>())
        }
        "instance" => {
            Arc::new(each.map(|one| Some(one.instance.to_string())).collect::<StringArray>())
        }
        "next_seq" => Arc::new(each.map(|one| Some(one.next_seq)).collect::<UInt64Array>()),
        "last_seen" => {
            let nanoseconds = each.map(|one| i64::try_from(one.last_seen.0).unwrap_or(i64::MAX));
            let times = TimestampNanosecondArray::from_iter_values(nanoseconds);
            Arc::new(times.with_timezone(UTC))
        }
        "last_index" => Arc::new(each.map(|one| one.last_index).collect::<UInt64Array>()),
        "gaps_in_log" => Arc::new(each.map(|one| Some(one.gaps_in_log)).collect::<UInt64Array>()),
        _ => return None,
    })
}
