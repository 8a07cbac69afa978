//! One turn of the writer: what waits becomes frames, each with one sync, and every request is
//! answered.
//!
//! ```text
//! admit    known items apart from fresh ones -> clock -> room reserved -> index, stamp, leaf, root
//! commit   frame built -> written -> synced -> shown to readers
//! answer   only what a sync covers is `Done`
//! ```
//!
//! It promises that a turn is a pure step: the same state, time and requests give the same bytes
//! and answers. It refuses nothing half: a request is one section, or nothing of it is stored.

use std::collections::HashMap;
use std::sync::Arc;

use event::ids::{EventId, Seq, Timestamp};
use event::limits::BATCH_EVENTS_MAX;
use tlog::hash::Hash;
use tlog::tree::CompactRange;
use tlog::{Index, TreeSize};

use crate::book::Counts;
use crate::cursor::{length_u32, length_u64, size};
use crate::error::Error;
use crate::frame::area::{self, KEY_BYTES_MAX, KEYS_MAX, PACK_BYTES_MIN, PAYLOAD_BYTES_MAX};
use crate::frame::section::runs_of;
use crate::frame::{self, AreaSums, Codec, EMPTY_FRAME_BYTES, FrameKind, SectionHead};
use crate::ledger::{Writer, WriterState};
use crate::request::{
    Answer, Append, Class, Done, Item, ItemAnswer, KeyBlob, Now, Packed, Refusal, Source, StreamId,
};
use crate::tree::{Leaves, grow};
use crate::view::{Growth, SectionRef, Tenant, run_of};
use crate::wal::{NoRoom, Place};

/// The writer's end of one tenant: durable state plus what the open frame adds.
#[derive(Debug)]
pub(crate) struct HeadState {
    tenant: Arc<Tenant>,
    range: CompactRange,
    received_at: Timestamp,
    /// Streams that the open frame carries on, with their next number.
    next: HashMap<StreamId, u64>,
    /// Keys that the open frame brings.
    keys: Vec<(u8, u64)>,
}

/// The frame that fills up.
#[derive(Debug, Default)]
pub(crate) struct OpenFrame {
    sections: Vec<frame::Section>,
    grown: Vec<Grown>,
    /// Its length if it were written now.
    bytes: usize,
    buffer: Vec<u8>,
    /// Frames of this turn that are durable.
    committed: usize,
}

/// What a section of the open frame adds to its tenant.
#[derive(Debug)]
struct Grown {
    tenant: Arc<Tenant>,
    leaves: Leaves,
    keys: Vec<KeyBlob>,
    range: CompactRange,
}

/// An answer, and how many frames of the turn must be durable before it may be given.
#[derive(Debug)]
struct Pending {
    answer: Answer,
    frames: usize,
}

/// The items of a request that are to be stored, and the answers for all.
#[derive(Debug)]
struct Plan {
    answers: Vec<ItemAnswer>,
    fresh: usize,
}

impl OpenFrame {
    /// Whether nothing waits in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.sections.is_empty()
    }

    /// Frames that must be durable for everything admitted so far.
    fn frames_needed(&self) -> usize {
        self.committed + usize::from(!self.is_empty())
    }
}

impl Writer {
    /// Appends the requests, in order, and answers each. Everything that fits into a frame is made
    /// durable by one sync.
    pub fn turn(&mut self, now: Now, requests: Vec<Append>) -> Vec<Answer> {
        assert!(self.frame.is_empty(), "a turn leaves no open frame");
        self.frame.committed = 0;
        let pending: Vec<_> =
            requests.into_iter().map(|request| self.admit(now, request)).collect();
        self.commit_or_poison();
        let committed = self.frame.committed;
        // INVARIANT (I1): what is answered `Done` lies in frames whose sync has returned.
        let answer = |pending: Pending| {
            if pending.frames <= committed { pending.answer } else { Answer::Poisoned }
        };
        pending.into_iter().map(answer).collect()
    }

    fn admit(&mut self, now: Now, request: Append) -> Pending {
        let answer = match self.state {
            WriterState::Poisoned(_) => Answer::Poisoned,
            WriterState::Stopping => Answer::Refused(Refusal::Stopping),
            WriterState::Open if !is_valid(&request) => Answer::Refused(Refusal::Invalid),
            WriterState::Open => self.append(now, request),
        };
        Pending { answer, frames: self.frame.frames_needed() }
    }

    fn append(&mut self, now: Now, request: Append) -> Answer {
        let plan = match self.plan(&request) {
            Ok(plan) => plan,
            Err(answer) => return answer,
        };
        Counts::add(&self.book.counts.seen, length_u64(plan.answers.len() - plan.fresh));
        if plan.fresh > 0 {
            if !self.clock.is_sane(now) {
                return Answer::Refused(Refusal::ClockUnsane);
            }
            if let Err(answer) = self.store(now, request, &plan) {
                return answer;
            }
            self.stored(plan)
        } else {
            let head = self.head(&request.tenant);
            done(head, plan.answers)
        }
    }

    /// The answer to the request whose section was admitted last.
    fn stored(&self, plan: Plan) -> Answer {
        let section = self.frame.sections.last().expect("a section was just admitted");
        let (received_at, size) = (section.head.received_at, TreeSize(section.head.end()));
        Answer::Done(Done { items: plan.answers, received_at, size })
    }

    /// Tells known items from fresh ones and gives the fresh ones their indices.
    fn plan(&mut self, request: &Append) -> Result<Plan, Answer> {
        let first = self.head(&request.tenant).range.size().0;
        match &request.source {
            Source::Loose { producer } => {
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
        let head = self.head(&request.tenant);
        let next = match head.next(stream) {
            None if streams_full => return Err(Answer::Refused(Refusal::StreamsFull)),
            next => next.unwrap_or(1),
        };
        if seq.0 > next {
            return Err(Answer::SequenceGap { expected: Seq(next) });
        }
        let first = head.range.size().0;
        let known = usize::try_from(next - seq.0).unwrap_or(usize::MAX).min(count);
        let tenant = Arc::clone(&head.tenant);
        let mut answers = Vec::with_capacity(count);
        for number in (seq.0..).take(known) {
            let index = self.stored_at(&tenant, stream, number);
            answers.push(ItemAnswer::Seen { index: Index(index) });
        }
        for index in (first..).take(count - known) {
            answers.push(ItemAnswer::Committed { index: Index(index) });
        }
        Ok(Plan { answers, fresh: count - known })
    }

    /// Where a taken number of a stream was stored: durably, or in the open frame.
    fn stored_at(&self, tenant: &Arc<Tenant>, stream: &StreamId, seq: u64) -> u64 {
        let durable = tenant.view().streams.index_of(stream, seq);
        let waiting = || {
            let of_stream = |section: &frame::Section| {
                let head = &section.head;
                let (id, run) = run_of(&head.source, head.first, head.count)?;
                let same = head.tenant == tenant.id && id == stream;
                same.then(|| run.index_of(seq)).flatten()
            };
            self.frame.sections.iter().find_map(of_stream)
        };
        durable.or_else(waiting).expect("a number below the next one was stored")
    }

    /// Puts the fresh items into the open frame, closing it before if they no longer fit.
    fn store(&mut self, now: Now, request: Append, plan: &Plan) -> Result<(), Answer> {
        let class = request.class;
        let mut section = self.section(now, request, plan);
        let mut total = self.frame.bytes.max(EMPTY_FRAME_BYTES) + section.frame_bytes();
        if !self.frame.is_empty() && total > self.options.frame_bytes {
            self.commit_or_poison();
            total = EMPTY_FRAME_BYTES + section.frame_bytes();
        }
        self.reserve(length_u64(total), class)?;
        let grown = self.grow(&mut section);
        self.take_numbers(&section);
        self.frame.bytes = total;
        self.frame.sections.push(section);
        self.frame.grown.push(grown);
        assert_eq!(self.frame.sections.len(), self.frame.grown.len(), "one growth a section");
        Ok(())
    }

    fn reserve(&mut self, frame_bytes: u64, class: Class) -> Result<(), Answer> {
        if self.poisoned().is_some() {
            return Err(Answer::Poisoned);
        }
        match self.wal.reserve(&self.book.spares, frame_bytes, class) {
            Ok(()) => Ok(()),
            Err(NoRoom::Full) => Err(Answer::Refused(Refusal::DiskFull)),
            Err(NoRoom::Failed(source)) => {
                // The failure is remembered; the answer says it.
                let _ = self.poison_on_error::<()>(Err(source.into()));
                Err(Answer::Poisoned)
            }
        }
    }

    /// The section that stores the fresh items; its root is not known yet.
    fn section(&mut self, now: Now, request: Append, plan: &Plan) -> frame::Section {
        let head = self.head(&request.tenant);
        let first = head.range.size().0;
        let received_at = now.wall.max(head.received_at);
        let keys: Vec<_> = request.keys.iter().filter(|key| !head.has_key(key)).cloned().collect();
        let fresh = || {
            let with_answers = request.items.iter().zip(&plan.answers);
            let is_fresh = |(item, answer): (_, &ItemAnswer)| {
                matches!(answer, ItemAnswer::Committed { .. }).then_some(item)
            };
            with_answers.filter_map(is_fresh)
        };
        let whole = plan.fresh == request.items.len();
        let (payload, codec, raw_bytes) = payload_of(request.packed.filter(|_| whole), fresh());
        let mut roots = Vec::with_capacity(32 * plan.fresh);
        fresh().for_each(|item: &Item| roots.extend_from_slice(&item.root.0));
        let ids = match &request.source {
            Source::Loose { .. } => area::ids(fresh()),
            Source::Stream { .. } | Source::Gap { .. } => Vec::new(),
        };
        let keys = area::keys(&keys);
        let sums = AreaSums {
            roots: area::sum(&roots),
            ids: area::sum(&ids),
            payload: area::sum(&payload),
            keys: area::sum(&keys),
        };
        let runs = runs_of(fresh().map(|item: &Item| item.kind));
        let known = length_u64(request.items.len() - plan.fresh);
        let head = SectionHead {
            tenant: request.tenant,
            source: trimmed(request.source, known),
            first,
            count: length_u32(plan.fresh),
            received_at,
            root_after: Hash([0; 32]),
            codec,
            raw_bytes,
            sums,
            runs,
        };
        frame::Section { head, roots, ids, payload, keys }
    }

    /// Hashes the section's entries into its tenant's tree and fills in the root.
    fn grow(&mut self, section: &mut frame::Section) -> Grown {
        let roots = area::decode_roots(&section.roots).unwrap_or_default();
        let keys = area::decode_keys(&section.keys).unwrap_or_default();
        assert_eq!(roots.len(), size(section.head.count), "a root for every record");
        assert!(area::keys(&keys) == section.keys, "only valid keys were admitted");
        let head = &mut section.head;
        let received_at = head.received_at;
        self.clock.stamped(received_at);
        let state = self.head(&head.tenant);
        // INVARIANT (I3): indices are dense and stamps never decrease along them.
        assert_eq!(head.first, state.range.size().0, "indices are dense");
        assert!(received_at >= state.received_at, "stamps never decrease");
        let leaves = grow(&mut state.range, received_at, &roots, head.kinds());
        head.root_after = state.range.root();
        state.received_at = received_at;
        state.keys.extend(keys.iter().map(|key| (key.kind, key.id)));
        Grown { tenant: Arc::clone(&state.tenant), leaves, keys, range: state.range.clone() }
    }

    /// Takes the stream's numbers, or remembers the ids.
    fn take_numbers(&mut self, section: &frame::Section) {
        let head = &section.head;
        match (&head.source, run_of(&head.source, head.first, head.count)) {
            (_, Some((stream, run))) => {
                let state = self.head(&head.tenant);
                let is_new = state.next(stream).is_none();
                state.next.insert(stream.clone(), run.seq + run.count);
                self.streams += usize::from(is_new);
            }
            (Source::Loose { producer }, None) => {
                let ids = area::decode_ids(&section.ids, head.count).unwrap_or_default();
                assert_eq!(ids.len(), size(head.count), "an id or none for every record");
                let scope = self.seen.scope(&head.tenant, producer.as_ref());
                for (index, id) in (head.first..).zip(ids) {
                    if let Some(id) = id {
                        self.seen.insert(scope, id, index);
                    }
                }
            }
            (Source::Stream { .. } | Source::Gap { .. }, None) => {}
        }
    }

    fn commit_or_poison(&mut self) {
        let committed = self.commit();
        if self.poison_on_error(committed).is_err() {
            self.frame.sections.clear();
            self.frame.grown.clear();
        }
    }

    /// Writes and syncs the open frame and shows it to readers.
    fn commit(&mut self) -> Result<(), Error> {
        if self.frame.is_empty() {
            return Ok(());
        }
        self.check_open()?;
        let mut buffer = std::mem::take(&mut self.frame.buffer);
        let hash = frame::encode_append(self.wal.link(), &self.frame.sections, &mut buffer);
        assert_eq!(buffer.len(), self.frame.bytes, "a frame is as long as was reserved");
        if cfg!(planted = "sign_before_durable") {
            // The planted fault: readers see, and sign, what no sync covers yet.
            let place = self.wal.place(length_u64(buffer.len()))?;
            self.publish(&place);
        }
        let place = self.wal.append(&buffer, hash, FrameKind::Append)?;
        self.publish(&place);
        let counts = &self.book.counts;
        Counts::add(&counts.frames, 1);
        Counts::add(&counts.bytes, length_u64(buffer.len()));
        Counts::set(&counts.ids, length_u64(self.seen.len()));
        Counts::set(&counts.streams, length_u64(self.streams));
        if buffer.capacity() <= 2 * self.options.frame_bytes {
            // One outsized request must not hold its memory for ever.
            self.frame.buffer = buffer;
        }
        self.frame.bytes = 0;
        self.frame.committed += 1;
        Ok(())
    }

    /// Shows the open frame's sections, which stand at `place`, to readers.
    fn publish(&mut self, place: &Place) {
        let headers = self.frame.sections.iter().map(|s| s.head.encoded_bytes()).sum::<usize>();
        let mut at = place.offset + length_u64(frame::FRAME_HEAD_BYTES + headers);
        let sections = self.frame.sections.drain(..);
        for (section, grown) in sections.zip(self.frame.grown.drain(..)) {
            let head = section.head;
            Counts::add(&self.book.counts.records, u64::from(head.count));
            let growth = Growth {
                section: SectionRef::new(&head, &place.file, at),
                source: head.source,
                leaves: grown.leaves,
                keys: grown.keys,
                range: grown.range,
                root: head.root_after,
            };
            grown.tenant.view().grow(growth);
            if let Some(state) = self.heads.get_mut(&head.tenant) {
                state.next.clear();
                state.keys.clear();
            }
            at += length_u64(frame::areas_bytes(&head.sums));
        }
    }

    fn head(&mut self, tenant: &event::ids::TenantId) -> &mut HeadState {
        let book = &self.book;
        let durable = || HeadState::new(book.tenant(tenant));
        self.heads.entry(tenant.clone()).or_insert_with(durable)
    }
}

impl HeadState {
    /// The durable state of a tenant.
    fn new(tenant: Arc<Tenant>) -> Self {
        let (range, received_at) = {
            let view = tenant.view();
            (view.range.clone(), view.received_at)
        };
        Self { tenant, range, received_at, next: HashMap::new(), keys: Vec::new() }
    }

    /// The next number of a stream, the open frame counted in.
    fn next(&self, stream: &StreamId) -> Option<u64> {
        let waiting = self.next.get(stream).copied();
        waiting.or_else(|| self.tenant.view().streams.next(stream))
    }

    fn has_key(&self, key: &KeyBlob) -> bool {
        let name = (key.kind, key.id);
        self.keys.contains(&name) || self.tenant.view().keys.contains_key(&name)
    }
}

fn done(head: &HeadState, items: Vec<ItemAnswer>) -> Answer {
    Answer::Done(Done { items, received_at: head.received_at, size: head.range.size() })
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
    Plan { answers, fresh }
}

/// Whether a request obeys the rules that do not depend on what is stored.
fn is_valid(request: &Append) -> bool {
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

/// The payload area as it is stored: packed ahead, packed here if large, or as it is.
fn payload_of<'a>(
    packed: Option<Packed>,
    fresh: impl Iterator<Item = &'a Item> + Clone,
) -> (Vec<u8>, Codec, u32) {
    if let Some(packed) = packed {
        return (packed.bytes, Codec::Zstd, packed.raw_bytes);
    }
    let raw = area::payload(fresh);
    let raw_bytes = length_u32(raw.len());
    if raw.len() >= PACK_BYTES_MIN
        && let Some(packed) = area::pack_raw(&raw)
    {
        return (packed.bytes, Codec::Zstd, raw_bytes);
    }
    (raw, Codec::Raw, raw_bytes)
}

/// The source without the numbers that were known.
fn trimmed(source: Source, known: u64) -> Source {
    match source {
        Source::Stream { stream, first } => Source::Stream { stream, first: Seq(first.0 + known) },
        other => other,
    }
}
