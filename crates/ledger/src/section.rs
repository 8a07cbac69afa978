//! Reading stored records: a section of the log, checked, unpacked, and kept for a moment.
//!
//! It promises that what it hands out has the CRCs that were written with it. It knows nothing of
//! what is in a payload.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use event::entry::Entry;
use event::ids::{TenantId, Timestamp};
use tlog::Index;

use crate::cursor::{Cursor, Short, length_u64, size};
use crate::disk::Disk;
use crate::error::{Damage, Error, Lost, LostPart, Records};
use crate::frame::area::{self, split, unpack};
use crate::frame::{AREA_FRAMING_BYTES, AreaSum, Sound};
use crate::view::SectionRef;

/// Sections that stay unpacked after they were read.
const CACHED_MAX: usize = 16;
/// Bytes that they may take together.
const CACHED_BYTES_MAX: usize = 32 * 1024 * 1024;

/// The records of one request, as they were stored.
#[derive(Debug)]
pub struct Section {
    first: Index,
    entries: Vec<Entry>,
    places: Vec<Range<usize>>,
    payload: Vec<u8>,
}

/// One stored record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its place in the tenant's ledger.
    pub index: Index,
    /// Its entry: what the leaf is the hash of.
    pub entry: Entry,
    /// Its bytes.
    pub payload: Vec<u8>,
}

impl Section {
    /// The first record's index.
    #[must_use]
    pub fn first(&self) -> Index {
        self.first
    }

    /// One past the last record's index.
    #[must_use]
    pub fn end(&self) -> Index {
        Index(self.first.0 + length_u64(self.entries.len()))
    }

    /// The stamp that all its records carry.
    #[must_use]
    pub fn received_at(&self) -> Timestamp {
        self.entries.first().map_or(Timestamp(0), |entry| entry.received_at)
    }

    /// Each record's index, entry and bytes, in order.
    pub fn records(&self) -> impl Iterator<Item = (Index, &Entry, &[u8])> {
        let payloads = self.places.iter().map(|place| self.payload_at(place));
        (self.first.0..).map(Index).zip(&self.entries).zip(payloads).map(|((i, e), p)| (i, e, p))
    }

    /// One record, if it is in this section.
    #[must_use]
    pub fn record(&self, index: Index) -> Option<(&Entry, &[u8])> {
        let place = usize::try_from(index.0.checked_sub(self.first.0)?).ok()?;
        Some((self.entries.get(place)?, self.payload_at(self.places.get(place)?)))
    }

    fn payload_at(&self, place: &Range<usize>) -> &[u8] {
        self.payload.get(place.clone()).unwrap_or_default()
    }
}

/// Reads a section from the log.
pub(crate) fn read(
    disk: &dyn Disk,
    tenant: &TenantId,
    place: &SectionRef,
) -> Result<Section, Error> {
    let lengths = [place.lengths.roots, place.lengths.ids, place.lengths.payload];
    let total = lengths.iter().map(|length| size(*length) + AREA_FRAMING_BYTES).sum();
    let mut bytes = vec![0; total];
    let read = disk.read_at(&place.file, place.areas_at, &mut bytes)?;
    let damaged = |what: &str| -> Error {
        let damage = Damage::new(&place.file, place.areas_at, what);
        damage.of(tenant, place.first, place.end()).into()
    };
    if read != total {
        return Err(damaged("the file ends inside a section"));
    }
    let mut cursor = Cursor::new(&bytes);
    let mut next = |length| take(&mut cursor, length).map_err(|Short| damaged("an area"));
    let (roots, roots_sound) = next(place.lengths.roots)?;
    next(place.lengths.ids)?;
    let (payload, payload_sound) = next(place.lengths.payload)?;
    if roots_sound == Sound::No {
        return Err(damaged("the roots of a section"));
    }
    if payload_sound == Sound::No {
        return Err(Error::Lost { lost: Box::new(lost(tenant, place)) });
    }
    // A good checksum over bytes that cannot be unpacked is no accident of the disk, and no loss.
    let payload = unpack(payload, place.codec, place.raw_bytes);
    let payload = payload.map_err(|_| damaged("a payload area that holds no records"))?;
    let roots = area::decode_roots(roots).map_err(|Short| damaged("the roots of a section"))?;
    let places = split(&payload, place.count).map_err(|Short| damaged("a payload area"))?;
    let received_at = place.received_at;
    let entries: Vec<_> = roots
        .into_iter()
        .zip(place.kinds.iter())
        .map(|(root, kind)| Entry { kind, received_at, root })
        .collect();
    assert_eq!(entries.len(), size(place.count), "a root for every record");
    assert_eq!(places.len(), entries.len(), "a payload for every record");
    Ok(Section { first: Index(place.first), entries, places, payload })
}

/// Reads an area whose CRC stands behind it.
fn take<'a>(cursor: &mut Cursor<'a>, bytes: u32) -> Result<(&'a [u8], Sound), Short> {
    let mut behind = cursor.clone();
    behind.take(4 + size(bytes))?;
    let crc = behind.u32()?;
    area::take(cursor, AreaSum { bytes, crc })
}

/// The loss that a section's damaged payload is.
pub(crate) fn lost(tenant: &TenantId, place: &SectionRef) -> Lost {
    Lost {
        records: Records::new(tenant, place.first, place.end()),
        file: place.file.to_string(),
        offset: place.areas_at,
        part: LostPart::Payload,
    }
}

/// The last sections that were read.
#[derive(Debug, Default)]
pub(crate) struct SectionCache {
    sections: Mutex<VecDeque<(TenantId, Arc<Section>)>>,
}

impl SectionCache {
    /// A section that was read before and is still here.
    pub(crate) fn find(&self, tenant: &TenantId, index: Index) -> Option<Arc<Section>> {
        let sections = self.sections.lock().unwrap_or_else(PoisonError::into_inner);
        let holds = |(of, section): &&(TenantId, Arc<Section>)| {
            of == tenant && section.first <= index && index < section.end()
        };
        sections.iter().find(holds).map(|(_, section)| Arc::clone(section))
    }

    /// Keeps a section for the next who asks.
    pub(crate) fn keep(&self, tenant: &TenantId, section: &Arc<Section>) {
        let mut sections = self.sections.lock().unwrap_or_else(PoisonError::into_inner);
        sections.push_back((tenant.clone(), Arc::clone(section)));
        let mut held: usize = sections.iter().map(|(_, section)| section.payload.len()).sum();
        while sections.len() > CACHED_MAX || (held > CACHED_BYTES_MAX && sections.len() > 1) {
            let Some((_, oldest)) = sections.pop_front() else { break };
            held -= oldest.payload.len();
        }
    }
}
