//! What of a request is fresh: known items are told from new ones, and the new ones get their place.
//!
//! It promises that a number of a stream, or an id outside one, is stored once (I5): what is known
//! is answered with its index, or as archived where the log no longer has it. It refuses to guess
//! about ids below the window's floor, and stores nothing itself.

use std::collections::HashMap;
use std::sync::Arc;

use event::ids::{EventId, Seq, TenantId};
use event::limits::BATCH_EVENTS_MAX;
use tlog::Index;

use crate::cursor::length_u64;
use crate::frame;
use crate::frame::area::{self, KEY_BYTES_MAX, KEYS_MAX, PAYLOAD_BYTES_MAX};
use crate::idle::IdleStream;
use crate::ledger::Writer;
use crate::request::{Answer, Append, Item, ItemAnswer, Refusal, Source, StreamId};
use crate::stream::SeqPlace;
use crate::view::{Tenant, run_of};

/// The items of a request that are to be stored, and the answers for all.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) answers: Vec<ItemAnswer>,
    pub(super) fresh: usize,
    /// What a file has of the request's stream, if that is not in memory.
    pub(super) returning: Option<IdleStream>,
}

impl Writer {
    /// Tells known items from fresh ones and gives the fresh ones their indices.
    pub(super) fn plan(&mut self, request: &Append) -> Result<Plan, Answer> {
        let first = self.head(&request.tenant).range.size().0;
        match &request.source {
            Source::Loose { producer } => {
                let named = request.items.iter().any(|item| item.id.is_some());
                if named && self.seen.floor(&request.tenant) > request.looked_below.0 {
                    return Err(Answer::Refused(Refusal::LookAgain));
                }
                let scope = self.seen.scope(&request.tenant, producer.as_ref());
                let known = |id| self.seen.find(scope, id);
                Ok(plan_loose(&request.items, first, known))
            }
            Source::Stream { stream, first: seq } => {
                self.plan_stream(request, stream, (*seq, request.items.len()))
            }
            Source::Gap { stream, from, .. } => self.plan_stream(request, stream, (*from, 1)),
        }
    }

    fn plan_stream(
        &mut self,
        request: &Append,
        stream: &StreamId,
        (seq, count): (Seq, usize),
    ) -> Result<Plan, Answer> {
        let streams_full = self.streams >= self.options.streams_max;
        let held = self.head(&request.tenant).next(stream);
        let returning = match held {
            Some(_) => None,
            None => self.find_idle(&request.tenant, stream)?,
        };
        let idle = returning.as_ref().map(|idle| idle.next);
        let next = held.or(idle).unwrap_or(1);
        if seq.0 > next {
            return Err(Answer::SequenceGap { expected: Seq(next) });
        }
        let known = usize::try_from(next - seq.0).unwrap_or(usize::MAX).min(count);
        if held.is_none() && known < count && streams_full {
            return Err(Answer::Refused(Refusal::StreamsFull));
        }
        let head = self.head(&request.tenant);
        let first = head.range.size().0;
        let tenant = Arc::clone(&head.tenant);
        let mut answers = Vec::with_capacity(count);
        for number in (seq.0..).take(known) {
            answers.push(self.taken(&tenant, stream, number));
        }
        for index in (first..).take(count - known) {
            answers.push(ItemAnswer::Committed { index: Index(index) });
        }
        Ok(Plan { answers, fresh: count - known, returning })
    }

    /// What files have of a stream that is not in memory. If they cannot be read nobody knows the
    /// stream's next number, and the next start says which file it is.
    fn find_idle(
        &mut self,
        tenant: &TenantId,
        stream: &StreamId,
    ) -> Result<Option<IdleStream>, Answer> {
        if cfg!(planted = "streams_forgotten") {
            // The planted fault: a stream that is not in memory begins anew.
            return Ok(None);
        }
        let found = self.book.find_idle(tenant, stream);
        self.poison_on_error(found).map_err(|_| Answer::Poisoned)
    }

    /// The answer for a taken number of a stream: stored durably, or in the open frame; one that
    /// is in neither was stored in a record that has left the log.
    fn taken(&self, tenant: &Arc<Tenant>, stream: &StreamId, seq: u64) -> ItemAnswer {
        if let SeqPlace::At(index) = tenant.view().streams.place(stream, seq) {
            return ItemAnswer::Seen { index };
        }
        let of_stream = |section: &frame::Section| {
            let head = &section.head;
            let (id, run) = run_of(&head.source, head.first, head.count)?;
            let same = head.tenant == tenant.id && id == stream;
            same.then(|| run.index_of(seq)).flatten()
        };
        match self.frame.sections.iter().find_map(of_stream) {
            Some(index) => ItemAnswer::Seen { index: Index(index) },
            None => ItemAnswer::Archived { seq: Seq(seq) },
        }
    }
}

/// Answers for items outside a stream: an id is known from before, or from earlier in the request.
fn plan_loose(items: &[Item], first: u64, known: impl Fn(EventId) -> Option<u64>) -> Plan {
    let mut here: HashMap<EventId, u64> = HashMap::new();
    let mut next = first;
    let mut answers = Vec::with_capacity(items.len());
    for item in items {
        let stored = item.id.and_then(|id| known(id).or_else(|| here.get(&id).copied()));
        if let Some(index) = stored {
            answers.push(ItemAnswer::Seen { index: Index(index) });
            continue;
        }
        answers.push(ItemAnswer::Committed { index: Index(next) });
        if let Some(id) = item.id
            && !cfg!(planted = "no_id_window")
        {
            here.insert(id, next);
        }
        next += 1;
    }
    let fresh = usize::try_from(next - first).unwrap_or(usize::MAX);
    assert!(fresh <= items.len(), "at most every item is fresh");
    Plan { answers, fresh, returning: None }
}

/// Whether a request obeys the rules that do not depend on what is stored.
pub(super) fn is_valid(request: &Append) -> bool {
    let count = request.items.len();
    let numbered = match &request.source {
        Source::Loose { .. } => true,
        Source::Stream { first, .. } => {
            first.0 > 0 && first.0.checked_add(length_u64(count)).is_some()
        }
        Source::Gap { from, to, .. } => from.0 > 0 && from <= to && to.0 < u64::MAX && count == 1,
    };
    let bounded = (1..=BATCH_EVENTS_MAX).contains(&count)
        && request.keys.len() <= KEYS_MAX
        && request.keys.iter().all(|key| key.bytes.len() <= KEY_BYTES_MAX);
    let raw_bytes = area::payload_bytes(request.items.iter());
    let packed = request.packed.as_ref().is_none_or(|packed| {
        usize::try_from(packed.raw_bytes).is_ok_and(|bytes| bytes == raw_bytes)
            && packed.bytes.len() <= raw_bytes
    });
    numbered && bounded && packed && raw_bytes <= PAYLOAD_BYTES_MAX
}
