//! Negative controls: each rule is broken on purpose by a small tree and must find it; a clean tree
//! must pass every rule.

use super::{RULES, Tree};
use crate::source::File;

const CLEAN: &str = "//! A room.\n\n/// Adds.\npub fn add(a: u8, b: u8) -> u8 {\n    a + b\n}\n";
const MANIFEST: &str = "[lints]\nworkspace = true\n[dependencies]\ntlog = { workspace = true }\n";

fn tree(path: &str, text: &str) -> Tree {
    Tree {
        files: vec![File::parse(path, text.to_string())],
        manifests: vec![("crates/event/Cargo.toml".into(), MANIFEST.into())],
        lock: "name = \"arrow\"\nname = \"zstd\"\n".into(),
        texts: Vec::new(),
    }
}

fn with_manifest(text: &str) -> Tree {
    let mut broken = tree("crates/event/src/lib.rs", CLEAN);
    broken.manifests = vec![("crates/event/Cargo.toml".into(), text.into())];
    broken
}

fn found(tree: &Tree) -> Vec<&'static str> {
    RULES.iter().filter(|rule| !(rule.check)(tree).is_empty()).map(|rule| rule.id).collect()
}

fn lines(count: usize, line: &str) -> String {
    format!("//! A room.\n{}", format!("{line}\n").repeat(count))
}

#[test]
fn a_clean_tree_breaks_no_rule() {
    assert_eq!(found(&tree("crates/event/src/ids.rs", CLEAN)), [""; 0]);
}

#[test]
fn each_rule_finds_what_it_forbids() {
    let long_function = format!("//! A room.\nfn long() {{\n{}}}\n", "    call();\n".repeat(70));
    let wide = "//! A room.\nfn f(a: u8, b: u8, c: u8, d: u8, e: u8, g: u8) {}\n";
    let sleeping = "//! A room.\nfn f() { std::thread::sleep(t); }\n";
    let inline =
        format!("//! A room.\n#[cfg(test)]\nmod tests {{\n{}}}\n", "    // x\n".repeat(70));
    let expects = lines(4, "fn f() { a.expect(\"b\"); }");
    let place = format!("//! See {}x.\n", concat!("/ho", "me/"));
    let cases: Vec<(&str, &str, String)> = vec![
        ("A2", "crates/event/src/a.rs", long_function),
        ("A3", "crates/event/src/a.rs", lines(500, "// x")),
        ("A4", "crates/event/src/a.rs", "fn f() {}\n".into()),
        ("A8", "crates/event/src/a.rs", "//! A room.\nfn f() { a.unwrap(); }\n".into()),
        ("A8", "crates/event/src/a.rs", expects),
        ("A9", "crates/ledger/src/a.rs", lines(100, "fn f() {}")),
        ("A10", "crates/event/src/a.rs", "//! A room.\nfn f() { unsafe { g() } }\n".into()),
        ("A11", "crates/event/src/a.rs", "//! A room.\n// TODO later\n".into()),
        ("A13", "crates/event/tests/other.rs", CLEAN.into()),
        ("A16", "crates/event/src/a.rs", wide.into()),
        ("tests", "crates/event/tests/it/main.rs", sleeping.into()),
        ("tests", "crates/event/src/a.rs", "//! A room.\n#[ignore]\nfn f() {}\n".into()),
        ("tests", "crates/event/src/a.rs", inline),
        ("parse", "crates/event/src/a.rs", "//! A room.\nfn {".into()),
        (
            "ledger-rooms",
            "crates/ledger/src/a.rs",
            "//! A room.\nuse event::record::Record;\n".into(),
        ),
        ("ledger-rooms", "crates/ledger/src/a.rs", "//! A room.\nuse event::{ids, json};\n".into()),
        ("io-edge", "crates/event/src/a.rs", "//! A room.\nuse std::fs;\n".into()),
        (
            "recorded",
            "crates/server/src/http/query.rs",
            "//! A room.\nfn f() { g(Recorded::new(0, all)); }\n".into(),
        ),
        ("drawers", "crates/event/src/utils.rs", CLEAN.into()),
        ("glossary", "crates/event/src/a.rs", "//! A room.\nfn f(log_line: u8) {}\n".into()),
        ("invariants", "crates/event/src/a.rs", "//! A room.\n// INVARIANT (I15): none.\n".into()),
        ("places", "crates/event/src/a.rs", place),
    ];
    for (rule, path, text) in cases {
        let found = found(&tree(path, &text));
        assert!(found.contains(&rule), "{rule} did not find it in {path}: {found:?}\n{text}");
    }
}

#[test]
fn the_record_of_a_read_is_made_where_it_belongs() {
    let text = "//! A room.\nfn f() { g(query::Recorded::new(0, all)); }\n";
    let cases: [(&str, &[&str]); 5] = [
        ("crates/server/src/audit.rs", &[]),
        ("crates/server/src/audit/reads.rs", &[]),
        ("crates/query/tests/it/seal.rs", &[]),
        ("crates/query/src/barrier/tests/copy.rs", &[]),
        ("crates/query/src/run.rs", &["recorded"]),
    ];
    for (path, expected) in cases {
        assert_eq!(found(&tree(path, text)), expected, "{path}");
    }
}

#[test]
fn manifests_and_the_lock_file_are_read() {
    let features = format!("{MANIFEST}[features]\na=[]\nb=[]\nc=[]\nd=[]\n");
    let cases = [
        ("A14", features.as_str()),
        ("lints", "[dependencies]\n"),
        ("lints", "[lints]\nworkspace = true\n[dependencies]\nserde = \"1\"\n"),
        ("arrows", "[lints]\nworkspace = true\n[dependencies]\nledger = { workspace = true }\n"),
    ];
    for (rule, manifest) in cases {
        assert!(found(&with_manifest(manifest)).contains(&rule), "{rule}: {manifest}");
    }
    let mut two = tree("crates/event/src/ids.rs", CLEAN);
    two.lock.push_str("name = \"zstd\"\n");
    assert_eq!(found(&two), ["one-of"]);
}
