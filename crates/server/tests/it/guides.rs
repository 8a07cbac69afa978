//! The guides, run: every shell block of the README, of `docs/guide` and of the alarms' page is executed as it is printed, page by page, in order.
//!
//! The last line of a block of `sh background` is a server: it must become ready, and lives until the page ends or the next one begins. Every
//! other block must end with 0; a line that is meant to fail prints its exit code, and ends with the one that it must be. Each page has a folder of its own
//! with `testdata` beside it, and a free port in the place of 7070. What cannot be run inside a test is named in [`ELSEWHERE`].

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::harness::{Server, Store};

/// Lines that the test run is itself, or that build what it tests.
const ELSEWHERE: [&str; 2] = ["cargo run --release -- demo", "cargo xtask test"];
/// The address that the pages print.
const ADDRESS: &str = "127.0.0.1:7070";

/// One block of a page.
struct Block {
    line: usize,
    background: bool,
    text: String,
}

/// The shell blocks of a page, in order.
fn blocks(page: &str) -> Vec<Block> {
    let mut found = Vec::new();
    let mut open: Option<Block> = None;
    for (place, line) in page.lines().enumerate() {
        match (&mut open, line) {
            (Some(_), "```") => found.extend(open.take()),
            (Some(block), line) => block.text += &format!("{line}\n"),
            (None, "```sh" | "```sh background") => {
                let background = line.ends_with("background");
                open = Some(Block { line: place + 1, background, text: String::new() });
            }
            (None, _) => {}
        }
    }
    assert!(open.is_none(), "a block without an end");
    found
}

/// A folder to run a page in: the binary on the path, `testdata` beside it.
struct Desk {
    store: Store,
    server: Option<Server>,
    address: String,
}

impl Desk {
    fn new() -> Desk {
        let store = Store::new();
        let bin = store.root().join("bin");
        std::fs::create_dir(&bin).expect("a folder");
        symlink(env!("CARGO_BIN_EXE_indelible"), bin.join("indelible")).expect("a link");
        symlink(repository().join("testdata"), store.root().join("testdata")).expect("a link");
        Desk { store, server: None, address: ADDRESS.to_owned() }
    }

    fn shell(&self, text: &str) -> Command {
        let path = std::env::var("PATH").unwrap_or_default();
        let path = format!("{}:{path}", self.store.root().join("bin").display());
        let mut shell = Command::new("sh");
        let text = text.replace(ADDRESS, &self.address);
        shell.args(["-eu", "-c", &text]).current_dir(self.store.root()).env("PATH", path);
        shell.env("INDELIBLE_KEY_DIR", self.store.key_dir());
        shell.env("INDELIBLE__SERVER__LISTEN", "127.0.0.1:0");
        shell
    }

    fn run(&mut self, page: &str, block: &Block) {
        let place = format!("{page}:{}", block.line);
        if block.background {
            self.stop();
            let (before, last) =
                block.text.trim_end().rsplit_once('\n').unwrap_or(("", &block.text));
            let command = self.shell(&format!("{before}\nexec {last}"));
            let server = self.store.start(command);
            let server = server.unwrap_or_else(|ran| panic!("{place}: no server: {ran:?}"));
            self.address = server.client.url.trim_start_matches("http://").to_owned();
            self.server = Some(server);
            return;
        }
        let lines: Vec<&str> = block.text.lines().filter(|line| !is_elsewhere(line)).collect();
        let output = self.shell(&lines.join("\n")).stdin(Stdio::null()).output().expect("a shell");
        assert!(output.status.success(), "{place}:\n{}\n{}", block.text, said(&output));
        assert_no_fault(&place, &output);
        for code in lines.iter().filter_map(|line| line.split_once("# exit code ")) {
            let expected = format!("exit code {}", code.1);
            let shown = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(
                shown.lines().any(|line| line == expected),
                "{place}: no {expected}: {}",
                said(&output)
            );
        }
    }

    fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop();
        }
        self.address = ADDRESS.to_owned();
    }
}

fn is_elsewhere(line: &str) -> bool {
    ELSEWHERE.iter().any(|known| line.trim_start().starts_with(known))
}

fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes)).concat()
}

/// A page never shows what no reader should meet, whatever its block ends with.
fn assert_no_fault(place: &str, output: &Output) {
    let said = said(output);
    for word in
        ["panicked at", "unrecognized subcommand", "unexpected argument", "command not found"]
    {
        assert!(!said.contains(word), "{place}: {said}");
    }
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the repository")
}

/// Runs a page; answers how many blocks it has.
fn run(page: &str) -> usize {
    run_at(Desk::new(), page)
}

/// Runs a page beside a server that has just begun.
fn run_beside_a_server(page: &str) -> usize {
    let mut desk = Desk::new();
    let serve = Block { line: 0, background: true, text: "indelible serve".to_owned() };
    desk.run(page, &serve);
    run_at(desk, page)
}

fn run_at(mut desk: Desk, page: &str) -> usize {
    let text = std::fs::read_to_string(repository().join(page)).expect("a page");
    let found = blocks(&text);
    for block in &found {
        desk.run(page, block);
    }
    desk.stop();
    found.len()
}

#[test]
fn the_readme_works_as_printed() {
    assert!(run("README.md") >= 3);
}

#[test]
fn the_quick_start_works_as_printed() {
    assert!(run("docs/guide/quick-start.md") >= 8);
}

#[test]
fn sending_with_curl_works_as_printed() {
    assert!(run("docs/guide/send-with-curl.md") >= 6);
}

#[test]
fn the_search_guide_works_as_printed() {
    assert!(run("docs/guide/search.md") >= 6);
}

#[test]
fn the_auditors_guide_works_as_printed() {
    assert!(run("docs/guide/verify-as-an-auditor.md") >= 7);
}

#[test]
fn the_operators_guide_works_as_printed() {
    assert!(run("docs/guide/operate.md") >= 6);
}

#[test]
fn what_looks_closer_at_an_alarm_works_as_printed() {
    assert!(run_beside_a_server("docs/operate/alerts.md") >= 13);
}

#[test]
fn every_guide_is_run() {
    let this = include_str!("guides.rs");
    for entry in std::fs::read_dir(repository().join("docs/guide")).expect("guides") {
        let name = entry.expect("an entry").file_name().into_string().expect("a name");
        let text =
            std::fs::read_to_string(repository().join("docs/guide").join(&name)).expect("a page");
        let has_blocks = !blocks(&text).is_empty();
        assert!(
            !has_blocks || this.contains(&format!("\"docs/guide/{name}\"")),
            "{name} is not run"
        );
    }
}

#[test]
fn a_block_that_fails_is_seen() {
    let page = "```sh\ntrue\n```\ntext\n```text\nfalse\n```\n```sh background\nindelible serve\n```\n```sh\nfalse\ntrue\n```\n";
    let found = blocks(page);
    let lines: Vec<_> = found.iter().map(|block| (block.line, block.background)).collect();
    assert_eq!(lines, [(1, false), (8, true), (11, false)]);
    let desk = Desk::new();
    let output = desk.shell(&found[2].text).output().expect("a shell");
    assert!(!output.status.success(), "a line in the middle that fails ends the block");
}
