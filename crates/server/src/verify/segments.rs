//! Segments, row by row: what is archived is what the ledger's entries commit to.
//!
//! Every live file is hashed, its rows are put together to records again, each record's root is computed and compared with
//! the entry that the packs hold; what a row shows beyond its record, and what it is found and counted by, is made again and
//! compared. So a value changed in a segment is found, however well the file, its footer and the catalog were mended after
//! it: the root takes the ledger key.
//!
//! Promises: a file that is missing, swapped, doubled or changed is named, with tenant, indices and file. Refuses to trust
//! the catalog: ranges must tile, and files that it does not name are named.
//!
//! A running server goes on: it merges files away that are still to be read, and archives records that came after the
//! ledger was read. Neither is damage: what took a file's place is read instead, and later records are left alone.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use event::entry::Entry;
use event::ids::TenantId;
use event::record::Record;
use lake::Segment;
use lake::archive;
use lake::cache::Cache;
use lake::catalog::{self, Row, State};
use lake::mirror::{From, Mirror};
use lake::rebuild::Rebuild;
use lake::segment::{Columns, Difference, Which};
use lake::store::Store;
use ledger::Reader;
use ledger::inspect::Beside;
use tlog::Index;

use super::records::{Records, Rows};
use super::report::{Finding, Report, Weight};
use crate::scratch::Scratch;

/// Bytes of footers that are kept while files are read once.
const CACHE_BYTES: usize = 8 << 20;
/// Rows that are held against the ledger at a time.
const COMPARED: usize = 4_096;

/// Checks every segment that the catalog of `data_dir` names, and that they cover what has left the log.
pub(crate) fn check(
    data_dir: &Path,
    (state, reader): (Beside, &Reader),
    (records, progress): (&mut Records<'_>, &mut dyn FnMut(u64)),
    report: &mut Report,
) {
    let rows = match looked(data_dir) {
        Ok(rows) => rows.unwrap_or_default(),
        Err(error) => return report.findings.push(damage(&*error, catalog::FILE)),
    };
    if let Err(error) = catalog::watermarks(&rows) {
        report.findings.push(damage(&error, catalog::FILE));
    }
    covered(&rows, (state, reader), report);
    let mut look = Look::new(data_dir, reader);
    let mut waiting: VecDeque<Row> =
        rows.into_iter().filter(|row| look.is_due(row, state)).collect();
    let mut seen = 0;
    while let Some(row) = waiting.pop_front() {
        if let Err(error) = look.one(&row, records) {
            if state == Beside::Running
                && let Some(rows) = after_merge(data_dir, &row)
            {
                waiting = rows.into_iter().filter(|row| look.is_due(row, state)).collect();
                continue;
            }
            let (named, said) = (path(&row), error.to_string());
            // What the lake says names the file; the ledger and the mirror know of none.
            let said =
                if said.contains(named) { said } else { format!("segment `{named}`: {said}") };
            report.findings.push(of(&row, damage(&said, named)));
        }
        report.files += 1;
        seen += row.indices.end - row.indices.start;
        progress(seen);
    }
}

/// What is to be read of the catalog of a running server from `row` on, if the file of that row was merged away.
fn after_merge(data_dir: &Path, row: &Row) -> Option<Vec<Row>> {
    let rows = looked(data_dir).ok()??;
    let is_live = |other: &Row| other.state == State::Live && path(other) == path(row);
    if rows.iter().any(is_live) {
        return None;
    }
    let is_left =
        |other: &Row| (&other.tenant, other.indices.end) > (&row.tenant, row.indices.start);
    Some(rows.into_iter().filter(is_left).collect())
}

/// The rows of the catalog, from a private copy where a server may still be writing.
fn looked(data_dir: &Path) -> Result<Option<Vec<Row>>, Box<dyn std::error::Error>> {
    let scratch = Scratch::new()?;
    Ok(catalog::look(data_dir, scratch.path())?)
}

/// INVARIANT (I6): what has left the log is in the archive.
fn covered(rows: &[Row], (state, reader): (Beside, &Reader), report: &mut Report) {
    let watermarks = catalog::watermarks(rows).unwrap_or_default();
    for tenant in reader.tenants() {
        let archived = watermarks.get(&tenant).copied().unwrap_or(0);
        let kept = reader.first_kept(&tenant).0;
        if archived < kept {
            let what = format!(
                "tenant `{tenant}`, records {archived} to before {kept}: neither in the log nor in a segment"
            );
            let finding = Finding::new(Weight::Failed, what).in_file(catalog::FILE);
            report.findings.push(finding.of(tenant.as_str(), archived, kept));
        }
        let size = reader.head(&tenant).size.0;
        if archived > size && state == Beside::Nothing {
            let what = format!(
                "tenant `{tenant}`: the catalog covers {archived} records, the ledger has {size}"
            );
            let finding = Finding::new(Weight::Failed, what).in_file(catalog::FILE);
            report.findings.push(finding.of(tenant.as_str(), size, archived));
        }
    }
}

/// Files one after the other, in index order.
struct Look<'r> {
    store: Store,
    cache: Arc<Cache>,
    reader: &'r Reader,
    /// Up to where the records of each tenant were held against its entries.
    compared: BTreeMap<TenantId, u64>,
}

impl Look<'_> {
    fn new<'r>(data_dir: &Path, reader: &'r Reader) -> Look<'r> {
        let (store, cache) = (Store::new(data_dir), Arc::new(Cache::new(CACHE_BYTES)));
        Look { store, cache, reader, compared: BTreeMap::new() }
    }

    /// Whether a row names a file with records that the ledger had when it was read.
    fn is_due(&self, row: &Row, state: Beside) -> bool {
        let size = self.reader.head(&row.tenant).size.0;
        row.state == State::Live && (state == Beside::Nothing || row.indices.start < size)
    }

    /// The file of a row: its bytes, then each of its rows against the ledger's entry.
    fn one(
        &mut self,
        row: &Row,
        records: &mut Records<'_>,
    ) -> Result<(), Box<dyn std::error::Error>> {
        let segment = archive::open_row(&self.store, row, &self.cache)?;
        // Without the keys no root says what the rows should be; their own hash says at least what they were.
        let difference = match records.has_key(&row.tenant) {
            true => (!segment.is_its_file()?).then_some(Difference::File),
            false => segment.verify()?,
        };
        match difference {
            None => {}
            Some(Difference::File) => {
                return Err("the file is not the one that the catalog names".into());
            }
            Some(Difference::Rows) => {
                return Err("its rows are not those that its own hash covers".into());
            }
        }
        let before = self.compared.get(&row.tenant).copied().unwrap_or(0);
        let counts = row.file.as_ref().map_or(&[][..], |file| file.rollup.as_slice());
        compared(&segment, counts, (self.reader, Index(before)), records)?;
        self.compared.insert(row.tenant.clone(), row.indices.end.max(before));
        Ok(())
    }
}

/// Every row of a segment against the ledger's entry, and what the file and the catalog derive from them, `counts` among it.
/// Rows before `before` were in a file that this one took the place of.
fn compared(
    segment: &Segment,
    counts: &[u8],
    (reader, before): (&Reader, Index),
    records: &mut Records<'_>,
) -> Result<(), Box<dyn std::error::Error>> {
    let about = segment.about();
    let tenant: &TenantId = &about.tenant;
    let size = reader.head(tenant).size.0;
    let (first, end) = (Index(about.indices.start), Index(about.indices.end.min(size)));
    let entries = reader.entries(tenant, first, end).map(|found| Ok(found?.1));
    let entries: Vec<Entry> = entries.collect::<Result<_, ledger::Error>>()?;
    let truth = Truth { tenant, first, entries, exact: segment.exact()? };
    let mut found = records.segment(segment, before..reader.first_kept(tenant));
    let footer = segment.footer()?;
    found.secrets(footer.secrets().iter().map(|(id, secret)| (*id, *secret)));
    let mut derived = segment.derived()?;
    for batch in segment.reader(&Columns::all(), Which::All, COMPARED)? {
        let batch = batch?;
        truth.hold(&batch, &mut found)?;
        derived.add(&batch)?;
    }
    found.finish();
    Ok(derived.finish(counts)?)
}

/// What the rows of a segment should be.
struct Truth<'s> {
    tenant: &'s TenantId,
    first: Index,
    entries: Vec<Entry>,
    exact: BTreeMap<u64, Vec<u8>>,
}

impl Truth<'_> {
    /// Holds rows against the entries of their indices; rows that the ledger did not have when it was read are left alone.
    fn hold(
        &self,
        batch: &RecordBatch,
        found: &mut Rows<'_>,
    ) -> Result<(), Box<dyn std::error::Error>> {
        let not_rows = "its columns are not those of rows";
        let rebuild = Rebuild::new(self.tenant, batch).ok_or(not_rows)?;
        let mut mirror = Mirror::new(batch).ok_or(not_rows)?;
        // In a sorted file neighbours have entries far from each other: fetched together, they do not wait for memory one
        // by one.
        let due = |row| {
            let index = Index(mirror.index(row).ok_or(not_rows)?);
            Ok((index, self.entry(index)))
        };
        let due: Vec<_> = (0..batch.num_rows()).map(due).collect::<Result<_, &str>>()?;
        let mut payload = Vec::new();
        for (row, (index, entry)) in due.iter().enumerate() {
            let (index, Some(entry)) = (*index, entry) else { continue };
            payload.clear();
            let (whole, from) = match self.exact.get(&index.0) {
                Some(bytes) => {
                    payload.extend_from_slice(bytes);
                    (Ok(()), From::Kept)
                }
                None => (rebuild.payload(row, &mut payload), From::Columns),
            };
            let record = whole.ok().and_then(|()| Record::decode(&payload).ok());
            let Some(record) = record else {
                found.wrong(index, "the row is no record");
                continue;
            };
            found.record(index, (&record, entry));
            if mirror.received_at(row) != Some(entry.received_at) {
                found.wrong(index, "the time of receipt is not that of the entry");
            }
            if mirror.add(row, &record, from).is_err() {
                found.wrong(index, "its record makes no row");
            }
        }
        for (row, column) in mirror.finish()? {
            let index = due.get(row).map_or(self.first, |(index, _)| *index);
            found.wrong(index, format!("`{column}` is not that of its record"));
        }
        Ok(())
    }

    fn entry(&self, index: Index) -> Option<Entry> {
        self.entries.get(usize::try_from(index.0.checked_sub(self.first.0)?).ok()?).copied()
    }
}

fn path(row: &Row) -> &str {
    row.file.as_ref().map_or(catalog::FILE, |file| file.path.as_str())
}

fn of(row: &Row, finding: Finding) -> Finding {
    finding.of(row.tenant.as_str(), row.indices.start, row.indices.end)
}

fn damage(error: &(impl std::fmt::Display + ?Sized), file: &str) -> Finding {
    Finding::new(Weight::Failed, error.to_string()).in_file(file)
}
