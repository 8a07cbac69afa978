//! Rules about names and words.

use super::{Finding, Tree};
use crate::source::File;

/// Names of modules that collect what has no home.
const DRAWERS: &[&str] = &["common", "utils", "util", "helpers", "helper", "misc", "types", "core"];

/// Words that mean one of the ten nouns, in identifiers, with the noun to use.
const SYNONYMS: &[(&str, &str)] = &[
    ("log_line", "event"),
    ("log_entry", "record"),
    ("audit_message", "event"),
    ("customer_id", "tenant"),
    ("offset_in_ledger", "index"),
    ("receipt_proof", "receipt"),
    ("sequence_number", "seq"),
    ("tree_head", "checkpoint"),
];

/// The promises that exist.
const INVARIANTS: std::ops::RangeInclusive<u32> = 1..=14;

/// Folders of the machines we work on. Written in pieces so that this file does not name them.
const PLACES: &[&str] =
    &[concat!("/ro", "ot/"), concat!("/wo", "rk/"), concat!("/fa", "rm/"), concat!("/ho", "me/")];

pub(super) fn drawers(tree: &Tree) -> Vec<Finding> {
    let is_drawer = |file: &&File| {
        let name = file.path.rsplit('/').find(|part| *part != "mod.rs").unwrap_or("");
        DRAWERS.contains(&name.trim_end_matches(".rs"))
    };
    tree.files.iter().filter(is_drawer).map(|f| Finding::new(&f.path, "is a drawer")).collect()
}

pub(super) fn synonyms(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| !file.path.starts_with("xtask/src/tidy")) {
        for (number, line) in file.text.lines().enumerate() {
            for (word, noun) in SYNONYMS {
                if line.contains(word) {
                    let what = format!("`{word}`: the word is `{noun}`");
                    findings.push(Finding::at(file, number + 1, what));
                }
            }
        }
    }
    findings
}

pub(super) fn invariants(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| !file.path.starts_with("xtask/src/tidy")) {
        for (number, line) in file.text.lines().enumerate() {
            for after in line.split("INVARIANT (").skip(1) {
                let ids = after.split(')').next().unwrap_or("");
                let known = ids.split(',').all(|id| {
                    let number = id.trim().strip_prefix('I').and_then(|n| n.parse().ok());
                    number.is_some_and(|number| INVARIANTS.contains(&number))
                });
                if !known {
                    findings.push(Finding::at(file, number + 1, format!("no invariant `{ids}`")));
                }
            }
        }
    }
    findings
}

pub(super) fn machine_paths(tree: &Tree) -> Vec<Finding> {
    let texts = tree.texts.iter().map(|(path, text)| (path, text));
    let code = tree.files.iter().map(|file| (&file.path, &file.text));
    let mut findings = Vec::new();
    for (path, text) in texts.chain(code) {
        for (number, line) in text.lines().enumerate() {
            if let Some(place) = PLACES.iter().find(|place| line.contains(**place)) {
                let what = format!("names `{place}`");
                findings.push(Finding::new(format!("{path}:{}", number + 1), what));
            }
        }
    }
    findings
}
