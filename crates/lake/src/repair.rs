//! Repair of a lost or damaged catalog: it is made again of what the segment files say themselves.
//!
//! Metadata that nobody vouches for can exhaust memory, so a file is looked at ([`read`]) by a child
//! process with limits on memory and time, which prints what it found as one line ([`Found`] to text
//! and back). Which files are the archive is then decided without any file ([`choose`]), and the new
//! catalog put in the place of the old one ([`replace`]).
//!
//! Promises: a file counts only if writing its rows again gives the same file, byte for byte; of files that were merged and
//! what they were merged into the latter is taken; the old catalog is moved to `quarantine/`. It
//! refuses, naming files and indices, whatever is ambiguous, and a range that no file covers unless a
//! loss record says that it is lost: one still in the log, or one among the rows of the files.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use arrow::array::RecordBatch;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use event::event::Event;
use event::ids::{TenantId, Timestamp};
use event::record::Record;
use event::system::SystemKind;

use crate::Error;
use crate::archive::{CLASS, live_row};
use crate::cache::Cache;
use crate::catalog::{self, Row, State};
use crate::columns::heap_bytes;
use crate::rebuild::Rebuild;
use crate::rollup::Rollup;
use crate::rows::read::{U8s, U64s};
use crate::rows::{self, RecordKind};
use crate::segment::{self, About, Columns, Described, Level, Order, Print, Segment, file_name};
use crate::store::{LAKE, Store};

/// How the name of a segment file ends.
const SUFFIX: &str = ".parquet";
/// What stands for nothing in a line.
const NONE: &str = "-";

/// A segment file as it says itself, found to be what its rows make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    about: About,
    print: Print,
    rollup: Vec<u8>,
    memory_bytes: u64,
    /// What its loss records speak of.
    lost: Vec<Range<u64>>,
}

impl Found {
    /// The name of its file below the data directory.
    #[must_use]
    pub fn name(&self) -> String {
        file_name(&self.about.tenant, &self.about.indices, self.about.level)
    }

    /// Whether it takes the place of the file `name`, which may be damaged: the rows that one claims to have are here, sorted.
    #[must_use]
    pub fn replaces(&self, name: &str) -> bool {
        let Some((tenant, indices, level)) = named(name) else { return false };
        tenant == self.about.tenant
            && is_within(&indices, level, (&self.about.indices, self.about.level))
    }
}

/// Ranges that loss records speak of, by tenant.
pub type Lost = BTreeMap<TenantId, Vec<Range<u64>>>;

/// What the ledger says of the archive of each tenant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// What loss records in the log speak of.
    pub lost: Lost,
    /// Where the log begins: everything below must be archived.
    pub first_kept: BTreeMap<TenantId, u64>,
}

/// The names, below the data directory, of all files that may be segments.
///
/// # Errors
/// When the folder cannot be read.
pub fn names(folder: &Path) -> Result<Vec<String>, Error> {
    let store = Store::new(folder);
    let names = if store.has_folder(LAKE) { store.list(LAKE)? } else { Vec::new() };
    let is_segment = |name: &String| name.ends_with(SUFFIX);
    Ok(names.into_iter().filter(is_segment).map(|name| format!("{LAKE}/{name}")).collect())
}

/// Reads one file, all of it. To be called in a process with limits.
///
/// # Errors
/// [`Error::Segment`] when it is no segment, has another name than it should, or is not what its
/// rows make.
pub fn read(folder: &Path, name: &str) -> Result<Found, Error> {
    let store = Store::new(folder);
    let Described { about, print, rollup, .. } = segment::describe(&store, name)?;
    let damaged = |what: &str| Error::Segment { path: name.to_owned(), what: what.to_owned() };
    if file_name(&about.tenant, &about.indices, about.level) != name {
        return Err(damaged("it is a segment of another name"));
    }
    if about.class != CLASS {
        return Err(damaged("it is of a retention class that there is not"));
    }
    // All of the footer, since whoever made it up would have made up a hash of it, too.
    let cache = Arc::new(Cache::new(usize::MAX));
    let segment = Segment::open(&store, name, (about.clone(), print), &cache)?;
    let (batch, exact) = (segment.batch(&Columns::all())?, segment.exact()?);
    let secrets = |block| segment.secret(block).ok().flatten();
    let (tenant, class) = (&about.tenant, about.class.as_str());
    let (level, rollup, exact) = (about.level, rollup.as_slice(), &exact);
    let order = Order { tenant, level, class, rollup, exact, secrets: &secrets };
    let mut again = Vec::new();
    // Rows have a hash of their own; indexes, statistics and filters follow from the rows.
    if segment::write(&mut again, &batch, &order)? != (about.clone(), print) {
        return Err(damaged("it is not what a writer makes of its rows"));
    }
    if Rollup::encode(Rollup::of(&batch)?.as_ref()) != rollup {
        return Err(damaged("its counts are not those of its rows"));
    }
    let memory_bytes = heap_bytes(batch.columns());
    let rollup = rollup.to_vec();
    let lost = losses(&about.tenant, &batch, exact)
        .ok_or_else(|| damaged("one of its loss records cannot be read"))?;
    Ok(Found { about, print, rollup, memory_bytes, lost })
}

/// The ranges that loss records among these rows speak of; `None` if one of them is not whole.
fn losses(
    tenant: &TenantId,
    batch: &RecordBatch,
    exact: &BTreeMap<u64, Vec<u8>>,
) -> Option<Vec<Range<u64>>> {
    let (kinds, indices) = (U8s::of(batch, rows::RECORD)?, U64s::of(batch, rows::INDEX)?);
    let loss = RecordKind::System(SystemKind::Loss).code();
    let rebuild = Rebuild::new(tenant, batch)?;
    let is_loss = |row: &usize| kinds.get(*row) == Some(loss);
    let range = |row: usize| {
        let mut payload = Vec::new();
        match exact.get(&indices.get(row)?) {
            Some(kept) => payload.clone_from(kept),
            None => rebuild.payload(row, &mut payload).ok()?,
        }
        lost_range(&Record::decode(&payload).ok()?.event().ok()?)
    };
    (0..batch.num_rows()).filter(is_loss).map(range).collect()
}

/// The range that a loss record speaks of.
#[must_use]
pub fn lost_range(event: &Event<'_>) -> Option<Range<u64>> {
    let number = |name: &str| event.attrs.iter().find(|(key, _)| key == name)?.1.as_u64();
    let (first, last) = (number("from")?, number("to")?);
    Some(first..last.checked_add(1)?).filter(|range| !range.is_empty())
}

/// The rows of the catalog that these files are the archive of.
///
/// # Errors
/// [`Error::Catalog`] when two files overlap and neither was merged into the other, or when nothing
/// covers a range before a file or before where the log begins.
pub fn choose(found: Vec<Found>, known: &Known, now: Timestamp) -> Result<Vec<Row>, Error> {
    let mut tenants: BTreeMap<TenantId, Vec<Found>> = BTreeMap::new();
    let mut lost = known.lost.clone();
    for tenant in known.first_kept.keys() {
        tenants.entry(tenant.clone()).or_default();
    }
    for file in found {
        let tenant = file.about.tenant.clone();
        lost.entry(tenant.clone()).or_default().extend(file.lost.iter().cloned());
        tenants.entry(tenant).or_default().push(file);
    }
    let mut rows = Vec::new();
    for (tenant, files) in tenants {
        let lost = lost.remove(&tenant).unwrap_or_default();
        let first_kept = known.first_kept.get(&tenant).copied().unwrap_or(0);
        let mut tiling = Tiling { tenant: &tenant, lost: &lost, now, rows: Vec::new(), end: 0 };
        tiling.files(newest(files), first_kept)?;
        rows.append(&mut tiling.rows);
    }
    catalog::watermarks(&rows)?;
    Ok(rows)
}

/// Puts a catalog of these rows in the place of the one that is there, which is moved to
/// `quarantine/`; returns the names that its files have there.
///
/// # Errors
/// When the disk refuses; what was moved by then stays moved, and the repair may be made again.
pub fn replace(folder: &Path, rows: &[Row]) -> Result<Vec<String>, Error> {
    let store = Store::new(folder);
    catalog::draft(&store, rows)?;
    let mut moved = Vec::new();
    for suffix in ["", "-wal", "-shm"] {
        let name = format!("{}{suffix}", catalog::FILE);
        if store.length(&name)?.is_some() {
            moved.push(store.quarantine(&name)?);
        }
    }
    catalog::publish(&store)?;
    Ok(moved)
}

/// Whether two catalogs say the same of what is archived: the same files and the same lost ranges.
/// When a row was made, and about how much memory its rows take, are no part of it.
#[must_use]
pub fn is_same(there: &[Row], made: &[Row]) -> bool {
    let plain = |rows: &[Row]| -> Vec<Row> {
        let laid = rows.iter().filter(|row| row.state != State::Replaced).cloned();
        let plain = |mut row: Row| {
            row.created_at = Timestamp(0);
            row.file.iter_mut().for_each(|file| file.memory_bytes = 0);
            row
        };
        laid.map(plain).collect()
    };
    plain(there) == plain(made)
}

/// Moves a file that [`Found::replaces`] speaks of to `quarantine/`; returns its name there.
///
/// # Errors
/// When the disk refuses.
pub fn set_aside(folder: &Path, name: &str) -> Result<String, Error> {
    Store::new(folder).quarantine(name)
}

/// The files that were not merged into another: a sorted file takes the place of all within its range.
fn newest(mut files: Vec<Found>) -> Vec<Found> {
    let merged: Vec<(Range<u64>, Level)> =
        files.iter().map(|file| (file.about.indices.clone(), file.about.level)).collect();
    files.retain(|file| {
        let (inner, level) = (&file.about.indices, file.about.level);
        !merged.iter().any(|(outer, by)| is_within(inner, level, (outer, *by)))
    });
    files.sort_by_key(|file| file.about.indices.start);
    files
}

/// Whether a file of these indices and this level was merged into a file of the other's.
fn is_within(inner: &Range<u64>, level: Level, (outer, by): (&Range<u64>, Level)) -> bool {
    let is_covered = outer.start <= inner.start && inner.end <= outer.end;
    by == Level::L1 && is_covered && (outer != inner || by != level)
}

/// What a file claims to be by its name; `None` if it is none of a segment.
fn named(name: &str) -> Option<(TenantId, Range<u64>, Level)> {
    let words = name.strip_prefix(LAKE)?.strip_prefix('/')?.strip_suffix(SUFFIX)?;
    let (words, level) = words.rsplit_once(".l")?;
    let (tenant, range) = words.rsplit_once('.')?;
    let (start, end) = range.split_once('-')?;
    let (tenant, level) = (TenantId::parse(tenant).ok()?, Level::of(level.parse().ok()?)?);
    let indices = start.parse().ok()?..end.parse().ok()?;
    (file_name(&tenant, &indices, level) == name && !indices.is_empty())
        .then_some((tenant, indices, level))
}

/// The rows of one tenant, as far as they are laid.
struct Tiling<'a> {
    tenant: &'a TenantId,
    lost: &'a [Range<u64>],
    now: Timestamp,
    rows: Vec<Row>,
    end: u64,
}

impl Tiling<'_> {
    /// Lays files in index order, and lost ranges between them and up to where the log begins.
    fn files(&mut self, files: Vec<Found>, first_kept: u64) -> Result<(), Error> {
        let mut before = String::from("nothing");
        for file in files {
            let (name, start) = (file.name(), file.about.indices.start);
            if start < self.end {
                let what = format!(
                    "`{before}` and `{name}` both have {start}, and neither replaces the other"
                );
                return Err(Error::Catalog { what });
            }
            self.lose(start, &format!("before `{name}`"))?;
            self.end = file.about.indices.end;
            before = name;
            let mut row = live_row((&file.about, &file.print), file.rollup, file.memory_bytes);
            row.created_at = self.now;
            self.rows.push(row);
        }
        self.lose(first_kept, "and the log begins only there")
    }

    /// Lays lost ranges up to `until`; `place` says where that is.
    fn lose(&mut self, until: u64, place: &str) -> Result<(), Error> {
        while self.end < until {
            let start = self.end;
            let covering = self.lost.iter().filter(|hole| hole.contains(&start));
            let Some(end) = covering.map(|hole| hole.end.min(until)).max() else {
                let tenant = self.tenant;
                let what =
                    format!("no file of tenant `{tenant}` covers {start} to {until}, {place}");
                return Err(Error::Catalog { what });
            };
            self.end = end;
            self.rows.push(lost_row(self.tenant, &(start..end), self.now));
        }
        Ok(())
    }
}

fn lost_row(tenant: &TenantId, indices: &Range<u64>, now: Timestamp) -> Row {
    Row {
        tenant: tenant.clone(),
        indices: indices.clone(),
        level: Level::L0.number(),
        state: State::Lost,
        class: CLASS.to_owned(),
        created_at: now,
        file: None,
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Found { about, print, rollup, memory_bytes, lost } = self;
        let occurred = about.occurred_at;
        let [min, max] = [occurred.map(|times| times.0), occurred.map(|times| times.1)]
            .map(|time| time.map_or_else(|| NONE.to_owned(), |time| time.to_string()));
        let base64 = |bytes: &[u8]| match bytes {
            [] => NONE.to_owned(),
            _ => STANDARD.encode(bytes),
        };
        write!(f, "{} {} {} ", about.tenant, about.indices.start, about.indices.end)?;
        write!(f, "{} {} ", about.level.number(), base64(about.class.as_bytes()))?;
        write!(f, "{} {} {} ", about.rows, about.exact, about.loose)?;
        write!(f, "{} {} {min} {max} ", about.received_at.0, about.received_at.1)?;
        write!(f, "{} {} ", print.bytes, base64(&print.sha256))?;
        write!(f, "{} {} ", print.footer_bytes, base64(&print.footer_sha256))?;
        write!(f, "{memory_bytes} {} ", base64(rollup))?;
        let lost: Vec<String> =
            lost.iter().map(|range| format!("{}-{}", range.start, range.end)).collect();
        f.write_str(if lost.is_empty() { NONE } else { "" })?;
        f.write_str(&lost.join(","))
    }
}

/// A line that [`read`]'s process did not print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the line does not describe a segment")]
pub struct NotFound;

impl FromStr for Found {
    type Err = NotFound;

    fn from_str(line: &str) -> Result<Found, NotFound> {
        let mut words = line.split(' ');
        let found = parse(&mut words).filter(|_| words.next().is_none());
        found.ok_or(NotFound)
    }
}

fn parse<'l>(words: &mut impl Iterator<Item = &'l str>) -> Option<Found> {
    let tenant = TenantId::parse(words.next()?).ok()?;
    let indices = number(words)?..number(words)?;
    let level = Level::of(number(words)?)?;
    let class = String::from_utf8(bytes(words)?).ok()?;
    let (rows, exact, loose) = (number(words)?, number(words)?, number(words)?);
    let received_at = (number(words)?, number(words)?);
    let occurred_at = match (words.next()?, words.next()?) {
        (NONE, NONE) => None,
        (min, max) => Some((min.parse().ok()?, max.parse().ok()?)),
    };
    let about =
        About { tenant, indices, level, class, rows, exact, loose, received_at, occurred_at };
    let (length, sha256) = (number(words)?, bytes(words)?.try_into().ok()?);
    let (footer_bytes, footer_sha256) = (number(words)?, bytes(words)?.try_into().ok()?);
    let print = Print { bytes: length, sha256, footer_bytes, footer_sha256 };
    let (memory_bytes, rollup) = (number(words)?, bytes(words)?);
    let lost = match words.next()? {
        NONE => Vec::new(),
        list => list.split(',').map(range).collect::<Option<_>>()?,
    };
    Some(Found { about, print, rollup, memory_bytes, lost })
}

fn range(word: &str) -> Option<Range<u64>> {
    let (start, end) = word.split_once('-')?;
    Some(start.parse().ok()?..end.parse().ok()?).filter(|range| !range.is_empty())
}

fn number<'l, T: FromStr>(words: &mut impl Iterator<Item = &'l str>) -> Option<T> {
    words.next()?.parse().ok()
}

fn bytes<'l>(words: &mut impl Iterator<Item = &'l str>) -> Option<Vec<u8>> {
    match words.next()? {
        NONE => Some(Vec::new()),
        word => STANDARD.decode(word).ok(),
    }
}

#[cfg(test)]
mod tests;
