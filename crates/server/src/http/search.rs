//! `POST /v1/search` and its neighbours: events in the search language, how many there are, what may be typed next.
//!
//! Promises: newest first by index, page by page without loss or duplicate while events arrive; what is not asked is not
//! filtered; an error points at its place. A cursor holds for the search it came from and for no other. Refuses searches in
//! URLs, where proxies would keep them.

mod cursor; // places between two pages
mod shape; // what is sent and what is said

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use event::code::Code;
use event::ids::Timestamp;
use event::record::Record;
use event::search::{self, Search, Span};
use query::search::Ask;
use query::{Coverage, Sealed};
use tracing::Instrument;

pub(crate) use cursor::Cursors;
use cursor::Place;
pub(super) use shape::Window;

use super::problem::Problem;
use super::{Caller, Gate, body, governed, json, opened, proofs, query as sql};
use crate::app::App;
use crate::audit::{Asked, Outcome, Sharing, Surface};

/// Events of one page.
pub(super) const PAGE_MAX: u64 = 1_000;
/// Events of a page for which no number was said.
const PAGE: u64 = 100;
/// Bytes of a body.
pub(super) const BODY_BYTES_MAX: usize = 64 << 10;
/// Values that are suggested.
const VALUES: usize = 20;
/// The shortest interval of a histogram.
const INTERVAL_MS_MIN: u64 = 1;
/// The interval of a histogram for which none was said: an hour.
const INTERVAL_MS: u64 = 3_600_000;

/// `POST /v1/search`.
pub(super) async fn post(
    State(gate): State<Arc<Gate>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    sent: Body,
) -> Result<Response, Problem> {
    let app = opened(&gate)?;
    let asked: shape::Asked = body::json(&app, &headers, sent, BODY_BYTES_MAX).await?;
    let limit = asked.limit.unwrap_or(PAGE);
    if !(1..=PAGE_MAX).contains(&limit) {
        let detail = format!("`limit` is a number from 1 to {PAGE_MAX}");
        return Err(Problem::new(Code::QueryLimit, detail));
    }
    let question = asked.window().question(caller.tenant());
    let place = match &asked.cursor {
        Some(cursor) => app.cursors.open(cursor, &question).ok_or_else(foreign)?,
        None => Place { now: app.clock.wall(), end: u64::MAX },
    };
    let wanted = Wanted::new(&asked.window(), place.now)?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let on_record = wanted.on_record(Surface::Search, &headers)?;
    let found = run(&app, &caller, on_record, move |rows, view, limits| async move {
        let ask = Ask {
            indices: 0..place.end,
            occurred: wanted.occurred,
            ..Ask::newest(&wanted.search, limit)
        };
        query::search::search(rows, &view, &ask, &limits).await
    });
    let (reading, found, coverage) = found.await?;
    let next = found.left.as_ref().map(|left| Place { now: place.now, end: left.end });
    let next = next.map(|place| app.cursors.seal(place, &question));
    let response = match proofs::accepts(&headers, &["application/x-ndjson"]) {
        true => shape::lines(&found, next.as_deref(), coverage)?,
        false => json(200, shape::page(&found, next.as_deref(), coverage)?),
    };
    governed::watched(response, reading).await
}

/// `POST /v1/search/histogram`.
pub(super) async fn histogram(
    State(gate): State<Arc<Gate>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    sent: Body,
) -> Result<Response, Problem> {
    let app = opened(&gate)?;
    let asked: shape::Histogram = body::json(&app, &headers, sent, BODY_BYTES_MAX).await?;
    let interval_ms = asked.interval_ms.unwrap_or(INTERVAL_MS);
    let interval = interval_ms.checked_mul(1_000_000).and_then(|ns| i64::try_from(ns).ok());
    let interval = interval.filter(|_| interval_ms >= INTERVAL_MS_MIN);
    let interval = interval.ok_or_else(|| {
        Problem::new(Code::InvalidValue, "`interval_ms` is a number of milliseconds from 1 on")
    })?;
    let wanted = Wanted::new(&asked.window(), app.clock.wall())?;
    let on_record = wanted.on_record(Surface::Histogram, &headers)?;
    let counted = run(&app, &caller, on_record, move |rows, view, limits| async move {
        let ask = Ask { occurred: wanted.occurred, ..Ask::newest(&wanted.search, usize::MAX) };
        query::search::histogram(rows, &view, (&ask, interval), &limits).await
    });
    let (reading, counts, coverage) = counted.await?;
    let answer = shape::histogram(&counts, interval_ms, coverage);
    governed::watched(json(200, answer), reading).await
}

/// `POST /v1/search/suggest`.
pub(super) async fn suggest(
    State(gate): State<Arc<Gate>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    sent: Body,
) -> Result<Response, Problem> {
    let app = opened(&gate)?;
    let asked: shape::Suggest = body::json(&app, &headers, sent, BODY_BYTES_MAX).await?;
    let at = asked.at.and_then(|at| usize::try_from(at).ok()).unwrap_or(asked.q.len());
    let completion = search::complete(&asked.q, at);
    let typed = asked.q.get(completion.span.start..at.min(asked.q.len())).unwrap_or_default();
    // The values of a field are those of events, so that they are a read; names of fields are not.
    let values = completion.field.and_then(|field| {
        search::parse(&format!("{field}:{}*", plain(typed)), app.clock.wall()).ok()
    });
    let Some(wanted) = values else {
        return Ok(json(200, shape::suggestions(&completion, &[])));
    };
    let Some(field) = shape::field_of(&wanted) else {
        return Ok(json(200, shape::suggestions(&completion, &[])));
    };
    let literals = vec![asked.q.clone(), at.to_string()];
    let template = format!("values of {}", completion.field.unwrap_or_default());
    let purpose = governed::purpose(&headers)?;
    let on_record = Asked { surface: Surface::Suggest, template, literals, purpose };
    let counted = run(&app, &caller, on_record, move |rows, view, limits| async move {
        let ask = Ask::newest(&wanted, VALUES);
        query::search::values(rows, &view, (&ask, &field), &limits).await
    });
    let (reading, values, _) = counted.await?;
    governed::watched(json(200, shape::suggestions(&completion, &values)), reading).await
}

/// `POST /v1/search/parse`: what a search means, as SQL. It looks at no event.
pub(super) async fn parse(
    State(gate): State<Arc<Gate>>,
    headers: HeaderMap,
    sent: Body,
) -> Result<Response, Problem> {
    let app = opened(&gate)?;
    let asked: shape::Parse = body::json(&app, &headers, sent, BODY_BYTES_MAX).await?;
    let search = parsed(&asked.q, app.clock.wall())?;
    Ok(json(200, shape::parsed(&search)))
}

/// A search that can be read, and when its events happened.
pub(super) struct Wanted {
    pub(super) search: Search,
    occurred: Span,
    literals: Vec<String>,
}

impl Wanted {
    /// What is asked for at the moment `now`.
    pub(super) fn new(window: &Window<'_>, now: Timestamp) -> Result<Wanted, Problem> {
        let search = parsed(window.q, now)?;
        let occurred = Span { from: moment("from", window.from)?, to: moment("to", window.to)? };
        let texts = [Some(window.q), window.from, window.to];
        let literals = texts.into_iter().map(|text| text.unwrap_or_default().to_owned()).collect();
        Ok(Wanted { search, occurred, literals })
    }

    /// The question as it goes on record: its shape without values, and apart from that its words.
    pub(super) fn on_record(
        &self,
        surface: Surface,
        headers: &HeaderMap,
    ) -> Result<Asked, Problem> {
        let (template, _) = self.search.to_sql();
        let purpose = governed::purpose(headers)?;
        Ok(Asked { surface, template, literals: self.literals.clone(), purpose })
    }
}

/// Works on the runtime of queries beside the record of who asked, and opens what came out.
async fn run<T, F>(
    app: &Arc<App>,
    caller: &Caller,
    on_record: Asked,
    work: impl FnOnce(Arc<lake::View>, policy::View, query::Limits) -> F,
) -> Result<(crate::audit::Reading, T, Coverage), Problem>
where
    T: Send + 'static,
    F: Future<Output = Result<Sealed<T>, query::Error>> + Send + 'static,
{
    let slot = sql::slot(app).await?;
    let rows = app.shipped.view(caller.tenant(), app.size(caller.tenant())).await;
    let work = work(rows, caller.view.clone(), sql::limits(app));
    let work = async move {
        let _slot = slot;
        work.await
    };
    let work = app.queries.runtime.spawn(work.in_current_span());
    let begin = governed::begin(app, caller, on_record, Sharing::Shared);
    let (reading, worked) = tokio::join!(begin, sql::Abort(work).wait());
    let reading = reading?;
    match worked.map_err(Problem::internal)? {
        Ok(sealed) => {
            let coverage = sealed.coverage();
            let found = reading.release(sealed).await.map_err(governed::unread)?;
            Ok((reading, found, coverage))
        }
        Err(error) => {
            reading.end(Outcome::Failed);
            Err(sql::problem(&error))
        }
    }
}

/// The search that `text` is, or the problem with its place.
pub(super) fn parsed(text: &str, now: Timestamp) -> Result<Search, Problem> {
    search::parse(text, now).map_err(|error| {
        let rendered = error.render(text);
        // The hint has a member of its own.
        let shown = rendered.split("\nhint: ").next().unwrap_or_default().to_owned();
        let span = vec![error.span.start, error.span.end];
        let problem = Problem::new(error.code(), shown).hint(error.hint.clone());
        let problem = problem.with("reason", error.reason.as_str()).with("span", span);
        match error.mended(text) {
            Some(mended) => problem.with("instead", mended),
            None => problem,
        }
    })
}

/// A time of `from` or `to`, in nanoseconds since 1970.
fn moment(name: &str, text: Option<&str>) -> Result<Option<i64>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let wrong = || {
        let detail = format!("`{name}` is no time like 2026-11-24T14:03:00Z");
        Problem::new(Code::InvalidValue, detail)
    };
    let moment: jiff::Timestamp = text.parse().map_err(|_| wrong())?;
    i64::try_from(moment.as_nanosecond()).map(Some).map_err(|_| wrong())
}

/// The event of a found record as JSON.
pub(super) fn event_of(found: &query::search::Record) -> Result<String, Problem> {
    let record = Record::decode(&found.payload).map_err(Problem::internal)?;
    proofs::event_json(&record, (found.index, found.received_at), &[])
}

/// Characters of what was typed that need no quotes.
fn plain(typed: &str) -> &str {
    let is_plain = |c: char| c.is_alphanumeric() || "._@/-".contains(c);
    typed.trim_end_matches(|c| !is_plain(c))
}

fn foreign() -> Problem {
    let detail = "the cursor is not one of this search and this server";
    Problem::new(Code::QueryInvalid, detail).hint("search again without it")
}
