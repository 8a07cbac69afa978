//! `cargo xtask tidy`: the house rules that neither the compiler nor clippy can say. Each rule has
//! an id, a sentence with the remedy, and a function from the checkout to findings; `tidy/tests.rs`
//! breaks each one on purpose and sees it found. The bars are those of the project's style
//! reference (A2, A3, A4, A8, A9, A10, A11, A13, A14, A16) and the arrows of ARCHITECTURE.md.

mod arrows;
mod code;
pub(crate) use code::assert_rate;
mod manifest;
mod words;

use std::path::PathBuf;

use crate::run;
use crate::source::{self, File};

/// Something that breaks a rule.
#[derive(Debug)]
pub(crate) struct Finding {
    /// File, with a line where one is meant.
    pub(crate) place: String,
    /// What is wrong there.
    pub(crate) what: String,
}

impl Finding {
    pub(crate) fn new(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { place: place.into(), what: what.into() }
    }

    pub(crate) fn at(file: &File, line: usize, what: impl Into<String>) -> Self {
        Self::new(format!("{}:{line}", file.path), what)
    }
}

/// The checkout, read once.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) files: Vec<File>,
    /// Path and text of every Cargo.toml.
    pub(crate) manifests: Vec<(String, String)>,
    /// Text of Cargo.lock.
    pub(crate) lock: String,
    /// Path and text of every other text file (documents, scripts, configuration).
    pub(crate) texts: Vec<(String, String)>,
}

/// One rule.
pub(crate) struct Rule {
    pub(crate) id: &'static str,
    pub(crate) says: &'static str,
    pub(crate) check: fn(&Tree) -> Vec<Finding>,
}

/// Every rule, in the order in which they are reported.
pub(crate) const RULES: &[Rule] = &[
    Rule {
        id: "arrows",
        says: "a crate names only the crates ARCHITECTURE.md allows; a new arrow needs an ADR",
        check: arrows::crates,
    },
    Rule {
        id: "ledger-rooms",
        says: "ledger uses event::{ids, limits, entry} only: it never decodes a record",
        check: arrows::ledger_rooms,
    },
    Rule {
        id: "io-edge",
        says: "files, sockets, environment, clap and tokio::spawn stay in the rooms that may know them",
        check: arrows::edges,
    },
    Rule {
        id: "recorded",
        says: "I11: only `server::audit` says that a read is on record; ask a `Reading` to release the answer",
        check: arrows::recorded,
    },
    Rule {
        id: "A2",
        says: "a function has at most 70 lines: split it at a nameable step",
        check: code::long_functions,
    },
    Rule {
        id: "A3",
        says: "a file has at most 500 lines: move a room into a file of its own",
        check: code::long_files,
    },
    Rule {
        id: "A4",
        says: "a file opens with `//!`: what it is for, what it promises, what it refuses to do",
        check: code::headless,
    },
    Rule {
        id: "A8",
        says: "no unwrap outside tests; at most 3 expects per 1,000 product lines",
        check: code::unwraps,
    },
    Rule {
        id: "A9",
        says: "ledger and tlog hold at least 15 asserts per 1,000 product lines",
        check: code::asserts,
    },
    Rule { id: "A10", says: "no unsafe code", check: code::unsafe_code },
    Rule {
        id: "A11",
        says: "no TODO, FIXME, todo!, unimplemented! or dbg! on main: open an issue",
        check: code::unfinished,
    },
    Rule {
        id: "A13",
        says: "a crate has at most two test binaries: src, and tests/it/main.rs",
        check: code::test_binaries,
    },
    Rule {
        id: "A14",
        says: "a crate has at most three features of its own",
        check: manifest::features,
    },
    Rule {
        id: "A16",
        says: "at most 5 arguments (0.5 % of functions may have more): group them in a struct",
        check: code::arguments,
    },
    Rule {
        id: "tests",
        says: "no ignored, should_panic or sleeping test; inline test modules up to 60 lines, else a sibling tests.rs",
        check: code::tests,
    },
    Rule { id: "parse", says: "every Rust file parses", check: code::broken },
    Rule {
        id: "lints",
        says: "every crate inherits the workspace lints and takes its dependencies from the workspace",
        check: manifest::inherits,
    },
    Rule {
        id: "one-of",
        says: "Cargo.lock holds one arrow, parquet, zstd and object_store",
        check: manifest::one_of,
    },
    Rule {
        id: "drawers",
        says: "no drawer modules (common, utils, helpers, misc, types, core): name the room by what lives there",
        check: words::drawers,
    },
    Rule {
        id: "glossary",
        says: "one word per meaning: GLOSSARY.md bans the synonyms of the ten nouns",
        check: words::synonyms,
    },
    Rule {
        id: "invariants",
        says: "an invariant is named by an id of docs/invariants.md",
        check: words::invariants,
    },
    Rule {
        id: "places",
        says: "nothing names a machine's folders: a checkout works anywhere",
        check: words::machine_paths,
    },
];

/// Checks the whole checkout.
pub(crate) fn run() -> Result<(), String> {
    let tree = Tree::read()?;
    let mut total = 0_usize;
    for rule in RULES {
        let findings = (rule.check)(&tree);
        if findings.is_empty() {
            continue;
        }
        run::say(&format!("\n{}: {}", rule.id, rule.says));
        for finding in &findings {
            run::say(&format!("  {}: {}", finding.place, finding.what));
        }
        total += findings.len();
    }
    if total == 0 {
        run::say(&format!("xtask: tidy: {} rules, {} files, clean", RULES.len(), tree.files.len()));
        Ok(())
    } else {
        Err(format!("tidy: {total} findings"))
    }
}

impl Tree {
    fn read() -> Result<Self, String> {
        let root = run::root();
        let mut tree = Self {
            files: source::files(&root)?,
            manifests: Vec::new(),
            lock: std::fs::read_to_string(root.join("Cargo.lock")).unwrap_or_default(),
            texts: Vec::new(),
        };
        for path in source::listed(&root)? {
            let name = path.to_string_lossy().replace('\\', "/");
            let manifest = name.ends_with("Cargo.toml");
            if manifest || is_text(&path) {
                let text = std::fs::read_to_string(root.join(&path)).unwrap_or_default();
                if manifest {
                    tree.manifests.push((name, text));
                } else {
                    tree.texts.push((name, text));
                }
            }
        }
        Ok(tree)
    }
}

fn is_text(path: &std::path::Path) -> bool {
    let extension = path.extension().unwrap_or_default().to_string_lossy();
    let known = ["md", "toml", "sh", "py", "yml", "yaml", "service"].contains(&&*extension);
    (known || path.ends_with(PathBuf::from(".ci/run"))) && !path.starts_with("testdata")
}

#[cfg(test)]
mod tests;
