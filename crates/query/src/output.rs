//! Answers as bytes: a JSON array of objects, one object a line, CSV, or an Arrow stream.
//!
//! Times print as RFC 3339 in every text form. A text that a spreadsheet would take for a formula
//! is marked in CSV. It refuses to print tables for people: that is the command line's.

mod csv; // cells that a spreadsheet does not run

use std::io::Write;

use arrow::array::{Array as _, MutableArrayData, RecordBatch, RecordBatchOptions, make_array};
use arrow::ipc::writer::StreamWriter;
use arrow::json::WriterBuilder;
use arrow::json::writer::{JsonArray, JsonFormat, LineDelimited};

use crate::{Answer, Error};

/// A form of answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One array of objects, a member for every column, nulls written out.
    Json,
    /// One such object a line.
    JsonLines,
    /// RFC 4180 with a header line.
    Csv,
    /// An Arrow IPC stream.
    Arrow,
}

impl Format {
    /// The media type of the bytes.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::JsonLines => "application/x-ndjson",
            Self::Csv => "text/csv; charset=utf-8",
            Self::Arrow => "application/vnd.apache.arrow.stream",
        }
    }
}

impl Answer {
    /// Writes the rows in a format to `out`.
    pub fn write(&self, format: Format, out: &mut impl Write) -> Result<(), Error> {
        let written = match format {
            Format::Json => self.json::<JsonArray>(out),
            Format::JsonLines => self.json::<LineDelimited>(out),
            Format::Csv => csv::write(self, out),
            Format::Arrow => self.arrow(out),
        };
        written.map_err(|error| Error::Failed { detail: error.to_string() })
    }

    /// The rows in a format.
    pub fn to_bytes(&self, format: Format) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        self.write(format, &mut bytes)?;
        Ok(bytes)
    }

    fn json<F: JsonFormat>(&self, out: &mut impl Write) -> Result<(), arrow::error::ArrowError> {
        let builder = WriterBuilder::new().with_explicit_nulls(true);
        let mut writer = builder.build::<_, F>(out);
        for batch in &self.batches {
            writer.write(batch)?;
        }
        writer.finish()
    }

    fn arrow(&self, out: &mut impl Write) -> Result<(), arrow::error::ArrowError> {
        let mut writer = StreamWriter::try_new(out, &self.schema)?;
        for batch in &self.batches {
            writer.write(&own(batch)?)?;
        }
        writer.finish()
    }
}

/// The same rows in buffers of their own. INVARIANT (I9): a slice ends in the bits of rows behind it,
/// and the stream would carry them.
fn own(batch: &RecordBatch) -> Result<RecordBatch, arrow::error::ArrowError> {
    let copied = batch.columns().iter().map(|column| {
        let data = column.to_data();
        let mut copy = MutableArrayData::new(vec![&data], false, data.len());
        copy.try_extend(0, 0, data.len())?;
        Ok(make_array(copy.freeze()))
    });
    let copied: Result<Vec<_>, arrow::error::ArrowError> = copied.collect();
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(batch.schema(), copied?, &options)
}
