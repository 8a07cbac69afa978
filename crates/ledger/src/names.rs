//! Every file name of the ledger, in one place.
//!
//! ```text
//! ledger/wal/<first shard seq, 20 digits>.log     ledger/acked     ledger/spare-<n, 20 digits>
//! ledger/state/<shard seq, 20 digits>.snap       ledger/state/streams-<number, 10 digits>
//! ledger/packs/<tenant>.<number, 10 digits>.pack   .part: the open one
//! ledger/checkpoint/<tenant>
//! *.tmp                                           unfinished; removed at the next start
//! ```
//!
//! It promises that a name has one spelling: what `parse` accepts prints the same. It refuses to
//! guess about any other name: those go to quarantine.

use event::ids::TenantId;

use crate::tree::PACK_ENTRIES;

/// The ledger's folder.
pub(crate) const LEDGER: &str = "ledger";
/// The write-ahead log's folder.
pub(crate) const WAL: &str = "ledger/wal";
/// The folder of snapshots and of idle streams.
pub(crate) const STATE: &str = "ledger/state";
/// The packs' folder.
pub(crate) const PACKS: &str = "ledger/packs";
/// The stored checkpoints' folder.
pub(crate) const CHECKPOINT: &str = "ledger/checkpoint";
/// The slot that names the last acknowledged frame.
pub(crate) const ACKED: &str = "ledger/acked";
/// Where unknown files go.
pub(crate) const QUARANTINE: &str = "quarantine";
/// How an unfinished file's name ends.
pub(crate) const UNFINISHED: &str = ".tmp";

/// No ledger has more packs: its first index times the entries of a pack stays a `u64`.
const PACK_NUMBER_MAX: u64 = u64::MAX / PACK_ENTRIES - 1;

/// Folders in which every file must be known.
pub(crate) const FOLDERS: [&str; 5] = [LEDGER, WAL, STATE, PACKS, CHECKPOINT];

/// The log file whose first frame has this number.
pub(crate) fn wal(seq: u64) -> String {
    format!("{WAL}/{seq:020}.log")
}

/// The number of the first frame of a log file, from its name without the folder.
pub(crate) fn parse_wal(name: &str) -> Option<u64> {
    number(name.strip_suffix(".log")?, 20)
}

/// The number of the first frame of a log file, from its path.
pub(crate) fn seq_of(path: &str) -> Option<u64> {
    parse_wal(path.strip_prefix(WAL)?.strip_prefix('/')?)
}

/// A zero-filled file in reserve.
pub(crate) fn spare(number: u64) -> String {
    format!("{LEDGER}/spare-{number:020}")
}

/// The number of a spare, from its name without the folder.
pub(crate) fn parse_spare(name: &str) -> Option<u64> {
    number(name.strip_prefix("spare-")?, 20)
}

/// The snapshot taken after this frame.
pub(crate) fn snapshot(seq: u64) -> String {
    format!("{STATE}/{seq:020}.snap")
}

/// The frame of a snapshot, from its name without the folder.
pub(crate) fn parse_snapshot(name: &str) -> Option<u64> {
    number(name.strip_suffix(".snap")?, 20)
}

/// A file of idle streams.
pub(crate) fn streams(number: u64) -> String {
    format!("{STATE}/streams-{number:010}")
}

/// The number of a file of idle streams, from its name without the folder.
pub(crate) fn parse_streams(name: &str) -> Option<u64> {
    number(name.strip_prefix("streams-")?, 10)
}

/// A tenant's pack of this number.
pub(crate) fn pack(tenant: &TenantId, number: u64) -> String {
    format!("{PACKS}/{tenant}.{number:010}.pack")
}

/// A tenant's open pack of this number.
pub(crate) fn part(tenant: &TenantId, number: u64) -> String {
    format!("{PACKS}/{tenant}.{number:010}.part")
}

/// Tenant and number of a full pack, from its name without the folder.
pub(crate) fn parse_pack(name: &str) -> Option<(TenantId, u64)> {
    parse_place(name.strip_suffix(".pack")?)
}

/// Tenant and number of an open pack, from its name without the folder.
pub(crate) fn parse_part(name: &str) -> Option<(TenantId, u64)> {
    parse_place(name.strip_suffix(".part")?)
}

fn parse_place(name: &str) -> Option<(TenantId, u64)> {
    let (tenant, place) = name.split_once('.')?;
    let place = number(place, 10).filter(|place| *place <= PACK_NUMBER_MAX)?;
    Some((TenantId::parse(tenant).ok()?, place))
}

/// A tenant's stored checkpoint.
pub(crate) fn checkpoint(tenant: &TenantId) -> String {
    format!("{CHECKPOINT}/{tenant}")
}

/// The tenant of a stored checkpoint, from its name without the folder.
pub(crate) fn parse_checkpoint(name: &str) -> Option<TenantId> {
    TenantId::parse(name).ok()
}

/// Whether this crate writes a file of this name in this folder.
pub(crate) fn is_known(folder: &str, name: &str) -> bool {
    match folder {
        LEDGER => name == "acked" || parse_spare(name).is_some(),
        WAL => parse_wal(name).is_some(),
        STATE => parse_snapshot(name).is_some() || parse_streams(name).is_some(),
        PACKS => parse_pack(name).is_some() || parse_part(name).is_some(),
        CHECKPOINT => parse_checkpoint(name).is_some(),
        _ => false,
    }
}

/// A number written with at least so many digits, in its one spelling.
fn number(text: &str, digits: usize) -> Option<u64> {
    let value = text.parse().ok()?;
    (format!("{value:0digits$}") == text).then_some(value)
}
