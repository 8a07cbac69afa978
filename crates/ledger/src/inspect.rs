//! Looking at every file of a ledger without writing one: what `verify store` stands on.
//!
//! Everything is read: each frame of the log through the same walk and replay as at a start, each
//! pack entry by entry, snapshots and the files of idle streams that they list, stored checkpoints,
//! the `acked` slot, spares. Roots are computed
//! again from entries here; that entries follow from payloads is for the visitor to check, who
//! knows what a record is. It promises to go on after damage and to name each place. It refuses to
//! mend anything, and to judge signatures: it hands checkpoints out as they lie.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use event::entry::Entry;
use event::ids::{StoreName, TenantId, Timestamp};
use tlog::hash::Hash;
use tlog::{Index, TreeSize};

use crate::base::Base;
use crate::book::Book;
use crate::checkpoint;
use crate::cursor::Short;
use crate::disk::{self, Disk};
use crate::error::{Damage, Error};
use crate::frame::area::{decode_keys, decode_roots, split, unpack};
use crate::frame::{AreaKind, Body, Frame, SectionView};
use crate::idle::Opened;
use crate::ledger::{Options, StopPlan};
use crate::names;
use crate::pack;
use crate::reader::Reader;
use crate::recover::{Files, compare_checkpoint, first_byte, leftovers, unfinished_stop};
use crate::replay::Replay;
use crate::request::{KeyBlob, Source};
use crate::seen::IDS_MAX;
use crate::snapshot::{self, Snapshot};
use crate::tree::PACK_ENTRIES;
use crate::wal::walk::{Walked, walk};
use crate::wal::{Slot, Spares, acked};

pub use crate::wal::walk::Beside;

/// How often the log may be trimmed while it is read beside a running server.
const TRIMMED_BESIDE_MAX: usize = 8;

/// What looking at a ledger found.
#[derive(Debug)]
pub struct Inspection {
    /// The store and shard that the log names; absent if there is no readable owner frame.
    pub store: Option<(StoreName, u32)>,
    /// Everything that is not as it should be, in the order in which it was found.
    pub findings: Vec<Finding>,
    /// Each tenant's ledger as far as it could be followed.
    pub tenants: Vec<TenantFacts>,
    /// The stored checkpoints that can be read, their signatures not looked at.
    pub checkpoints: Vec<StoredCheckpoint>,
    /// The log ends in a clean stop.
    pub ends_in_stop: bool,
    /// If it does not: the log file that a stop would change, as it would be.
    pub unfinished_stop: Option<StopPlan>,
    /// The log file that holds the last readable frame.
    pub last_log_file: Option<String>,
    /// Log files, packs, snapshots, files of idle streams, checkpoints, spares and the slot that
    /// were read.
    pub files: u64,
    /// Sections of the log.
    pub sections: u64,
    /// Reads what was found: proofs, roots at any size, records.
    pub reader: Reader,
}

/// One thing that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What it means.
    pub kind: FindingKind,
    /// Where, what, and which records.
    pub damage: Damage,
}

/// What a finding means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FindingKind {
    /// Bytes are not what was written.
    Damage,
    /// The payload or keys of records are damaged; entries and tree go on.
    Loss,
    /// Not a file of this ledger: nothing can be said about it.
    Unverifiable,
    /// A frame or file that was not finished; nobody was told of it. Not an error.
    Unfinished,
}

/// A tenant's ledger as the log leads to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantFacts {
    /// Whose.
    pub tenant: TenantId,
    /// How many records.
    pub size: TreeSize,
    /// The root over their entries.
    pub root: Hash,
    /// The last stamp.
    pub received_at: Timestamp,
    /// The first record that the log holds; older ones are archived.
    pub first_kept: Index,
    /// Packs hold the entries of all records below this.
    pub packed_end: Index,
    /// Nothing after this can be checked: the ledger goes on behind damage.
    pub broken: bool,
}

/// A checkpoint as it lies in `ledger/checkpoint/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCheckpoint {
    /// Whose.
    pub tenant: TenantId,
    /// The file below the data directory.
    pub file: String,
    /// How many records it covers.
    pub size: TreeSize,
    /// The root over them.
    pub root: Hash,
    /// The signed note.
    pub note: String,
}

/// One section of the log, unpacked, for the visitor.
#[derive(Debug)]
pub struct SectionRecords<'a> {
    /// Whose records.
    pub tenant: &'a TenantId,
    /// The first one.
    pub first: Index,
    /// How many.
    pub count: u32,
    /// The stamp they carry.
    pub received_at: Timestamp,
    /// Where they came from.
    pub source: &'a Source,
    /// Their entries; absent if the roots are damaged.
    pub entries: Option<Vec<Entry>>,
    /// Their bytes; absent if the payload is damaged.
    pub payloads: Option<Vec<Vec<u8>>>,
    /// Keys and salt blocks that came with them; absent if damaged.
    pub keys: Option<Vec<KeyBlob>>,
    /// The log file.
    pub file: &'a str,
    /// Where the section's frame begins in it, in bytes.
    pub offset: u64,
}

/// Looks at every file of the ledger on `disk`. `visit` sees each section of the log in its order;
/// the entries of records that the log no longer holds are those of the packs:
/// [`Reader::entries`](crate::Reader::entries).
///
/// # Errors
/// `Disk` if a file cannot be read at all; everything else is a finding.
pub fn inspect(
    disk: &Arc<dyn Disk>,
    beside: Beside,
    visit: &mut dyn FnMut(&SectionRecords<'_>),
) -> Result<Inspection, Error> {
    for _ in 0..TRIMMED_BESIDE_MAX {
        match inspect_once(disk, beside, visit) {
            // A running server trimmed the log while it was read: what is left of it goes on from
            // a later snapshot. Sections are not shown twice, since the oldest file goes first.
            Err(Error::Disk { source }) if beside == Beside::Running && source.is_not_found() => {}
            other => return other,
        }
    }
    inspect_once(disk, beside, visit)
}

fn inspect_once(
    disk: &Arc<dyn Disk>,
    beside: Beside,
    visit: &mut dyn FnMut(&SectionRecords<'_>),
) -> Result<Inspection, Error> {
    // Beside a running server files grow while they are read: what names the most is read first,
    // so that the log, read last, always has at least that much.
    let slot = acked::load(&**disk)?;
    let files = Files::list(&**disk)?;
    let mut findings = Vec::new();
    let checkpoints = read_checkpoints(&**disk, &files, &mut findings)?;
    let snapshots = read_snapshots(&**disk, &files, &mut findings)?;
    let base = Base::find(&**disk)?;
    let listing = || snapshots.values().chain(base.snapshot());
    let (opened, mut damages) = Opened::named(&**disk, listing())?;
    let listed: BTreeSet<u64> = listing().flat_map(Snapshot::idle_numbers).collect();
    let mut replay = Replay::new(&**disk, IDS_MAX, snapshots, files.packs.clone(), opened);
    damages.extend(replay.begin(&base)?);
    let walked = walk(&**disk, slot, (base.start(), beside), &mut |at, frame| {
        let mut damages = show(frame, at.file, at.offset, visit);
        damages.extend(replay.frame(at, frame)?);
        Ok(damages)
    })?;
    damages.extend(walked.damages.iter().cloned());
    damages.extend(replay.follow_parts(&files.parts, beside)?);
    damages.extend(leftovers(&replay, &files, walked.next_seq()));
    let damage = |damage| Finding { kind: FindingKind::Damage, damage };
    findings.extend(damages.into_iter().map(damage));
    findings.extend(losses(&replay));
    check_packs(&**disk, &files, &mut findings)?;
    check_loose_files(&**disk, &files, beside, &mut findings)?;
    findings.extend(unlisted_streams(&files, &listed));
    findings.extend(walked.tails.iter().map(|tail| {
        let damage = Damage::new(&tail.file, tail.from, "a frame that was not finished");
        Finding { kind: FindingKind::Unfinished, damage }
    }));
    conclude(disk, (slot, walked), replay, (files, checkpoints), findings)
}

fn conclude(
    disk: &Arc<dyn Disk>,
    (slot, walked): (Slot, Walked),
    replay: Replay<'_>,
    (files, checkpoints): (Files, Vec<StoredCheckpoint>),
    mut findings: Vec<Finding>,
) -> Result<Inspection, Error> {
    let tenants = replay.tenants.values().map(|tenant| {
        let view = tenant.view();
        let head = view.head();
        TenantFacts {
            tenant: tenant.id.clone(),
            size: head.size,
            root: head.root,
            received_at: head.received_at,
            first_kept: Index(view.first_kept()),
            packed_end: Index(view.packed_end()),
            broken: replay.broken.contains(&tenant.id),
        }
    });
    let tenants: Vec<_> = tenants.collect();
    let name = replay.store.as_ref().map_or_else(nameless, |(store, _)| store.clone());
    let spares = Spares::new(Options::new(name.clone(), [0; 16]).wal_file_bytes, Vec::new());
    let book = Arc::new(Book::new(Arc::clone(disk), name, replay.tenants, spares));
    book.set_idle(replay.idle.unwrap_or_default());
    let broken =
        |tenant: &TenantId| tenants.iter().any(|facts| facts.tenant == *tenant && facts.broken);
    for stored in &checkpoints {
        if replay.store.is_none() || broken(&stored.tenant) {
            continue;
        }
        let (size, root) = (stored.size, stored.root);
        let origin = stored.note.lines().next().unwrap_or_default().to_owned();
        let checkpoint = tlog::checkpoint::Checkpoint { origin, size, root };
        match compare_checkpoint(&book, &stored.tenant, &checkpoint) {
            Ok(Some(damage)) => findings.push(Finding { kind: FindingKind::Damage, damage }),
            // A pack that cannot be read was found before; what it hides cannot be compared.
            Ok(None) | Err(Error::Damaged { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    let packs = files.packs.len() + files.parts.len();
    let state = files.snapshots.len() + files.streams.len();
    let counted = [packs, state, files.checkpoints.len(), files.spares.len()];
    Ok(Inspection {
        store: replay.store,
        findings,
        tenants,
        checkpoints,
        ends_in_stop: walked.ends_in_stop(),
        last_log_file: walked.last.as_ref().map(|last| last.file.to_string()),
        unfinished_stop: unfinished_stop(&**disk, slot, &walked)?,
        files: (counted.iter().sum::<usize>() + walked.files.len() + 1)
            .try_into()
            .unwrap_or(u64::MAX),
        sections: replay.sections,
        reader: Reader { book },
    })
}

/// Stands for the store's name where no frame says it; nothing is compared under it.
fn nameless() -> StoreName {
    StoreName::parse("unknown").expect("a name by the grammar")
}

/// Shows the sections of a frame to the visitor. Answers payload areas that bear a good checksum and still hold no
/// records: nobody's accident, since the writer packs before it sums.
fn show(
    frame: &Frame<'_>,
    file: &str,
    offset: u64,
    visit: &mut dyn FnMut(&SectionRecords<'_>),
) -> Vec<Damage> {
    let Body::Append(sections) = &frame.body else { return Vec::new() };
    let mut damages = Vec::new();
    for section in sections {
        let shown = records(section, file, offset);
        visit(&shown);
        if shown.payloads.is_none() && section.sound(AreaKind::Payload) {
            let damage = Damage::new(file, offset, "a payload area that holds no records");
            damages.push(damage.of(&section.head.tenant, section.head.first, section.head.end()));
        }
    }
    damages
}

fn records<'a>(section: &'a SectionView<'_>, file: &'a str, offset: u64) -> SectionRecords<'a> {
    let head = &section.head;
    let received_at = head.received_at;
    let sound = |area, bytes| section.sound(area).then_some(bytes);
    let roots = sound(AreaKind::Roots, section.roots).and_then(|bytes| decode_roots(bytes).ok());
    let entries = roots.map(|roots| {
        let entry = |(root, kind)| Entry { kind, received_at, root };
        roots.into_iter().zip(head.kinds()).map(entry).collect()
    });
    let payloads = sound(AreaKind::Payload, section.payload).and_then(|stored| {
        let raw = unpack(stored, head.codec, head.raw_bytes).ok()?;
        let places = split(&raw, head.count).ok()?;
        places.into_iter().map(|place| raw.get(place).map(<[u8]>::to_vec)).collect()
    });
    SectionRecords {
        tenant: &head.tenant,
        first: Index(head.first),
        count: head.count,
        received_at,
        source: &head.source,
        entries,
        payloads,
        keys: sound(AreaKind::Keys, section.keys).and_then(|bytes| decode_keys(bytes).ok()),
        file,
        offset,
    }
}

fn read_checkpoints(
    disk: &dyn Disk,
    files: &Files,
    findings: &mut Vec<Finding>,
) -> Result<Vec<StoredCheckpoint>, Error> {
    let mut found = Vec::new();
    for tenant in &files.checkpoints {
        let file = names::checkpoint(tenant);
        match checkpoint::load(disk, tenant) {
            Ok((checkpoint, note)) => {
                let (size, root) = (checkpoint.size, checkpoint.root);
                found.push(StoredCheckpoint { tenant: tenant.clone(), file, size, root, note });
            }
            Err(error) => findings.push(as_damage(error)?),
        }
    }
    Ok(found)
}

fn read_snapshots(
    disk: &dyn Disk,
    files: &Files,
    findings: &mut Vec<Finding>,
) -> Result<BTreeMap<u64, Snapshot>, Error> {
    let mut found = BTreeMap::new();
    for seq in &files.snapshots {
        match snapshot::load(disk, *seq) {
            Ok(snapshot) => {
                found.insert(*seq, snapshot);
            }
            // A running server replaced it since the list was made.
            Err(Error::Disk { source }) if source.is_not_found() => {}
            Err(error) => findings.push(as_damage(error)?),
        }
    }
    Ok(found)
}

/// A damage as a finding; any other error stays one, a file too large to be ours apart.
fn as_damage(error: Error) -> Result<Finding, Error> {
    match error {
        Error::Damaged { damage } => Ok(Finding { kind: FindingKind::Damage, damage: *damage }),
        Error::Disk { source } if source.kind == std::io::ErrorKind::FileTooLarge => {
            let damage = Damage::new(&source.path, 0, "larger than such a file can be");
            Ok(Finding { kind: FindingKind::Damage, damage })
        }
        other => Err(other),
    }
}

fn losses(replay: &Replay<'_>) -> Vec<Finding> {
    let finding = |lost: &crate::error::Lost| {
        let records = &lost.records;
        let damage = Damage::new(&lost.file, lost.offset, lost.what());
        let damage = damage.of(&records.tenant, records.first.0, records.end.0);
        Finding { kind: FindingKind::Loss, damage }
    };
    replay.lost.iter().map(finding).collect()
}

/// Reads every pack entry by entry. That its hashes are the log's is for the replay to say.
fn check_packs(disk: &dyn Disk, files: &Files, findings: &mut Vec<Finding>) -> Result<(), Error> {
    for (tenant, number) in &files.packs {
        let path = names::pack(tenant, *number);
        let bytes = match disk::read(disk, &path, pack::PACK_BYTES_MAX) {
            Ok(bytes) => bytes,
            Err(error) => {
                findings.push(as_damage(error.into())?);
                continue;
            }
        };
        if let Err(Short) = pack::decode(&bytes) {
            let first = number * PACK_ENTRIES;
            let damage = Damage::new(&path, 0, "not a good pack");
            let damage = damage.of(tenant, first, first + PACK_ENTRIES);
            findings.push(Finding { kind: FindingKind::Damage, damage });
        }
    }
    Ok(())
}

/// Files of idle streams that no snapshot lists: one was not finished, or merged away.
fn unlisted_streams<'f>(
    files: &'f Files,
    listed: &'f BTreeSet<u64>,
) -> impl Iterator<Item = Finding> + 'f {
    files.streams.difference(listed).map(|number| {
        let damage = Damage::new(&names::streams(*number), 0, "a file that no snapshot lists");
        Finding { kind: FindingKind::Unfinished, damage }
    })
}

/// Spares must be zero; other files are not this crate's.
fn check_loose_files(
    disk: &dyn Disk,
    files: &Files,
    beside: Beside,
    findings: &mut Vec<Finding>,
) -> Result<(), Error> {
    // A running server turns spares into log files while they are read.
    let spares = if beside == Beside::Running { &[] } else { files.spares.as_slice() };
    for (_, spare) in spares {
        if let Some(offset) = first_byte(disk, &spare.path)? {
            let damage = Damage::new(&spare.path, offset, "a spare that is not all zeros");
            findings.push(Finding { kind: FindingKind::Damage, damage });
        }
    }
    for path in &files.unknown {
        let damage = Damage::new(path, 0, "not a file of the ledger");
        findings.push(Finding { kind: FindingKind::Unverifiable, damage });
    }
    for path in &files.unfinished {
        let damage = Damage::new(path, 0, "a file that was not finished");
        findings.push(Finding { kind: FindingKind::Unfinished, damage });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
