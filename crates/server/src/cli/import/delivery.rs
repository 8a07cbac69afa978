//! The items of one file -> the server, batch by batch, and what came back.
//!
//! A file is a stream: the record's number is its number there, so whatever was sent before is answered `duplicate`.
//! Records that are known from elsewhere are not sent; since their numbers must not be missing, they are declared as a
//! gap, with the reason. It promises that one batch is in flight at a time, and it refuses to go on after a failure: the
//! next batch would begin above a hole.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use event::ids::{Instance, ProducerId, Seq};
use indelible_client::wire::{ItemResult, KnownQuestion, Lost};
use indelible_client::{Batch, Body, Client, Error, Form, Identity, Patience, ReceiptWish};

use super::flight::Flight;
use super::items::Item;
use super::summary::Summary;

/// Records of one request.
const BATCH_ITEMS_MAX: usize = 500;
/// Bytes of one request, unless a single record is longer.
const BATCH_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Why numbers are declared lost.
const KNOWN: &str = "known: these records are in the ledger from another stream of this producer";

/// What an import is delivered with, the same for all files.
#[derive(Debug)]
pub(crate) struct Courier {
    /// The server.
    pub(crate) client: Client,
    /// The producer that the token speaks for.
    pub(crate) producer: ProducerId,
    /// What the server is told to have mapped the records.
    pub(crate) mapping: Option<&'static str>,
    /// What is under way.
    pub(crate) flight: Flight,
    /// Where the items are written to as they are sent.
    pub(crate) events_out: Option<BufWriter<File>>,
    /// What came of it.
    pub(crate) summary: Summary,
}

/// Whether a file's records are asked about before they are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ask {
    /// Each of them: the first or the last is known.
    Each,
    /// None.
    None,
}

/// Why a file was not delivered to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Undelivered {
    /// A call to the server failed.
    #[error(transparent)]
    Call(#[from] Error),
    /// The items could not be written to the file that the user named.
    #[error("the events could not be written: {0}")]
    Out(#[from] io::Error),
    /// The server did not answer each item.
    #[error("the server gave {results} results for {items} events")]
    Unanswered {
        /// Results in the answer.
        results: usize,
        /// Items that were sent.
        items: usize,
    },
}

/// The items of one file that wait to be sent.
#[derive(Debug)]
pub(crate) struct Delivery<'a> {
    courier: &'a mut Courier,
    path: &'a Path,
    instance: Instance,
    ask: Ask,
    waiting: Vec<Item>,
    waiting_bytes: usize,
}

impl<'a> Delivery<'a> {
    /// The delivery of the file at `path`, in the stream `instance`.
    pub(crate) fn new(
        courier: &'a mut Courier,
        path: &'a Path,
        instance: Instance,
        ask: Ask,
    ) -> Delivery<'a> {
        Delivery { courier, path, instance, ask, waiting: Vec::new(), waiting_bytes: 0 }
    }

    /// Takes the next item; sends what waits when it is enough.
    ///
    /// # Errors
    /// When sending fails.
    pub(crate) fn add(&mut self, item: Item) -> Result<(), Undelivered> {
        let bytes = item.bytes.len() + 1;
        if self.waiting.len() == BATCH_ITEMS_MAX || self.waiting_bytes + bytes > BATCH_BYTES_MAX {
            self.flush()?;
        }
        self.waiting_bytes += bytes;
        self.waiting.push(item);
        Ok(())
    }

    /// Sends what waits.
    ///
    /// # Errors
    /// When sending fails.
    pub(crate) fn flush(&mut self) -> Result<(), Undelivered> {
        self.waiting_bytes = 0;
        let items = std::mem::take(&mut self.waiting);
        let known = match self.ask {
            Ask::Each => self.courier.known(self.instance, &items)?,
            Ask::None => vec![false; items.len()],
        };
        let mut rest = items.iter().zip(known).peekable();
        while let Some((first, is_known)) = rest.next() {
            let mut run = vec![first];
            while let Some((item, _)) = rest.next_if(|(_, known)| *known == is_known) {
                run.push(item);
            }
            if is_known { self.pass_over(&run)? } else { self.send(&run)? }
        }
        Ok(())
    }

    /// Declares the numbers of known records as a gap; what was declared before stays as it is.
    fn pass_over(&mut self, run: &[&Item]) -> Result<(), Undelivered> {
        let (Some(first), Some(last)) = (run.first(), run.last()) else { return Ok(()) };
        let (mut from, to) = (first.number, last.number);
        while from <= to {
            let lost = Lost { from, to, reason: KNOWN.to_owned() };
            match self.courier.client.declare_lost(&self.courier.producer, self.instance, &lost) {
                Ok(()) => break,
                Err(error) => match expected(&error) {
                    Some(expected) if expected > from => from = expected,
                    _ => return Err(error.into()),
                },
            }
        }
        let count = u64::try_from(run.len()).unwrap_or(u64::MAX);
        self.courier.summary.counts.known += count;
        self.courier.flight.answered(count);
        Ok(())
    }

    fn send(&mut self, run: &[&Item]) -> Result<(), Undelivered> {
        let (Some(first), Some(last)) = (run.first(), run.last()) else { return Ok(()) };
        let mut bytes = Vec::with_capacity(run.iter().map(|item| item.bytes.len() + 1).sum());
        for item in run {
            bytes.extend_from_slice(&item.bytes);
            bytes.push(b'\n');
        }
        if let Some(out) = &mut self.courier.events_out {
            out.write_all(&bytes)?;
        }
        let batch = Batch {
            body: Body { form: Form::Ndjson, bytes: &bytes },
            identity: Identity::Stream { instance: self.instance, first: Seq(first.number) },
            mapping: self.courier.mapping,
            receipt: ReceiptWish::Unwanted,
        };
        self.courier.flight.sent(self.path, (first.number, last.number));
        let answer = self.courier.client.send(batch, Patience::SEND)?;
        if answer.results.len() != run.len() {
            let (results, items) = (answer.results.len(), run.len());
            return Err(Undelivered::Unanswered { results, items });
        }
        self.courier.flight.answered(u64::try_from(run.len()).unwrap_or(u64::MAX));
        for (item, result) in run.iter().zip(&answer.results) {
            self.courier.summary.counts.add(result);
            note(&mut self.courier.summary, self.path, item, result);
        }
        Ok(())
    }
}

impl Courier {
    /// For each item, whether an event of its id is in the ledger from elsewhere than the stream `instance`.
    pub(crate) fn known(&self, instance: Instance, items: &[Item]) -> Result<Vec<bool>, Error> {
        let ids: Vec<_> =
            items.iter().filter_map(|item| item.id).map(|id| id.to_string()).collect();
        if ids.is_empty() {
            return Ok(vec![false; items.len()]);
        }
        let answer = self.client.known(&KnownQuestion { instance: instance.to_string(), ids })?;
        let mut known = answer.known.into_iter();
        let of = |item: &Item| item.id.is_some() && known.next().unwrap_or(false);
        Ok(items.iter().map(of).collect())
    }
}

/// The number that the stream goes on with, if that is what the server says.
fn expected(error: &Error) -> Option<u64> {
    match error {
        Error::Unavailable { problem } | Error::Refused { problem } => problem.expected,
        _ => None,
    }
}

/// Notes an item that did not become an event.
fn note(summary: &mut Summary, path: &Path, item: &Item, result: &ItemResult) {
    let (status, code, field, hint) = match (result, &item.unmapped) {
        (ItemResult::Committed { .. } | ItemResult::Duplicate { .. }, _) => return,
        (ItemResult::Rejected { .. }, Some(own)) => {
            ("rejected", own.code.as_str(), own.field.as_str(), own.hint.as_str())
        }
        (ItemResult::Rejected { code, field, hint, .. }, None) => {
            ("rejected", code.as_str(), field.as_str(), hint.as_str())
        }
        (ItemResult::Conflict { code, .. }, _) => ("conflict", code.as_str(), "", ""),
        (ItemResult::DeadLettered { code, .. }, _) => ("dead_lettered", code.as_str(), "", ""),
    };
    summary.note(path, item.number, [status, code, field, hint]);
}
