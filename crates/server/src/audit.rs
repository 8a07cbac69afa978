//! Self-audit: who read what, on record before they read it.
//!
//! ```text
//! question --> begin ------------------> allow -> the answer leaves -> end
//!              read.begin, beside the    read.more where the           read.end, once the
//!              work on the answer        answer is larger              question is a minute old
//! ```
//!
//! INVARIANT (I11): an answer leaves only after the `read.begin` that names its question is committed, and only as much of
//! it as the records allow; so whatever a crash leaves open, the ledger bounds what was read. [`query::Recorded`] is made
//! here and nowhere else. INVARIANT (I8): when the ledger refuses the record, there is no answer.
//!
//! The same question of the same credential within a minute is one read: it has one `read.begin` and one `read.end`, which
//! counts it. Refuses to look into answers.

mod question; // what is asked, its literals apart
mod reads; // reads that are open

use std::sync::Arc;

use event::event::Members;
use event::ids::ProducerId;
use event::json::Value;
use event::system::{self, SystemRecord};
use query::{Allowance, Recorded, Sealed};

use crate::app::{App, NotRecorded};
use crate::tenants::Tenant;
pub(crate) use question::{Asked, Surface};
use reads::{Ended, Read};
pub(crate) use reads::{Outcome, Reads, Sharing};

/// What a `read.begin` allows, and at least what a `read.more` adds.
pub(crate) const ALLOWANCE: Allowance = Allowance { rows: 10_000, bytes: 16 << 20 };
/// Records of one append of `read.end`s.
const ENDS_AT_ONCE: usize = 256;

/// Who asks.
#[derive(Debug, Clone)]
pub(crate) struct Who {
    /// In whose ledger.
    pub(crate) tenant: Arc<Tenant>,
    /// The look-up part of the key.
    pub(crate) credential: String,
    /// The producer that the key names.
    pub(crate) producer: Option<ProducerId>,
}

/// Why nothing may leave.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unread {
    /// The ledger did not take the record.
    #[error(transparent)]
    NotRecorded(#[from] NotRecorded),
    /// More reads are open than are kept track of.
    #[error("more reads are open than are kept track of")]
    Busy,
}

/// One read by one caller. Dropped before [`Reading::end`] it counts as one whose caller left.
#[derive(Debug)]
pub(crate) struct Reading {
    app: Arc<App>,
    who: Who,
    read: Arc<Read>,
    begin: u64,
    started_ns: u64,
    outcome: Outcome,
}

/// Puts a read on record; it returns once the record is committed. Run it beside the work on the answer.
///
/// # Errors
/// When the ledger takes no record now: then nothing may leave.
pub(crate) async fn begin(
    app: &Arc<App>,
    who: &Who,
    asked: Asked,
    sharing: Sharing,
) -> Result<Reading, Unread> {
    let now = app.clock.monotonic_ns();
    let read = app.reads.join(who, &asked, sharing, now).ok_or(Unread::Busy)?;
    // The guard comes first: a caller who leaves now was there.
    let mut reading = Reading {
        app: Arc::clone(app),
        who: who.clone(),
        read: Arc::clone(&read),
        begin: 0,
        started_ns: now,
        outcome: Outcome::Left,
    };
    // A task of its own: it goes on when the caller leaves, so that whoever shares the record need not begin anew.
    let task = (Arc::clone(app), who.clone(), read);
    let recording = tokio::spawn(async move {
        let (app, who, read) = task;
        if cfg!(planted = "audit_after_answer") {
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        }
        read.begun(|| record_begin(&app, &who, &asked)).await
    });
    if cfg!(planted = "audit_after_answer") {
        // The planted fault: the answer does not wait for the record, which comes a moment later.
        return Ok(reading);
    }
    let closed = |_| NotRecorded { why: "the server is stopping".to_owned(), answer: None };
    reading.begin = recording.await.map_err(closed)??;
    Ok(reading)
}

impl Reading {
    /// Lets `size` leave: takes it from what is allowed, after a `read.more` where that is not enough.
    ///
    /// # Errors
    /// When the ledger takes no record now.
    pub(crate) async fn allow(&self, size: Allowance) -> Result<Recorded, Unread> {
        while let Err(short) = self.read.take(size) {
            let more = Allowance {
                rows: short.rows.max(ALLOWANCE.rows),
                bytes: short.bytes.max(ALLOWANCE.bytes),
            };
            let attrs = vec![
                text("act", "read.more"),
                number("begin_index", self.begin),
                number("row_count", more.rows),
                number("byte_count", more.bytes),
            ];
            let (tenant, id) = (&self.who.tenant.id, self.app.draw_id());
            let record = system::access(tenant, id, attrs, None);
            self.app.record(&self.who.tenant, &[record]).await?;
            self.read.grant(more);
        }
        Ok(Recorded::new(self.begin, size))
    }

    /// Opens a sealed answer inside what is allowed.
    ///
    /// # Errors
    /// When the ledger takes no record now.
    pub(crate) async fn release<T>(&self, sealed: Sealed<T>) -> Result<T, Unread> {
        let recorded = self.allow(sealed.size()).await?;
        let Ok(answer) = sealed.release(recorded) else {
            unreachable!("an answer is as large as it says");
        };
        Ok(answer)
    }

    /// Says how it ended.
    pub(crate) fn end(mut self, outcome: Outcome) {
        self.outcome = outcome;
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        let took_ns = self.app.clock.monotonic_ns().saturating_sub(self.started_ns);
        self.read.leave(self.outcome, took_ns);
    }
}

/// Puts the ends of reads on record that are due; those that the ledger does not take now stay due.
pub(crate) async fn settle(app: &Arc<App>) {
    let app = Arc::clone(app);
    // A task of its own: whoever waits here may be stopped, and ends that were taken out must not be lost with them.
    let settled = tokio::spawn(async move {
        let _turn = app.reads.turn().await;
        record_ends(&app, app.reads.due(app.clock.monotonic_ns())).await;
    });
    let _stopped = settled.await;
}

/// Puts the end of every read on record, also of those whose caller is still there: the server stops.
pub(crate) async fn finish(app: &App) {
    let _turn = app.reads.turn().await;
    record_ends(app, app.reads.all()).await;
}

async fn record_begin(app: &App, who: &Who, asked: &Asked) -> Result<u64, NotRecorded> {
    let mut attrs = vec![
        text("act", "read.begin"),
        text("credential", who.credential.as_str()),
        text("policy", policy::VERSION),
        text("surface", asked.surface.as_str()),
        text("question", asked.template.as_str()),
        number("row_count", ALLOWANCE.rows),
        number("byte_count", ALLOWANCE.bytes),
    ];
    attrs.extend(who.producer.as_ref().map(|producer| text("producer", producer.as_str())));
    attrs.extend(asked.purpose.as_deref().map(|purpose| text("purpose", purpose)));
    let literals = (!asked.literals.is_empty()).then(|| asked.literals_text());
    let (tenant, id) = (&who.tenant.id, app.draw_id());
    let record = system::access(tenant, id, attrs, literals.as_deref());
    app.record(&who.tenant, &[record]).await
}

async fn record_ends(app: &App, ended: Vec<Ended>) {
    let mut rest = ended.as_slice();
    while let Some(first) = rest.first() {
        let same = rest.iter().take_while(|one| one.tenant.id == first.tenant.id);
        let (now, later) = rest.split_at(same.take(ENDS_AT_ONCE).count());
        let tenant = &first.tenant;
        let records: Vec<SystemRecord<'_>> = now.iter().map(|one| end_record(app, one)).collect();
        if let Err(error) = app.record(tenant, &records).await {
            tracing::warn!(%error, tenant = %tenant.id, "ends of reads stay due");
            app.reads.put_back(rest.to_vec());
            return;
        }
        rest = later;
    }
}

fn end_record<'a>(app: &App, ended: &'a Ended) -> SystemRecord<'a> {
    let attrs: Members<'a> = vec![
        text("act", "read.end"),
        number("begin_index", ended.begin),
        number("row_count", ended.left.rows),
        number("byte_count", ended.left.bytes),
        number("reads", ended.counts.reads),
        number("failed", ended.counts.failed),
        number("cut", ended.counts.left),
        number("duration_ms", ended.longest_ms),
    ];
    let mut record = system::access(&ended.tenant.id, app.draw_id(), attrs, None);
    record.event.outcome.status = Some(ended.counts.outcome().into());
    record
}

fn text<'a>(key: &'static str, value: impl Into<std::borrow::Cow<'a, str>>) -> Member<'a> {
    (key.into(), Value::text(value))
}

fn number(key: &'static str, value: u64) -> Member<'static> {
    (key.into(), Value::integer(value))
}

type Member<'a> = (std::borrow::Cow<'a, str>, Value<'a>);
