//! What readers see of one tenant: only what is durable.
//!
//! The writer (and recovery, which replays the log through the same door) hands in a [`Growth`]
//! after the sync that covers it; readers take short looks under a lock that is never held across
//! the disk. It promises that size, root, tree, streams and keys always belong together. It refuses
//! growth that does not continue what is there.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use event::entry::EntryKind;
use event::ids::{TenantId, Timestamp};
use tlog::hash::{EMPTY_ROOT, Hash};
use tlog::note::SigningKey;
use tlog::tree::CompactRange;
use tlog::{Index, TreeSize};

use crate::checkpoint::SignedCheckpoint;
use crate::error::{Error, Lost};
use crate::frame::{AreaKind, Codec, Runs, SectionHead, expand};
use crate::idle::IdleStream;
use crate::request::{KeyBlob, Source, StreamId, is_standing_key};
use crate::stream::{Run, Shape, Streams};
use crate::tree::{Leaves, Tree};

/// One tenant, shared by the writer and all readers.
#[derive(Debug)]
pub(crate) struct Tenant {
    pub(crate) id: TenantId,
    view: Mutex<View>,
    /// The newest checkpoint signed, and what signs.
    signing: Mutex<Signing>,
    /// Held by whoever writes packs, across the disk: nobody who appends or reads asks for it.
    packing: Mutex<()>,
}

/// What it takes to sign a tenant's checkpoints, and the last one.
#[derive(Debug, Default)]
pub(crate) struct Signing {
    pub(crate) key: Option<Arc<SigningKey>>,
    pub(crate) newest: Option<SignedCheckpoint>,
}

/// The durable state of one tenant.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) root: Hash,
    pub(crate) received_at: Timestamp,
    pub(crate) range: CompactRange,
    pub(crate) tree: Tree,
    pub(crate) streams: Streams,
    pub(crate) sections: Vec<SectionRef>,
    pub(crate) keys: BTreeMap<(u8, u64), HeldKey>,
    pub(crate) lost: Vec<Lost>,
    /// Everything below this index is in a durable full pack.
    pub(crate) packs_end: u64,
    /// Everything below this index is in the durable open pack, or in full ones; 0 without one.
    pub(crate) part_end: u64,
    /// Everything below this index is archived: the archive's word.
    pub(crate) archived: u64,
    /// What `archived` was before it was told the last time: the log may go up to here.
    pub(crate) archived_before: u64,
}

/// A key or salt block, and where it was brought last.
#[derive(Debug, Clone)]
pub(crate) struct HeldKey {
    pub(crate) bytes: Arc<[u8]>,
    /// The first index of the last section that brought it.
    pub(crate) last: u64,
}

/// Size, root and last stamp, which always belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// How many records are durable.
    pub size: TreeSize,
    /// The root of the tree over their entries.
    pub root: Hash,
    /// The stamp of the last one; zero if there is none.
    pub received_at: Timestamp,
}

/// Where a section stands in the log and what it takes to read it.
#[derive(Debug, Clone)]
pub(crate) struct SectionRef {
    pub(crate) first: u64,
    pub(crate) count: u32,
    pub(crate) received_at: Timestamp,
    pub(crate) file: Arc<str>,
    /// Where its areas begin, in bytes of the file.
    pub(crate) areas_at: u64,
    pub(crate) lengths: AreaLengths,
    pub(crate) codec: Codec,
    pub(crate) raw_bytes: u32,
    pub(crate) kinds: Kinds,
}

/// Lengths of the areas, framing left out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AreaLengths {
    pub(crate) roots: u32,
    pub(crate) ids: u32,
    pub(crate) payload: u32,
}

/// Kinds of a section's records; nearly always one.
#[derive(Debug, Clone)]
pub(crate) enum Kinds {
    One(EntryKind),
    Many(Arc<Runs>),
}

/// One durable section, as the view takes it over.
#[derive(Debug)]
pub(crate) struct Growth {
    pub(crate) section: SectionRef,
    pub(crate) source: Source,
    /// What a file has of the section's stream, if that is not in memory.
    pub(crate) returning: Option<IdleStream>,
    pub(crate) leaves: Leaves,
    pub(crate) keys: Vec<KeyBlob>,
    pub(crate) range: CompactRange,
    pub(crate) root: Hash,
}

impl Tenant {
    /// A tenant without records.
    pub(crate) fn new(id: TenantId) -> Self {
        Self {
            id,
            view: Mutex::new(View::new()),
            signing: Mutex::new(Signing::default()),
            packing: Mutex::new(()),
        }
    }

    /// A look at the durable state. Never held across the disk.
    pub(crate) fn view(&self) -> MutexGuard<'_, View> {
        // A panic while the lock was held left the view whole or the process stopping: every
        // change is one call of `grow`, whose asserts come before what they guard is used.
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The turn to write packs.
    pub(crate) fn packing(&self) -> MutexGuard<'_, ()> {
        self.packing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a record is older than everything in the log.
    pub(crate) fn is_archived(&self, index: u64) -> bool {
        let view = self.view();
        index < view.first_kept()
    }

    /// The refusal to give a record that is no longer in the log.
    pub(crate) fn archived(&self) -> Error {
        let first_kept = Index(self.view().first_kept());
        Error::Archived { tenant: self.id.clone(), first_kept }
    }

    /// The signing state.
    pub(crate) fn signing(&self) -> MutexGuard<'_, Signing> {
        self.signing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl View {
    fn new() -> Self {
        Self {
            root: EMPTY_ROOT,
            received_at: Timestamp(0),
            range: CompactRange::new(),
            tree: Tree::default(),
            streams: Streams::default(),
            sections: Vec::new(),
            keys: BTreeMap::new(),
            lost: Vec::new(),
            packs_end: 0,
            part_end: 0,
            archived: 0,
            archived_before: 0,
        }
    }

    /// The first record that is still in the log; the size if none is.
    pub(crate) fn first_kept(&self) -> u64 {
        self.sections.first().map_or_else(|| self.tree.size(), |section| section.first)
    }

    /// Everything below this index is in a durable pack, full or open.
    pub(crate) fn packed_end(&self) -> u64 {
        self.packs_end.max(self.part_end)
    }

    /// Forgets what the log no longer holds: everything of records below `index`.
    pub(crate) fn forget_below(&mut self, index: u64) {
        let gone = self.sections.partition_point(|section| section.end() <= index);
        self.sections.drain(..gone);
        assert!(self.first_kept() >= index, "the log is cut between sections");
        self.sections.shrink_to(2 * self.sections.len());
        self.streams.forget_below(index);
        self.lost.retain(|lost| lost.records.end.0 > index);
        self.keys.retain(|(kind, _), held| is_standing_key(*kind) || held.last >= index);
    }

    /// Size, root and last stamp.
    pub(crate) fn head(&self) -> Head {
        Head { size: TreeSize(self.tree.size()), root: self.root, received_at: self.received_at }
    }

    /// Takes over one durable section.
    pub(crate) fn grow(&mut self, growth: Growth) {
        let section = &growth.section;
        // INVARIANT (I3): indices are dense and stamps never decrease along them.
        assert_eq!(section.first, self.tree.size(), "a section begins where the last one ended");
        assert!(section.received_at >= self.received_at, "stamps never decrease");
        self.tree.extend(&growth.leaves);
        assert_eq!(growth.range.size().0, self.tree.size(), "range and tree have one size");
        if let Some((stream, run)) = run_of(&growth.source, section.first, section.count) {
            if let Some(idle) = &growth.returning {
                assert!(idle.stream == *stream, "the stream that returns is the section's");
                self.streams.restore(stream, idle.next, idle.last_received_at);
            }
            self.streams.take(stream, run, section.received_at);
        }
        for blob in growth.keys {
            let held = self.keys.entry((blob.kind, blob.id));
            let held = held.or_insert_with(|| HeldKey { bytes: blob.bytes.into(), last: 0 });
            held.last = section.first;
        }
        self.received_at = section.received_at;
        self.root = growth.root;
        self.range = growth.range;
        self.sections.push(growth.section);
    }

    /// The section that holds a record.
    pub(crate) fn section_of(&self, index: Index) -> Option<&SectionRef> {
        let place = self.sections.partition_point(|section| section.first <= index.0);
        let section = self.sections.get(place.checked_sub(1)?)?;
        (index.0 < section.end()).then_some(section)
    }
}

impl SectionRef {
    /// Where `head`, whose areas begin at byte `areas_at` of `file`, stands.
    pub(crate) fn new(head: &SectionHead, file: &Arc<str>, areas_at: u64) -> Self {
        Self {
            first: head.first,
            count: head.count,
            received_at: head.received_at,
            file: Arc::clone(file),
            areas_at,
            lengths: AreaLengths {
                roots: head.sums.of(AreaKind::Roots).bytes,
                ids: head.sums.of(AreaKind::Ids).bytes,
                payload: head.sums.of(AreaKind::Payload).bytes,
            },
            codec: head.codec,
            raw_bytes: head.raw_bytes,
            kinds: Kinds::new(&head.runs),
        }
    }

    /// One past the last index.
    pub(crate) fn end(&self) -> u64 {
        self.first + u64::from(self.count)
    }
}

impl Kinds {
    fn new(runs: &Runs) -> Self {
        match runs.as_slice() {
            [(kind, _)] => Self::One(*kind),
            _ => Self::Many(Arc::new(runs.clone())),
        }
    }

    /// Each record's kind, in order, without end if all are the same.
    pub(crate) fn iter(&self) -> Box<dyn Iterator<Item = EntryKind> + '_> {
        match self {
            Self::One(kind) => Box::new(std::iter::repeat(*kind)),
            Self::Many(runs) => Box::new(expand(runs)),
        }
    }
}

/// The stream and the numbers that a section takes, if it is part of a stream.
pub(crate) fn run_of(source: &Source, index: u64, count: u32) -> Option<(&StreamId, Run)> {
    match source {
        Source::Loose { .. } => None,
        Source::Stream { stream, first } => {
            Some((stream, Run { seq: first.0, count: u64::from(count), index, shape: Shape::Each }))
        }
        Source::Gap { stream, from, to } => {
            assert!(from <= to, "a gap runs forward");
            let count = to.0 - from.0 + 1;
            Some((stream, Run { seq: from.0, count, index, shape: Shape::Gap }))
        }
    }
}
