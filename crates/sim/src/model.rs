//! What the ledger promises, as the simplest program that keeps it: lists and maps in memory, no
//! disk, no crash. The simulation holds every answer and every recovered store against it. It knows
//! nothing of frames, files or syncs, and may never learn about them.

use std::collections::BTreeMap;

use event::entry::Entry;
use event::ids::{EventId, ProducerId, Seq, TenantId, Timestamp};
use ledger::{Append, Item, ItemAnswer, KeyBlob, Source, StreamId};
use tlog::Index;
use tlog::hash::Hash;

/// Everything that was promised to anybody.
#[derive(Debug, Clone, Default)]
pub struct Model {
    tenants: BTreeMap<TenantId, Tenant>,
}

/// What was promised about one tenant's ledger.
#[derive(Debug, Clone, Default)]
pub struct Tenant {
    records: Vec<Known>,
    streams: BTreeMap<StreamId, Stream>,
    ids: BTreeMap<(ProducerId, EventId), u64>,
    keys: BTreeMap<(u8, u64), Key>,
    archive: Archive,
    /// Every size a checkpoint was seen for, and its root.
    published: BTreeMap<u64, Hash>,
}

/// What the archive holds of a tenant, and what the log may leave to it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Archive {
    /// Everything below this index is archived, durably: no crash takes it back.
    pub watermark: u64,
    /// What the process at hand was told the time before last.
    pub before: u64,
    /// What it was told last.
    pub told: u64,
    /// The first record that the log still holds.
    pub kept: u64,
}

/// A key that came with acknowledged records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The last record that came with it.
    pub last: u64,
}

/// One record as it was acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The public half.
    pub entry: Entry,
    /// The stored bytes.
    pub payload: Vec<u8>,
}

#[derive(Debug, Clone, Default)]
struct Stream {
    /// Index by number; the next number is one more than the last.
    at: BTreeMap<u64, u64>,
}

/// What a request must come to, if it is not refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Predicted {
    /// The stream is not that far.
    Gap(Seq),
    /// One answer an item.
    Items(Vec<ItemAnswer>),
}

impl Model {
    /// What is known of a tenant.
    #[must_use]
    pub fn tenant(&self, tenant: &TenantId) -> Option<&Tenant> {
        self.tenants.get(tenant)
    }

    /// The tenants that have a record or a checkpoint.
    pub fn tenants(&self) -> impl Iterator<Item = (&TenantId, &Tenant)> {
        self.tenants.iter()
    }

    /// The number that a stream takes next.
    #[must_use]
    pub fn next(&self, tenant: &TenantId, stream: &StreamId) -> u64 {
        self.tenants.get(tenant).map_or(1, |known| known.next(stream))
    }

    /// The size of a tenant's ledger.
    #[must_use]
    pub fn size(&self, tenant: &TenantId) -> u64 {
        self.tenants.get(tenant).map_or(0, Tenant::size)
    }

    /// What `append` must be answered now.
    #[must_use]
    pub fn predict(&self, append: &Append) -> Predicted {
        match self.tenants.get(&append.tenant) {
            Some(known) => known.predict(append),
            None => Tenant::default().predict(append),
        }
    }

    /// How many records `append` adds now.
    #[must_use]
    pub fn adds(&self, append: &Append) -> u64 {
        match self.predict(append) {
            Predicted::Gap(_) => 0,
            Predicted::Items(items) => {
                let new = items.iter().filter(|item| is_new(item)).count();
                u64::try_from(new).unwrap_or(u64::MAX)
            }
        }
    }

    /// The root of the first record that `append` adds now.
    #[must_use]
    pub fn first_new(&self, append: &Append) -> Option<Hash> {
        let Predicted::Items(answers) = self.predict(append) else { return None };
        let mut items = append.items.iter().zip(&answers);
        items.find(|(_, answer)| is_new(answer)).map(|(item, _)| item.root)
    }

    /// Takes in an append that was done, or that survived a crash, with the stamp it got.
    pub fn take(&mut self, append: &Append, received_at: Timestamp) {
        self.tenants.entry(append.tenant.clone()).or_default().take(append, received_at);
    }

    /// What the archive holds of a tenant.
    #[must_use]
    pub fn archive(&self, tenant: &TenantId) -> Archive {
        self.tenants.get(tenant).map_or_else(Archive::default, |known| known.archive)
    }

    /// The archive commits everything below `watermark`.
    pub fn commit(&mut self, tenant: &TenantId, watermark: u64) {
        if let Some(known) = self.tenants.get_mut(tenant) {
            assert!(watermark <= known.size(), "only records are archived");
            assert!(watermark >= known.archive.watermark, "the archive forgets nothing");
            known.archive.watermark = watermark;
        }
    }

    /// The process at hand is told the watermark of a tenant.
    pub fn tell(&mut self, tenant: &TenantId) {
        if let Some(known) = self.tenants.get_mut(tenant) {
            known.archive.before = known.archive.told;
            known.archive.told = known.archive.watermark;
        }
    }

    /// A new process was told nothing yet.
    pub fn restart(&mut self) {
        for known in self.tenants.values_mut() {
            known.archive.before = 0;
            known.archive.told = 0;
        }
    }

    /// Notes where the log begins. An error if it begins above what it may leave to the archive.
    pub fn keep(&mut self, tenant: &TenantId, kept: u64) -> Result<(), String> {
        let Some(known) = self.tenants.get_mut(tenant) else { return Ok(()) };
        let allowed = known.archive.before.max(known.archive.kept);
        if kept > allowed {
            return Err(format!(
                "I1: the log of `{tenant}` begins at {kept}, those up to {allowed} may leave it"
            ));
        }
        if kept < known.archive.kept {
            return Err(format!("I1: the log of `{tenant}` begins at {kept} again"));
        }
        known.archive.kept = kept;
        Ok(())
    }

    /// Where an id is stored, as the archive knows it: below `below` only.
    #[must_use]
    pub fn find_archived(
        &self,
        tenant: &TenantId,
        producer: &ProducerId,
        id: EventId,
        below: u64,
    ) -> Option<u64> {
        let ids = &self.tenants.get(tenant)?.ids;
        ids.get(&(producer.clone(), id)).copied().filter(|index| *index < below)
    }

    /// Notes that a checkpoint was handed out. An error if another root was handed out for the
    /// same size before.
    pub fn publish(&mut self, tenant: &TenantId, size: u64, root: Hash) -> Result<(), String> {
        let published = &mut self.tenants.entry(tenant.clone()).or_default().published;
        match published.insert(size, root) {
            Some(before) if before != root => {
                Err(format!("I4: `{tenant}` signed two roots for size {size}"))
            }
            _ => Ok(()),
        }
    }
}

impl Tenant {
    /// The number of records.
    #[must_use]
    pub fn size(&self) -> u64 {
        u64::try_from(self.records.len()).unwrap_or(u64::MAX)
    }

    /// The records in index order.
    #[must_use]
    pub fn records(&self) -> &[Known] {
        &self.records
    }

    /// Every checkpoint handed out: size and root.
    #[must_use]
    pub fn published(&self) -> &BTreeMap<u64, Hash> {
        &self.published
    }

    /// Every key given with an acknowledged record.
    #[must_use]
    pub fn keys(&self) -> &BTreeMap<(u8, u64), Key> {
        &self.keys
    }

    /// What the archive holds of it.
    #[must_use]
    pub fn archive(&self) -> Archive {
        self.archive
    }

    /// Every stream with its next number.
    pub fn streams(&self) -> impl Iterator<Item = (&StreamId, u64)> {
        self.streams.keys().map(|stream| (stream, self.next(stream)))
    }

    /// Whether the log holds a record of a stream.
    #[must_use]
    pub fn in_log(&self, stream: &StreamId) -> bool {
        let known = self.streams.get(stream);
        known.is_some_and(|known| known.at.values().any(|index| *index >= self.archive.kept))
    }

    /// Where every number of a stream is stored.
    #[must_use]
    pub fn places(&self, stream: &StreamId) -> Vec<(u64, u64)> {
        let known = self.streams.get(stream);
        known
            .map(|known| known.at.iter().map(|(seq, index)| (*seq, *index)).collect())
            .unwrap_or_default()
    }

    /// The number that a stream takes next.
    #[must_use]
    pub fn next(&self, stream: &StreamId) -> u64 {
        let last = self.streams.get(stream).and_then(|known| known.at.keys().next_back());
        last.map_or(1, |last| last + 1)
    }

    /// What `append` must be answered now.
    #[must_use]
    pub fn predict(&self, append: &Append) -> Predicted {
        match &append.source {
            Source::Stream { stream, first } => self.predict_numbers(stream, *first, append),
            Source::Gap { stream, from, .. } => self.predict_numbers(stream, *from, append),
            Source::Loose { producer } => self.predict_ids(producer.as_ref(), &append.items),
        }
    }

    fn predict_numbers(&self, stream: &StreamId, first: Seq, append: &Append) -> Predicted {
        let next = self.next(stream);
        if first.0 > next {
            return Predicted::Gap(Seq(next));
        }
        let mut index = self.size();
        let answers = (first.0..).zip(&append.items).map(|(seq, _)| {
            let known = self.streams.get(stream).and_then(|known| known.at.get(&seq));
            match known {
                Some(index) if *index < self.archive.kept => ItemAnswer::Archived { seq: Seq(seq) },
                known => answer(known.copied(), &mut index),
            }
        });
        Predicted::Items(answers.collect())
    }

    fn predict_ids(&self, producer: Option<&ProducerId>, items: &[Item]) -> Predicted {
        let mut index = self.size();
        let mut within: BTreeMap<(ProducerId, EventId), u64> = BTreeMap::new();
        let mut answers = Vec::new();
        for item in items {
            let key = producer.cloned().zip(item.id);
            let seen = key.as_ref().and_then(|key| self.ids.get(key).or_else(|| within.get(key)));
            let given = answer(seen.copied(), &mut index);
            if let (Some(key), ItemAnswer::Committed { index }) = (key, &given) {
                within.insert(key, index.0);
            }
            answers.push(given);
        }
        Predicted::Items(answers)
    }

    fn take(&mut self, append: &Append, received_at: Timestamp) {
        let Predicted::Items(answers) = self.predict(append) else { return };
        if answers.iter().any(is_new) {
            for KeyBlob { kind, id, bytes } in &append.keys {
                let key = || Key { bytes: bytes.clone(), last: 0 };
                self.keys.entry((*kind, *id)).or_insert_with(key).last = self.size();
            }
        }
        for (offset, (item, answer)) in (0..).zip(append.items.iter().zip(answers)) {
            let ItemAnswer::Committed { index } = answer else { continue };
            assert_eq!(index.0, self.size(), "the model itself is dense");
            let entry = Entry { kind: item.kind, received_at, root: item.root };
            self.records.push(Known { entry, payload: item.payload.clone() });
            self.remember(append, offset, item, index.0);
        }
    }

    fn remember(&mut self, append: &Append, offset: u64, item: &Item, index: u64) {
        match &append.source {
            Source::Stream { stream, first } => {
                let known = self.streams.entry(stream.clone()).or_default();
                known.at.insert(first.0 + offset, index);
            }
            Source::Gap { stream, from, to } => {
                let known = self.streams.entry(stream.clone()).or_default();
                known.at.extend((from.0..=to.0).map(|seq| (seq, index)));
            }
            Source::Loose { producer } => {
                if let (Some(producer), Some(id)) = (producer, item.id) {
                    self.ids.insert((producer.clone(), id), index);
                }
            }
        }
    }
}

fn answer(seen: Option<u64>, next: &mut u64) -> ItemAnswer {
    match seen {
        Some(index) => ItemAnswer::Seen { index: Index(index) },
        None => {
            *next += 1;
            ItemAnswer::Committed { index: Index(*next - 1) }
        }
    }
}

fn is_new(answer: &ItemAnswer) -> bool {
    matches!(answer, ItemAnswer::Committed { .. })
}
