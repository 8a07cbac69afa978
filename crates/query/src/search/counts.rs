//! How many records match, hour by hour or value by value: what a histogram and suggestions are made of.
//!
//! Promises: every matching row in view is counted, or there is an error. INVARIANT (I9): values are those in view, with
//! their masks on. INVARIANT (I10): there are at most [`KEYS_MAX`] counts.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use event::search::Field;
use tokio::time::Instant;

use super::compile::{Compiled, text_of};
use super::page::{Page, Selection, Time};
use super::walk::{Finder, overlap, pieces};
use super::{Ask, covered};
use crate::limits::counted;
use crate::seal::{Allowance, Sealed};
use crate::sight::Sight;
use crate::{Coverage, Error, Limits};

/// Buckets or values that are counted at most.
const KEYS_MAX: usize = 10_000;

/// Counts by when records happened: the start of each interval that has some, in nanoseconds since 1970, and how many.
/// [`Ask::order`] and [`Ask::limit`] mean nothing here.
///
/// # Errors
/// See [`Error`]; an interval so short that there are too many is a limit.
pub async fn histogram(
    rows: Arc<lake::View>,
    view: &policy::View,
    (ask, interval_ns): (&Ask<'_>, i64),
    limits: &Limits,
) -> Result<Sealed<Vec<(i64, u64)>>, Error> {
    let interval = interval_ns.max(1);
    let mut counts: BTreeMap<i64, u64> = BTreeMap::new();
    let needs = Time::Occurred.needs();
    let coverage = count(&rows, view, (ask, &needs), limits, |page, rows| {
        page.with_time(Time::Occurred, rows, |at| {
            let start = at.div_euclid(interval).saturating_mul(interval);
            *counts.entry(start).or_default() += 1;
            false
        })?;
        within(counts.len())
    });
    let coverage = coverage.await?;
    Ok(sealed(counts.into_iter().collect(), coverage, |_| 0))
}

/// The most frequent values of a field with their counts, most frequent first, [`Ask::limit`] of them at most; none, if
/// the values of the field are no texts.
///
/// # Errors
/// See [`Error`]; too many different values are a limit.
pub async fn values(
    rows: Arc<lake::View>,
    view: &policy::View,
    (ask, field): (&Ask<'_>, &Field),
    limits: &Limits,
) -> Result<Sealed<Vec<(String, u64)>>, Error> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    let text = text_of(field);
    let needs = text.map(|text| text.needs()).unwrap_or_default();
    let coverage = count(&rows, view, (ask, &needs), limits, |page, rows| {
        let Some(text) = text else { return Ok(()) };
        page.with_text(text, rows, |text| {
            match counts.get_mut(text) {
                Some(count) => *count += 1,
                None => drop(counts.insert(text.to_owned(), 1)),
            }
            false
        })?;
        within(counts.len())
    });
    let coverage = coverage.await?;
    let mut counts: Vec<(String, u64)> = counts.into_iter().collect();
    counts.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    counts.truncate(ask.limit);
    Ok(sealed(counts, coverage, String::len))
}

async fn count(
    rows: &lake::View,
    view: &policy::View,
    (ask, also): (&Ask<'_>, &[&'static str]),
    limits: &Limits,
    mut visit: impl FnMut(Page<'_>, Selection) -> Result<(), Error>,
) -> Result<Coverage, Error> {
    let deadline = Instant::now() + limits.time_max;
    let sight = Sight::of(view)?;
    let Compiled { node, key, bounds } = Compiled::new(ask, rows, &sight)?;
    let order = ask.order;
    let finder = Finder { sight: &sight, node: &node, key: &key, order, also, deadline, limits };
    let range = overlap(&(rows.from()..rows.to()), &ask.indices);
    let range = range.start..range.end.max(range.start);
    for piece in pieces(rows, &range) {
        let inside: Range<u64> = overlap(&piece.indices(), &range);
        if key.may_be_in(&inside) && bounds.may_be_in(piece) {
            finder.each(piece, &inside, &mut visit).await?;
        }
    }
    Ok(covered(rows, range))
}

fn within(keys: usize) -> Result<(), Error> {
    const HINT: &str = "search for fewer records, or count longer intervals";
    if keys > KEYS_MAX { Err(counted("different values", KEYS_MAX, HINT)) } else { Ok(()) }
}

fn sealed<K>(
    counts: Vec<(K, u64)>,
    coverage: Coverage,
    bytes: impl Fn(&K) -> usize,
) -> Sealed<Vec<(K, u64)>> {
    let number = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let bytes = counts.iter().map(|(key, _)| bytes(key) + size_of::<u64>()).sum();
    let size = Allowance { rows: number(counts.len()), bytes: number(bytes) };
    Sealed::new(counts, size, coverage)
}
