//! Leaks for the negative controls: each `leak_...` breaks I9 in a way that a query engine is known to break it, and the
//! proof in `tests` must find it. In a true build every function here does nothing.
//!
//! | name | what passes the barrier |
//! |---|---|
//! | `leak_statistics` | the count of stored rows, which answers `count(*)` |
//! | `leak_predicate` | the caller's conditions, worked out over rows out of scope |
//! | `leak_mask_late` | the caller's conditions, worked out before the masks |
//! | `leak_limit` | the caller's limit, counted over rows out of scope |
//! | `leak_plan_text` | the count of stored rows, in plans |
//! | `leak_order` | whether rows were left out, in the order of the others |
//! | `leak_batches` | where rows were left out, in the size of batches |
//! | `leak_error` | the count of stored rows, in errors (see `fault`) |
//! | `leak_coverage` | that there is a scope, in the coverage (see `source`) |
//! | `leak_streams` | streams of the whole tenant, in `producers` (see `source`) |

use std::fmt;
use std::sync::Arc;

use arrow::array::{AsArray as _, BooleanArray, RecordBatch, UInt32Array};
use arrow::compute::{filter_record_batch, take_record_batch};
use arrow::datatypes::{Schema, UInt64Type};
use datafusion::catalog::Session;
use datafusion::common::stats::Precision;
use datafusion::common::{DFSchema, Result, Statistics};
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_expr::PhysicalExpr;

use crate::sight::Sight;
use crate::source::Source;
use crate::tables::{Column, Table};

const TAKES_CONDITIONS: bool = cfg!(any(planted = "leak_predicate", planted = "leak_mask_late"));

/// What leaks into one scan.
#[derive(Debug, Clone, Default)]
pub(super) struct Leak {
    condition: Option<Arc<dyn PhysicalExpr>>,
    limit: Option<u64>,
}

impl Leak {
    /// What of a scan's conditions and limit leaks into it.
    pub(super) fn new(
        session: &dyn Session,
        table: &Table,
        conditions: &[Expr],
        limit: Option<usize>,
    ) -> Result<Self> {
        let mut leak = Self::default();
        if cfg!(planted = "leak_limit") {
            leak.limit = limit.and_then(|rows| u64::try_from(rows).ok());
        }
        if TAKES_CONDITIONS && let Some(all) = conjunction(conditions.iter().cloned()) {
            let schema = DFSchema::try_from(table.schema().as_ref().clone())?;
            leak.condition = Some(session.create_physical_expr(all, &schema)?);
        }
        Ok(leak)
    }

    /// The stored columns that it looks at.
    pub(super) fn needs(&self, table: &Table) -> Vec<&'static str> {
        let mut names = Vec::new();
        if self.condition.is_some() {
            names.extend(table.columns.iter().flat_map(Column::stored));
        }
        if self.limit.is_some() {
            names.push(lake::rows::INDEX);
        }
        names
    }

    /// The rows that the caller's conditions and limit leave, before the scope.
    pub(super) fn before_scope(
        &self,
        table: &Table,
        sight: &Sight,
        rows: RecordBatch,
    ) -> Result<RecordBatch> {
        let rows = match self.limit {
            Some(limit) => below(limit, &rows)?,
            None => rows,
        };
        if !cfg!(planted = "leak_predicate") {
            return Ok(rows);
        }
        let masked = sight.masked(rows.clone())?;
        self.filtered(table, &masked, rows)
    }

    /// The rows that the caller's conditions leave, before the masks.
    pub(super) fn before_masks(&self, table: &Table, rows: RecordBatch) -> Result<RecordBatch> {
        match cfg!(planted = "leak_mask_late") {
            true => self.filtered(table, &rows.clone(), rows),
            false => Ok(rows),
        }
    }

    /// `seen` in another order if a row of `stored` was left out of it.
    pub(super) fn reordered(&self, seen: RecordBatch, stored: &RecordBatch) -> Result<RecordBatch> {
        let hidden = stored.num_rows() - seen.num_rows();
        if !cfg!(planted = "leak_order") || hidden.is_multiple_of(2) {
            return Ok(seen);
        }
        let backwards: UInt32Array =
            (0..seen.num_rows()).rev().map(|row| u32::try_from(row).ok()).collect();
        Ok(take_record_batch(&seen, &backwards)?)
    }

    fn filtered(
        &self,
        table: &Table,
        over: &RecordBatch,
        rows: RecordBatch,
    ) -> Result<RecordBatch> {
        let Some(condition) = &self.condition else { return Ok(rows) };
        let columns: Vec<&'static Column> = table.columns.iter().collect();
        let shown = Table::render(&columns, &table.schema(), over)?;
        let holds = condition.evaluate(&shown)?.into_array(shown.num_rows())?;
        match holds.as_boolean_opt() {
            Some(mask) => Ok(filter_record_batch(&rows, mask)?),
            None => Ok(rows),
        }
    }
}

fn below(limit: u64, rows: &RecordBatch) -> Result<RecordBatch> {
    let indices = rows.column_by_name(lake::rows::INDEX);
    let Some(indices) = indices.and_then(|column| column.as_primitive_opt::<UInt64Type>()) else {
        return Ok(rows.clone());
    };
    let mask: BooleanArray = indices.values().iter().map(|index| Some(*index < limit)).collect();
    Ok(filter_record_batch(rows, &mask)?)
}

/// What becomes of a condition that is no bound.
pub(super) fn pushdown() -> TableProviderFilterPushDown {
    match TAKES_CONDITIONS {
        true => TableProviderFilterPushDown::Exact,
        false => TableProviderFilterPushDown::Unsupported,
    }
}

/// What a plan shows of a scan beyond its table.
pub(super) fn shown(source: &Source, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match source {
        Source::Lake { rows, .. } if cfg!(planted = "leak_plan_text") => {
            write!(f, ", rows={}", rows.to() - rows.from())
        }
        _ => Ok(()),
    }
}

/// What the optimiser is told of a scan: nothing.
pub(super) fn statistics(source: &Source, schema: &Schema) -> Statistics {
    let mut known = Statistics::new_unknown(schema);
    if let Source::Lake { rows, .. } = source
        && cfg!(planted = "leak_statistics")
    {
        let stored = usize::try_from(rows.to() - rows.from()).unwrap_or(usize::MAX);
        known.num_rows = Precision::Exact(stored);
    }
    known
}
