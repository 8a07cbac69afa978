//! Each limit at its value, and one past it. INVARIANT (I10).

use std::sync::Arc;
use std::time::Duration;

use event::code::Code;
use indelible_query::limits as named;
use indelible_query::{Error, Limits, Parameter, Question};

use crate::world::{ask, ask_with, many, on_a_query_thread, policy_view, whole};

/// The limit that was passed, by its words.
fn passed(answer: Result<indelible_query::Answer, Error>) -> &'static str {
    match answer {
        Err(error @ Error::Limit { limit, .. }) => {
            assert_eq!(error.code(), Code::QueryLimit);
            assert!(!error.hint().is_empty());
            limit
        }
        other => panic!("a limit was due: {other:?}"),
    }
}

fn numbers(count: usize) -> String {
    (0..count).map(|number| number.to_string()).collect::<Vec<_>>().join(",")
}

#[test]
fn rows() {
    let view = many(5_000);
    let at = Limits { rows_max: 5_000, ..Limits::default() };
    assert_eq!(ask_with(&view, "SELECT index FROM events", &[], &at).unwrap().rows(), 5_000);
    let past = Limits { rows_max: 4_999, ..at };
    assert_eq!(passed(ask_with(&view, "SELECT index FROM events", &[], &past)), "rows of answer");
}

#[test]
fn bytes_of_answer() {
    let view = many(5_000);
    let sql = "SELECT id, attrs FROM events";
    let bytes = ask(&view, sql).unwrap().bytes();
    // 36 bytes of id, about ten of attrs, two offsets: nothing is counted for what is not shown.
    assert!((5_000 * 40..5_000 * 80).contains(&bytes), "{bytes}");
    let at = Limits { answer_bytes_max: bytes, ..Limits::default() };
    assert!(ask_with(&view, sql, &[], &at).is_ok());
    let past = Limits { answer_bytes_max: bytes - 1, ..at };
    assert_eq!(passed(ask_with(&view, sql, &[], &past)), "bytes of answer");
}

#[test]
fn time() {
    let view = many(5_000);
    let sql = "SELECT count(*) AS n FROM events a, events b WHERE a.id > b.id";
    let past = Limits { time_max: Duration::from_millis(100), ..Limits::default() };
    assert_eq!(passed(ask_with(&view, sql, &[], &past)), "ms");
    let at = Limits { time_max: named::TIME_MAX, ..past };
    assert!(ask_with(&view, "SELECT count(*) AS n FROM events", &[], &at).is_ok());
}

/// A join that gives rows and rows without asking for more.
#[test]
fn time_of_a_skewed_join() {
    let view = many(10_000);
    let sql = "SELECT count(*) AS n FROM events a JOIN events b ON a.action = b.action JOIN events c ON b.action = c.action";
    let past = Limits { time_max: Duration::from_millis(300), ..Limits::default() };
    assert_eq!(passed(ask_with(&view, sql, &[], &past)), "ms");
}

#[test]
fn memory_and_spill() {
    let view = many(15_000);
    let sql = "SELECT id, attrs, actor_id, action FROM events ORDER BY attrs DESC, id";
    let small = Limits { memory_bytes_max: 2 << 20, ..Limits::default() };
    assert_eq!(passed(ask_with(&view, sql, &[], &small)), "bytes of memory");
    let folder = tempfile::tempdir().unwrap();
    let spilling = Limits { spill_dir: Some(folder.path().to_owned()), ..small };
    assert_eq!(ask_with(&view, sql, &[], &spilling).unwrap().rows(), 15_000);
    let full = Limits { spill_bytes_max: 10_000, ..spilling.clone() };
    assert_eq!(passed(ask_with(&view, sql, &[], &full)), "bytes of spilled rows");
    let usual = Limits { memory_bytes_max: named::MEMORY_BYTES_MAX, ..Limits::default() };
    assert!(ask_with(&view, sql, &[], &usual).is_ok());
    let left = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 0, "spill files are removed");
}

#[test]
fn a_join_that_does_not_fit_is_refused() {
    let view = many(15_000);
    let sql = "SELECT count(*) AS n FROM events a JOIN events b ON a.attrs = b.attrs";
    let small = Limits { memory_bytes_max: 512 << 10, ..Limits::default() };
    assert_eq!(passed(ask_with(&view, sql, &[], &small)), "bytes of memory");
    assert!(ask(&view, sql).is_ok());
}

#[test]
fn expression_nodes() {
    let view = many(10);
    // The list itself and the column are two more nodes.
    let sql = |count| format!("SELECT 1 AS n FROM events WHERE index IN ({})", numbers(count));
    assert!(ask(&view, &sql(named::EXPRESSION_NODES_MAX - 3)).is_ok());
    assert_eq!(passed(ask(&view, &sql(named::EXPRESSION_NODES_MAX - 2))), "expression nodes");
}

#[test]
fn nesting_of_expressions() {
    let view = many(10);
    // The query and the innermost name are two more levels.
    let sql = |depth: usize| {
        format!("SELECT {}action{} AS n FROM events", "lower(".repeat(depth), ")".repeat(depth))
    };
    assert!(ask(&view, &sql(named::DEPTH_MAX - 2)).is_ok());
    assert_eq!(passed(ask(&view, &sql(named::DEPTH_MAX - 1))), "levels of nesting");
    assert_eq!(passed(ask(&view, &sql(600))), "levels of nesting");
}

#[test]
fn nesting_of_queries() {
    let view = many(10);
    let sql = |depth: usize| {
        let (open, close) = ("SELECT * FROM (".repeat(depth), ") x".repeat(depth));
        format!("{open}SELECT index FROM events{close}")
    };
    assert!(ask(&view, &sql(40)).is_ok());
    assert_eq!(passed(ask(&view, &sql(60))), "levels of nesting");
    assert_eq!(passed(ask(&view, &sql(300))), "levels of nesting");
}

#[test]
fn a_long_chain_is_not_deep() {
    let view = many(10);
    let terms = vec!["index = 1"; 240].join(" OR ");
    let answer = ask(&view, &format!("SELECT index FROM events WHERE {terms}")).unwrap();
    assert_eq!(answer.rows(), 1);
}

#[test]
fn words_and_bytes_of_a_statement() {
    let view = many(10);
    let signs = |count: usize| format!("SELECT {}1 AS n", "-".repeat(0) + &"+".repeat(count));
    assert_eq!(passed(ask(&view, &signs(named::TOKENS_MAX))), "words and signs");
    let padded = |bytes: usize| {
        let sql = "SELECT 1 AS n";
        format!("{sql}{}", " ".repeat(bytes - sql.len()))
    };
    assert!(ask(&view, &padded(named::STATEMENT_BYTES_MAX)).is_ok());
    let past = ask(&view, &padded(named::STATEMENT_BYTES_MAX + 1));
    assert_eq!(passed(past), "bytes of statement");
}

#[test]
fn parameters() {
    let view = many(10);
    let given = |count| vec![Parameter::Integer(1); count];
    let limits = Limits::default();
    let sql = "SELECT $1 AS n";
    assert!(ask_with(&view, sql, &given(named::PARAMETERS_MAX), &limits).is_ok());
    let past = ask_with(&view, sql, &given(named::PARAMETERS_MAX + 1), &limits);
    assert_eq!(passed(past), "parameters");
}

#[test]
fn texts_that_a_statement_makes() {
    let view = many(10);
    let doubled = |times: usize| {
        let mut sql = "SELECT 'x' AS t FROM events".to_owned();
        for _ in 0..times {
            sql = format!("SELECT t || t AS t FROM ({sql}) x");
        }
        format!("SELECT length(t) AS n FROM ({sql}) y LIMIT 1")
    };
    assert!(ask(&view, &doubled(18)).is_ok(), "2^18 bytes are {}", named::VALUE_BYTES_MAX);
    assert_eq!(passed(ask(&view, &doubled(19))), "bytes of one text");
    assert_eq!(
        passed(ask(&view, &doubled(20).replace("t || t", "concat(t, t)"))),
        "bytes of one text"
    );
}

#[test]
fn a_dropped_query_stops() {
    let view = many(5_000);
    let sql = "SELECT count(*) AS n FROM events a, events b WHERE a.id > b.id";
    let cut = on_a_query_thread(|runtime| {
        let policy = policy_view(policy::Scope::Read, policy::Action::Read);
        let (question, limits) = (Question { sql, parameters: &[] }, Limits::default());
        let query = indelible_query::run(whole(&view), &policy, question, &limits);
        let dropped = async { tokio::time::timeout(Duration::from_millis(100), query).await };
        runtime.block_on(dropped).is_err()
    });
    assert!(cut, "the query was still running when it was dropped");
    assert_eq!(Arc::strong_count(&view), 1, "the query let go of the rows");
}
