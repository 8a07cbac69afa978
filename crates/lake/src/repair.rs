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
//! loss record says that it is lost.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use event::ids::{TenantId, Timestamp};

use crate::Error;
use crate::archive::{CLASS, live_row};
use crate::cache::Cache;
use crate::catalog::{self, Row, State};
use crate::columns::heap_bytes;
use crate::rollup::Rollup;
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
}

/// Ranges that loss records speak of, by tenant.
pub type Lost = BTreeMap<TenantId, Vec<Range<u64>>>;

/// The names, below the data directory, of all files that may be segments.
///
/// # Errors
/// When the folder cannot be read.
pub fn names(folder: &Path) -> Result<Vec<String>, Error> {
    let names = Store::new(folder).list(LAKE)?;
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
    Ok(Found { about, print, rollup, memory_bytes })
}

/// The rows of the catalog that these files are the archive of.
///
/// # Errors
/// [`Error::Catalog`] when two files overlap and neither was merged into the other, or when nothing
/// covers a range.
pub fn choose(found: Vec<Found>, lost: &Lost, now: Timestamp) -> Result<Vec<Row>, Error> {
    let mut tenants: BTreeMap<TenantId, Vec<Found>> = BTreeMap::new();
    for file in found {
        tenants.entry(file.about.tenant.clone()).or_default().push(file);
    }
    let mut rows = Vec::new();
    for (tenant, files) in tenants {
        let nothing = Vec::new();
        let lost = lost.get(&tenant).unwrap_or(&nothing);
        rows.extend(tile(&tenant, newest(files), lost, now)?);
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

/// The files that were not merged into another: a sorted file takes the place of all within its range.
fn newest(mut files: Vec<Found>) -> Vec<Found> {
    let merged: Vec<(Range<u64>, Level)> =
        files.iter().map(|file| (file.about.indices.clone(), file.about.level)).collect();
    files.retain(|file| {
        let (inner, level) = (&file.about.indices, file.about.level);
        !merged.iter().any(|(outer, by)| {
            let is_within = outer.start <= inner.start && inner.end <= outer.end;
            *by == Level::L1 && is_within && (outer != inner || *by != level)
        })
    });
    files.sort_by_key(|file| file.about.indices.start);
    files
}

/// The rows of one tenant: files in index order, and lost ranges between them.
fn tile(
    tenant: &TenantId,
    files: Vec<Found>,
    lost: &[Range<u64>],
    now: Timestamp,
) -> Result<Vec<Row>, Error> {
    let (mut rows, mut end, mut before) = (Vec::new(), 0, String::from("nothing"));
    for file in files {
        let name = file_name(tenant, &file.about.indices, file.about.level);
        let start = file.about.indices.start;
        if start < end {
            let what = format!(
                "`{before}` and `{name}` both have {start}, and neither replaces the other"
            );
            return Err(Error::Catalog { what });
        }
        while end < start {
            let Some(hole) = lost.iter().find(|hole| hole.start == end && hole.end <= start) else {
                let what = format!(
                    "no file of tenant `{tenant}` covers {end} to {start}, before `{name}`"
                );
                return Err(Error::Catalog { what });
            };
            end = hole.end;
            rows.push(lost_row(tenant, hole, now));
        }
        end = file.about.indices.end;
        before = name;
        let mut row = live_row((&file.about, &file.print), file.rollup, file.memory_bytes);
        row.created_at = now;
        rows.push(row);
    }
    Ok(rows)
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
        let Found { about, print, rollup, memory_bytes } = self;
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
        write!(f, "{memory_bytes} {}", base64(rollup))
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
    Some(Found { about, print, memory_bytes: number(words)?, rollup: bytes(words)? })
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
