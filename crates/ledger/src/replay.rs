//! Replaying the log into the state that it stands for, and checking every claim it makes on the way.
//!
//! Recovery and inspection look at the log through the same eyes: sections are taken over through
//! the same [`View::grow`](crate::view::View) as by the writer, roots and sizes are computed again,
//! streams and ids checked, snapshots compared at their frame, packs at their end. It promises that
//! state without damage is the state the writer had. It writes nothing; a tenant with damaged roots
//! is left where it stood, since nothing after that can be checked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use event::ids::{EventId, StoreName, TenantId};
use tlog::hash::Hash;
use tlog::tree::Node;

use crate::base::{self, Base};
use crate::cursor::length_u64;
use crate::disk::Disk;
use crate::error::{Damage, Error, Lost, LostPart, Records};
use crate::frame::area::{decode_ids, decode_keys, decode_roots};
use crate::frame::{AreaKind, Body, Frame, SectionView};
use crate::idle::{IdleFiles, IdleStream, Opened};
use crate::names;
use crate::pack;
use crate::request::Source;
use crate::seen::Seen;
use crate::snapshot::{Snapshot, TenantState};
use crate::tree::{KEPT_LEVEL, PACK_ENTRIES, grow};
use crate::view::{Growth, HeldKey, SectionRef, Tenant, run_of};
use crate::wal::walk::{At, Beside};

mod streams;

/// What a replay keeps on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Captures {
    Nothing,
    Boundaries,
}

/// The state so far.
#[derive(Debug)]
pub(crate) struct Replay<'d> {
    disk: &'d dyn Disk,
    pub(crate) tenants: BTreeMap<TenantId, Arc<Tenant>>,
    pub(crate) seen: Seen,
    pub(crate) lost: Vec<Lost>,
    pub(crate) snapshots: BTreeMap<u64, Snapshot>,
    /// The store and shard that the first owner frame names.
    pub(crate) store: Option<(StoreName, u32)>,
    /// Tenants of which nothing more can be checked.
    pub(crate) broken: BTreeSet<TenantId>,
    packs: BTreeSet<(TenantId, u64)>,
    /// Frames of which a snapshot exists.
    taken: BTreeSet<u64>,
    /// Whether states at boundaries without a snapshot are kept, and those states.
    captures: Captures,
    pub(crate) boundaries: Vec<Snapshot>,
    /// Streams of all tenants that are in memory.
    pub(crate) streams: usize,
    /// The files that snapshots name.
    opened: Opened,
    /// Those of them that count; absent where they cannot be known.
    pub(crate) idle: Option<IdleFiles>,
    pub(crate) sections: u64,
}

impl<'d> Replay<'d> {
    /// Nothing replayed yet. `snapshots` are compared when their frame comes by; `packs` are those
    /// that exist, `opened` the files of idle streams that snapshots name.
    pub(crate) fn new(
        disk: &'d dyn Disk,
        ids_max: usize,
        snapshots: BTreeMap<u64, Snapshot>,
        packs: BTreeSet<(TenantId, u64)>,
        opened: Opened,
    ) -> Self {
        let taken = snapshots.keys().copied().collect();
        Self {
            disk,
            tenants: BTreeMap::new(),
            seen: Seen::new(ids_max),
            lost: Vec::new(),
            snapshots,
            store: None,
            broken: BTreeSet::new(),
            packs,
            taken,
            captures: Captures::Nothing,
            boundaries: Vec::new(),
            streams: 0,
            opened,
            idle: Some(IdleFiles::default()),
            sections: 0,
        }
    }

    /// Keeps the state at each beginning of a log file of which there is no snapshot.
    pub(crate) fn capture_boundaries(&mut self) {
        self.captures = Captures::Boundaries;
    }

    /// Takes over what the log goes on from; answers what is wrong with it.
    pub(crate) fn begin(&mut self, base: &Base) -> Result<Vec<Damage>, Error> {
        assert!(self.tenants.is_empty(), "a replay begins once");
        let snapshot = match base {
            Base::Nothing => return Ok(Vec::new()),
            Base::Missing(damage) => return Ok(vec![damage.clone()]),
            Base::After(snapshot) => snapshot,
        };
        self.snapshots.remove(&snapshot.seq);
        self.idle = self.opened.of(&snapshot.idle);
        self.store = Some((snapshot.store.clone(), snapshot.shard));
        let mut damages = Vec::new();
        for state in &snapshot.tenants {
            let tenant = match base::restore(self.disk, snapshot.seq, state) {
                Ok(tenant) => tenant,
                Err(Error::Damaged { damage }) => {
                    damages.push(*damage);
                    self.broken.insert(state.tenant.clone());
                    Tenant::new(state.tenant.clone())
                }
                Err(error) => return Err(error),
            };
            self.streams += tenant.view().streams.len();
            self.seen.raise(&state.tenant, state.size);
            self.tenants.insert(state.tenant.clone(), Arc::new(tenant));
        }
        Ok(damages)
    }

    /// Takes over one frame; answers what is wrong with it.
    pub(crate) fn frame(&mut self, at: At<'_>, frame: &Frame<'_>) -> Result<Vec<Damage>, Error> {
        let mut damages = Vec::new();
        if at.offset == 0 {
            self.capture_boundary(frame);
        }
        match &frame.body {
            Body::Owner { store, shard } => {
                let named = (store.clone(), *shard);
                let first = self.store.get_or_insert_with(|| named.clone());
                if *first != named {
                    damages.push(Damage::new(at.file, at.offset, "an owner of another store"));
                }
            }
            Body::Append(sections) => {
                for section in sections {
                    damages.extend(self.section(at, section)?);
                }
            }
            Body::Stop => {}
        }
        damages.extend(self.compare_snapshot(frame)?);
        Ok(damages)
    }

    fn section(&mut self, at: At<'_>, section: &SectionView<'_>) -> Result<Option<Damage>, Error> {
        self.sections += 1;
        let areas_at = at.offset + length_u64(section.areas_at);
        self.note_losses(at, section, areas_at);
        let tenant = Arc::clone(
            self.tenants
                .entry(section.head.tenant.clone())
                .or_insert_with(|| Arc::new(Tenant::new(section.head.tenant.clone()))),
        );
        if self.broken.contains(&tenant.id) {
            return Ok(None);
        }
        let returning = self.returning(&tenant, &section.head)?;
        let taken = match self.growth(&tenant, (at, areas_at), section, returning) {
            Ok((growth, ids)) => {
                self.remember_ids(section, ids);
                let mut view = tenant.view();
                let before = view.streams.len();
                view.grow(growth);
                self.streams += view.streams.len() - before;
                Ok(())
            }
            Err(what) => Err(what),
        };
        match taken {
            Ok(()) => self.follow_packs(&tenant),
            Err(what) => {
                self.broken.insert(tenant.id.clone());
                let head = &section.head;
                let damage = Damage::new(at.file, areas_at, what);
                // Where records are missing, those are the ones to name.
                let size = tenant.view().tree.size();
                let missing = head.first > size;
                let (first, end) =
                    if missing { (size, head.first) } else { (head.first, head.end()) };
                Ok(Some(damage.of(&head.tenant, first, end)))
            }
        }
    }

    /// Damaged payloads and keys are losses: the tree goes on without them.
    fn note_losses(&mut self, at: At<'_>, section: &SectionView<'_>, areas_at: u64) {
        let head = &section.head;
        let parts = [(AreaKind::Payload, LostPart::Payload), (AreaKind::Keys, LostPart::Keys)];
        for (area, part) in parts {
            if !section.sound(area) {
                let records = Records::new(&head.tenant, head.first, head.end());
                let file = at.file.to_string();
                self.lost.push(Lost { records, file, offset: areas_at, part });
            }
        }
    }

    /// What the tenant's view takes over, if everything that the section claims is so.
    fn growth(
        &self,
        tenant: &Tenant,
        (at, areas_at): (At<'_>, u64),
        section: &SectionView<'_>,
        returning: Option<IdleStream>,
    ) -> Result<(Growth, Vec<Option<EventId>>), &'static str> {
        let head = &section.head;
        if !section.sound(AreaKind::Roots) {
            return Err("the roots of a section");
        }
        if !section.sound(AreaKind::Ids) && section.sound(AreaKind::Payload) {
            return Err("the ids of a section");
        }
        let roots = decode_roots(section.roots).map_err(|_| "the roots of a section")?;
        let ids = match &head.source {
            Source::Loose { .. } if section.sound(AreaKind::Ids) => {
                decode_ids(section.ids, head.count).map_err(|_| "the ids of a section")?
            }
            _ => Vec::new(),
        };
        let mut range = {
            let view = tenant.view();
            if head.first != view.tree.size() {
                return Err("a section that does not begin where the last one ended");
            }
            if head.received_at < view.received_at {
                return Err("a stamp before the previous one");
            }
            if let Some((stream, run)) = run_of(&head.source, head.first, head.count)
                && let idle = returning.as_ref().map(|idle| idle.next)
                && view.streams.next(stream).or(idle).unwrap_or(1) != run.seq
            {
                return Err("a stream with a hole or a repeat");
            }
            view.range.clone()
        };
        let leaves = grow(&mut range, head.received_at, &roots, head.kinds());
        let root = range.root();
        if root != head.root_after {
            return Err("roots that do not lead to the root of the section");
        }
        let keys = if section.sound(AreaKind::Keys) {
            decode_keys(section.keys).map_err(|_| "the keys of a section")?
        } else {
            Vec::new()
        };
        let place = SectionRef::new(head, at.file, areas_at);
        let source = head.source.clone();
        Ok((Growth { section: place, source, returning, leaves, keys, range, root }, ids))
    }

    fn remember_ids(&mut self, section: &SectionView<'_>, ids: Vec<Option<EventId>>) {
        let Source::Loose { producer } = &section.head.source else { return };
        let scope = self.seen.scope(&section.head.tenant, producer.as_ref());
        for (index, id) in (section.head.first..).zip(ids) {
            // An id can stand twice where a damaged area narrowed the window once; the first counts.
            if let Some(id) = id
                && self.seen.find(scope, id).is_none()
            {
                self.seen.insert(&section.head.tenant, scope, (id, index));
            }
        }
    }

    /// Lets go of what packs hold, after comparing their hashes with the log's.
    fn follow_packs(&mut self, tenant: &Arc<Tenant>) -> Result<Option<Damage>, Error> {
        loop {
            let first = {
                let view = tenant.view();
                if view.packs_end + PACK_ENTRIES > view.tree.size() {
                    return Ok(None);
                }
                view.packs_end
            };
            if !self.packs.contains(&(tenant.id.clone(), first / PACK_ENTRIES)) {
                return Ok(None);
            }
            let path = names::pack(&tenant.id, first / PACK_ENTRIES);
            let damage = |what: &str| {
                Damage::new(&path, 0, what).of(&tenant.id, first, first + PACK_ENTRIES)
            };
            let head = match pack::read_head(self.disk, &tenant.id, first) {
                Ok(head) => head,
                Err(Error::Damaged { damage }) => {
                    // Found once is enough: without the pack nobody looks again after each section.
                    self.packs.remove(&(tenant.id.clone(), first / PACK_ENTRIES));
                    return Ok(Some(*damage));
                }
                Err(error) => return Err(error),
            };
            let mut view = tenant.view();
            let node = |place| Node { level: KEPT_LEVEL, index: (first >> KEPT_LEVEL) + place };
            let nodes: Option<Vec<Hash>> =
                (0..256).map(|place| view.tree.get(node(place))).collect();
            if nodes.as_ref() != Some(&head.nodes) {
                self.packs.remove(&(tenant.id.clone(), first / PACK_ENTRIES));
                return Ok(Some(damage("a pack that is not what the log has")));
            }
            view.packs_end = first + PACK_ENTRIES;
            view.tree.forget_below(first);
            assert!(view.packs_end <= view.tree.size(), "packs hold what exists");
        }
    }

    /// Compares the open packs with the log; answers what is wrong with them. An open pack whose
    /// full one exists was left behind by a crash and says nothing.
    pub(crate) fn follow_parts(
        &mut self,
        parts: &BTreeSet<(TenantId, u64)>,
        beside: Beside,
    ) -> Result<Vec<Damage>, Error> {
        let mut damages = Vec::new();
        for (id, number) in parts {
            let first = number * PACK_ENTRIES;
            let path = names::part(id, *number);
            let packs_end = self.packs_end(id);
            if first < packs_end || self.broken.contains(id) {
                continue;
            }
            let read = match pack::read_part(self.disk, id, first) {
                // It has become a full pack since the list was made.
                Err(Error::Disk { source }) if source.is_not_found() => continue,
                Err(Error::Damaged { damage }) => {
                    damages.push(*damage);
                    continue;
                }
                other => other?,
            };
            let (head, entries) = read;
            let end = first + head.count;
            let size = self.tenants.get(id).map_or(0, |tenant| tenant.view().tree.size());
            // A running server packs what was appended since the log was read.
            let known = if beside == Beside::Running { end.min(size) } else { end };
            let tenant = self.tenants.get(id).filter(|_| first == packs_end && known <= size);
            let same = tenant.is_some_and(|tenant| {
                let mut view = tenant.view();
                let held = view.tree.entries(first, known);
                let same = held.is_some_and(|held| entries.starts_with(held));
                view.part_end = if same { known } else { 0 };
                same
            });
            if !same {
                let damage = Damage::new(&path, 0, "an open pack that is not what the log has");
                damages.push(damage.of(id, first, end));
            }
        }
        Ok(damages)
    }

    /// Keeps the state before the first frame of a log file, if it is to be kept and no snapshot is.
    fn capture_boundary(&mut self, frame: &Frame<'_>) {
        let link = &frame.head.link;
        let wanted = self.captures == Captures::Boundaries && self.broken.is_empty();
        let (true, Some(seq), Some((store, shard))) =
            (wanted, link.seq.checked_sub(1), self.store.clone())
        else {
            return;
        };
        if self.taken.insert(seq) {
            let tenants = self.tenants.values().map(|tenant| TenantState::of(tenant)).collect();
            let idle = self.idle.as_ref().map(IdleFiles::listed).unwrap_or_default();
            let hash = link.previous;
            self.boundaries.push(Snapshot { store, shard, seq, hash, idle, tenants });
        }
    }

    /// Compares the snapshot of this frame, if there is one.
    fn compare_snapshot(&mut self, frame: &Frame<'_>) -> Result<Option<Damage>, Error> {
        let seq = frame.head.link.seq;
        let Some(snapshot) = self.snapshots.remove(&seq).filter(|_| self.broken.is_empty()) else {
            return Ok(None);
        };
        self.restore_keys(&snapshot);
        let walked: Vec<_> = self.tenants.values().map(|tenant| TenantState::of(tenant)).collect();
        let same_tenants = walked.len() == snapshot.tenants.len()
            && snapshot.tenants.iter().zip(&walked).all(|(then, now)| then.agrees(now));
        let same_store = self.store == Some((snapshot.store.clone(), snapshot.shard));
        let same = same_tenants && same_store && snapshot.hash == frame.hash;
        if same && self.follow_streams(&snapshot, &walked)? {
            return Ok(self.missing_pack(&snapshot));
        }
        let what = "another state than the log leads to";
        Ok(Some(Damage::new(&names::snapshot(seq), 0, what)))
    }

    /// Where a section's keys are damaged, the standing ones are taken from the snapshot: that is
    /// what they stand there for.
    fn restore_keys(&self, snapshot: &Snapshot) {
        for then in &snapshot.tenants {
            let damaged =
                |lost: &&Lost| lost.part == LostPart::Keys && lost.records.tenant == then.tenant;
            let Some(tenant) = self.tenants.get(&then.tenant) else { continue };
            if self.lost.iter().find(damaged).is_some() {
                let mut view = tenant.view();
                for key in &then.keys {
                    let name = (key.kind, key.id);
                    let held = || HeldKey { bytes: key.bytes.clone().into(), last: 0 };
                    view.keys.entry(name).or_insert_with(held);
                }
            }
        }
    }

    /// A pack that a snapshot knows of and that is not there.
    fn missing_pack(&self, snapshot: &Snapshot) -> Option<Damage> {
        for then in &snapshot.tenants {
            let number = self.packs_end(&then.tenant);
            if number < then.packs_end {
                let path = names::pack(&then.tenant, number / PACK_ENTRIES);
                let damage = Damage::new(&path, 0, "a pack is missing");
                return Some(damage.of(&then.tenant, number, number + PACK_ENTRIES));
            }
        }
        None
    }

    fn packs_end(&self, tenant: &TenantId) -> u64 {
        self.tenants.get(tenant).map_or(0, |tenant| tenant.view().packs_end)
    }
}
