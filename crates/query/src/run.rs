//! Statement to answer: read, check, plan, check again, run within limits, collect.
//!
//! An answer is whole or an error, so it is collected before the first byte leaves; its size is
//! bounded. Dropping the future cancels the query at its next batch.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray, TimestampNanosecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::sql::parser::Statement;
use futures::StreamExt as _;

use crate::allow::{self, Allowed};
use crate::fault::blame;
use crate::limits::{Limits, counted, passed};
use crate::seal::{Allowance, Sealed};
use crate::session::Planned;
use crate::size::size;
use crate::source::{Source, Tenant};
use crate::{Error, tables};

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// One statement.
    pub sql: &'a str,
    /// The values of `$1`, `$2`, ... in order.
    pub parameters: &'a [Parameter],
}

/// A parameter's value.
#[derive(Debug, Clone, PartialEq)]
pub enum Parameter {
    /// No value.
    Null,
    /// A truth value.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Float(f64),
    /// A text; compared with a time it is read as one.
    Text(String),
}

impl From<event::search::Parameter> for Parameter {
    /// What a search that is shown as a statement asks with.
    fn from(parameter: event::search::Parameter) -> Self {
        use event::search::Parameter as Asked;
        match parameter {
            Asked::Text(text) => Self::Text(text),
            Asked::Whole(number) => Self::Integer(i64::try_from(number).unwrap_or(i64::MAX)),
            Asked::Time(at) => {
                let at = TimestampNanosecondArray::from_value(at, 1).value_as_datetime(0);
                at.map_or(Self::Null, |at| Self::Text(at.and_utc().to_rfc3339()))
            }
        }
    }
}

/// One column of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name; no two columns have the same.
    pub name: String,
    /// Its Arrow type.
    pub data_type: String,
}

/// What an answer was worked out over. `as_of` is the tree size it reflects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coverage {
    /// The first index that was looked at.
    pub from_index: u64,
    /// One past the last.
    pub to_index: u64,
    /// The tree size that the answer reflects.
    pub as_of: u64,
    /// Whether no row below `as_of` is missing.
    pub complete: bool,
}

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub(crate) schema: SchemaRef,
    pub(crate) batches: Vec<RecordBatch>,
    coverage: Coverage,
}

impl Answer {
    pub(crate) fn new(schema: SchemaRef, batches: Vec<RecordBatch>, coverage: Coverage) -> Self {
        Self { schema, batches, coverage }
    }

    /// Its columns in order.
    pub fn columns(&self) -> Vec<Column> {
        let column = |field: &Arc<Field>| Column {
            name: field.name().clone(),
            data_type: field.data_type().to_string(),
        };
        self.schema.fields().iter().map(column).collect()
    }

    /// How many rows it has.
    pub fn rows(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }

    /// The bytes of its arrays: what [`Limits::answer_bytes_max`] bounds.
    pub fn bytes(&self) -> usize {
        self.batches.iter().map(size).sum()
    }

    /// What it was worked out over.
    pub fn coverage(&self) -> Coverage {
        self.coverage
    }

    fn sealed(self) -> Sealed<Self> {
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let size = Allowance { rows: count(self.rows()), bytes: count(self.bytes()) };
        let coverage = self.coverage;
        Sealed::new(self, size, coverage)
    }
}

/// Answers a question over `tenant` for a caller with `view`. The answer is sealed until the read is
/// on record.
///
/// Run it on a runtime that serves no requests, whose threads have [`crate::limits::STACK_BYTES`]; drop
/// the future to cancel. See [`Error`] for what can go wrong.
pub async fn run(
    tenant: Tenant,
    view: &policy::View,
    question: Question<'_>,
    limits: &Limits,
) -> Result<Sealed<Answer>, Error> {
    let source = Arc::new(Source::new(tenant, view)?);
    let coverage = source.coverage();
    let work = async {
        match allow::statement(question.sql, limits)? {
            Allowed::Describe(table) => describe(table),
            Allowed::Query(parsed) => query(&source, *parsed, question.parameters, limits).await,
        }
    };
    let (schema, batches) = match tokio::time::timeout(limits.time_max, work).await {
        Ok(answer) => answer.map_err(|error| source.told(error))?,
        Err(_) => return Err(too_slow(limits)),
    };
    Ok(Answer::new(schema, batches, coverage).sealed())
}

async fn query(
    source: &Arc<Source>,
    parsed: Statement,
    parameters: &[Parameter],
    limits: &Limits,
) -> Result<(SchemaRef, Vec<RecordBatch>), Error> {
    let planned = Planned::new(source, parsed, parameters, limits).await?;
    collect(planned, limits).await
}

/// All rows of a planned statement, within its limits.
pub(crate) async fn collect(
    planned: Planned,
    limits: &Limits,
) -> Result<(SchemaRef, Vec<RecordBatch>), Error> {
    let mind = |error| blame(error, limits);
    let schema = distinct_names(planned.physical().schema())?;
    let mut stream = planned.start().map_err(mind)?;
    let mut answer = Vec::new();
    let (mut count, mut bytes) = (0, 0);
    while let Some(batch) = stream.next().await {
        let batch = batch.map_err(mind)?;
        count += batch.num_rows();
        bytes += size(&batch);
        fits(count, bytes, limits)?;
        answer.push(batch);
    }
    Ok((schema, answer))
}

fn fits(rows: usize, bytes: usize, limits: &Limits) -> Result<(), Error> {
    if rows > limits.rows_max {
        return Err(counted("rows of answer", limits.rows_max, "add a LIMIT or group the rows"));
    }
    if bytes > limits.answer_bytes_max {
        const HINT: &str = "ask for fewer columns or rows";
        return Err(counted("bytes of answer", limits.answer_bytes_max, HINT));
    }
    Ok(())
}

/// Two columns of one name would make one member of a JSON object.
fn distinct_names(schema: SchemaRef) -> Result<SchemaRef, Error> {
    let mut names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    names.sort_unstable();
    let twice = names.windows(2).find_map(|pair| match pair {
        [one, other] if one == other => Some((*one).to_owned()),
        _ => None,
    });
    match twice {
        None => Ok(schema),
        Some(name) => Err(Error::Invalid {
            reason: format!("two columns of the answer are called `{name}`"),
            hint: "give one of them another name with AS".into(),
        }),
    }
}

/// `DESCRIBE`: name, type, whether it can be null, and meaning of each column.
pub(crate) fn describe(table: &tables::Table) -> Result<(SchemaRef, Vec<RecordBatch>), Error> {
    let text = |name| Field::new(name, DataType::Utf8, false);
    let schema = ["column", "type", "nullable", "meaning"].map(text).to_vec();
    let schema: SchemaRef = Arc::new(Schema::new(schema));
    let fields: Vec<Field> = table.columns.iter().map(tables::Column::field).collect();
    let nullable = |field: &Field| if field.is_nullable() { "yes" } else { "no" };
    let types = fields.iter().map(|field| Some(field.data_type().to_string()));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(table.columns.iter().map(|column| Some(column.name)).collect::<StringArray>()),
        Arc::new(types.collect::<StringArray>()),
        Arc::new(fields.iter().map(nullable).map(Some).collect::<StringArray>()),
        Arc::new(table.columns.iter().map(|column| Some(column.meaning)).collect::<StringArray>()),
    ];
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns);
    let batch = batch.map_err(|error| Error::Failed { detail: error.to_string() })?;
    Ok((schema, vec![batch]))
}

pub(crate) fn too_slow(limits: &Limits) -> Error {
    let ms = u64::try_from(limits.time_max.as_millis()).unwrap_or(u64::MAX);
    passed("ms", ms, "ask for fewer rows, or for a narrower range of time")
}
