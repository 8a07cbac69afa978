//! The thread that sends: one batch of one stream in flight, again and again until it is answered.
//!
//! Promises: a number is settled only by an answer that names it, in the order of the numbers; every record's index is
//! above that of the number before, so that an index seen before for another number is a failure; only what may pass is
//! tried again, after a drawn pause and what `Retry-After` says; what would be answered the same again makes the delivery
//! stand, is reported, and is looked at once a minute or when somebody flushes. Refuses to give up an event.

mod lost;
pub(crate) mod size;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use event::ids::{EventId, ProducerId, Seq};

use self::size::BatchSize;
use crate::client::{Client, Missed};
use crate::clock;
use crate::error::Error;
use crate::intake::{Intake, Role, Settled};
use crate::retry::{self, Patience};
use crate::send::{Batch, Body, Form, Identity, ReceiptWish};
use crate::spool::Delivered;
use crate::spool::read::{Due, Reader, Wanted};
use crate::trouble::Trouble;
use crate::wire::{Answer, ItemResult};
use crate::witness::Witness;

/// How long a delivery stands before it is looked at again.
const STAND: Duration = Duration::from_secs(60);
/// The longest pause that a server may ask for.
const PAUSE_MAX: Duration = Duration::from_secs(600);

/// Sends what is in one spool.
#[derive(Debug)]
pub(crate) struct Sender {
    intake: Arc<Intake>,
    client: Client,
    reader: Reader,
    size: BatchSize,
    patience: Patience,
    /// Learns from the answers whose ledger it is.
    witness: Arc<Witness>,
    /// Tries since the last answer.
    tries: u32,
    /// The producer of the token, once it was asked for.
    producer: Option<ProducerId>,
}

/// Why nothing was settled.
#[derive(Debug)]
enum Miss {
    /// It may pass: again, but not before this.
    Later { why: String, retry_after: Option<Duration> },
    /// It will not change by itself.
    Stands(String),
}

impl From<io::Error> for Miss {
    fn from(error: io::Error) -> Miss {
        Miss::Stands(format!("the spool cannot be read or written: {error}"))
    }
}

impl Sender {
    /// A sender of the spool of `intake`.
    pub(crate) fn new(
        intake: Arc<Intake>,
        client: Client,
        patience: Patience,
        witness: Arc<Witness>,
    ) -> Sender {
        let reader = intake.look(|spool| Reader::new(spool.folder()));
        let size = BatchSize::new();
        Sender { intake, client, reader, size, patience, witness, tries: 0, producer: None }
    }

    /// Sends until the end. What another process left and stands is left to the next one.
    pub(crate) fn run(mut self) {
        while let Some(wanted) = self.intake.wanted() {
            match self.turn(wanted) {
                Ok(()) => self.tries = 0,
                Err(miss) => {
                    let stands = matches!(miss, Miss::Stands(_));
                    let pause = self.missed(miss);
                    self.intake.report.tell();
                    if stands && self.intake.role == Role::Adopted {
                        return;
                    }
                    self.intake.pause(pause);
                }
            }
            self.intake.report.tell();
        }
    }

    /// Sends what is due.
    fn turn(&mut self, wanted: Wanted) -> Result<(), Miss> {
        match self.reader.due(wanted, self.size.most())? {
            Due::Lost(to) => self.declare(Seq(wanted.from), to),
            Due::Events { count, ndjson } => {
                if cfg!(planted = "settle_before_answer") {
                    let seq = wanted.from + u64::try_from(count).unwrap_or_default() - 1;
                    self.intake.settle(Delivered { seq, index: None }, [])?;
                }
                self.send(Seq(wanted.from), count, &ndjson)
            }
        }
    }

    /// Sends a batch once.
    fn send(&mut self, first: Seq, count: usize, ndjson: &[u8]) -> Result<(), Miss> {
        let instance = self.intake.look(|spool| spool.instance());
        let batch = Batch {
            body: Body { form: Form::Ndjson, bytes: ndjson },
            identity: Identity::Stream { instance, first },
            mapping: None,
            receipt: ReceiptWish::Unwanted,
        };
        let limit = Duration::from_millis(self.patience.try_ms);
        match self.client.send_once(batch, limit) {
            Ok(answer) => self.settle(first, count, ndjson, &answer),
            Err(missed) => Err(self.unanswered(first, count, missed)),
        }
    }

    /// What a try without results means.
    fn unanswered(&mut self, first: Seq, count: usize, missed: Missed) -> Miss {
        let Missed { error, retry_after } = missed;
        if let Error::Unavailable { problem } = &error
            && let Some(expected) = problem.expected
        {
            return self.forgot(Seq(expected), first);
        }
        if !error.retryable() {
            return Miss::Stands(error.to_string());
        }
        if !matches!(error, Error::Unreachable { .. }) {
            self.size.refused(count);
        }
        Miss::Later { why: error.to_string(), retry_after }
    }

    /// The server goes on with a number that it had settled: what it lost is for a person to judge.
    fn forgot(&mut self, expected: Seq, first: Seq) -> Miss {
        let instance = self.intake.look(|spool| spool.instance());
        let delivered = Seq(first.0.saturating_sub(1));
        self.intake.report.trouble(&Trouble::ServerForgot { instance, expected, delivered });
        Miss::Stands(format!(
            "the server expects number {expected} and had answered up to {delivered}: it is another store, or an older \
             copy of it; for a new store move the spool away"
        ))
    }

    /// Settles the numbers that the answer has results for.
    fn settle(
        &mut self,
        first: Seq,
        count: usize,
        ndjson: &[u8],
        answer: &Answer,
    ) -> Result<(), Miss> {
        if answer.results.len() != count {
            let found = answer.results.len();
            return Err(Miss::Stands(format!(
                "the server gave {found} results for {count} events"
            )));
        }
        self.witness.tenant(&answer.tenant);
        let mut verdicts = Verdicts::after(self.intake.look(|spool| spool.delivered()));
        let lines = ndjson.split(|byte| *byte == b'\n');
        let mut ended = Ok(());
        for ((seq, result), line) in (first.0..).zip(&answer.results).zip(lines) {
            ended = self.judge(&mut verdicts, seq, result, line);
            if ended.is_err() {
                break;
            }
        }
        let Verdicts { delivered, answers, committed, duplicates, not_kept } = verdicts;
        self.size.answered(count);
        // Counted first: who is woken by what is settled finds it in the numbers.
        self.intake.report.count(|counters| {
            counters.batches += 1;
            counters.committed += committed;
            counters.duplicates += duplicates;
            counters.not_kept += not_kept;
        });
        if delivered.seq >= first.0 {
            self.intake.settle(delivered, answers)?;
        }
        ended
    }

    /// What one result says of its number.
    fn judge(
        &self,
        verdicts: &mut Verdicts,
        seq: u64,
        result: &ItemResult,
        line: &[u8],
    ) -> Result<(), Miss> {
        let (index, settled) = match result {
            ItemResult::Committed { id, index, .. } => {
                verdicts.committed += 1;
                (*index, stored(id, *index)?)
            }
            ItemResult::Duplicate { id, index } => {
                verdicts.duplicates += 1;
                (*index, stored(id, *index)?)
            }
            ItemResult::DeadLettered { index, code, .. } => {
                (*index, Settled::NotKept(format!("dead_lettered: {code}")))
            }
            ItemResult::Rejected { code, field, index: Some(index), .. } => {
                (*index, Settled::NotKept(format!("rejected: {code} at `{field}`")))
            }
            ItemResult::Rejected { code, index: None, .. } => {
                return Err(Miss::Stands(format!(
                    "number {seq} was refused without a record: {code}"
                )));
            }
            ItemResult::Conflict { code, index } => {
                return Err(Miss::Stands(format!(
                    "number {seq} is another event's at index {index} (`{code}`): two spools have one instance"
                )));
            }
        };
        let was_given = verdicts.delivered.index.is_some_and(|before| index <= before);
        if was_given && !cfg!(planted = "sender_any_index") {
            return Err(Miss::Stands(format!(
                "the server gave index {index} for number {seq}, and had given it or a later one before"
            )));
        }
        if let Settled::NotKept(why) = &settled {
            self.keep_refused(seq, line)?;
            verdicts.not_kept += 1;
            let instance = self.intake.look(|spool| spool.instance());
            let why = why.clone();
            self.intake.report.trouble(&Trouble::NotKept { instance, seq: Seq(seq), why });
        }
        verdicts.delivered = Delivered { seq, index: Some(index) };
        verdicts.answers.push((seq, settled));
        Ok(())
    }

    /// Keeps an event that the server did not, beside the spool.
    fn keep_refused(&self, seq: u64, event: &[u8]) -> io::Result<()> {
        let folder = self.intake.look(|spool| spool.folder().join("refused"));
        std::fs::create_dir_all(&folder)?;
        let path = folder.join(format!("{seq:020}.json"));
        std::fs::write(&path, event)?;
        std::fs::File::open(&path)?.sync_all()
    }

    /// Says what was missed; how long it asks to be left alone.
    fn missed(&mut self, miss: Miss) -> Duration {
        let (why, pause) = match miss {
            Miss::Later { why, retry_after } => {
                self.intake.report.count(|counters| counters.retries += 1);
                self.tries = self.tries.saturating_add(1);
                let asked = retry_after.map(|asked| asked.min(PAUSE_MAX));
                let random = clock::jitter();
                let pause = retry::pause(self.patience, self.tries, asked, random, Duration::MAX);
                (why, pause.unwrap_or(PAUSE_MAX))
            }
            Miss::Stands(why) => {
                let (instance, delivered) =
                    self.intake.look(|spool| (spool.instance(), spool.delivered()));
                let seq = Seq(delivered.seq.saturating_add(1));
                let told = Trouble::Standing { instance, seq, why: why.clone() };
                self.intake.report.trouble(&told);
                (why, STAND)
            }
        };
        self.intake.failing(why);
        pause
    }
}

/// What the results of one answer come to.
struct Verdicts {
    delivered: Delivered,
    answers: Vec<(u64, Settled)>,
    committed: u64,
    duplicates: u64,
    not_kept: u64,
}

impl Verdicts {
    fn after(delivered: Delivered) -> Verdicts {
        Verdicts { delivered, answers: Vec::new(), committed: 0, duplicates: 0, not_kept: 0 }
    }
}

/// An event that the ledger has.
fn stored(id: &str, index: u64) -> Result<Settled, Miss> {
    let id = EventId::parse(id);
    let id = id.map_err(|error| Miss::Stands(format!("the server's answer: {error}")))?;
    Ok(Settled::Stored { id, index })
}
