//! CSV (RFC 4180) that a spreadsheet shows and does not run: a text that begins like a formula gets
//! an apostrophe in front. Numbers, times and truth values are written as they are; null is an empty
//! cell, an empty text is `""`.

use std::io::Write;

use arrow::array::{Array as _, ArrayRef, RecordBatch};
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};

use crate::Answer;

/// The first characters at which spreadsheets take a cell for a formula.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// Writes a header line and a line a row.
pub(super) fn write(answer: &Answer, out: &mut impl Write) -> Result<(), ArrowError> {
    let names: Vec<String> =
        answer.schema.fields().iter().map(|field| text_cell(field.name())).collect();
    write!(out, "{}\r\n", names.join(","))?;
    answer.batches.iter().try_for_each(|batch| rows(batch, out))
}

fn rows(batch: &RecordBatch, out: &mut impl Write) -> Result<(), ArrowError> {
    let options = FormatOptions::default();
    let formatters: Result<Vec<_>, _> =
        batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options)).collect();
    let formatters = formatters?;
    for row in 0..batch.num_rows() {
        for (at, (column, formatter)) in batch.columns().iter().zip(&formatters).enumerate() {
            if at > 0 {
                write!(out, ",")?;
            }
            if column.is_valid(row) {
                let shown = formatter.value(row).try_to_string()?;
                write!(out, "{}", if is_text(column) { text_cell(&shown) } else { shown })?;
            }
        }
        write!(out, "\r\n")?;
    }
    Ok(())
}

/// Whether a cell of this column can hold arbitrary text: all but numbers, times, truth values.
fn is_text(column: &ArrayRef) -> bool {
    let kind = column.data_type();
    !(kind.is_numeric() || kind.is_temporal() || *kind == arrow::datatypes::DataType::Boolean)
}

fn text_cell(text: &str) -> String {
    let mark = if text.starts_with(FORMULA) { "'" } else { "" };
    let needs_quotes = text.is_empty() || text.contains([',', '"', '\r', '\n']);
    if needs_quotes {
        format!("\"{mark}{}\"", text.replace('"', "\"\""))
    } else {
        format!("{mark}{text}")
    }
}
