//! A plan of a statement over one caller's tables, in a session that knows nothing else.

use std::num::NonZeroUsize;
use std::sync::Arc;

use datafusion::catalog::{
    CatalogProvider, MemoryCatalogProvider, MemorySchemaProvider, SchemaProvider,
};
use datafusion::common::{DataFusionError, ParamValues, ScalarValue};
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{FairSpillPool, TrackConsumersPool};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::{
    SendableRecordBatchStream, SessionState, SessionStateBuilder, SessionStateDefaults,
};
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::prelude::SessionConfig;
use datafusion::sql::parser::Statement;

use crate::barrier::Scoped;
use crate::fault::blame;
use crate::limits::{self, Limits, counted};
use crate::run::Parameter;
use crate::source::Source;
use crate::steady::steady;
use crate::{Error, allow, tables};

/// The only catalog and schema there are; statements never name them.
const CATALOG: &str = "indelible";
const SCHEMA: &str = "public";
/// How many of the largest consumers an engine's memory error lists; it is not shown to callers.
const CONSUMERS_SHOWN: NonZeroUsize = NonZeroUsize::MIN;

/// A statement that is ready to run.
pub(crate) struct Planned {
    physical: Arc<dyn ExecutionPlan>,
    state: SessionState,
}

impl Planned {
    /// Plans `parsed` over what the caller of `source` sees.
    pub(crate) async fn new(
        source: &Arc<Source>,
        parsed: Statement,
        parameters: &[Parameter],
        limits: &Limits,
    ) -> Result<Self, Error> {
        let mind = |error| blame(error, limits);
        let state = session(source, limits).map_err(mind)?;
        let plan = state.statement_to_plan(parsed).await.map_err(mind)?;
        let plan = plan.with_param_values(values(parameters)?).map_err(mind)?;
        allow::plan(&plan)?;
        let physical = state.create_physical_plan(&plan).await.map_err(mind)?;
        let physical = steady(physical).map_err(mind)?;
        Ok(Self { physical, state })
    }

    /// What is going to run.
    pub(crate) fn physical(&self) -> &Arc<dyn ExecutionPlan> {
        &self.physical
    }

    /// Runs it.
    pub(crate) fn start(self) -> Result<SendableRecordBatchStream, DataFusionError> {
        execute_stream(self.physical, self.state.task_ctx())
    }
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
fn session(source: &Arc<Source>, limits: &Limits) -> Result<SessionState, DataFusionError> {
    let catalog = MemoryCatalogProvider::new();
    let schema = Arc::new(MemorySchemaProvider::new());
    for table in &tables::TABLES {
        let scoped = Scoped::new(table, Arc::clone(source));
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
        .with_batch_size(limits.batch_rows)
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
