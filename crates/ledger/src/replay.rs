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

use crate::cursor::length_u64;
use crate::disk::Disk;
use crate::error::{Damage, Error, Lost, LostPart, Records};
use crate::frame::area::{decode_ids, decode_keys, decode_roots};
use crate::frame::{AreaKind, Body, Frame, SectionView};
use crate::names;
use crate::pack::{PackHead, decode_head};
use crate::request::Source;
use crate::seen::Seen;
use crate::snapshot::{Snapshot, TenantState};
use crate::tree::{KEPT_LEVEL, PACK_ENTRIES, grow};
use crate::view::{Growth, SectionRef, Tenant, run_of};
use crate::wal::walk::At;

/// Bytes that hold any pack's header.
const PACK_HEADER_BYTES_MAX: usize = 12 * 1024;

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
    /// Streams of all tenants.
    pub(crate) streams: usize,
    pub(crate) sections: u64,
}

impl<'d> Replay<'d> {
    /// Nothing replayed yet. `snapshots` are compared when their frame comes by; `packs` are those
    /// that exist.
    pub(crate) fn new(
        disk: &'d dyn Disk,
        ids_max: usize,
        snapshots: BTreeMap<u64, Snapshot>,
        packs: BTreeSet<(TenantId, u64)>,
    ) -> Self {
        Self {
            disk,
            tenants: BTreeMap::new(),
            seen: Seen::new(ids_max),
            lost: Vec::new(),
            snapshots,
            store: None,
            broken: BTreeSet::new(),
            packs,
            streams: 0,
            sections: 0,
        }
    }

    /// Takes over one frame; answers what is wrong with it.
    pub(crate) fn frame(&mut self, at: At<'_>, frame: &Frame<'_>) -> Result<Vec<Damage>, Error> {
        let mut damages = Vec::new();
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
        damages.extend(self.compare_snapshot(frame));
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
        let taken = match self.growth(&tenant, at, section, areas_at) {
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
        at: At<'_>,
        section: &SectionView<'_>,
        areas_at: u64,
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
                && view.streams.next(stream).unwrap_or(1) != run.seq
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
        Ok((Growth { section: place, source, leaves, keys, range, root }, ids))
    }

    fn remember_ids(&mut self, section: &SectionView<'_>, ids: Vec<Option<EventId>>) {
        let Source::Loose { producer } = &section.head.source else { return };
        let scope = self.seen.scope(&section.head.tenant, producer.as_ref());
        for (index, id) in (section.head.first..).zip(ids) {
            // An id can stand twice where a damaged area narrowed the window once; the first counts.
            if let Some(id) = id
                && self.seen.find(scope, id).is_none()
            {
                self.seen.insert(scope, id, index);
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
            let Some(head) = self.pack_head(&path)? else {
                // Found once is enough: without the pack nobody looks again after each section.
                self.packs.remove(&(tenant.id.clone(), first / PACK_ENTRIES));
                return Ok(Some(damage("not a good pack header")));
            };
            let mut view = tenant.view();
            let node = |place| Node { level: KEPT_LEVEL, index: (first >> KEPT_LEVEL) + place };
            let nodes: Option<Vec<Hash>> =
                (0..256).map(|place| view.tree.get(node(place))).collect();
            let same = head.tenant == tenant.id && head.first == first;
            if !same || nodes.as_ref() != Some(&head.nodes) {
                self.packs.remove(&(tenant.id.clone(), first / PACK_ENTRIES));
                return Ok(Some(damage("a pack that is not what the log has")));
            }
            view.packs_end = first + PACK_ENTRIES;
            view.tree.forget_below(first);
            assert!(view.packs_end <= view.tree.size(), "packs hold what exists");
        }
    }

    fn pack_head(&self, path: &str) -> Result<Option<PackHead>, Error> {
        let mut bytes = vec![0; PACK_HEADER_BYTES_MAX];
        let length = self.disk.read_at(path, 0, &mut bytes)?;
        Ok(bytes.get(..length).and_then(|bytes| decode_head(bytes).ok()))
    }

    /// Compares the snapshot of this frame, if there is one.
    fn compare_snapshot(&mut self, frame: &Frame<'_>) -> Option<Damage> {
        let seq = frame.head.link.seq;
        let snapshot = self.snapshots.remove(&seq)?;
        if !self.broken.is_empty() {
            return None;
        }
        self.restore_keys(&snapshot);
        let walked: Vec<_> = self.tenants.values().map(|tenant| TenantState::of(tenant)).collect();
        let same_tenants = walked.len() == snapshot.tenants.len()
            && snapshot.tenants.iter().zip(&walked).all(|(then, now)| then.agrees(now));
        let same_store = self.store == Some((snapshot.store.clone(), snapshot.shard));
        if same_tenants && same_store && snapshot.hash == frame.hash {
            return self.missing_pack(&snapshot);
        }
        Some(Damage::new(&names::snapshot(seq), 0, "another state than the log leads to"))
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
                    view.keys.entry(name).or_insert_with(|| key.bytes.clone().into());
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
