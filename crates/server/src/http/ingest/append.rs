//! From prepared records to verdicts: what is archived is looked up, the rest is appended, every answer is settled.
//!
//! ```text
//! ids outside streams -> archive (known: not appended) -> room -> ledger -> numbers it no longer places -> archive -> settle
//! ```
//!
//! INVARIANT (I5): between them the ledger's window and the archive know every id outside streams; if rows went from one to
//! the other meanwhile, the ledger says so and the archive is asked again.

use std::ops::Range;
use std::sync::atomic::Ordering;
use std::time::Duration;

use event::code::Code;
use event::ids::TenantId;
use lake::{Room, Rows, lookup};
use ledger::{Answer, Append, Done, ItemAnswer, Refusal, Source, StreamId};
use pipeline::batch;
use pipeline::verdict::ItemResult;
use tlog::Index;

use super::{Prepared, Sender, stopping};
use crate::app::App;
use crate::http::problem::Problem;
use crate::intake::Travelling;
use crate::stored::{self, StoredError};

/// How long a request waits for room among the hot rows.
const ROOM_WAIT: Duration = Duration::from_secs(2);

/// Appends what was prepared and gives each item its verdict, with the indices that were made.
pub(super) async fn append(
    app: &App,
    sender: &Sender,
    prepared: Prepared,
    items: &[&[u8]],
) -> Result<(Vec<ItemResult>, Range<u64>), Problem> {
    let Prepared { sealed, append, rows } = prepared;
    let tenant = &sender.tenant.id;
    let answers = match append.items.is_empty() {
        true => Vec::new(),
        false => answered(app, sender, (append, rows)).await?,
    };
    let made = made(&answers);
    let mut stored = |index| match stored::record(app, tenant, Index(index)) {
        Ok(record) => Ok(record.map(|record| record.payload)),
        Err(StoredError::Ledger(ledger::Error::Lost { .. })) => Ok(None),
        Err(error) => Err(error),
    };
    let results = sealed.settle(items, &answers, &mut stored).map_err(Problem::internal)?;
    Ok((results, made))
}

/// One answer for each record of an append.
async fn answered(
    app: &App,
    sender: &Sender,
    (append, rows): (Append, Rows),
) -> Result<Vec<batch::Answer>, Problem> {
    let tenant = append.tenant.clone();
    match &append.source {
        Source::Loose { .. } => loose(app, sender, (append, rows)).await,
        Source::Stream { stream, .. } | Source::Gap { stream, .. } => {
            let stream = stream.clone();
            let done = taken(app, (append, rows)).await?;
            let items = done.items.iter();
            items.map(|item| placed(app, &tenant, (&stream, item))).collect()
        }
    }
}

/// One answer for each record outside a stream: what the archive knows is not appended again.
async fn loose(
    app: &App,
    sender: &Sender,
    (mut append, rows): (Append, Rows),
) -> Result<Vec<batch::Answer>, Problem> {
    let view = app.shipped.hot.view(&append.tenant);
    let ids: Vec<_> = append.items.iter().map(|item| item.id).collect();
    let known = lookup::loose(&view, &sender.producer, &ids).map_err(Problem::internal)?;
    append.looked_below = Index(view.watermark());
    drop(view);
    let keep: Vec<bool> = known.iter().map(Option::is_none).collect();
    let rows = rows.keep(&keep);
    if rows.len() < keep.len() {
        let mut kept = keep.iter();
        append.items.retain(|_| kept.next().copied().unwrap_or(false));
        append.packed = None;
    }
    let done = match append.items.is_empty() {
        true => None,
        false => Some(taken(app, (append, rows)).await?),
    };
    let mut fresh = done.iter().flat_map(|done| &done.items);
    let answer = |known: Option<u64>| match known {
        Some(index) => Ok(batch::Answer::Seen { index }),
        None => match fresh.next() {
            Some(ItemAnswer::Committed { index }) => {
                Ok(batch::Answer::Committed { index: index.0 })
            }
            Some(ItemAnswer::Seen { index }) => Ok(batch::Answer::Seen { index: index.0 }),
            Some(ItemAnswer::Archived { .. }) | None => {
                Err(Problem::internal("a record outside streams was given no place"))
            }
        },
    };
    known.into_iter().map(answer).collect()
}

/// Appends, once there is room for the rows.
async fn taken(app: &App, (append, rows): (Append, Rows)) -> Result<Done, Problem> {
    let room = Some(room(app, &rows).await?);
    let answer = app.intake.append(append, Travelling { rows, room }).await;
    settled(answer.map_err(|_| stopping())?)
}

/// The ledger's answer about a number of a stream. What it no longer places is in the archive.
fn placed(
    app: &App,
    tenant: &TenantId,
    (stream, item): (&StreamId, &ItemAnswer),
) -> Result<batch::Answer, Problem> {
    Ok(match item {
        ItemAnswer::Committed { index } => batch::Answer::Committed { index: index.0 },
        ItemAnswer::Seen { index } => batch::Answer::Seen { index: index.0 },
        ItemAnswer::Archived { seq } => {
            let index = stored::index_of(app, tenant, (stream, *seq)).map_err(Problem::internal)?;
            batch::Answer::Seen { index: index.0 }
        }
    })
}

/// The indices that a request made. INVARIANT (I3): they lie next to each other.
fn made(answers: &[batch::Answer]) -> Range<u64> {
    let mut made = answers.iter().filter_map(|answer| match answer {
        batch::Answer::Committed { index } => Some(*index),
        batch::Answer::Seen { .. } => None,
    });
    let Some(first) = made.next() else { return 0..0 };
    first..made.next_back().unwrap_or(first) + 1
}

/// Sets aside what the rows of an append will take. A full budget makes the request wait for a flush, for a moment.
pub(in crate::http) async fn room(app: &App, rows: &Rows) -> Result<Room, Problem> {
    let bytes = rows.bytes();
    let waited = tokio::time::timeout(ROOM_WAIT, async {
        loop {
            let freed = app.archivist.freed().notified();
            match app.shipped.hot.reserve(bytes) {
                Ok(room) => return room,
                Err(_) => app.archivist.look(),
            }
            freed.await;
        }
    });
    let room = match waited.await {
        Ok(room) => Ok(room),
        Err(_) => app.shipped.hot.reserve(bytes),
    };
    app.is_hot_full.store(room.is_err(), Ordering::Relaxed);
    room.map_err(|full| Problem::new(Code::HotFull, full.to_string()))
}

/// What the ledger did, or the problem that its answer is.
pub(in crate::http) fn settled(answer: Answer) -> Result<Done, Problem> {
    let code = match answer {
        Answer::Done(done) => return Ok(done),
        Answer::SequenceGap { expected } => {
            let detail = format!("the stream goes on with number {expected}");
            return Err(Problem::new(Code::SequenceGap, detail).with("expected", expected.0));
        }
        Answer::Poisoned => Code::DiskFault,
        Answer::Refused(Refusal::DiskFull) => Code::DiskFull,
        Answer::Refused(Refusal::ClockUnsane) => Code::ClockUnsane,
        Answer::Refused(Refusal::StreamsFull) => Code::StreamsFull,
        Answer::Refused(Refusal::Stopping) => Code::Stopping,
        // Rows were archived and trimmed between the look-up and the turn: the next try looks further.
        Answer::Refused(Refusal::LookAgain) => Code::Busy,
        Answer::Refused(Refusal::Invalid) => {
            return Err(Problem::internal("the ledger was asked for something that it never does"));
        }
    };
    Err(Problem::new(code, "the ledger did not take the request"))
}
