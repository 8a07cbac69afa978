//! What a scrape of the running server shows, against the page that lists every figure.

use std::collections::BTreeSet;

use crate::harness::{Call, Server, Store};

const PAGE: &str = include_str!("../../../../docs/reference/metrics.md");

/// The figures that the page lists.
fn listed() -> BTreeSet<&'static str> {
    let rows = PAGE.lines().filter_map(|line| line.strip_prefix("| `indelible_"));
    rows.filter_map(|row| row.split('`').next()).collect()
}

/// The families that a scrape shows.
fn shown(text: &str) -> BTreeSet<&str> {
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE indelible_"));
    types.filter_map(|line| line.split(' ').next()).collect()
}

fn scrape(server: &Server) -> String {
    Call::new("GET", "/metrics").send(&server.client.url).text()
}

/// The value of one series.
fn value(text: &str, series: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    let line = line.unwrap_or_else(|| panic!("{series} is not in\n{text}"));
    line.parse().expect("a number")
}

#[test]
fn a_running_server_shows_exactly_what_the_page_lists() {
    let store = Store::new();
    let server = store.serve();
    let before = scrape(&server);
    assert_eq!(shown(&before), listed());
    // Every sample belongs to a family that was announced.
    for line in before.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(['{', ' ']).next().expect("a name");
        let name = name.strip_prefix("indelible_").expect("our prefix");
        let ends = ["_bucket", "_sum", "_count"];
        let family = ends.iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
        assert!(listed().contains(family), "{line}");
    }
}

#[test]
fn figures_say_what_happened() {
    let store = Store::new();
    let server = store.serve();
    let named = r#"{"id":"01890000-0000-7000-8000-000000000001","action":"a.b","actor":"x"}"#;
    let strange = r#"{"schema":"order@7","action":"a.b","actor":"x"}"#;
    for body in [named, named, strange, r#"{"action":"a.b"}"#] {
        server.post("/v1/events", body);
    }
    let instance = "000102030405060708090a0b0c0d0e0f";
    let path = format!("/v1/streams/local/{instance}/lost");
    let lost = r#"{"from":1,"to":40,"reason":"disk"}"#;
    assert_eq!(server.post(&path, lost).status, 200);
    // Said again it is the same declaration, and counts once.
    assert_eq!(server.post(&path, lost).status, 200);
    assert_eq!(server.post("/v1/query", r#"{"sql":"select 1"}"#).status, 200);
    assert_eq!(server.get("/v1/tenants").status, 403);
    let text = scrape(&server);
    let outcome = |outcome: &str| {
        let labels = format!("{{protocol=\"http\",outcome=\"{outcome}\"}}");
        value(&text, &format!("indelible_ingest_events_total{labels}"))
    };
    let outcomes = ["committed", "duplicate", "dead_lettered", "rejected", "conflict"];
    assert_eq!(outcomes.map(outcome), [1.0, 1.0, 1.0, 1.0, 0.0], "{text}");
    for (series, expected) in [
        ("indelible_dedup_hits_total", 1.0),
        ("indelible_dlq_events_total{reason=\"schema_unknown\"}", 1.0),
        ("indelible_producer_gap_events_total", 40.0),
        ("indelible_ingest_duration_seconds_count", 4.0),
        ("indelible_query_duration_seconds_count{kind=\"sql\"}", 1.0),
        ("indelible_policy_decisions_total{decision=\"denied\"}", 1.0),
        ("indelible_policy_decisions_total{decision=\"allowed\"}", 7.0),
        ("indelible_verify_failures_total", 0.0),
        ("indelible_http_answers_total{class=\"5xx\"}", 0.0),
    ] {
        assert_eq!(value(&text, series).to_bits(), f64::to_bits(expected), "{series} in\n{text}");
    }
    for series in [
        "indelible_wal_fsync_duration_seconds_count",
        "indelible_tree_size",
        "indelible_wal_size_bytes",
        "indelible_data_free_bytes",
        "indelible_lake_hot_max_bytes",
        "indelible_ingest_bytes_total{protocol=\"http\"}",
    ] {
        assert!(value(&text, series) > 0.0, "{series} in\n{text}");
    }
    let version = env!("CARGO_PKG_VERSION");
    assert!(text.contains(&format!("indelible_build_info{{version=\"{version}\",commit=")));
    let open = Call::new("GET", "/metrics").header("accept", "application/openmetrics-text");
    assert!(open.send(&server.client.url).text().ends_with("# EOF\n"));
}
