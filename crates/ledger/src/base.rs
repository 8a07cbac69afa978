//! What the log goes on from: nothing, or the snapshot of the frame before its first one.
//!
//! A log of which older files were trimmed does not begin at frame 0. Then the snapshot taken at
//! exactly that boundary gives sizes, compact ranges, streams (and the files of those that are idle)
//! and standing keys; the tree comes
//! from the packs' headers, and the entries above full packs from the open pack. It promises that a
//! base is whole: the packs lead to the compact range that the snapshot names. It refuses to go on
//! from anything else.

use std::sync::Arc;

use event::entry::{ENTRY_BYTES, Entry};
use tlog::hash::Hash;

use crate::cursor::{length_u64, size};
use crate::disk::Disk;
use crate::error::{Damage, Error};
use crate::names;
use crate::pack;
use crate::snapshot::{self, Snapshot, TenantState};
use crate::tree::{PACK_ENTRIES, Tree, grow_entries};
use crate::view::{HeldKey, Tenant};
use crate::wal::walk::{self, Start};

/// What the log goes on from.
#[derive(Debug)]
pub(crate) enum Base {
    /// The log begins at frame 0, or there is none.
    Nothing,
    /// The state before the first frame of the log.
    After(Box<Snapshot>),
    /// That state is not there, or cannot be read.
    Missing(Damage),
}

impl Base {
    /// What the log on `disk` goes on from.
    pub(crate) fn find(disk: &dyn Disk) -> Result<Self, Error> {
        let first = walk::list(disk)?.first().map_or(0, |file| file.first_seq);
        let Some(seq) = first.checked_sub(1) else { return Ok(Self::Nothing) };
        match snapshot::load(disk, seq) {
            Ok(snapshot) => Ok(Self::After(Box::new(snapshot))),
            Err(Error::Damaged { damage }) => Ok(Self::Missing(*damage)),
            Err(Error::Disk { source }) if source.is_not_found() => {
                let path = names::snapshot(seq);
                let what = "the log begins behind this frame, and its snapshot is missing";
                Ok(Self::Missing(Damage::new(&path, 0, what)))
            }
            Err(error) => Err(error),
        }
    }

    /// The snapshot that it is, if it is one.
    pub(crate) fn snapshot(&self) -> Option<&Snapshot> {
        match self {
            Self::After(snapshot) => Some(snapshot),
            Self::Nothing | Self::Missing(_) => None,
        }
    }

    /// Where a walk begins.
    pub(crate) fn start(&self) -> Start {
        match self {
            Self::Nothing => Start::Fresh,
            Self::After(snapshot) => Start::After { seq: snapshot.seq, hash: snapshot.hash },
            Self::Missing(_) => Start::Unknown,
        }
    }
}

/// A tenant as a snapshot and the packs have it.
///
/// # Errors
/// `Damaged` if the packs do not lead to what the snapshot says.
pub(crate) fn restore(disk: &dyn Disk, seq: u64, state: &TenantState) -> Result<Tenant, Error> {
    let packed = state.size / PACK_ENTRIES * PACK_ENTRIES;
    let mut nodes: Vec<Hash> = Vec::new();
    for first in (0..packed).step_by(usize::try_from(PACK_ENTRIES).unwrap_or(usize::MAX)) {
        nodes.extend(pack::read_head(disk, &state.tenant, first)?.nodes);
    }
    let (mut tree, mut range) = Tree::of_packs(&nodes);
    let entries = open_entries(disk, state, packed)?;
    tree.extend(&grow_entries(&mut range, &entries));
    assert_eq!(tree.size(), state.size, "as many entries as the snapshot says");
    let last = entries.rchunks(ENTRY_BYTES).next().map(Entry::decode);
    let stamped = last.is_none_or(|last| last.is_some_and(|e| e.received_at == state.received_at));
    if range.hashes() != state.hashes || !stamped {
        let damage = Damage::new(&names::snapshot(seq), 0, "another tree than the packs lead to");
        return Err(damage.of(&state.tenant, 0, state.size).into());
    }
    let tenant = Tenant::new(state.tenant.clone());
    {
        let mut view = tenant.view();
        view.root = range.root();
        view.range = range;
        view.tree = tree;
        view.received_at = state.received_at;
        view.packs_end = packed;
        for key in &state.keys {
            let held = HeldKey { bytes: Arc::from(key.bytes.as_slice()), last: 0 };
            view.keys.insert((key.kind, key.id), held);
        }
        for (stream, next, last) in &state.streams {
            view.streams.restore(stream, *next, *last);
        }
        assert_eq!(view.first_kept(), state.size, "the log begins behind the snapshot");
    }
    Ok(tenant)
}

/// The entries of a snapshot that lie above its last full pack: from the open pack, or from the
/// full one that it has become since.
fn open_entries(disk: &dyn Disk, state: &TenantState, packed: u64) -> Result<Vec<u8>, Error> {
    let count = state.size - packed;
    if count == 0 {
        return Ok(Vec::new());
    }
    let read = match pack::read(disk, &state.tenant, packed) {
        Err(Error::Disk { source }) if source.is_not_found() => {
            pack::read_part(disk, &state.tenant, packed)
        }
        other => other,
    };
    let missing = |what: &str| {
        let path = names::part(&state.tenant, packed / PACK_ENTRIES);
        Error::from(Damage::new(&path, 0, what).of(&state.tenant, packed, state.size))
    };
    let (head, mut entries) = match read {
        Err(Error::Disk { source }) if source.is_not_found() => {
            return Err(missing("no pack holds the entries below the log"));
        }
        other => other?,
    };
    if head.count < count {
        return Err(missing("the open pack ends below the log"));
    }
    entries.truncate(ENTRY_BYTES * size(u32::try_from(count).unwrap_or(u32::MAX)));
    assert_eq!(length_u64(entries.len() / ENTRY_BYTES), count, "as many as were asked for");
    Ok(entries)
}
