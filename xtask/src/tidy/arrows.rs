//! Who may name whom. The table here is the one of ARCHITECTURE.md; changing it needs an ADR.

use super::{Finding, Tree};

/// A crate's folder and the own crates it may depend on outside tests.
const ALLOWED: &[(&str, &[&str])] = &[
    ("tlog", &[]),
    ("event", &["tlog"]),
    ("policy", &["event"]),
    ("pipeline", &["event", "policy"]),
    ("ledger", &["tlog", "event"]),
    ("lake", &["event"]),
    ("query", &["event", "policy", "lake"]),
    ("client", &["event", "tlog"]),
    ("outbox", &["event", "indelible-client"]),
    (
        "server",
        &["tlog", "event", "policy", "pipeline", "ledger", "lake", "query", "indelible-client"],
    ),
    ("sim", &["ledger", "lake", "event", "tlog"]),
];

/// Own crates under the names by which manifests know them.
const OWN: &[&str] = &[
    "tlog",
    "event",
    "policy",
    "pipeline",
    "ledger",
    "lake",
    "query",
    "indelible-client",
    "indelible-outbox",
    "sim",
    "indelible-server",
];

/// What may be written only in some rooms: the text, where it may stand, what to use elsewhere.
const EDGES: &[(&str, &[&str], &str)] = &[
    (
        "std::fs",
        &[
            "crates/server/",
            "crates/ledger/src/disk.rs",
            "crates/ledger/src/disk/",
            "crates/lake/src/store.rs",
            "crates/lake/src/store/",
            "crates/client/src/",
            "crates/sim/",
            "xtask/",
            "bench/",
        ],
        "files belong to `server`, `ledger::disk`, `lake::store`, `client`",
    ),
    (
        "std::net",
        &["crates/server/", "crates/client/", "bench/"],
        "sockets belong to `server` and `client`",
    ),
    (
        "std::env",
        &["crates/server/", "crates/client/", "crates/sim/src/main.rs", "bench/"],
        "the environment belongs to `server` and `client`",
    ),
    (
        "tokio::spawn",
        &["crates/server/", "crates/client/", "bench/"],
        "tasks are started in `server`",
    ),
    ("clap::", &["crates/server/", "bench/"], "the command line belongs to `server`"),
    (
        "serde_json::Value",
        &["crates/server/", "crates/client/", "bench/", "crates/sim/"],
        "parse bytes with `event::json`: serde_json's features unify across a workspace and change bytes",
    ),
];

/// Where a proof that a read is on record may be made; the answer crate's own tests make theirs.
const RECORDERS: &[&str] = &["crates/server/src/audit.rs", "crates/server/src/audit/"];

/// INVARIANT (I11): the proof that opens an answer is made where the record is made, and nowhere else.
pub(super) fn recorded(tree: &Tree) -> Vec<Finding> {
    let may = |path: &str| RECORDERS.iter().any(|room| path.starts_with(room));
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| !may(&file.path) && file.package() != "xtask") {
        if file.package() == "query" && file.is_test() {
            continue;
        }
        // Outside tests `query` itself only says what it is.
        for (number, line) in file.product.lines().enumerate() {
            if line.contains("Recorded::new(") && !line.trim_start().starts_with("//") {
                let what = "`Recorded::new`: ask `audit::Reading::release` or `allow`";
                findings.push(Finding::at(file, number + 1, what));
            }
        }
    }
    findings
}

/// Dependencies between own crates that the table does not allow.
pub(super) fn crates(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in &tree.manifests {
        let Some(name) = path.strip_prefix("crates/").and_then(|rest| rest.split('/').next())
        else {
            continue;
        };
        let Some((_, allowed)) = ALLOWED.iter().find(|(folder, _)| *folder == name) else {
            findings
                .push(Finding::new(path, format!("crate `{name}` is not in the table of arrows")));
            continue;
        };
        let Ok(manifest) = text.parse::<toml::Table>() else {
            findings.push(Finding::new(path, "is not TOML"));
            continue;
        };
        let named = manifest.get("dependencies").and_then(toml::Value::as_table);
        for dependency in named.into_iter().flat_map(toml::Table::keys) {
            if OWN.contains(&dependency.as_str()) && !allowed.contains(&dependency.as_str()) {
                findings.push(Finding::new(path, format!("`{name}` may not name `{dependency}`")));
            }
        }
    }
    findings
}

/// The ledger must not learn what a record is.
pub(super) fn ledger_rooms(tree: &Tree) -> Vec<Finding> {
    let allowed = ["ids", "limits", "entry"];
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| file.path.starts_with("crates/ledger/src/")) {
        for (number, line) in file.product.lines().enumerate() {
            for after in line.split("event::").skip(1) {
                let room: String =
                    after.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                let listed = after.starts_with('{')
                    && after.trim_start_matches('{').split(',').all(|part| {
                        let part = part.trim().trim_end_matches(['}', ';']).trim();
                        part.is_empty() || allowed.iter().any(|room| part.starts_with(room))
                    });
                let comment = line.trim_start().starts_with("//");
                if !comment && !listed && !allowed.contains(&room.as_str()) {
                    findings.push(Finding::at(file, number + 1, format!("names `event::{room}`")));
                }
            }
        }
    }
    findings
}

/// The outside world, only where it belongs.
pub(super) fn edges(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|f| !f.is_test() && f.package() != "xtask") {
        for (text, rooms, instead) in EDGES {
            if rooms.iter().any(|room| file.path.starts_with(room)) {
                continue;
            }
            for (number, line) in file.product.lines().enumerate() {
                if line.contains(text) && !line.trim_start().starts_with("//") {
                    findings.push(Finding::at(file, number + 1, format!("`{text}`: {instead}")));
                }
            }
        }
    }
    findings
}
