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

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use event::ids::{Seq, Timestamp};
use tlog::TreeSize;
use tlog::hash::Hash;
use tlog::tree::CompactRange;

use crate::book::Counts;
use crate::cursor::{length_u32, length_u64, size};
use crate::error::Error;
use crate::frame::area::{self, PACK_BYTES_MIN};
use crate::frame::section::runs_of;
use crate::frame::{self, AreaSums, Codec, EMPTY_FRAME_BYTES, FrameKind, SectionHead};
use crate::idle::IdleStream;
use crate::ledger::{Writer, WriterState};
use crate::request::{
    Answer, Append, Class, Done, Item, ItemAnswer, KeyBlob, Now, Packed, Refusal, Source, StreamId,
};
use crate::tree::{Leaves, grow};
use crate::view::{Growth, SectionRef, Tenant, run_of};
use crate::wal::{NoRoom, Place};

use plan::{Plan, is_valid};

mod plan;

/// The writer's end of one tenant: durable state plus what the open frame adds.
#[derive(Debug)]
pub(crate) struct HeadState {
    tenant: Arc<Tenant>,
    range: CompactRange,
    received_at: Timestamp,
    /// Streams that the open frame carries on, with their next number.
    next: HashMap<StreamId, u64>,
    /// Keys that the log file at hand holds, the open frame counted in: each file brings those
    /// that its records use, so that it can stand without the files before it.
    keys: HashSet<(u8, u64)>,
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
    /// What a file has of the section's stream, if that is not in memory.
    returning: Option<IdleStream>,
}

/// An answer, and how many frames of the turn must be durable before it may be given.
#[derive(Debug)]
struct Pending {
    answer: Answer,
    frames: usize,
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

    /// Puts the fresh items into the open frame, closing it before if they no longer fit.
    fn store(&mut self, now: Now, request: Append, plan: &Plan) -> Result<(), Answer> {
        let (class, keys) = (request.class, request.keys.clone());
        let mut section = self.section(now, request, plan);
        let mut total = self.frame.bytes.max(EMPTY_FRAME_BYTES) + section.frame_bytes();
        let fits = |total: usize, writer: &Self| writer.wal.fits(length_u64(total));
        // A frame goes to the next file alone: that file holds no keys yet.
        let closes = total > self.options.frame_bytes || !fits(total, self);
        if !self.frame.is_empty() && closes {
            self.commit_or_poison();
            total = EMPTY_FRAME_BYTES + section.frame_bytes();
        }
        if !fits(total, self) {
            self.heads.values_mut().for_each(|head| head.keys.clear());
            section.keys = area::keys(&keys);
            section.head.sums.keys = area::sum(&section.keys);
            total = EMPTY_FRAME_BYTES + section.frame_bytes();
        }
        self.reserve(length_u64(total), class)?;
        let grown = Grown { returning: plan.returning.clone(), ..self.grow(&mut section) };
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
        let (tenant, range) = (Arc::clone(&state.tenant), state.range.clone());
        Grown { tenant, leaves, keys, range, returning: None }
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
                        self.seen.insert(&head.tenant, scope, (id, index));
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
        let begins = (!self.wal.fits(length_u64(buffer.len()))).then(|| self.wal.link().seq);
        if begins.is_some() {
            self.note_boundary(self.wal.link());
        }
        let place = self.wal.append(&buffer, hash, FrameKind::Append)?;
        self.publish(&place);
        if let Some(first_seq) = begins {
            self.note_file(first_seq, self.wal.file_bytes());
        }
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
            Counts::add(&self.book.counts.returned, u64::from(grown.returning.is_some()));
            let growth = Growth {
                section: SectionRef::new(&head, &place.file, at),
                source: head.source,
                returning: grown.returning,
                leaves: grown.leaves,
                keys: grown.keys,
                range: grown.range,
                root: head.root_after,
            };
            grown.tenant.view().grow(growth);
            if let Some(state) = self.heads.get_mut(&head.tenant) {
                state.next.clear();
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
        Self { tenant, range, received_at, next: HashMap::new(), keys: HashSet::new() }
    }

    /// The next number of a stream in memory, the open frame counted in.
    fn next(&self, stream: &StreamId) -> Option<u64> {
        let waiting = self.next.get(stream).copied();
        waiting.or_else(|| self.tenant.view().streams.next(stream))
    }

    fn has_key(&self, key: &KeyBlob) -> bool {
        self.keys.contains(&(key.kind, key.id))
    }
}

fn done(head: &HeadState, items: Vec<ItemAnswer>) -> Answer {
    Answer::Done(Done { items, received_at: head.received_at, size: head.range.size() })
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
