//! What helps an operator: `doctor`, `support-bundle`, `man`, `help`, `version`.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::harness::{Ran, Server, Store};

/// Runs a prepared command to its end.
fn ran(mut command: Command) -> Ran {
    let output = command.stdin(Stdio::null()).output().expect("the binary starts");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ran { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

fn findings(ran: &Ran) -> Vec<serde_json::Value> {
    let report: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
    report["findings"].as_array().expect("findings").clone()
}

#[test]
fn doctor_finds_what_is_wrong_and_ends_with_1_for_it() {
    let store = Store::new();
    let listen = ["--listen", "127.0.0.1:0"];
    let before = store.cli(&["doctor", "--json", listen[0], listen[1]]);
    assert_eq!(before.code, Some(0), "{before:?}");
    let server = store.serve();
    let beside = store.cli(&["doctor", listen[0], listen[1]]);
    assert_eq!(beside.code, Some(0), "{beside:?}");
    assert!(beside.stdout.contains(&format!("process {}", server.pid())), "{}", beside.stdout);
    // The server's own port is no fault of its store, and one of another store's.
    let address = server.client.url.trim_start_matches("http://");
    assert_eq!(store.cli(&["doctor", "--listen", address]).code, Some(0));
    let other = Store::new();
    let taken = other.cli(&["doctor", "--json", "--listen", address]);
    assert_eq!(taken.code, Some(1), "{taken:?}");
    let bad: Vec<_> =
        findings(&taken).into_iter().filter(|finding| finding["state"] == "bad").collect();
    let [finding] = &bad[..] else { panic!("one finding, not {bad:?}") };
    assert_eq!(finding["check"], "address");
    assert!(finding["fix"].as_str().is_some_and(|fix| fix.contains("--listen")), "{finding}");
    // A configuration that is refused is the one finding: nobody knows where to look.
    let refused = other.cli(&["doctor", "--json", "--log", "shout"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert_eq!(findings(&refused).len(), 1, "{refused:?}");
    server.stop();
    // What doctor looked at is as it was: the store verifies.
    assert_eq!(store.cli(&["verify", "store"]).code, Some(0));
}

/// Every file of an archive, by name.
fn unpacked(store: &Store, archive: &Path) -> Vec<(String, String)> {
    let into = store.root().join("unpacked");
    std::fs::create_dir(&into).expect("a folder");
    let mut tar = Command::new("tar");
    let status = tar.arg("-xzf").arg(archive).arg("-C").arg(&into).status().expect("tar");
    assert!(status.success());
    let folder = std::fs::read_dir(&into).expect("a folder").next().expect("one").expect("one");
    let files = std::fs::read_dir(folder.path()).expect("a folder");
    files
        .map(|file| file.expect("a file").path())
        .map(|path| {
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            (name, std::fs::read_to_string(&path).expect("a text"))
        })
        .collect()
}

/// A token of no store here.
const FOREIGN: &str = "ind_zzzzzzz2_AbCdEfGhIjKlMnOpQrStUvWxYz0123456789-_abcde";

/// What was planted in and around a store, and must not be in a bundle.
fn planted(store: &Store, server: &Server) -> Vec<String> {
    let event =
        r#"{"action":"planted.action","actor":"planted-actor","attrs":{"note":"planted-content"}}"#;
    assert_eq!(server.post("/v1/events", event).status, 200);
    assert_eq!(server.post("/v1/query", r#"{"sql":"select 'planted-literal'"}"#).status, 200);
    assert_eq!(server.post("/v1/segments/flush", "{}").json()["segments"], 1);
    let token = server.client.token.clone();
    let admin = store.admin().token;
    let key = std::fs::read_dir(store.key_dir()).expect("keys").next().expect("one");
    let key = std::fs::read_to_string(key.expect("one").path().join("root.key")).expect("a key");
    let key = key.split_whitespace().last().expect("a key").to_owned();
    // A configuration with secrets in comments, a log with lines of others and our own, and a file's name.
    let config = format!(
        "# password = planted-password\n# old: {FOREIGN}\n# {key}\n[query]\nrows_max = 4242\n"
    );
    std::fs::write(store.root().join("indelible.toml"), config).expect("written");
    let ours = "time=t level=info target=indelible::x message";
    let log = format!(
        "{}\nplanted-foreign-line\n{ours}=odd token={token} authorization=planted-header\n{ours}=kept note={admin}\n",
        server.log()
    );
    std::fs::write(store.root().join("server.log"), log).expect("written");
    std::fs::write(store.data_dir().join(FOREIGN), "").expect("a file with a name");
    let words = [
        "planted-password",
        "planted-header",
        "planted-variable-0123",
        "planted-foreign-line",
        "planted.action",
        "planted-actor",
        "planted-content",
        "planted-literal",
        FOREIGN,
    ];
    words.into_iter().map(str::to_owned).chain([token, admin, key]).collect()
}

/// What stands beside the secrets and must be in the bundle: nothing may be left out whole.
const KEPT: &[(&str, &str)] = &[
    ("version.json", env!("CARGO_PKG_VERSION")),
    ("doctor.json", "\"findings\""),
    ("indelible.toml", "rows_max = 4242"),
    ("environment.txt", "INDELIBLE__QUERY__TIMEOUT_MS=777"),
    ("settings.json", "4242"),
    ("environment.txt", "INDELIBLE_TOKEN is set"),
    ("metrics.txt", "indelible_tree_size"),
    ("ready.json", "\"ready\":true"),
    ("files.txt", "catalog.db"),
    ("files.txt", "ind_zzzzzzz2_[redacted]"),
    ("store.json", "\"segments\":1"),
    ("log.txt", "message=kept"),
    ("log.txt", "message=committed"),
    ("log.txt", "1 lines that are not the server's own were left out"),
];

#[test]
fn a_bundle_holds_no_secret_wherever_one_was_planted() {
    let store = Store::new();
    let server = store.serve_with(&["--log", "debug"]);
    let secrets = planted(&store, &server);
    let mut command =
        store.command(&["support-bundle", "--yes", "--log-file", "server.log", "-o", "b.tar.gz"]);
    command.env("INDELIBLE_TOKEN", "planted-variable-0123");
    command.env("INDELIBLE__QUERY__TIMEOUT_MS", "777");
    let ran = ran(command);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let archive = store.root().join("b.tar.gz");
    let mode = std::fs::metadata(&archive).expect("a bundle").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let files = unpacked(&store, &archive);
    for (name, text) in &files {
        assert!(ran.stderr.contains(name.as_str()), "{name} was not listed: {}", ran.stderr);
        for secret in &secrets {
            assert!(!text.contains(secret), "`{secret}` is in {name}:\n{text}");
        }
    }
    for (name, word) in KEPT {
        let text = files.iter().find(|(known, _)| known == name).map(|(_, text)| text);
        let text = text.unwrap_or_else(|| panic!("no {name} in {files:?}"));
        assert!(text.contains(word), "`{word}` is not in {name}:\n{text}");
    }
    std::fs::remove_file(store.data_dir().join(FOREIGN)).expect("removed");
    server.stop();
}

#[test]
fn a_bundle_is_written_once_and_only_if_somebody_says_so() {
    let store = Store::new();
    assert_eq!(store.cli(&["support-bundle", "--yes", "-o", "b.tar.gz"]).code, Some(0));
    assert_eq!(store.cli(&["support-bundle", "--yes", "-o", "b.tar.gz"]).code, Some(1));
    let unasked = store.cli(&["support-bundle", "-o", "c.tar.gz"]);
    assert!(unasked.code == Some(2) && unasked.stderr.contains("--yes"), "{unasked:?}");
    assert_eq!(store.cli(&["support-bundle", "--list", "-o", "c.tar.gz"]).code, Some(0));
    assert!(!store.root().join("c.tar.gz").exists());
}

#[test]
fn version_help_and_manual_say_what_they_are_asked() {
    let store = Store::new();
    let version: serde_json::Value =
        serde_json::from_str(&store.cli(&["version", "--json"]).stdout).expect("JSON");
    assert_eq!(version["version"], env!("CARGO_PKG_VERSION"));
    assert!(version["rustc"].as_str().is_some_and(|rustc| rustc.starts_with("1.")), "{version}");
    for format in ["wal", "pack", "snapshot", "streams", "catalog", "control"] {
        assert!(
            version["formats"][format].as_u64().is_some_and(|version| version > 0),
            "{version}"
        );
    }
    // (words, what is said)
    let cases: [(&[&str], &str); 9] = [
        (&["help"], "Usage: indelible"),
        (&["help", "exit-codes"], " 10  an integrity check failed"),
        (&["help", "environment"], "INDELIBLE_TOKEN_FILE"),
        (&["help", "query"], "since:24h"),
        (&["help", "errors"], "hot_full (429, may be tried again)\n  wait as long"),
        (&["help", "tenant", "create"], "Usage: indelible tenant create"),
        (&["man"], ".TH INDELIBLE 1"),
        (&["man", "key", "create"], ".TH INDELIBLE\\-KEY\\-CREATE 1"),
        (&["man", "--out", "pages"], ""),
    ];
    for (words, said) in cases {
        let ran = store.cli(words);
        assert_eq!(ran.code, Some(0), "{words:?}: {ran:?}");
        assert!(ran.stdout.contains(said), "{words:?}: {}", ran.stdout);
    }
    assert!(store.root().join("pages/indelible-key-create.1").exists());
    let bare = store.cli(&[]);
    assert!(bare.code == Some(2) && bare.stdout.is_empty(), "{bare:?}");
    assert!(bare.stderr.contains("\n  indelible demo "), "{bare:?}");
    let misspelt = store.cli(&["search", "--limt", "3"]);
    assert!(misspelt.code == Some(2), "{misspelt:?}");
    assert!(misspelt.stderr.contains("hint: did you mean `--limit`?"), "{misspelt:?}");
    for wrong in [&["help", "nothing"][..], &["man", "nothing"]] {
        let ran = store.cli(wrong);
        assert!(ran.code == Some(2) && ran.stderr.contains("hint: "), "{ran:?}");
    }
}
