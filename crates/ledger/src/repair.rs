//! Mending a damaged log offline, as far as what is left allows it, and no further.
//!
//! ```text
//! one header copy       rewritten from the other
//! roots                 rebuilt from payloads, or from packs
//! ids                   rebuilt from payloads
//! payload, keys         left as they are: a recorded loss
//! both header copies    below the packs' end rebuilt (`repair/rebuild.rs`); above it refused
//! acked slot            rewritten, if the log ends in a clean stop
//! packs                 missing or damaged ones written anew from the log, as far as it reaches
//! snapshots             a damaged one goes to quarantine: the log leads to the same state; the one
//!                       that a trimmed log goes on from is refused
//! idle streams          a damaged or missing file goes to quarantine with every snapshot that lists
//!                       it: the log leads to the same state; one that the snapshot lists which a
//!                       trimmed log goes on from is refused
//! checkpoints           one that cannot be read goes to quarantine
//! ```
//!
//! It promises to write only bytes whose CRC or hash stands elsewhere in the log, so that a mended
//! log is the log that was written. It refuses everything else with `Damaged`, naming the place.
//! What a record is it does not know: the caller's closure says what a payload's facts are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use event::entry::{ENTRY_BYTES, Entry};
use event::ids::{EventId, TenantId};
use tlog::hash::Hash;

use crate::base::Base;
use crate::book::Book;
use crate::checkpoint;
use crate::cursor::length_u64;
use crate::disk::{self, Disk};
use crate::error::{Damage, Error, Lost};
use crate::frame::area::{self, decode_keys, split, unpack};
use crate::frame::{AreaKind, Body, Flaw, Frame, FrameKind, SectionView, second_copy};
use crate::idle::Opened;
use crate::ledger::Options;
use crate::names::{self, CHECKPOINT, PACKS, STATE};
use crate::pack;
use crate::packing::{pack_to, write_packs};
use crate::recover::{Files, compare_checkpoints, leftovers, load_snapshots, quarantine_file};
use crate::replay::Replay;
use crate::request::{KeyBlob, Source};
use crate::seen::IDS_MAX;
use crate::snapshot::{self, Snapshot};
use crate::tree::PACK_ENTRIES;
use crate::wal::walk::{At, Beside, Gap, Walked, walk};
use crate::wal::{Acked, Spares, acked};

mod rebuild;

/// What a payload says of itself, as far as the caller can read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The event root that the record's parts lead to.
    pub root: Hash,
    /// The id by which a repeat is known, if the record came outside a stream with one.
    pub id: Option<EventId>,
    /// Where the record says it came from, as if its section held nothing else. A gap of one number and an event of that
    /// number differ, so it is the record that tells them apart.
    pub source: Source,
}

/// Tells the facts of a payload: whose it is, the keys of its own section, its bytes.
pub type FactsOf<'f> = &'f dyn Fn(&TenantId, &[KeyBlob], &[u8]) -> Option<Facts>;

/// What a repair did.
#[derive(Debug, Default)]
pub struct Repairs {
    /// Every place that was mended, and how.
    pub mended: Vec<Damage>,
    /// Ranges whose payload or keys stay lost; the next start reports them too.
    pub lost: Vec<Lost>,
    /// Files that were moved to `quarantine/`.
    pub quarantined: Vec<String>,
}

/// Bytes to be put where they were.
#[derive(Debug)]
pub(crate) struct Mend {
    file: Arc<str>,
    offset: u64,
    bytes: Vec<u8>,
    what: Damage,
}

/// Mends the log on `disk`. The store must be locked by the caller and no server running.
///
/// # Errors
/// `Damaged` with the first place that cannot be mended; what could be is mended all the same.
pub fn wal(disk: &Arc<dyn Disk>, facts_of: FactsOf<'_>) -> Result<Repairs, Error> {
    let mut repairs = Repairs::default();
    let base = Base::find(&**disk)?;
    if let Base::Missing(damage) = &base {
        // What a trimmed log goes on from stands nowhere else.
        return Err(damage.clone().into());
    }
    if let (_, Some(damage)) = first_damaged_file(&**disk, base.snapshot())? {
        return Err(damage.into());
    }
    quarantine_bad_snapshots(&**disk, &mut repairs)?;
    quarantine_bad_streams(&**disk, &mut repairs)?;
    quarantine_bad_checkpoints(&**disk, &mut repairs)?;
    mend_areas(&**disk, facts_of, &mut repairs)?;
    mend_gaps(&**disk, facts_of, &mut repairs)?;
    // What stood behind a gap was not looked at before.
    mend_areas(&**disk, facts_of, &mut repairs)?;
    mend_slot(&**disk, &mut repairs)?;
    mend_packs(disk, &mut repairs)?;
    confirm(disk)?;
    Ok(repairs)
}

/// What the next start will check; a repair that left any of it is not done.
fn confirm(disk: &Arc<dyn Disk>) -> Result<(), Error> {
    let files = Files::list(&**disk)?;
    let snapshots = load_snapshots(&**disk, &files.snapshots)?;
    let (opened, mut left) = Opened::named(&**disk, snapshots.values())?;
    let mut replay = Replay::new(&**disk, IDS_MAX, snapshots, files.packs.clone(), opened);
    let (damages, next_seq) = follow(&**disk, &mut replay)?;
    left.extend(damages);
    left.extend(replay.follow_parts(&files.parts, Beside::Nothing)?);
    left.extend(leftovers(&replay, &files, next_seq));
    if let Some(damage) = left.into_iter().next() {
        return Err(damage.into());
    }
    let Some((store, _)) = replay.store.clone() else { return Ok(()) };
    let spares = Spares::new(Options::new(store.clone(), [0; 16]).wal_file_bytes, Vec::new());
    let book = Book::new(Arc::clone(disk), store, replay.tenants, spares);
    compare_checkpoints(&book, &files.checkpoints).map(|_| ())
}

/// Replays the log; answers what is wrong with it, and the number of the next frame.
fn follow(disk: &dyn Disk, replay: &mut Replay<'_>) -> Result<(Vec<Damage>, u64), Error> {
    let base = Base::find(disk)?;
    let mut damages = replay.begin(&base)?;
    let slot = acked::load(disk)?;
    let from = (base.start(), Beside::Nothing);
    let walked = walk(disk, slot, from, &mut |at, frame| replay.frame(at, frame))?;
    damages.extend(walked.damages.iter().cloned());
    Ok((damages, walked.next_seq()))
}

/// Walks the log without following tenants.
fn look(disk: &dyn Disk, visit: &mut dyn FnMut(At<'_>, &Frame<'_>)) -> Result<Walked, Error> {
    let slot = acked::load(disk)?;
    let start = Base::find(disk)?.start();
    walk(disk, slot, (start, Beside::Nothing), &mut |at, frame| {
        visit(at, frame);
        Ok(Vec::new())
    })
}

fn quarantine_bad_snapshots(disk: &dyn Disk, repairs: &mut Repairs) -> Result<(), Error> {
    for seq in Files::list(disk)?.snapshots {
        if let Err(Error::Damaged { damage }) = snapshot::load(disk, seq) {
            let path = names::snapshot(seq);
            quarantine_file(disk, &path)?;
            disk.sync_dir(STATE)?;
            repairs.mended.push(*damage);
            repairs.quarantined.push(path);
        }
    }
    Ok(())
}

/// Opens the files of idle streams that a snapshot lists; answers what is wrong with the first that
/// cannot be.
fn first_damaged_file(
    disk: &dyn Disk,
    snapshot: Option<&Snapshot>,
) -> Result<(Opened, Option<Damage>), Error> {
    let (opened, damages) = Opened::named(disk, snapshot)?;
    Ok((opened, damages.into_iter().next()))
}

/// Sets aside snapshots that list a damaged file of idle streams, and the file.
fn quarantine_bad_streams(disk: &dyn Disk, repairs: &mut Repairs) -> Result<(), Error> {
    for seq in Files::list(disk)?.snapshots {
        let snapshot = snapshot::load(disk, seq)?;
        let (_, Some(damage)) = first_damaged_file(disk, Some(&snapshot))? else { continue };
        let paths = [names::snapshot(seq), damage.file.clone()];
        for path in paths {
            if disk::exists(disk, &path)? {
                quarantine_file(disk, &path)?;
                repairs.quarantined.push(path);
            }
        }
        disk.sync_dir(STATE)?;
        repairs.mended.push(damage);
    }
    Ok(())
}

/// A stored checkpoint that cannot be read says nothing; one that can is never set aside.
fn quarantine_bad_checkpoints(disk: &dyn Disk, repairs: &mut Repairs) -> Result<(), Error> {
    for tenant in Files::list(disk)?.checkpoints {
        if let Err(Error::Damaged { damage }) = checkpoint::load(disk, &tenant) {
            let path = names::checkpoint(&tenant);
            quarantine_file(disk, &path)?;
            disk.sync_dir(CHECKPOINT)?;
            repairs.mended.push(*damage);
            repairs.quarantined.push(path);
        }
    }
    Ok(())
}

/// Mends frames of which one header copy can be read.
fn mend_areas(disk: &dyn Disk, facts_of: FactsOf<'_>, repairs: &mut Repairs) -> Result<(), Error> {
    let mut mends = Vec::new();
    look(disk, &mut |at, frame| mends.extend(mends_of(disk, at, frame, facts_of)))?;
    for mend in mends {
        apply(disk, &mend)?;
        repairs.mended.push(mend.what);
    }
    Ok(())
}

/// Writes the bytes of one mend and makes them durable.
fn apply(disk: &dyn Disk, mend: &Mend) -> Result<(), Error> {
    disk.write_at(&mend.file, mend.offset, &mend.bytes)?;
    disk.sync_data(&mend.file)?;
    let mut written = vec![0; mend.bytes.len()];
    let read = disk.read_at(&mend.file, mend.offset, &mut written)?;
    assert_eq!(read, mend.bytes.len(), "a mend lies inside its file");
    assert!(written == mend.bytes, "what is read back is what was written");
    Ok(())
}

fn mends_of(disk: &dyn Disk, at: At<'_>, frame: &Frame<'_>, facts_of: FactsOf<'_>) -> Vec<Mend> {
    let headers = frame.headers();
    let place = |offset: usize| at.offset + length_u64(offset);
    let mut mends = Vec::new();
    for flaw in &frame.flaws {
        let (offset, bytes, what) = match flaw {
            Flaw::FirstCopy => (0, headers.clone(), "first header copy written anew"),
            Flaw::SecondCopy => {
                let copy = second_copy(&headers, frame.bytes);
                (frame.bytes - copy.len(), copy, "second header copy written anew")
            }
            Flaw::Area { section, area } => {
                let Body::Append(sections) = &frame.body else { continue };
                let Some(view) = sections.get(*section) else { continue };
                let Some(bytes) = area_bytes(disk, view, *area, facts_of) else { continue };
                (area_at(view, *area), bytes, "area written anew")
            }
        };
        let mut damage = Damage::new(at.file, place(offset), what);
        if let (Flaw::Area { section, .. }, Body::Append(sections)) = (flaw, &frame.body)
            && let Some(view) = sections.get(*section)
        {
            damage = damage.of(&view.head.tenant, view.head.first, view.head.end());
        }
        mends.push(Mend { file: Arc::clone(at.file), offset: place(offset), bytes, what: damage });
    }
    mends
}

/// Where an area begins, its framing included, in bytes from the frame's start.
fn area_at(view: &SectionView<'_>, area: AreaKind) -> usize {
    let mut at = view.areas_at;
    for before in crate::frame::AREAS {
        if before == area {
            return at;
        }
        at +=
            crate::cursor::size(view.head.sums.of(before).bytes) + crate::frame::AREA_FRAMING_BYTES;
    }
    at
}

/// The framed bytes that a damaged area must have had, if they can be known.
fn area_bytes(
    disk: &dyn Disk,
    view: &SectionView<'_>,
    area: AreaKind,
    facts_of: FactsOf<'_>,
) -> Option<Vec<u8>> {
    let sum = view.head.sums.of(area);
    let there = match area {
        AreaKind::Roots => view.roots,
        AreaKind::Ids => view.ids,
        AreaKind::Payload => view.payload,
        AreaKind::Keys => view.keys,
    };
    let framing_only = (crc32c::crc32c(there) == sum.crc).then(|| there.to_vec());
    let bytes = framing_only.or_else(|| match area {
        AreaKind::Roots => {
            let from_payloads = facts(view, facts_of).map(|facts| roots_of(&facts));
            let fits = |bytes: &Vec<u8>| area::sum(bytes) == sum;
            from_payloads.filter(fits).or_else(|| roots_from_packs(disk, view))
        }
        AreaKind::Ids => facts(view, facts_of).map(|facts| ids_of(&facts)),
        AreaKind::Payload | AreaKind::Keys => None,
    })?;
    // The CRC stands in the headers, which the chain binds: only the bytes that were there pass.
    if area::sum(&bytes) != sum {
        return None;
    }
    let mut framed = Vec::new();
    area::put(&mut framed, &bytes, sum);
    Some(framed)
}

fn roots_of(facts: &[Facts]) -> Vec<u8> {
    facts.iter().flat_map(|facts| facts.root.0).collect()
}

fn ids_of(facts: &[Facts]) -> Vec<u8> {
    area::ids_area(facts.iter().map(|facts| facts.id))
}

/// The facts of every record of a section, if its payload is whole and the caller can read it.
fn facts(view: &SectionView<'_>, facts_of: FactsOf<'_>) -> Option<Vec<Facts>> {
    if !view.sound(AreaKind::Payload) {
        return None;
    }
    let keys = decode_keys(view.keys).unwrap_or_default();
    let raw = unpack(view.payload, view.head.codec, view.head.raw_bytes).ok()?;
    let places = split(&raw, view.head.count).ok()?;
    let one = |place| facts_of(&view.head.tenant, &keys, raw.get::<std::ops::Range<usize>>(place)?);
    places.into_iter().map(one).collect()
}

fn roots_from_packs(disk: &dyn Disk, view: &SectionView<'_>) -> Option<Vec<u8>> {
    let entries = pack_entries(disk, &view.head.tenant, view.head.first..view.head.end())?;
    Some(entries.iter().flat_map(|entry| entry.root.0).collect())
}

/// Entries from good packs; `None` if they do not hold all of the range.
fn pack_entries(
    disk: &dyn Disk,
    tenant: &TenantId,
    range: std::ops::Range<u64>,
) -> Option<Vec<Entry>> {
    let mut entries = Vec::new();
    let mut at = range.start;
    while at < range.end {
        let first = at / PACK_ENTRIES * PACK_ENTRIES;
        let full = pack::read(disk, tenant, first);
        let (_, bytes) = full.or_else(|_| pack::read_part(disk, tenant, first)).ok()?;
        let end = range.end.min(first + PACK_ENTRIES);
        let skip = usize::try_from(at - first).ok()?;
        let take = usize::try_from(end - at).ok()?;
        for entry in bytes.chunks(ENTRY_BYTES).skip(skip).take(take) {
            entries.push(Entry::decode(entry)?);
        }
        at = end;
    }
    Some(entries)
}

/// Rebuilds frames of which no header copy can be read; refuses those above the packs.
fn mend_gaps(disk: &dyn Disk, facts_of: FactsOf<'_>, repairs: &mut Repairs) -> Result<(), Error> {
    // One gap at a time: what follows it is only known once it is closed.
    loop {
        let walked = look(disk, &mut |_, _| {})?;
        let Some(gap) = walked.gaps.first() else { return Ok(()) };
        let mend = match foreign_bytes(disk, gap)? {
            Some(mend) => mend,
            None => rebuild::frame(disk, gap, facts_of)?,
        };
        apply(disk, &mend)?;
        repairs.mended.push(mend.what);
        let behind = look(disk, &mut |_, _| {})?;
        let closed =
            behind.gaps.first().is_none_or(|next| (&next.file, next.from) != (&gap.file, gap.from));
        if !closed {
            return Err(Error::damaged(&gap.file, gap.from, "a frame that could not be rebuilt"));
        }
    }
}

/// Zeros for bytes where no frame ever was: behind a stop, or where the frame that follows the one
/// before stands in the next file.
fn foreign_bytes(disk: &dyn Disk, gap: &Gap) -> Result<Option<Mend>, Error> {
    let Some(before) = gap.before.as_ref().filter(|before| before.file == gap.file) else {
        return Ok(None);
    };
    let mut followed = before.kind == FrameKind::Stop;
    look(disk, &mut |_, frame| {
        let link = &frame.head.link;
        followed |= link.seq == before.link.seq + 1 && link.previous == before.hash;
    })?;
    let length = usize::try_from(gap.to - gap.from).unwrap_or(usize::MAX);
    let mend = || Mend {
        file: Arc::clone(&gap.file),
        offset: gap.from,
        bytes: vec![0; length],
        what: Damage::new(&gap.file, gap.from, "bytes behind the last frame set to zero"),
    };
    Ok((followed && gap.next.is_none()).then(mend))
}

fn mend_slot(disk: &dyn Disk, repairs: &mut Repairs) -> Result<(), Error> {
    let walked = look(disk, &mut |_, _| {})?;
    let unreadable = acked::load(disk)?.acked().is_none();
    if let (true, true, Some(last)) = (unreadable, walked.ends_in_stop(), &walked.last) {
        let slot = Acked { seq: last.link.seq, hash: last.hash };
        match disk.remove(names::ACKED) {
            Err(error) if !error.is_not_found() => return Err(error.into()),
            _ => {}
        }
        slot.write_durably(disk)?;
        repairs.mended.push(Damage::new(names::ACKED, 0, "the slot written anew"));
    }
    Ok(())
}

/// Replays the mended log and writes packs that are missing or damaged. Any damage left is final.
fn mend_packs(disk: &Arc<dyn Disk>, repairs: &mut Repairs) -> Result<(), Error> {
    let files = Files::list(&**disk)?;
    let mut good = files.packs.clone();
    for (tenant, number) in &files.packs {
        if let Err(Error::Damaged { damage }) = pack::read(&**disk, tenant, number * PACK_ENTRIES) {
            good.remove(&(tenant.clone(), *number));
            repairs.mended.push(*damage);
        }
    }
    // Snapshots name packs that must exist; the ones written below are those.
    let (opened, _) = first_damaged_file(&**disk, Base::find(&**disk)?.snapshot())?;
    let mut replay = Replay::new(&**disk, IDS_MAX, BTreeMap::new(), good, opened);
    let (mut damages, _) = follow(&**disk, &mut replay)?;
    damages.extend(replay.follow_parts(&good_parts(&**disk, &files, repairs), Beside::Nothing)?);
    if let Some(damage) = damages.into_iter().next() {
        return Err(damage.into());
    }
    let Some((store, _)) = replay.store.clone() else { return Ok(()) };
    repairs.lost.clone_from(&replay.lost);
    let spares = Spares::new(Options::new(store.clone(), [0; 16]).wal_file_bytes, Vec::new());
    let book = Book::new(Arc::clone(disk), store, replay.tenants, spares);
    write_packs(&book)?;
    for tenant in book.all() {
        // The archive may count on entries that stood in the open pack: all of them are packed.
        let size = tenant.view().tree.size();
        pack_to(&**disk, &tenant, size)?;
    }
    Ok(disk.sync_dir(disk::parent(&format!("{PACKS}/")))?)
}

/// The open packs that can be read; one that cannot says nothing, and is written anew.
fn good_parts(disk: &dyn Disk, files: &Files, repairs: &mut Repairs) -> BTreeSet<(TenantId, u64)> {
    let mut good = files.parts.clone();
    for (tenant, number) in &files.parts {
        let read = pack::read_part(disk, tenant, number * PACK_ENTRIES);
        if let Err(Error::Damaged { damage }) = read {
            good.remove(&(tenant.clone(), *number));
            repairs.mended.push(*damage);
        }
    }
    good
}

#[cfg(test)]
pub(crate) mod tests;
