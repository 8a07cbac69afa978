//! Whose fault an error of the engine is, and what its caller may read of it.

use datafusion::common::DataFusionError;
use datafusion::sql::sqlparser::parser::ParserError;

use crate::Error;
use crate::limits::{Limits, counted, passed};

/// The setting that the engine names when the spill folder is full; it has no kind of its own.
const SPILL_FULL: &str = "max_temp_directory_size";

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

fn is_too_deep(error: &ParserError) -> bool {
    matches!(error, ParserError::RecursionLimitExceeded)
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
