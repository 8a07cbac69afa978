//! The table of keys against itself, its documentation and the reload that it allows.

use super::*;

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operate/configuration.md");

#[test]
fn every_key_changes_a_field_of_its_own() {
    let default = format!("{:?}", Config::default());
    let mut seen = std::collections::BTreeSet::new();
    for key in KEYS {
        let text = match &key.kind {
            Kind::Number(number) if number.default == number.range.0 => number.range.1.to_string(),
            Kind::Number(number) => number.range.0.to_string(),
            Kind::Text(text) => match text.shape {
                keys::Shape::Choice(words) => words.last().copied().unwrap_or_default().to_owned(),
                keys::Shape::Address => "127.0.0.1:9".to_owned(),
                keys::Shape::Filter => "debug".to_owned(),
                keys::Shape::Path | keys::Shape::StoreName => "somewhere".to_owned(),
            },
        };
        let value = key.read_plain(&text).expect(key.name);
        // Every default but one is another word; that one is the last of its choices.
        let mut settings = defaults();
        for setting in settings.iter_mut().filter(|setting| setting.key.name == key.name) {
            setting.value = Some(value.clone());
        }
        let changed = format!("{:?}", Config::of(&settings));
        assert_ne!(changed, default, "`{}` changes nothing", key.name);
        assert!(seen.insert(changed), "`{}` changes what another key changes", key.name);
    }
    let fields = default.matches(": ").count();
    assert_eq!(KEYS.len(), fields, "a field without a key keeps what `blank` gave it");
}

#[test]
fn every_default_would_be_taken_and_contradicts_nothing() {
    for setting in defaults() {
        match (&setting.key.kind, &setting.value) {
            (Kind::Number(number), Some(Value::Number(value))) => {
                let (least, most) = number.range;
                assert!((least..=most).contains(value), "{}", setting.key.name);
            }
            (_, Some(Value::Text(value))) => {
                assert!(setting.key.read_plain(value).is_ok(), "{}", setting.key.name);
            }
            (_, None) => {}
            (_, value) => panic!("{}: {value:?}", setting.key.name),
        }
    }
    assert_eq!(rules::check(&defaults()), []);
}

#[test]
fn a_name_ends_in_the_unit_that_it_counts() {
    for key in KEYS {
        let Kind::Number(number) = &key.kind else { continue };
        let words: &[&str] = match number.unit {
            keys::Unit::Bytes => &["_bytes", "_bytes_max", "bytes_max", "_bytes_in_flight_max"],
            keys::Unit::Milliseconds => &["_ms"],
            keys::Unit::Rows => &["rows_max", "rows_min"],
            keys::Unit::Connections => &["connections_max"],
        };
        let is_said = words.iter().any(|word| key.name.ends_with(word))
            || key.name == "server.bytes_in_flight_max";
        assert!(is_said, "`{}` does not say that it counts {}", key.name, number.unit.words());
    }
}

#[test]
fn the_page_of_keys_is_the_table() {
    let written = std::fs::read_to_string(DOCUMENT).expect("docs/operate/configuration.md");
    let (before, rest) = written.split_once("<!-- made by a test: keys -->\n").expect("a mark");
    let (table, after) = rest.split_once("<!-- end -->").expect("an end");
    if std::env::var_os("INDELIBLE_WRITE_DOCS").is_some() {
        let whole =
            format!("{before}<!-- made by a test: keys -->\n{}<!-- end -->{after}", pages::page());
        std::fs::write(DOCUMENT, whole).expect("written");
    } else {
        assert_eq!(table, pages::page(), "run `cargo xtask gen` and commit the page");
    }
}

/// A running configuration of the file `text`, and where that is.
fn running(text: &str) -> (tempfile::TempDir, PathBuf, Live) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("c.toml");
    std::fs::write(&path, text).expect("a file");
    let sources = Sources { file: Some(path.clone()), ..Sources::default() };
    let loaded = sources.load();
    let live = Live::new(sources, loaded).expect("a good file");
    (folder, path, live)
}

#[test]
fn a_reload_takes_what_may_change_and_names_what_may_not() {
    let before = "[query]\nrows_max = 5\ntimeout_ms = 7\n[server]\nconnections_max = 9\n";
    let (_folder, path, live) = running(before);
    let held = live.now();
    let after = "[query]\nrows_max = 6\ntimeout_ms = 7\n[server]\nconnections_max = 10\n";
    std::fs::write(&path, after).expect("a file");
    // The second look finds the new value still waiting: it is told again until the restart.
    for changed in [vec!["query.rows_max"], vec![]] {
        let reloaded = live.reload().expect("a good file");
        assert_eq!(reloaded.changed, changed);
        assert_eq!(reloaded.waiting, ["server.connections_max"]);
    }
    let now = live.now();
    assert_eq!((now.query_rows_max, now.query_timeout_ms, now.connections_max), (6, 7, 9));
    assert_eq!(held.query_rows_max, 5, "who works with the old values goes on with them");
    std::fs::write(&path, "").expect("a file");
    let reloaded = live.reload().expect("a good file");
    assert_eq!(reloaded.changed, ["query.rows_max", "query.timeout_ms"], "back to the default");
}

#[test]
fn a_reload_that_is_wrong_changes_nothing() {
    let (_folder, path, live) = running("[query]\nrows_max = 5\n");
    let before = live.now();
    for broken in ["[query]\nrows_max = 6\nrow_max = 7\n", "[query\n", "[query]\nrows_max = 0\n"] {
        std::fs::write(&path, broken).expect("a file");
        let refused = live.reload().expect_err(broken);
        assert!(!refused.mistakes.is_empty());
        assert_eq!(live.now(), before, "{broken}");
    }
    std::fs::remove_file(&path).expect("removed");
    assert!(live.reload().is_err(), "a file that was named must be there");
    assert_eq!(live.now(), before);
}
