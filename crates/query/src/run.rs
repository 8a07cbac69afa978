//! Statement to answer: read, check, plan, check again, run within limits, collect.
//!
//! An answer is whole or an error, so it is collected before the first byte leaves; its size is
//! bounded. Dropping the future cancels the query at its next batch. INVARIANT (I8): a view that is
//! not the whole tenant is refused, because this build can neither scope rows nor mask fields.

use std::num::NonZeroUsize;
use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::{
    CatalogProvider, MemoryCatalogProvider, MemorySchemaProvider, SchemaProvider,
};
use datafusion::common::{DataFusionError, ParamValues, ScalarValue};
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{FairSpillPool, TrackConsumersPool};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::{SessionState, SessionStateBuilder, SessionStateDefaults};
use datafusion::physical_plan::execute_stream;
use datafusion::prelude::SessionConfig;
use datafusion::sql::parser::Statement;
use futures::StreamExt as _;

use crate::allow::{self, Allowed};
use crate::barrier::Scoped;
use crate::limits::{self, Limits, counted, passed};
use crate::seal::{Allowance, Sealed};
use crate::steady::steady;
use crate::{Error, tables};

/// The only catalog and schema there are; statements never name them.
const CATALOG: &str = "indelible";
const SCHEMA: &str = "public";
/// How many of the largest consumers an engine's memory error lists; it is not shown to callers.
const CONSUMERS_SHOWN: NonZeroUsize = NonZeroUsize::MIN;

/// The setting that the engine names when the spill folder is full; it has no kind of its own.
const SPILL_FULL: &str = "max_temp_directory_size";

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

/// Answers a question over `rows` for a caller with `view`. The answer is sealed until the read is
/// on record.
///
/// Run it on a runtime that serves no requests, whose threads have [`limits::STACK_BYTES`]; drop
/// the future to cancel. See [`Error`] for what can go wrong.
pub async fn run(
    rows: Arc<lake::View>,
    view: &policy::View,
    question: Question<'_>,
    limits: &Limits,
) -> Result<Sealed<Answer>, Error> {
    whole_tenant(view)?;
    let coverage = Coverage {
        from_index: rows.from(),
        to_index: rows.to(),
        as_of: rows.to(),
        complete: rows.from() == 0 && rows.holes().is_empty(),
    };
    let work = async {
        match allow::statement(question.sql, limits)? {
            Allowed::Describe(table) => describe(table),
            Allowed::Query(parsed) => query(rows, *parsed, question.parameters, limits).await,
        }
    };
    let (schema, batches) = match tokio::time::timeout(limits.time_max, work).await {
        Ok(answer) => answer?,
        Err(_) => return Err(too_slow(limits)),
    };
    Ok(Answer { schema, batches, coverage }.sealed())
}

/// INVARIANT (I8): what is not understood is refused, never read as "all".
fn whole_tenant(view: &policy::View) -> Result<(), Error> {
    match (view.rows(), view.fields()) {
        (policy::Rows::All, policy::Fields::All) => Ok(()),
        _ => Err(Error::NotAllowed {
            what: "a query with this credential".into(),
            hint: "use a credential with the scope `read`".into(),
        }),
    }
}

async fn query(
    rows: Arc<lake::View>,
    parsed: Statement,
    parameters: &[Parameter],
    limits: &Limits,
) -> Result<(SchemaRef, Vec<RecordBatch>), Error> {
    let mind = |error| blame(error, limits);
    let state = session(&rows, limits).map_err(mind)?;
    let plan = state.statement_to_plan(parsed).await.map_err(mind)?;
    let plan = plan.with_param_values(values(parameters)?).map_err(mind)?;
    allow::plan(&plan)?;
    let physical = state.create_physical_plan(&plan).await.map_err(mind)?;
    let physical = steady(physical).map_err(mind)?;
    let schema = distinct_names(physical.schema())?;
    let mut stream = execute_stream(physical, state.task_ctx()).map_err(mind)?;
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

/// Bytes of a batch's own rows: a batch may be a slice of larger arrays.
fn size(batch: &RecordBatch) -> usize {
    let of = |column: &ArrayRef| {
        let slice = column.to_data().get_slice_memory_size();
        slice.unwrap_or_else(|_| column.get_array_memory_size())
    };
    batch.columns().iter().map(of).sum()
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
fn describe(table: &tables::Table) -> Result<(SchemaRef, Vec<RecordBatch>), Error> {
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

fn values(parameters: &[Parameter]) -> Result<ParamValues, Error> {
    if parameters.len() > limits::PARAMETERS_MAX {
        return Err(counted("parameters", limits::PARAMETERS_MAX, "pass fewer parameters"));
    }
    let value = |parameter: &Parameter| match parameter {
        Parameter::Null => ScalarValue::Null,
        Parameter::Boolean(value) => ScalarValue::Boolean(Some(*value)),
        Parameter::Integer(value) => ScalarValue::Int64(Some(*value)),
        Parameter::Float(value) => ScalarValue::Float64(Some(*value)),
        Parameter::Text(value) => ScalarValue::Utf8(Some(value.clone())),
    };
    Ok(ParamValues::from(parameters.iter().map(value).collect::<Vec<_>>()))
}

/// A session that knows the caller's tables and the listed functions, and nothing else.
fn session(rows: &Arc<lake::View>, limits: &Limits) -> Result<SessionState, DataFusionError> {
    let catalog = MemoryCatalogProvider::new();
    let schema = Arc::new(MemorySchemaProvider::new());
    for table in &tables::TABLES {
        let scoped = Scoped::new(table, Arc::clone(rows));
        schema.register_table(table.name.to_owned(), Arc::new(scoped))?;
    }
    catalog.register_schema(SCHEMA, schema)?;
    let state = SessionStateBuilder::new()
        .with_config(config(limits))
        .with_runtime_env(Arc::new(runtime(limits)?))
        .with_expr_planners(SessionStateDefaults::default_expr_planners())
        .with_scalar_functions(allow::scalars())
        .with_aggregate_functions(allow::aggregates())
        .build();
    state.catalog_list().register_catalog(CATALOG.to_owned(), Arc::new(catalog));
    Ok(state)
}

/// One partition, so that equal rows give equal answers in equal order; nothing that looks past the
/// barrier.
fn config(limits: &Limits) -> SessionConfig {
    let mut config = SessionConfig::new()
        .with_target_partitions(1)
        .with_batch_size(limits::BATCH_ROWS)
        .with_information_schema(false)
        .with_create_default_catalog_and_schema(false)
        .with_default_catalog_and_schema(CATALOG, SCHEMA);
    let options = config.options_mut();
    options.execution.enable_recursive_ctes = false;
    options.execution.collect_statistics = false;
    // What a sort keeps back for merging its spilled runs: a share of the pool, so that small pools
    // can spill too.
    options.execution.sort_spill_reservation_bytes = limits.memory_bytes_max / 8;
    options.optimizer.enable_dynamic_filter_pushdown = false;
    options.sql_parser.map_string_types_to_utf8view = false;
    options.execution.time_zone = Some(lake::rows::UTC.to_owned());
    config
}

/// INVARIANT (I10): a memory pool and a spill folder of the query's own, both bounded.
fn runtime(limits: &Limits) -> Result<RuntimeEnv, DataFusionError> {
    let pool =
        TrackConsumersPool::new(FairSpillPool::new(limits.memory_bytes_max), CONSUMERS_SHOWN);
    let mode = match &limits.spill_dir {
        Some(folder) => DiskManagerMode::Directories(vec![folder.clone()]),
        None => DiskManagerMode::Disabled,
    };
    let disk = DiskManagerBuilder::default()
        .with_mode(mode)
        .with_max_temp_directory_size(limits.spill_bytes_max);
    RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(pool))
        .with_disk_manager_builder(disk)
        .build()
}

/// Whose fault an engine error is. Its texts speak of the statement and of rows in view.
pub(crate) fn blame(error: DataFusionError, limits: &Limits) -> Error {
    let error = match error {
        DataFusionError::External(inner) => match inner.downcast::<Error>() {
            Ok(own) => return *own,
            Err(inner) => DataFusionError::External(inner),
        },
        other => other,
    };
    const HINT: &str = "sort, join and group fewer rows or columns";
    match error.find_root() {
        DataFusionError::ResourcesExhausted(_) => {
            counted("bytes of memory", limits.memory_bytes_max, HINT)
        }
        root if root.to_string().contains(SPILL_FULL) => {
            passed("bytes of spilled rows", limits.spill_bytes_max, HINT)
        }
        DataFusionError::External(inner) => match inner.downcast_ref::<Error>() {
            Some(own) => own.clone(),
            None => Error::Failed { detail: error.to_string() },
        },
        DataFusionError::SQL(inner, _) if is_too_deep(inner) => {
            counted("levels of nesting", limits.depth_max, "nest less deeply")
        }
        DataFusionError::Internal(_) | DataFusionError::IoError(_) => {
            Error::Failed { detail: error.to_string() }
        }
        root => Error::Invalid {
            reason: plain(&root.strip_backtrace()),
            hint: "see the tables with DESCRIBE events".into(),
        },
    }
}

fn is_too_deep(error: &datafusion::sql::sqlparser::parser::ParserError) -> bool {
    matches!(error, datafusion::sql::sqlparser::parser::ParserError::RecursionLimitExceeded)
}

/// An engine's message without its own prefixes, and of bounded length.
fn plain(message: &str) -> String {
    const CHARS_MAX: usize = 500;
    let prefixes =
        ["Error during planning: ", "Schema error: ", "SQL error: ", "Execution error: "];
    let mut message = message;
    for prefix in prefixes {
        message = message.strip_prefix(prefix).unwrap_or(message);
    }
    message.chars().take(CHARS_MAX).collect()
}

fn too_slow(limits: &Limits) -> Error {
    let ms = u64::try_from(limits.time_max.as_millis()).unwrap_or(u64::MAX);
    passed("ms", ms, "ask for fewer rows, or for a narrower range of time")
}
