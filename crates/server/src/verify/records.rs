//! Roots computed again from payloads: that every entry of the log is the commitment to the record beside it.
//!
//! Whoever rewrites a record can mend every checksum, but not its root: that takes the ledger key, which lies wrapped
//! beside the data and opens only with the root key outside it.
//!
//! What no root binds is compared too: the section's source with the record's own stamps, and that no slot of a salt block
//! is used twice, so that a record cannot be copied to another place.
//!
//! Promises: every record whose payload and salt block can be read is decoded and its root compared; loss records are
//! noted. Refuses to keep records: one section is in memory at a time; of a salt block only which slots were seen.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use event::canonical::System;
use event::commitment::{LedgerKey, SaltBlock, Sealer};
use event::entry::Entry;
use event::ids::{Seq, StoreName, TenantId};
use event::json::Value;
use event::limits::SALT_BLOCK_SLOTS;
use event::record::Record;
use event::system::SystemKind;
use ledger::inspect::SectionRecords;
use ledger::{Source, key_kind};
use tlog::Index;

use super::report::{Finding, Weight};
use crate::keyring::Keyring;
use crate::repair::{attribute, gap};

/// What looks at every section.
#[derive(Debug)]
pub(crate) struct Records<'k> {
    store: Option<StoreName>,
    keyring: Option<&'k Keyring>,
    tenants: BTreeMap<TenantId, Opened>,
    /// Records whose root was computed again and is right.
    pub(crate) opened: u64,
    /// What is wrong or could not be checked.
    pub(crate) findings: Vec<Finding>,
}

/// What is known of one tenant's keys.
#[derive(Debug, Default)]
struct Opened {
    kek: Option<Vec<u8>>,
    ledger: Option<Vec<u8>>,
    sealer: Option<Sealer>,
    salts: BTreeMap<u64, SaltBlock>,
    /// Slots of each block that records were seen in, a bit each.
    slots: BTreeMap<u64, Vec<u64>>,
    /// Keys that came with a section are damaged: a salt block that is not there may have been among them.
    has_lost_keys: bool,
    /// Lost ranges that are recorded, and the index of the record.
    losses: Vec<(Range<u64>, u64)>,
    unopened: u64,
}

/// Why a record's root does not follow from its payload.
enum Wrong {
    /// It does not.
    Root(&'static str),
    /// It could not be computed.
    Unchecked,
}

impl<'k> Records<'k> {
    /// Looks with the keys of `store`, if they are there.
    pub(crate) fn new(store: Option<StoreName>, keyring: Option<&'k Keyring>) -> Records<'k> {
        Records { store, keyring, tenants: BTreeMap::new(), opened: 0, findings: Vec::new() }
    }

    /// Looks at one section.
    pub(crate) fn section(&mut self, section: &SectionRecords<'_>) {
        self.keys(section);
        let Some(payloads) = &section.payloads else { return };
        let mut wrong: Vec<(u64, Cow<'static, str>)> = Vec::new();
        let entries = section.entries.as_deref().unwrap_or_default();
        let opened = self.tenants.entry(section.tenant.clone()).or_default();
        for (position, (payload, entry)) in (0_u64..).zip(payloads.iter().zip(entries)) {
            let index = section.first.0 + position;
            match opened.record(section, position, (payload, entry)) {
                Ok(()) => self.opened += 1,
                Err(Wrong::Unchecked) => {}
                Err(Wrong::Root(what)) => wrong.push((index, what.into())),
            }
        }
        for (first, end, what) in runs(&wrong) {
            let (tenant, file, offset) = (section.tenant, section.file, section.offset);
            let what = format!(
                "tenant `{tenant}`, records {first} to before {end}: {what} (frame at byte {offset} of `{file}`)"
            );
            let finding = Finding::new(Weight::Failed, what).in_file(file);
            self.findings.push(finding.of(tenant.as_str(), first, end));
        }
    }

    /// The record at which the loss of the indices `first..end` is recorded.
    pub(crate) fn loss_record(&self, tenant: &TenantId, first: u64, end: u64) -> Option<u64> {
        let mut losses = self.tenants.get(tenant)?.losses.iter();
        let covers = |lost: &Range<u64>| lost.start <= first && end <= lost.end;
        losses.find(|(lost, _)| covers(lost)).map(|(_, index)| *index)
    }

    /// The wrapped keys that came with a tenant's records: durable KEK and ledger key.
    pub(crate) fn wrapped(&self, tenant: &TenantId) -> Option<(&[u8], &[u8])> {
        let opened = self.tenants.get(tenant)?;
        Some((opened.kek.as_deref()?, opened.ledger.as_deref()?))
    }

    /// How many records of each tenant could not be opened for want of its ledger key.
    pub(crate) fn unopened(&self) -> impl Iterator<Item = (&TenantId, u64)> {
        let all = self.tenants.iter().map(|(tenant, opened)| (tenant, opened.unopened));
        all.filter(|(_, unopened)| *unopened > 0)
    }

    /// Takes the keys that came with a section.
    fn keys(&mut self, section: &SectionRecords<'_>) {
        let opened = self.tenants.entry(section.tenant.clone()).or_default();
        let Some(keys) = &section.keys else {
            opened.has_lost_keys = true;
            return;
        };
        for blob in keys {
            match blob.kind {
                key_kind::DURABLE_KEK => opened.kek = Some(blob.bytes.clone()),
                key_kind::LEDGER => opened.ledger = Some(blob.bytes.clone()),
                key_kind::SALT_BLOCK => {
                    if let Ok(secret) = blob.bytes.as_slice().try_into() {
                        opened.salts.insert(blob.id, SaltBlock { id: blob.id, secret });
                    }
                }
                _ => {}
            }
        }
        if section.first.0 == 0 && (opened.kek.is_none() || opened.ledger.is_none()) {
            let (tenant, file) = (section.tenant, section.file);
            let what = format!("tenant `{tenant}`: no keys beside its first record (in `{file}`)");
            let finding = Finding::new(Weight::Failed, what).in_file(file);
            self.findings.push(finding.of(tenant.as_str(), 0, u64::from(section.count)));
        }
        self.unlock(section.tenant, section.file);
    }

    /// Takes a tenant's wrapped keys as `control.db` has them, if none came with its records: a quiet tenant's log files are
    /// trimmed, and its keys with them.
    pub(crate) fn standing(&mut self, tenant: &TenantId, kek: &[u8], ledger: &[u8]) {
        let opened = self.tenants.entry(tenant.clone()).or_default();
        if opened.kek.is_none() && opened.ledger.is_none() {
            (opened.kek, opened.ledger) = (Some(kek.to_vec()), Some(ledger.to_vec()));
            self.unlock(tenant, "control.db");
        }
    }

    /// Opens a tenant's ledger key once both wrapped keys are known, which `file` had.
    fn unlock(&mut self, tenant: &TenantId, file: &str) {
        let opened = self.tenants.entry(tenant.clone()).or_default();
        let (Some(keyring), Some(store)) = (self.keyring, &self.store) else { return };
        let (None, Some(kek), Some(ledger)) = (&opened.sealer, &opened.kek, &opened.ledger) else {
            return;
        };
        match keyring.root().open_tenant(store, tenant, kek, ledger) {
            Ok(keys) => opened.sealer = Some(Sealer::new(&LedgerKey(*keys.ledger_key()))),
            Err(error) => {
                let what = format!("tenant `{tenant}`: {error} (in `{file}`)");
                self.findings.push(Finding::new(Weight::Failed, what).in_file(file));
            }
        }
    }

    /// Whether the roots of a tenant's records can be computed.
    pub(crate) fn has_key(&self, tenant: &TenantId) -> bool {
        self.tenants.get(tenant).is_some_and(|opened| opened.sealer.is_some())
    }

    /// Begins a look at the rows of a segment. Only those in `fresh` were not looked at before: in another segment, or in
    /// the log, where the later ones still are.
    pub(crate) fn segment(&mut self, segment: &lake::Segment, fresh: Range<Index>) -> Rows<'_> {
        let tenant = segment.about().tenant.clone();
        Rows {
            opened: self.tenants.entry(tenant.clone()).or_default(),
            count: &mut self.opened,
            findings: &mut self.findings,
            tenant,
            file: segment.name().to_owned(),
            fresh,
            wrong: Vec::new(),
        }
    }
}

/// A look at the rows of one segment.
#[derive(Debug)]
pub(crate) struct Rows<'r> {
    opened: &'r mut Opened,
    count: &'r mut u64,
    findings: &'r mut Vec<Finding>,
    tenant: TenantId,
    file: String,
    fresh: Range<Index>,
    wrong: Vec<(u64, Cow<'static, str>)>,
}

impl Rows<'_> {
    /// Takes the salt blocks that the segment brings.
    pub(crate) fn secrets(&mut self, secrets: impl Iterator<Item = (u64, [u8; 32])>) {
        for (id, secret) in secrets {
            self.opened.salts.entry(id).or_insert(SaltBlock { id, secret });
        }
    }

    /// Looks at one record.
    pub(crate) fn record(&mut self, index: Index, (record, entry): (&Record<'_>, &Entry)) {
        match self.judged(index, record, entry) {
            Ok(()) => *self.count += u64::from(self.fresh.contains(&index)),
            Err(Wrong::Unchecked) => {}
            Err(Wrong::Root(what)) => self.wrong(index, what),
        }
    }

    fn judged(&mut self, index: Index, record: &Record<'_>, entry: &Entry) -> Result<(), Wrong> {
        if record.parts().iter().any(|part| part.opened().is_none() || part.key_ref != 0) {
            return Err(Wrong::Root("a part is withheld"));
        }
        if self.fresh.contains(&index) && !self.opened.take_slot(record.block_id, record.slot) {
            return Err(Wrong::Root("its slot of the salt block belongs to another record"));
        }
        self.opened.rooted(record, index.0, entry)
    }

    /// Says what is wrong with a row.
    pub(crate) fn wrong(&mut self, index: Index, what: impl Into<Cow<'static, str>>) {
        self.wrong.push((index.0, what.into()));
    }

    /// Says what was found.
    pub(crate) fn finish(mut self) {
        self.wrong.sort();
        for (first, end, what) in runs(&self.wrong) {
            let (tenant, file) = (&self.tenant, &self.file);
            let what =
                format!("tenant `{tenant}`, records {first} to before {end}: {what} (in `{file}`)");
            let finding = Finding::new(Weight::Failed, what).in_file(file);
            self.findings.push(finding.of(tenant.as_str(), first, end));
        }
    }
}

impl Opened {
    /// Whether a record of the log is the one that its entry and its section speak of.
    fn record(
        &mut self,
        section: &SectionRecords<'_>,
        position: u64,
        (payload, entry): (&[u8], &Entry),
    ) -> Result<(), Wrong> {
        let record =
            Record::decode(payload).map_err(|_| Wrong::Root("the payload is no record"))?;
        let index = section.first.0 + position;
        if record.parts().iter().any(|part| part.opened().is_none() || part.key_ref != 0) {
            // INVARIANT (I13): a missing part that no record covers is tampering, and in this version none is.
            return Err(Wrong::Root("a part is withheld"));
        }
        came_from(&record, section.source, position).map_err(Wrong::Root)?;
        if !self.take_slot(record.block_id, record.slot) {
            return Err(Wrong::Root("its slot of the salt block belongs to another record"));
        }
        self.rooted(&record, index, entry)
    }

    /// Whether the entry of the record at `index` commits to it, and says its kind.
    fn rooted(&mut self, record: &Record<'_>, index: u64, entry: &Entry) -> Result<(), Wrong> {
        let system = system_kind(record);
        let lost = loss(record, system).map(|range| (range, index));
        let Some(sealer) = &self.sealer else {
            self.unopened += 1;
            self.losses.extend(lost);
            return Err(Wrong::Unchecked);
        };
        let Some(block) = self.salts.get(&record.block_id) else {
            if self.has_lost_keys {
                self.unopened += 1;
                return Err(Wrong::Unchecked);
            }
            return Err(Wrong::Root("its salt block is missing"));
        };
        if record.root_under(&sealer.seed(block, record.slot)) != entry.root {
            return Err(Wrong::Root("the root of the entry does not follow from the payload"));
        }
        let kind = system.map(SystemKind::entry_kind);
        if entry.kind != kind.unwrap_or(event::entry::EntryKind::Event) {
            return Err(Wrong::Root("the kind of the entry is not that of the record"));
        }
        self.losses.extend(lost);
        Ok(())
    }

    /// Takes a slot of a block; a slot is used by one record.
    fn take_slot(&mut self, block: u64, slot: u32) -> bool {
        if slot >= SALT_BLOCK_SLOTS {
            return false;
        }
        let bits =
            self.slots.entry(block).or_insert_with(|| vec![0; SALT_BLOCK_SLOTS as usize / 64]);
        let (word, bit) = (slot as usize / 64, 1_u64 << (slot % 64));
        let Some(seen) = bits.get_mut(word).filter(|seen| **seen & bit == 0) else { return false };
        *seen |= bit;
        true
    }
}

/// Whether a record says of itself what the section says of its source; `position` counts from the section's first.
fn came_from(record: &Record<'_>, source: &Source, position: u64) -> Result<(), &'static str> {
    let stamps = record.stamps().map_err(|_| "its stamps cannot be read")?;
    let own = || record.event().map_err(|_| "its parts make no event");
    let stream = match source {
        Source::Gap { stream, from, to } => {
            let agrees = gap(&own()?) == Some((stream.instance, *from, *to));
            return if agrees {
                Ok(())
            } else {
                Err("the declared gap is not that of its section")
            };
        }
        Source::Stream { stream, first } => Some((stream.instance, Seq(first.0 + position))),
        Source::Loose { .. } => None,
    };
    if stamps.stream != stream {
        return Err("its instance and number are not those of its section");
    }
    let (Source::Stream { stream: ledger::StreamId { producer, .. }, .. }
    | Source::Loose { producer: Some(producer) }) = source
    else {
        let is_own = stamps.system == System::Yes;
        return if is_own { Ok(()) } else { Err("an event without the producer who sent it") };
    };
    let agrees = match &stamps.producer {
        Some(named) => *named == producer.as_str(),
        None => attribute(&own()?, "producer").and_then(Value::as_str) == Some(producer.as_str()),
    };
    if agrees { Ok(()) } else { Err("its producer is not that of its section") }
}

/// Which kind of the server's own records the schema of a record says that it is.
fn system_kind(record: &Record<'_>) -> Option<SystemKind> {
    let what = record.opened().find(|part| part.tag == event::canonical::tag::WHAT)?;
    // Most records name no schema, and nothing need be parsed to see that.
    memchr::memmem::rfind(what.bytes, br#""schema""#)?;
    let value = event::json::parse(what.bytes, event::json::Limits::READER).ok()?;
    SystemKind::of_schema(value.member("schema")?.as_str()?)
}

/// The range that a loss record names.
fn loss(record: &Record<'_>, kind: Option<SystemKind>) -> Option<Range<u64>> {
    if kind != Some(SystemKind::Loss) {
        return None;
    }
    lake::repair::lost_range(&record.event().ok()?)
}

/// Neighbours with one reason as ranges: first, one past the last, the reason.
fn runs<'w>(wrong: &'w [(u64, Cow<'static, str>)]) -> Vec<(u64, u64, &'w str)> {
    let mut runs: Vec<(u64, u64, &str)> = Vec::new();
    for (index, what) in wrong {
        match runs.last_mut() {
            Some((_, end, last)) if *end == *index && last == what => *end += 1,
            _ => runs.push((*index, index + 1, what.as_ref())),
        }
    }
    runs
}

#[cfg(test)]
mod tests;
