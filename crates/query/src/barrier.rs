//! The scan: rows in the caller's view, and nothing else.
//!
//! INVARIANT (I9): nothing passes this node but the rows it gives. It has no children to look
//! into, knows no statistics, takes no predicate and no limit, claims no order, and is shown in
//! plans by its table's name alone. So an expression of the caller's is never worked out over a row
//! that is not in view (a failing cast would tell of it), and a count never comes from a file's
//! footer. Masks and row scopes belong inside, before the first row leaves.

use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result, exec_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties,
};
use futures::stream;

use crate::limits::BATCH_ROWS;
use crate::tables::{Column, Table};

/// A table as one caller sees it.
#[derive(Debug)]
pub(crate) struct Scoped {
    table: &'static Table,
    rows: Arc<lake::View>,
}

impl Scoped {
    /// `table` over `rows`, for a caller whose view is the whole tenant.
    pub(crate) fn new(table: &'static Table, rows: Arc<lake::View>) -> Self {
        Self { table, rows }
    }
}

#[async_trait]
impl TableProvider for Scoped {
    fn schema(&self) -> SchemaRef {
        self.table.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let columns: Vec<&'static Column> = match projection {
            Some(wanted) => wanted.iter().filter_map(|at| self.table.columns.get(*at)).collect(),
            None => self.table.columns.iter().collect(),
        };
        Ok(Arc::new(Barrier::new(self.table, columns, Arc::clone(&self.rows))))
    }
}

/// The opaque node.
#[derive(Clone)]
struct Barrier {
    table: &'static Table,
    columns: Arc<[&'static Column]>,
    rows: Arc<lake::View>,
    properties: Arc<PlanProperties>,
}

impl Barrier {
    fn new(table: &'static Table, columns: Vec<&'static Column>, rows: Arc<lake::View>) -> Self {
        let schema = Table::schema_of(&columns);
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self { table, columns: columns.into(), rows, properties: Arc::new(properties) }
    }

    /// The next batch in index order: the rows of one piece of one chunk that are in view.
    fn batch(&self, piece: &RecordBatch) -> Result<RecordBatch> {
        let shown = self.table.shown(piece).map_err(DataFusionError::from)?;
        Ok(Table::render(&self.columns, self.properties.eq_properties.schema(), &shown)?)
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Barrier({})", self.table.name)
    }
}

impl DisplayAs for Barrier {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Barrier: {}", self.table.name)
    }
}

impl ExecutionPlan for Barrier {
    fn name(&self) -> &'static str {
        "Barrier"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(&self, partition: usize, _: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        if partition != 0 {
            return exec_err!("a scan has one partition");
        }
        let schema = self.schema();
        let start = (self.clone(), pieces(Arc::clone(&self.rows)));
        let batches = stream::unfold(start, |(barrier, mut pieces)| async {
            let piece = pieces.next()?;
            // A step above may work long on one batch and ask for the next at once; only here does
            // the time limit, or the caller who left, get a word in.
            tokio::task::yield_now().await;
            Some((barrier.batch(&piece), (barrier, pieces)))
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, batches)))
    }
}

/// Every row of the view in index order, in pieces of at most [`BATCH_ROWS`].
fn pieces(rows: Arc<lake::View>) -> impl Iterator<Item = RecordBatch> {
    let chunks = (0..rows.hot_chunks().len()).filter_map(move |at| rows.hot_chunks().get(at).cloned());
    chunks.flat_map(|chunk| {
        let len = chunk.batch().num_rows();
        let starts = (0..len).step_by(BATCH_ROWS);
        starts.map(move |start| chunk.batch().slice(start, BATCH_ROWS.min(len - start)))
    })
}
