//! The functions that a query may call, by name. The engine is given these and no others, so that a
//! name that is not here cannot be planned either.
//!
//! A function earns its line when its cost and its output are bounded by its input (see
//! [`super`]).

use std::sync::Arc;

use datafusion::execution::SessionStateDefaults;
use datafusion::logical_expr::{AggregateUDF, ScalarUDF};

use crate::calls;

/// Scalar functions of the engine.
const SCALARS: &[&str] = &[
    "arrow_cast",
    "ascii",
    "bit_length",
    "btrim",
    "char_length",
    "character_length",
    "coalesce",
    "contains",
    "date_bin",
    "date_part",
    "date_trunc",
    "ends_with",
    "from_unixtime",
    "get_field",
    "greatest",
    "initcap",
    "least",
    "left",
    "length",
    "lower",
    "ltrim",
    "now",
    "nullif",
    "nvl",
    "octet_length",
    "position",
    "regexp_like",
    "reverse",
    "right",
    "rtrim",
    "split_part",
    "starts_with",
    "strpos",
    "substr",
    "substring",
    "to_date",
    "to_timestamp",
    "to_unixtime",
    "translate",
    "trim",
    "upper",
    "array_length",
    "cardinality",
];

/// Aggregate functions of the engine.
const AGGREGATES: &[&str] = &[
    "approx_distinct",
    "avg",
    "bool_and",
    "bool_or",
    "count",
    "first_value",
    "last_value",
    "max",
    "mean",
    "median",
    "min",
    "stddev",
    "string_agg",
    "sum",
    "var",
];

/// Whether `name` may be called.
pub(super) fn is_listed(name: &str) -> bool {
    SCALARS.contains(&name) || AGGREGATES.contains(&name) || calls::NAMES.contains(&name)
}

/// Every name that may be called.
pub(crate) fn listed() -> Vec<&'static str> {
    let mut names = [SCALARS, AGGREGATES, calls::NAMES].concat();
    names.sort_unstable();
    names
}

/// The listed scalar functions of the engine, and ours.
pub(crate) fn scalars() -> Vec<Arc<ScalarUDF>> {
    let mut listed = SessionStateDefaults::default_scalar_functions();
    listed.retain(|function| names(function.name(), function.aliases(), SCALARS));
    listed.extend(calls::all());
    listed
}

/// The listed aggregate functions of the engine.
pub(crate) fn aggregates() -> Vec<Arc<AggregateUDF>> {
    let mut listed = SessionStateDefaults::default_aggregate_functions();
    listed.retain(|function| names(function.name(), function.aliases(), AGGREGATES));
    listed
}

fn names(name: &str, aliases: &[String], list: &[&str]) -> bool {
    list.contains(&name) || aliases.iter().any(|alias| list.contains(&alias.as_str()))
}
