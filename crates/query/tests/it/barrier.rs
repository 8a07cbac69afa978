//! INVARIANT (I9): an answer hangs on the rows in view and on nothing else. Every statement is asked
//! of a tenant with hidden rows and of a copy that never had them, and must end the same way.

use indelible_query::{Error, Format, Limits, Question};
use policy::{Action, Scope};

use crate::world::{Put, ask, policy_view, tenant, view, whole};

const EVENTS: [&str; 4] = [
    r#"{"action":"a.b","actor":"10","attrs":{"n":1}}"#,
    r#"{"action":"a.c","actor":"20","outcome":"denied","targets":["t/1"]}"#,
    r#"{"action":"a.b","actor":"30","occurred_at":"2024-05-01T10:00:00Z"}"#,
    r#"{"action":"b.c","actor":"40","attrs":{"n":2}}"#,
];

/// A tenant whose hidden rows would break every careless cast, count and division.
fn with_hidden() -> std::sync::Arc<lake::View> {
    view(&[
        Put::Event(EVENTS[0]),
        Put::DeadLetter("{}"),
        Put::Event(EVENTS[1]),
        Put::Refused,
        Put::Event(EVENTS[2]),
        Put::Refused,
        Put::Event(EVENTS[3]),
    ])
}

/// The same rows at the same indices, and nothing where the hidden ones were.
fn copy() -> std::sync::Arc<lake::View> {
    view(&[
        Put::Event(EVENTS[0]),
        Put::Lost,
        Put::Event(EVENTS[1]),
        Put::Lost,
        Put::Event(EVENTS[2]),
        Put::Lost,
        Put::Event(EVENTS[3]),
    ])
}

fn ending(rows: &std::sync::Arc<lake::View>, sql: &str) -> Result<String, Error> {
    let answer = ask(rows, sql)?;
    Ok(String::from_utf8(answer.to_bytes(Format::JsonLines).unwrap()).unwrap())
}

/// Statements made of every combination of a shape, an expression and a condition.
fn statements() -> Vec<String> {
    let expressions = [
        "count(*)",
        "count(attrs)",
        "min(index)",
        "max(received_at)",
        "sum(seq)",
        "avg(index)",
        "max(actor_id)",
        "count(DISTINCT action)",
        "sum(CAST(actor_id AS INT))",
        "bool_and(index < 9)",
        "median(index)",
        "first_value(action)",
        "approx_distinct(actor_id)",
    ];
    let conditions = [
        "TRUE",
        "CAST(actor_id AS INT) > 15",
        "1 / (index - 3) < 10",
        "1 / (seq - 4) < 10",
        "10 / (index - 2) > 0",
        "attrs IS NULL",
        "outcome = 'denied' OR action LIKE 'a.%'",
        "has_target('t', '1')",
        "received_at > '2024-05-01T12:00:02Z'",
        "index NOT IN (1, 3, 5)",
        "action = 'ledger.refused'",
        "code_is_no_column = 1",
        "actor_id = 'indelible'",
        "index IN (SELECT index FROM events WHERE CAST(actor_id AS INT) > 10)",
    ];
    let mut statements = Vec::new();
    for expression in expressions {
        for condition in conditions {
            statements.push(format!("SELECT {expression} AS x FROM events WHERE {condition}"));
            statements.push(format!(
                "SELECT action, {expression} AS x FROM events WHERE {condition} GROUP BY action ORDER BY action LIMIT 3"
            ));
        }
    }
    for condition in conditions {
        statements.push(format!("SELECT * FROM events WHERE {condition}"));
        statements.push(format!("SELECT index FROM events WHERE {condition} LIMIT 1"));
        statements.push(format!(
            "SELECT index FROM events WHERE {condition} ORDER BY actor_id DESC LIMIT 2"
        ));
        statements.push(format!(
            "SELECT a.index AS x, b.index AS y FROM events a JOIN (SELECT * FROM events WHERE {condition}) b ON a.action = b.action"
        ));
        statements.push(format!("SELECT DISTINCT action FROM events WHERE {condition}"));
    }
    statements
}

#[test]
fn hidden_rows_change_no_answer_and_no_error() {
    let (hidden, copy) = (with_hidden(), copy());
    let (mut answers, mut errors) = (0, 0);
    // Planning is slow in a debug build: every third of them, which still meets each expression and
    // each condition.
    for sql in statements().into_iter().step_by(3) {
        let ends = ending(&hidden, &sql);
        assert_eq!(ends, ending(&copy, &sql), "{sql}");
        if ends.is_ok() { answers += 1 } else { errors += 1 }
    }
    assert!(answers > 90 && errors > 15, "{answers} answers, {errors} errors");
}

#[test]
fn the_same_statement_sees_a_row_that_is_in_view() {
    let sql = "SELECT count(*) AS n FROM system_log WHERE 1 / (index - 3) < 10";
    assert!(ending(&with_hidden(), sql).is_err(), "the control row is there and divides by zero");
}

#[test]
fn a_view_of_less_than_the_tenant_is_refused() {
    let own = policy_view(Scope::Write, Action::Write);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let question = Question { sql: "SELECT 1 AS n", parameters: &[] };
    let refusal =
        runtime.block_on(indelible_query::run(whole(&copy()), &own, question, &Limits::default()));
    assert!(matches!(refusal, Err(Error::NotAllowed { .. })), "{refusal:?}");
    assert_eq!(own.tenant(), &tenant());
}

#[test]
fn coverage_says_what_was_looked_at() {
    let whole = ask(&with_hidden(), "SELECT 1 AS n").unwrap().coverage();
    assert_eq!((whole.from_index, whole.to_index, whole.as_of, whole.complete), (0, 7, 7, true));
    let holes = ask(&copy(), "SELECT 1 AS n").unwrap().coverage();
    assert!(!holes.complete, "lost rows make an answer incomplete");
}
