//! The search language against its table of cases, its document, and texts of any kind.

use event::ids::Timestamp;
use event::search::{self, Search};
use proptest::prelude::*;

/// 2026-11-24T14:03:05Z
const NOW: Timestamp = Timestamp(1_795_528_985_000_000_000);

fn lines(file: &str) -> impl Iterator<Item = &str> {
    file.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

#[expect(clippy::disallowed_methods, reason = "the table and the document are files")]
fn text(name: &str) -> String {
    let path = format!("{}/../../{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Reads, prints, reads again at another time: the tree is the same, and so is the print.
fn normal(query: &str) -> Result<String, search::Error> {
    let read = search::parse(query, NOW)?;
    let print = read.to_text();
    let again = search::parse(&print, Timestamp(0));
    let again = again.unwrap_or_else(|error| panic!("{query}\n{}", error.render(&print)));
    assert_eq!(again, read, "{query} -> {print}");
    assert_eq!(again.to_text(), print);
    Ok(print)
}

fn outcome(query: &str) -> String {
    match normal(query) {
        Ok(print) => format!("{query}\tok\t{print}"),
        Err(error) => {
            let mended = error.mended(query);
            let column = error.column(query);
            let mended = mended.as_deref().unwrap_or("-");
            format!("{query}\t{}\t{column}\t{mended}", error.reason.as_str())
        }
    }
}

#[test]
fn the_table_of_cases_holds() {
    let file = text("testdata/search/cases.tsv");
    let wrong: Vec<String> = lines(&file)
        .filter_map(|line| {
            let query = line.split('\t').next().unwrap_or("");
            let found = outcome(query);
            (found != line).then(|| format!("expected {line:?}\n   found {found:?}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(lines(&file).count() >= 120);
    for reason in search::Reason::ALL {
        let is_tested = lines(&file).any(|line| line.split('\t').nth(1) == Some(reason.as_str()));
        assert!(is_tested, "no case of {}", reason.as_str());
    }
}

#[test]
fn what_is_suggested_can_be_read_or_gets_further() {
    let file = text("testdata/search/cases.tsv");
    for line in lines(&file) {
        let query = line.split('\t').next().unwrap_or("");
        let Err(error) = search::parse(query, NOW) else { continue };
        assert!(query.get(error.span.clone()).is_some() && !error.hint.is_empty());
        let Some(mended) = error.mended(query) else { continue };
        if let Err(next) = search::parse(&mended, NOW) {
            assert!(next.span.start > error.span.start || next.reason != error.reason, "{mended}");
        }
    }
}

#[test]
fn the_statements_are_those_of_the_table() {
    let file = text("testdata/search/sql.tsv");
    for line in lines(&file) {
        let query = line.split('\t').next().unwrap_or("");
        let (statement, parameters) = search::parse(query, NOW).unwrap().to_sql();
        let mut found = format!("{query}\t{statement}");
        for parameter in &parameters {
            found.push('\t');
            found.push_str(&parameter.to_literal());
        }
        assert_eq!(found, line);
        let used = (1..=parameters.len()).all(|number| statement.contains(&format!("${number}")));
        assert!(used && !statement.contains(&format!("${}", parameters.len() + 1)), "{statement}");
        // Whatever stands directly before a bracket is a function, and listed.
        let before = statement
            .match_indices('(')
            .filter_map(|(at, _)| statement[..at].rsplit([' ', '(']).next());
        for call in before.filter(|call| !call.is_empty() && *call != "IN") {
            assert!(search::FUNCTIONS.contains(&call), "{call}");
        }
    }
}

#[test]
fn the_examples_of_the_document_hold() {
    let document = text("docs/reference/search.md");
    let mut examples = 0;
    for block in document.split("```search\n").skip(1) {
        let block = block.split("```").next().unwrap_or("");
        for line in block.lines() {
            examples += 1;
            if let Some((query, print)) = line.split_once(" => ") {
                assert_eq!(normal(query.trim()).unwrap(), print.trim(), "{line}");
                continue;
            }
            let (query, refusal) = line.split_once(" =! ").expect(line);
            let query = query.trim();
            let error = search::parse(query, NOW).expect_err(line);
            let (reason, mended) = refusal.trim().split_once(' ').unwrap_or((refusal.trim(), ""));
            assert_eq!(error.reason.as_str(), reason, "{line}");
            assert_eq!(error.mended(query).unwrap_or_default(), mended.trim(), "{line}");
        }
    }
    assert!(examples > 60);
}

/// Pieces that searches are made of, and pieces that break them.
#[rustfmt::skip]
const PIECES: &[&str] = &[
    "actor:", "action:", "attrs.a:", "attrs.\"x y\":", "target:", "ip:", "seq:", "occurred:",
    "since:", "is:", "has:", "changed:", "old.a:", "actor.name:", "actor.name:=", "reason:",
    "severity:>=", "kind:", "ana", "Bob", "*", "a*b", "a/b", "10.0.0.0/8", "5", ">5", "<=7",
    "1..9", "..", "24h", "2026-11-24", "denied", "read", "gap", "lost", "info", "\"", "\\",
    "\"a b\"", "-", "NOT ", " AND ", " OR ", "(", ")", ",", ":", " ", " ", " ", "!", "é", "~1",
    "/", "null", "1e2", "\u{a0}", "İ", "=", "@me", "&", "|", ".", "'", "%", "_", "session:",
    "id:", "x.y", "ß", "Σ",
];

fn any_query() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(PIECES);
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_is_read_survives_its_normal_form(query in any_query()) {
        match normal(&query) {
            Ok(_) => {
                let read = search::parse(&query, NOW).unwrap();
                let (statement, parameters) = read.to_sql();
                prop_assert!(parameters.len() <= 8 * search::limits::SEARCH_NODES_MAX);
                prop_assert!(!statement.contains('\\') && !statement.contains("Bob"));
                let _ = read.required();
            }
            Err(error) => {
                prop_assert!(query.get(error.span.clone()).is_some(), "{:?}", error);
                let _ = error.render(&query);
            }
        }
        let _ = search::complete(&query, query.len() / 2);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        if let Ok(search) = search::parse_bytes(&bytes, NOW) {
            normal(&search.to_text()).unwrap();
        }
    }

    #[test]
    fn no_text_makes_it_panic(query in "\\PC{0,200}") {
        if normal(&query).is_err() {
            let error = search::parse(&query, NOW).unwrap_err();
            prop_assert!(query.get(error.span.clone()).is_some());
            let _ = error.render(&query);
        }
    }

    #[test]
    fn any_value_can_be_asked_for(value in "\\PC{1,40}") {
        // What a program quotes is found as it is.
        let quoted = format!("actor:\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""));
        let print = normal(&quoted).unwrap();
        let Search { root, .. } = search::parse(&print, NOW).unwrap();
        let expected = search::Test::Text(search::Pattern::exact(value));
        let found = matches!(&root, search::Node::Term(search::Term::Field { tests, .. }) if *tests == [expected]);
        prop_assert!(found, "{}", print);
    }
}

/// The worst texts of the longest length: each is read or refused in a moment, or the test would not end.
#[test]
fn the_longest_texts_take_a_moment() {
    let longest = |piece: &str| piece.repeat(search::limits::SEARCH_BYTES_MAX / piece.len());
    for piece in
        ["(", "-(", "a:", "\"", "\\", "a.", "a*", "actor:a,", "a ", "1..", "é", "NOT ", "x\"", "."]
    {
        let query = longest(piece);
        if let Err(error) = search::parse(&query, NOW) {
            let _ = error.render(&query);
        }
        let _ = search::complete(&query, query.len());
    }
    // A pattern of many stars over a long text that nearly fits.
    let stars = format!("actor.name:{}b", "a*".repeat(search::limits::STARS_MAX));
    let Search { root, .. } = search::parse(&stars, NOW).unwrap();
    let search::Node::Term(search::Term::Field { tests, .. }) = root else { panic!("a term") };
    assert!(!tests[0].matches_text(&"a".repeat(64 * 1024)));
}
