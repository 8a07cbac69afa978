//! Rebuilding a frame of which no header copy can be read, from packs and from its own areas.
//!
//! Below the packs' end an entry gives stamp, kind and root; the areas that are left give payload,
//! ids and keys, and the payloads' facts the source. From these the headers are written again, byte
//! for byte: the next frame (or the `acked` slot) holds their hash, and nothing else is accepted.
//! It refuses a frame above the packs, whose stamps and kinds stood nowhere else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use event::entry::Entry;
use event::ids::{ProducerId, Seq, TenantId};
use tlog::TreeSize;
use tlog::hash::Hash;
use tlog::tree::CompactRange;

use super::{FactsOf, Mend, facts, look, pack_entries};
use crate::base::Base;
use crate::cursor::{Cursor, length_u32, length_u64, size};
use crate::disk::Disk;
use crate::error::{Damage, Error};
use crate::frame::section::runs_of;
use crate::frame::{
    AREAS, AreaSum, AreaSums, Body, Codec, FRAME_HEAD_BYTES, FrameHead, FrameKind, Link,
    SectionHead, SectionView, TRAILER_BYTES, hash_of, second_copy,
};
use crate::idle::{IdleFiles, Opened};
use crate::recover::Files;
use crate::request::{Source, StreamId};
use crate::snapshot::Snapshot;
use crate::tree::grow;
use crate::wal::acked;
use crate::wal::walk::Gap;

/// How every zstd frame begins.
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Idle streams that are tried for a section of which the payload is gone.
const IDLE_TRIED_MAX: usize = 1_048_576;

/// What the log says up to the gap.
#[derive(Debug, Default)]
struct Before {
    ranges: BTreeMap<TenantId, CompactRange>,
    producers: BTreeSet<Option<ProducerId>>,
    streams: BTreeMap<(TenantId, StreamId), u64>,
}

/// One section's areas, as they lie there.
struct Areas<'a> {
    bytes: [&'a [u8]; 4],
    sums: AreaSums,
}

/// The frame that stood in a gap, as one mend.
pub(super) fn frame(disk: &dyn Disk, gap: &Gap, facts_of: FactsOf<'_>) -> Result<Mend, Error> {
    let refuse = |what: &str| Error::damaged(&gap.file, gap.from, what);
    let (link, hash) = link_of(disk, gap)?
        .ok_or_else(|| refuse("a frame without a readable header, and nothing that names it"))?;
    let length = usize::try_from(gap.to - gap.from).unwrap_or(usize::MAX);
    let mut bytes = vec![0; length];
    let read = disk.read_at(&gap.file, gap.from, &mut bytes)?;
    let bytes = bytes.get(..read).unwrap_or_default();
    let before = before(disk, link.seq)?;
    for headers_bytes in FRAME_HEAD_BYTES + 1..=length / 2 {
        let Some(areas) = areas(bytes, headers_bytes) else { continue };
        let plan = Plan { disk, link, headers_bytes, facts_of, before: &before };
        let Some(headers) = plan.headers(&areas, hash) else { continue };
        let mut mended = headers.clone();
        let kept = bytes.get(headers_bytes..length - headers_bytes - TRAILER_BYTES);
        mended.extend_from_slice(kept.unwrap_or_default());
        mended.extend_from_slice(&second_copy(&headers, length));
        assert_eq!(mended.len(), length, "a frame is rebuilt in its place");
        let what = Damage::new(&gap.file, gap.from, "both header copies rebuilt from packs");
        let file = Arc::clone(&gap.file);
        return Ok(Mend { file, offset: gap.from, bytes: mended, what });
    }
    Err(refuse("both copies of a frame's headers are damaged, and no pack covers it"))
}

/// What the frame's place in the chain was, and the hash its headers had.
fn link_of(disk: &dyn Disk, gap: &Gap) -> Result<Option<(Link, [u8; 32])>, Error> {
    let Some(before) = &gap.before else { return Ok(None) };
    let seq = before.link.seq + 1;
    let link = Link { seq, previous: before.hash, ..before.link };
    let next = gap.next.or(gap.next_file).filter(|next| next.seq == seq + 1);
    let named_by_next = next.map(|next| next.previous);
    let slot = acked::load(disk)?.acked().filter(|acked| acked.seq == seq);
    let hash = named_by_next.or_else(|| slot.map(|acked| acked.hash));
    Ok(hash.map(|hash| (link, hash)))
}

/// Follows the log up to frame `seq`, which cannot be read.
fn before(disk: &dyn Disk, seq: u64) -> Result<Before, Error> {
    let mut before = Before::default();
    for (tenant, _) in Files::list(disk)?.packs {
        before.ranges.entry(tenant).or_default();
    }
    if let Base::After(snapshot) = Base::find(disk)? {
        let (opened, _) = Opened::named(disk, [&*snapshot])?;
        if let Some(files) = opened.of(&snapshot.idle) {
            before.know_idle(disk, &files)?;
        }
        before.go_on_from(&snapshot);
    }
    look(disk, &mut |_, frame| {
        let Body::Append(sections) = &frame.body else { return };
        for section in sections {
            before.producers.insert(producer_of(&section.head.source));
            if frame.head.link.seq < seq {
                before.follow(section);
            }
        }
    })?;
    Ok(before)
}

impl Before {
    /// Streams that are in files: one of them may have returned in the frame that is sought. What
    /// the snapshot has in memory is taken after them, and counts.
    fn know_idle(&mut self, disk: &dyn Disk, files: &IdleFiles) -> Result<(), Error> {
        files.each(disk, IDLE_TRIED_MAX, &mut |idle| {
            self.producers.insert(Some(idle.stream.producer.clone()));
            self.streams.insert((idle.tenant, idle.stream), idle.next);
        })
    }

    fn go_on_from(&mut self, snapshot: &Snapshot) {
        for state in &snapshot.tenants {
            let range = CompactRange::from_parts(TreeSize(state.size), state.hashes.clone());
            self.ranges.insert(state.tenant.clone(), range.unwrap_or_default());
            for (stream, next, _) in &state.streams {
                self.producers.insert(Some(stream.producer.clone()));
                self.streams.insert((state.tenant.clone(), stream.clone()), *next);
            }
        }
    }

    fn follow(&mut self, section: &SectionView<'_>) {
        let head = &section.head;
        let range = self.ranges.entry(head.tenant.clone()).or_default();
        let roots = crate::frame::area::decode_roots(section.roots).unwrap_or_default();
        grow(range, head.received_at, &roots, head.kinds());
        let (stream, next) = match &head.source {
            Source::Loose { .. } => return,
            Source::Stream { stream, first } => (stream, first.0 + u64::from(head.count)),
            Source::Gap { stream, to, .. } => (stream, to.0 + 1),
        };
        self.streams.insert((head.tenant.clone(), stream.clone()), next);
    }
}

fn producer_of(source: &Source) -> Option<ProducerId> {
    match source {
        Source::Loose { producer } => producer.clone(),
        Source::Stream { stream, .. } | Source::Gap { stream, .. } => Some(stream.producer.clone()),
    }
}

/// The areas of a frame whose headers have this length, if the lengths in it add up.
fn areas(bytes: &[u8], headers_bytes: usize) -> Option<Vec<Areas<'_>>> {
    let end = bytes.len().checked_sub(headers_bytes + TRAILER_BYTES)?;
    let mut cursor = Cursor::new(bytes.get(headers_bytes..end)?);
    let mut sections = Vec::new();
    while !cursor.rest().is_empty() {
        let mut taken: [&[u8]; 4] = [&[]; 4];
        let mut sums = [AreaSum::default(); 4];
        for (bytes, sum) in taken.iter_mut().zip(&mut sums) {
            let length = cursor.u32().ok()?;
            *bytes = cursor.take(size(length)).ok()?;
            *sum = AreaSum { bytes: length, crc: cursor.u32().ok()? };
        }
        let [roots, ids, payload, keys] = sums;
        let whole = taken.first().is_some_and(|bytes| crc32c::crc32c(bytes) == roots.crc);
        if !whole || roots.bytes == 0 || roots.bytes % 32 != 0 {
            return None;
        }
        sections.push(Areas { bytes: taken, sums: AreaSums { roots, ids, payload, keys } });
    }
    (!sections.is_empty()).then_some(sections)
}

struct Plan<'p> {
    disk: &'p dyn Disk,
    link: Link,
    headers_bytes: usize,
    facts_of: FactsOf<'p>,
    before: &'p Before,
}

impl Plan<'_> {
    /// The headers that lead to `hash`, if there are such.
    fn headers(&self, areas: &[Areas<'_>], hash: [u8; 32]) -> Option<Vec<u8>> {
        let mut ranges = self.before.ranges.clone();
        let mut sections = Vec::new();
        for area in areas {
            sections.push(self.section(area, &mut ranges)?);
        }
        // Where a payload is gone its source is not known: each that the log names is tried, for
        // one section at a time.
        let known: Vec<_> = sections.iter().map(|(head, _)| head.clone()).collect();
        if let Some(found) = self.encode(&known).filter(|bytes| hash_of(bytes) == hash) {
            return Some(found);
        }
        for (place, (head, source_known)) in sections.iter().enumerate() {
            if *source_known == Known::Yes {
                continue;
            }
            for source in self.sources(&head.tenant) {
                let mut tried = known.clone();
                if let Some(head) = tried.get_mut(place) {
                    head.source = source;
                }
                if let Some(found) = self.encode(&tried).filter(|bytes| hash_of(bytes) == hash) {
                    return Some(found);
                }
            }
        }
        None
    }

    fn encode(&self, sections: &[SectionHead]) -> Option<Vec<u8>> {
        let total: usize = sections.iter().map(SectionHead::encoded_bytes).sum();
        if total + FRAME_HEAD_BYTES != self.headers_bytes {
            return None;
        }
        let areas: usize = sections.iter().map(|s| crate::frame::areas_bytes(&s.sums)).sum();
        let mut out = Vec::with_capacity(self.headers_bytes);
        FrameHead {
            kind: FrameKind::Append,
            sections: length_u32(sections.len()),
            link: self.link,
            headers_bytes: length_u32(self.headers_bytes),
            areas_bytes: length_u32(areas),
        }
        .encode(&mut out);
        sections.iter().for_each(|section| section.encode(&mut out));
        Some(out)
    }

    /// One section's header from its areas and the pack that holds its entries.
    fn section(
        &self,
        areas: &Areas<'_>,
        ranges: &mut BTreeMap<TenantId, CompactRange>,
    ) -> Option<(SectionHead, Known)> {
        let [roots, ids, payload, keys] = areas.bytes;
        let count = areas.sums.roots.bytes / 32;
        let (tenant, entries) = self.entries_of(roots, count, ranges)?;
        let received_at = entries.first()?.received_at;
        let hashes: Vec<Hash> = entries.iter().map(|entry| entry.root).collect();
        let range = ranges.get_mut(&tenant)?;
        let first = range.size().0;
        grow(range, received_at, &hashes, entries.iter().map(|entry| entry.kind));
        let codec = if payload.starts_with(&ZSTD_MAGIC) { Codec::Zstd } else { Codec::Raw };
        let raw_bytes = match codec {
            Codec::Raw => areas.sums.payload.bytes,
            Codec::Zstd => content_bytes(payload)?,
        };
        let head = SectionHead {
            tenant,
            source: Source::Loose { producer: None },
            first,
            count,
            received_at,
            root_after: range.root(),
            codec,
            raw_bytes,
            sums: areas.sums,
            runs: runs_of(entries.iter().map(|entry| entry.kind)),
        };
        let fits = crc32c::crc32c(payload) == areas.sums.payload.crc;
        let flawed = if fits { Vec::new() } else { vec![AREAS[2]] };
        let mut view = SectionView { head, areas_at: 0, roots, ids, payload, keys, flawed };
        let source =
            facts(&view, self.facts_of).and_then(|facts| Some(facts.first()?.source.clone()));
        let known = if source.is_some() { Known::Yes } else { Known::No };
        if let Some(source) = source {
            view.head.source = source;
        }
        Some((view.head, known))
    }

    /// The tenant whose next entries have these roots, and the entries.
    fn entries_of(
        &self,
        roots: &[u8],
        count: u32,
        ranges: &BTreeMap<TenantId, CompactRange>,
    ) -> Option<(TenantId, Vec<Entry>)> {
        for (tenant, range) in ranges {
            let first = range.size().0;
            let entries = pack_entries(self.disk, tenant, first..first + u64::from(count));
            let same = |entries: &Vec<Entry>| {
                let stamp = entries.first().map(|entry| entry.received_at);
                let one_stamp = entries.iter().all(|entry| Some(entry.received_at) == stamp);
                one_stamp && entries.iter().flat_map(|entry| entry.root.0).eq(roots.iter().copied())
            };
            if let Some(entries) = entries.filter(same) {
                assert_eq!(length_u64(entries.len()), u64::from(count), "an entry for each root");
                return Some((tenant.clone(), entries));
            }
        }
        None
    }

    /// Every source that a section of this tenant may have had.
    fn sources(&self, tenant: &TenantId) -> Vec<Source> {
        let loose = self.before.producers.iter();
        let mut sources: Vec<_> =
            loose.map(|producer| Source::Loose { producer: producer.clone() }).collect();
        for ((of, stream), next) in &self.before.streams {
            if of == tenant {
                sources.push(Source::Stream { stream: stream.clone(), first: Seq(*next) });
            }
        }
        sources
    }
}

/// Whether a section's source was read from its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    Yes,
    No,
}

/// How many bytes a zstd frame says it unpacks to.
fn content_bytes(packed: &[u8]) -> Option<u32> {
    let bytes = zstd::zstd_safe::get_frame_content_size(packed).ok()??;
    u32::try_from(bytes).ok()
}
