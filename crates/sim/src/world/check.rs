//! A store held against the model, promise by promise. Every finding begins with the id of the
//! promise that is broken.

use std::sync::Arc;

use event::entry::Entry;
use event::ids::{Seq, TenantId};
use ledger::disk::Disk;
use ledger::inspect::{Beside, FindingKind, inspect};
use ledger::{Error, Reader, SeqPlace, key_kind};
use tlog::hash::{Hash, leaf_hash};
use tlog::proof;
use tlog::tree::CompactRange;
use tlog::{Index, TreeSize};

use crate::model::{Model, Tenant};
use crate::random::Random;

/// Proofs of inclusion checked for each tenant.
const PROOFS: usize = 4;

/// Checks everything that was ever promised about the store behind `reader`.
pub fn store(reader: &Reader, model: &Model, random: &mut Random) -> Result<(), String> {
    for tenant in reader.tenants() {
        let stored = reader.head(&tenant).size.0;
        if stored != model.size(&tenant) {
            let known = model.size(&tenant);
            return Err(format!("I1: `{tenant}` has {stored} records, {known} are known"));
        }
    }
    for (tenant, known) in model.tenants() {
        if reader.head(tenant).size.0 != known.size() {
            return Err(format!("I1: the ledger of `{tenant}` is gone"));
        }
        records(reader, tenant, known)?;
        streams(reader, tenant, known)?;
        keys(reader, tenant, known)?;
        let prefixes = roots(known);
        checkpoints(reader, (tenant, known), &prefixes)?;
        proofs(reader, (tenant, known), &prefixes, random)?;
    }
    Ok(())
}

/// I12: looking at every file finds nothing wrong with a store that opened.
pub fn inspected(disk: &Arc<dyn Disk>) -> Result<(), String> {
    let looked = inspect(disk, Beside::Nothing, &mut |_| {});
    let looked = looked.map_err(|error| format!("I12: the store cannot be inspected: {error}"))?;
    let wrong = looked.findings.iter().find(|finding| finding.kind != FindingKind::Unfinished);
    match wrong {
        Some(finding) => Err(format!("I12: an inspection of a good store finds {finding:?}")),
        None => Ok(()),
    }
}

/// I1, I2, I3: each record under its index, byte for byte, stamps in order.
fn records(reader: &Reader, tenant: &TenantId, known: &Tenant) -> Result<(), String> {
    let mut last = 0;
    let kept = known.archive().kept;
    entries(reader, tenant, known)?;
    for (index, expected) in (0..).zip(known.records()) {
        let stored = reader.record(tenant, Index(index));
        if index < kept {
            let archived =
                matches!(&stored, Err(Error::Archived { first_kept, .. }) if first_kept.0 == kept);
            if !archived {
                return Err(format!("I1: `{tenant}` {index} left the log, and is {stored:?}"));
            }
            continue;
        }
        let stored = stored.map_err(|error| format!("I1: `{tenant}` {index}: {error}"))?;
        let stored = stored.ok_or_else(|| format!("I1: `{tenant}` has no record {index}"))?;
        if stored.entry != expected.entry {
            return Err(format!("I1: the entry of `{tenant}` {index} is another one"));
        }
        if stored.payload != expected.payload {
            return Err(format!("I2: the bytes of `{tenant}` {index} are others"));
        }
        let stamp = stored.entry.received_at.0;
        if stamp < last {
            return Err(format!(
                "I3: the stamp of `{tenant}` {index} lies before the previous one"
            ));
        }
        last = stamp;
    }
    Ok(())
}

/// I1, I3: the entry of each record, whether the log holds it or not.
fn entries(reader: &Reader, tenant: &TenantId, known: &Tenant) -> Result<(), String> {
    let mut stored = reader.entries(tenant, Index(0), Index(u64::MAX));
    for (index, expected) in (0..).zip(known.records()) {
        let found = stored.next().transpose();
        let found =
            found.map_err(|error| format!("I1: the entry of `{tenant}` {index}: {error}"))?;
        if found != Some((Index(index), expected.entry)) {
            return Err(format!("I1: the entry of `{tenant}` {index} is {found:?}"));
        }
    }
    let beyond = stored.next();
    if beyond.is_some() {
        Err(format!("I1: `{tenant}` has more entries: {beyond:?}"))
    } else {
        Ok(())
    }
}

/// I3, I5: every number of every stream where it was, and the next one next.
fn streams(reader: &Reader, tenant: &TenantId, known: &Tenant) -> Result<(), String> {
    let kept = known.archive().kept;
    for (stream, next) in known.streams() {
        let found = reader.next_seq(tenant, stream);
        let found = found.map_err(|error| format!("I5: `{tenant}` {stream:?}: {error}"))?;
        let found = found.map(|seq| seq.0);
        if found != Some(next) {
            return Err(format!("I5: `{tenant}` {stream:?} goes on at {found:?}, not at {next}"));
        }
        for (seq, index) in known.places(stream) {
            let found = reader.index_of(tenant, stream, Seq(seq));
            let found = found.map_err(|error| format!("I5: `{tenant}` {stream:?}: {error}"))?;
            let kept = index >= kept;
            let expected = if kept { SeqPlace::At(Index(index)) } else { SeqPlace::Archived };
            if found != expected {
                return Err(format!(
                    "I5: `{tenant}` {stream:?} {seq} is at {found:?}, not {index}"
                ));
            }
        }
    }
    let known: usize = known.streams().count();
    let stored = reader.streams(tenant).map_err(|error| format!("I5: `{tenant}`: {error}"))?.len();
    if stored == known { Ok(()) } else { Err(format!("I5: `{tenant}` has {stored} streams")) }
}

/// I1: without its salt block a record cannot be opened, so keys are promised with records.
fn keys(reader: &Reader, tenant: &TenantId, known: &Tenant) -> Result<(), String> {
    let kept = known.archive().kept;
    for ((kind, id), key) in known.keys() {
        let found = reader.key(tenant, *kind, *id);
        // The salt blocks of records that left the log are the archive's.
        let gone = *kind == key_kind::SALT_BLOCK && key.last < kept && found.is_none();
        if !gone && found.as_deref() != Some(key.bytes.as_slice()) {
            return Err(format!("I1: key {kind}/{id} of `{tenant}` is not what was given"));
        }
    }
    Ok(())
}

/// The root at every size, computed from the model alone.
fn roots(known: &Tenant) -> Vec<Hash> {
    let mut range = CompactRange::new();
    let mut roots = vec![range.root()];
    for record in known.records() {
        range.push(leaf_hash(&record.entry.encode()));
        roots.push(range.root());
    }
    roots
}

/// I4: every checkpoint ever handed out is a prefix of the tree as it is.
fn checkpoints(
    reader: &Reader,
    (tenant, known): (&TenantId, &Tenant),
    prefixes: &[Hash],
) -> Result<(), String> {
    let head = reader.head(tenant);
    let at = |size: u64| usize::try_from(size).ok().and_then(|size| prefixes.get(size));
    if at(head.size.0) != Some(&head.root) {
        return Err(format!(
            "I2: the root of `{tenant}` at {} is not that of its records",
            head.size
        ));
    }
    for (size, root) in known.published() {
        if at(*size) != Some(root) {
            return Err(format!("I4: `{tenant}` signed size {size}, has {} records", head.size));
        }
        if *size == 0 {
            // Every tree goes on from the empty one; a tenant that has nothing is not even known.
            continue;
        }
        let proof = reader.consistency(tenant, TreeSize(*size), head.size);
        let proof = proof.map_err(|error| format!("I4: no consistency proof: {error}"))?;
        proof::verify_consistency((TreeSize(*size), root), (head.size, &head.root), &proof)
            .map_err(|error| format!("I4: `{tenant}` {size} to {}: {error}", head.size))?;
    }
    Ok(())
}

/// I4: everything under a checkpoint can be proven, for records that chance picks.
fn proofs(
    reader: &Reader,
    (tenant, known): (&TenantId, &Tenant),
    prefixes: &[Hash],
    random: &mut Random,
) -> Result<(), String> {
    for _ in 0..PROOFS.min(known.records().len()) {
        let size = 1 + random.place(known.records().len());
        let index = random.place(size);
        let leaf = |entry: &Entry| leaf_hash(&entry.encode());
        let (first, of) = (to_u64(index), TreeSize(to_u64(size)));
        let proof = reader.range_proof(tenant, Index(first), Index(first + 1), of);
        let proof =
            proof.map_err(|error| format!("I4: no proof of `{tenant}` {index}: {error}"))?;
        let leaves = [leaf(&known.records()[index].entry)];
        proof::verify_range(first, &leaves, &proof, (of, &prefixes[size]))
            .map_err(|error| format!("I4: the proof of `{tenant}` {index} at {size}: {error}"))?;
    }
    Ok(())
}

fn to_u64(size: usize) -> u64 {
    u64::try_from(size).unwrap_or(u64::MAX)
}
