//! Rules about the shape of the code: lengths, openings, hazards, tests.

use std::collections::BTreeMap;

use super::{Finding, Tree};
use crate::source::File;

const FUNCTION_LINES_MAX: usize = 70;
const FILE_LINES_MAX: usize = 500;
const ARGUMENTS_MAX: usize = 5;
const EXPECTS_PER_1000_LINES_MAX: f64 = 3.0;
const ASSERTS_PER_1000_LINES_MIN: f64 = 15.0;
const INLINE_TEST_LINES_MAX: usize = 60;

/// Files that may be longer than 500 lines (never than 800), each with its reason.
const LONG_FILES: &[(&str, &str)] = &[];

/// A file that names the words it bans, or holds examples of what it bans.
fn is_rule_book(file: &File) -> bool {
    file.path.starts_with("xtask/src/tidy")
}

pub(super) fn long_functions(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &tree.files {
        for function in &file.functions {
            if function.lines > FUNCTION_LINES_MAX {
                let what = format!("`{}` has {} lines", function.name, function.lines);
                findings.push(Finding::at(file, function.first_line, what));
            }
        }
    }
    findings
}

pub(super) fn long_files(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| !file.is_test()) {
        let excused = LONG_FILES.iter().any(|(path, _)| *path == file.path);
        let most = if excused { 800 } else { FILE_LINES_MAX };
        if file.line_count() > most {
            findings.push(Finding::new(&file.path, format!("has {} lines", file.line_count())));
        }
    }
    findings
}

pub(super) fn headless(tree: &Tree) -> Vec<Finding> {
    let opens = |file: &&File| {
        let first = file.text.lines().find(|line| !line.trim().is_empty());
        !first.is_some_and(|line| line.starts_with("//!"))
    };
    tree.files.iter().filter(opens).map(|file| Finding::new(&file.path, "has no `//!`")).collect()
}

pub(super) fn unwraps(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut per_crate: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for file in tree.files.iter().filter(|file| !file.is_test() && !is_rule_book(file)) {
        for (number, line) in code_lines(file) {
            if line.contains(".unwrap()") {
                findings.push(Finding::at(file, number, "unwrap"));
            }
            let crate_counts = per_crate.entry(file.package()).or_default();
            crate_counts.0 += line.matches(".expect(").count();
            crate_counts.1 += 1;
        }
    }
    for (package, (expects, lines)) in per_crate {
        // A crate of a few hundred lines may hold one or two without breaking the rate's sense.
        if expects > 2 && per_thousand(expects, lines) > EXPECTS_PER_1000_LINES_MAX {
            let what = format!("{expects} expects in {lines} product lines");
            findings.push(Finding::new(package, what));
        }
    }
    findings
}

pub(super) fn asserts(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in ["ledger", "tlog"] {
        let (asserts, lines) = assert_rate(tree.files.iter().filter(|f| f.package() == package));
        if lines > 0 && per_thousand(asserts, lines) < ASSERTS_PER_1000_LINES_MIN {
            findings.push(Finding::new(package, format!("{asserts} asserts in {lines} lines")));
        }
    }
    findings
}

/// Asserts and product lines of some files.
pub(crate) fn assert_rate<'a>(files: impl Iterator<Item = &'a File>) -> (usize, usize) {
    let (mut asserts, mut lines) = (0, 0);
    for file in files.filter(|file| !file.is_test()) {
        for (_, line) in code_lines(file) {
            asserts += line.matches("assert!(").count()
                + line.matches("assert_eq!(").count()
                + line.matches("assert_ne!(").count();
            lines += 1;
        }
    }
    (asserts, lines)
}

pub(super) fn unsafe_code(tree: &Tree) -> Vec<Finding> {
    each_line(tree, |line| {
        (line.contains("unsafe {") || line.contains("unsafe fn")).then(|| "unsafe".into())
    })
}

pub(super) fn unfinished(tree: &Tree) -> Vec<Finding> {
    const WORDS: &[&str] = &["TODO", "FIXME", "XXX:", "todo!(", "unimplemented!(", "dbg!("];
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| !is_rule_book(file)) {
        for (number, line) in file.text.lines().enumerate() {
            if let Some(word) = WORDS.iter().find(|word| line.contains(**word)) {
                findings.push(Finding::at(file, number + 1, format!("`{word}`")));
            }
        }
    }
    findings
}

pub(super) fn test_binaries(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &tree.files {
        let Some((above, inside)) = file.path.split_once("/tests/") else { continue };
        // Below `src` it is a room of a `tests.rs`, and no binary of its own.
        if above.contains("/src") {
            continue;
        }
        if !inside.starts_with("it/") && file.path.starts_with("crates/") {
            findings.push(Finding::new(&file.path, "stands outside tests/it/"));
        }
    }
    findings
}

pub(super) fn arguments(tree: &Tree) -> Vec<Finding> {
    let product = || tree.files.iter().flat_map(|f| f.functions.iter().map(move |g| (f, g)));
    let all = product().filter(|(_, function)| !function.in_test).count();
    let wide: Vec<_> = product()
        .filter(|(_, function)| !function.in_test && function.arguments > ARGUMENTS_MAX)
        .collect();
    if wide.len() * 200 <= all {
        return Vec::new();
    }
    let what = |function: &crate::source::Function| {
        format!("`{}` has {} arguments", function.name, function.arguments)
    };
    wide.iter().map(|(file, g)| Finding::at(file, g.first_line, what(g))).collect()
}

pub(super) fn tests(tree: &Tree) -> Vec<Finding> {
    const BANNED: &[(&str, &str)] = &[
        ("#[ignore", "an ignored test proves nothing: mend or remove it"),
        ("#[should_panic", "assert the error instead"),
        ("thread::sleep", "wait for what is meant, with a deadline"),
        ("time::sleep", "wait for what is meant, with a deadline"),
    ];
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| !is_rule_book(file)) {
        for (number, line) in file.text.lines().enumerate() {
            for (text, instead) in BANNED {
                let test_code = file.is_test() || text.starts_with('#');
                if test_code && line.contains(text) {
                    findings.push(Finding::at(file, number + 1, format!("`{text}`: {instead}")));
                }
            }
        }
        findings.extend(long_inline_tests(file));
    }
    findings
}

fn long_inline_tests(file: &File) -> Option<Finding> {
    let (first, last) =
        file.test_items.iter().find(|(first, last)| last - first >= INLINE_TEST_LINES_MAX)?;
    let what = format!("{} lines of inline tests", last - first + 1);
    (!file.is_test()).then(|| Finding::at(file, *first, what))
}

pub(super) fn broken(tree: &Tree) -> Vec<Finding> {
    let why = |file: &File| Some(Finding::new(&file.path, file.broken.clone()?));
    tree.files.iter().filter_map(why).collect()
}

fn each_line(tree: &Tree, finds: fn(&str) -> Option<String>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| !is_rule_book(file)) {
        for (number, line) in code_lines(file) {
            if let Some(what) = finds(line) {
                findings.push(Finding::at(file, number, what));
            }
        }
    }
    findings
}

/// Numbered product lines that hold code: no blank lines, no comments, no test code.
pub(crate) fn code_lines(file: &File) -> impl Iterator<Item = (usize, &str)> {
    file.product
        .lines()
        .enumerate()
        .map(|(number, line)| (number + 1, line))
        .filter(|(_, line)| !line.trim().is_empty() && !line.trim_start().starts_with("//"))
}

#[expect(clippy::cast_precision_loss, reason = "line counts are far below 2^52")]
fn per_thousand(count: usize, lines: usize) -> f64 {
    count as f64 * 1000.0 / lines.max(1) as f64
}
