//! One tail: looks for events behind the last, hands them on, waits for more.
//!
//! ```text
//! rows arrived -> search [next, to) oldest first -> allow -> pieces -> the client
//! ```
//!
//! Promises: `next` moves only over what was looked at, and an event is handed on before it does; what was committed after
//! the key was revoked is not. Refuses to wait for a client that takes nothing for too long.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::body::Bytes;
use event::search::Search;
use query::search::{Ask, Found};
use serde_json::json;
use tokio::sync::{Semaphore, mpsc};

use crate::app::App;
use crate::audit::{Outcome, Reading};
use crate::http::{Caller, Gate, query as sql, search};

/// Events that are looked for at once.
const EVENTS_AT_ONCE: usize = 500;
/// Bytes of a piece after which the next begins.
const PIECE_BYTES: usize = 64 << 10;
/// How often a stream says that it lives.
const HEARTBEAT: Duration = Duration::from_nanos(HEARTBEAT_NS);
const HEARTBEAT_NS: u64 = 10_000_000_000;

/// Why a stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    /// The client took nothing for too long.
    Slow,
    /// The server stops.
    Stopping,
    /// The key was revoked.
    Revoked,
    /// The ledger takes no more records of reads.
    Unrecorded,
    /// The server could not look.
    Failed,
    /// The client is gone.
    Left,
}

impl Cut {
    fn as_str(self) -> &'static str {
        match self {
            Cut::Slow => "slow",
            Cut::Stopping => "stopping",
            Cut::Revoked => "revoked",
            Cut::Unrecorded => "unrecorded",
            Cut::Failed => "failed",
            Cut::Left => "left",
        }
    }

    fn outcome(self) -> Outcome {
        match self {
            Cut::Stopping | Cut::Revoked => Outcome::Answered,
            Cut::Unrecorded | Cut::Failed => Outcome::Failed,
            Cut::Slow | Cut::Left => Outcome::Left,
        }
    }
}

/// What a stream says last: it has a place of its own, for a client that is slow has no room left.
#[derive(Debug, Clone, Default)]
pub(super) struct LastWord(Arc<OnceLock<Bytes>>);

impl LastWord {
    /// The piece, if there is something to say.
    pub(super) fn piece(&self) -> Option<Bytes> {
        self.0.get().cloned()
    }
}

/// A tail.
pub(super) struct Follow {
    pub(super) app: Arc<App>,
    pub(super) gate: Arc<Gate>,
    pub(super) caller: Caller,
    pub(super) search: Search,
    pub(super) next: u64,
    pub(super) reading: Reading,
    pub(super) pieces: mpsc::Sender<Bytes>,
    pub(super) last_word: LastWord,
    pub(super) looks: Arc<Semaphore>,
    pub(super) slow_after: Duration,
    /// When the last sign of life was.
    pub(super) alive_ns: u64,
}

impl Follow {
    /// Follows until there is a reason not to.
    pub(super) async fn run(mut self) {
        let cut = match self.follow().await {
            Ok(never) => match never {},
            Err(cut) => cut,
        };
        let words = json!({ "reason": cut.as_str(), "next": self.next });
        let piece = format!("event: cut\ndata: {words}\n\n");
        // Nobody else has said anything.
        let _said = self.last_word.0.set(Bytes::from(piece));
        self.reading.end(cut.outcome());
    }

    async fn follow(&mut self) -> Result<std::convert::Infallible, Cut> {
        self.hand_on(format!(": from index {}\nretry: 1000\n\n", self.next)).await?;
        loop {
            let view = self.arrived().await?;
            if self.next < view.from() {
                let gone = json!({ "from_index": view.from() });
                self.hand_on(format!("event: gone\ndata: {gone}\n\n")).await?;
                self.next = view.from();
            }
            let (found, seen) = self.look(view).await?;
            if !self.app.control.is_good(&self.caller.credential) {
                return Err(Cut::Revoked);
            }
            self.give(&found).await?;
            self.next = seen.max(self.next);
            if self.quiet_ns() >= HEARTBEAT_NS {
                self.alive().await?;
            }
        }
    }

    /// The rows of the tenant once there are some behind the last that was looked at.
    async fn arrived(&mut self) -> Result<Arc<lake::View>, Cut> {
        loop {
            let grown = self.app.shipped.beyond(self.caller.tenant(), self.next);
            tokio::select! {
                // In this order: where rows come all the time a key that is revoked is seen all the same.
                biased;
                () = self.app.control.revoked(&self.caller.credential) => return Err(Cut::Revoked),
                () = self.gate.stopped() => return Err(Cut::Stopping),
                view = grown => return Ok(view),
                () = self.pieces.closed() => return Err(Cut::Left),
                () = tokio::time::sleep(HEARTBEAT) => self.alive().await?,
            }
        }
    }

    /// A sign of life: the id of what was looked at last, so that a client that comes back need not have it looked at
    /// again.
    async fn alive(&mut self) -> Result<(), Cut> {
        self.alive_ns = self.app.clock.monotonic_ns();
        match self.next.checked_sub(1) {
            Some(last) => self.hand_on(format!("id: {last}\n\n")).await,
            None => self.hand_on(":\n\n".to_owned()).await,
        }
    }

    /// How long ago the last sign of life was.
    fn quiet_ns(&self) -> u64 {
        self.app.clock.monotonic_ns().saturating_sub(self.alive_ns)
    }

    /// Looks for events behind the last, and says how far it looked; few tails do at the same moment.
    async fn look(&self, view: Arc<lake::View>) -> Result<(Found, u64), Cut> {
        let _look = self.looks.acquire().await.map_err(|_| Cut::Stopping)?;
        let (policy, limits) = (self.caller.view.clone(), sql::limits(&self.app));
        let (search, range) = (self.search.clone(), self.next..view.to());
        let work = self.app.queries.runtime.spawn(async move {
            let ask = Ask::following(&search, range, EVENTS_AT_ONCE);
            query::search::search(view, &policy, &ask, &limits).await
        });
        let failed = |error: &dyn std::fmt::Display| {
            tracing::error!(%error, "a tail could not look for events");
            Cut::Failed
        };
        let sealed = sql::Abort(work).wait().await.map_err(|error| failed(&error))?;
        let sealed = sealed.map_err(|error| failed(&error))?;
        let seen = sealed.coverage().to_index;
        let found = self.reading.release(sealed).await.map_err(|_| Cut::Unrecorded)?;
        Ok((found, seen))
    }

    /// Hands events on, several in a piece.
    async fn give(&self, found: &Found) -> Result<(), Cut> {
        let mut piece = String::new();
        for record in &found.records {
            let event = search::event_of(record).map_err(|_| Cut::Failed)?;
            piece.push_str(&format!("id: {}\ndata: {event}\n\n", record.index));
            if piece.len() >= PIECE_BYTES {
                self.hand_on(std::mem::take(&mut piece)).await?;
            }
        }
        if !piece.is_empty() {
            self.hand_on(piece).await?;
        }
        Ok(())
    }

    /// Waits for room, and not for ever.
    async fn hand_on(&self, piece: String) -> Result<(), Cut> {
        let sent = self.pieces.send(Bytes::from(piece));
        match tokio::time::timeout(self.slow_after, sent).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Cut::Left),
            Err(_) => Err(Cut::Slow),
        }
    }
}
