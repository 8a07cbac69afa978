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

use event::ids::{ProducerId, Seq};

use self::size::BatchSize;
use crate::client::{Client, Missed};
use crate::clock;
use crate::error::Error;
use crate::intake::{Intake, Role};
use crate::report::Counters;
use crate::retry::{self, Patience};
use crate::send::{Batch, Body, Form, Identity, ReceiptWish};
use crate::spool::Delivered;
use crate::spool::read::{Due, Reader, Wanted};
use crate::trouble::Trouble;
use crate::verdict::{self, Settled, Verdict};
use crate::wire::Answer;
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
        self.witness.tenant(&answer.tenant);
        let mut delivered = self.intake.look(|spool| spool.delivered());
        let judged = verdict::judge((first, count), &answer.results, delivered.index);
        let mut ended = judged.stands.map_or(Ok(()), |why| Err(Miss::Stands(why)));
        let mut tally = Counters::default();
        let mut answers = Vec::with_capacity(judged.verdicts.len());
        let lines = ndjson.split(|byte| *byte == b'\n');
        for (Verdict { seq, index, settled }, line) in judged.verdicts.into_iter().zip(lines) {
            match &settled {
                Settled::Committed { .. } => tally.committed += 1,
                Settled::Duplicate { .. } => tally.duplicates += 1,
                Settled::NotKept(why) => {
                    if let Err(error) = self.keep_refused(seq, why, line) {
                        ended = Err(error.into());
                        break;
                    }
                    tally.not_kept += 1;
                }
            }
            delivered = Delivered { seq: seq.0, index: Some(index) };
            answers.push((seq.0, settled));
        }
        self.size.answered(count);
        // Counted first: who is woken by what is settled finds it in the numbers.
        self.intake.report.count(|counters| {
            counters.batches += 1;
            counters.committed += tally.committed;
            counters.duplicates += tally.duplicates;
            counters.not_kept += tally.not_kept;
        });
        if delivered.seq >= first.0 {
            self.intake.settle(delivered, answers)?;
        }
        ended
    }

    /// Keeps an event that the server did not, beside the spool.
    fn keep_refused(&self, seq: Seq, why: &str, event: &[u8]) -> io::Result<()> {
        let (instance, folder) =
            self.intake.look(|spool| (spool.instance(), spool.folder().join("refused")));
        std::fs::create_dir_all(&folder)?;
        let path = folder.join(format!("{:020}.json", seq.0));
        std::fs::write(&path, event)?;
        std::fs::File::open(&path)?.sync_all()?;
        let told = Trouble::NotKept { instance, seq, why: why.to_owned() };
        self.intake.report.trouble(&told);
        Ok(())
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
