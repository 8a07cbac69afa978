//! A request's body: read under a limit, a deadline and the budget, then decompressed under the same limit.
//!
//! INVARIANT (I10): bytes are charged as they arrive and again as they grow, before anything is parsed; a body that is
//! too large is refused as soon as that is known, one that is too slow at its deadline, and neither holds a worker.

use std::io::Read;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, header};
use event::code::Code;
use event::limits::BATCH_BYTES_MAX;
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;

use super::problem::Problem;
use crate::app::App;
use crate::budget::{Budget, Charge, Full};

/// Bytes by which a decompressed body grows at once.
const GROWTH_BYTES: usize = 1 << 18;
/// Bytes of a body that is too large which are still read before the connection is closed.
const DISCARDED_BYTES_MAX: usize = 64 << 20;
/// Bytes of a body that nobody asked for which are still read.
pub(crate) const UNASKED_BYTES_MAX: usize = 1 << 20;
/// How long a body is read that nobody wants.
const DISCARD_FOR: Duration = Duration::from_secs(2);
/// log2 of the largest zstd window that is accepted: no larger than a request.
const ZSTD_WINDOW_LOG_MAX: u32 = 24;

/// A whole body in memory, and the charge for it.
#[derive(Debug)]
pub(crate) struct Charged {
    /// The bytes, decompressed.
    pub(crate) bytes: Bytes,
    /// What they cost; given back when dropped.
    pub(crate) charge: Charge,
}

/// How a body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Identity,
    Gzip,
    Zstd,
}

/// Reads `body`, at most [`BATCH_BYTES_MAX`] bytes as sent and as decompressed.
///
/// # Errors
/// The problem to answer with: too large, too slow, not decompressible, no room.
pub(crate) async fn read(
    headers: &HeaderMap,
    body: Body,
    budget: &Budget,
    deadline: Duration,
) -> Result<Charged, Problem> {
    let encoding = encoding(headers)?;
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let announced = announced.and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    if let Err(problem) = fits(usize::try_from(announced).unwrap_or(usize::MAX)) {
        discard(headers, body, DISCARDED_BYTES_MAX).await;
        return Err(problem);
    }
    let sent = match tokio::time::timeout(deadline, collect(headers, body, budget)).await {
        Ok(sent) => sent?,
        Err(_) => {
            let detail = format!("the body did not arrive within {} ms", deadline.as_millis());
            return Err(Problem::new(Code::RequestTimeout, detail));
        }
    };
    match encoding {
        Encoding::Identity => Ok(sent),
        Encoding::Gzip => {
            inflate(flate2::read::MultiGzDecoder::new(&*sent.bytes), sent.charge, budget).await
        }
        Encoding::Zstd => {
            let mut reader = zstd::Decoder::new(&*sent.bytes).map_err(|_| broken())?;
            reader.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(|_| broken())?;
            inflate(reader, sent.charge, budget).await
        }
    }
}

/// A JSON body of a known shape, of at most `bytes_max` bytes; what it cost is given back once it is parsed.
///
/// # Errors
/// Those of [`read`], too large for this shape, or not of it.
pub(crate) async fn json<T: DeserializeOwned>(
    app: &App,
    headers: &HeaderMap,
    sent: Body,
    bytes_max: usize,
) -> Result<T, Problem> {
    let deadline = Duration::from_millis(app.config.now().body_timeout_ms);
    let charged = read(headers, sent, &app.budget, deadline).await?;
    if charged.bytes.len() > bytes_max {
        let detail = format!("the body has more than {bytes_max} bytes");
        return Err(Problem::new(Code::TooLarge, detail));
    }
    let wrong = |error: serde_json::Error| Problem::new(Code::InvalidRequest, error.to_string());
    serde_json::from_slice(&charged.bytes).map_err(wrong)
}

/// Reads what a refused client is still sending, within bounds, so that it gets to read the answer. One that waits for
/// `100 Continue` is sending nothing.
pub(crate) async fn discard(headers: &HeaderMap, mut body: Body, bytes_max: usize) {
    if headers.contains_key(header::EXPECT) {
        return;
    }
    let all = async {
        let mut length = 0;
        while let Some(Ok(frame)) = body.frame().await {
            length += frame.data_ref().map_or(0, Bytes::len);
            if length > bytes_max {
                break;
            }
        }
    };
    let _in_time = tokio::time::timeout(DISCARD_FOR, all).await;
}

/// The bytes as sent.
async fn collect(headers: &HeaderMap, mut body: Body, budget: &Budget) -> Result<Charged, Problem> {
    let mut charge = budget.charge(1).await.map_err(busy)?;
    let mut first: Option<Bytes> = None;
    let mut whole: Vec<u8> = Vec::new();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let cut = |_| Problem::new(Code::InvalidRequest, "the body broke off");
        let Ok(bytes) = frame.map_err(cut)?.into_data() else { continue };
        length += bytes.len();
        if let Err(problem) = fits(length) {
            drop((first, whole, charge));
            discard(headers, body, DISCARDED_BYTES_MAX).await;
            return Err(problem);
        }
        budget.grow(&mut charge, count(bytes.len())).await.map_err(busy)?;
        // Most bodies come in one piece and are never copied.
        match first.take() {
            None if whole.is_empty() => first = Some(bytes),
            None => whole.extend_from_slice(&bytes),
            Some(head) => {
                whole.extend_from_slice(&head);
                whole.extend_from_slice(&bytes);
            }
        }
    }
    Ok(Charged { bytes: first.unwrap_or_else(|| Bytes::from(whole)), charge })
}

/// The bytes behind a decompressor.
async fn inflate(
    mut reader: impl Read,
    mut charge: Charge,
    budget: &Budget,
) -> Result<Charged, Problem> {
    let mut whole = Vec::new();
    loop {
        budget.grow(&mut charge, count(GROWTH_BYTES)).await.map_err(busy)?;
        let room = whole.len();
        let mut piece = (&mut reader).take(count(GROWTH_BYTES));
        #[expect(
            clippy::disallowed_methods,
            reason = "bounded by `GROWTH_BYTES` a turn and by `fits` in all"
        )]
        piece.read_to_end(&mut whole).map_err(|_| broken())?;
        fits(whole.len())?;
        if whole.len() == room {
            return Ok(Charged { bytes: Bytes::from(whole), charge });
        }
        // Decompressing is work: other requests get their turn in between.
        tokio::task::yield_now().await;
    }
}

/// How the headers say that the body is compressed.
fn encoding(headers: &HeaderMap) -> Result<Encoding, Problem> {
    let mut named = headers.get_all(header::CONTENT_ENCODING).iter();
    let (first, second) = (named.next(), named.next());
    let text = first.map_or(Some("identity"), |value| value.to_str().ok());
    match text.map(str::to_ascii_lowercase).as_deref() {
        Some("identity") if second.is_none() => Ok(Encoding::Identity),
        Some("gzip") if second.is_none() => Ok(Encoding::Gzip),
        Some("zstd") if second.is_none() => Ok(Encoding::Zstd),
        _ => Err(Problem::new(
            Code::UnsupportedEncoding,
            "`Content-Encoding` is neither gzip nor zstd",
        )),
    }
}

fn fits(length: usize) -> Result<(), Problem> {
    if length <= BATCH_BYTES_MAX {
        return Ok(());
    }
    let detail = format!("the request has more than {BATCH_BYTES_MAX} bytes");
    Err(Problem::new(Code::TooLarge, detail).with("limit", BATCH_BYTES_MAX))
}

fn broken() -> Problem {
    Problem::new(Code::InvalidRequest, "the body does not decompress as `Content-Encoding` says")
}

fn busy(_: Full) -> Problem {
    Problem::new(Code::Busy, "the budget of bytes in flight is used up")
}

/// A length as the budget counts.
fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
