//! Mending a store that is not running: what `ledger::repair` needs to know of records, and a `MANIFEST` that fits again.
//!
//! Promises: the store is owned while it is mended; every place that was mended, every range that stays lost and every
//! file that was set aside is told. Of a verified `MANIFEST` only the lines of files that the repair itself changed are
//! changed: what somebody else deleted or altered stays visible. Refuses to work without the store's keys: roots follow
//! from payloads only under the ledger key.

pub(crate) mod catalog; // a catalog made again of its files
pub(crate) mod facts; // one of these files, read by a process with limits

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use event::commitment::{LedgerKey, SaltBlock, Sealer};
use event::event::Event;
use event::ids::{Instance, ProducerId, Seq, TenantId};
use event::json::Value;
use event::record::Record;
use event::system::SystemKind;
use ledger::disk::{Disk, RealDisk, StoreLock};
use ledger::inspect::{self, Beside, SectionRecords};
use ledger::repair::{self, Facts, Repairs};
use ledger::{KeyBlob, Source, StreamId, key_kind};

use crate::cli::exit::{Exit, Failure};
use crate::config::Config;
use crate::control::look::{Content, look};
use crate::keyring::{self, Keyring};
use crate::manifest::{self, Manifest};
use crate::verify::keys::read_text;
use crate::{failures, handout, tenants};

/// Bytes of a `MANIFEST` that are read.
const MANIFEST_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// What a repair did.
#[derive(Debug)]
pub(crate) struct Mended {
    pub(crate) repairs: Repairs,
    /// What became of `MANIFEST`, if anything.
    pub(crate) manifest: Option<&'static str>,
}

/// A store that nobody else has as long as this is held, with its keys.
struct Owned {
    content: Content,
    keyring: Keyring,
    _lock: StoreLock,
}

impl Owned {
    /// Looks at `control.db`, opens the keys and takes the store.
    fn take(data_dir: &Path, key_dir: Option<&Path>) -> Result<Owned, Failure> {
        let content =
            look(data_dir).map_err(|error| failures::control(&error))?.ok_or_else(|| {
                let what = format!("`{}` holds no `control.db`", data_dir.display());
                Failure::new(Exit::Usage, what, "name the folder of the store with --data-dir")
            })?;
        let keyring = Keyring::open(&keyring::base(key_dir), &content.store);
        let keyring = keyring.map_err(|error| failures::keys(&error))?;
        let lock = StoreLock::acquire(data_dir, std::process::id()).map_err(|error| {
            failures::store(
                &error.into(),
                &Config { data_dir: data_dir.to_path_buf(), ..Config::default() },
            )
        })?;
        Ok(Owned { content, keyring, _lock: lock })
    }
}

/// Mends the log of the store in `data_dir`.
pub(crate) fn wal(data_dir: &Path, key_dir: Option<&Path>) -> Result<Mended, Failure> {
    let Owned { content, keyring, _lock } = Owned::take(data_dir, key_dir)?;
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::new(data_dir));
    let mut known = Known::default();
    let looked = inspect::inspect(&disk, Beside::Nothing, &mut |section| known.take(section));
    looked.map_err(|error| failures::ledger(&error))?;
    known.open(&keyring, &content);
    let facts =
        |tenant: &TenantId, keys: &[KeyBlob], payload: &[u8]| known.facts(tenant, keys, payload);
    let repairs = repair::wal(&disk, &facts).map_err(|error| failures::ledger(&error))?;
    let looked = inspect::inspect(&disk, Beside::Nothing, &mut |_| {});
    let is_touched = |path: &str| {
        let is_mended = repairs.mended.iter().any(|place| place.file == path);
        is_mended || repairs.quarantined.iter().any(|file| file == path)
    };
    let manifest = match looked.map_err(|error| failures::ledger(&error))?.ends_in_stop {
        true => mend_manifest(data_dir, &keyring, &is_touched)?,
        false => None,
    };
    Ok(Mended { repairs, manifest })
}

/// Keys and salt blocks of all tenants, as the log holds them.
#[derive(Debug, Default)]
struct Known {
    blobs: HashMap<(TenantId, u8), Vec<u8>>,
    salts: HashMap<(TenantId, u64), SaltBlock>,
    sealers: HashMap<TenantId, Sealer>,
}

impl Known {
    /// Takes the keys that came with a section.
    fn take(&mut self, section: &SectionRecords<'_>) {
        for blob in section.keys.iter().flatten() {
            let tenant = section.tenant.clone();
            match salt_block(blob) {
                Some(block) => drop(self.salts.insert((tenant, blob.id), block)),
                None => drop(self.blobs.insert((tenant, blob.kind), blob.bytes.clone())),
            }
        }
    }

    /// Opens every ledger key, as `control.db` holds it or else as the log does.
    fn open(&mut self, keyring: &Keyring, content: &Content) {
        let rows = content.tenants.iter();
        let mut wrapped: Vec<(TenantId, Vec<u8>, Vec<u8>)> = rows
            .map(|row| (row.name.clone(), row.wrapped_kek.clone(), row.wrapped_ledger_key.clone()))
            .collect();
        for ((tenant, kind), kek) in &self.blobs {
            let ledger = self.blobs.get(&(tenant.clone(), key_kind::LEDGER));
            if let (key_kind::DURABLE_KEK, Some(ledger)) = (*kind, ledger) {
                wrapped.push((tenant.clone(), kek.clone(), ledger.clone()));
            }
        }
        for (tenant, kek, ledger) in wrapped {
            if let Ok(keys) = keyring.root().open_tenant(keyring.store(), &tenant, &kek, &ledger) {
                self.sealers.insert(tenant, Sealer::new(&LedgerKey(*keys.ledger_key())));
            }
        }
    }

    /// What a payload says of itself.
    fn facts(&self, tenant: &TenantId, keys: &[KeyBlob], payload: &[u8]) -> Option<Facts> {
        let record = Record::decode(payload).ok()?;
        let own = keys.iter().filter_map(salt_block).find(|block| block.id == record.block_id);
        let block = own.or_else(|| self.salts.get(&(tenant.clone(), record.block_id)).cloned())?;
        let root = record.root_under(&self.sealers.get(tenant)?.seed(&block, record.slot));
        let (event, stamps) = (record.event().ok()?, record.stamps().ok()?);
        let kind = event.schema.as_deref().and_then(SystemKind::of_schema);
        let producer = match (&stamps.producer, kind) {
            (Some(producer), _) => ProducerId::parse(producer).ok(),
            (None, Some(SystemKind::Refused | SystemKind::DeadLetter | SystemKind::Gap)) => {
                ProducerId::parse(attribute(&event, "producer")?.as_str()?).ok()
            }
            _ => None,
        };
        let stream = |instance| Some(StreamId { producer: producer.clone()?, instance });
        let source = match (kind, stamps.stream) {
            (Some(SystemKind::Gap), _) => {
                let (instance, from, to) = gap(&event)?;
                Source::Gap { stream: stream(instance)?, from, to }
            }
            (_, Some((instance, first))) => Source::Stream { stream: stream(instance)?, first },
            (_, None) => Source::Loose { producer: producer.clone() },
        };
        let id = match (&source, kind) {
            (Source::Loose { .. }, None) => event.id,
            (Source::Loose { .. }, Some(SystemKind::DeadLetter)) => {
                Event::parse(event.original.as_ref()?.text.as_bytes()).ok()?.id
            }
            _ => None,
        };
        Some(Facts { root, id, source })
    }
}

fn salt_block(blob: &KeyBlob) -> Option<SaltBlock> {
    let secret = blob.bytes.as_slice().try_into().ok()?;
    (blob.kind == key_kind::SALT_BLOCK).then_some(SaltBlock { id: blob.id, secret })
}

/// Instance, first and last number of a gap record.
pub(crate) fn gap(event: &Event<'_>) -> Option<(Instance, Seq, Seq)> {
    let instance = Instance::parse(attribute(event, "instance")?.as_str()?).ok()?;
    let (from, to) = (attribute(event, "from")?.as_u64()?, attribute(event, "to")?.as_u64()?);
    Some((instance, Seq(from), Seq(to)))
}

/// A member of a server record's `attrs`.
pub(crate) fn attribute<'e, 'a>(event: &'e Event<'a>, name: &str) -> Option<&'e Value<'a>> {
    event.attrs.iter().find(|(key, _)| key == name).map(|(_, value)| value)
}

/// Makes `MANIFEST` fit the files that a repair has touched. The log must end in a clean stop.
fn mend_manifest(
    data_dir: &Path,
    keyring: &Keyring,
    is_touched: &dyn Fn(&str) -> bool,
) -> Result<Option<&'static str>, Failure> {
    let key = keyring.checkpoint_key(&tenants::system()).map_err(|error| failures::keys(&error))?;
    let failed = |error: std::io::Error| failures::file(manifest::FILE, &error);
    let path = data_dir.join(manifest::FILE);
    let found = manifest::survey(data_dir).map_err(failed)?;
    let (files, said) = match read_text(&path, MANIFEST_BYTES_MAX) {
        Ok(text) => {
            let listed = Manifest::open(&text, key.verifier());
            let listed = listed.map_err(|error| failures::damaged(&error.to_string()))?;
            let kept = listed.files.iter().filter(|entry| !is_touched(&entry.path)).cloned();
            let mended = found.into_iter().filter(|entry| is_touched(&entry.path));
            let mut files: Vec<_> = kept.chain(mended).collect();
            files.sort();
            if files == listed.files {
                return Ok(None);
            }
            (files, "the lines of mended files were written anew")
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => (
            found,
            "it was missing and lists what is there now: a file deleted before is not seen by it",
        ),
        Err(error) => return Err(failed(error)),
    };
    let manifest = Manifest { store: keyring.store().clone(), files };
    let Some(note) = manifest.sign(&key) else {
        return Ok(Some("it would be too long and was left as it is"));
    };
    handout::replace(&path, note.as_bytes()).map_err(failed)?;
    Ok(Some(said))
}
