//! `indelible config`, and that `serve` says the same of the same configuration.

use std::path::Path;
use std::process::Command;

use crate::harness::{Ran, Server, Store};

const TABLE: &str = include_str!("../../../../testdata/config/mistakes.txt");

/// A file with mistakes, and what must be said of it.
struct Case {
    name: String,
    file: String,
    expected: Vec<Expected>,
}

/// One mistake.
struct Expected {
    place: String,
    severity: String,
    what: String,
    hint: String,
}

fn cases() -> Vec<Case> {
    let case = |block: &str| {
        let (name, rest) = block.split_once('\n').expect("a name");
        let is_expected = |line: &&str| line.starts_with("--- ");
        let file = rest.lines().take_while(|line| !is_expected(line)).collect::<Vec<_>>();
        let expected = rest.lines().filter(is_expected).map(|line| {
            let parts: Vec<&str> = line.trim_start_matches("--- ").split('|').collect();
            let [place, severity, what, hint] = parts[..] else { panic!("four parts: {line}") };
            let word = |part: &str| part.trim().to_owned();
            let place = format!("indelible.toml:{}", word(place));
            Expected { place, severity: word(severity), what: word(what), hint: word(hint) }
        });
        Case { name: name.to_owned(), file: file.join("\n") + "\n", expected: expected.collect() }
    };
    TABLE.split("\n=== ").skip(1).map(case).collect()
}

/// A folder with a configuration file, and a command in it that knows no key directory.
fn with_file(text: &str) -> Store {
    let store = Store::new();
    std::fs::write(store.root().join("indelible.toml"), text).expect("a file");
    store
}

fn run(store: &Store, args: &[&str], variables: &[(&str, &str)]) -> Ran {
    let mut command = store.command(args);
    let output = command.envs(variables.iter().copied()).output().expect("the binary starts");
    Ran {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

#[test]
fn every_seeded_mistake_is_found_at_its_place_and_nothing_else() {
    let cases = cases();
    assert!(cases.len() >= 40, "{} cases", cases.len());
    for Case { name, file, expected } in &cases {
        let store = with_file(file);
        let ran = store.cli(&["config", "check", "--json"]);
        let report: serde_json::Value = serde_json::from_str(&ran.stdout).expect(name);
        let found = report["mistakes"].as_array().expect(name);
        assert_eq!(found.len(), expected.len(), "{name}: {report:#}");
        for (found, expected) in found.iter().zip(expected) {
            let text = |member: &str| found[member].as_str().expect(member).to_owned();
            let place = &found["place"];
            let place = format!("{}:{}:{}", "indelible.toml", place["line"], place["column"]);
            assert_eq!(place, expected.place, "{name}: {found:#}");
            assert_eq!(text("severity"), expected.severity, "{name}");
            assert!(text("what").contains(&expected.what), "{name}: {found:#}");
            assert!(text("hint").contains(&expected.hint), "{name}: {found:#}");
        }
        let errors = expected.iter().filter(|expected| expected.severity == "error").count();
        assert_eq!(ran.code, Some(if errors > 0 { 2 } else { 0 }), "{name}");
        assert!(!ran.stdout.contains("hunter2"), "{name}: a secret is printed: {}", ran.stdout);
    }
}

#[test]
fn serve_refuses_with_the_words_of_check_and_writes_nothing() {
    for Case { name, file, expected } in &cases() {
        if expected.iter().all(|expected| expected.severity != "error") {
            continue;
        }
        let store = with_file(file);
        let checked = store.cli(&["config", "check"]);
        let (mistakes, last) = checked.stdout.trim_end().rsplit_once('\n').expect("two lines");
        assert!(last.starts_with("indelible.toml: "), "{name}: {last}");
        let served = store.cli(&["serve"]);
        assert_eq!((checked.code, served.code), (Some(2), Some(2)), "{name}");
        assert!(served.stderr.contains(mistakes), "{name}: {} {mistakes}", served.stderr);
        assert!(!store.data_dir().exists(), "{name}: something was written");
        for words in [&served.stderr, &checked.stdout] {
            assert!(!words.contains("hunter2"), "{name}: a secret is printed: {words}");
        }
    }
}

#[test]
fn a_mistake_is_shown_with_its_line_and_a_caret_below_it() {
    let store = with_file("[lake]\n\thot_bytes_max = \"160MiB\"\n");
    let ran = store.cli(&["config", "check"]);
    let expected = "\
indelible.toml:2:18 error `lake.hot_bytes_max` must be a whole number of bytes from 1024 to 17592186044416
  2 |  hot_bytes_max = \"160MiB\"
    |                  ^^^^^^^^
  hint: write the number of bytes alone: 160MiB is 167772160
indelible.toml: 1 error, 0 warnings
";
    assert_eq!(ran.stdout, expected);
}

/// Arguments, variables, what is said.
type Given = (&'static [&'static str], &'static [(&'static str, &'static str)], &'static str);

#[test]
fn variables_and_flags_are_refused_by_their_names() {
    const LISTEN: &str = "INDELIBLE__SERVER__LISTEN";
    let cases: &[Given] = &[
        (
            &[],
            &[("INDELIBLE__SERVER__LISEN", "x")],
            "INDELIBLE__SERVER__LISEN error unknown key `server.lisen`\n  hint: did you mean `INDELIBLE__SERVER__LISTEN`?",
        ),
        (&[], &[("INDELIBLE__LAKE__HOT_BYTES_MAX", "160MiB")], "160MiB is 167772160"),
        (
            &[],
            &[(LISTEN, "127.0.0.1")],
            "INDELIBLE__SERVER__LISTEN error `server.listen` must be an address",
        ),
        (
            &[],
            &[(LISTEN, "0.0.0.0:7070")],
            "INDELIBLE__SERVER__LISTEN error `server.listen` is refused",
        ),
        (
            &[],
            &[("INDELIBLE__SERVER__TLS__KEY", "hunter2")],
            "INDELIBLE__SERVER__TLS__KEY error `server.tls` is reserved",
        ),
        (
            &["--listen", "[::]:7070"],
            &[(LISTEN, "127.0.0.1:1")],
            "--listen error `server.listen` is refused",
        ),
        (
            &["--log", "inof"],
            &[],
            "--log error `telemetry.log` is no log filter\n  hint: did you mean `info`?",
        ),
        (
            &["--log-format", "xml"],
            &[],
            "--log-format error `telemetry.log_format` must be `logfmt` or `json`",
        ),
        (
            &["--tls", "auto"],
            &[],
            "--tls error `server.tls` is reserved for the security work: this version has no TLS",
        ),
        (&["--config", "nowhere.toml"], &[], "nowhere.toml error cannot be read"),
    ];
    for (flags, variables, words) in cases {
        let store = Store::new();
        let all = |command: &[&'static str]| [command, *flags].concat();
        let checked = run(&store, &all(&["config", "check"]), variables);
        let served = run(&store, &all(&["serve"]), variables);
        assert_eq!((checked.code, served.code), (Some(2), Some(2)), "{words}: {checked:?}");
        for said in [&checked.stdout, &served.stderr] {
            assert!(said.contains(words), "`{words}` is not in {said}");
            assert!(!said.contains("hunter2"), "{said}");
        }
        assert!(!store.data_dir().exists(), "{words}: something was written");
    }
}

#[test]
fn warnings_are_let_pass_unless_they_are_denied() {
    let store = with_file("[lake]\nhot_bytes_max = 1048576\n");
    assert_eq!(store.cli(&["config", "check"]).code, Some(0));
    let denied = store.cli(&["config", "check", "--deny-warnings"]);
    assert_eq!(denied.code, Some(2), "{denied:?}");
    let nothing = Store::new().cli(&["config", "check", "--deny-warnings"]);
    assert_eq!(nothing.code, Some(0), "{nothing:?}");
    assert!(nothing.stdout.contains("nothing is wrong"), "{}", nothing.stdout);
}

#[test]
fn the_file_to_begin_with_sets_nothing_and_is_never_written_over() {
    let store = Store::new();
    let ran = store.cli(&["config", "init"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let path = store.root().join("indelible.toml");
    let example = read(&path);
    let plain = store.cli(&["config", "show", "--origin"]);
    assert!(!plain.stdout.contains("indelible.toml"), "{}", plain.stdout);
    let again = store.cli(&["config", "init"]);
    assert_eq!(again.code, Some(2), "{again:?}");
    assert_eq!(read(&path), example, "it was written over");
    assert_eq!(store.cli(&["config", "init", "-o", "-"]).stdout, example);
    assert_eq!(store.cli(&["config", "init", "-o", "no/folder.toml"]).code, Some(1));
}

#[test]
fn the_file_to_begin_with_holds_every_default_once_its_marks_are_taken_away() {
    let store = Store::new();
    let before = store.cli(&["config", "show", "--json"]);
    store.cli(&["config", "init"]);
    let path = store.root().join("indelible.toml");
    let is_setting = |line: &str| line.starts_with('#') && !line.starts_with("# ");
    let lines = read(&path);
    let lines = lines.lines().map(|line| if is_setting(line) { &line[1..] } else { line });
    std::fs::write(&path, lines.collect::<Vec<_>>().join("\n")).expect("a file");
    let checked = store.cli(&["config", "check", "--deny-warnings"]);
    assert_eq!(checked.code, Some(0), "{checked:?}");
    let (before, after) = (settings(&before), settings(&store.cli(&["config", "show", "--json"])));
    assert_eq!(before.len(), after.len());
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before["key"], after["key"]);
        assert_eq!(after["origin"]["from"], "file", "{after}");
        // What has no default stands there with an example.
        let has_default = !before["value"].is_null() && before["origin"]["from"] == "default";
        assert!(!has_default || before["value"] == after["value"], "{before} {after}");
    }
}

#[test]
fn show_names_the_origin_of_each_value_in_order_of_precedence() {
    let store = with_file(
        "[server]\nlisten = \"127.0.0.1:1\"\ndrain_timeout_ms = 1\n[lake]\n  hot_bytes_max = 99999999\n",
    );
    let variables = [
        ("INDELIBLE__SERVER__LISTEN", "127.0.0.1:2"),
        ("INDELIBLE__SERVER__DRAIN_TIMEOUT_MS", "2"),
        ("INDELIBLE__TELEMETRY__LOG", "debug"),
    ];
    let ran = run(
        &store,
        &["config", "show", "--origin", "--listen", "127.0.0.1:3", "--log", "warn"],
        &variables,
    );
    assert_eq!(ran.code, Some(0), "{ran:?}");
    for line in [
        "listen = \"127.0.0.1:3\"  # --listen",
        "drain_timeout_ms = 2  # INDELIBLE__SERVER__DRAIN_TIMEOUT_MS",
        "hot_bytes_max = 99999999  # indelible.toml:5:19",
        "log = \"warn\"  # --log",
        "rows_max = 1000000  # default",
        "#store_name = \"\"  # default",
    ] {
        assert!(ran.stdout.lines().any(|shown| shown == line), "`{line}`\n{}", ran.stdout);
    }
    let keys = format!("key_dir = \"{}\"  # INDELIBLE_KEY_DIR", store.key_dir().display());
    assert!(ran.stdout.contains(&keys), "{}", ran.stdout);
    // What is shown is a file that means the same.
    let shown = run(&store, &["config", "show", "--listen", "127.0.0.1:3"], &variables).stdout;
    std::fs::write(store.root().join("shown.toml"), &shown).expect("a file");
    let again = store.cli(&["config", "show", "--config", "shown.toml"]);
    assert_eq!(again.stdout, shown);
}

#[test]
fn the_schema_agrees_with_what_is_checked() {
    let ran = Store::new().cli(&["config", "schema"]);
    let schema: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!(schema["additionalProperties"], false);
    for setting in settings(&Store::new().cli(&["config", "show", "--json"])) {
        let name = setting["key"].as_str().expect("a name");
        let (table, key) = name.split_once('.').expect("a table");
        let property = &schema["properties"][table]["properties"][key];
        assert!(property["description"].is_string(), "{name}: {property}");
        let Some(most) = property["maximum"].as_u64() else {
            assert_eq!(property["type"], "string", "{name}");
            continue;
        };
        let least = property["minimum"].as_u64().expect("a least");
        for (number, code) in [(least, 0), (most, 0), (most + 1, 2)] {
            let store = with_file(&format!("[{table}]\n{key} = {number}\n"));
            let ran = store.cli(&["config", "check"]);
            assert_eq!(ran.code, Some(code), "{name} = {number}: {}", ran.stdout);
        }
    }
}

#[test]
fn a_plaintext_address_beyond_loopback_is_listened_on_when_that_is_said_in_words() {
    let store = with_file("[server]\nplaintext = \"readable-by-the-network\"\n");
    let mut command = store.command(&["serve", "--listen", "0.0.0.0:0"]);
    command.env("INDELIBLE__TELEMETRY__LOG", "info");
    let server = store.start(command).expect("a start");
    assert!(server.log().contains("can be read on the way"), "{}", server.log());
    server.stop();
}

/// Sends SIGHUP, and waits until the log says `words` once more than before.
fn hang_up(server: &Server, words: &str) {
    let before = server.log().matches(words).count();
    let sent = Command::new("kill").args(["-HUP", &server.pid().to_string()]).status();
    assert!(sent.expect("`kill` starts").success());
    let mut looks = 0_u64;
    // Each look asks the server something: that takes its time, and shows that it still answers.
    while server.log().matches(words).count() == before {
        assert_eq!(server.get("/livez").status, 200);
        looks += 1;
        assert!(looks < 100_000, "`{words}` is not in {}", server.log());
    }
}

#[test]
fn a_hangup_reloads_what_can_change_and_leaves_a_running_server_alone_when_the_file_is_wrong() {
    let store = with_file("[query]\nrows_max = 3\n[telemetry]\nlog = \"info\"\n");
    let file = store.root().join("indelible.toml");
    let server = store.serve();
    let ask = || server.post("/v1/query", r#"{"sql":"values (1), (2), (3), (4), (5)"}"#).status;
    assert_eq!(ask(), 422, "five rows are above three");
    std::fs::write(&file, "[query]\nrows_max = 5\n[server]\nconnections_max = 7\n")
        .expect("a file");
    hang_up(&server, "the configuration was read again");
    assert_eq!(ask(), 200, "the new value counts");
    let log = server.log();
    assert!(log.contains("key=server.connections_max"), "{log}");
    assert!(log.contains("id=config_restart"), "{log}");
    assert!(log.contains("changed=query.rows_max"), "{log}");
    std::fs::write(&file, "[query]\nrows_max = 3\nrow_max = 4\n").expect("a file");
    hang_up(&server, "the running one stays\"");
    let log = server.log();
    assert!(log.contains("place=indelible.toml:3:1"), "{log}");
    assert!(log.contains("unknown key `query.row_max`"), "{log}");
    assert!(log.contains("id=config_refused"), "{log}");
    assert_eq!(ask(), 200, "a wrong file changes nothing");
    // The level of the log changes at once, too: what is said at `info` is not heard any more.
    std::fs::write(&file, "[query]\nrows_max = 3\n[telemetry]\nlog = \"error\"\n").expect("a file");
    let sent = Command::new("kill").args(["-HUP", &server.pid().to_string()]).status();
    assert!(sent.expect("`kill` starts").success());
    let mut looks = 0_u64;
    while ask() != 422 {
        looks += 1;
        assert!(looks < 100_000, "not reloaded: {}", server.log());
    }
    let ran = server.stop();
    assert!(!ran.stderr.contains("stopping"), "`info` is still heard: {}", ran.stderr);
}

fn settings(ran: &Ran) -> Vec<serde_json::Value> {
    let shown: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
    shown["settings"].as_array().expect("settings").clone()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).expect("a file")
}
