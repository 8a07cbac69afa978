//! Columns that are stored in a smaller form where all values of a file have it.
//!
//! Sixteen bytes for a trace id of 32 digits, four or sixteen for an address, milliseconds or
//! microseconds for times that are whole ones. Promises: a form is taken only if every value comes
//! back as the same text; the file's own schema says which was. Everything else is stored as it is.

use core::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr as _;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray as _, BinaryBuilder, FixedSizeBinaryBuilder, RecordBatch,
    StringBuilder,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit, TimestampNanosecondType};
use arrow::error::ArrowError;
use event::ids::{Instance, digits};
use event::normal::is_ip;
use parquet::basic::{LogicalType, TimeUnit as FileUnit, Type};
use parquet::schema::types::SchemaDescriptor;

use super::shape;
use crate::rows;

const TRACE_ID: &str = "trace_id";
const IP: &str = "ip_claimed";

/// Which columns of a file are in a smaller form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Forms {
    trace_id: Form,
    ip: Form,
    occurred_at: TimeUnit,
}

/// How a text column is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Bytes,
}

impl Forms {
    /// The smallest forms that all values of a batch have.
    pub(super) fn of(batch: &RecordBatch) -> Forms {
        let all = |name: &str, is_small: fn(&str) -> bool| {
            let texts = batch.column_by_name(name).and_then(|column| column.as_string_opt::<i32>());
            match texts.is_some_and(|texts| texts.iter().flatten().all(is_small)) {
                true => Form::Bytes,
                false => Form::Text,
            }
        };
        Forms {
            trace_id: all(TRACE_ID, |text| trace(text).is_some()),
            ip: all(IP, is_ip),
            occurred_at: unit(batch),
        }
    }

    /// The forms of a file, by its schema; `None` if its columns are in none that is known.
    pub(super) fn of_file(schema: &SchemaDescriptor) -> Option<Forms> {
        let column = |name: &str| {
            let columns = schema.columns();
            columns
                .iter()
                .find(|column| column.path().parts().first().is_some_and(|root| root == name))
        };
        let form = |name: &str, bytes: Type| {
            let column = column(name)?;
            match column.logical_type_ref() {
                Some(LogicalType::String) => Some(Form::Text),
                _ => (column.physical_type() == bytes).then_some(Form::Bytes),
            }
        };
        let LogicalType::Timestamp(time) = column(rows::OCCURRED_AT)?.logical_type_ref()? else {
            return None;
        };
        let occurred_at = match time.unit {
            FileUnit::MILLIS => TimeUnit::Millisecond,
            FileUnit::MICROS => TimeUnit::Microsecond,
            FileUnit::NANOS => TimeUnit::Nanosecond,
        };
        let trace_id = form(TRACE_ID, Type::FIXED_LEN_BYTE_ARRAY)?;
        Some(Forms { trace_id, ip: form(IP, Type::BYTE_ARRAY)?, occurred_at })
    }

    /// Whether trace ids are stored as sixteen bytes.
    pub(super) fn has_short_traces(self) -> bool {
        self.trace_id == Form::Bytes
    }

    /// The Arrow schema of a file in these forms.
    pub(super) fn schema(self) -> SchemaRef {
        let fields = shape::schema();
        let changed = fields.fields().iter().map(|field| match self.stored(field.name()) {
            Some(kind) => Arc::new(Field::new(field.name(), kind, field.is_nullable())),
            None => Arc::clone(field),
        });
        Arc::new(Schema::new(changed.collect::<Vec<_>>()))
    }

    /// The type of a column that is stored in another form.
    fn stored(self, name: &str) -> Option<DataType> {
        match name {
            TRACE_ID if self.trace_id == Form::Bytes => Some(DataType::FixedSizeBinary(16)),
            IP if self.ip == Form::Bytes => Some(DataType::Binary),
            rows::OCCURRED_AT if self.occurred_at != TimeUnit::Nanosecond => {
                Some(DataType::Timestamp(self.occurred_at, Some(rows::UTC.into())))
            }
            _ => None,
        }
    }

    /// The batch as it is written: the columns of a file out of one that has them all.
    pub(super) fn pack(self, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let schema = self.schema();
        let column = |field: &Arc<Field>| {
            let index = batch.schema().index_of(field.name())?;
            let column = batch.column(index);
            match (field.name().as_str(), self.stored(field.name())) {
                (_, None) => Ok(Arc::clone(column)),
                (TRACE_ID, _) => pack_traces(column),
                (IP, _) => Ok(pack_addresses(column)),
                (_, Some(kind)) => cast(column, &kind),
            }
        };
        let columns: Result<Vec<ArrayRef>, ArrowError> =
            schema.fields().iter().map(column).collect();
        RecordBatch::try_new(schema, columns?)
    }
}

/// A column as rows have it, of one as a file has it.
pub(super) fn unpack(name: &str, column: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    match (name, column.data_type()) {
        (TRACE_ID, DataType::FixedSizeBinary(_)) => Ok(unpack_traces(column)),
        (IP, DataType::Binary) => unpack_addresses(column),
        (rows::OCCURRED_AT, DataType::Timestamp(unit, _)) if *unit != TimeUnit::Nanosecond => {
            cast(column, &DataType::Timestamp(TimeUnit::Nanosecond, Some(rows::UTC.into())))
        }
        _ => Ok(Arc::clone(column)),
    }
}

/// The coarsest unit of which all times are whole ones.
fn unit(batch: &RecordBatch) -> TimeUnit {
    let times = batch.column_by_name(rows::OCCURRED_AT);
    let times = times.and_then(|times| times.as_primitive_opt::<TimestampNanosecondType>());
    let Some(times) = times else { return TimeUnit::Nanosecond };
    let whole = |ns: i64| times.iter().flatten().all(|time| time % ns == 0);
    if whole(1_000_000) {
        TimeUnit::Millisecond
    } else if whole(1_000) {
        TimeUnit::Microsecond
    } else {
        TimeUnit::Nanosecond
    }
}

/// The sixteen bytes of a trace id, if its text is what they are written as.
fn trace(text: &str) -> Option<[u8; 16]> {
    let is_lower = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if is_lower { Instance::parse(text).ok().map(|found| found.0) } else { None }
}

fn pack_traces(column: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let texts = column.as_string::<i32>();
    let mut bytes = FixedSizeBinaryBuilder::with_capacity(texts.len(), 16);
    for text in texts {
        match text.and_then(trace) {
            Some(id) => bytes.append_value(id)?,
            None => bytes.append_null(),
        }
    }
    Ok(Arc::new(bytes.finish()))
}

fn unpack_traces(column: &ArrayRef) -> ArrayRef {
    let ids = column.as_fixed_size_binary();
    let mut texts = StringBuilder::with_capacity(ids.len(), ids.len() * 32);
    for id in ids {
        let Some(id) = id.and_then(|id| <[u8; 16]>::try_from(id).ok()) else {
            texts.append_null();
            continue;
        };
        let digits = digits(id);
        texts.append_value(std::str::from_utf8(&digits).unwrap_or_default());
    }
    Arc::new(texts.finish())
}

fn pack_addresses(column: &ArrayRef) -> ArrayRef {
    let texts = column.as_string::<i32>();
    let mut bytes = BinaryBuilder::with_capacity(texts.len(), texts.len() * 4);
    for text in texts {
        let Some(text) = text else {
            bytes.append_null();
            continue;
        };
        match (Ipv4Addr::from_str(text), Ipv6Addr::from_str(text)) {
            (Ok(address), _) => bytes.append_value(address.octets()),
            (_, Ok(address)) => bytes.append_value(address.octets()),
            _ => bytes.append_null(),
        }
    }
    Arc::new(bytes.finish())
}

fn unpack_addresses(column: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    use std::fmt::Write as _;
    let addresses = column.as_binary::<i32>();
    let mut texts = StringBuilder::with_capacity(addresses.len(), addresses.len() * 12);
    for address in addresses {
        let Some(address) = address else {
            texts.append_null();
            continue;
        };
        let written = if let Ok(four) = <[u8; 4]>::try_from(address) {
            dotted(four, &mut texts)
        } else if let Ok(sixteen) = <[u8; 16]>::try_from(address) {
            write!(texts, "{}", Ipv6Addr::from(sixteen))
        } else {
            Err(std::fmt::Error)
        };
        let damaged = |_| ArrowError::ParquetError("an address has no length that one has".into());
        written.map_err(damaged)?;
        // What was written so far is this row's.
        texts.append_value("");
    }
    Ok(Arc::new(texts.finish()))
}

/// Writes four bytes as an address is written: the formatter of the standard library takes several times as long.
fn dotted(four: [u8; 4], out: &mut StringBuilder) -> std::fmt::Result {
    use std::fmt::Write as _;
    for (place, byte) in four.into_iter().enumerate() {
        if place > 0 {
            out.write_char('.')?;
        }
        for (unit, least) in [(100, 100), (10, 10), (1, 0)] {
            if byte >= least {
                out.write_char(char::from(b'0' + byte / unit % 10))?;
            }
        }
    }
    Ok(())
}
