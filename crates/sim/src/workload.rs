//! What producers do to a ledger, drawn from one seed: streams that come, fall silent and return,
//! loose ids, fresh events and
//! retries, two batches of one stream in one turn, numbers from the future, declared gaps, ids used
//! twice within a request, and clocks that step. Every payload follows from what names it, so that
//! a retry is the same event and a recovered record can be told from any other.

use event::entry::EntryKind;
use std::str::FromStr;

use event::ids::{EventId, Instance, InvalidId, ProducerId, Seq, TenantId, Timestamp};
use tlog::hash::{Hash, leaf_hash};

use ledger::{Append, Class, Item, KeyBlob, Now, Source, StreamId, key_kind};
use tlog::Index;

use crate::model::Model;
use crate::random::Random;

/// The wall clock at the start of every run.
const START_NS: u64 = 1_790_000_000_000_000_000;
/// Steps of the wall clock up to this many nanoseconds are believed.
const SANE_STEP_NS: u64 = 4 * 60 * 1_000_000_000;
/// Streams of each producer. One after another is in use; the others return now and then.
const STREAMS_EACH: usize = 4;
/// Requests after which another stream comes into use.
const REQUESTS_EACH: u64 = 3;
/// Records that share one salt block.
const RECORDS_PER_KEY: u64 = 8;

/// The producers of one run.
#[derive(Debug)]
pub struct Workload {
    random: Random,
    spools: Vec<Spool>,
    /// The first of the streams in use.
    in_use: usize,
    loose: Vec<LooseSource>,
    wall_ns: u64,
    /// How far the wall clock runs ahead at the moment: it steps forth and back.
    ahead_ns: u64,
    monotonic_ns: u64,
}

#[derive(Debug)]
struct Spool {
    tenant: TenantId,
    stream: StreamId,
}

/// A process that names its events by id and keeps no stream.
#[derive(Debug)]
struct LooseSource {
    tenant: TenantId,
    producer: ProducerId,
    used: Vec<EventId>,
}

impl Workload {
    /// The producers of this seed: two tenants, each with two producers that have four streams and
    /// a loose source each.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let (mut spools, mut loose) = (Vec::new(), Vec::new());
        for tenant in ["alpha", "beta"].map(name::<TenantId>) {
            for producer in ["web", "batch"].map(name::<ProducerId>) {
                for _ in 0..STREAMS_EACH {
                    let instance = Instance(random.bytes16());
                    let stream = StreamId { producer: producer.clone(), instance };
                    spools.push(Spool { tenant: tenant.clone(), stream });
                }
                loose.push(LooseSource { tenant: tenant.clone(), producer, used: Vec::new() });
            }
        }
        // Neighbours in use are of different producers.
        spools.sort_by_key(|spool| spool.stream.instance);
        Self { random, spools, in_use: 0, loose, wall_ns: START_NS, ahead_ns: 0, monotonic_ns: 0 }
    }

    /// The tenants that it writes for.
    #[must_use]
    pub fn tenants(&self) -> Vec<TenantId> {
        let mut tenants: Vec<_> = self.loose.iter().map(|source| source.tenant.clone()).collect();
        tenants.dedup();
        tenants
    }

    /// The time of the next turn: it moves on, and now and then the wall clock steps.
    pub fn now(&mut self) -> Now {
        let passed = self.random.below(2_000_000_000);
        self.monotonic_ns += passed;
        self.wall_ns += passed;
        if self.random.one_in(16) {
            self.ahead_ns = self.random.below(SANE_STEP_NS);
        }
        Now { wall: Timestamp(self.wall_ns + self.ahead_ns), monotonic_ns: self.monotonic_ns }
    }

    /// A new process starts its own monotonic clock; a reboot can take a while.
    pub fn restart(&mut self) {
        self.monotonic_ns = self.random.below(1_000_000);
        self.wall_ns += self.random.below(60_000_000_000);
    }

    /// The requests of one turn, given what the producers know to be acknowledged.
    pub fn requests(&mut self, model: &Model) -> Vec<Append> {
        let count = 1 + self.random.below(4);
        // Numbers that an earlier request of this turn takes, so that one turn can hold two
        // batches of one stream.
        let mut ahead: Vec<(usize, u64)> = Vec::new();
        let mut requests = Vec::new();
        for _ in 0..count {
            if self.random.one_in(2) {
                let spool = self.spool();
                requests.push(self.stream_request(model, spool, &mut ahead));
            } else {
                let request = self.loose_request();
                // Mostly the archive is asked as it is, sometimes as it was a while ago.
                let watermark = model.archive(&request.tenant).watermark;
                let stale = self.random.one_in(4);
                let below = if stale { self.random.below(watermark + 1) } else { watermark };
                requests.extend(looked_up(model, request, below));
            }
        }
        requests
    }

    /// The stream of the next request: mostly one of those in use, sometimes any.
    fn spool(&mut self) -> usize {
        let count = self.spools.len();
        if self.random.below(REQUESTS_EACH) == 0 {
            self.in_use = (self.in_use + 1) % count;
        }
        match self.random.below(8) {
            0 => self.random.place(count),
            _ => (self.in_use + self.random.place(3)) % count,
        }
    }

    fn stream_request(
        &mut self,
        model: &Model,
        at: usize,
        ahead: &mut Vec<(usize, u64)>,
    ) -> Append {
        let (tenant, stream) = (self.spools[at].tenant.clone(), self.spools[at].stream.clone());
        let taken: u64 = ahead.iter().filter(|(spool, _)| *spool == at).map(|(_, n)| n).sum();
        let next = model.next(&tenant, &stream) + taken;
        if self.random.one_in(10) {
            let to = next + self.random.below(5);
            ahead.push((at, to + 1 - next));
            let source = Source::Gap { stream: stream.clone(), from: Seq(next), to: Seq(to) };
            let items = vec![gap_item(&tenant, &stream, next, to)];
            return append(tenant, source, items);
        }
        let first = match self.random.below(8) {
            // A retry: some or all of these numbers were acknowledged.
            0 | 1 => next.saturating_sub(self.random.below(6)).max(1),
            2 => next + 1 + self.random.below(3),
            _ => next,
        };
        let count = 1 + self.random.below(8);
        if first <= next {
            ahead.push((at, (first + count).saturating_sub(next)));
        }
        let items = (first..first + count).map(|seq| stream_item(&tenant, &stream, seq)).collect();
        append(tenant, Source::Stream { stream, first: Seq(first) }, items)
    }

    fn loose_request(&mut self) -> Append {
        let at = self.random.place(self.loose.len());
        let random = &mut self.random;
        let source = &mut self.loose[at];
        let count = 1 + random.below(5);
        let mut items = Vec::new();
        for _ in 0..count {
            let id = match random.below(6) {
                0 => None,
                1 | 2 if !source.used.is_empty() => {
                    Some(source.used[random.place(source.used.len())])
                }
                _ => Some(EventId(random.bytes16())),
            };
            let name = id.unwrap_or_else(|| EventId(random.bytes16()));
            if id.is_some() && !source.used.contains(&name) {
                source.used.push(name);
            }
            let words = format!("loose {} {} {name}", source.tenant, source.producer);
            items.push(Item { id, ..item(&words) });
        }
        let producer = Some(source.producer.clone());
        append(source.tenant.clone(), Source::Loose { producer }, items)
    }

    /// One request for each loose source that repeats up to `count` of its newest ids, and one for
    /// each stream that begins anew: a producer that lost every answer sends all again.
    #[must_use]
    pub fn repeats(&self, model: &Model, count: usize) -> Vec<Append> {
        let sources = self.loose.iter().filter(|source| !source.used.is_empty());
        let requests = sources.map(|source| {
            let newest = source.used.iter().rev().take(count);
            let items = newest.map(|id| {
                let words = format!("loose {} {} {id}", source.tenant, source.producer);
                Item { id: Some(*id), ..item(&words) }
            });
            let producer = Some(source.producer.clone());
            append(source.tenant.clone(), Source::Loose { producer }, items.collect())
        });
        let asked = |request: Append| {
            let below = model.archive(&request.tenant).watermark;
            looked_up(model, request, below)
        };
        let loose = requests.filter_map(asked);
        loose.chain(self.spools.iter().filter_map(|spool| again(model, spool, count))).collect()
    }
}

fn append(tenant: TenantId, source: Source, items: Vec<Item>) -> Append {
    let keys = keys_of(&tenant, &items);
    Append {
        tenant,
        source,
        items,
        packed: None,
        keys,
        class: Class::Ordinary,
        looked_below: Index(0),
    }
}

/// The first numbers of a stream, `count` at most; `None` if it has none.
fn again(model: &Model, Spool { tenant, stream }: &Spool, count: usize) -> Option<Append> {
    let taken = 1..model.next(tenant, stream);
    let items: Vec<_> = taken.take(count).map(|seq| stream_item(tenant, stream, seq)).collect();
    let source = Source::Stream { stream: stream.clone(), first: Seq(1) };
    (!items.is_empty()).then(|| append(tenant.clone(), source, items))
}

/// A request of which the archive was asked for every id among the records below `below`; `None`
/// if all of it is there.
fn looked_up(model: &Model, mut request: Append, below: u64) -> Option<Append> {
    let Source::Loose { producer: Some(producer) } = &request.source else { return Some(request) };
    let archived = |id| model.find_archived(&request.tenant, producer, id, below).is_some();
    request.items.retain(|item| !item.id.is_some_and(archived));
    request.looked_below = Index(below);
    (!request.items.is_empty()).then_some(request)
}

/// The salt blocks that these records would need: few, shared, and given again and again.
fn keys_of(tenant: &TenantId, items: &[Item]) -> Vec<KeyBlob> {
    let mut keys: Vec<KeyBlob> = Vec::new();
    for item in items {
        let id = u64::from(item.root.0[0]) / RECORDS_PER_KEY;
        if keys.iter().all(|key| key.id != id) {
            // Half of them stand in every snapshot, the others go with the records that use them.
            let kind = if id.is_multiple_of(2) { key_kind::LEDGER } else { key_kind::SALT_BLOCK };
            keys.push(KeyBlob { kind, id, bytes: format!("{tenant} block {id}").into_bytes() });
        }
    }
    keys
}

fn stream_item(tenant: &TenantId, stream: &StreamId, seq: u64) -> Item {
    item(&format!("stream {tenant} {} {} {seq}", stream.producer, stream.instance))
}

fn gap_item(tenant: &TenantId, stream: &StreamId, from: u64, to: u64) -> Item {
    item(&format!("gap {tenant} {} {} {from} {to}", stream.producer, stream.instance))
}

/// The record that these words name: its length, its kind and its bytes follow from them, and its
/// root from its bytes, so that a repair can rebuild the one from the other.
fn item(words: &str) -> Item {
    let shape = leaf_hash(words.as_bytes()).0;
    let mut payload = words.as_bytes().to_vec();
    let length = match shape[0] {
        // Some are longer than a page, some as short as can be.
        0..8 => 5_000,
        8..32 => 1_100,
        _ => payload.len() + usize::from(shape[1]),
    };
    let mut noise = Random::new(u64::from(shape[2]));
    while payload.len() < length {
        payload.extend(noise.word().to_be_bytes());
    }
    let kind = if shape[3] < 16 { EntryKind::Key } else { EntryKind::Event };
    Item { kind, root: root_of(&payload), payload, id: None }
}

/// The root of a simulated record: the hash of its bytes.
#[must_use]
pub fn root_of(payload: &[u8]) -> Hash {
    leaf_hash(payload)
}

/// A constant of this file that obeys the grammar.
pub(crate) fn name<N: FromStr<Err = InvalidId>>(text: &str) -> N {
    text.parse().unwrap_or_else(|error: InvalidId| panic!("{error}"))
}
