//! Segments from outside: what is archived, and archiving now what would be later.
//!
//! Promises: a flush is answered once every event that was committed before it is in a segment. Refuses to show what lies in
//! a segment: names and statistics of a file are not a read of events, and there are none of those here.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use event::code::Code;
use indelible_client::wire;

use super::problem::Problem;
use super::{Caller, Gate, json_of, opened};
use crate::archive::FlushError;

/// `GET /v1/segments`.
pub(super) async fn list(
    State(gate): State<Arc<Gate>>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, Problem> {
    let app = opened(&gate)?;
    let view = app.shipped.hot.view(caller.tenant());
    let shown = view.segments().iter().map(|segment| {
        let (about, print) = (segment.about(), segment.print());
        wire::Segment {
            from_index: about.indices.start,
            to_index: about.indices.end,
            level: about.level.number(),
            bytes: print.bytes,
            sha256: print.sha256.iter().map(|byte| format!("{byte:02x}")).collect(),
        }
    });
    let segments = shown.collect();
    json_of(200, &wire::Segments { segments, watermark: view.watermark() })
}

/// `POST /v1/segments/flush`.
pub(super) async fn flush(
    State(gate): State<Arc<Gate>>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, Problem> {
    let app = opened(&gate)?;
    // What is committed may still be on its way to the hot rows.
    let _view = app.shipped.view(caller.tenant(), app.size(caller.tenant())).await;
    let flushed = app.archivist.flush(caller.tenant()).await.map_err(unflushed)?;
    let crate::archive::Flushed { segments, rows, watermark } = flushed;
    json_of(200, &wire::Flushed { segments, rows, watermark })
}

/// INVARIANT (I8): what was not archived is not said to be.
fn unflushed(error: FlushError) -> Problem {
    match error {
        FlushError::Busy => Problem::new(Code::Busy, "too many flushes wait"),
        FlushError::Stopping => Problem::new(Code::Stopping, "the server is stopping"),
        FlushError::Lake(lake::Error::DiskFull { .. }) => {
            Problem::new(Code::DiskFull, "the disk has no room for a segment; nothing was removed")
        }
        other => Problem::internal(other),
    }
}
