//! Items -> records -> verdicts: what a request asks of the ledger, and what its answer means for each item.
//!
//! [`seal`] turns the items of one request into records whose bytes are final: event root, payload, everything but index
//! and time of receipt. In a stream every number becomes a record, a refused one too, so that the stream has no hole;
//! outside a stream a rejected item leaves none. Then the ledger appends, and [`Sealed::settle`] gives each item its
//! verdict: what the ledger had seen before is compared with the stored record, claim by claim.
//!
//! INVARIANT (I5): a number or id seen before gets the index of its record, as `duplicate` only if the claims are equal.
//! INVARIANT (I7): one verdict an item, in the order sent; nothing is dropped and nothing is said twice.
//!
//! It promises to be a function of its arguments: salts and ids are passed in, stored records too. It refuses to compare
//! what it cannot read: a stored record that is damaged is an error, never a verdict.

mod settle; // the ledger's answer -> verdicts

use crate::process::{Failed, Steps};
use crate::verdict::Dedup;
use event::canonical::{self, Context, Parts, Stamps};
use event::commitment::{Hash, SaltBlock, Sealer};
use event::entry::EntryKind;
use event::event::{Event, Rejection};
use event::ids::{EventId, Instance, Seq};
use event::{record, system};
use std::ops::Range;

pub use settle::{Answer, SettleError};

/// The highest number of a stream: numbers in receipts are plain integers below 2^53.
pub const SEQ_MAX: u64 = (1 << 53) - 1;

/// The number of a stream that `text` is: digits alone, from 1 to [`SEQ_MAX`]. A sign is none.
pub fn parse_seq(text: &str) -> Option<Seq> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|number| is_plain && (1..=SEQ_MAX).contains(number));
    number.map(Seq)
}

/// What all items of a request have in common.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// What the server knows of its sender.
    pub context: Context<'a>,
    /// Where its items stand in a stream, if they do.
    pub stream: Option<Place>,
    /// The steps that its events go through.
    pub steps: &'a Steps,
}

/// The place of a request in its stream: item `n` has number `first + n`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    instance: Instance,
    first: Seq,
}

impl Place {
    /// The place of `items` items from number `first` on; `None` when a number would be 0 or above [`SEQ_MAX`].
    pub fn new(instance: Instance, first: Seq, items: usize) -> Option<Self> {
        let items = u64::try_from(items).ok()?;
        let last = first.0.checked_add(items.saturating_sub(1))?;
        (first.0 >= 1 && last <= SEQ_MAX).then_some(Self { instance, first })
    }

    /// The stream's instance.
    pub fn instance(self) -> Instance {
        self.instance
    }

    /// The number of the first item.
    pub fn first(self) -> Seq {
        self.first
    }

    fn of_item(self, position: usize) -> (Instance, Seq) {
        let position = u64::try_from(position).unwrap_or(u64::MAX);
        // `new` has checked the last item's number, so the sum stays below 2^53.
        (self.instance, Seq(self.first.0.saturating_add(position)))
    }
}

/// Slots of salt blocks that the caller has reserved for one request and gives to nobody else, ever.
#[derive(Debug, Clone)]
pub struct Salts<'a> {
    /// The tenant's ledger key, ready to make seeds.
    pub sealer: &'a Sealer,
    /// Reserved slots; at least as many as the request has items. What is left over is never used.
    pub slots: Vec<Slots<'a>>,
}

/// A run of slots in one salt block.
#[derive(Debug, Clone)]
pub struct Slots<'a> {
    /// The block.
    pub block: &'a SaltBlock,
    /// The reserved slots.
    pub slots: Range<u32>,
}

/// A request that could not be sealed; nothing of it may be appended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reserved} salt slots are reserved for {items} items")]
pub struct OutOfSlots {
    /// Slots that were passed in.
    pub reserved: usize,
    /// Items to seal.
    pub items: usize,
}

/// A request that is ready to be appended.
#[derive(Debug)]
pub struct Sealed {
    /// The records to append, in order. At most one an item.
    pub records: Vec<SealedRecord>,
    stream: Option<Place>,
    fates: Vec<Fate>,
}

/// One record whose bytes are final.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedRecord {
    /// What its entry is marked with.
    pub kind: EntryKind,
    /// The event root.
    pub root: Hash,
    /// The record as it is stored.
    pub payload: Vec<u8>,
    /// Outside a stream: the id by which a second sending is recognised.
    pub id: Option<EventId>,
}

/// What became of an item before the ledger was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Fate {
    /// A record, as which it will be answered.
    Record { id: EventId, standing: Standing, dedup: Dedup },
    /// No record: it came without a stream and breaks the format.
    Rejected(Rejection),
}

/// What the record of an item is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Standing {
    Event,
    DeadLetter(Failed),
    Refused(Rejection),
}

/// Takes each record's event and stamps, with the id of its salt block and its slot there.
pub type Shown<'r> = dyn FnMut(&Event<'_>, &Stamps<'_>, (u64, u32)) + 'r;

/// Turns `items` into records. Each is shown to `rows` in order, so that the caller can make rows of them without a second
/// parse; `draw` gives an id to each record that has none and no place in a stream.
///
/// # Errors
/// When fewer slots were reserved than there are items.
pub fn seal(
    items: &[&[u8]],
    request: &Request<'_>,
    salts: &Salts<'_>,
    draw: &mut dyn FnMut() -> EventId,
    rows: &mut Shown<'_>,
) -> Result<Sealed, OutOfSlots> {
    let reserved = salts.slots.iter().map(|run| run.slots.len()).sum();
    if reserved < items.len() {
        return Err(OutOfSlots { reserved, items: items.len() });
    }
    let slots = salts.slots.iter().flat_map(|run| run.slots.clone().map(|slot| (run.block, slot)));
    let mut press = Press { request, draw, rows, sealer: salts.sealer, slots, records: Vec::new() };
    press.records.reserve_exact(items.len());
    let fates = items.iter().enumerate().map(|(position, raw)| press.item(position, raw)).collect();
    let records = press.records;
    Ok(Sealed { records, stream: request.stream, fates })
}

/// What sealing needs at every item.
struct Press<'r, 'a, I> {
    request: &'r Request<'a>,
    draw: &'r mut dyn FnMut() -> EventId,
    rows: &'r mut Shown<'r>,
    sealer: &'r Sealer,
    slots: I,
    records: Vec<SealedRecord>,
}

impl<'a, 'b, I: Iterator<Item = (&'b SaltBlock, u32)>> Press<'_, 'a, I> {
    fn item(&mut self, position: usize, raw: &[u8]) -> Fate {
        let place = self.request.stream.map(|stream| stream.of_item(position));
        match Event::parse(raw).map(as_decoded) {
            Ok(event) => match self.request.steps.run(&event) {
                Ok(()) => self.event(&event, place),
                Err(failed) => self.dead_letter(&event, place, failed, raw),
            },
            Err(rejection) => match place {
                Some(place) => self.refused(place, rejection),
                None => Fate::Rejected(rejection),
            },
        }
    }

    fn event(&mut self, event: &Event<'_>, place: Option<(Instance, Seq)>) -> Fate {
        let stamps = Stamps::new(event, &self.request.context, place, &mut *self.draw);
        let id = stamps.event_id(event).expect("an event without an id is stamped with one");
        let known_by = event.id.filter(|_| place.is_none());
        let slot = self.push(EntryKind::Event, known_by, &canonical::parts(event, &stamps));
        (self.rows)(event, &stamps, slot);
        Fate::Record { id, standing: Standing::Event, dedup: dedup(event, place) }
    }

    fn dead_letter(
        &mut self,
        event: &Event<'_>,
        place: Option<(Instance, Seq)>,
        failed: Failed,
        raw: &[u8],
    ) -> Fate {
        let id = event.id.or_else(|| self.id_of(place)).unwrap_or_else(|| (self.draw)());
        // What was parsed is UTF-8, so nothing is replaced and nothing copied.
        let raw = String::from_utf8_lossy(raw);
        let record = system::dead_letter(&self.of(place, id), failed.code, failed.field, &raw);
        let known_by = event.id.filter(|_| place.is_none());
        let slot = self.push(record.entry_kind(), known_by, &record.parts());
        (self.rows)(&record.event, &record.stamps, slot);
        Fate::Record { id, standing: Standing::DeadLetter(failed), dedup: dedup(event, place) }
    }

    fn refused(&mut self, place: (Instance, Seq), rejection: Rejection) -> Fate {
        let id = EventId::of_stream(self.request.context.producer, place.0, place.1);
        let record = system::refused(&self.of(Some(place), id), rejection.code, &rejection.field);
        let slot = self.push(record.entry_kind(), None, &record.parts());
        (self.rows)(&record.event, &record.stamps, slot);
        Fate::Record { id, standing: Standing::Refused(rejection), dedup: Dedup::Recognised }
    }

    fn id_of(&self, place: Option<(Instance, Seq)>) -> Option<EventId> {
        place
            .map(|(instance, seq)| EventId::of_stream(self.request.context.producer, instance, seq))
    }

    fn of(&self, stream: Option<(Instance, Seq)>, id: EventId) -> system::Item<'a> {
        let Context { tenant, producer, .. } = self.request.context;
        system::Item { tenant, producer, stream, id }
    }

    /// Seals one record; says in which block and slot.
    fn push(&mut self, kind: EntryKind, known_by: Option<EventId>, parts: &Parts) -> (u64, u32) {
        let (block, slot) = self.slots.next().expect("there is a slot for each item");
        let mut payload = Vec::new();
        record::encode(parts, block.id, slot, &mut payload);
        let root = self.sealer.root(parts, block, slot);
        self.records.push(SealedRecord { kind, root, payload, id: known_by });
        (block.id, slot)
    }
}

/// The event as it was decoded. The planted fault `flip_outcome` changes it, and a receipt must show that.
fn as_decoded(mut event: Event<'_>) -> Event<'_> {
    if cfg!(planted = "flip_outcome") {
        let is_success = event.outcome.status.as_deref() == Some("success");
        event.outcome.status = Some(if is_success { "failure" } else { "success" }.into());
    }
    event
}

/// Whether a second sending of `event` would be recognised.
fn dedup(event: &Event<'_>, place: Option<(Instance, Seq)>) -> Dedup {
    if event.id.is_none() && place.is_none() { Dedup::Impossible } else { Dedup::Recognised }
}

#[cfg(test)]
mod tests;
