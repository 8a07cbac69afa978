//! Limits at and past each, and the parts that the table of cases does not reach.

use super::*;
use crate::code::Code;
use crate::json::{self, Value};

const NOW: Timestamp = Timestamp(1_795_528_985_000_000_000);

fn read(text: &str) -> Search {
    parse(text, NOW).unwrap_or_else(|error| panic!("{}", error.render(text)))
}

fn refused(text: &str) -> Error {
    parse(text, NOW).expect_err("the search is refused")
}

#[test]
fn a_search_has_so_many_bytes_and_no_more() {
    let longest = format!("\"{}\"", "a".repeat(limits::SEARCH_BYTES_MAX - 2));
    assert_eq!(read(&longest).to_text().len(), limits::SEARCH_BYTES_MAX - 2);
    let error = refused(&format!("{longest} "));
    assert_eq!((error.reason, error.code()), (Reason::Limit, Code::QueryLimit));
    // A character that straddles the limit moves the caret, never splits.
    let error = refused(&format!("{}é", "a".repeat(limits::SEARCH_BYTES_MAX - 1)));
    assert_eq!(error.reason, Reason::Limit);
}

#[test]
fn groups_nest_so_deep_and_no_deeper() {
    let nested = |depth: usize| format!("{}a{}", "(".repeat(depth), ")".repeat(depth));
    assert_eq!(read(&nested(limits::SEARCH_DEPTH_MAX)).to_text(), "a");
    let error = refused(&nested(limits::SEARCH_DEPTH_MAX + 1));
    assert_eq!((error.reason, error.span), (Reason::Limit, 16..17));
    // Groups beside one another are not deep.
    assert!(parse(&"(a) ".repeat(100), NOW).is_ok());
}

#[test]
fn a_search_has_so_many_terms_and_values_and_no_more() {
    let words = vec!["a"; limits::SEARCH_NODES_MAX].join(" ");
    assert!(parse(&words, NOW).is_ok());
    assert_eq!(refused(&format!("{words} a")).reason, Reason::Limit);
    let values = vec!["a"; limits::SEARCH_NODES_MAX].join(",");
    assert!(parse(&format!("actor:{values}"), NOW).is_ok());
    assert_eq!(refused(&format!("actor:{values},a")).reason, Reason::Limit);
}

#[test]
fn paths_and_patterns_have_limits() {
    let path = |segments: usize| format!("attrs{}:x", ".a".repeat(segments - 1));
    assert!(parse(&path(limits::PATH_SEGMENTS_MAX), NOW).is_ok());
    assert_eq!(refused(&path(limits::PATH_SEGMENTS_MAX + 1)).reason, Reason::Limit);
    let changed = |keys: usize| format!("changed:{}", vec!["a"; keys].join("."));
    assert!(parse(&changed(limits::PATH_SEGMENTS_MAX), NOW).is_ok());
    assert_eq!(refused(&changed(limits::PATH_SEGMENTS_MAX + 1)).reason, Reason::Limit);
    let stars = |stars: usize| format!("actor:a{}", "*a".repeat(stars));
    assert!(parse(&stars(limits::STARS_MAX), NOW).is_ok());
    assert_eq!(refused(&stars(limits::STARS_MAX + 1)).reason, Reason::Limit);
}

#[test]
fn an_error_shows_the_place_the_hint_and_the_search_mended() {
    let query = "kind:read acton:x";
    assert_eq!(
        refused(query).render(query),
        "there is no field `acton`\n  kind:read acton:x\n            ^^^^^\n\
         hint: did you mean `action`? a text with a colon goes into quotes\ntry: kind:read action:x\n"
    );
    // Far to the right the line is cut before and behind; a tab does not move the caret.
    let query = format!("\t\"{}\" acton:x", "ä".repeat(200));
    let error = refused(&query);
    let shown = error.render(&query);
    let lines: Vec<&str> = shown.lines().collect();
    let caret = lines[2].find('^').unwrap();
    assert_eq!(lines[1].chars().skip(caret).take(5).collect::<String>(), "acton");
    assert!(lines[1].chars().count() <= 76, "{shown}");
}

#[test]
fn patterns_match_from_the_left() {
    let form = |text: &str| Pattern::new(text.split('*').map(str::to_owned).collect(), Case::Exact);
    for (pattern, text, matches) in [
        ("ana", "ana", true),
        ("ana", "anab", false),
        ("a*", "a", true),
        ("*a", "ba", true),
        ("a*a", "a", false),
        ("a*a", "aa", true),
        ("a*b*c", "axbxbc", true),
        ("a*b*c", "ac", false),
        ("*b*", "abc", true),
        ("a*b*b", "ab", false),
        ("*", "", true),
        ("A*", "a", false),
    ] {
        assert_eq!(form(pattern).matches(text), matches, "{pattern} {text}");
    }
    let folded = Pattern::new(vec!["ÄNA".to_owned(), String::new()], Case::Fold);
    assert!(folded.matches("äna b") && folded.matches("ÄNA") && !folded.matches("ana"));
}

#[test]
fn numbers_are_compared_exactly() {
    let number = |token: &str| Decimal::parse(token).unwrap();
    for equal in ["100", "1e2", "100.0", "1.00E+2", "0.1e3"] {
        assert_eq!(number("100"), number(equal), "{equal}");
        assert_eq!(number(equal).to_string(), "100");
    }
    let ascending = [
        "-1e300",
        "-9007199254740993",
        "-9007199254740992",
        "-1.5",
        "-1.25",
        "-1e-300",
        "0",
        "1e-300",
        "0.001",
        "0.01",
        "0.5",
        "0.55",
        "1",
        "9007199254740992",
        "9007199254740993",
        "1e20",
        "1e300",
    ];
    for pair in ascending.windows(2) {
        assert!(number(pair[0]) < number(pair[1]), "{pair:?}");
    }
    for token in ascending {
        assert_eq!(number(&number(token).to_string()), number(token), "{token}");
    }
    assert_eq!(number("-0.0"), number("0"));
    for no_number in ["", "-", "01", "1.", ".5", "+1", "1e", "1e+", "0x1", "1e1000000000", "NaN"] {
        assert_eq!(Decimal::parse(no_number), None, "{no_number}");
    }
}

#[test]
fn addresses_are_numbers_and_not_texts() {
    let within = |range: &str, address: &str| address_tests(range).unwrap()[0].contains(address);
    assert!(within("10.0.0.0/8", "10.255.0.1") && !within("10.0.0.0/8", "11.0.0.1"));
    assert!(within("10.0.0.0/8", "::ffff:10.1.2.3") && within("::ffff:10.0.0.0/104", "10.9.9.9"));
    assert!(within("2001:db8::/32", "2001:db8:ffff::1") && !within("2001:db8::/32", "2001:db9::"));
    assert!(within("0.0.0.0/0", "255.255.255.255") && !within("0.0.0.0/0", "::1"));
    assert!(within("::/0", "::1") && !within("::/0", "10.0.0.1"));
    assert!(within("10.0.0.9..10.0.0.10", "10.0.0.10"));
    assert!(!within("10.0.0.1", "10.0.0.1:80") && !within("10.0.0.1", "localhost"));
    let block = |text: &str| Addresses::parse(text).map(|addresses| addresses.to_text());
    for text in ["10.0.0.0/31", "10.0.0.0/9", "::/0", "2001:db8::/127", "0.0.0.0/0", "1.2.3.4"] {
        assert_eq!(block(text).as_deref(), Some(text));
    }
    for text in ["10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/+8", "10.0.0/8", "fe80::1%eth0"] {
        assert_eq!(block(text), None, "{text}");
    }
}

fn json_is(json: &str, path: &str, test: &str) -> bool {
    let value = json::parse(json.as_bytes(), json::Limits::READER).unwrap();
    let path: Vec<String> = path.split('.').map(str::to_owned).collect();
    json_at(&value, &path, &json_tests(test).unwrap())
}

#[test]
fn json_values_are_what_they_look_like() {
    let row = r#"{"n":100,"t":"100","b":true,"z":null,"d":"2026-11-24T10:00:00+01:00","l":["a","b",7],"o":{"k":[{"x":1},{"x":2}]}}"#;
    let is = |path: &str, test: &str| json_is(row, path, test);
    assert!(is("n", "100") && is("n", "1e2") && is("t", "100") && !is("t", "1e2"));
    assert!(is("t", "\"100\"") && !is("n", "\"100\""), "a text in quotes is a text");
    assert!(is("n", ">99") && !is("n", ">100") && is("n", ">=100") && is("n", "1..100"));
    assert!(
        !is("t", ">99") && !is("missing", "<1") && !is("o", ">0"),
        "only numbers have an order"
    );
    assert!(is("b", "true") && !is("b", "false") && !is("b", "\"true\""));
    assert!(
        is("z", "null") && !is("z", "*") && is("n", "*") && is("o", "*") && !is("missing", "*")
    );
    assert!(
        is("d", "<2026-11-25") && is("d", ">=2026-11-24T09:00") && !is("d", ">=2026-11-24T09:01")
    );
    assert!(is("l", "a") && is("l", "7") && is("l", ">6") && !is("l", "c") && is("l", "c,b"));
    assert!(is("o.k.x", "2") && !is("o.k.x", "3") && !is("o.k", "2"));
}

#[test]
fn paths_of_changes_run_through_keys() {
    let at = |pattern: &str, pointer: &str| {
        change_path(pattern).unwrap().matches(&json::tokens(pointer).unwrap())
    };
    assert!(at("role", "/role") && at("role", "/user/role") && at("role", "/role/name"));
    assert!(!at("role", "/roles") && at("role*", "/roles") && !at("role", ""));
    assert!(at("user.role", "/a/user/role") && !at("user.role", "/user/x/role"));
    assert!(at("/user", "/user/role") && !at("/user", "/a/user") && !at("/user/role", "/user"));
    assert!(at("/a~1b", "/a~1b") && at("/a.b", "/a.b") && !at("/a~1b", "/a/b"));
}

#[test]
fn what_every_match_has_is_found_and_nothing_more() {
    let required = |text: &str| read(text).required();
    let found = required("actor:ana target:invoice/1 index:5..9 since:2026-11-01 -actor:bob");
    assert_eq!(found.actors, Some(vec!["ana".to_owned()]));
    assert_eq!(found.targets, Some(vec![("invoice".to_owned(), "1".to_owned())]));
    assert_eq!((found.min_index, found.max_index), (5, 9));
    assert_eq!((found.occurred.from, found.occurred.to), (Some(1_793_491_200_000_000_000), None));
    let found = required("actor:ana,bob AND actor:eve");
    assert_eq!(found.actors, Some(vec!["eve".to_owned()]), "the shorter of two lists");
    let found = required("(actor:ana index:1..2) OR (actor:bob index:7..8)");
    assert_eq!(found.actors.map(|actors| actors.len()), Some(2));
    assert_eq!((found.min_index, found.max_index), (1, 8));
    for text in [
        "",
        "-actor:ana",
        "actor:ana OR kind:read",
        "actor:a*",
        "target:1",
        "actor:ana OR *",
        "ana",
    ] {
        let found = required(text);
        assert_eq!((found.ids, found.actors, found.targets), (None, None, None), "{text}");
    }
    let id = required("id:0190a2b4-7c1d-7e2f-8a3b-4c5d6e7f8091").ids.unwrap();
    assert_eq!(id[0][0], 1);
    let found = required("received:2026-11-01 OR received:2026-11-03");
    assert_eq!(found.received.to.unwrap() - found.received.from.unwrap(), 3 * 86_400_000_000_000);
}

#[test]
fn free_text_finds_what_json_escapes() {
    let Node::Term(Term::Text(pattern)) = read(r#""a \"B\"""#).root else { panic!("a text") };
    let mut column = Vec::new();
    json::write_cj1(&Value::text("x A \"b\" y"), &mut column);
    assert!(json_text(&pattern).matches(std::str::from_utf8(&column).unwrap()));
}

#[test]
fn a_completion_offers_names_and_values() {
    let offers = |text: &str| {
        let found = complete(text, text.len());
        let texts: Vec<String> = found.suggestions.into_iter().map(|one| one.text).collect();
        (found.span, texts, found.field)
    };
    assert_eq!(offers("kind:read out").1, ["outcome:", "outcome.code:", "reason:"]);
    assert_eq!(offers("-outcome:de"), (9..11, vec!["denied".to_owned()], Some("outcome")));
    assert_eq!(offers("outcome:failure,den").0, 16..19);
    assert_eq!(offers("(is:ga").1, ["gap"]);
    assert_eq!(offers("severity:>=w").1, ["warning"]);
    assert!(offers("since:").1.contains(&"24h".to_owned()));
    assert!(offers("has:sess").1.contains(&"session".to_owned()));
    assert_eq!(offers("actor:an"), (6..8, vec![], Some("actor")), "whoever has rows adds values");
    assert_eq!(offers("\"act").1, [""; 0], "a text is not completed");
    assert_eq!(offers("").1.len(), limits::SUGGESTIONS_MAX);
    assert_eq!(offers("foo:").1, [""; 0]);
    // Any place of any text has an answer.
    let text = "ä:\"ö actor:(é";
    for position in 0..=text.len() + 1 {
        let span = complete(text, position).span;
        assert!(text.get(span).is_some());
    }
}

#[test]
fn every_name_means_one_field() {
    let mut names: Vec<&str> = fields::names().collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
    for (foreign, ours) in fields::FOREIGN {
        let segments = |name: &str| name.split('.').map(str::to_owned).collect::<Vec<_>>();
        assert!(fields::find(&segments(ours)).is_some(), "{ours}");
        assert!(!names.contains(foreign), "{foreign} is a name of ours");
    }
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    assert_eq!(parse_bytes(b"actor:\xff", NOW).unwrap_err().reason, Reason::InvalidValue);
    assert!(parse_bytes(b"actor:ana", NOW).is_ok());
}

#[test]
fn the_document_lists_every_field() {
    const DOCUMENT: &str = include_str!("../../../../docs/reference/search.md");
    let begun = DOCUMENT.lines().skip_while(|line| !line.starts_with("| field |")).skip(2);
    let rows: Vec<&str> = begun.take_while(|line| line.starts_with('|')).collect();
    assert_eq!(rows.len(), fields::SPECS.len());
    for (row, spec) in rows.iter().zip(fields::SPECS) {
        let aliases: Vec<String> = spec.aliases.iter().map(|alias| format!("`{alias}`")).collect();
        let begin = format!("| `{}` | {} | ", spec.name, aliases.join(", "));
        assert!(
            row.starts_with(&begin) && row.ends_with(&format!(" | {} |", spec.meaning)),
            "{row}"
        );
        if let fields::Kind::Choice(values) | fields::Kind::Rank(values) = spec.kind {
            assert!(row.contains(&values.join(" ")), "{row}");
        }
    }
    for (word, _, _) in fields::IS {
        let line = DOCUMENT.lines().find(|line| line.starts_with("`is:` is short for")).unwrap();
        let is_named = line.split(|c: char| !c.is_alphanumeric()).any(|name| name == *word);
        assert!(is_named, "is:{word} is not in the document");
    }
}
