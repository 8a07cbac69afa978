//! Functions of our own: `has_target`, joining of texts with a bound, and what searches are shown with.
//!
//! `has_target(type, id)` is written with two arguments and gets the `targets` column from
//! [`crate::allow`]; over a join it is written `has_target(e.targets, type, id)`. The engine's own
//! `||` and `concat` are replaced, because nested a few times they make gigabytes that no memory pool
//! counts.

mod judge; // tests that a search is shown with

use std::sync::Arc;

use arrow::array::{
    Array as _, ArrayRef, AsArray as _, BooleanArray, BooleanBuilder, StringArray, StringBuilder,
};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::common::{DataFusionError, Result, exec_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgumentList, FunctionArguments, Ident, ObjectName,
};

use crate::limits::{TEXT_BYTES_MAX, VALUE_BYTES_MAX, counted};

/// Whether an event has a target of this type and id.
pub(crate) const HAS_TARGET: &str = "has_target";
/// Joins texts; nulls are left out.
const CONCAT: &str = "concat";
/// Joins texts; a null makes the whole null. What `||` becomes.
const JOIN: &str = "join_text";

/// The names that statements may use.
pub(crate) const NAMES: &[&str] = &[
    HAS_TARGET,
    CONCAT,
    JOIN,
    judge::HAS_TARGET_LIKE,
    judge::TARGET_LIKE,
    judge::IP_IN,
    judge::JSON_IS,
    judge::CHANGE_AT,
    judge::CHANGE_IS,
];

/// Functions that are written with two arguments and look at the column `targets`.
pub(crate) const OF_TARGETS: [&str; 3] = [HAS_TARGET, judge::HAS_TARGET_LIKE, judge::TARGET_LIKE];

/// The functions.
pub(crate) fn all() -> Vec<Arc<ScalarUDF>> {
    let own = [
        ScalarUDF::from(HasTarget { signature: coerced() }),
        ScalarUDF::from(Join { signature: coerced(), nulls: Nulls::Skip }),
        ScalarUDF::from(Join { signature: coerced(), nulls: Nulls::Propagate }),
    ];
    own.into_iter().chain(judge::all().map(ScalarUDF::from)).map(Arc::new).collect()
}

/// The parsed call that stands for `left || right`.
pub(crate) fn join_call(args: [FunctionArg; 2]) -> Expr {
    let list =
        FunctionArgumentList { duplicate_treatment: None, args: args.into(), clauses: Vec::new() };
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new(JOIN)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(list),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

fn coerced() -> Signature {
    Signature::user_defined(Volatility::Immutable)
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct HasTarget {
    signature: Signature,
}

impl ScalarUDFImpl for HasTarget {
    fn name(&self) -> &str {
        HAS_TARGET
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        match given {
            [targets @ DataType::List(_), _, _] => {
                Ok(vec![targets.clone(), DataType::Utf8, DataType::Utf8])
            }
            _ => plan_err!("has_target takes a type and an id, both text"),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let [targets, kind, id] = arrays.as_slice() else {
            return exec_err!("has_target takes a type and an id");
        };
        Ok(ColumnarValue::Array(Arc::new(has_target(targets, kind, id)?)))
    }
}

fn has_target(targets: &ArrayRef, kind: &ArrayRef, id: &ArrayRef) -> Result<BooleanArray> {
    let (kind, id) = (kind.as_string::<i32>(), id.as_string::<i32>());
    let Some(lists) = targets.as_list_opt::<i32>() else {
        return exec_err!("has_target looks at the column targets");
    };
    let Some(members) = lists.values().as_struct_opt() else {
        return exec_err!("has_target looks at the column targets");
    };
    let member =
        |name| members.column_by_name(name).and_then(|column| column.as_string_opt::<i32>());
    let (Some(kinds), Some(ids)) = (member("type"), member("id")) else {
        return exec_err!("has_target looks at the column targets");
    };
    let mut found = BooleanBuilder::with_capacity(lists.len());
    for (row, ends) in lists.value_offsets().windows(2).enumerate() {
        let &[start, end] = ends else { continue };
        if lists.is_null(row) || kind.is_null(row) || id.is_null(row) {
            found.append_null();
            continue;
        }
        let mut range = usize::try_from(start).unwrap_or(0)..usize::try_from(end).unwrap_or(0);
        found.append_value(
            range.any(|at| kinds.value(at) == kind.value(row) && ids.value(at) == id.value(row)),
        );
    }
    Ok(found.finish())
}

/// What a null does to the text it is joined into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Nulls {
    Skip,
    Propagate,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Join {
    signature: Signature,
    nulls: Nulls,
}

impl ScalarUDFImpl for Join {
    fn name(&self) -> &str {
        match self.nulls {
            Nulls::Skip => CONCAT,
            Nulls::Propagate => JOIN,
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        Ok(vec![DataType::Utf8; given.len()])
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let constant = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let arrays: Result<Vec<ArrayRef>> = args
            .args
            .iter()
            .map(|arg| Ok(cast(&arg.to_array(args.number_rows)?, &DataType::Utf8)?))
            .collect();
        let arrays = arrays?;
        let texts: Vec<&StringArray> = arrays.iter().map(|array| array.as_string()).collect();
        let joined = join(&texts, args.number_rows, self.nulls)?;
        if constant && args.number_rows == 1 {
            let value = datafusion::common::ScalarValue::try_from_array(&joined, 0)?;
            return Ok(ColumnarValue::Scalar(value));
        }
        Ok(ColumnarValue::Array(Arc::new(joined)))
    }
}

/// INVARIANT (I10): the size is checked before a value is added, so no text outgrows its bound.
fn join(texts: &[&StringArray], rows: usize, nulls: Nulls) -> Result<StringArray> {
    let (mut joined, mut total) = (StringBuilder::new(), 0);
    for row in 0..rows {
        let missing = texts.iter().any(|text| text.is_null(row));
        if missing && nulls == Nulls::Propagate {
            joined.append_null();
            continue;
        }
        let values = || texts.iter().filter(|text| text.is_valid(row)).map(|text| text.value(row));
        let bytes = values().map(str::len).sum::<usize>();
        total += bytes;
        if bytes > VALUE_BYTES_MAX || total > TEXT_BYTES_MAX {
            return Err(too_long());
        }
        let text: String = values().collect();
        joined.append_value(text);
    }
    Ok(joined.finish())
}

fn too_long() -> DataFusionError {
    const HINT: &str = "join shorter texts";
    DataFusionError::External(Box::new(counted("bytes of one text", VALUE_BYTES_MAX, HINT)))
}
