//! Rules about manifests and the lock file.

use super::{Finding, Tree};

const FEATURES_MAX: usize = 3;

/// Packages of which two versions would be two worlds in one binary.
const ONE_OF: &[&str] = &["arrow", "parquet", "zstd", "object_store"];

pub(super) fn features(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in &tree.manifests {
        let Ok(manifest) = text.parse::<toml::Table>() else { continue };
        let own =
            manifest.get("features").and_then(toml::Value::as_table).map_or(0, toml::Table::len);
        if own > FEATURES_MAX {
            findings.push(Finding::new(path, format!("{own} features")));
        }
    }
    findings
}

pub(super) fn inherits(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.manifests.iter().filter(|(path, _)| path != "Cargo.toml") {
        let Ok(manifest) = text.parse::<toml::Table>() else {
            findings.push(Finding::new(path, "is not TOML"));
            continue;
        };
        let lints = manifest.get("lints").and_then(|lints| lints.get("workspace"));
        if lints.and_then(toml::Value::as_bool) != Some(true) {
            findings.push(Finding::new(path, "does not say `[lints] workspace = true`"));
        }
        for group in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let named = manifest.get(group).and_then(toml::Value::as_table);
            for (name, how) in named.into_iter().flatten() {
                if how.get("workspace").and_then(toml::Value::as_bool) != Some(true) {
                    let what = format!("`{name}` is not taken from the workspace");
                    findings.push(Finding::new(path, what));
                }
            }
        }
    }
    findings
}

pub(super) fn one_of(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for name in ONE_OF {
        let line = format!("name = \"{name}\"");
        let count = tree.lock.lines().filter(|found| *found == line).count();
        if count > 1 {
            findings.push(Finding::new("Cargo.lock", format!("{count} versions of `{name}`")));
        }
    }
    findings
}
