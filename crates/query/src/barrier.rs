//! The scan: rows in the caller's view, and nothing else.
//!
//! INVARIANT (I9): nothing passes this node but the rows it gives. It has no children to look
//! into, knows no statistics, takes no limit, claims no order, and is shown in plans by its table's
//! name alone. Inside, rows out of scope are left out and masks are laid over the rest before the
//! first row leaves, so an expression of the caller's is never worked out over a value that is not
//! in view (a failing cast would tell of it). Its batches are cut anew, so that their size tells
//! nothing of rows that were left out, and a sum of floats does not hang on it.
//!
//! Of the caller's conditions it takes comparisons of index and times with a literal
//! (see [`bounds`]): they cannot fail, nothing hidden decides them, and the archive skips what they
//! rule out.

mod bounds; // conditions on the public frame
mod by_hour; // counts of rows
mod planted; // leaks for the negative controls

use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::{BatchCoalescer, and, filter_record_batch};
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result, Statistics, exec_err};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties,
};
use futures::stream;
use lake::scan::{Bounds, Scan, Wanted};

use crate::sight::Sight;
use crate::source::Source;
use crate::tables::{self, Column, Table};
use by_hour::Counts;

/// Stored rows that are looked at together; what comes out is cut anew.
const SCAN_ROWS: usize = 8_192;

/// A table as one caller sees it.
#[derive(Debug)]
pub(crate) struct Scoped {
    table: &'static Table,
    source: Arc<Source>,
}

impl Scoped {
    /// `table` over the rows of `source` that its caller sees.
    pub(crate) fn new(table: &'static Table, source: Arc<Source>) -> Self {
        Self { table, source }
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

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        let of = |filter: &&Expr| match bounds::of(self.table, filter) {
            Some(_) => TableProviderFilterPushDown::Inexact,
            None => planted::pushdown(),
        };
        Ok(filters.iter().map(of).collect())
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if self.table.is_streams() && !self.source.has_streams() {
            return Err(DataFusionError::External(Box::new(narrowed(self.table))));
        }
        let columns: Vec<&'static Column> = match projection {
            Some(wanted) => wanted.iter().filter_map(|at| self.table.columns.get(*at)).collect(),
            None => self.table.columns.iter().collect(),
        };
        let mut barrier = Barrier::new(self.table, columns, Arc::clone(&self.source));
        barrier.bounds = bounds::all(self.table, filters);
        barrier.batch_rows = session.config().batch_size();
        barrier.planted = planted::Leak::new(session, self.table, filters, limit)?;
        Ok(Arc::new(barrier))
    }
}

/// The opaque node.
#[derive(Clone)]
struct Barrier {
    table: &'static Table,
    columns: Arc<[&'static Column]>,
    source: Arc<Source>,
    bounds: Bounds,
    batch_rows: usize,
    properties: Arc<PlanProperties>,
    planted: planted::Leak,
}

impl Barrier {
    fn new(table: &'static Table, columns: Vec<&'static Column>, source: Arc<Source>) -> Self {
        let schema = Table::schema_of(&columns);
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self {
            table,
            columns: columns.into(),
            source,
            bounds: Bounds::default(),
            batch_rows: crate::limits::BATCH_ROWS,
            properties: Arc::new(properties),
            planted: planted::Leak::default(),
        }
    }

    /// The stored columns that are read: what is shown is made of, and what decides on rows.
    fn wanted(&self) -> Wanted {
        let mut names = vec![lake::rows::RECORD];
        names.extend(self.columns.iter().flat_map(|column| column.stored()));
        names.extend(self.source.sight().needs());
        names.extend(self.planted.needs(self.table));
        names.sort_unstable();
        names.dedup();
        let bounds = self.bounds.clone();
        Wanted { columns: names.into(), bounds, batch_rows: SCAN_ROWS }
    }

    /// The tenant's streams.
    fn streams(&self) -> Result<RecordBatch> {
        match self.source.as_ref() {
            Source::Lake { streams: Some(streams), .. } => {
                streams.rows(&self.columns, self.properties.eq_properties.schema())
            }
            _ => Err(DataFusionError::External(Box::new(narrowed(self.table)))),
        }
    }

    /// What the caller sees of one piece of stored rows.
    fn seen(&self, piece: RecordBatch) -> Result<RecordBatch> {
        let sight = self.source.sight();
        let piece = self.planted.before_scope(self.table, sight, piece)?;
        let admitted = match (self.table.members(&piece)?, sight.admitted(&piece)?) {
            (Some(one), Some(other)) => Some(and(&one, &other)?),
            (one, other) => one.or(other),
        };
        let shown = match admitted {
            Some(mask) => self.planted.reordered(filter_record_batch(&piece, &mask)?, &piece)?,
            None => piece,
        };
        let shown = self.planted.before_masks(self.table, shown)?;
        let shown = sight.masked(shown)?;
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
        write!(f, "Barrier: {}", self.table.name)?;
        planted::shown(&self.source, f)
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

    fn statistics_from_inputs(
        &self,
        _: &[Arc<Statistics>],
        _: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        Ok(Arc::new(planted::statistics(&self.source, &self.schema())))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        if partition != 0 {
            return exec_err!("a scan has one partition");
        }
        let held = MemoryConsumer::new("scan").register(context.memory_pool());
        let walk = Walk::new(self.clone(), held)?;
        let batches = stream::unfold(walk, |mut walk| async {
            let next = walk.next().await.transpose()?;
            Some((next, walk))
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), batches)))
    }
}

/// One execution: what the caller sees, cut into batches of one size.
struct Walk {
    barrier: Barrier,
    rows: Rows,
    batches: BatchCoalescer,
    /// What the scan holds decoded, charged to the query's pool.
    held: MemoryReservation,
}

/// Where the rows come from.
enum Rows {
    Stored(Box<Scan>),
    /// Rows of `events` that are still to be counted, through a barrier of their own.
    Counting(Box<(Barrier, Scan, Counts)>),
    Counted(Counts),
    /// Streams, which are no stored rows.
    Streams,
    #[cfg(test)]
    Copied(std::vec::IntoIter<RecordBatch>),
    End,
}

impl Walk {
    fn new(barrier: Barrier, held: MemoryReservation) -> Result<Self> {
        let rows = match barrier.source.as_ref() {
            Source::Lake { .. } if barrier.table.is_streams() => Rows::Streams,
            Source::Lake { rows, sight, .. } if barrier.table.is_counted() => {
                counting(&barrier.source, rows, sight)?
            }
            Source::Lake { rows, .. } => {
                Rows::Stored(Box::new(Scan::new(Arc::clone(rows), barrier.wanted())))
            }
            #[cfg(test)]
            Source::Copy(copy) => Rows::Copied(copy.batches(barrier.table.name).into_iter()),
        };
        let batches = BatchCoalescer::new(barrier.schema(), barrier.batch_rows);
        Ok(Self { barrier, rows, batches, held })
    }

    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if let Some(batch) = self.batches.next_completed_batch() {
                return Ok(Some(batch));
            }
            if matches!(self.rows, Rows::End) {
                // What is left over is given last; then there is nothing more.
                self.batches.finish_buffered_batch()?;
                return Ok(self.batches.next_completed_batch());
            }
            // A step above may work long on one batch and ask for the next at once; only here does
            // the time limit, or the caller who left, get a word in.
            tokio::task::yield_now().await;
            match self.piece()? {
                Some(piece) => self.batches.push_batch(piece)?,
                None => self.rows = Rows::End,
            }
            if cfg!(planted = "leak_batches") {
                self.batches.finish_buffered_batch()?;
            }
        }
    }

    fn piece(&mut self) -> Result<Option<RecordBatch>> {
        match &mut self.rows {
            Rows::Stored(scan) => {
                let next = scan.next().transpose().map_err(|error| failed(&error))?;
                self.held.try_resize(scan.held_bytes())?;
                next.map(|piece| self.barrier.seen(piece)).transpose()
            }
            Rows::Counting(open) => {
                let (events, scan, counts) = open.as_mut();
                match scan.next().transpose().map_err(|error| failed(&error))? {
                    Some(piece) => counts.add(&events.seen(piece)?)?,
                    None => self.rows = Rows::Counted(std::mem::take(counts)),
                }
                let held = match &self.rows {
                    Rows::Counting(open) => open.1.held_bytes() + open.2.bytes(),
                    _ => 0,
                };
                self.held.try_resize(held)?;
                Ok(Some(RecordBatch::new_empty(self.barrier.schema())))
            }
            Rows::Counted(counts) => {
                let counts = std::mem::take(counts);
                self.rows = Rows::End;
                let schema = self.barrier.schema();
                Ok(Some(counts.finish(&self.barrier.columns, &schema)?))
            }
            Rows::Streams => {
                self.rows = Rows::End;
                let streams = self.barrier.streams()?;
                self.held.try_resize(streams.get_array_memory_size())?;
                Ok(Some(streams))
            }
            #[cfg(test)]
            Rows::Copied(batches) => {
                batches.next().map(|shown| self.barrier.copied(&shown)).transpose()
            }
            Rows::End => Ok(None),
        }
    }
}

/// Where the counts of `events_by_hour` come from.
fn counting(source: &Arc<Source>, rows: &Arc<lake::View>, sight: &Sight) -> Result<Rows> {
    if sight.is_everything()
        && let Some(counts) = Counts::of_partials(rows).map_err(|error| failed(&error))?
    {
        return Ok(Rows::Counted(counts));
    }
    let events = tables::named("events");
    let events = events.ok_or_else(|| DataFusionError::Internal("there are no events".into()))?;
    let columns = events.columns.iter().filter(|column| by_hour::COUNTED.contains(&column.name));
    let barrier = Barrier::new(events, columns.collect(), Arc::clone(source));
    let scan = Scan::new(Arc::clone(rows), barrier.wanted());
    Ok(Rows::Counting(Box::new((barrier, scan, Counts::default()))))
}

/// INVARIANT (I9): the refusal hangs on the view, never on what is hidden.
fn narrowed(table: &Table) -> crate::Error {
    crate::Error::NotAllowed {
        what: format!("`{}`, for a view with a row scope or masks,", table.name),
        hint: "ask events for producer, instance and max(seq) of the rows in view".into(),
    }
}

/// INVARIANT (I9): damage is the server's to tell its operator of, not the caller's to read.
pub(crate) fn unreadable(error: &lake::Error) -> crate::Error {
    crate::Error::Failed { detail: format!("stored rows cannot be read: {error:?}") }
}

fn failed(error: &lake::Error) -> DataFusionError {
    DataFusionError::External(Box::new(unreadable(error)))
}

#[cfg(test)]
pub(crate) mod tests;
