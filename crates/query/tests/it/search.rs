//! Searches of `search/queries.txt` over the same rows in memory, in segments and in merged segments: page by page, in
//! both orders, and as SQL. A search is added by adding a line.

mod rows; // the rows, and where they lie

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use event::ids::Timestamp;
use event::search::{self, Field, Search};
use indelible_query::search::{Ask, Order, Record, histogram, search as search_as, values};
use indelible_query::{Error, Format, Limits, Parameter};
use lake::View;
use policy::{Action, Mask, MaskKey, Masks, RowScope, RowTest, Scope};

use crate::world::{RECEIVED, ask_with, on_a_query_thread, on_record, policy_view};
use rows::Rows;

/// When the searches are asked: an hour after the first row.
const NOW: Timestamp = Timestamp(RECEIVED + 3_600_000_000_000);

fn queries() -> Vec<String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/search/queries.txt");
    let text = std::fs::read_to_string(file).unwrap();
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(str::to_owned).collect()
}

fn parsed(query: &str) -> Search {
    search::parse(query, NOW).unwrap_or_else(|error| panic!("{}", error.render(query)))
}

fn found(
    view: &Arc<View>,
    ask: &Ask<'_>,
    limits: &Limits,
) -> Result<(Vec<Record>, Option<std::ops::Range<u64>>), Error> {
    let policy = policy_view(Scope::Read, Action::Read);
    on_a_query_thread(|runtime| {
        let found = search_as(Arc::clone(view), &policy, ask, limits);
        let found = runtime.block_on(found)?.release(on_record()).unwrap();
        Ok((found.records, found.left))
    })
}

/// All that match, asked for `limit` at a time.
fn all(view: &Arc<View>, search: &Search, (order, limit): (Order, usize)) -> Vec<Record> {
    let mut ask = Ask { order, ..Ask::newest(search, limit) };
    let mut records = Vec::new();
    loop {
        let (more, left) = found(view, &ask, &Limits::default()).unwrap();
        assert!(more.len() <= limit);
        records.extend(more);
        match left {
            Some(left) => ask.indices = left,
            None => return records,
        }
    }
}

fn indices(records: &[Record]) -> Vec<u64> {
    records.iter().map(|record| record.index).collect()
}

/// The indices that the statement which a search is shown as finds, newest first.
fn by_sql(view: &Arc<View>, search: &Search) -> Vec<u64> {
    let (sql, parameters) = search.to_sql();
    let parameters: Vec<Parameter> = parameters.into_iter().map(Parameter::from).collect();
    let answer = ask_with(view, &sql, &parameters, &Limits::default());
    let answer = answer.unwrap_or_else(|error| panic!("{sql}: {error} / {}", error.hint()));
    let lines = String::from_utf8(answer.to_bytes(Format::JsonLines).unwrap()).unwrap();
    let index = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        line["index"].as_u64().unwrap()
    };
    let mut found: Vec<u64> = lines.lines().map(index).collect();
    found.sort_unstable_by(|one, other| other.cmp(one));
    found
}

#[test]
fn a_search_finds_the_same_wherever_rows_lie_and_as_sql() {
    let rows = Rows::new(300);
    let views = rows.views();
    let (mut with_rows, mut wrong) = (0, Vec::new());
    for (number, query) in queries().into_iter().enumerate() {
        let search = parsed(&query);
        let newest = all(&views[0], &search, (Order::NewestFirst, 10_000));
        let due = by_sql(&views[0], &search);
        if indices(&newest) != due {
            wrong.push(format!("{query}: {:?}, as SQL {due:?}", indices(&newest)));
            continue;
        }
        with_rows += usize::from(!due.is_empty());
        for (place, view) in views.iter().enumerate() {
            // Pages for some: each reads columns anew, and a build for tests is slow at that.
            let limit = if number % 6 == 0 { 1 + due.len() / 3 } else { 10_000 };
            let found = all(view, &search, (Order::NewestFirst, limit));
            let mut oldest = all(view, &search, (Order::OldestFirst, limit));
            oldest.reverse();
            if found != newest || oldest != newest {
                wrong.push(format!("{query}: view {place} says otherwise"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(with_rows > 60, "{with_rows} searches found something");
}

#[test]
fn a_search_that_is_out_of_time_or_room_says_where_to_go_on() {
    let rows = Rows::new(120);
    let views = rows.views();
    let search = parsed("action:invoice.*");
    for view in &views {
        let late = Limits { time_max: Duration::ZERO, ..Limits::default() };
        let ask = Ask::newest(&search, 50);
        assert_eq!(found(view, &ask, &late).unwrap(), (Vec::new(), Some(0..120)));
        let one_record = Limits { answer_bytes_max: 1, ..Limits::default() };
        let (records, left) = found(view, &ask, &one_record).unwrap();
        assert_eq!(records.len(), 1);
        assert_eq!(left, Some(0..records[0].index));
        assert_eq!(found(view, &Ask::newest(&search, 0), &Limits::default()).unwrap().0, []);
    }
}

#[test]
fn what_follows_an_index_is_found_oldest_first() {
    let rows = Rows::new(120);
    for view in &rows.views() {
        let search = parsed("*");
        let (records, left) =
            found(view, &Ask::following(&search, 95..120, 10), &Limits::default()).unwrap();
        assert_eq!(indices(&records), (95..105).collect::<Vec<_>>());
        assert_eq!(left, Some(105..120));
        let times: Vec<u64> = records.iter().map(|record| record.received_at.0).collect();
        assert_eq!(times, (95..105).map(|n| RECEIVED + n * 1_000_000_000).collect::<Vec<_>>());
        let (records, left) =
            found(view, &Ask::following(&search, 110..500, 50), &Limits::default()).unwrap();
        assert_eq!((indices(&records), left), ((110..120).collect(), None));
    }
}

#[test]
fn rows_out_of_scope_are_not_found_and_not_counted() {
    let rows = Rows::new(120);
    let own = RowTest::Like { field: policy::Field::Service, pattern: "web".into() };
    let scoped = policy_view(Scope::Read, Action::Read).scoped(RowScope::new(vec![own]));
    for view in &rows.views() {
        for (query, same) in
            [("*", "service:web"), ("-ip:10.0.1.0/24", "service:web -ip:10.0.1.0/24")]
        {
            let (query, same) = (parsed(query), parsed(same));
            let due = all(view, &same, (Order::NewestFirst, 500));
            let asked = Ask::newest(&query, 500);
            let (seen, counted) = on_a_query_thread(|runtime| {
                let limits = Limits::default();
                let search = search_as(Arc::clone(view), &scoped, &asked, &limits);
                let seen = runtime.block_on(search).unwrap().release(on_record()).unwrap();
                let field = (&asked, &Field::Service);
                let counts = values(Arc::clone(view), &scoped, field, &limits);
                (seen, runtime.block_on(counts).unwrap().release(on_record()).unwrap())
            });
            assert!(!due.is_empty());
            assert_eq!(seen.records, due);
            assert_eq!(counted, [("web".to_owned(), u64::try_from(due.len()).unwrap())]);
        }
    }
}

#[test]
fn masked_fields_are_counted_as_pseudonyms_and_not_searched() {
    let rows = Rows::new(120);
    let view = &rows.views()[2];
    let hashed = BTreeMap::from([(policy::Field::ActorId, Mask::Hashed)]);
    let masks = Masks::new(MaskKey([3; 32]), hashed).unwrap();
    let masked = policy_view(Scope::Read, Action::Read).masked(masks);
    let search = parsed("actor:ana@acme");
    let ask = Ask::newest(&search, 500);
    let everything = parsed("*");
    let everything = Ask::newest(&everything, 500);
    on_a_query_thread(|runtime| {
        let limits = Limits::default();
        let refused = search_as(Arc::clone(view), &masked, &ask, &limits);
        assert!(matches!(runtime.block_on(refused), Err(Error::NotAllowed { .. })));
        let counted = |ask| {
            let counts = values(Arc::clone(view), &masked, (ask, &Field::Actor), &limits);
            runtime.block_on(counts).unwrap().release(on_record()).unwrap()
        };
        assert_eq!(counted(&ask), [], "a true name finds nothing where it is masked");
        let all = counted(&everything);
        assert_eq!(all.len(), 4);
        assert!(all.iter().all(|(actor, _)| actor.starts_with("masked-")));
    });
}

#[test]
fn a_histogram_and_its_values_count_what_is_found() {
    let rows = Rows::new(300);
    for view in &rows.views() {
        for query in
            ["*", "actor:ana@acme", "target:invoice/7 -outcome:success", "attrs.amount:>500"]
        {
            let search = parsed(query);
            let found = all(view, &search, (Order::NewestFirst, 500)).len();
            let ask = Ask::newest(&search, 500);
            let (hours, outcomes) = on_a_query_thread(|runtime| {
                let limits = Limits::default();
                let policy = policy_view(Scope::Read, Action::Read);
                let hour = 3_600_000_000_000;
                let hours = histogram(Arc::clone(view), &policy, (&ask, hour), &limits);
                let hours = runtime.block_on(hours).unwrap().release(on_record()).unwrap();
                let by = (&ask, &Field::Outcome);
                let values = values(Arc::clone(view), &policy, by, &limits);
                (hours, runtime.block_on(values).unwrap().release(on_record()).unwrap())
            });
            assert!(
                hours.len() > 1 && hours.iter().all(|(start, _)| start % 3_600_000_000_000 == 0)
            );
            assert_eq!(
                hours.iter().map(|(_, count)| count).sum::<u64>(),
                u64::try_from(found).unwrap()
            );
            assert_eq!(
                outcomes.iter().map(|(_, count)| count).sum::<u64>(),
                u64::try_from(found).unwrap()
            );
            assert!(outcomes.is_sorted_by(|one, other| one.1 >= other.1));
        }
    }
}
