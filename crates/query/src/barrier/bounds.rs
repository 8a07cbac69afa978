//! Conditions that may pass the barrier: `index`, `received_at` or `occurred_at` compared with a literal.
//!
//! None of them is ever masked, and such a comparison cannot fail. They are
//! applied to every row inside the barrier, so what comes out is decided by the statement and the
//! view; that whole segments are skipped by them is seen in the time alone.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};
use lake::rows::{INDEX, OCCURRED_AT, RECEIVED_AT};
use lake::scan::Bounds;

use crate::tables::Table;

/// What one condition leaves of `table`, if it is of that kind.
pub(super) fn of(table: &Table, condition: &Expr) -> Option<Bounds> {
    let Expr::BinaryExpr(BinaryExpr { left, op, right }) = condition else { return None };
    let (column, op, literal) = match (left.as_ref(), right.as_ref()) {
        (Expr::Column(column), Expr::Literal(literal, _)) => (column, *op, literal),
        (Expr::Literal(literal, _), Expr::Column(column)) => (column, op.swap()?, literal),
        _ => return None,
    };
    if !table.columns.iter().any(|one| one.name == column.name && one.is_bound()) {
        return None;
    }
    let mut bounds = Bounds::default();
    match (column.name.as_str(), literal) {
        (INDEX, ScalarValue::UInt64(Some(value))) => bounds.index = indices(op, *value)?,
        (RECEIVED_AT, ScalarValue::TimestampNanosecond(Some(value), _)) => {
            bounds.received_at = times(op, *value)?;
        }
        (OCCURRED_AT, ScalarValue::TimestampNanosecond(Some(value), _)) => {
            bounds.occurred_at = times(op, *value)?;
        }
        _ => return None,
    }
    Some(bounds)
}

/// What all conditions leave of `table` together; those of another kind leave everything.
pub(super) fn all(table: &Table, conditions: &[Expr]) -> Bounds {
    let each = conditions.iter().filter_map(|condition| of(table, condition));
    each.fold(Bounds::default(), |both, one| both.and(&one))
}

/// `u64::MAX` is no index: ranges end before it.
fn indices(op: Operator, value: u64) -> Option<std::ops::Range<u64>> {
    match op {
        Operator::Eq => Some(value..value.saturating_add(1)),
        Operator::Gt => Some(value.saturating_add(1)..u64::MAX),
        Operator::GtEq => Some(value..u64::MAX),
        Operator::Lt => Some(0..value),
        Operator::LtEq => Some(0..value.saturating_add(1)),
        _ => None,
    }
}

fn times(op: Operator, value: i64) -> Option<(i64, i64)> {
    match op {
        Operator::Eq => Some((value, value)),
        Operator::Gt => Some((value.checked_add(1)?, i64::MAX)),
        Operator::GtEq => Some((value, i64::MAX)),
        Operator::Lt => Some((i64::MIN, value.checked_sub(1)?)),
        Operator::LtEq => Some((i64::MIN, value)),
        _ => None,
    }
}
