//! Reading the ledger beside the writer: sizes, checkpoints, proofs, tiles, records, streams, keys.
//!
//! A reader is cheap to clone and may be used from any thread. It promises to show only what is
//! durable, and every answer of one call from one moment. It never waits for the writer's disk and
//! writes nothing itself, zero-filled spares apart. Streams that are not in memory are read from
//! their files.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use event::ids::{Seq, TenantId};
use tlog::hash::{EMPTY_ROOT, Hash};
use tlog::note::SigningKey;
use tlog::tile::TilePath;
use tlog::{Index, TreeSize};

use crate::book::Book;
use crate::checkpoint::{self, SignedCheckpoint};
use crate::cursor::length_u64;
use crate::error::{Error, Lost};
use crate::idle::{IdleStream, STREAMS_LISTED_MAX};
use crate::proof;
use crate::request::{KeyBlob, StreamId};
use crate::section::{self, Section, Stored};
use crate::stream::{SeqPlace, StreamFacts};
use crate::view::{Head, HeldKey, SectionRef, Tenant};
use crate::wal::spare::SPARES_READY;

/// A view of the ledger for everybody but the writer.
#[derive(Debug, Clone)]
pub struct Reader {
    pub(crate) book: Arc<Book>,
}

/// Counters and gauges since the start, for metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Frames made durable.
    pub frames: u64,
    /// Bytes of these frames.
    pub bytes: u64,
    /// Records appended.
    pub records: u64,
    /// Items answered `Seen`.
    pub seen: u64,
    /// Ids in the window.
    pub ids: u64,
    /// Streams in memory.
    pub streams: u64,
    /// Streams that came back from a file.
    pub streams_returned: u64,
    /// Files of idle streams.
    pub idle_files: u64,
    /// Streams in these files; one that went more than once counts in each that has it.
    pub idle_streams: u64,
    /// Spares ready.
    pub spares: u64,
    /// Files of the log.
    pub wal_files: u64,
    /// Their bytes.
    pub wal_bytes: u64,
    /// Packs, snapshots or checkpoints put off because the disk is full.
    pub keep_refused: u64,
    /// 1 after a disk fault: nothing will be written any more.
    pub poisoned: u64,
    /// When the newest checkpoint of every tenant was last on disk, as the wall clock had it; 0 before the first time.
    pub checkpointed_at_ns: u64,
    /// `records` as it was then: if it is less now, some record waits for its checkpoint.
    pub checkpointed_records: u64,
}

impl Reader {
    /// Every tenant that has a record or a key, by name.
    #[must_use]
    pub fn tenants(&self) -> Vec<TenantId> {
        self.book.all().into_iter().map(|tenant| tenant.id.clone()).collect()
    }

    /// Size, root and last stamp; those of an empty ledger for an unknown tenant.
    #[must_use]
    pub fn head(&self, tenant: &TenantId) -> Head {
        let empty =
            Head { size: TreeSize(0), root: EMPTY_ROOT, received_at: event::ids::Timestamp(0) };
        self.book.find(tenant).map_or(empty, |tenant| tenant.view().head())
    }

    /// Installs the key that signs a tenant's checkpoints. Its name must be the ledger's origin.
    ///
    /// # Panics
    /// If the key bears another name: a ledger never signs with another's key.
    pub fn install_signer(&self, tenant: &TenantId, key: SigningKey) {
        let origin = tenant.origin(&self.book.store);
        assert_eq!(key.name(), origin, "a checkpoint key bears its ledger's origin");
        self.book.tenant(tenant).signing().key = Some(Arc::new(key));
    }

    /// The newest checkpoint, signed now unless the ledger has not grown since the last one.
    ///
    /// # Errors
    /// `NoSigner`.
    pub fn checkpoint(&self, tenant: &TenantId) -> Result<SignedCheckpoint, Error> {
        match self.book.find(tenant) {
            Some(tenant) => checkpoint::sign(&self.book.store, &tenant),
            None => Err(Error::NoSigner { tenant: tenant.clone() }),
        }
    }

    /// The proof that the records `first..end` are in the tree of `size`.
    ///
    /// # Errors
    /// `OutOfRange`, or what reading an old pack can bring.
    pub fn range_proof(
        &self,
        tenant: &TenantId,
        first: Index,
        end: Index,
        size: TreeSize,
    ) -> Result<Vec<Hash>, Error> {
        proof::range(&self.book, &*self.known(tenant)?, (first, end), size)
    }

    /// The proof that the tree of `old` is a prefix of that of `new`.
    ///
    /// # Errors
    /// As [`Reader::range_proof`].
    pub fn consistency(
        &self,
        tenant: &TenantId,
        old: TreeSize,
        new: TreeSize,
    ) -> Result<Vec<Hash>, Error> {
        proof::consistency(&self.book, &*self.known(tenant)?, old, new)
    }

    /// The root that the tree had at `size`.
    ///
    /// # Errors
    /// As [`Reader::range_proof`].
    pub fn root_at(&self, tenant: &TenantId, size: TreeSize) -> Result<Hash, Error> {
        proof::root(&self.book, &*self.known(tenant)?, size)
    }

    /// The bytes of a tile or an entry bundle; `None` if the tree does not have it (yet).
    ///
    /// # Errors
    /// What reading an old pack can bring.
    pub fn tile(&self, tenant: &TenantId, path: TilePath) -> Result<Option<Vec<u8>>, Error> {
        match self.book.find(tenant) {
            Some(tenant) => proof::tile(&self.book, &tenant, path),
            None => Ok(None),
        }
    }

    /// The first record that the log still holds; the size if it holds none.
    #[must_use]
    pub fn first_kept(&self, tenant: &TenantId) -> Index {
        self.book.find(tenant).map_or(Index(0), |tenant| Index(tenant.view().first_kept()))
    }

    /// The whole section that holds a record; `None` past the end.
    ///
    /// # Errors
    /// `Archived` below the log, `Lost` if its payload is damaged, `Damaged`, `Disk`.
    pub fn section(&self, tenant: &TenantId, index: Index) -> Result<Option<Arc<Section>>, Error> {
        let Some(tenant) = self.book.find(tenant) else { return Ok(None) };
        if tenant.is_archived(index.0) {
            return Err(tenant.archived());
        }
        if let Some(section) = self.book.sections.find(&tenant.id, index) {
            return Ok(Some(section));
        }
        let Some(place) = tenant.view().section_of(index).cloned() else { return Ok(None) };
        let section = Arc::new(self.read(&tenant, &place)?);
        assert!(section.first() <= index && index < section.end(), "the right section");
        self.book.sections.keep(&tenant.id, &section);
        Ok(Some(section))
    }

    /// One record; `None` past the end.
    ///
    /// # Errors
    /// As [`Reader::section`].
    pub fn record(&self, tenant: &TenantId, index: Index) -> Result<Option<Stored>, Error> {
        let Some(section) = self.section(tenant, index)? else { return Ok(None) };
        let found = section.record(index);
        Ok(found.map(|(entry, payload)| Stored { index, entry: *entry, payload: payload.to_vec() }))
    }

    /// The sections from the one that holds `from` on, up to the size at this moment. A lost range
    /// is an `Err(Error::Lost)` in its place, and the scan goes on behind it. A record that is no
    /// longer in the log is an `Err(Error::Archived)`, and the scan goes on with the first that is.
    #[must_use]
    pub fn scan(&self, tenant: &TenantId, from: Index) -> Scan {
        let end = Index(self.head(tenant).size.0);
        Scan { reader: self.clone(), tenant: tenant.clone(), next: from, end }
    }

    /// Tenants of which the oldest log file holds records that are not archived: while they are
    /// not, the log cannot be trimmed.
    #[must_use]
    pub fn holding_back(&self) -> Vec<TenantId> {
        let oldest = |tenant: &Arc<Tenant>| {
            let view = tenant.view();
            let first = view.sections.iter().find(|section| section.end() > view.archived);
            first.map(|section| (Arc::clone(&section.file), tenant.id.clone()))
        };
        let all: Vec<_> = self.book.all().iter().filter_map(oldest).collect();
        let file = all.iter().map(|(file, _)| Arc::clone(file)).min();
        let holds = all.into_iter().filter(|(of, _)| Some(of) == file.as_ref());
        holds.map(|(_, tenant)| tenant).collect()
    }

    /// Ranges of the tenant whose payload or keys were damaged when the ledger was opened.
    #[must_use]
    pub fn lost(&self, tenant: &TenantId) -> Vec<Lost> {
        self.book.find(tenant).map_or_else(Vec::new, |tenant| tenant.view().lost.clone())
    }

    /// The tenant's streams, by producer and instance, idle ones included.
    ///
    /// # Errors
    /// `TooManyStreams` above [`STREAMS_LISTED_MAX`]; `Damaged`, `Disk`.
    pub fn streams(&self, tenant: &TenantId) -> Result<Vec<StreamFacts>, Error> {
        let most = STREAMS_LISTED_MAX;
        let Some(known) = self.book.find(tenant) else { return Ok(Vec::new()) };
        // Memory is looked at first: what leaves it meanwhile is in the files by then, and what
        // returns meanwhile still is.
        let held: Vec<_> = known.view().streams.facts().collect();
        let idle = self.book.with_idle(|files| files.of_tenant(&*self.book.disk, tenant, most))?;
        let too_many = || Error::TooManyStreams { tenant: tenant.clone(), most };
        let mut all = idle.ok_or_else(too_many)?;
        all.extend(held.into_iter().map(|facts| (facts.stream.clone(), facts)));
        if all.len() > most { Err(too_many()) } else { Ok(all.into_values().collect()) }
    }

    /// One stream; `None` if it was never seen.
    ///
    /// # Errors
    /// What reading a file of idle streams can bring: `Damaged`, `Disk`.
    pub fn stream(
        &self,
        tenant: &TenantId,
        stream: &StreamId,
    ) -> Result<Option<StreamFacts>, Error> {
        let Some(known) = self.book.find(tenant) else { return Ok(None) };
        let held = known.view().streams.of(stream);
        match held {
            Some(held) => Ok(Some(held)),
            None => Ok(self.book.find_idle(tenant, stream)?.map(IdleStream::facts)),
        }
    }

    /// The number that a stream would be accepted with next; `None` if it was never seen.
    ///
    /// # Errors
    /// As [`Reader::stream`].
    pub fn next_seq(&self, tenant: &TenantId, stream: &StreamId) -> Result<Option<Seq>, Error> {
        let Some(known) = self.book.find(tenant) else { return Ok(None) };
        let held = known.view().streams.next(stream);
        match held {
            Some(next) => Ok(Some(Seq(next))),
            None => Ok(self.book.find_idle(tenant, stream)?.map(|idle| Seq(idle.next))),
        }
    }

    /// What is known of a number of a stream.
    ///
    /// # Errors
    /// As [`Reader::stream`].
    pub fn index_of(
        &self,
        tenant: &TenantId,
        stream: &StreamId,
        seq: Seq,
    ) -> Result<SeqPlace, Error> {
        let Some(known) = self.book.find(tenant) else { return Ok(SeqPlace::NotStored) };
        let held = {
            let view = known.view();
            view.streams.next(stream).map(|_| view.streams.place(stream, seq.0))
        };
        if let Some(place) = held {
            return Ok(place);
        }
        let idle = self.book.find_idle(tenant, stream)?;
        let is_taken = idle.is_some_and(|idle| (1..idle.next).contains(&seq.0));
        Ok(if is_taken { SeqPlace::Archived } else { SeqPlace::NotStored })
    }

    /// A standing key, or a salt block of records that are in the log.
    #[must_use]
    pub fn key(&self, tenant: &TenantId, kind: u8, id: u64) -> Option<Arc<[u8]>> {
        self.book.find(tenant)?.view().keys.get(&(kind, id)).map(|held| Arc::clone(&held.bytes))
    }

    /// The standing keys, and all salt blocks of records that are in the log, by kind and id.
    #[must_use]
    pub fn keys(&self, tenant: &TenantId) -> Vec<KeyBlob> {
        let blob = |((kind, id), held): (&(u8, u64), &HeldKey)| KeyBlob {
            kind: *kind,
            id: *id,
            bytes: held.bytes.to_vec(),
        };
        let all = |tenant: Arc<Tenant>| tenant.view().keys.iter().map(blob).collect();
        self.book.find(tenant).map_or_else(Vec::new, all)
    }

    /// Makes one zero-filled file if fewer than three are ready. For a thread that may wait for the
    /// disk; without it the writer makes them itself when it needs one.
    ///
    /// # Errors
    /// `Disk`. Nothing is left behind.
    pub fn fill_spare(&self) -> Result<(), Error> {
        if self.book.spares.ready() < SPARES_READY {
            self.book.spares.fill(&*self.book.disk)?;
        }
        Ok(())
    }

    /// Counters and gauges.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let counts = &self.book.counts;
        let idle = self.book.idle().listed();
        Stats {
            frames: counts.frames.load(Ordering::Relaxed),
            bytes: counts.bytes.load(Ordering::Relaxed),
            records: counts.records.load(Ordering::Relaxed),
            seen: counts.seen.load(Ordering::Relaxed),
            ids: counts.ids.load(Ordering::Relaxed),
            streams: counts.streams.load(Ordering::Relaxed),
            streams_returned: counts.returned.load(Ordering::Relaxed),
            idle_files: length_u64(idle.len()),
            idle_streams: idle.iter().map(|file| file.count).sum(),
            spares: self.book.spares.ready().try_into().unwrap_or(u64::MAX),
            wal_files: counts.wal_files.load(Ordering::Relaxed),
            wal_bytes: counts.wal_bytes.load(Ordering::Relaxed),
            keep_refused: counts.keep_refused.load(Ordering::Relaxed),
            poisoned: counts.poisoned.load(Ordering::Relaxed),
            checkpointed_at_ns: counts.checkpointed_at_ns.load(Ordering::Relaxed),
            checkpointed_records: counts.checkpointed_records.load(Ordering::Relaxed),
        }
    }

    /// Reads a section, which may leave the log while it is read.
    fn read(&self, tenant: &Tenant, place: &SectionRef) -> Result<Section, Error> {
        let read = section::read(&*self.book.disk, &tenant.id, place);
        match read {
            Err(_) if tenant.is_archived(place.first) => Err(tenant.archived()),
            other => other,
        }
    }

    fn known(&self, tenant: &TenantId) -> Result<Arc<Tenant>, Error> {
        let unknown = || Error::OutOfRange { tenant: tenant.clone(), size: TreeSize(0) };
        self.book.find(tenant).ok_or_else(unknown)
    }
}

/// Sections in index order; see [`Reader::scan`].
#[derive(Debug)]
pub struct Scan {
    reader: Reader,
    tenant: TenantId,
    next: Index,
    end: Index,
}

impl Iterator for Scan {
    type Item = Result<Arc<Section>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next >= self.end {
            return None;
        }
        let tenant = self.reader.book.find(&self.tenant)?;
        if tenant.is_archived(self.next.0) {
            self.next = Index(tenant.view().first_kept());
            return Some(Err(tenant.archived()));
        }
        let place = tenant.view().section_of(self.next).cloned()?;
        assert!(place.end() > self.next.0, "a scan goes forward");
        self.next = Index(place.end());
        Some(self.reader.read(&tenant, &place).map(Arc::new))
    }
}
