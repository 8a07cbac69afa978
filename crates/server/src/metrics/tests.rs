//! The table of figures against the page that is made of it, and what a scrape shows against the table.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::table::{Kind, TABLE};
use super::*;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/metrics.md");

/// A kind as the text format has it.
fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
    }
}

/// The page as the table has it.
fn page() -> String {
    let mut page = String::from(
        "# Metrics\n\n\
         `GET /metrics` wants no credential and names no tenant and no producer. It answers in Prometheus's text format, and in OpenMetrics\n\
         if `Accept` asks for it. Every series is there from the start. What is counted is counted from the start of the process on.\n\
         Alert rules and a dashboard are in `packaging/monitoring/`. This page is made from `server::metrics::table` and checked\n\
         against it by a test; `INDELIBLE_WRITE_DOCS=1` makes that test write it.\n\n\
         | name | kind | unit | labels | meaning |\n|---|---|---|---|---|\n",
    );
    for row in TABLE {
        let labels: Vec<String> =
            row.labels.iter().map(|(name, values)| format!("`{name}`: {values}")).collect();
        let (name, kind, unit, meaning) = (row.name, word(row.kind), row.unit, row.meaning);
        writeln!(page, "| `{name}` | {kind} | {unit} | {} | {meaning} |", labels.join("; "))
            .expect("a text grows");
    }
    page
}

#[test]
fn the_page_of_metrics_is_the_table() {
    if std::env::var_os("INDELIBLE_WRITE_DOCS").is_some() {
        std::fs::write(PAGE, page()).expect("written");
    }
    let written = std::fs::read_to_string(PAGE).expect("docs/reference/metrics.md");
    assert_eq!(written, page(), "run this test with INDELIBLE_WRITE_DOCS=1 and commit the page");
}

#[test]
fn names_follow_the_rules_of_prometheus() {
    let names: BTreeSet<&str> = TABLE.iter().map(|row| row.name).collect();
    assert_eq!(names.len(), TABLE.len(), "a name is there twice");
    for row in TABLE {
        let name = row.name;
        assert!(name.starts_with("indelible_"), "{name}");
        assert_eq!(name.ends_with("_total"), row.kind == Kind::Counter, "{name}");
        let bare = name.trim_end_matches("_total");
        let ends_in_unit = bare.ends_with(&format!("_{}", row.unit));
        assert!(row.unit == "1" || ends_in_unit, "{name} is in {}", row.unit);
        assert!(!row.meaning.is_empty() && !row.meaning.ends_with('.'), "{name}");
    }
}

/// Names of families with their kinds, as a text has them.
fn families(text: &str) -> BTreeSet<(String, String)> {
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    types
        .map(|line| line.split_once(' ').expect("name and kind"))
        .map(|(name, kind)| (name.to_owned(), kind.to_owned()))
        .collect()
}

fn reading() -> Reading {
    let ledger = ledger::Stats { records: 3, checkpointed_records: 2, ..ledger::Stats::default() };
    Reading {
        hot_bytes: 1,
        hot_max_bytes: 2,
        in_flight_bytes: 3,
        free_bytes: None,
        index_lag_ns: 1_500_000_000,
        tree_size: 9,
        now_ns: 2_000_000_000,
        ledger: ledger::Stats { checkpointed_at_ns: 500_000_000, ..ledger },
    }
}

#[test]
fn a_scrape_shows_the_rows_of_the_table_and_nothing_else_in_both_forms() {
    let metrics = Metrics::new(&Said::new());
    metrics.answer(404);
    metrics.synced(3_000_000);
    let expected: BTreeSet<(String, String)> =
        TABLE.iter().map(|row| (row.name.to_owned(), word(row.kind).to_owned())).collect();
    let plain = metrics.text(Form::Prometheus, &reading()).expect("a text");
    assert_eq!(families(&plain), expected);
    let open = metrics.text(Form::OpenMetrics, &reading()).expect("a text");
    let bare = |(name, kind): &(String, String)| {
        (name.trim_end_matches("_total").to_owned(), kind.clone())
    };
    assert_eq!(families(&open), expected.iter().map(bare).collect());
    for line in [
        "indelible_http_answers_total{class=\"4xx\"} 1",
        "indelible_http_answers_total{class=\"5xx\"} 0",
        "indelible_index_lag_seconds 1.5",
        "indelible_unsealed_oldest_age_seconds 1.5",
        "indelible_tree_size 9",
        "indelible_wal_fsync_duration_seconds_bucket{le=\"0.002\"} 0",
        "indelible_wal_fsync_duration_seconds_bucket{le=\"0.005\"} 1",
        "indelible_ingest_events_total{protocol=\"http\",outcome=\"dead_lettered\"} 0",
    ] {
        assert!(plain.lines().any(|shown| shown == line), "{line} is not in\n{plain}");
        assert!(open.lines().any(|shown| shown == line), "{line} is not in\n{open}");
    }
    assert!(open.ends_with("# EOF\n") && !plain.contains("EOF"));
}

#[test]
fn labels_are_those_of_the_table() {
    let text = Metrics::new(&Said::new()).text(Form::Prometheus, &reading()).expect("a text");
    for row in TABLE {
        let series = text.lines().find_map(|line| {
            let rest = line.strip_prefix(row.name)?;
            let rest = rest.strip_prefix("_sum").unwrap_or(rest);
            rest.starts_with([' ', '{']).then_some(rest)
        });
        let series = series.unwrap_or_else(|| panic!("{} has no series", row.name));
        let found: Vec<&str> = match series.strip_prefix('{').and_then(|rest| rest.split_once('}'))
        {
            Some((labels, _)) => {
                labels.split(',').filter_map(|label| Some(label.split_once('=')?.0)).collect()
            }
            None => Vec::new(),
        };
        let listed: Vec<&str> = row.labels.iter().map(|(name, _)| *name).collect();
        assert_eq!(found, listed, "{}", row.name);
    }
}

/// What in `text` looks like a figure of ours and is none; what a histogram shows has three ends.
fn strangers(text: &str) -> BTreeSet<&str> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = text.split(|c| !is_word(c)).filter(|word| word.starts_with("indelible_"));
    let is_known = |word: &&str| {
        TABLE.iter().any(|row| match row.kind {
            Kind::Histogram => ["_bucket", "_sum", "_count"]
                .iter()
                .any(|end| word.strip_suffix(end) == Some(row.name)),
            Kind::Counter | Kind::Gauge => row.name == *word,
        })
    };
    words.filter(|word| !is_known(word)).collect()
}

#[test]
fn alert_rules_and_dashboard_name_figures_that_there_are() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../packaging/monitoring/");
    for name in ["alerts.yml", "grafana.json"] {
        let text = std::fs::read_to_string(format!("{root}{name}")).expect("a shipped file");
        assert!(text.matches("indelible_").count() >= 10, "{name} names no figures");
        assert_eq!(strangers(&text), BTreeSet::new(), "{name} names figures that there are not");
    }
    let dashboard = std::fs::read_to_string(format!("{root}grafana.json")).expect("a dashboard");
    let dashboard: serde_json::Value = serde_json::from_str(&dashboard).expect("JSON");
    assert!(dashboard["panels"].as_array().is_some_and(|panels| panels.len() >= 10));
    // The other way round: what there is not is found.
    for wrong in ["indelible_wal_fsync_seconds_bucket", "indelible_tree_size_total > 0"] {
        assert_eq!(strangers(wrong).len(), 1, "{wrong}");
    }
}

/// Where an alarm is explained, relative to the repository.
const ALARMS: &str = "docs/operate/alerts.md";
/// What each section of that page says, in this order.
const PARTS: [&str; 6] = [
    "**Means** (",
    "**Users notice**:",
    "**Look closer**:",
    "```sh\n",
    "**Do**:",
    "**Over when** ",
];

/// Alarms whose rule does not lead to their section, sections without a rule, and sections that leave something out.
fn unexplained(rules: &str, page: &str) -> Vec<String> {
    let value = |line: &str, key: &str| {
        let rest = line.trim().trim_start_matches("- ").strip_prefix(key)?;
        Some(rest.trim().trim_matches('"').to_owned())
    };
    let names: Vec<String> = rules.lines().filter_map(|line| value(line, "alert:")).collect();
    let links: Vec<String> = rules.lines().filter_map(|line| value(line, "runbook_url:")).collect();
    let expected: Vec<String> =
        names.iter().map(|name| format!("{ALARMS}#{}", name.to_lowercase())).collect();
    let mut wrong = Vec::new();
    if links != expected {
        wrong.push(format!("links {links:?} of {names:?}"));
    }
    let sections = page.split("\n## ").skip(1);
    let found: Vec<(&str, &str)> =
        sections.map(|section| section.split_once('\n').unwrap_or((section, ""))).collect();
    if !found.iter().map(|(name, _)| *name).eq(names.iter().map(String::as_str)) {
        wrong.push("the sections are not the rules, in their order".to_owned());
    }
    for (name, text) in found {
        let places: Vec<Option<usize>> = PARTS.iter().map(|part| text.find(part)).collect();
        if places.contains(&None) || !places.is_sorted() {
            wrong.push(format!("{name} has not all of {PARTS:?} in this order"));
        }
    }
    wrong
}

#[test]
fn every_alarm_leads_to_its_section_and_every_section_belongs_to_an_alarm() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../");
    let read = |name: &str| std::fs::read_to_string(format!("{root}{name}")).expect("a page");
    let (rules, page) = (read("packaging/monitoring/alerts.yml"), read(ALARMS));
    assert!(rules.matches("- alert:").count() >= 10, "the rules are read");
    assert_eq!(unexplained(&rules, &page), Vec::<String>::new());
    // A rule without a link, a link to another section, a section too many, one too few, and one that is cut short.
    for (rules, page) in [
        (rules.replacen("runbook_url:", "url:", 1), page.clone()),
        (rules.replacen("#indelibledown", "#indeliblediskfault", 1), page.clone()),
        (rules.clone(), format!("{page}\n## IndelibleOther\n")),
        (rules.clone(), page.replacen("\n## IndelibleDown\n", "\n", 1)),
        (rules.clone(), page.replacen("**Over when** ", "", 1)),
    ] {
        assert!(!unexplained(&rules, &page).is_empty());
    }
}
